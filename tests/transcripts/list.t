# LPUSH, RPUSH, LPUSHX, RPUSHX, LPOP, RPOP, LLEN, LRANGE, LINDEX, LPOS.

> RPUSH l a b c
(integer) 3
> LPUSH l 1 2 3
(integer) 6
> LRANGE l 0 -1
1) "3"
2) "2"
3) "1"
4) "a"
5) "b"
6) "c"
> TYPE l
list
> LLEN l
(integer) 6
> LLEN none
(integer) 0
> LPUSHX none x
(integer) 0
> RPUSHX none x y
(integer) 0
> EXISTS none
(integer) 0
> LPUSHX l x y
(integer) 8
> RPUSHX l z
(integer) 9
> LRANGE l 0 -1
1) "y"
2) "x"
3) "3"
4) "2"
5) "1"
6) "a"
7) "b"
8) "c"
9) "z"
> LRANGE l 1 2
1) "x"
2) "3"
> LRANGE l -3 -2
1) "b"
2) "c"
> LRANGE l 5 100
1) "a"
2) "b"
3) "c"
4) "z"
> LRANGE l -100 1
1) "y"
2) "x"
> LRANGE l 9 20
(empty array)
> LRANGE l 3 2
(empty array)
> LRANGE l -1 -3
(empty array)
> LRANGE none 0 -1
(empty array)
> LRANGE l a 1
(error) ERR value is not an integer or out of range
> LRANGE l 0 1.5
(error) ERR value is not an integer or out of range
> LRANGE none x 1
(error) ERR value is not an integer or out of range
> LRANGE l 0 9223372036854775807
1) "y"
2) "x"
3) "3"
4) "2"
5) "1"
6) "a"
7) "b"
8) "c"
9) "z"
> LRANGE l -9223372036854775808 0
1) "y"
> LINDEX l 0
"y"
> LINDEX l -1
"z"
> LINDEX l 8
"z"
> LINDEX l 9
(nil)
> LINDEX l -9
"y"
> LINDEX l -10
(nil)
> LINDEX l x
(error) ERR value is not an integer or out of range
> LINDEX none x
(nil)
> LINDEX none 0
(nil)

# elements of every kind
> RPUSH kinds "" 0 -1 127 128 4096 -40000 8388608 2147483648 9223372036854775807 -9223372036854775808 9223372036854775808 01 -0 "a\x00b\r\n\xff" %{x*70}
(integer) 16
> LRANGE kinds 0 -1
1) ""
2) "0"
3) "-1"
4) "127"
5) "128"
6) "4096"
7) "-40000"
8) "8388608"
9) "2147483648"
10) "9223372036854775807"
11) "-9223372036854775808"
12) "9223372036854775808"
13) "01"
14) "-0"
15) "a\x00b\r\n\xff"
16) "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

# LPOP, RPOP
> LPOP l
"y"
> RPOP l
"z"
> LPOP l 2
1) "x"
2) "3"
> RPOP l 2
1) "c"
2) "b"
> LPOP l 0
(empty array)
> LPOP none
(nil)
> LPOP none 0
(nil array)
> RPOP none 3
(nil array)
> LPOP l -1
(error) ERR value is out of range, must be positive
> LPOP l x
(error) ERR value is out of range, must be positive
> LPOP l 1.5
(error) ERR value is out of range, must be positive
> RPOP l 9223372036854775808
(error) ERR value is out of range, must be positive
> LPOP l 1 2
(error) ERR wrong number of arguments for 'lpop' command
> LPOP none -1
(error) ERR value is out of range, must be positive
> LRANGE l 0 -1
1) "2"
2) "1"
3) "a"
> RPOP l 100
1) "a"
2) "1"
3) "2"
> EXISTS l
(integer) 0
> RPUSH l a
(integer) 1
> EXPIRE l 100
(integer) 1
> LPOP l
"a"
> EXISTS l
(integer) 0
> RPUSH l a
(integer) 1
> TTL l
(integer) -1

