# EXPIRE, PEXPIRE, EXPIREAT, PEXPIREAT with their flags; TTL, PTTL, EXPIRETIME, PEXPIRETIME, PERSIST.

> SET k v
OK
> TTL k
(integer) -1
> PTTL k
(integer) -1
> EXPIRETIME k
(integer) -1
> PEXPIRETIME k
(integer) -1
> TTL none
(integer) -2
> PTTL none
(integer) -2
> EXPIRETIME none
(integer) -2
> PEXPIRETIME none
(integer) -2
> EXPIRE none 10
(integer) 0
> EXPIRE k 100
(integer) 1
> TTL k
~ \(integer\) (100|99|98)
> PEXPIRE k 200000
(integer) 1
> TTL k
~ \(integer\) (200|199|198)
> EXPIREAT k 99999999999
(integer) 1
> EXPIRETIME k
(integer) 99999999999
> PEXPIRETIME k
(integer) 99999999999000
> PEXPIREAT k 99999999999999
(integer) 1
> PEXPIRETIME k
(integer) 99999999999999
> EXPIRETIME k
(integer) 100000000000
> PEXPIREAT k 99999999999499
(integer) 1
> EXPIRETIME k
(integer) 99999999999
> PEXPIREAT k 99999999999500
(integer) 1
> EXPIRETIME k
(integer) 100000000000
> PERSIST k
(integer) 1
> PERSIST k
(integer) 0
> PERSIST none
(integer) 0
> TTL k
(integer) -1

# the past deletes
> EXPIRE k 0
(integer) 1
> EXISTS k
(integer) 0
> SET k v
OK
> EXPIRE k -1
(integer) 1
> EXISTS k
(integer) 0
> SET k v
OK
> PEXPIRE k -1
(integer) 1
> EXISTS k
(integer) 0
> SET k v
OK
> EXPIREAT k 1
(integer) 1
> EXISTS k
(integer) 0
> SET k v
OK
> EXPIREAT k 0
(integer) 1
> EXISTS k
(integer) 0
> SET k v
OK
> PEXPIREAT k -100
(integer) 1
> EXISTS k
(integer) 0
> SET k v
OK
> EXPIRE k -9223372036854775
(integer) 1
> EXISTS k
(integer) 0
> SET k v
OK
> PEXPIRE k -9223372036854775808
(integer) 1
> EXISTS k
(integer) 0

# a time that comes
> SET k v
OK
> PEXPIRE k 30
(integer) 1
> GET k
"v"
sleep 60
> GET k
(nil)
> TTL k
(integer) -2
> EXPIRE k 10
(integer) 0
> PERSIST k
(integer) 0

# bad numbers
> SET k v
OK
> EXPIRE k x
(error) ERR value is not an integer or out of range
> EXPIRE k 1.5
(error) ERR value is not an integer or out of range
> EXPIRE k ""
(error) ERR value is not an integer or out of range
> EXPIRE k 9223372036854775807
(error) ERR invalid expire time in 'expire' command
> EXPIRE k -9223372036854775808
(error) ERR invalid expire time in 'expire' command
> EXPIRE k 9223372036854775
(error) ERR invalid expire time in 'expire' command
> PEXPIRE k 9223372036854775807
(error) ERR invalid expire time in 'pexpire' command
> PEXPIRE k 9223372036854775808
(error) ERR value is not an integer or out of range
> EXPIREAT k 9223372036854775807
(error) ERR invalid expire time in 'expireat' command
> EXPIREAT k 9223372036854776
(error) ERR invalid expire time in 'expireat' command
> PEXPIREAT k 9223372036854775807
(integer) 1
> PEXPIRETIME k
(integer) 9223372036854775807
> PEXPIREAT k x
(error) ERR value is not an integer or out of range
> EXPIREAT k x
(error) ERR value is not an integer or out of range
> EXPIRE none x
(error) ERR value is not an integer or out of range
> EXPIRE none 9223372036854775807
(error) ERR invalid expire time in 'expire' command

