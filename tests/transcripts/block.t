# Commands that wait: BLPOP, BRPOP, BLMOVE, BRPOPLPUSH, BLMPOP, BZPOPMIN, BZPOPMAX, BZMPOP.

# Arguments
> BLPOP
(error) ERR wrong number of arguments for 'blpop' command
> BLPOP k
(error) ERR wrong number of arguments for 'blpop' command
> BLPOP k x
(error) ERR timeout is not a float or out of range
> BLPOP k -1
(error) ERR timeout is negative
> BRPOP k 1 -0.1
(error) ERR timeout is negative
> BLMOVE a b LEFT RIGHT x
(error) ERR timeout is not a float or out of range
> BLMOVE a b LEFT UP 0
(error) ERR syntax error
> BRPOPLPUSH a b nan
(error) ERR timeout is not a float or out of range
> BLMPOP x 1 k LEFT
(error) ERR timeout is not a float or out of range
> BLMPOP 0 0 k LEFT
(error) ERR numkeys should be greater than 0
> BLMPOP 0 2 k LEFT
(error) ERR syntax error
> BLMPOP 0 1 k UP
(error) ERR syntax error
> BLMPOP 0 1 k LEFT COUNT 0
(error) ERR count should be greater than 0
> BLMPOP 0 1 k LEFT COUNT 1 COUNT 1
(error) ERR syntax error
> BZPOPMIN k -1
(error) ERR timeout is negative
> BZPOPMAX k x
(error) ERR timeout is not a float or out of range
> BZMPOP 0 0 k MIN
(error) ERR numkeys should be greater than 0
> BZMPOP 0 1 k UP
(error) ERR syntax error
> BZMPOP 0 1 k MIN COUNT 0
(error) ERR count should be greater than 0

# Something is there
> RPUSH l a b c d e
(integer) 5
> BLPOP nothing l 0
1) "l"
2) "a"
> BRPOP l nothing 0
1) "l"
2) "e"
> BLMOVE l m RIGHT LEFT 0
"d"
> BRPOPLPUSH l m 0
"c"
> BLMPOP 0 2 nothing m LEFT COUNT 5
1) "m"
2)
   1) "c"
   2) "d"
> ZADD z 1 a 2 b 3 c 4.5 d
(integer) 4
> BZPOPMIN nothing z 0
1) "z"
2) "a"
resp2:
3) "1"
resp3:
3) (double) 1
> BZPOPMAX z 0
1) "z"
2) "d"
resp2:
3) "4.5"
resp3:
3) (double) 4.5
> BZMPOP 0 2 nothing z MAX COUNT 10
resp2:
1) "z"
2)
   1)
      1) "c"
      2) "3"
   2)
      1) "b"
      2) "2"
resp3:
1) "z"
2)
   1)
      1) "c"
      2) (double) 3
   2)
      1) "b"
      2) (double) 2
> EXISTS z m
(integer) 0

# Something else is there
> SET s x
OK
> BLPOP s 0
(error) WRONGTYPE Operation against a key holding the wrong kind of value
> BLPOP l s 0
1) "l"
2) "b"
> BLMOVE s l LEFT LEFT 0
(error) WRONGTYPE Operation against a key holding the wrong kind of value
> BZPOPMIN s 0
(error) WRONGTYPE Operation against a key holding the wrong kind of value
> BLMPOP 0 1 s LEFT
(error) WRONGTYPE Operation against a key holding the wrong kind of value
> BZMPOP 0 1 s MIN
(error) WRONGTYPE Operation against a key holding the wrong kind of value

# Nothing comes
> BLPOP k 0.01
(nil array)
> BRPOP k k2 0.01
(nil array)
> BLMOVE k k2 LEFT LEFT 0.01
(nil array)
> BRPOPLPUSH k k2 0.01
(nil array)
> BLMPOP 0.01 1 k LEFT
(nil array)
> BZPOPMIN k 0.01
(nil array)
> BZPOPMAX k k2 0.01
(nil array)
> BZMPOP 0.01 2 k k2 MIN
(nil array)

# Something comes: in order, to each what he waits for, and nobody sees it in between
on socket
a> BLPOP w v 0
(no reply)
b> BRPOP v w 0
(no reply)
c> BLMPOP 0 1 w LEFT COUNT 2
(no reply)
d> RPUSH w 1 2 3 4
(integer) 4
d> LRANGE w 0 -1
(empty array)
client a
<
1) "w"
2) "1"
client b
<
1) "w"
2) "4"
client c
<
1) "w"
2)
   1) "2"
   2) "3"

# From list to list
a> BLMOVE w x LEFT RIGHT 0
(no reply)
b> BRPOPLPUSH x y 0
(no reply)
c> BLPOP y 0
(no reply)
d> LPUSH w moved
(integer) 1
client a
<
"moved"
client b
<
"moved"
client c
<
1) "y"
2) "moved"
d> EXISTS w x y
(integer) 0

# Who waits for a list does not mind a sorted set, nor the other way round
a> BLPOP w 0
(no reply)
b> BZPOPMIN w 0
(no reply)
d> ZADD w 1 member
(integer) 1
client b
<
1) "w"
2) "member"
resp2:
3) "1"
resp3:
3) (double) 1
d> RPUSH w element
(integer) 1
client a
<
1) "w"
2) "element"

# By other ways than a push: RENAME, COPY, SORT's and others' results
a> BLPOP w 0
(no reply)
d> RPUSH other 1 2
(integer) 2
d> RENAME other w
OK
client a
<
1) "w"
2) "1"
d> DEL w
(integer) 1
a> BZPOPMAX w 0
(no reply)
d> ZADD other 5 five
(integer) 1
d> ZUNIONSTORE w 1 other
(integer) 1
client a
<
1) "w"
2) "five"
resp2:
3) "5"
resp3:
3) (double) 5
d> EXISTS w
(integer) 0

# A destination of another type: the error is his who waits, and the element stays for the next
a> BLMOVE w s LEFT LEFT 0
(no reply)
b> BLPOP w 0
(no reply)
d> RPUSH w kept
(integer) 1
client a
<
(error) WRONGTYPE Operation against a key holding the wrong kind of value
client b
<
1) "w"
2) "kept"
