# SINTER, SUNION, SDIFF, SINTERSTORE, SUNIONSTORE, SDIFFSTORE, SINTERCARD.

> SADD a 1 2 3 x y
(integer) 5
> SADD b 2 3 4 y z
(integer) 5
> SADD c 3 y q
(integer) 3
> SADD i 1 2 3
(integer) 3
> SADD j 2 3 4
(integer) 3
> SET str v
OK
sorted
> SINTER a
resp2:
1) "1"
2) "2"
3) "3"
4) "x"
5) "y"
resp3:
1~ "1"
2~ "2"
3~ "3"
4~ "x"
5~ "y"
sorted
> SINTER a b
resp2:
1) "2"
2) "3"
3) "y"
resp3:
1~ "2"
2~ "3"
3~ "y"
sorted
> SINTER a b c
resp2:
1) "3"
2) "y"
resp3:
1~ "3"
2~ "y"
sorted
> SINTER a a a
resp2:
1) "1"
2) "2"
3) "3"
4) "x"
5) "y"
resp3:
1~ "1"
2~ "2"
3~ "3"
4~ "x"
5~ "y"
sorted
> SINTER i a
resp2:
1) "1"
2) "2"
3) "3"
resp3:
1~ "1"
2~ "2"
3~ "3"
sorted
> SINTER i j
resp2:
1) "2"
2) "3"
resp3:
1~ "2"
2~ "3"
> SINTER a none
resp2:
(empty array)
resp3:
(empty set)
> SINTER none
resp2:
(empty array)
resp3:
(empty set)
> SINTER none a
resp2:
(empty array)
resp3:
(empty set)
> SINTER a str
(error) WRONGTYPE Operation against a key holding the wrong kind of value
> SINTER none str
(error) WRONGTYPE Operation against a key holding the wrong kind of value
> SINTER str none
(error) WRONGTYPE Operation against a key holding the wrong kind of value
> SINTER
(error) ERR wrong number of arguments for 'sinter' command
sorted
> SUNION a
resp2:
1) "1"
2) "2"
3) "3"
4) "x"
5) "y"
resp3:
1~ "1"
2~ "2"
3~ "3"
4~ "x"
5~ "y"
sorted
> SUNION a b
resp2:
1) "1"
2) "2"
3) "3"
4) "4"
5) "x"
6) "y"
7) "z"
resp3:
1~ "1"
2~ "2"
3~ "3"
4~ "4"
5~ "x"
6~ "y"
7~ "z"
sorted
> SUNION a b c i j none a b
resp2:
1) "1"
2) "2"
3) "3"
4) "4"
5) "q"
6) "x"
7) "y"
8) "z"
resp3:
1~ "1"
2~ "2"
3~ "3"
4~ "4"
5~ "q"
6~ "x"
7~ "y"
8~ "z"
sorted
> SUNION i j
resp2:
1) "1"
2) "2"
3) "3"
4) "4"
resp3:
1~ "1"
2~ "2"
3~ "3"
4~ "4"
> SUNION none
resp2:
(empty array)
resp3:
(empty set)
> SUNION none none
resp2:
(empty array)
resp3:
(empty set)
> SUNION a str
(error) WRONGTYPE Operation against a key holding the wrong kind of value
> SUNION none str
(error) WRONGTYPE Operation against a key holding the wrong kind of value
> SUNION
(error) ERR wrong number of arguments for 'sunion' command
sorted
> SDIFF a
resp2:
1) "1"
2) "2"
3) "3"
4) "x"
5) "y"
resp3:
1~ "1"
2~ "2"
3~ "3"
4~ "x"
5~ "y"
sorted
> SDIFF a b
resp2:
1) "1"
2) "x"
resp3:
1~ "1"
2~ "x"
sorted
> SDIFF a b c
resp2:
1) "1"
2) "x"
resp3:
1~ "1"
2~ "x"
> SDIFF a a
resp2:
(empty array)
resp3:
(empty set)
> SDIFF a i a
resp2:
(empty array)
resp3:
(empty set)
sorted
> SDIFF a none
resp2:
1) "1"
2) "2"
3) "3"
4) "x"
5) "y"
resp3:
1~ "1"
2~ "2"
3~ "3"
4~ "x"
5~ "y"
sorted
> SDIFF i j
resp2:
1) "1"
resp3:
1~ "1"
sorted
> SDIFF a b b b b b b b b b b b b b b b b b b b b b b b b
resp2:
1) "1"
2) "x"
resp3:
1~ "1"
2~ "x"
sorted
> SDIFF a c none c i none
resp2:
1) "x"
resp3:
1~ "x"
> SDIFF none a
resp2:
(empty array)
resp3:
(empty set)
> SDIFF none
resp2:
(empty array)
resp3:
(empty set)
> SDIFF a str
(error) WRONGTYPE Operation against a key holding the wrong kind of value
> SDIFF none str
(error) WRONGTYPE Operation against a key holding the wrong kind of value
> SDIFF
(error) ERR wrong number of arguments for 'sdiff' command

