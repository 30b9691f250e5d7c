# SADD, SREM, SMEMBERS, SISMEMBER, SMISMEMBER, SCARD, SMOVE, SSCAN.

> SADD s a
(integer) 1
> SADD s a b c
(integer) 2
> SADD s a b c
(integer) 0
> SADD s d d d
(integer) 1
> SADD s
(error) ERR wrong number of arguments for 'sadd' command
> SADD
(error) ERR wrong number of arguments for 'sadd' command
> SCARD s
(integer) 4
> SCARD none
(integer) 0
> SCARD
(error) ERR wrong number of arguments for 'scard' command
> SCARD s s
(error) ERR wrong number of arguments for 'scard' command
> TYPE s
set
sorted
> SMEMBERS s
resp2:
1) "a"
2) "b"
3) "c"
4) "d"
resp3:
1~ "a"
2~ "b"
3~ "c"
4~ "d"
> SMEMBERS none
resp2:
(empty array)
resp3:
(empty set)
> SMEMBERS
(error) ERR wrong number of arguments for 'smembers' command
> SMEMBERS s s
(error) ERR wrong number of arguments for 'smembers' command
> SISMEMBER s a
(integer) 1
> SISMEMBER s x
(integer) 0
> SISMEMBER none a
(integer) 0
> SISMEMBER s
(error) ERR wrong number of arguments for 'sismember' command
> SISMEMBER s a b
(error) ERR wrong number of arguments for 'sismember' command
> SMISMEMBER s a x b a
1) (integer) 1
2) (integer) 0
3) (integer) 1
4) (integer) 1
> SMISMEMBER none a b
1) (integer) 0
2) (integer) 0
> SMISMEMBER s
(error) ERR wrong number of arguments for 'smismember' command
> SREM s x
(integer) 0
> SREM s a x a
(integer) 1
> SREM none a
(integer) 0
> SREM s
(error) ERR wrong number of arguments for 'srem' command
> SREM s b c d
(integer) 3
> EXISTS s
(integer) 0
> SREM s b
(integer) 0

# integers, canonical and not
> SADD i 3 1 2 -1
(integer) 4
> SADD i 1 01 +1 1.0 " 1" -0 ""
(integer) 6
sorted
> SMEMBERS i
resp2:
1) ""
2) " 1"
3) "+1"
4) "-0"
5) "-1"
6) "01"
7) "1"
8) "1.0"
9) "2"
10) "3"
resp3:
1~ ""
2~ " 1"
3~ "+1"
4~ "-0"
5~ "-1"
6~ "01"
7~ "1"
8~ "1.0"
9~ "2"
10~ "3"
> SISMEMBER i 1
(integer) 1
> SISMEMBER i 01
(integer) 1
> SISMEMBER i 001
(integer) 0
> SISMEMBER i ""
(integer) 1
> SREM i 01 +1 1.0 " 1" -0 ""
(integer) 6
sorted
> SMEMBERS i
resp2:
1) "-1"
2) "1"
3) "2"
4) "3"
resp3:
1~ "-1"
2~ "1"
3~ "2"
4~ "3"
> SADD big 9223372036854775807 -9223372036854775808 9223372036854775808 -9223372036854775809 0
(integer) 5
sorted
> SMEMBERS big
resp2:
1) "-9223372036854775808"
2) "-9223372036854775809"
3) "0"
4) "9223372036854775807"
5) "9223372036854775808"
resp3:
1~ "-9223372036854775808"
2~ "-9223372036854775809"
3~ "0"
4~ "9223372036854775807"
5~ "9223372036854775808"
> SMISMEMBER big 9223372036854775807 -9223372036854775808 9223372036854775808 -9223372036854775809 1
1) (integer) 1
2) (integer) 1
3) (integer) 1
4) (integer) 1
5) (integer) 0
> SREM big 9223372036854775807 9223372036854775808
(integer) 2
sorted
> SMEMBERS big
resp2:
1) "-9223372036854775808"
2) "-9223372036854775809"
3) "0"
resp3:
1~ "-9223372036854775808"
2~ "-9223372036854775809"
3~ "0"

# bytes of every kind, long ones
> SADD bin "\x00" "a\x00b" "\r\n" "\xff" ""
(integer) 5
> SMISMEMBER bin "\x00" "a\x00b" "\r\n" "\xff" "" "\x00\x00"
1) (integer) 1
2) (integer) 1
3) (integer) 1
4) (integer) 1
5) (integer) 1
6) (integer) 0
sorted
> SMEMBERS bin
resp2:
1) ""
2) "\x00"
3) "\r\n"
4) "a\x00b"
5) "\xff"
resp3:
1~ ""
2~ "\x00"
3~ "\r\n"
4~ "a\x00b"
5~ "\xff"
> SADD long %{x*254} %{x*255} %{x*256} %{x*65} %{y*100000}
(integer) 5
> SMISMEMBER long %{x*254} %{x*255} %{x*256} %{x*257} %{y*100000} %{y*100001}
1) (integer) 1
2) (integer) 1
3) (integer) 1
4) (integer) 0
5) (integer) 1
6) (integer) 0
> SREM long %{x*255} %{y*100000}
(integer) 2
sorted
> SMEMBERS long
resp2:
1) "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
2) "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
3) "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
resp3:
1~ "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
2~ "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
3~ "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

