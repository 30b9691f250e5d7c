# SETBIT, GETBIT, BITCOUNT, BITPOS, BITOP.

> SETBIT b 7 1
(integer) 0
> SETBIT b 7 1
(integer) 1
> SETBIT b 7 0
(integer) 1
> GET b
"\x00"
> SETBIT b 23 1
(integer) 0
> GET b
"\x00\x00\x01"
> STRLEN b
(integer) 3
> OBJECT ENCODING b
"raw"
> SETBIT b 100 0
(integer) 0
> STRLEN b
(integer) 13
> GETBIT b 23
(integer) 1
> GETBIT b 22
(integer) 0
> GETBIT b 100
(integer) 0
> GETBIT b 101
(integer) 0
> GETBIT b 4294967295
(integer) 0
> GETBIT none 0
(integer) 0
> EXISTS none
(integer) 0
> SET n 12345
OK
> SETBIT n 7 1
(integer) 1
> SETBIT n 7 1
(integer) 1
> GET n
"12345"
> OBJECT ENCODING n
"raw"
> SET n 12345 EX 100
OK
> SETBIT n 0 0
(integer) 0
> GET n
"12345"
> TTL n
(integer) 100
> SETBIT big 40000 1
(integer) 0
> STRLEN big
(integer) 5001
> BITCOUNT big
(integer) 1
> BITPOS big 1
(integer) 40000
> BITPOS big 0
(integer) 0
> SETBIT b -1 1
(error) ERR bit offset is not an integer or out of range
> SETBIT b x 1
(error) ERR bit offset is not an integer or out of range
> SETBIT b "" 1
(error) ERR bit offset is not an integer or out of range
> SETBIT b 4294967296 1
(error) ERR bit offset is not an integer or out of range
> SETBIT b 9223372036854775807 1
(error) ERR bit offset is not an integer or out of range
> SETBIT b 9223372036854775808 1
(error) ERR bit offset is not an integer or out of range
> SETBIT b #1 1
(error) ERR bit offset is not an integer or out of range
> SETBIT b 1 2
(error) ERR bit is not an integer or out of range
> SETBIT b 1 -1
(error) ERR bit is not an integer or out of range
> SETBIT b 1 x
(error) ERR bit is not an integer or out of range
> SETBIT b x x
(error) ERR bit offset is not an integer or out of range
> GETBIT b x
(error) ERR bit offset is not an integer or out of range
> GETBIT b -1
(error) ERR bit offset is not an integer or out of range
> GETBIT b 4294967296
(error) ERR bit offset is not an integer or out of range
> GETBIT b
(error) ERR wrong number of arguments for 'getbit' command
> SETBIT b 1
(error) ERR wrong number of arguments for 'setbit' command
> SETBIT b 1 1 1
(error) ERR wrong number of arguments for 'setbit' command

# BITCOUNT
> SET s foobar
OK
> BITCOUNT s
(integer) 26
> BITCOUNT s 0 0
(integer) 4
> BITCOUNT s 1 1
(integer) 6
> BITCOUNT s 0 -1
(integer) 26
> BITCOUNT s -2 -1
(integer) 7
> BITCOUNT s -2 -1 BYTE
(integer) 7
> BITCOUNT s 5 30 bit
(integer) 17
> BITCOUNT s 5 5 BIT
(integer) 1
> BITCOUNT s -8 -1 BIT
(integer) 4
> BITCOUNT s 0 100 BIT
(integer) 26
> BITCOUNT s 4 2
(integer) 0
> BITCOUNT s -1 -2
(integer) 0
> BITCOUNT s -1 -2 FOO
(integer) 0
> BITCOUNT s 100 200
(integer) 0
> BITCOUNT s -100 -90
(integer) 4
> BITCOUNT s -100 -1
(integer) 26
> BITCOUNT s 0
(error) ERR syntax error
> BITCOUNT s 0 x
(error) ERR value is not an integer or out of range
> BITCOUNT s x 0
(error) ERR value is not an integer or out of range
> BITCOUNT s 0 1 FOO
(error) ERR syntax error
> BITCOUNT s 0 1 BIT BIT
(error) ERR syntax error
> BITCOUNT none
(integer) 0
> BITCOUNT none 0 x
(integer) 0
> BITCOUNT none 0
(integer) 0
> SET e ""
OK
> BITCOUNT e
(integer) 0
> BITCOUNT e 0 -1
(integer) 0
> BITCOUNT e 0 -1 BIT
(integer) 0
> SET i 123
OK
> BITCOUNT i
(integer) 10
> BITCOUNT i 1 1
(integer) 3
> SET long "%{\xff*1000}"
OK
> BITCOUNT long
(integer) 8000
> BITCOUNT long 3 -4
(integer) 7952
> BITCOUNT long 11 7990 BIT
(integer) 7980
> BITCOUNT long -7001 -1001 BIT
(integer) 6001
> BITCOUNT
(error) ERR wrong number of arguments for 'bitcount' command

