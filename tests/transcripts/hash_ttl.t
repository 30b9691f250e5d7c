# The expiry of fields: HEXPIRE HPEXPIRE HEXPIREAT HPEXPIREAT HTTL HPTTL HEXPIRETIME HPEXPIRETIME HPERSIST HGETDEL HGETEX HSETEX.
# What Redis 7.4 (and, HGETDEL HGETEX HSETEX, 8.0) documents.
all since 8.0

> HSET h a 1 b 2 c 3
(integer) 3
> OBJECT ENCODING h
"listpack"
> HTTL h FIELDS 2 a none
1) (integer) -1
2) (integer) -2
> HPTTL h FIELDS 1 a
1) (integer) -1
> HEXPIRETIME h FIELDS 1 a
1) (integer) -1
> HPEXPIRETIME h FIELDS 1 none
1) (integer) -2
> HPERSIST h FIELDS 2 a none
1) (integer) -1
2) (integer) -2
> HTTL none FIELDS 2 a b
1) (integer) -2
2) (integer) -2
> HPTTL none FIELDS 1 a
1) (integer) -2
> HEXPIRETIME none FIELDS 1 a
1) (integer) -2
> HPEXPIRETIME none FIELDS 1 a
1) (integer) -2
> HPERSIST none FIELDS 2 a b
1) (integer) -2
2) (integer) -2
> HEXPIRE none 10 FIELDS 2 a b
1) (integer) -2
2) (integer) -2
> EXISTS none
(integer) 0
> HPEXPIREAT h 60000000000000 FIELDS 2 a none
1) (integer) 1
2) (integer) -2
> OBJECT ENCODING h
"hashtable"
> HPEXPIRETIME h FIELDS 3 a b none
1) (integer) 60000000000000
2) (integer) -1
3) (integer) -2
> HEXPIRETIME h FIELDS 3 a b none
1) (integer) 60000000000
2) (integer) -1
3) (integer) -2
> HEXPIREAT h 50000000001 FIELDS 1 b
1) (integer) 1
> HPEXPIRETIME h FIELDS 2 a b
1) (integer) 60000000000000
2) (integer) 50000000001000
> HEXPIRE h 1000 FIELDS 1 c
1) (integer) 1
> HTTL h FIELDS 1 c
~ 1\) \(integer\) (1000|99\d)
> HPEXPIRE h 1000500 FIELDS 1 c
1) (integer) 1
> HTTL h FIELDS 1 c
~ 1\) \(integer\) (1001|1000|999)
> HPTTL h FIELDS 1 c
~ 1\) \(integer\) (1000|999)\d\d\d
> HLEN h
(integer) 3
> HPERSIST h FIELDS 4 a a b none
1) (integer) 1
2) (integer) -1
3) (integer) 1
4) (integer) -2
> HPERSIST h FIELDS 1 c
1) (integer) 1
> OBJECT ENCODING h
"hashtable"
> HTTL h FIELDS 3 a b c
1) (integer) -1
2) (integer) -1
3) (integer) -1

# Conditions
> HPEXPIREAT h 50000000000000 XX FIELDS 1 a
1) (integer) 0
> HPEXPIREAT h 50000000000000 GT FIELDS 1 a
1) (integer) 0
> HPEXPIREAT h 50000000000000 LT FIELDS 1 a
1) (integer) 1
> HPEXPIREAT h 50000000000000 NX FIELDS 2 a b
1) (integer) 0
2) (integer) 1
> HPEXPIREAT h 50000000000000 GT FIELDS 1 a
1) (integer) 0
> HPEXPIREAT h 50000000000000 LT FIELDS 1 a
1) (integer) 0
> HPEXPIREAT h 50000000000001 GT FIELDS 2 a c
1) (integer) 1
2) (integer) 0
> HPEXPIREAT h 50000000000000 LT FIELDS 1 a
1) (integer) 1
> HPEXPIREAT h 50000000000002 XX FIELDS 3 a c none
1) (integer) 1
2) (integer) 0
3) (integer) -2
> HPEXPIREAT h 50000000000003 nx FIELDS 3 c c c
1) (integer) 1
2) (integer) 0
3) (integer) 0
> HPEXPIREAT h 50000000000004 gt FIELDS 3 c c c
1) (integer) 1
2) (integer) 0
3) (integer) 0
> HPEXPIREAT h 50000000000005 xx FIELDS 3 c c c
1) (integer) 1
2) (integer) 1
3) (integer) 1
> HPEXPIREAT h 50000000000006 FIELDS 3 c c c
1) (integer) 1
2) (integer) 1
3) (integer) 1
> HPEXPIRETIME h FIELDS 3 a b c
1) (integer) 50000000000002
2) (integer) 50000000000000
3) (integer) 50000000000006