# another type
> SET str v
OK
> SADD str a
(error) WRONGTYPE Operation against a key holding the wrong kind of value
> SREM str a
(error) WRONGTYPE Operation against a key holding the wrong kind of value
> SCARD str
(error) WRONGTYPE Operation against a key holding the wrong kind of value
> SMEMBERS str
(error) WRONGTYPE Operation against a key holding the wrong kind of value
> SISMEMBER str a
(error) WRONGTYPE Operation against a key holding the wrong kind of value
> SMISMEMBER str a
(error) WRONGTYPE Operation against a key holding the wrong kind of value
> SADD t a
(integer) 1
> GET t
(error) WRONGTYPE Operation against a key holding the wrong kind of value
> APPEND t x
(error) WRONGTYPE Operation against a key holding the wrong kind of value
> INCR t
(error) WRONGTYPE Operation against a key holding the wrong kind of value
> SET t v
OK
> GET t
"v"
> DEL t i big bin long
(integer) 5

# OBJECT ENCODING
> SADD e 1 2 3
(integer) 3
> OBJECT ENCODING e
"intset"
since 7.2
> SADD e a
(integer) 1
since 7.2
> OBJECT ENCODING e
"listpack"
since 7.2
> SREM e a
(integer) 1
since 7.2
> OBJECT ENCODING e
"listpack"
since 7.2
> SADD e %{v*64}
(integer) 1
since 7.2
> OBJECT ENCODING e
"listpack"
since 7.2
> SADD e %{v*65}
(integer) 1
since 7.2
> OBJECT ENCODING e
"hashtable"
since 7.2
> SREM e %{v*65}
(integer) 1
since 7.2
> OBJECT ENCODING e
"hashtable"
since 7.2
> SADD f %{v*65}
(integer) 1
since 7.2
> OBJECT ENCODING f
"hashtable"
since 7.2
> DEL e f
(integer) 2

# SMOVE
> SADD a 1 2 x
(integer) 3
> SADD b 3
(integer) 1
> SMOVE a b x
(integer) 1
> SMOVE a b x
(integer) 0
> SMOVE a b nope
(integer) 0
> SMOVE none b x
(integer) 0
> SMOVE a new 1
(integer) 1
> SMOVE a b 2
(integer) 1
> EXISTS a
(integer) 0
sorted
> SMEMBERS b
resp2:
1) "2"
2) "3"
3) "x"
resp3:
1~ "2"
2~ "3"
3~ "x"
> SMEMBERS new
resp2:
1) "1"
resp3:
1~ "1"
> SMOVE b b x
(integer) 1
> SMOVE b b nope
(integer) 0
> SADD c x
(integer) 1
> SMOVE b c x
(integer) 1
> SMEMBERS c
resp2:
1) "x"
resp3:
1~ "x"
sorted
> SMEMBERS b
resp2:
1) "2"
2) "3"
resp3:
1~ "2"
2~ "3"
> SMOVE str b x
(error) WRONGTYPE Operation against a key holding the wrong kind of value
> SMOVE b str 3
(error) WRONGTYPE Operation against a key holding the wrong kind of value
> SMOVE none str 3
(integer) 0
> SMOVE none none x
(integer) 0
> SMOVE a b
(error) ERR wrong number of arguments for 'smove' command
> SMOVE a b c d
(error) ERR wrong number of arguments for 'smove' command

# a time to live stays
> SADD ttl a b
(integer) 2
> EXPIRE ttl 1000
(integer) 1
> SADD ttl c
(integer) 1
> SREM ttl a
(integer) 1
> TTL ttl
(integer) 1000
> SADD gone a
(integer) 1
> PEXPIREAT gone 1
(integer) 1
> SMEMBERS gone
resp2:
(empty array)
resp3:
(empty set)
> SADD gone b
(integer) 1
> SMEMBERS gone
resp2:
1) "b"
resp3:
1~ "b"
> TTL gone
(integer) -1

# COPY has a set of its own
> SADD one a b 1
(integer) 3
> COPY one two
(integer) 1
> SADD two z
(integer) 1
> SREM one a
(integer) 1
sorted
> SMEMBERS one
resp2:
1) "1"
2) "b"
resp3:
1~ "1"
2~ "b"
sorted
> SMEMBERS two
resp2:
1) "1"
2) "a"
3) "b"
4) "z"
resp3:
1~ "1"
2~ "a"
3~ "b"
4~ "z"
> RENAME two three
OK
sorted
> SMEMBERS three
resp2:
1) "1"
2) "a"
3) "b"
4) "z"
resp3:
1~ "1"
2~ "a"
3~ "b"
4~ "z"
> DEL one three
(integer) 2

# SSCAN
> SADD sc 1
(integer) 1
> SSCAN sc 0
1) "0"
2)
   1) "1"
> SSCAN none 0
1) "0"
2) (empty array)
> SSCAN none 17
1) "0"
2) (empty array)
> SSCAN none 0 FOO
1) "0"
2) (empty array)
> SSCAN sc abc
(error) ERR invalid cursor
> SSCAN none abc
(error) ERR invalid cursor
> SSCAN str 0
(error) WRONGTYPE Operation against a key holding the wrong kind of value
> SSCAN str abc
(error) ERR invalid cursor
> SSCAN sc 0 MATCH 2*
1) "0"
2) (empty array)
> SSCAN sc 0 MATCH *
1) "0"
2)
   1) "1"
> SSCAN sc 0 COUNT 5 MATCH 1
1) "0"
2)
   1) "1"
> SSCAN sc 0 COUNT 0
(error) ERR syntax error
> SSCAN sc 0 COUNT -1
(error) ERR syntax error
> SSCAN sc 0 COUNT abc
(error) ERR value is not an integer or out of range
> SSCAN sc 0 COUNT
(error) ERR syntax error
> SSCAN sc 0 MATCH
(error) ERR syntax error
> SSCAN sc 0 TYPE set
(error) ERR syntax error
> SSCAN sc 0 FOO bar
(error) ERR syntax error
> SSCAN sc
(error) ERR wrong number of arguments for 'sscan' command
> SSCAN
(error) ERR wrong number of arguments for 'sscan' command