# BITPOS
> SET p "\xff\xf0\x00"
OK
> BITPOS p 0
(integer) 12
> BITPOS p 1
(integer) 0
> BITPOS p 1 2
(integer) -1
> BITPOS p 0 0 0
(integer) -1
> BITPOS p 0 0 0 BYTE
(integer) -1
> BITPOS p 1 1 -1
(integer) 8
> BITPOS p 1 7 15 BIT
(integer) 7
> BITPOS p 0 7 15 BIT
(integer) 12
> BITPOS p 0 3 11 BIT
(integer) -1
> BITPOS p 1 12 23 BIT
(integer) -1
> BITPOS p 1 -1
(integer) -1
> BITPOS p 0 -1
(integer) 16
> BITPOS p 0 2 1
(integer) -1
> BITPOS p 0 5 9
(integer) -1
> SET f "\xff\xff"
OK
> BITPOS f 0
(integer) 16
> BITPOS f 0 0
(integer) 16
> BITPOS f 0 1
(integer) 16
> BITPOS f 0 0 -1
(integer) -1
> BITPOS f 0 0 100
(integer) -1
> BITPOS f 0 2
(integer) -1
> BITPOS f 0 0 -1 BIT
(integer) -1
> BITPOS long 0
(integer) 8000
> BITPOS long 0 0 -1
(integer) -1
> BITPOS big 1 100
(integer) 40000
> BITPOS big 1 5000 -1
(integer) 40000
> BITPOS big 1 5001
(integer) -1
> BITPOS e 0
(integer) -1
> BITPOS e 1
(integer) -1
> BITPOS e 0 0
(integer) -1
> BITPOS e 0 0 -1
(integer) -1
> BITPOS none 0
(integer) 0
> BITPOS none 1
(integer) -1
> BITPOS none 0 x
(integer) 0
> BITPOS none 0 0 -1 FOO
(integer) 0
> BITPOS i 1
(integer) 2
> BITPOS p 2
(error) ERR The bit argument must be 1 or 0.
> BITPOS p -1
(error) ERR The bit argument must be 1 or 0.
> BITPOS p x
(error) ERR value is not an integer or out of range
> BITPOS p 0 x
(error) ERR value is not an integer or out of range
> BITPOS p 0 0 x
(error) ERR value is not an integer or out of range
> BITPOS p 0 0 1 FOO
(error) ERR syntax error
> BITPOS p 0 x 1 FOO
(error) ERR value is not an integer or out of range
> BITPOS p 0 0 x FOO
(error) ERR syntax error
> BITPOS p 0 0 1 BIT BIT
(error) ERR syntax error
> BITPOS none 2
(error) ERR The bit argument must be 1 or 0.
> BITPOS p
(error) ERR wrong number of arguments for 'bitpos' command

