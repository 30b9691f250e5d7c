# LSET, LINSERT, LREM, LTRIM.

> RPUSH l a b c d
(integer) 4
> LSET l 0 A
OK
> LSET l -1 D
OK
> LSET l 1 "a longer element than there was"
OK
> LSET l 2 7
OK
> LSET l 4 x
(error) ERR index out of range
> LSET l -5 x
(error) ERR index out of range
> LSET l x y
(error) ERR value is not an integer or out of range
> LSET none 0 x
(error) ERR no such key
> LSET none x x
(error) ERR no such key
> LRANGE l 0 -1
1) "A"
2) "a longer element than there was"
3) "7"
4) "D"
> LINSERT l BEFORE A first
(integer) 5
> LINSERT l after D last
(integer) 6
> LINSERT l Before 7 6
(integer) 7
> LINSERT l AFTER 7 8
(integer) 8
> LINSERT l AFTER nope x
(integer) -1
> LINSERT none AFTER a x
(integer) 0
> LINSERT l BESIDE 7 x
(error) ERR syntax error
> LINSERT none BESIDE 7 x
(error) ERR syntax error
> LRANGE l 0 -1
1) "first"
2) "A"
3) "a longer element than there was"
4) "6"
5) "7"
6) "8"
7) "D"
8) "last"
> DEL l
(integer) 1
> RPUSH l a b a 1 a b 1 a
(integer) 8
> LREM l 1 a
(integer) 1
> LREM l -1 a
(integer) 1
> LREM l 0 1
(integer) 2
> LREM l 0 nope
(integer) 0
> LREM l 5 b
(integer) 2
> LREM l x a
(error) ERR value is not an integer or out of range
> LREM none x a
(error) ERR value is not an integer or out of range
> LREM none 1 a
(integer) 0
> LRANGE l 0 -1
1) "a"
2) "a"
> LREM l -9223372036854775808 a
(integer) 2
> EXISTS l
(integer) 0
> RPUSH l a b c d e f
(integer) 6
> LTRIM l 1 -2
OK
> LRANGE l 0 -1
1) "b"
2) "c"
3) "d"
4) "e"
> LTRIM l -3 100
OK
> LRANGE l 0 -1
1) "c"
2) "d"
3) "e"
> LTRIM l 0 -1
OK
> LTRIM l x 1
(error) ERR value is not an integer or out of range
> LTRIM none x 1
(error) ERR value is not an integer or out of range
> LTRIM none 0 1
OK
> LTRIM l 2 1
OK
> EXISTS l
(integer) 0
> RPUSH l a b
(integer) 2
> LTRIM l 5 7
OK
> EXISTS l
(integer) 0

# an expiry stays as long as there are elements
> RPUSH l a b c
(integer) 3
> EXPIRE l 1000
(integer) 1
> LREM l 0 a
(integer) 1
> LSET l 0 x
OK
> LINSERT l AFTER x y
(integer) 3
> LTRIM l 1 -1
OK
> LRANGE l 0 -1
1) "y"
2) "c"
> TTL l
(integer) 1000

# wrong types, wrong number of arguments
> SET s v
OK
> LSET s 0 x
(error) WRONGTYPE Operation against a key holding the wrong kind of value
> LSET s x x
(error) WRONGTYPE Operation against a key holding the wrong kind of value
> LINSERT s BEFORE a b
(error) WRONGTYPE Operation against a key holding the wrong kind of value
> LINSERT s BESIDE a b
(error) ERR syntax error
> LREM s 1 x
(error) WRONGTYPE Operation against a key holding the wrong kind of value
> LREM s x x
(error) ERR value is not an integer or out of range
> LTRIM s 0 1
(error) WRONGTYPE Operation against a key holding the wrong kind of value
> LTRIM s x 1
(error) ERR value is not an integer or out of range
> LSET l 0
(error) ERR wrong number of arguments for 'lset' command
> LSET l 0 x y
(error) ERR wrong number of arguments for 'lset' command
> LINSERT l BEFORE a
(error) ERR wrong number of arguments for 'linsert' command
> LINSERT l BEFORE a b c
(error) ERR wrong number of arguments for 'linsert' command
> LREM l 0
(error) ERR wrong number of arguments for 'lrem' command
> LREM l 0 a b
(error) ERR wrong number of arguments for 'lrem' command
> LTRIM l 0
(error) ERR wrong number of arguments for 'ltrim' command
> LTRIM l 0 1 2
(error) ERR wrong number of arguments for 'ltrim' command
