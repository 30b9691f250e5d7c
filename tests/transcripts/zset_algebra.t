# ZUNION, ZINTER, ZDIFF, their STORE forms, ZINTERCARD; sources that are sets; packed and not.

> ZADD a 1 x 2 y 3 z
(integer) 3
> ZADD b 10 y 20 z 30 w
(integer) 3
> SADD s y z q 5
(integer) 4
> ZUNION 2 a b
1) "x"
2) "y"
3) "z"
4) "w"
> ZUNION 2 a b WITHSCORES
resp2:
1) "x"
2) "1"
3) "y"
4) "12"
5) "z"
6) "23"
7) "w"
8) "30"
resp3:
1)
   1) "x"
   2) (double) 1
2)
   1) "y"
   2) (double) 12
3)
   1) "z"
   2) (double) 23
4)
   1) "w"
   2) (double) 30
> ZUNION 1 a WITHSCORES
resp2:
1) "x"
2) "1"
3) "y"
4) "2"
5) "z"
6) "3"
resp3:
1)
   1) "x"
   2) (double) 1
2)
   1) "y"
   2) (double) 2
3)
   1) "z"
   2) (double) 3
> ZUNION 3 a b s WITHSCORES
resp2:
1) "5"
2) "1"
3) "q"
4) "1"
5) "x"
6) "1"
7) "y"
8) "13"
9) "z"
10) "24"
11) "w"
12) "30"
resp3:
1)
   1) "5"
   2) (double) 1
2)
   1) "q"
   2) (double) 1
3)
   1) "x"
   2) (double) 1
4)
   1) "y"
   2) (double) 13
5)
   1) "z"
   2) (double) 24
6)
   1) "w"
   2) (double) 30
> ZUNION 2 a a WITHSCORES
resp2:
1) "x"
2) "2"
3) "y"
4) "4"
5) "z"
6) "6"
resp3:
1)
   1) "x"
   2) (double) 2
2)
   1) "y"
   2) (double) 4
3)
   1) "z"
   2) (double) 6
> ZUNION 2 none none2
(empty array)
> ZUNION 2 a b WEIGHTS 2 -1 WITHSCORES
resp2:
1) "w"
2) "-30"
3) "z"
4) "-14"
5) "y"
6) "-6"
7) "x"
8) "2"
resp3:
1)
   1) "w"
   2) (double) -30
2)
   1) "z"
   2) (double) -14
3)
   1) "y"
   2) (double) -6
4)
   1) "x"
   2) (double) 2
> ZUNION 2 a b AGGREGATE MIN WITHSCORES
resp2:
1) "x"
2) "1"
3) "y"
4) "2"
5) "z"
6) "3"
7) "w"
8) "30"
resp3:
1)
   1) "x"
   2) (double) 1
2)
   1) "y"
   2) (double) 2
3)
   1) "z"
   2) (double) 3
4)
   1) "w"
   2) (double) 30
> ZUNION 2 a b aggregate max weights 1 0.5 withscores
resp2:
1) "x"
2) "1"
3) "y"
4) "5"
5) "z"
6) "10"
7) "w"
8) "15"
resp3:
1)
   1) "x"
   2) (double) 1
2)
   1) "y"
   2) (double) 5
3)
   1) "z"
   2) (double) 10
4)
   1) "w"
   2) (double) 15
> ZUNION 2 a s AGGREGATE SUM WITHSCORES
resp2:
1) "5"
2) "1"
3) "q"
4) "1"
5) "x"
6) "1"
7) "y"
8) "3"
9) "z"
10) "4"
resp3:
1)
   1) "5"
   2) (double) 1
2)
   1) "q"
   2) (double) 1
3)
   1) "x"
   2) (double) 1
4)
   1) "y"
   2) (double) 3
5)
   1) "z"
   2) (double) 4
> ZINTER 2 a b
1) "y"
2) "z"
> ZINTER 2 a b WITHSCORES
resp2:
1) "y"
2) "12"
3) "z"
4) "23"
resp3:
1)
   1) "y"
   2) (double) 12
2)
   1) "z"
   2) (double) 23
> ZINTER 3 a b s WITHSCORES
resp2:
1) "y"
2) "13"
3) "z"
4) "24"
resp3:
1)
   1) "y"
   2) (double) 13
2)
   1) "z"
   2) (double) 24
> ZINTER 2 a none WITHSCORES
(empty array)
> ZINTER 2 a b WEIGHTS 2 3 AGGREGATE MAX WITHSCORES
resp2:
1) "y"
2) "30"
3) "z"
4) "60"
resp3:
1)
   1) "y"
   2) (double) 30
