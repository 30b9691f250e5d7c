# ZRANGE with its forms, ZRANGESTORE, ZCOUNT, ZLEXCOUNT, ZREMRANGEBY*; packed and not.

> ZADD z 1 a 2 b 2 c 3.5 d 10 e
(integer) 5
> ZRANGE z 0 -1
1) "a"
2) "b"
3) "c"
4) "d"
5) "e"
> ZRANGE z 0 -1 WITHSCORES
resp2:
1) "a"
2) "1"
3) "b"
4) "2"
5) "c"
6) "2"
7) "d"
8) "3.5"
9) "e"
10) "10"
resp3:
1)
   1) "a"
   2) (double) 1
2)
   1) "b"
   2) (double) 2
3)
   1) "c"
   2) (double) 2
4)
   1) "d"
   2) (double) 3.5
5)
   1) "e"
   2) (double) 10
> ZRANGE z 1 2
1) "b"
2) "c"
> ZRANGE z -2 -1
1) "d"
2) "e"
> ZRANGE z 3 1
(empty array)
> ZRANGE z 5 10
(empty array)
> ZRANGE z -100 100 REV
1) "e"
2) "d"
3) "c"
4) "b"
5) "a"
> ZRANGE z 0 1 rev withscores
resp2:
1) "e"
2) "10"
3) "d"
4) "3.5"
resp3:
1)
   1) "e"
   2) (double) 10
2)
   1) "d"
   2) (double) 3.5
> ZREVRANGE z 0 1
1) "e"
2) "d"
> ZREVRANGE z 0 -1 WITHSCORES
resp2:
1) "e"
2) "10"
3) "d"
4) "3.5"
5) "c"
6) "2"
7) "b"
8) "2"
9) "a"
10) "1"
resp3:
1)
   1) "e"
   2) (double) 10
2)
   1) "d"
   2) (double) 3.5
3)
   1) "c"
   2) (double) 2
4)
   1) "b"
   2) (double) 2
5)
   1) "a"
   2) (double) 1
> ZREVRANGE z -1 -1
1) "a"
> ZRANGE none 0 -1
(empty array)
> ZRANGE z 9223372036854775807 -1
(empty array)
> ZRANGE z -9223372036854775808 9223372036854775807
1) "a"
2) "b"
3) "c"
4) "d"
5) "e"

# by score
> ZRANGE z 2 3.5 BYSCORE
1) "b"
2) "c"
3) "d"
> ZRANGE z (2 +inf BYSCORE WITHSCORES
resp2:
1) "d"
2) "3.5"
3) "e"
4) "10"
resp3:
1)
   1) "d"
   2) (double) 3.5
2)
   1) "e"
   2) (double) 10
> ZRANGE z 3.5 2 BYSCORE REV
1) "d"
2) "c"
3) "b"
> ZRANGE z +inf -inf BYSCORE REV LIMIT 1 2
1) "d"
2) "c"
> ZRANGE z -inf inf BYSCORE LIMIT 3 -1
1) "d"
2) "e"
> ZRANGE z -inf inf BYSCORE LIMIT -1 2
(empty array)
> ZRANGE z -inf inf BYSCORE LIMIT 0 0
(empty array)
> ZRANGE z -inf inf BYSCORE LIMIT 9 1
(empty array)
> ZRANGEBYSCORE z 1 2
1) "a"
2) "b"
3) "c"
> ZRANGEBYSCORE z (1 (2
(empty array)
> ZRANGEBYSCORE z (1 2 WITHSCORES
resp2:
1) "b"
2) "2"
3) "c"
4) "2"
resp3:
1)
   1) "b"
   2) (double) 2
2)
   1) "c"
   2) (double) 2
> ZRANGEBYSCORE z -inf +inf LIMIT 1 2 WITHSCORES
resp2:
1) "b"
2) "2"
3) "c"
4) "2"
resp3:
1)
   1) "b"
   2) (double) 2
2)
   1) "c"
   2) (double) 2
