# KEYS, SCAN, RANDOMKEY, DBSIZE, FLUSHDB, FLUSHALL, SWAPDB, SELECT.

> DBSIZE
(integer) 0
> RANDOMKEY
(nil)
> KEYS *
(empty array)
> SCAN 0
1) "0"
2) (empty array)
> MSET one 1 two 2 three 3 four 4
OK
> DBSIZE
(integer) 4
sorted
> KEYS *
1) "four"
2) "one"
3) "three"
4) "two"
sorted
> KEYS *o*
1) "four"
2) "one"
3) "two"
sorted
> KEYS t??
1) "two"
sorted
> KEYS [ot]*
1) "one"
2) "three"
3) "two"
sorted
> KEYS [^ot]*
1) "four"
> KEYS one
1) "one"
> KEYS o\ne
1) "one"
> KEYS none
(empty array)
> KEYS ""
(empty array)
> KEYS o[a-z]e
1) "one"
> KEYS
(error) ERR wrong number of arguments for 'keys' command
> KEYS a b
(error) ERR wrong number of arguments for 'keys' command
> SET a*b 1
OK
> KEYS a\*b
1) "a*b"
> DEL a*b
(integer) 1
> SET gone v PXAT 1
OK
> KEYS gone
(empty array)
> KEYS g*
(empty array)
> RANDOMKEY x
(error) ERR wrong number of arguments for 'randomkey' command
> DBSIZE x
(error) ERR wrong number of arguments for 'dbsize' command

# SCAN
sorted
> SCAN 0 COUNT 1000 MATCH one
1) "0"
2)
   1) "one"
> SCAN 0 COUNT 1000 MATCH tw*
1) "0"
2)
   1) "two"
> SCAN 0 COUNT 1000 MATCH none
1) "0"
2) (empty array)
> SCAN 0 COUNT 1000 TYPE list
1) "0"
2) (empty array)
> SCAN 0 COUNT 1000 TYPE nosuchtype
1) "0"
2) (empty array)
> SCAN 0 COUNT 1000 TYPE string MATCH fou?
1) "0"
2)
   1) "four"
> SCAN 0 count 1000 type STRING match fou? MATCH one
1) "0"
2)
   1) "one"
> SCAN 0 COUNT 0
(error) ERR syntax error
> SCAN 0 COUNT -1
(error) ERR syntax error
> SCAN 0 COUNT x
(error) ERR value is not an integer or out of range
> SCAN 0 COUNT 9223372036854775808
(error) ERR value is not an integer or out of range
> SCAN 0 COUNT
(error) ERR syntax error
> SCAN 0 MATCH
(error) ERR syntax error
> SCAN 0 TYPE
(error) ERR syntax error
> SCAN 0 FOO
(error) ERR syntax error
> SCAN 0 FOO 1
(error) ERR syntax error
> SCAN 0 MATCH * FOO
(error) ERR syntax error
> SCAN x
(error) ERR invalid cursor
> SCAN 1x
(error) ERR invalid cursor
> SCAN " 1"
(error) ERR invalid cursor
> SCAN 1.5
(error) ERR invalid cursor
> SCAN 18446744073709551616
(error) ERR invalid cursor
> SCAN x COUNT 0
(error) ERR invalid cursor
> SCAN 0 COUNT 9223372036854775807 MATCH three
1) "0"
2)
   1) "three"
> SCAN
(error) ERR wrong number of arguments for 'scan' command

# RANDOMKEY
> FLUSHDB
OK
> SET only 1
OK
> RANDOMKEY
"only"
> DEL only
(integer) 1
> RANDOMKEY
(nil)

# FLUSHDB, FLUSHALL
> MSET a 1 b 2
OK
> SELECT 1
OK
> MSET a 3
OK
> FLUSHDB
OK
> DBSIZE
(integer) 0
> SELECT 0
OK
> DBSIZE
(integer) 2
> FLUSHDB ASYNC
OK
> DBSIZE
(integer) 0
> FLUSHDB SYNC
OK
> FLUSHDB sync
OK
> FLUSHDB FOO
(error) ERR syntax error
> FLUSHDB ASYNC SYNC
(error) ERR syntax error
> MSET a 1
OK
> SELECT 9
OK
> MSET a 1
OK
> FLUSHALL
OK
> DBSIZE
(integer) 0
> SELECT 0
OK
> DBSIZE
(integer) 0
> FLUSHALL ASYNC
OK
> FLUSHALL sync
OK
> FLUSHALL FOO
(error) ERR syntax error
> FLUSHALL SYNC ASYNC
(error) ERR syntax error

# SWAPDB
> SELECT 0
OK
> SET a zero
OK
> SET e v EX 100
OK
> SELECT 1
OK
> SET a one
OK
> SWAPDB 0 1
OK
> GET a
"zero"
> TTL e
~ \(integer\) (100|99|98)
> SELECT 0
OK
> GET a
"one"
> TTL e
(integer) -2
> SWAPDB 1 0
OK
> GET a
"zero"
> SWAPDB 0 0
OK
> GET a
"zero"
> SWAPDB 0 5
OK
> DBSIZE
(integer) 0
> SELECT 5
OK
> DBSIZE
(integer) 2
> SWAPDB x 1
(error) ERR invalid first DB index
> SWAPDB 1 x
(error) ERR invalid second DB index
> SWAPDB x y
(error) ERR invalid first DB index
> SWAPDB 0 99
(error) ERR DB index is out of range
> SWAPDB -1 0
(error) ERR DB index is out of range
> SWAPDB 99 x
(error) ERR invalid second DB index
> SWAPDB 99999999999 0
(error) ERR invalid first DB index
> SWAPDB 0 99999999999
(error) ERR invalid second DB index
> SWAPDB 0
(error) ERR wrong number of arguments for 'swapdb' command
> SWAPDB
(error) ERR wrong number of arguments for 'swapdb' command

# SELECT
> SELECT 15
OK
> SELECT 16
(error) ERR DB index is out of range
> SELECT -1
(error) ERR DB index is out of range
> SELECT x
(error) ERR value is not an integer or out of range
> SELECT 01
(error) ERR value is not an integer or out of range
> SELECT ""
(error) ERR value is not an integer or out of range
> SELECT 2147483648
(error) ERR value is out of range, value must between -2147483648 and 2147483647
> SELECT 99999999999999999999
(error) ERR value is not an integer or out of range
> SELECT
(error) ERR wrong number of arguments for 'select' command
> SELECT 1 2
(error) ERR wrong number of arguments for 'select' command
> SET here 1
OK
> SELECT 0
OK
> GET here
(nil)
