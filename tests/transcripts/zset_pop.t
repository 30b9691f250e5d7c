# ZPOPMIN, ZPOPMAX, ZMPOP, ZRANDMEMBER, ZSCAN.

> ZADD z 1 a 2 b 3 c 4 d 5 e
(integer) 5
> ZPOPMIN z
resp2:
1) "a"
2) "1"
resp3:
1) "a"
2) (double) 1
> ZPOPMAX z
resp2:
1) "e"
2) "5"
resp3:
1) "e"
2) (double) 5
> ZPOPMIN z 2
resp2:
1) "b"
2) "2"
3) "c"
4) "3"
resp3:
1)
   1) "b"
   2) (double) 2
2)
   1) "c"
   2) (double) 3
> ZPOPMAX z 5
resp2:
1) "d"
2) "4"
resp3:
1)
   1) "d"
   2) (double) 4
> EXISTS z
(integer) 0
> ZPOPMIN z
(empty array)
> ZPOPMIN z 3
(empty array)
> ZADD z 1 a 2 b 3.5 c
(integer) 3
> ZPOPMIN z 0
(empty array)
> ZPOPMAX z 2
resp2:
1) "c"
2) "3.5"
3) "b"
4) "2"
resp3:
1)
   1) "c"
   2) (double) 3.5
2)
   1) "b"
   2) (double) 2
> ZPOPMIN z -1
(error) ERR value is out of range, must be positive
> ZPOPMIN z abc
(error) ERR value is out of range, must be positive
> ZPOPMIN z 1 2
(error) ERR syntax error
> ZPOPMIN
(error) ERR wrong number of arguments for 'zpopmin' command
> ZPOPMIN none abc
(error) ERR value is out of range, must be positive

# ZMPOP
> ZADD p 1 a 2 b 3 c 4 d
(integer) 4
> ZADD q 9 x
(integer) 1
> ZMPOP 1 p MIN
resp2:
1) "p"
2)
   1)
      1) "a"
      2) "1"
resp3:
1) "p"
2)
   1)
      1) "a"
      2) (double) 1
> ZMPOP 2 none p MAX
resp2:
1) "p"
2)
   1)
      1) "d"
      2) "4"
resp3:
1) "p"
2)
   1)
      1) "d"
      2) (double) 4
> ZMPOP 3 none p q MIN COUNT 5
resp2:
1) "p"
2)
   1)
      1) "b"
      2) "2"
   2)
      1) "c"
      2) "3"
resp3:
1) "p"
2)
   1)
      1) "b"
      2) (double) 2
   2)
      1) "c"
      2) (double) 3
> EXISTS p
(integer) 0
> ZMPOP 2 p q max count 1
resp2:
1) "q"
2)
   1)
      1) "x"
      2) "9"
resp3:
1) "q"
2)
   1)
      1) "x"
      2) (double) 9
> ZMPOP 2 p q MAX
(nil array)
> ZMPOP 0 p MIN
(error) ERR numkeys should be greater than 0
> ZMPOP x p MIN
(error) ERR numkeys should be greater than 0
> ZMPOP 1 p
(error) ERR wrong number of arguments for 'zmpop' command
> ZMPOP 1 p FOO
(error) ERR syntax error
> ZMPOP 2 p MIN
(error) ERR syntax error
> ZMPOP 1 p MIN COUNT
(error) ERR syntax error
> ZMPOP 1 p MIN COUNT 0
(error) ERR count should be greater than 0
> ZMPOP 1 p MIN COUNT x
(error) ERR count should be greater than 0
> ZMPOP 1 p MIN COUNT 1 COUNT 2
(error) ERR syntax error
> ZMPOP 1 p MIN FOO 1
(error) ERR syntax error
> ZMPOP 9223372036854775807 p MIN
(error) ERR syntax error
> ZADD q 1 a
(integer) 1
> SET str x
OK
> ZMPOP 2 str q MIN
(error) WRONGTYPE Operation against a key holding the wrong kind of value
> ZMPOP 2 q str MIN
resp2:
1) "q"
2)
   1)
      1) "a"
      2) "1"
resp3:
1) "q"
2)
   1)
      1) "a"
      2) (double) 1
