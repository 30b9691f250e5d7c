# DUMP, RESTORE: arguments, errors, forms. That any value survives is tests/dump.

> DUMP none
(nil)

> SET s hello
OK

> DUMP s
"\x00\x05hello\n\x00cr\xdfve4 \n"

> SET n 12345
OK

> DUMP n
"\x00\xc190\n\x00\x9d\x94\xea'\x93\xfc\b\xb9"

> SET z aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
OK

differs another LZF
> DUMP z
"\x00\xc3\x05<\x00a\xe02\x00\n\x00q\xb73\x83\xc4\xd1\x95\n"

> RPUSH l a b 3
(integer) 3

> SADD i 1 2 70000
(integer) 3

> DUMP i
"\x0b\x14\x04\x00\x00\x00\x03\x00\x00\x00\x01\x00\x00\x00\x02\x00\x00\x00p\x11\x01\x00\n\x00\x85\xd5\xc1\x06[\x1d\xd0U"

> HSET h f v
(integer) 1

> DUMP h
"\x10\r\r\x00\x00\x00\x02\x00\x81f\x02\x81v\x02\xff\n\x00 \xf1=D#T\b\x9d"

> ZADD zs 1 a 2.5 b
(integer) 2

> DUMP zs
"\x11\x14\x14\x00\x00\x00\x04\x00\x81a\x02\x01\x01\x81b\x02\x832.5\x04\xff\n\x00\xd4Ln\xa4\xf6D\xd9\xd7"

> DUMP
(error) ERR wrong number of arguments for 'dump' command

> DUMP a b
(error) ERR wrong number of arguments for 'dump' command

# RESTORE

> RESTORE r 0 "\x00\x05hello\x0a\x00cr\xdfve4 \x0a"
OK

> GET r
"hello"

> TTL r
(integer) -1

> RESTORE r 0 "\x00\x05hello\x0a\x00cr\xdfve4 \x0a"
(error) BUSYKEY Target key name already exists.

> RESTORE r 0 "\x00\x05hello\x0a\x00cr\xdfve4 \x0a" REPLACE
OK

> RESTORE r 0 "\x00\x05hello\x0a\x00cr\xdfve4 \x0a" replace
OK

> RESTORE r 100000 "\x00\x05hello\x0a\x00cr\xdfve4 \x0a" REPLACE
OK

> PERSIST r
(integer) 1

> RESTORE r 4000000000000 "\x00\x05hello\x0a\x00cr\xdfve4 \x0a" REPLACE ABSTTL
OK

> PEXPIRETIME r
(integer) 4000000000000

> RESTORE r 1 "\x00\x05hello\x0a\x00cr\xdfve4 \x0a" REPLACE ABSTTL
OK

> EXISTS r
(integer) 0

> RESTORE r 1 "\x00\x05hello\x0a\x00cr\xdfve4 \x0a" ABSTTL
OK

> EXISTS r
(integer) 0

> RESTORE r -1 "\x00\x05hello\x0a\x00cr\xdfve4 \x0a"
(error) ERR Invalid TTL value, must be >= 0

> RESTORE r x "\x00\x05hello\x0a\x00cr\xdfve4 \x0a"
(error) ERR value is not an integer or out of range

> RESTORE r 1.5 "\x00\x05hello\x0a\x00cr\xdfve4 \x0a"
(error) ERR value is not an integer or out of range

> RESTORE r 0 "\x00\x05hello\x0a\x00cr\xdfve4 \x0a" FOO
(error) ERR syntax error

> RESTORE r 0 "\x00\x05hello\x0a\x00cr\xdfve4 \x0a" REPLACE REPLACE ABSTTL
OK

> DEL r
(integer) 1

> RESTORE r 0 "\x00\x05hello\x0a\x00cr\xdfve4 \x0a" IDLETIME 1000
OK

> OBJECT IDLETIME r
(integer) 1000

> RESTORE r 0 "\x00\x05hello\x0a\x00cr\xdfve4 \x0a" REPLACE IDLETIME -1
(error) ERR Invalid IDLETIME value, must be >= 0

> RESTORE r 0 "\x00\x05hello\x0a\x00cr\xdfve4 \x0a" REPLACE IDLETIME x
(error) ERR value is not an integer or out of range

