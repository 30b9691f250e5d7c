# GET, GETDEL, GETEX, MGET, STRLEN, and parts of strings.

> GET none
(nil)
> GET
(error) ERR wrong number of arguments for 'get' command
> GET a b
(error) ERR wrong number of arguments for 'get' command
> SET k value
OK
> GET k
"value"

# GETDEL
> GETDEL k
"value"
> EXISTS k
(integer) 0
> GETDEL k
(nil)
> GETDEL
(error) ERR wrong number of arguments for 'getdel' command
> GETDEL a b
(error) ERR wrong number of arguments for 'getdel' command
> SET n 42
OK
> GETDEL n
"42"
> SET k %{0123456789*5000}
OK
> STRLEN k
(integer) 50000
> GETDEL k
"%{0123456789*5000}"
> EXISTS k
(integer) 0

# GETEX
> GETEX none
(nil)
> GETEX none EX 0
(nil)
> SET k v
OK
> GETEX k
"v"
> TTL k
(integer) -1
> GETEX k EX 100
"v"
> TTL k
~ \(integer\) (100|99|98)
> GETEX k
"v"
> TTL k
~ \(integer\) (100|99|98)
> GETEX k PX 100000
"v"
> TTL k
~ \(integer\) (100|99|98)
> GETEX k EXAT 99999999999
"v"
> EXPIRETIME k
(integer) 99999999999
> GETEX k PXAT 99999999999999
"v"
> PEXPIRETIME k
(integer) 99999999999999
> GETEX k PERSIST
"v"
> TTL k
(integer) -1
> GETEX k PERSIST
"v"
> GETEX k persist PERSIST
"v"
> GETEX k EX 10 EX 200
"v"
> TTL k
~ \(integer\) (200|199|198)
> GETEX k EX 10 PX 10
(error) ERR syntax error
> GETEX k EX 10 PERSIST
(error) ERR syntax error
> GETEX k PERSIST EX 10
(error) ERR syntax error
> GETEX k NX
(error) ERR syntax error
> GETEX k GET
(error) ERR syntax error
> GETEX k KEEPTTL
(error) ERR syntax error
> GETEX k EX
(error) ERR syntax error
> GETEX k EX 0
(error) ERR invalid expire time in 'getex' command
> GETEX k EX -1
(error) ERR invalid expire time in 'getex' command
> GETEX k PX 0
(error) ERR invalid expire time in 'getex' command
> GETEX k EXAT 0
(error) ERR invalid expire time in 'getex' command
> GETEX k PXAT -1
(error) ERR invalid expire time in 'getex' command
> GETEX k EX x
(error) ERR value is not an integer or out of range
> GETEX k EX 9223372036854775807
(error) ERR invalid expire time in 'getex' command
> GETEX k PX 9223372036854775807
(error) ERR invalid expire time in 'getex' command
> GETEX none FOO
(error) ERR syntax error
> GETEX
(error) ERR wrong number of arguments for 'getex' command
> TTL k
~ \(integer\) (200|199|198)
> GETEX k EXAT 1
"v"
> EXISTS k
(integer) 0
> SET k w
OK
> GETEX k PXAT 1
"w"
> EXISTS k
(integer) 0

# MGET
> MSET a 1 b two c ""
OK
> MGET a b none c a
1) "1"
2) "two"
3) (nil)
4) ""
5) "1"
> MGET none
1) (nil)
> MGET
(error) ERR wrong number of arguments for 'mget' command
> MGET a b c a b c a b c a b c a b c a b c a b c
1) "1"
2) "two"
3) ""
4) "1"
5) "two"
6) ""
7) "1"
8) "two"
9) ""
10) "1"
11) "two"
12) ""
13) "1"
14) "two"
15) ""
16) "1"
17) "two"
18) ""
19) "1"
20) "two"
21) ""

# STRLEN
> STRLEN none
(integer) 0
> STRLEN a
(integer) 1
> STRLEN b
(integer) 3
> SET n -1234567890
OK
> STRLEN n
(integer) 11
> STRLEN
(error) ERR wrong number of arguments for 'strlen' command
> STRLEN a b
(error) ERR wrong number of arguments for 'strlen' command