2)
   1) "z"
   2) (double) 60
> ZINTER 1 s WITHSCORES
resp2:
1) "5"
2) "1"
3) "q"
4) "1"
5) "y"
6) "1"
7) "z"
8) "1"
resp3:
1)
   1) "5"
   2) (double) 1
2)
   1) "q"
   2) (double) 1
3)
   1) "y"
   2) (double) 1
4)
   1) "z"
   2) (double) 1
> ZDIFF 2 a b
1) "x"
> ZDIFF 2 a b WITHSCORES
resp2:
1) "x"
2) "1"
resp3:
1)
   1) "x"
   2) (double) 1
> ZDIFF 2 a s WITHSCORES
resp2:
1) "x"
2) "1"
resp3:
1)
   1) "x"
   2) (double) 1
> ZDIFF 2 s a WITHSCORES
resp2:
1) "5"
2) "1"
3) "q"
4) "1"
resp3:
1)
   1) "5"
   2) (double) 1
2)
   1) "q"
   2) (double) 1
> ZDIFF 2 a a
(empty array)
> ZDIFF 1 a WITHSCORES
resp2:
1) "x"
2) "1"
3) "y"
4) "2"
5) "z"
6) "3"
resp3:
1)
   1) "x"
   2) (double) 1
2)
   1) "y"
   2) (double) 2
3)
   1) "z"
   2) (double) 3
> ZDIFF 2 none a
(empty array)
> ZDIFF 2 a none
1) "x"
2) "y"
3) "z"

# infinities
> ZADD i inf p -inf q 0 r
(integer) 3
> ZADD j -inf p inf q
(integer) 2
> ZUNION 2 i j WITHSCORES
resp2:
1) "p"
2) "0"
3) "q"
4) "0"
5) "r"
6) "0"
resp3:
1)
   1) "p"
   2) (double) 0
2)
   1) "q"
   2) (double) 0
3)
   1) "r"
   2) (double) 0
> ZUNION 1 i WEIGHTS 0 WITHSCORES
resp2:
1) "p"
2) "0"
3) "q"
4) "0"
5) "r"
6) "0"
resp3:
1)
   1) "p"
   2) (double) 0
2)
   1) "q"
   2) (double) 0
3)
   1) "r"
   2) (double) 0
> ZINTER 2 i j WEIGHTS 1 -1 WITHSCORES
resp2:
1) "q"
2) "-inf"
3) "p"
4) "inf"
resp3:
1)
   1) "q"
   2) (double) -inf
2)
   1) "p"
   2) (double) inf
> ZINTER 2 i j WEIGHTS 0 0 AGGREGATE MIN WITHSCORES
resp2:
1) "p"
2) "0"
3) "q"
4) "0"
resp3:
1)
   1) "p"
   2) (double) 0
2)
   1) "q"
   2) (double) 0

# ZINTERCARD
> ZINTERCARD 2 a b
(integer) 2
> ZINTERCARD 3 a b s
(integer) 2
> ZINTERCARD 2 a b LIMIT 1
(integer) 1
> ZINTERCARD 2 a b LIMIT 0
(integer) 2
> ZINTERCARD 2 a none LIMIT 5
(integer) 0
> ZINTERCARD 2 a b LIMIT -1
(error) ERR LIMIT can't be negative
> ZINTERCARD 2 a b LIMIT x
(error) ERR LIMIT can't be negative
> ZINTERCARD 2 a b LIMIT
(error) ERR syntax error
> ZINTERCARD 2 a b WEIGHTS 1 2
(error) ERR syntax error
> ZINTERCARD 0 a
(error) ERR at least 1 input key is needed for 'zintercard' command
> ZINTERCARD x a
(error) ERR value is not an integer or out of range

# storing
> ZUNIONSTORE d 2 a b
(integer) 4
> ZRANGE d 0 -1 WITHSCORES
resp2:
1) "x"
2) "1"
3) "y"
4) "12"
5) "z"
6) "23"
7) "w"
8) "30"
resp3:
1)
   1) "x"
   2) (double) 1
2)
   1) "y"
   2) (double) 12
3)
   1) "z"
   2) (double) 23
4)
   1) "w"
   2) (double) 30
> ZUNIONSTORE d 2 a s WEIGHTS 2 0.1
(integer) 5
> ZRANGE d 0 -1 WITHSCORES
resp2:
1) "5"
2) "0.10000000000000001"
3) "q"
4) "0.10000000000000001"
5) "x"
6) "2"
7) "y"
8) "4.0999999999999996"
9) "z"
10) "6.0999999999999996"
resp3:
1)
   1) "5"
   2) (double) 0.10000000000000001