> ZRANGEBYSCORE z 2 1
(empty array)
> ZRANGEBYSCORE z (2 2
(empty array)
> ZREVRANGEBYSCORE z 2 1
1) "c"
2) "b"
3) "a"
> ZREVRANGEBYSCORE z +inf (3 WITHSCORES
resp2:
1) "e"
2) "10"
3) "d"
4) "3.5"
resp3:
1)
   1) "e"
   2) (double) 10
2)
   1) "d"
   2) (double) 3.5
> ZREVRANGEBYSCORE z inf -inf LIMIT 1 1
1) "d"
> ZREVRANGEBYSCORE z 1 2
(empty array)
> ZRANGEBYSCORE none 0 1
(empty array)
> ZCOUNT z -inf +inf
(integer) 5
> ZCOUNT z (1 3.5
(integer) 3
> ZCOUNT z 2 (2
(integer) 0
> ZCOUNT none 0 1
(integer) 0
> ZRANGEBYSCORE z "" 1
1) "a"
> ZRANGEBYSCORE z " 1" 2
1) "a"
2) "b"
3) "c"
> ZRANGEBYSCORE z ( 1
1) "a"
> ZRANGEBYSCORE z 1e400 2
(empty array)
> ZRANGEBYSCORE z -1e400 1
1) "a"

# by member
> ZADD l 0 a 0 aa 0 b 0 bb 0 c 0 "" 0 10
(integer) 7
> ZRANGEBYLEX l - +
1) ""
2) "10"
3) "a"
4) "aa"
5) "b"
6) "bb"
7) "c"
> ZRANGEBYLEX l [a (b
1) "a"
2) "aa"
> ZRANGEBYLEX l (a [b
1) "aa"
2) "b"
> ZRANGEBYLEX l [ (a
1) ""
2) "10"
> ZRANGEBYLEX l + -
(empty array)
> ZRANGEBYLEX l [b [a
(empty array)
> ZRANGEBYLEX l (a (a
(empty array)
> ZRANGEBYLEX l - + LIMIT 2 2
1) "a"
2) "aa"
> ZRANGEBYLEX l - [b LIMIT 1 -1
1) "10"
2) "a"
3) "aa"
4) "b"
> ZREVRANGEBYLEX l + -
1) "c"
2) "bb"
3) "b"
4) "aa"
5) "a"
6) "10"
7) ""
> ZREVRANGEBYLEX l [b (a
1) "b"
2) "aa"
> ZREVRANGEBYLEX l + (b LIMIT 1 5
1) "bb"
> ZRANGE l [a + BYLEX
1) "a"
2) "aa"
3) "b"
4) "bb"
5) "c"
> ZRANGE l + [a bylex rev
1) "c"
2) "bb"
3) "b"
4) "aa"
5) "a"
> ZRANGE l - + BYLEX LIMIT 0 1
1) ""
> ZLEXCOUNT l - +
(integer) 7
> ZLEXCOUNT l [a [b
(integer) 3
> ZLEXCOUNT l (c +
(integer) 0
> ZLEXCOUNT none - +
(integer) 0
> ZREMRANGEBYLEX l [a (b
(integer) 2
> ZRANGE l 0 -1
1) ""
2) "10"
3) "b"
4) "bb"
5) "c"