> RESTORE r 0 "\x00\x05hello\x0a\x00cr\xdfve4 \x0a" REPLACE IDLETIME
(error) ERR syntax error

> RESTORE r 0 "\x00\x05hello\x0a\x00cr\xdfve4 \x0a" REPLACE FREQ 256
(error) ERR Invalid FREQ value, must be >= 0 and <= 255

> RESTORE r 0 "\x00\x05hello\x0a\x00cr\xdfve4 \x0a" REPLACE FREQ -1
(error) ERR Invalid FREQ value, must be >= 0 and <= 255

> RESTORE r 0 "\x00\x05hello\x0a\x00cr\xdfve4 \x0a" REPLACE FREQ 5
OK

> RESTORE r 0 "\x00\x05hello\x0a\x00cr\xdfve4 \x0a" REPLACE FREQ 5 IDLETIME 5
(error) ERR syntax error

> RESTORE r 0 "\x00\x05hello\x0a\x00cr\xdfve4 \x0a" REPLACE IDLETIME 5 FREQ 5
(error) ERR syntax error

> RESTORE r 0 "\x00\x05hello\x0a\x00cr\xdfve4 \x0a" REPLACE IDLETIME 5 IDLETIME 7
OK

> OBJECT IDLETIME r
(integer) 7

> CONFIG SET maxmemory-policy allkeys-lfu
OK

> RESTORE r 0 "\x00\x05hello\x0a\x00cr\xdfve4 \x0a" REPLACE FREQ 200
OK

> OBJECT FREQ r
(integer) 200

> RESTORE r 0 "\x00\x05hello\x0a\x00cr\xdfve4 \x0a" REPLACE IDLETIME 100
OK

> CONFIG SET maxmemory-policy noeviction
OK

> RESTORE
(error) ERR wrong number of arguments for 'restore' command

> RESTORE r 0
(error) ERR wrong number of arguments for 'restore' command

> DEL r
(integer) 1

# the order of the checks: options, the key, the time, the payload, the value

> SET r 1
OK

> RESTORE r x junk FOO
(error) ERR syntax error

> RESTORE r x junk
(error) BUSYKEY Target key name already exists.

> RESTORE r x junk REPLACE
(error) ERR value is not an integer or out of range

> RESTORE r -5 junk REPLACE
(error) ERR Invalid TTL value, must be >= 0

> RESTORE r 0 junk REPLACE
(error) ERR DUMP payload version or checksum are wrong

> RESTORE r 0 "" REPLACE
(error) ERR DUMP payload version or checksum are wrong

differs Redis reads on into the footer
> RESTORE r 0 "\x00\x05hell\x0a\x00e\x04u\x97r\xaa\xf5\x95" REPLACE
(error) ERR Bad data format

> GET r
"1"

> DEL r
(integer) 1

# payloads

> RESTORE r 0 "\x00\x05hdllo\x0a\x00cr\xdfve4 \x0a" REPLACE
(error) ERR DUMP payload version or checksum are wrong

> RESTORE r 0 "\x00\x05hello\x0d\x00\xc1\xdbV\xc5b\x81W\xca" REPLACE
(error) ERR DUMP payload version or checksum are wrong

> RESTORE r 0 "\x06x\x0a\x00\x8d\x1cP\x13b\x9b\x05\x0b" REPLACE
(error) ERR Bad data format

> RESTORE r 0 "cx\x0a\x00\x12\xf1\xd5/\xfb\x1a/\x1e" REPLACE
(error) ERR Bad data format

> RESTORE r 0 "\x0a\x00]\x9b\x5c@\x0f\x7f\xa2\xda" REPLACE
(error) ERR Bad data format

> RESTORE r 0 "\x01\x00\x0a\x00[\xf8%\xccl\x17CV" REPLACE
(error) ERR Bad data format

> RESTORE r 0 "\x02\x00\x0a\x00:\xce9\x00\x9b\x899\xe8" REPLACE
(error) ERR Bad data format

> RESTORE r 0 "\x04\x00\x0a\x00\x931\x96\xc0'\x92\x95\xbf" REPLACE
(error) ERR Bad data format

> RESTORE r 0 "\x05\x00\x0a\x00\x95R\xefLD\xfat3" REPLACE
(error) ERR Bad data format