2)
   1) "q"
   2) (double) 0.10000000000000001
3)
   1) "x"
   2) (double) 2
4)
   1) "y"
   2) (double) 4.0999999999999996
5)
   1) "z"
   2) (double) 6.0999999999999996
> ZINTERSTORE d 2 a b AGGREGATE MIN
(integer) 2
> ZRANGE d 0 -1 WITHSCORES
resp2:
1) "y"
2) "2"
3) "z"
4) "3"
resp3:
1)
   1) "y"
   2) (double) 2
2)
   1) "z"
   2) (double) 3
> ZDIFFSTORE d 2 a b
(integer) 1
> ZRANGE d 0 -1 WITHSCORES
resp2:
1) "x"
2) "1"
resp3:
1)
   1) "x"
   2) (double) 1
> ZDIFFSTORE d 2 a a
(integer) 0
> EXISTS d
(integer) 0
> SET d string EX 100
OK
> ZUNIONSTORE d 1 a
(integer) 3
> TTL d
(integer) -1
> TYPE d
zset
> ZUNIONSTORE a 2 a b
(integer) 4
> ZRANGE a 0 -1 WITHSCORES
resp2:
1) "x"
2) "1"
3) "y"
4) "12"
5) "z"
6) "23"
7) "w"
8) "30"
resp3:
1)
   1) "x"
   2) (double) 1
2)
   1) "y"
   2) (double) 12
3)
   1) "z"
   2) (double) 23
4)
   1) "w"
   2) (double) 30
> ZINTERSTORE a 2 none a
(integer) 0
> EXISTS a
(integer) 0
> ZUNIONSTORE d 2 d d WITHSCORES
(error) ERR syntax error
> ZDIFFSTORE d 1 d WEIGHTS 1
(error) ERR syntax error
> ZADD a 1 x 2 y 3 z
(integer) 3

# arguments
> ZUNION
(error) ERR wrong number of arguments for 'zunion' command
> ZUNION 1
(error) ERR wrong number of arguments for 'zunion' command
> ZUNION 0 a
(error) ERR at least 1 input key is needed for 'zunion' command
> ZUNION -1 a
(error) ERR at least 1 input key is needed for 'zunion' command
> ZUNION x a
(error) ERR value is not an integer or out of range
> ZUNION 3 a b
(error) ERR syntax error
> ZUNION 2 a b FOO
(error) ERR syntax error
> ZUNION 2 a b WEIGHTS 1
(error) ERR syntax error
> ZUNION 2 a b WEIGHTS 1 x
(error) ERR weight value is not a float
> ZUNION 2 a b WEIGHTS 1 nan
(error) ERR weight value is not a float
> ZUNION 2 a b AGGREGATE
(error) ERR syntax error
> ZUNION 2 a b AGGREGATE AVG
(error) ERR syntax error
> ZUNION 2 a b WITHSCORES WITHSCORES
resp2:
1) "x"
2) "1"
3) "y"
4) "12"
5) "z"
6) "23"
7) "w"
8) "30"
resp3:
1)
   1) "x"
   2) (double) 1
2)
   1) "y"
   2) (double) 12
3)
   1) "z"
   2) (double) 23
4)
   1) "w"
   2) (double) 30
> ZINTER 0 a
(error) ERR at least 1 input key is needed for 'zinter' command
> ZDIFF 0 a
(error) ERR at least 1 input key is needed for 'zdiff' command
> ZDIFF 2 a b WEIGHTS 1 2
(error) ERR syntax error
> ZDIFF 2 a b AGGREGATE SUM
(error) ERR syntax error
> ZUNIONSTORE d 0 a
(error) ERR at least 1 input key is needed for 'zunionstore' command
> ZUNIONSTORE d 2 a
(error) ERR syntax error
> ZINTERSTORE d x a
(error) ERR value is not an integer or out of range
> ZDIFFSTORE d
(error) ERR wrong number of arguments for 'zdiffstore' command
> SET str x
OK
> ZUNION 2 a str
(error) WRONGTYPE Operation against a key holding the wrong kind of value
> ZUNION 2 str a FOO
(error) WRONGTYPE Operation against a key holding the wrong kind of value
> ZINTER 2 none str
(error) WRONGTYPE Operation against a key holding the wrong kind of value
> ZDIFF 2 a str
(error) WRONGTYPE Operation against a key holding the wrong kind of value
> ZINTERCARD 2 none str
(error) WRONGTYPE Operation against a key holding the wrong kind of value
> ZUNIONSTORE d 2 a str
(error) WRONGTYPE Operation against a key holding the wrong kind of value
> ZUNIONSTORE str 1 a
(integer) 3
> ZRANGE str 0 -1
1) "x"
2) "y"
3) "z"