# stored
> SINTERSTORE to a b
(integer) 3
sorted
> SMEMBERS to
resp2:
1) "2"
2) "3"
3) "y"
resp3:
1~ "2"
2~ "3"
3~ "y"
> SUNIONSTORE to a b
(integer) 7
sorted
> SMEMBERS to
resp2:
1) "1"
2) "2"
3) "3"
4) "4"
5) "x"
6) "y"
7) "z"
resp3:
1~ "1"
2~ "2"
3~ "3"
4~ "4"
5~ "x"
6~ "y"
7~ "z"
> SDIFFSTORE to a b
(integer) 2
sorted
> SMEMBERS to
resp2:
1) "1"
2) "x"
resp3:
1~ "1"
2~ "x"
> SINTERSTORE to i j
(integer) 2
sorted
> SMEMBERS to
resp2:
1) "2"
2) "3"
resp3:
1~ "2"
2~ "3"
> OBJECT ENCODING to
"intset"
> SINTERSTORE to a none
(integer) 0
> EXISTS to
(integer) 0
> SINTERSTORE to a none
(integer) 0
> SUNIONSTORE to none
(integer) 0
> SDIFFSTORE to none a
(integer) 0
> EXISTS to
(integer) 0
> SINTERSTORE str a b
(integer) 3
> TYPE str
set
> SDIFFSTORE str a a
(integer) 0
> EXISTS str
(integer) 0
> SET str v
OK
> SINTERSTORE to a str
(error) WRONGTYPE Operation against a key holding the wrong kind of value
> SINTERSTORE to none str
(error) WRONGTYPE Operation against a key holding the wrong kind of value
> SUNIONSTORE to str
(error) WRONGTYPE Operation against a key holding the wrong kind of value
> SDIFFSTORE to a str
(error) WRONGTYPE Operation against a key holding the wrong kind of value
> EXISTS to
(integer) 0
> SUNIONSTORE str none none
(integer) 0
> EXISTS str
(integer) 0
> SINTERSTORE to
(error) ERR wrong number of arguments for 'sinterstore' command
> SUNIONSTORE to
(error) ERR wrong number of arguments for 'sunionstore' command
> SDIFFSTORE to
(error) ERR wrong number of arguments for 'sdiffstore' command

# the destination is a source
> SUNIONSTORE a a b
(integer) 7
sorted
> SMEMBERS a
resp2:
1) "1"
2) "2"
3) "3"
4) "4"
5) "x"
6) "y"
7) "z"
resp3:
1~ "1"
2~ "2"
3~ "3"
4~ "4"
5~ "x"
6~ "y"
7~ "z"
> SINTERSTORE a a b
(integer) 5
sorted
> SMEMBERS a
resp2:
1) "2"
2) "3"
3) "4"
4) "y"
5) "z"
resp3:
1~ "2"
2~ "3"
3~ "4"
4~ "y"
5~ "z"
> SDIFFSTORE a a c
(integer) 3
sorted
> SMEMBERS a
resp2:
1) "2"
2) "4"
3) "z"
resp3:
1~ "2"
2~ "4"
3~ "z"
> SDIFFSTORE a b a
(integer) 2
sorted
> SMEMBERS a
resp2:
1) "3"
2) "y"
resp3:
1~ "3"
2~ "y"
> SDIFFSTORE a a a
(integer) 0
> EXISTS a
(integer) 0