# LPOS
> RPUSH p a b c 1 2 3 c c
(integer) 8
> LPOS p c
(integer) 2
> LPOS p c RANK 2
(integer) 6
> LPOS p c RANK 4
(nil)
> LPOS p c RANK -1
(integer) 7
> LPOS p c RANK -2
(integer) 6
> LPOS p c COUNT 0
1) (integer) 2
2) (integer) 6
3) (integer) 7
> LPOS p c COUNT 2
1) (integer) 2
2) (integer) 6
> LPOS p c COUNT 0 RANK 2
1) (integer) 6
2) (integer) 7
> LPOS p c COUNT 2 RANK -1
1) (integer) 7
2) (integer) 6
> LPOS p c COUNT 0 RANK -2
1) (integer) 6
2) (integer) 2
> LPOS p c COUNT 0 MAXLEN 7
1) (integer) 2
2) (integer) 6
> LPOS p c COUNT 0 RANK -1 MAXLEN 1
1) (integer) 7
> LPOS p c MAXLEN 2
(nil)
> LPOS p c MAXLEN 0
(integer) 2
> LPOS p 1
(integer) 3
> LPOS p 01
(nil)
> LPOS p nope
(nil)
> LPOS p nope COUNT 1
(empty array)
> LPOS none c
(nil)
> LPOS none c COUNT 0
(empty array)
> LPOS p c RANK 0
(error) ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use negative to start from the end of the list
> LPOS p c RANK x
(error) ERR value is not an integer or out of range
> LPOS p c COUNT -1
(error) ERR COUNT can't be negative
> LPOS p c COUNT x
(error) ERR COUNT can't be negative
> LPOS p c MAXLEN -1
(error) ERR MAXLEN can't be negative
> LPOS p c MAXLEN x
(error) ERR MAXLEN can't be negative
> LPOS p c RANK
(error) ERR syntax error
> LPOS p c FOO 1
(error) ERR syntax error
> lpos p c rank -1 count 1 maxlen 100
1) (integer) 7
> LPOS p c COUNT 1 COUNT 0
1) (integer) 2
2) (integer) 6
3) (integer) 7
differs Redis 7.0 takes it for -1
> LPOS p c RANK -9223372036854775808
(error) ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807

# wrong types, wrong number of arguments
> SET s v
OK
> LPUSH s a
(error) WRONGTYPE Operation against a key holding the wrong kind of value
> RPUSH s a
(error) WRONGTYPE Operation against a key holding the wrong kind of value
> LPUSHX s a
(error) WRONGTYPE Operation against a key holding the wrong kind of value
> RPUSHX s a
(error) WRONGTYPE Operation against a key holding the wrong kind of value
> LPOP s
(error) WRONGTYPE Operation against a key holding the wrong kind of value
> RPOP s 1
(error) WRONGTYPE Operation against a key holding the wrong kind of value
> LPOP s 0
(error) WRONGTYPE Operation against a key holding the wrong kind of value
> LLEN s
(error) WRONGTYPE Operation against a key holding the wrong kind of value
> LRANGE s 0 1
(error) WRONGTYPE Operation against a key holding the wrong kind of value
> LRANGE s x 1
(error) ERR value is not an integer or out of range
> LINDEX s x
(error) WRONGTYPE Operation against a key holding the wrong kind of value
> LPOS s a
(error) WRONGTYPE Operation against a key holding the wrong kind of value
> LPOS s a RANK 0
(error) ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use negative to start from the end of the list
> LPUSH p
(error) ERR wrong number of arguments for 'lpush' command
> RPUSH p
(error) ERR wrong number of arguments for 'rpush' command
> LPUSHX p
(error) ERR wrong number of arguments for 'lpushx' command
> RPUSHX p
(error) ERR wrong number of arguments for 'rpushx' command
> LPOP
(error) ERR wrong number of arguments for 'lpop' command
> RPOP
(error) ERR wrong number of arguments for 'rpop' command
> LLEN
(error) ERR wrong number of arguments for 'llen' command
> LLEN p p
(error) ERR wrong number of arguments for 'llen' command
> LRANGE p 0
(error) ERR wrong number of arguments for 'lrange' command
> LRANGE p 0 1 2
(error) ERR wrong number of arguments for 'lrange' command
> LINDEX p
(error) ERR wrong number of arguments for 'lindex' command
> LINDEX p 1 2
(error) ERR wrong number of arguments for 'lindex' command
> LPOS p
(error) ERR wrong number of arguments for 'lpos' command
> GET p
(error) WRONGTYPE Operation against a key holding the wrong kind of value
> APPEND p x
(error) WRONGTYPE Operation against a key holding the wrong kind of value
> SET p string
OK
> GET p
"string"