> RESTORE r 0 "\x02\x02\x01a\x01a\x0a\x00W\xbev/\xc2\xd6R:" REPLACE
(error) ERR Bad data format

differs Redis believes it
> RESTORE r 0 "\x04\x02\x01a\x01x\x01a\x01y\x0a\x00]\xc6\xde\xb0\xb6(H\x02" REPLACE
(error) ERR Bad data format

> RESTORE r 0 "\x05\x01\x01a\x00\x00\x00\x00\x00\x00\xf8\x7f\x0a\x00\xf0\xf9)\xa9\x06TY'" REPLACE
(error) ERR Bad data format

> RESTORE r 0 "\x0b\x00\x0a\x00\xa0\xf8\xd5\x8d\xa9;\xb7\xae" REPLACE
(error) ERR Bad data format

> RESTORE r 0 "\x10\x0a\x0a\x00\x00\x00\x01\x00\x81a\x02\xff\x0a\x00\x11G\xeb\x83\xb3\x92\xe8\xb8" REPLACE
(error) ERR Bad data format

differs Redis believes it
> RESTORE r 0 "\x10\x11\x11\x00\x00\x00\x04\x00\x81a\x02\x01\x01\x81a\x02\x02\x01\xff\x0a\x00(pdI\xa4\xbb\x8d=" REPLACE
(error) ERR Bad data format

differs Redis believes it
> RESTORE r 0 "\x11\x0d\x0d\x00\x00\x00\x02\x00\x81a\x02\x81x\x02\xff\x0a\x00xS?zr#\xe7\x99" REPLACE
(error) ERR Bad data format

> RESTORE r 0 "\x0d\x15\x15\x00\x00\x00\x12\x00\x00\x00\x04\x00\x00\x01a\x03\xf2\x02\x01a\x03\xf3\xff\x0a\x00\xf7\xcbLzSi\xf6v" REPLACE
(error) ERR Bad data format

> RESTORE r 0 "\x09\x05\x01\x01a\x01\x00\x0a\x00\xfd\x04fk\xda%o3" REPLACE
(error) ERR Bad data format

> RESTORE r 0 "\x12\x01\x03\x01a\x0a\x00wAE\x81\xd2\xbb\xfc\x1c" REPLACE
(error) ERR Bad data format

> RESTORE r 0 "\x0a\x0b\x0b\x00\x00\x00\x0a\x00\x00\x00\x00\x00\xff\x0a\x00~\x1a\xcf\xd9+\xcaAq" REPLACE
(error) ERR Bad data format

differs Redis believes it
> RESTORE r 0 "\x00\x01ab\x0a\x00_\xdd(:\xff\x02\xeaJ" REPLACE
(error) ERR Bad data format

> RESTORE r 0 "\x03\x02\x01b\x011\x01b\x012\x0a\x00\xd7\xa319\xfb\x12\x19\x86" REPLACE
(error) ERR Bad data format

differs Redis believes it
> RESTORE r 0 "\x0c\x15\x15\x00\x00\x00\x12\x00\x00\x00\x04\x00\x00\x01b\x03\xf3\x02\x01a\x03\xf2\xff\x0a\x00\xc8:c]?&VD" REPLACE
(error) ERR Bad data format

differs Redis believes it
> RESTORE r 0 "\x11\x11\x11\x00\x00\x00\x04\x00\x81b\x02\x02\x01\x81a\x02\x01\x01\xff\x0a\x00\xf6_8\x9fH\xf0\xc9G" REPLACE
(error) ERR Bad data format

differs Redis believed some
> EXISTS r
(integer) 0

# older forms

> RESTORE r 0 "\x01\x02\x01a\xc0\x07\x0a\x00PA`M\xf0K\xc6T" REPLACE
OK

> LRANGE r 0 -1
1) "a"
2) "7"

> RESTORE r 0 "\x03\x02\x01a\x031.5\x01b\xfe\x0a\x00\x05\xed\x07o\xe4\xd5\x08\xea" REPLACE
OK

proto 2
> ZRANGE r 0 -1 WITHSCORES
1) "a"
2) "1.5"
3) "b"
4) "inf"
proto any

