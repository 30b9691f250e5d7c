# DEL, UNLINK, EXISTS, TOUCH, TYPE, RENAME, RENAMENX, COPY, MOVE, OBJECT.

> MSET a 1 b 2 c 3
OK
> DEL a
(integer) 1
> DEL a
(integer) 0
> DEL a b c none
(integer) 2
> DEL
(error) ERR wrong number of arguments for 'del' command
> MSET a 1 b 2 c 3
OK
> DEL a a b b
(integer) 2
> MSET a 1 b 2 c 3
OK
> UNLINK a a b none
(integer) 2
> UNLINK c
(integer) 1
> UNLINK
(error) ERR wrong number of arguments for 'unlink' command
> EXISTS a
(integer) 0
> MSET a 1 b 2
OK
> EXISTS a b none a a
(integer) 4
> EXISTS
(error) ERR wrong number of arguments for 'exists' command
> TOUCH a b none a
(integer) 3
> TOUCH none
(integer) 0
> TOUCH
(error) ERR wrong number of arguments for 'touch' command
> TYPE a
string
> TYPE none
none
> TYPE
(error) ERR wrong number of arguments for 'type' command
> TYPE a b
(error) ERR wrong number of arguments for 'type' command
> SET gone v PXAT 1
OK
> EXISTS gone
(integer) 0
> SET gone v PXAT 1
OK
> DEL gone
(integer) 0
> SET gone v PXAT 1
OK
> TYPE gone
none
> SET gone v PXAT 1
OK
> TOUCH gone
(integer) 0

# RENAME
> FLUSHDB
OK
> SET a 1
OK
> RENAME a b
OK
> EXISTS a
(integer) 0
> GET b
"1"
> RENAME a b
(error) ERR no such key
> RENAME b b
OK
> RENAME none none
(error) ERR no such key
> GET b
"1"
> SET c 3 EX 100
OK
> RENAME b c
OK
> GET c
"1"
> TTL c
(integer) -1
> SET e v EX 100
OK
> RENAME e f
OK
> TTL f
~ \(integer\) (100|99|98)
> SET g v
OK
> RENAME f g
OK
> TTL g
~ \(integer\) (100|99|98)
> RENAME g
(error) ERR wrong number of arguments for 'rename' command
> RENAME a b c
(error) ERR wrong number of arguments for 'rename' command
> SET "{t}x" %{long*5000}
OK
> RENAME "{t}x" "{t}y"
OK
> STRLEN "{t}y"
(integer) 20000
> RENAME "{t}y" elsewhere
OK
> STRLEN elsewhere
(integer) 20000
> SET n 10
OK
> RENAME n m
OK
> INCR m
(integer) 11
> SET gone v PXAT 1
OK
> RENAME gone other
(error) ERR no such key
> SET x 1
OK
> SET gone v PXAT 1
OK
> RENAME x gone
OK
> GET gone
"1"
> TTL gone
(integer) -1

# RENAMENX
> FLUSHDB
OK
> MSET a 1 b 2
OK
> RENAMENX a b
(integer) 0
> RENAMENX a c
(integer) 1
> GET c
"1"
> RENAMENX a c
(error) ERR no such key
> RENAMENX c c
(integer) 0
> RENAMENX none none
(error) ERR no such key
> RENAMENX none c
(error) ERR no such key
> SET gone v PXAT 1
OK
> RENAMENX c gone
(integer) 1
> GET gone
"1"
> RENAMENX a
(error) ERR wrong number of arguments for 'renamenx' command