# BITOP
> SET {x}a "\xf0\x0f\xff"
OK
> SET {x}b "\xff\x00"
OK
> BITOP AND {x}r {x}a {x}b
(integer) 3
> GET {x}r
"\xf0\x00\x00"
> OBJECT ENCODING {x}r
"raw"
> BITOP or {x}r {x}a {x}b
(integer) 3
> GET {x}r
"\xff\x0f\xff"
> BITOP XOR {x}r {x}a {x}b
(integer) 3
> GET {x}r
"\x0f\x0f\xff"
> BITOP NOT {x}r {x}a
(integer) 3
> GET {x}r
"\x0f\xf0\x00"
> BITOP NOT {x}a {x}a
(integer) 3
> GET {x}a
"\x0f\xf0\x00"
> BITOP AND {x}r {x}a none
(integer) 3
> GET {x}r
"\x00\x00\x00"
> BITOP OR {x}r {x}a none
(integer) 3
> GET {x}r
"\x0f\xf0\x00"
> BITOP XOR {x}r {x}a {x}a
(integer) 3
> GET {x}r
"\x00\x00\x00"
> BITOP AND {x}r {x}a
(integer) 3
> GET {x}r
"\x0f\xf0\x00"
> BITOP OR elsewhere {x}a i s {x}b none i
(integer) 6
> GET elsewhere
"\xff\xff\x7fbar"
> EXPIRE elsewhere 100
(integer) 1
> BITOP OR elsewhere elsewhere i
(integer) 6
> TTL elsewhere
(integer) -1
> BITOP AND elsewhere none nothing
(integer) 0
> EXISTS elsewhere
(integer) 0
> BITOP NOT elsewhere none
(integer) 0
> BITOP NOT wide long
(integer) 1000
> BITCOUNT wide
(integer) 0
> BITOP XOR wide wide long big
(integer) 5001
> BITCOUNT wide
(integer) 8001
> BITOP AND wide wide long s
(integer) 5001
> STRLEN wide
(integer) 5001
> BITOP NOT {x}r {x}a {x}b
(error) ERR BITOP NOT must be called with a single source key.
> BITOP NOT {x}r
(error) ERR wrong number of arguments for 'bitop' command
> BITOP FOO {x}r {x}a
(error) ERR syntax error
> BITOP "" {x}r {x}a
(error) ERR syntax error
> BITOP AND {x}r
(error) ERR wrong number of arguments for 'bitop' command
> COMMAND GETKEYS BITOP AND d a b
1) "d"
2) "a"
3) "b"
> COMMAND GETKEYSANDFLAGS BITOP AND d a b
resp2:
1)
   1) "d"
   2)
      1) OW
      2) update
2)
   1) "a"
   2)
      1) RO
      2) access
3)
   1) "b"
   2)
      1) RO
      2) access
resp3:
1)
   1) "d"
   2)
      1~ OW
      2~ update
2)
   1) "a"
   2)
      1~ RO
      2~ access
3)
   1) "b"
   2)
      1~ RO
      2~ access
> COMMAND INFO bitop setbit
resp2:
1)
   1) "bitop"
   2) (integer) -4
   3)
      1) write
      2) denyoom
   4) (integer) 2
   5) (integer) -1
   6) (integer) 1
   7)
      1) @write
      2) @bitmap
      3) @slow
   8) (empty array)
   9)
      1)
         1) "flags"
         2)
            1) OW
            2) update
         3) "begin_search"
         4)
            1) "type"
            2) "index"
            3) "spec"
            4)
               1) "index"
               2) (integer) 2
         5) "find_keys"
         6)
            1) "type"
            2) "range"
            3) "spec"
            4)
               1) "lastkey"
               2) (integer) 0
               3) "keystep"
               4) (integer) 1
               5) "limit"
               6) (integer) 0
      2)
         1) "flags"
         2)
            1) RO
            2) access
         3) "begin_search"
         4)
            1) "type"
            2) "index"
            3) "spec"
            4)
               1) "index"
               2) (integer) 3
         5) "find_keys"
         6)
            1) "type"
            2) "range"
            3) "spec"
            4)
               1) "lastkey"
               2) (integer) -1
               3) "keystep"
               4) (integer) 1
               5) "limit"
               6) (integer) 0
   10) (empty array)
2)
   1) "setbit"
   2) (integer) 4
   3)
      1) write
      2) denyoom
   4) (integer) 1
   5) (integer) 1
   6) (integer) 1
   7)
      1) @write
      2) @bitmap
      3) @slow
   8) (empty array)
   9)
      1)
         1) "flags"
         2)
            1) RW
            2) access
            3) update
         3) "begin_search"
         4)
            1) "type"
            2) "index"
            3) "spec"
            4)
               1) "index"
               2) (integer) 1
         5) "find_keys"
         6)
            1) "type"
            2) "range"
            3) "spec"
            4)
               1) "lastkey"
               2) (integer) 0
               3) "keystep"
               4) (integer) 1
               5) "limit"
               6) (integer) 0
   10) (empty array)