# What keeps the expiry and what doesn't
> HSET h a 5
(integer) 0
> HTTL h FIELDS 1 a
1) (integer) -1
> HINCRBY h b 10
(integer) 12
> HINCRBYFLOAT h c 0.5
"3.5"
> HPEXPIRETIME h FIELDS 2 b c
1) (integer) 50000000000000
2) (integer) 50000000000006
> HSET h c %{v*400}
(integer) 0
> HTTL h FIELDS 1 c
1) (integer) -1
> HPEXPIREAT h 50000000000000 FIELDS 1 c
1) (integer) 1
> HSTRLEN h c
(integer) 400
> HSETNX h c x
(integer) 0
> HPEXPIRETIME h FIELDS 1 c
1) (integer) 50000000000000
> HMSET h c x
OK
> HTTL h FIELDS 1 c
1) (integer) -1

# In the past
> HPEXPIREAT h 0 FIELDS 2 a none
1) (integer) 2
2) (integer) -2
> HEXISTS h a
(integer) 0
> HEXPIRE h 0 FIELDS 3 b b a
1) (integer) 2
2) (integer) -2
3) (integer) -2
> HEXPIREAT h 1 NX FIELDS 1 c
1) (integer) 2
> EXISTS h
(integer) 0
> HSET h a 1 b 2
(integer) 2
> HPEXPIREAT h 50000000000000 FIELDS 1 a
1) (integer) 1
> HPEXPIREAT h 1 NX FIELDS 2 a b
1) (integer) 0
2) (integer) 2
> HPEXPIREAT h 1 GT FIELDS 1 a
1) (integer) 0
> HPEXPIREAT h 1 LT FIELDS 1 a
1) (integer) 2
> EXISTS h
(integer) 0

# Fields go by themselves
> HSET h a 1 b 2 c 3
(integer) 3
> HPEXPIRE h 500 FIELDS 2 a b
1) (integer) 1
2) (integer) 1
> HLEN h
(integer) 3
sleep 700
> HGET h a
(nil)
> HLEN h
(integer) 1
> HGETALL h
resp2:
1) "c"
2) "3"
resp3:
1# "c" => "3"
> HMGET h a b c
1) (nil)
2) (nil)
3) "3"
> HEXISTS h a
(integer) 0
> HSTRLEN h a
(integer) 0
> HKEYS h
1) "c"
> HVALS h
1) "3"
> HTTL h FIELDS 2 a c
1) (integer) -2
2) (integer) -1
> HRANDFIELD h -3
1) "c"
2) "c"
3) "c"
> HRANDFIELD h 3
1) "c"
> HSCAN h 0
1) "0"
2)
   1) "c"
   2) "3"
> HDEL h a
(integer) 0
> HSET h b 5
(integer) 1
> HTTL h FIELDS 1 b
1) (integer) -1
> HPEXPIRE h 20 FIELDS 2 b c
1) (integer) 1
2) (integer) 1
sleep 150
> EXISTS h
(integer) 0
> HSET h a 1
(integer) 1
> HPEXPIRE h 1 FIELDS 1 a
1) (integer) 1
sleep 5
> HINCRBY h a 10
(integer) 10
> HSET h b x
(integer) 1
> HPEXPIRE h 1 FIELDS 1 b
1) (integer) 1
sleep 5
> HSETNX h b y
(integer) 1
> HPEXPIRE h 1 FIELDS 1 b
1) (integer) 1
sleep 5
> HPERSIST h FIELDS 1 b
1) (integer) -2
> HGETALL h
resp2:
1) "a"
2) "10"
resp3:
1# "a" => "10"
> DEL h
(integer) 1