# by member where scores differ: from the end where it starts
> ZADD mix 1 c 2 a 3 b 4 d
(integer) 4
> ZRANGEBYLEX mix [b +
1) "c"
2) "a"
3) "b"
4) "d"
> ZRANGEBYLEX mix - [b
(empty array)
> ZREVRANGEBYLEX mix [c -
1) "b"
2) "a"
3) "c"
> ZREVRANGEBYLEX mix + [b
1) "d"
2) "b"
> ZLEXCOUNT mix [a [c
(integer) 3

# arguments
> ZRANGE z a b
(error) ERR value is not an integer or out of range
> ZRANGE z 0
(error) ERR wrong number of arguments for 'zrange' command
> ZRANGE z 0 1 FOO
(error) ERR syntax error
> ZRANGE z 0 1 LIMIT 0 1
(error) ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX
> ZRANGE z 0 1 LIMIT 5 -1
1) "a"
2) "b"
> ZRANGE z 0 1 LIMIT a 1 BYSCORE
(error) ERR value is not an integer or out of range
> ZRANGE z 0 1 BYSCORE LIMIT 0
(error) ERR syntax error
> ZRANGE z 0 1 BYSCORE BYLEX
(error) ERR syntax error
> ZRANGE z 0 1 REV REV
(error) ERR syntax error
> ZRANGE z - + BYLEX WITHSCORES
(error) ERR syntax error, WITHSCORES not supported in combination with BYLEX
> ZRANGE z a b BYSCORE
(error) ERR min or max is not a float
> ZRANGE z nan 1 BYSCORE
(error) ERR min or max is not a float
> ZRANGE z 0 1 BYLEX
(error) ERR min or max not valid string range item
> ZRANGE z [a - BYLEX REV
1) "a"
> ZRANGE z "" + BYLEX
(error) ERR min or max not valid string range item
> ZRANGE z +a + BYLEX
(error) ERR min or max not valid string range item
> ZREVRANGE z 0 1 REV
(error) ERR syntax error
> ZREVRANGE z 0 1 BYSCORE
(error) ERR syntax error
> ZRANGEBYSCORE z 0 1 REV
(error) ERR syntax error
> ZRANGEBYSCORE z 0 1 LIMIT
(error) ERR syntax error
> ZRANGEBYLEX z - + WITHSCORES
(error) ERR syntax error, WITHSCORES not supported in combination with BYLEX
> ZRANGEBYLEX z a b
(error) ERR min or max not valid string range item
> ZCOUNT z 1
(error) ERR wrong number of arguments for 'zcount' command
> ZCOUNT z a b
(error) ERR min or max is not a float
> ZLEXCOUNT z 0 1
(error) ERR min or max not valid string range item
> SET str x
OK
> ZRANGE str 0 1
(error) WRONGTYPE Operation against a key holding the wrong kind of value
> ZRANGE str a b
(error) ERR value is not an integer or out of range
> ZRANGEBYSCORE str 0 1
(error) WRONGTYPE Operation against a key holding the wrong kind of value
> ZREVRANGEBYLEX str + -
(error) WRONGTYPE Operation against a key holding the wrong kind of value
> ZCOUNT str 0 1
(error) WRONGTYPE Operation against a key holding the wrong kind of value
> ZLEXCOUNT str - +
(error) WRONGTYPE Operation against a key holding the wrong kind of value
> ZREMRANGEBYRANK str 0 1
(error) WRONGTYPE Operation against a key holding the wrong kind of value
> ZRANGESTORE d str 0 1
(error) WRONGTYPE Operation against a key holding the wrong kind of value

# ZRANGESTORE
> ZRANGESTORE d z 0 -1
(integer) 5
> ZRANGE d 0 -1 WITHSCORES
resp2:
1) "a"
2) "1"
3) "b"
4) "2"
5) "c"
6) "2"
7) "d"
8) "3.5"
9) "e"
10) "10"
resp3:
1)
   1) "a"
   2) (double) 1
2)
   1) "b"
   2) (double) 2
3)
   1) "c"
   2) (double) 2
4)
   1) "d"
   2) (double) 3.5
5)
   1) "e"
   2) (double) 10
> ZRANGESTORE d z 1 2 REV
(integer) 2
> ZRANGE d 0 -1 WITHSCORES
resp2:
1) "c"
2) "2"
3) "d"
4) "3.5"
resp3:
1)
   1) "c"
   2) (double) 2
2)
   1) "d"
   2) (double) 3.5
> ZRANGESTORE d z (1 3.5 BYSCORE LIMIT 1 1
(integer) 1
> ZRANGE d 0 -1 WITHSCORES
resp2:
1) "c"
2) "2"
resp3:
1)
   1) "c"
   2) (double) 2
> ZRANGESTORE d z - + BYLEX LIMIT 0 2
(integer) 2
> ZRANGESTORE d z 0 -1 WITHSCORES
(error) ERR syntax error
> ZRANGESTORE d z 7 9
(integer) 0
> EXISTS d
(integer) 0
> SET d string
OK
> ZRANGESTORE d none 0 -1
(integer) 0
> EXISTS d
(integer) 0
> SET d string EX 1000
OK
> ZRANGESTORE d z 0 0
(integer) 1
> TTL d
(integer) -1
> ZRANGESTORE z z 1 -1
(integer) 4
> ZRANGE z 0 -1 WITHSCORES
resp2:
1) "b"
2) "2"
3) "c"
4) "2"
5) "d"
6) "3.5"
7) "e"
8) "10"
resp3:
1)
   1) "b"
   2) (double) 2