# an expiry goes with what is overwritten
> SADD ttl x
(integer) 1
> EXPIRE ttl 1000
(integer) 1
> SUNIONSTORE ttl b
(integer) 5
> TTL ttl
(integer) -1
> EXPIRE ttl 1000
(integer) 1
> SUNIONSTORE ttl ttl
(integer) 5
> TTL ttl
(integer) -1
> PEXPIREAT ttl 1
(integer) 1
> SUNIONSTORE to b ttl
(integer) 5
> SADD gone x
(integer) 1
> PEXPIREAT gone 1
(integer) 1
> SUNIONSTORE gone gone
(integer) 0
> EXISTS gone
(integer) 0

# SINTERCARD
> SADD a 1 2 3 x y
(integer) 5
> SINTERCARD 1 a
(integer) 5
> SINTERCARD 2 a b
(integer) 3
> SINTERCARD 2 a b LIMIT 0
(integer) 3
> SINTERCARD 2 a b LIMIT 1
(integer) 1
> SINTERCARD 2 a b limit 2
(integer) 2
> SINTERCARD 2 a b LIMIT 100
(integer) 3
> SINTERCARD 2 a b LIMIT 1 LIMIT 2
(integer) 2
> SINTERCARD 2 a none
(integer) 0
> SINTERCARD 3 a b c
(integer) 2
> SINTERCARD 0 a
(error) ERR numkeys should be greater than 0
> SINTERCARD -1 a
(error) ERR numkeys should be greater than 0
> SINTERCARD abc a
(error) ERR numkeys should be greater than 0
> SINTERCARD 9223372036854775808 a
(error) ERR numkeys should be greater than 0
> SINTERCARD 2 a
(error) ERR Number of keys can't be greater than number of args
> SINTERCARD 9223372036854775807 a
(error) ERR Number of keys can't be greater than number of args
> SINTERCARD 1 a b
(error) ERR syntax error
> SINTERCARD 1 a LIMIT
(error) ERR syntax error
> SINTERCARD 1 a LIMIT -1
(error) ERR LIMIT can't be negative
> SINTERCARD 1 a LIMIT abc
(error) ERR LIMIT can't be negative
> SINTERCARD 1 a LIMIT 1 x
(error) ERR syntax error
> SINTERCARD 1 a FOO 1
(error) ERR syntax error
> SADD a 1
(integer) 0
> SET str v
OK
> SINTERCARD 2 none str
(error) WRONGTYPE Operation against a key holding the wrong kind of value
> SINTERCARD 1 str
(error) WRONGTYPE Operation against a key holding the wrong kind of value
> SINTERCARD 1
(error) ERR wrong number of arguments for 'sintercard' command
> SINTERCARD
(error) ERR wrong number of arguments for 'sintercard' command

# many keys, on many stripes
sorted
> SUNION k1 k2 k3 k4 k5 k6 k7 k8 k9 c none
resp2:
1) "3"
2) "q"
3) "y"
resp3:
1~ "3"
2~ "q"
3~ "y"
> SADD k1 1
(integer) 1
> SADD k2 2
(integer) 1
> SADD k3 3
(integer) 1
> SADD k4 4
(integer) 1
> SADD k5 5 5a
(integer) 2
> SADD k6 6
(integer) 1
> SADD k7 7
(integer) 1
> SADD k8 8
(integer) 1
> SADD k9 9 1
(integer) 2
sorted
> SUNION k1 k2 k3 k4 k5 k6 k7 k8 k9
resp2:
1) "1"
2) "2"
3) "3"
4) "4"
5) "5"
6) "5a"
7) "6"
8) "7"
9) "8"
10) "9"
resp3:
1~ "1"
2~ "2"
3~ "3"
4~ "4"
5~ "5"
6~ "5a"
7~ "6"
8~ "7"
9~ "8"
10~ "9"
> SUNIONSTORE all k1 k2 k3 k4 k5 k6 k7 k8 k9
(integer) 10
sorted
> SMEMBERS all
resp2:
1) "1"
2) "2"
3) "3"
4) "4"
5) "5"
6) "5a"
7) "6"
8) "7"
9) "8"
10) "9"
resp3:
1~ "1"
2~ "2"
3~ "3"
4~ "4"
5~ "5"
6~ "5a"
7~ "6"
8~ "7"
9~ "8"
10~ "9"
> SDIFF all k1 k2 k3 k4 k5 k6 k7 k9
resp2:
1) "8"
resp3:
1~ "8"
> SDIFFSTORE all all k1 k2 k3 k4 k5 k6 k7 k9
(integer) 1
> SMEMBERS all
resp2:
1) "8"
resp3:
1~ "8"