# Errors
> HEXPIRE h 10 FIELD 1 a
(error) ERR Mandatory argument FIELDS is missing or not at the right position
> HEXPIRE h 10 a FIELDS 1 a
(error) ERR Mandatory argument FIELDS is missing or not at the right position
> HEXPIRE h 10 NX XX FIELDS 1 a
(error) ERR Mandatory argument FIELDS is missing or not at the right position
> HEXPIRE h 10 FIELDS 2 a
(error) ERR The `numfields` parameter must match the number of arguments
> HEXPIRE h 10 FIELDS 1 a b
(error) ERR The `numfields` parameter must match the number of arguments
> HEXPIRE h 10 FIELDS 0 a
(error) ERR Parameter `numFields` should be greater than 0
> HEXPIRE h 10 FIELDS -1 a
(error) ERR Parameter `numFields` should be greater than 0
> HEXPIRE h 10 FIELDS x a
(error) ERR Parameter `numFields` should be greater than 0
> HEXPIRE h x FIELDS 1 a
(error) ERR value is not an integer or out of range
> HEXPIRE h -1 FIELDS 1 a
(error) ERR invalid expire time, must be >= 0
> HEXPIRE h 70368744177664 FIELDS 1 a
(error) ERR invalid expire time in 'hexpire' command
> HEXPIRE h 9223372036854775807 FIELDS 1 a
(error) ERR invalid expire time in 'hexpire' command
> HPEXPIRE h 70368744177663 FIELDS 1 a
(error) ERR invalid expire time in 'hpexpire' command
> HPEXPIREAT h 70368744177664 FIELDS 1 a
(error) ERR invalid expire time in 'hpexpireat' command
> HPEXPIREAT h 70368744177663 FIELDS 1 a
1) (integer) -2
> HEXPIREAT h 70368744178 FIELDS 1 a
(error) ERR invalid expire time in 'hexpireat' command
> HEXPIRE h 10 NX FIELDS 1
(error) ERR The `numfields` parameter must match the number of arguments
> HEXPIRE h 10 FIELDS 1
(error) ERR wrong number of arguments for 'hexpire' command
> HTTL h FIELDS 1
(error) ERR wrong number of arguments for 'httl' command
> HTTL h X 1 a
(error) ERR Mandatory argument FIELDS is missing or not at the right position
> HTTL h FIELDS 2 a
(error) ERR The `numfields` parameter must match the number of arguments
> HTTL h FIELDS 0 a
(error) ERR Number of fields must be a positive integer
> HPTTL h FIELDS x a
(error) ERR Number of fields must be a positive integer
> HEXPIRETIME h FIELDS 1 a b
(error) ERR The `numfields` parameter must match the number of arguments
> HPEXPIRETIME h x 1 a
(error) ERR Mandatory argument FIELDS is missing or not at the right position
> HPERSIST h FIELDS 0 a
(error) ERR Number of fields must be a positive integer
> HPERSIST h X 1 a
(error) ERR Mandatory argument FIELDS is missing or not at the right position
> HPERSIST h FIELDS 2 a
(error) ERR The `numfields` parameter must match the number of arguments
> SET s x
OK
> HEXPIRE s 10 FIELDS 1 a
(error) WRONGTYPE Operation against a key holding the wrong kind of value
> HEXPIRE s x FIELDS 1 a
(error) WRONGTYPE Operation against a key holding the wrong kind of value
> HTTL s FIELDS 1 a
(error) WRONGTYPE Operation against a key holding the wrong kind of value
> HPERSIST s FIELDS 1 a
(error) WRONGTYPE Operation against a key holding the wrong kind of value
> HGETDEL s FIELDS 1 a
(error) WRONGTYPE Operation against a key holding the wrong kind of value
> HGETEX s FIELDS 1 a
(error) WRONGTYPE Operation against a key holding the wrong kind of value
> HSETEX s FIELDS 1 a 1
(error) WRONGTYPE Operation against a key holding the wrong kind of value