# COPY
> FLUSHDB
OK
> SET a 1
OK
> COPY a b
(integer) 1
> MGET a b
1) "1"
2) "1"
> COPY a b
(integer) 0
> SET a 2
OK
> COPY a b REPLACE
(integer) 1
> GET b
"2"
> COPY a b replace REPLACE
(integer) 1
> COPY none b
(integer) 0
> COPY none b REPLACE
(integer) 0
> GET b
"2"
> COPY a a
(error) ERR source and destination objects are the same
> COPY a a REPLACE
(error) ERR source and destination objects are the same
> COPY none none
(error) ERR source and destination objects are the same
> COPY a a DB 0
(error) ERR source and destination objects are the same
> COPY a a DB 1
(integer) 1
> COPY a a DB 1
(integer) 0
> COPY a a DB 1 REPLACE
(integer) 1
> COPY a x DB 1 DB 2
(integer) 1
> SELECT 1
OK
> GET a
"2"
> EXISTS x
(integer) 0
> SELECT 2
OK
> GET x
"2"
> SELECT 0
OK
> COPY a b DB
(error) ERR syntax error
> COPY a b DB x
(error) ERR value is not an integer or out of range
> COPY a b DB 99
(error) ERR DB index is out of range
> COPY a b DB -1
(error) ERR DB index is out of range
> COPY a b DB 99999999999
(error) ERR value is out of range, value must between -2147483648 and 2147483647
> COPY a b FOO
(error) ERR syntax error
> COPY a b REPLACE DB
(error) ERR syntax error
> COPY a
(error) ERR wrong number of arguments for 'copy' command
> SET e v EX 100
OK
> COPY e f
(integer) 1
> TTL f
~ \(integer\) (100|99|98)
> SET f w
OK
> COPY e f REPLACE
(integer) 1
> TTL f
~ \(integer\) (100|99|98)
> COPY a f REPLACE
(integer) 1
> TTL f
(integer) -1
> SET gone v PXAT 1
OK
> COPY a gone
(integer) 1
> GET gone
"2"
> SET gone v PXAT 1
OK
> COPY gone x
(integer) 0
> SET big %{big*10000}
OK
> COPY big big2
(integer) 1
> STRLEN big2
(integer) 30000
> APPEND big2 x
(integer) 30001
> STRLEN big
(integer) 30000

# MOVE
> FLUSHALL
OK
> MSET a 1 b 2
OK
> MOVE a 1
(integer) 1
> EXISTS a
(integer) 0
> MOVE a 1
(integer) 0
> MOVE b 0
(error) ERR source and destination objects are the same
> MOVE none 0
(error) ERR source and destination objects are the same
> MOVE b x
(error) ERR value is not an integer or out of range
> MOVE b 99
(error) ERR DB index is out of range
> MOVE b -1
(error) ERR DB index is out of range
> MOVE b 99999999999
(error) ERR value is out of range, value must between -2147483648 and 2147483647
> MOVE b
(error) ERR wrong number of arguments for 'move' command
> SET a 3
OK
> MOVE a 1
(integer) 0
> GET a
"3"
> SELECT 1
OK
> GET a
"1"
> MOVE a 2
(integer) 1
> SELECT 0
OK
> SET e v EX 100
OK
> MOVE e 1
(integer) 1
> SELECT 1
OK
> TTL e
~ \(integer\) (100|99|98)
> GET e
"v"
> SELECT 0
OK
> SET gone v PXAT 1
OK
> MOVE gone 3
(integer) 0

# OBJECT
> FLUSHALL
OK
> SET n 12345
OK
> OBJECT ENCODING n
"int"
> SET s short
OK
> OBJECT ENCODING s
"embstr"
> SET s %{x*44}
OK
> OBJECT ENCODING s
"embstr"
> SET s %{x*45}
OK
> OBJECT ENCODING s
"raw"
> SET n 9223372036854775807
OK
> OBJECT ENCODING n
"int"
> SET n 9223372036854775808
OK
> OBJECT ENCODING n
"embstr"
> SET n -9223372036854775808
OK
> OBJECT ENCODING n
"int"
> SET n 007
OK
> OBJECT ENCODING n
"embstr"
> SET e ""
OK
> OBJECT ENCODING e
"embstr"
> SET s abc
OK
> SETRANGE s 0 x
(integer) 3
> OBJECT ENCODING s
"raw"
> SET s abc
OK
> APPEND s d
(integer) 4
> OBJECT ENCODING s
"raw"
> COPY s s2
(integer) 1
> OBJECT ENCODING s2
"raw"
> SET s abc
OK
> OBJECT ENCODING s
"embstr"
> OBJECT encoding none
(nil)
> OBJECT REFCOUNT s
(integer) 1
> OBJECT REFCOUNT none
(nil)
> SET fresh v
OK
> OBJECT IDLETIME fresh
~ \(integer\) [0-2]
> OBJECT IDLETIME none
(nil)
> OBJECT FREQ s
(error) ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust.
> OBJECT FREQ none
(nil)
> OBJECT
(error) ERR wrong number of arguments for 'object' command
> OBJECT FOO
(error) ERR unknown subcommand 'FOO'. Try OBJECT HELP.
> OBJECT FOO s
(error) ERR unknown subcommand 'FOO'. Try OBJECT HELP.
> OBJECT ENCODING
(error) ERR wrong number of arguments for 'object|encoding' command
> OBJECT ENCODING a b
(error) ERR wrong number of arguments for 'object|encoding' command
> OBJECT FREQ
(error) ERR wrong number of arguments for 'object|freq' command
> OBJECT HELP x
(error) ERR wrong number of arguments for 'object|help' command