> ZPOPMIN str
(error) WRONGTYPE Operation against a key holding the wrong kind of value
> ZPOPMAX str 1
(error) WRONGTYPE Operation against a key holding the wrong kind of value
> COMMAND GETKEYS ZMPOP 2 a b MIN COUNT 3
1) "a"
2) "b"

# ZRANDMEMBER
> ZADD r 1 a
(integer) 1
> ZRANDMEMBER r
"a"
> ZRANDMEMBER none
(nil)
> ZRANDMEMBER none 5
(empty array)
> ZRANDMEMBER none 5 WITHSCORES
(empty array)
> ZRANDMEMBER r 0
(empty array)
> ZRANDMEMBER r 5
1) "a"
> ZRANDMEMBER r 5 WITHSCORES
resp2:
1) "a"
2) "1"
resp3:
1)
   1) "a"
   2) (double) 1
> ZRANDMEMBER r -3
1) "a"
2) "a"
3) "a"
> ZRANDMEMBER r -2 withscores
resp2:
1) "a"
2) "1"
3) "a"
4) "1"
resp3:
1)
   1) "a"
   2) (double) 1
2)
   1) "a"
   2) (double) 1
> ZRANDMEMBER r x
(error) ERR value is not an integer or out of range
> ZRANDMEMBER r 1 FOO
(error) ERR syntax error
> ZRANDMEMBER r 1 WITHSCORES x
(error) ERR syntax error
> ZRANDMEMBER r 9223372036854775807
1) "a"
> ZRANDMEMBER r -9223372036854775808
(error) ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807
> ZRANDMEMBER r 9223372036854775807 WITHSCORES
(error) ERR value is out of range
> ZRANDMEMBER str
(error) WRONGTYPE Operation against a key holding the wrong kind of value
> ZRANDMEMBER str 1
(error) WRONGTYPE Operation against a key holding the wrong kind of value
> ZADD r 1 b 1 c
(integer) 2
sorted
> ZRANDMEMBER r 3
1) "a"
2) "b"
3) "c"
sorted
> ZRANDMEMBER r 10
1) "a"
2) "b"
3) "c"

# ZSCAN
> ZADD v 1 a 2.5 b inf c 1e17 d
(integer) 4
> ZSCAN v 0
1) "0"
2)
   1) "a"
   2) "1"
   3) "b"
   4) "2.5"
   5) "d"
   6) "100000000000000000"
   7) "c"
   8) "inf"
> ZSCAN v 0 MATCH [ab] COUNT 100
1) "0"
2)
   1) "a"
   2) "1"
   3) "b"
   4) "2.5"
> ZSCAN none 0
1) "0"
2) (empty array)
> ZSCAN v abc
(error) ERR invalid cursor
> ZSCAN v 0 COUNT 0
(error) ERR syntax error
> ZSCAN v 0 COUNT x
(error) ERR value is not an integer or out of range
> ZSCAN v 0 FOO
(error) ERR syntax error
> ZSCAN v 0 MATCH
(error) ERR syntax error
> ZSCAN none 0 FOO
1) "0"
2) (empty array)
> ZSCAN none abc
(error) ERR invalid cursor
> ZSCAN str 0
(error) WRONGTYPE Operation against a key holding the wrong kind of value
> ZSCAN v
(error) ERR wrong number of arguments for 'zscan' command

# large ones
> CONFIG SET zset-max-listpack-entries 0
OK
> ZADD y 1 a 2 b 3 c 4 d 5 %{e*100}
(integer) 5
> OBJECT ENCODING y
"skiplist"
> ZPOPMIN y
resp2:
1) "a"
2) "1"
resp3:
1) "a"
2) (double) 1
> ZPOPMAX y 1
resp2:
1) "eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee"
2) "5"
resp3:
1)
   1) "eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee"
   2) (double) 5
> ZMPOP 1 y MAX
resp2:
1) "y"
2)
   1)
      1) "d"
      2) "4"
resp3:
1) "y"
2)
   1)
      1) "d"
      2) (double) 4
sorted
> ZRANDMEMBER y 2
1) "b"
2) "c"
> ZPOPMIN y
resp2:
1) "b"
2) "2"
resp3:
1) "b"
2) (double) 2
> ZSCAN y 0
1) "0"
2)
   1) "c"
   2) "3"
> ZPOPMAX y
resp2:
1) "c"
2) "3"
resp3:
1) "c"
2) (double) 3
> EXISTS y
(integer) 0