# HGETDEL
> HSET h a 1 b 2 c 3 d 4
(integer) 4
> HGETDEL h FIELDS 3 a none a
1) "1"
2) (nil)
3) (nil)
> HGETDEL none FIELDS 2 a b
1) (nil)
2) (nil)
> HGETDEL h FIELDS 1 none
1) (nil)
> HPEXPIREAT h 50000000000000 FIELDS 1 b
1) (integer) 1
> HGETDEL h FIELDS 2 b c
1) "2"
2) "3"
> HGETALL h
resp2:
1) "d"
2) "4"
resp3:
1# "d" => "4"
> HGETDEL h FIELDS 1 d
1) "4"
> EXISTS h
(integer) 0
> HGETDEL h FIELD 1 a
(error) ERR Mandatory argument FIELDS is missing or not at the right position
> HGETDEL h FIELDS 0 a
(error) ERR Number of fields must be a positive integer
> HGETDEL h FIELDS x a
(error) ERR Number of fields must be a positive integer
> HGETDEL h FIELDS 2 a
(error) ERR The `numfields` parameter must match the number of arguments
> HGETDEL h FIELDS 1
(error) ERR wrong number of arguments for 'hgetdel' command

# HGETEX
> HSET h a 1 b 2
(integer) 2
> HGETEX h FIELDS 2 a none
1) "1"
2) (nil)
> OBJECT ENCODING h
"listpack"
> HGETEX none EX 10 FIELDS 2 a b
1) (nil)
2) (nil)
> HGETEX h PXAT 50000000000000 FIELDS 2 a none
1) "1"
2) (nil)
> HGETEX h EXAT 50000000001 FIELDS 1 b
1) "2"
> HPEXPIRETIME h FIELDS 2 a b
1) (integer) 50000000000000
2) (integer) 50000000001000
> HGETEX h PERSIST FIELDS 2 a none
1) "1"
2) (nil)
> HGETEX h PERSIST FIELDS 1 a
1) "1"
> HTTL h FIELDS 1 a
1) (integer) -1
> HGETEX h EX 1000 FIELDS 1 a
1) "1"
> HTTL h FIELDS 1 a
~ 1\) \(integer\) (1000|99\d)
> HGETEX h PX 1000000 FIELDS 1 b
1) "2"
> HTTL h FIELDS 1 b
~ 1\) \(integer\) (1000|99\d)
> HGETEX h EX 0 FIELDS 2 a a
1) "1"
2) (nil)
> HGETEX h PXAT 1 FIELDS 1 b
1) "2"
> EXISTS h
(integer) 0
> HGETEX h XFIELDX 1 a
(error) ERR Mandatory argument FIELDS is missing or not at the right position
> HGETEX h PXAT 1 1
(error) ERR Mandatory argument FIELDS is missing or not at the right position
> HGETEX h PERSIST 1 FIELDS 1 a
(error) ERR Mandatory argument FIELDS is missing or not at the right position
> HGETEX h FIELDS 2 a
(error) ERR The `numfields` parameter must match the number of arguments
> HGETEX h FIELDS 0 a
(error) ERR Number of fields must be a positive integer
> HGETEX h FIELDS x a
(error) ERR Number of fields must be a positive integer
> HGETEX h EX x FIELDS 1 a
(error) ERR value is not an integer or out of range
> HGETEX h EX -1 FIELDS 1 a
(error) ERR invalid expire time, must be >= 0
> HGETEX h EX 70368744177664 FIELDS 1 a
(error) ERR invalid expire time in 'hgetex' command
> HGETEX h EX 1 PERSIST FIELDS 1 a
(error) ERR Mandatory argument FIELDS is missing or not at the right position
> HGETEX h EX 1 FIELDS
(error) ERR wrong number of arguments for 'hgetex' command
> HGETEX h FIELDS 1
(error) ERR wrong number of arguments for 'hgetex' command

