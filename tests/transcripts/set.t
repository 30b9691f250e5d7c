# SET with every option, and its older forms.

> SET k v
OK
> GET k
"v"
> SET k ""
OK
> GET k
""
> STRLEN k
(integer) 0
> SET "" "the empty key"
OK
> GET ""
"the empty key"
> SET "bin\x00\r\nkey" "\x00\xff\r\n"
OK
> GET "bin\x00\r\nkey"
"\x00\xff\r\n"
> SET k %{abc*10000}
OK
> STRLEN k
(integer) 30000
> SET k
(error) ERR wrong number of arguments for 'set' command
> SET
(error) ERR wrong number of arguments for 'set' command
> SET k v extra
(error) ERR syntax error
> SET k v NX XX
(error) ERR syntax error
> SET k v XX NX
(error) ERR syntax error
> SET k v nx nx
(nil)

# NX and XX
> DEL k
(integer) 1
> SET k 1 XX
(nil)
> EXISTS k
(integer) 0
> SET k 1 NX
OK
> SET k 2 NX
(nil)
> GET k
"1"
> SET k 3 XX
OK
> GET k
"3"
> SET k 4 xX
OK
> SET k 5 nX
(nil)

# GET
> SET k 6 GET
"4"
> SET none 1 GET
(nil)
> GET none
"1"
> SET k 7 NX GET
"6"
> GET k
"6"
> SET none2 1 XX GET
(nil)
> EXISTS none2
(integer) 0
> SET none2 1 NX GET
(nil)
> GET none2
"1"
> SET k 8 GET GET get
"6"
> SET k 9 XX GET
"8"

# expiry
> SET k v EX 100
OK
> TTL k
~ \(integer\) (100|99|98)
> SET k v
OK
> TTL k
(integer) -1
> SET k v PX 100000
OK
> TTL k
~ \(integer\) (100|99|98)
> SET k v EXAT 99999999999
OK
> EXPIRETIME k
(integer) 99999999999
> SET k v PXAT 99999999999999
OK
> PEXPIRETIME k
(integer) 99999999999999
> SET k w KEEPTTL
OK
> PEXPIRETIME k
(integer) 99999999999999
> GET k
"w"
> SET k x keepttl GET
"w"
> PEXPIRETIME k
(integer) 99999999999999
> SET new v KEEPTTL
OK
> TTL new
(integer) -1
> SET k v KEEPTTL KEEPTTL
OK
> SET k v EX 10 EX 200
OK
> TTL k
~ \(integer\) (200|199|198)
> SET k v EX 10 PX 10
(error) ERR syntax error
> SET k v EX 10 EXAT 10
(error) ERR syntax error
> SET k v PXAT 10 PX 10
(error) ERR syntax error
> SET k v EX 10 KEEPTTL
(error) ERR syntax error
> SET k v KEEPTTL PX 10
(error) ERR syntax error
> SET k v PERSIST
(error) ERR syntax error
> SET k v EX
(error) ERR syntax error
> SET k v PX
(error) ERR syntax error
> SET k v GET EXAT
(error) ERR syntax error
> SET k v EX 0
(error) ERR invalid expire time in 'set' command
> SET k v EX -1
(error) ERR invalid expire time in 'set' command
> SET k v PX 0
(error) ERR invalid expire time in 'set' command
> SET k v EXAT 0
(error) ERR invalid expire time in 'set' command
> SET k v PXAT -5
(error) ERR invalid expire time in 'set' command
> SET k v EX ten
(error) ERR value is not an integer or out of range
> SET k v EX 1.5
(error) ERR value is not an integer or out of range
> SET k v PX ""
(error) ERR value is not an integer or out of range
> SET k v EX 9223372036854775807
(error) ERR invalid expire time in 'set' command
> SET k v EX 9223372036854776
(error) ERR invalid expire time in 'set' command
> SET k v EX 9223372036854775
(error) ERR invalid expire time in 'set' command
> SET k v PX 9223372036854775807
(error) ERR invalid expire time in 'set' command
> SET k v EXAT 9223372036854775
OK
> SET k v EXAT 9223372036854776
(error) ERR invalid expire time in 'set' command
> SET k v PXAT 9223372036854775807
OK
> PEXPIRETIME k
(integer) 9223372036854775807
> SET k v PX 9223372036854775808
(error) ERR value is not an integer or out of range
> GET k
"v"
> SET k v NX EX 10 GET FOO
(error) ERR syntax error
> SET k v NX EX bad
(error) ERR value is not an integer or out of range
> SET gone v PXAT 1
OK
> GET gone
(nil)
> TTL gone
(integer) -2
> SET gone v NX EX 100
OK
> TTL gone
~ \(integer\) (100|99|98)
> SET gone2 v EXAT 1
OK
> SET gone2 w NX GET
(nil)

# an expiry that comes
> SET k v PX 30
OK
> GET k
"v"
sleep 60
> GET k
(nil)
> SET k again NX
OK
> GET k
"again"

# SETNX
> DEL k
(integer) 1
> SETNX k 1
(integer) 1
> SETNX k 2
(integer) 0
> GET k
"1"
> SETNX k
(error) ERR wrong number of arguments for 'setnx' command
> SETNX k 1 2
(error) ERR wrong number of arguments for 'setnx' command

# SETEX, PSETEX
> SETEX k 100 v
OK
> TTL k
~ \(integer\) (100|99|98)
> GET k
"v"
> PSETEX k 100000 w
OK
> TTL k
~ \(integer\) (100|99|98)
> GET k
"w"
> SETEX k 0 v
(error) ERR invalid expire time in 'setex' command
> SETEX k -1 v
(error) ERR invalid expire time in 'setex' command
> SETEX k x v
(error) ERR value is not an integer or out of range
> SETEX k 9223372036854775807 v
(error) ERR invalid expire time in 'setex' command
> SETEX k 10
(error) ERR wrong number of arguments for 'setex' command
> PSETEX k 0 v
(error) ERR invalid expire time in 'psetex' command
> PSETEX k -1 v
(error) ERR invalid expire time in 'psetex' command
> PSETEX k x v
(error) ERR value is not an integer or out of range
> PSETEX k 9223372036854775807 v
(error) ERR invalid expire time in 'psetex' command
> PSETEX k 10
(error) ERR wrong number of arguments for 'psetex' command
> GET k
"w"
> TTL k
~ \(integer\) (100|99|98)

# GETSET
> GETSET k x
"w"
> TTL k
(integer) -1
> GETSET k2 y
(nil)
> GETSET k2 z
"y"
> GETSET k2
(error) ERR wrong number of arguments for 'getset' command
> GET k2
"z"