> RESTORE r 0 "\x09\x0d\x02\x01a\x01\x00x\x02bc\x00\x02zz\x0a\x00\xe7\xaf\xd5\xba\xdbi\xf9\x7f" REPLACE
(error) ERR Bad data format

proto 2
> HGETALL r
(error) WRONGTYPE Operation against a key holding the wrong kind of value
proto any

> RESTORE r 0 "\x0a\x18\x18\x00\x00\x00\x12\x00\x00\x00\x04\x00\x00\x01x\x03\xfd\x02\xfe\xff\x03\xf0p\x11\x01\xff\x0a\x00\x9fvw\xd3\xf82\xb9k" REPLACE
OK

> LRANGE r 0 -1
1) "x"
2) "12"
3) "-1"
4) "70000"

> RESTORE r 0 "\x0c\x18\x18\x00\x00\x00\x12\x00\x00\x00\x04\x00\x00\x01a\x03\xf2\x02\x01b\x03\x032.5\xff\x0a\x00\x5cW\x1d\x9d\x94o\xae\xb7" REPLACE
OK

proto 2
> ZRANGE r 0 -1 WITHSCORES
1) "a"
2) "1"
3) "b"
4) "2.5"
proto any

> RESTORE r 0 "\x0d\x11\x11\x00\x00\x00\x0d\x00\x00\x00\x02\x00\x00\x01f\x03\x01v\xff\x0a\x00\x00\x15\x92@\xef\x84H\xc9" REPLACE
OK

proto 2
> HGETALL r
1) "f"
2) "v"
proto any

> RESTORE r 0 "\x0e\x02\x0e\x0e\x00\x00\x00\x0a\x00\x00\x00\x01\x00\x00\x01a\xff\x0e\x0e\x00\x00\x00\x0a\x00\x00\x00\x01\x00\x00\x01b\xff\x0a\x00\xee\xdd\x8b\xd5z\x824Z" REPLACE
OK

> LRANGE r 0 -1
1) "a"
2) "b"

# newer ones

since 7.2
> RESTORE r 0 "\x14\x0a\x0a\x00\x00\x00\x01\x00\x81a\x02\xff\x0b\x00\xf7\xdf\x7f\xdb\x99\xef{t" REPLACE
OK

proto 2
since 7.2
> SMEMBERS r
1) "a"
proto any

since 7.4
> RESTORE r 0 "\x18\x00@\x94R\xa3\x03\x00\x00\x02\x01\x01a\x01x\x00\x01b\x01y\x0c\x00\x22\xe8y\x8cX\x88\xb27" REPLACE
OK

since 7.4
> HPEXPIRETIME r FIELDS 2 a b
1) (integer) 4000000000000
2) (integer) -1

since 7.4
> RESTORE r 0 "\x19\x00@\x94R\xa3\x03\x00\x00\x1f\x1f\x00\x00\x00\x06\x00\x81a\x02\x81x\x02\xf4\x00@\x94R\xa3\x03\x00\x00\x09\x81b\x02\x81y\x02\x00\x01\xff\x0c\x00U\xec6\x1a/\xda\x17\x82" REPLACE
OK

since 7.4
> HPEXPIRETIME r FIELDS 2 a b
1) (integer) 4000000000000
2) (integer) -1

# a packed list becomes a table where the settings say so

> CONFIG SET hash-max-listpack-entries 2
OK

> RESTORE r 0 "\x10\x16\x16\x00\x00\x00\x06\x00\x81a\x02\x01\x01\x81b\x02\x02\x01\x81c\x02\x03\x01\xff\x0a\x00\xb8\x9b\x87\xb6\x0d^\xbe^" REPLACE
OK

> OBJECT ENCODING r
"hashtable"

> CONFIG SET hash-max-listpack-entries 3
OK

> RESTORE r 0 "\x10\x16\x16\x00\x00\x00\x06\x00\x81a\x02\x01\x01\x81b\x02\x02\x01\x81c\x02\x03\x01\xff\x0a\x00\xb8\x9b\x87\xb6\x0d^\xbe^" REPLACE
OK

> OBJECT ENCODING r
"listpack"

> RENAME r q
OK

> COPY q r
(integer) 1

> OBJECT ENCODING r
"listpack"

> HLEN r
(integer) 3