# HSETEX
> HSETEX h FIELDS 2 a 1 b 2
(integer) 1
> OBJECT ENCODING h
"listpack"
> HSETEX h FNX FIELDS 2 a 5 c 5
(integer) 0
> HSETEX h FXX FIELDS 2 a 5 c 5
(integer) 0
> HSETEX h FNX FIELDS 2 c 3 d 4
(integer) 1
> HSETEX h fxx FIELDS 2 c 33 d 44
(integer) 1
> HSETEX none FXX FIELDS 1 a 1
(integer) 0
> EXISTS none
(integer) 0
> HGETALL h
resp2:
1) "a"
2) "1"
3) "b"
4) "2"
5) "c"
6) "33"
7) "d"
8) "44"
resp3:
1# "a" => "1"
2# "b" => "2"
3# "c" => "33"
4# "d" => "44"
> HSETEX h PXAT 50000000000000 FIELDS 2 a 10 e 5
(integer) 1
> HSETEX h EXAT 50000000001 FXX FIELDS 1 b 20
(integer) 1
> HPEXPIRETIME h FIELDS 4 a b c e
1) (integer) 50000000000000
2) (integer) 50000000001000
3) (integer) -1
4) (integer) 50000000000000
> HSETEX h KEEPTTL FIELDS 3 a 11 c 30 f 6
(integer) 1
> HPEXPIRETIME h FIELDS 3 a c f
1) (integer) 50000000000000
2) (integer) -1
3) (integer) -1
> HSETEX h FIELDS 1 a 12
(integer) 1
> HPEXPIRETIME h FIELDS 1 a
1) (integer) -1
> HSETEX h EX 1000 FIELDS 1 a 13
(integer) 1
> HTTL h FIELDS 1 a
~ 1\) \(integer\) (1000|99\d)
> HSETEX h FNX PX 1000000 FIELDS 1 g 7
(integer) 1
> HTTL h FIELDS 1 g
~ 1\) \(integer\) (1000|99\d)
> HSETEX h EX 0 FIELDS 2 g x z x
(integer) 1
> HMGET h g z a
1) (nil)
2) (nil)
3) "13"
> HSETEX gone PXAT 1 FIELDS 1 a 1
(integer) 1
> EXISTS gone
(integer) 0
> HSETEX h PXAT 1 FIELDS 9 a 1 b 1 c 1 d 1 e 1 f 1 a 1 b 1 x 1
(integer) 1
> EXISTS h
(integer) 0
> HSETEX h PX 1 FIELDS 1 a 1
(integer) 1
sleep 150
> EXISTS h
(integer) 0
> HSETEX h FIELDS 1 a
(error) ERR wrong number of arguments for 'hsetex' command
> HSETEX h FIELDS 2 a b
(error) ERR wrong number of arguments for 'hsetex' command
> HSETEX h FIELDS 1 a b c
(error) ERR wrong number of arguments for 'hsetex' command
> HSETEX h FIELDS 0 a b
(error) ERR invalid number of fields
> HSETEX h FIELDS x a b
(error) ERR invalid number of fields
> HSETEX h NX FIELDS 1 a b
(error) ERR unknown argument: NX
> HSETEX h FNX FXX FIELDS 1 a b
(error) ERR Only one of FXX or FNX arguments can be specified
> HSETEX h FNX FNX FIELDS 1 a b
(error) ERR Only one of FXX or FNX arguments can be specified
> HSETEX h EX 1 PX 1 FIELDS 1 a b
(error) ERR Only one of EX, PX, EXAT, PXAT or KEEPTTL arguments can be specified
> HSETEX h EX 1 KEEPTTL FIELDS 1 a b
(error) ERR Only one of EX, PX, EXAT, PXAT or KEEPTTL arguments can be specified
> HSETEX h KEEPTTL KEEPTTL FIELDS 1 a b
(error) ERR Only one of EX, PX, EXAT, PXAT or KEEPTTL arguments can be specified
> HSETEX h EX -1 FIELDS 1 a b
(error) ERR invalid expire time, must be >= 0
> HSETEX h EX x FIELDS 1 a b
(error) ERR value is not an integer or out of range
> HSETEX h PXAT 70368744177664 FIELDS 1 a b
(error) ERR invalid expire time in 'hsetex' command
> HSETEX h FNX KEEPTTL x y
(error) ERR unknown argument: x
> HSETEX h FNX KEEPTTL FIELDS 1
(error) ERR wrong number of arguments for 'hsetex' command
> HSETEX h FNX KEEPTTL FNX y
(error) ERR Only one of FXX or FNX arguments can be specified
> EXISTS h
(integer) 0