resp3:
1)
   1) "bitop"
   2) (integer) -4
   3)
      1~ write
      2~ denyoom
   4) (integer) 2
   5) (integer) -1
   6) (integer) 1
   7)
      1~ @write
      2~ @bitmap
      3~ @slow
   8) (empty set)
   9)
      1~
         1# "flags" =>
            1~ OW
            2~ update
         2# "begin_search" =>
            1# "type" => "index"
            2# "spec" =>
               1# "index" => (integer) 2
         3# "find_keys" =>
            1# "type" => "range"
            2# "spec" =>
               1# "lastkey" => (integer) 0
               2# "keystep" => (integer) 1
               3# "limit" => (integer) 0
      2~
         1# "flags" =>
            1~ RO
            2~ access
         2# "begin_search" =>
            1# "type" => "index"
            2# "spec" =>
               1# "index" => (integer) 3
         3# "find_keys" =>
            1# "type" => "range"
            2# "spec" =>
               1# "lastkey" => (integer) -1
               2# "keystep" => (integer) 1
               3# "limit" => (integer) 0
   10) (empty set)
2)
   1) "setbit"
   2) (integer) 4
   3)
      1~ write
      2~ denyoom
   4) (integer) 1
   5) (integer) 1
   6) (integer) 1
   7)
      1~ @write
      2~ @bitmap
      3~ @slow
   8) (empty set)
   9)
      1~
         1# "flags" =>
            1~ RW
            2~ access
            3~ update
         2# "begin_search" =>
            1# "type" => "index"
            2# "spec" =>
               1# "index" => (integer) 1
         3# "find_keys" =>
            1# "type" => "range"
            2# "spec" =>
               1# "lastkey" => (integer) 0
               2# "keystep" => (integer) 1
               3# "limit" => (integer) 0
   10) (empty set)

# Another type: a mistake, but as the destination of BITOP
> RPUSH {x}l 1
(integer) 1
> SETBIT {x}l 0 1
(error) WRONGTYPE Operation against a key holding the wrong kind of value
> SETBIT {x}l 0 2
(error) ERR bit is not an integer or out of range
> GETBIT {x}l 0
(error) WRONGTYPE Operation against a key holding the wrong kind of value
> BITCOUNT {x}l
(error) WRONGTYPE Operation against a key holding the wrong kind of value
> BITCOUNT {x}l 0
(error) WRONGTYPE Operation against a key holding the wrong kind of value
> BITPOS {x}l 1
(error) WRONGTYPE Operation against a key holding the wrong kind of value
> BITOP AND {x}r {x}l
(error) WRONGTYPE Operation against a key holding the wrong kind of value
> BITOP NOT {x}l {x}l
(error) WRONGTYPE Operation against a key holding the wrong kind of value
> BITOP OR {x}l s
(integer) 6
> GET {x}l
"foobar"
> DEL {x}l
(integer) 1
> RPUSH {x}l 1
(integer) 1
> BITOP OR {x}l none
(integer) 0
> EXISTS {x}l
(integer) 0

# What came with 8.2
> SET {y}x "\xf0\xff\x00"
OK
> SET {y}1 "\xcc\x0f"
OK
> SET {y}2 "\xaa\x00\x00\x01"
OK
since 8.2
> BITOP DIFF {y}r {y}x {y}1 {y}2
(integer) 4
since 8.2
> GET {y}r
"\x10\xf0\x00\x00"
since 8.2
> BITOP DIFF1 {y}r {y}x {y}1 {y}2
(integer) 4
since 8.2
> GET {y}r
"\x0e\x00\x00\x01"
since 8.2
> BITOP ANDOR {y}r {y}x {y}1 {y}2
(integer) 4
since 8.2
> GET {y}r
"\xe0\x0f\x00\x00"
since 8.2
> BITOP ONE {y}r {y}x {y}1 {y}2
(integer) 4
since 8.2
> GET {y}r
"\x16\xf0\x00\x01"
since 8.2
> BITOP ONE {y}r {y}x
(integer) 3
since 8.2
> BITOP DIFF {y}r {y}x
(error) ERR BITOP DIFF must be called with at least two source keys.
since 8.2
> BITOP diff1 {y}r {y}x
(error) ERR BITOP DIFF1 must be called with at least two source keys.
since 8.2
> BITOP ANDOR {y}r {y}x
(error) ERR BITOP ANDOR must be called with at least two source keys.