2)
   1) "c"
   2) (double) 2
3)
   1) "d"
   2) (double) 3.5
4)
   1) "e"
   2) (double) 10
> ZRANGESTORE d z 0
(error) ERR wrong number of arguments for 'zrangestore' command

# removing
> ZADD z 1 a
(integer) 1
> ZREMRANGEBYRANK z 1 1
(integer) 1
> ZREMRANGEBYRANK z 7 9
(integer) 0
> ZREMRANGEBYRANK z -1 -1
(integer) 1
> ZRANGE z 0 -1
1) "a"
2) "c"
3) "d"
> ZREMRANGEBYSCORE z (1 2
(integer) 1
> ZREMRANGEBYSCORE z 100 200
(integer) 0
> ZREMRANGEBYSCORE z a b
(error) ERR min or max is not a float
> ZREMRANGEBYRANK z a b
(error) ERR value is not an integer or out of range
> ZREMRANGEBYLEX z a b
(error) ERR min or max not valid string range item
> ZREMRANGEBYSCORE none 0 1
(integer) 0
> ZREMRANGEBYSCORE z -inf inf
(integer) 2
> EXISTS z
(integer) 0

# the same on large ones
> CONFIG SET zset-max-listpack-entries 0
OK
> ZADD z 1 a 2 b 2 c 3.5 d 10 e
(integer) 5
> OBJECT ENCODING z
"skiplist"
> ZRANGE z 0 -1 WITHSCORES
resp2:
1) "a"
2) "1"
3) "b"
4) "2"
5) "c"
6) "2"
7) "d"
8) "3.5"
9) "e"
10) "10"
resp3:
1)
   1) "a"
   2) (double) 1
2)
   1) "b"
   2) (double) 2
3)
   1) "c"
   2) (double) 2
4)
   1) "d"
   2) (double) 3.5
5)
   1) "e"
   2) (double) 10
> ZRANGE z -2 -1
1) "d"
2) "e"
> ZREVRANGE z 1 2 WITHSCORES
resp2:
1) "d"
2) "3.5"
3) "c"
4) "2"
resp3:
1)
   1) "d"
   2) (double) 3.5
2)
   1) "c"
   2) (double) 2
> ZRANGEBYSCORE z (1 (10 LIMIT 1 5
1) "c"
2) "d"
> ZREVRANGEBYSCORE z 10 2
1) "e"
2) "d"
3) "c"
4) "b"
> ZCOUNT z 2 2
(integer) 2
> ZCOUNT z (2 2
(integer) 0
> ZCOUNT z 11 12
(integer) 0
> ZADD l 0 a 0 aa 0 b 0 bb 0 c 0 "" 0 10
(integer) 2
> ZRANGEBYLEX l - +
1) ""
2) "10"
3) "a"
4) "aa"
5) "b"
6) "bb"
7) "c"
> ZRANGEBYLEX l [a (b
1) "a"
2) "aa"
> ZREVRANGEBYLEX l [b (a
1) "b"
2) "aa"
> ZREVRANGEBYLEX l + - LIMIT 1 2
1) "bb"
2) "b"
> ZLEXCOUNT l (a +
(integer) 4
> ZLEXCOUNT l + -
(integer) 0
> ZREMRANGEBYLEX l (a [b
(integer) 2
> ZRANGE l 0 -1
1) ""
2) "10"
3) "a"
4) "bb"
5) "c"
> ZREMRANGEBYRANK z 1 2
(integer) 2
> ZREMRANGEBYSCORE z 3.5 3.5
(integer) 1
> ZRANGE z 0 -1
1) "a"
2) "e"
> ZRANGESTORE d z 0 -1
(integer) 2
> OBJECT ENCODING d
"skiplist"
> ZREMRANGEBYRANK z 0 -1
(integer) 2
> EXISTS z
(integer) 0