# APPEND
> DEL k
(integer) 0
> APPEND k abc
(integer) 3
> APPEND k def
(integer) 6
> GET k
"abcdef"
> APPEND k ""
(integer) 6
> APPEND empty ""
(integer) 0
> EXISTS empty
(integer) 1
> GET empty
""
> SET n 10
OK
> APPEND n 5
(integer) 3
> GET n
"105"
> INCR n
(integer) 106
> APPEND num 12
(integer) 2
> OBJECT ENCODING num
"int"
> APPEND num 3
(integer) 3
> OBJECT ENCODING num
"raw"
> GET num
"123"
> SET k v EX 100
OK
> APPEND k w
(integer) 2
> TTL k
~ \(integer\) (100|99|98)
> APPEND k %{x*100000}
(integer) 100002
> STRLEN k
(integer) 100002
> APPEND k
(error) ERR wrong number of arguments for 'append' command
> APPEND k a b
(error) ERR wrong number of arguments for 'append' command

# SETRANGE
> SET k "Hello World"
OK
> SETRANGE k 6 Redis
(integer) 11
> GET k
"Hello Redis"
> SETRANGE k 20 !
(integer) 21
> GET k
"Hello Redis\x00\x00\x00\x00\x00\x00\x00\x00\x00!"
> SETRANGE new 5 x
(integer) 6
> GET new
"\x00\x00\x00\x00\x00x"
> SETRANGE none 0 ""
(integer) 0
> EXISTS none
(integer) 0
> SETRANGE none 10 ""
(integer) 0
> SETRANGE k 0 ""
(integer) 21
> SETRANGE k 100 ""
(integer) 21
> SETRANGE k -1 x
(error) ERR offset is out of range
> SETRANGE k -1 ""
(error) ERR offset is out of range
> SETRANGE k x y
(error) ERR value is not an integer or out of range
> SETRANGE k 9223372036854775808 y
(error) ERR value is not an integer or out of range
> SETRANGE k 9223372036854775807 y
(error) ERR string exceeds maximum allowed size (proto-max-bulk-len)
> SETRANGE k 536870911 xx
(error) ERR string exceeds maximum allowed size (proto-max-bulk-len)
> SETRANGE none 536870912 x
(error) ERR string exceeds maximum allowed size (proto-max-bulk-len)
> SETRANGE none 4294967296 x
(error) ERR string exceeds maximum allowed size (proto-max-bulk-len)
> SET n 12345
OK
> SETRANGE n 1 99
(integer) 5
> GET n
"19945"
> INCR n
(integer) 19946
> SET e v EX 100
OK
> SETRANGE e 1 w
(integer) 2
> TTL e
~ \(integer\) (100|99|98)
> SETRANGE k 0
(error) ERR wrong number of arguments for 'setrange' command
> SETRANGE k 0 a b
(error) ERR wrong number of arguments for 'setrange' command

# GETRANGE, SUBSTR
> SET k "This is a string"
OK
> GETRANGE k 0 3
"This"
> GETRANGE k -3 -1
"ing"
> GETRANGE k 0 -1
"This is a string"
> GETRANGE k 10 100
"string"
> GETRANGE k 5 4
""
> GETRANGE k -1 -5
""
> GETRANGE k -100 3
"This"
> GETRANGE k -100 -50
"T"
> GETRANGE k 16 20
""
> GETRANGE k 15 20
"g"
> GETRANGE k 0 9223372036854775807
"This is a string"
> GETRANGE k -9223372036854775808 9223372036854775807
"This is a string"
> GETRANGE k -9223372036854775808 -9223372036854775808
"T"
> GETRANGE k -1 -9223372036854775808
""
> GETRANGE k 0 -100
"T"
> GETRANGE k x 1
(error) ERR value is not an integer or out of range
> GETRANGE k 1 x
(error) ERR value is not an integer or out of range
> GETRANGE k 0 9223372036854775808
(error) ERR value is not an integer or out of range
> GETRANGE none 0 -1
""
> SET n 12345
OK
> GETRANGE n 1 3
"234"
> SET e ""
OK
> GETRANGE e 0 -1
""
> GETRANGE k 0
(error) ERR wrong number of arguments for 'getrange' command
> SUBSTR k 0 3
"This"
> SUBSTR k -6 -1
"string"
> SUBSTR none 0 -1
""
> SUBSTR k x 1
(error) ERR value is not an integer or out of range
> SUBSTR k
(error) ERR wrong number of arguments for 'substr' command