# Names that many, and twice
> CONFIG SET hash-max-listpack-entries 3
OK
> HSET h 1 a 2 b 3 c 4 d
(integer) 4
> HPEXPIREAT h 1 FIELDS 40 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 2
1) (integer) 2
2) (integer) -2
3) (integer) -2
4) (integer) -2
5) (integer) -2
6) (integer) -2
7) (integer) -2
8) (integer) -2
9) (integer) -2
10) (integer) -2
11) (integer) -2
12) (integer) -2
13) (integer) -2
14) (integer) -2
15) (integer) -2
16) (integer) -2
17) (integer) -2
18) (integer) -2
19) (integer) -2
20) (integer) -2
21) (integer) -2
22) (integer) -2
23) (integer) -2
24) (integer) -2
25) (integer) -2
26) (integer) -2
27) (integer) -2
28) (integer) -2
29) (integer) -2
30) (integer) -2
31) (integer) -2
32) (integer) -2
33) (integer) -2
34) (integer) -2
35) (integer) -2
36) (integer) -2
37) (integer) -2
38) (integer) -2
39) (integer) -2
40) (integer) 2
> HGETDEL h FIELDS 40 3 3 3 3 3 3 3 3 3 3 3 3 3 3 3 3 3 3 3 3 3 3 3 3 3 3 3 3 3 3 3 3 3 3 3 3 3 3 3 1
1) "c"
2) (nil)
3) (nil)
4) (nil)
5) (nil)
6) (nil)
7) (nil)
8) (nil)
9) (nil)
10) (nil)
11) (nil)
12) (nil)
13) (nil)
14) (nil)
15) (nil)
16) (nil)
17) (nil)
18) (nil)
19) (nil)
20) (nil)
21) (nil)
22) (nil)
23) (nil)
24) (nil)
25) (nil)
26) (nil)
27) (nil)
28) (nil)
29) (nil)
30) (nil)
31) (nil)
32) (nil)
33) (nil)
34) (nil)
35) (nil)
36) (nil)
37) (nil)
38) (nil)
39) (nil)
40) (nil)
> HGETALL h
resp2:
1) "4"
2) "d"
resp3:
1# "4" => "d"
> CONFIG SET hash-max-listpack-entries 128
OK

# A key with fields that expire is renamed and copied
> DEL h
(integer) 1
> HSET h a 1 b 2
(integer) 2
> HPEXPIREAT h 50000000000000 FIELDS 1 a
1) (integer) 1
> RENAME h {h}2
OK
> HPEXPIRETIME {h}2 FIELDS 2 a b
1) (integer) 50000000000000
2) (integer) -1
> COPY {h}2 h
(integer) 1
> HPEXPIRE {h}2 20 FIELDS 1 a
1) (integer) 1
sleep 150
> HGETALL {h}2
resp2:
1) "b"
2) "2"
resp3:
1# "b" => "2"
> HPEXPIRETIME h FIELDS 2 a b
1) (integer) 50000000000000
2) (integer) -1
> HPEXPIRE h 20 FIELDS 2 a b
1) (integer) 1
2) (integer) 1
> RENAME h {h}3
OK
sleep 150
> EXISTS h {h}3
(integer) 0