# large ones
> CONFIG SET zset-max-listpack-entries 2 set-max-intset-entries 1
OK
> ZADD c 1 x 2 y 3 z 4 %{m*200} 5 17
(integer) 5
> ZADD e 10 y 20 z 30 w 7 17
(integer) 4
> OBJECT ENCODING e
"skiplist"
> SADD t 17 18 19 y
(integer) 4
> ZUNION 2 c e WITHSCORES
resp2:
1) "x"
2) "1"
3) "mmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmm"
4) "4"
5) "17"
6) "12"
7) "y"
8) "12"
9) "z"
10) "23"
11) "w"
12) "30"
resp3:
1)
   1) "x"
   2) (double) 1
2)
   1) "mmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmm"
   2) (double) 4
3)
   1) "17"
   2) (double) 12
4)
   1) "y"
   2) (double) 12
5)
   1) "z"
   2) (double) 23
6)
   1) "w"
   2) (double) 30
> ZUNION 3 c e t WEIGHTS 1 2 3 AGGREGATE MAX WITHSCORES
resp2:
1) "x"
2) "1"
3) "18"
4) "3"
5) "19"
6) "3"
7) "mmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmm"
8) "4"
9) "17"
10) "14"
11) "y"
12) "20"
13) "z"
14) "40"
15) "w"
16) "60"
resp3:
1)
   1) "x"
   2) (double) 1
2)
   1) "18"
   2) (double) 3
3)
   1) "19"
   2) (double) 3
4)
   1) "mmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmm"
   2) (double) 4
5)
   1) "17"
   2) (double) 14
6)
   1) "y"
   2) (double) 20
7)
   1) "z"
   2) (double) 40
8)
   1) "w"
   2) (double) 60
> ZINTER 3 c e t WITHSCORES
resp2:
1) "17"
2) "13"
3) "y"
4) "13"
resp3:
1)
   1) "17"
   2) (double) 13
2)
   1) "y"
   2) (double) 13
> ZDIFF 2 c e
1) "x"
2) "mmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmm"
> ZDIFF 3 c e t WITHSCORES
resp2:
1) "x"
2) "1"
3) "mmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmm"
4) "4"
resp3:
1)
   1) "x"
   2) (double) 1
2)
   1) "mmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmm"
   2) (double) 4
> ZINTERCARD 3 c e t
(integer) 2
> ZUNIONSTORE d 3 c e t
(integer) 8
> OBJECT ENCODING d
"skiplist"
> ZRANGE d 0 -1 WITHSCORES
resp2:
1) "18"
2) "1"
3) "19"
4) "1"
5) "x"
6) "1"
7) "mmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmm"
8) "4"
9) "17"
10) "13"
11) "y"
12) "13"
13) "z"
14) "23"
15) "w"
16) "30"
resp3:
1)
   1) "18"
   2) (double) 1
2)
   1) "19"
   2) (double) 1
3)
   1) "x"
   2) (double) 1
4)
   1) "mmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmm"
   2) (double) 4
5)
   1) "17"
   2) (double) 13
6)
   1) "y"
   2) (double) 13
7)
   1) "z"
   2) (double) 23
8)
   1) "w"
   2) (double) 30
> ZINTERSTORE d 2 c e
(integer) 3
> OBJECT ENCODING d
"skiplist"
> ZINTERSTORE d 3 c e t
(integer) 2
> OBJECT ENCODING d
"listpack"
> ZUNIONSTORE d 2 t t WEIGHTS -0.0 0
(integer) 4
> ZRANGE d 0 -1 WITHSCORES
resp2:
1) "17"
2) "0"
3) "18"
4) "0"
5) "19"
6) "0"
7) "y"
8) "0"
resp3:
1)
   1) "17"
   2) (double) 0
2)
   1) "18"
   2) (double) 0
3)
   1) "19"
   2) (double) 0
4)
   1) "y"
   2) (double) 0
> COMMAND GETKEYS ZUNIONSTORE d 2 a b
1) "d"
2) "a"
3) "b"
> COMMAND GETKEYS ZUNION 2 a b WITHSCORES
1) "a"
2) "b"
> COMMAND GETKEYS ZDIFFSTORE d 1 a
1) "d"
2) "a"
> COMMAND GETKEYS ZINTERCARD 3 a b c
1) "a"
2) "b"
3) "c"
> COMMAND GETKEYS ZRANGESTORE d s 0 -1
1) "d"
2) "s"