# flags
> SET k v
OK
> EXPIRE k 100 XX
(integer) 0
> EXPIRE k 100 GT
(integer) 0
> TTL k
(integer) -1
> EXPIRE k 100 LT
(integer) 1
> TTL k
~ \(integer\) (100|99|98)
> EXPIRE k 200 NX
(integer) 0
> EXPIRE k 200 XX
(integer) 1
> TTL k
~ \(integer\) (200|199|198)
> EXPIRE k 100 GT
(integer) 0
> EXPIRE k 300 GT
(integer) 1
> TTL k
~ \(integer\) (300|299|298)
> EXPIRE k 400 LT
(integer) 0
> EXPIRE k 50 LT
(integer) 1
> TTL k
~ \(integer\) (50|49|48)
> PERSIST k
(integer) 1
> EXPIRE k 100 nx
(integer) 1
> EXPIRE k 200 xx gt
(integer) 1
> TTL k
~ \(integer\) (200|199|198)
> EXPIRE k 100 XX LT
(integer) 1
> TTL k
~ \(integer\) (100|99|98)
> EXPIRE k 100 XX XX
(integer) 1
> PEXPIREAT k 99999999999999 GT
(integer) 1
> PEXPIREAT k 99999999999999 GT
(integer) 0
> PEXPIREAT k 99999999999999 LT
(integer) 0
> PEXPIREAT k 99999999999998 LT
(integer) 1
> EXPIREAT k 99999999998 LT
(integer) 1
> EXPIREAT k 99999999999 GT
(integer) 1
> PEXPIRE k 100000 NX
(integer) 0
> PEXPIRE k 100000 XX
(integer) 1
> EXPIRE k -1 GT
(integer) 0
> EXISTS k
(integer) 1
> EXPIRE k -1 NX
(integer) 0
> EXISTS k
(integer) 1
> EXPIRE k -1 LT
(integer) 1
> EXISTS k
(integer) 0
> EXPIRE none 10 NX
(integer) 0
> SET k v
OK
> EXPIRE k 10 NX XX
(error) ERR NX and XX, GT or LT options at the same time are not compatible
> EXPIRE k 10 NX GT
(error) ERR NX and XX, GT or LT options at the same time are not compatible
> EXPIRE k 10 LT NX
(error) ERR NX and XX, GT or LT options at the same time are not compatible
> EXPIRE k 10 GT LT
(error) ERR GT and LT options at the same time are not compatible
> EXPIRE k 10 GT LT XX
(error) ERR GT and LT options at the same time are not compatible
> EXPIRE k 10 FOO
(error) ERR Unsupported option FOO
> EXPIRE k 10 NX FOO
(error) ERR Unsupported option FOO
> EXPIRE k x NX XX
(error) ERR NX and XX, GT or LT options at the same time are not compatible
> EXPIRE k x FOO
(error) ERR Unsupported option FOO
> PEXPIRE k 10 FOO
(error) ERR Unsupported option FOO
> EXPIREAT k 10 NX XX
(error) ERR NX and XX, GT or LT options at the same time are not compatible
> PEXPIREAT k 10 GT LT
(error) ERR GT and LT options at the same time are not compatible
> EXPIRE k
(error) ERR wrong number of arguments for 'expire' command
> EXPIRE
(error) ERR wrong number of arguments for 'expire' command
> PEXPIRE k
(error) ERR wrong number of arguments for 'pexpire' command
> EXPIREAT k
(error) ERR wrong number of arguments for 'expireat' command
> PEXPIREAT k
(error) ERR wrong number of arguments for 'pexpireat' command
> TTL
(error) ERR wrong number of arguments for 'ttl' command
> TTL a b
(error) ERR wrong number of arguments for 'ttl' command
> PTTL
(error) ERR wrong number of arguments for 'pttl' command
> EXPIRETIME
(error) ERR wrong number of arguments for 'expiretime' command
> PEXPIRETIME
(error) ERR wrong number of arguments for 'pexpiretime' command
> PERSIST
(error) ERR wrong number of arguments for 'persist' command
> PERSIST a b
(error) ERR wrong number of arguments for 'persist' command
> GET k
"v"

# keys of every length keep what they hold when an expiry comes or goes
> SET %{k*254} short
OK
> EXPIRE %{k*254} 100
(integer) 1
> TTL %{k*254}
~ \(integer\) (100|99|98)
> PERSIST %{k*254}
(integer) 1
> GET %{k*254}
"short"
> SET %{k*255} short
OK
> EXPIRE %{k*255} 100
(integer) 1
> TTL %{k*255}
~ \(integer\) (100|99|98)
> PERSIST %{k*255}
(integer) 1
> GET %{k*255}
"short"
> SET %{k*5000} %{v*5000}
OK
> EXPIRE %{k*5000} 100
(integer) 1
> STRLEN %{k*5000}
(integer) 5000
> PERSIST %{k*5000}
(integer) 1
> STRLEN %{k*5000}
(integer) 5000
> SET n 10
OK
> EXPIRE n 100
(integer) 1
> INCR n
(integer) 11
> PERSIST n
(integer) 1
> INCR n
(integer) 12
