# BITFIELD, BITFIELD_RO.

> BITFIELD f SET u8 0 200 GET u8 0 GET i8 0
1) (integer) 0
2) (integer) 200
3) (integer) -56
> GET f
"\xc8"
> BITFIELD f INCRBY u8 0 50 INCRBY u8 0 10
1) (integer) 250
2) (integer) 4
> BITFIELD f OVERFLOW SAT INCRBY u8 0 300 INCRBY u8 0 -1000
1) (integer) 255
2) (integer) 0
> BITFIELD f SET u8 0 250 OVERFLOW FAIL INCRBY u8 0 6 INCRBY u8 0 5 GET u8 0
1) (integer) 0
2) (nil)
3) (integer) 255
4) (integer) 255
> BITFIELD f OVERFLOW FAIL INCRBY u8 0 1 OVERFLOW WRAP INCRBY u8 0 1
1) (nil)
2) (integer) 0
> BITFIELD f SET i8 #1 -128 OVERFLOW WRAP INCRBY i8 #1 -1 OVERFLOW SAT INCRBY i8 #1 100 INCRBY i8 #1 -1000
1) (integer) 0
2) (integer) 127
3) (integer) 127
4) (integer) -128
> GET f
"\x00\x80"
> BITFIELD f SET i5 3 11 GET i5 3 GET u5 3 GET u1 3 GET i1 7
1) (integer) 0
2) (integer) 11
3) (integer) 11
4) (integer) 0
5) (integer) -1
> BITFIELD f SET i5 3 100 SET i5 3 -100 OVERFLOW SAT SET i5 3 100 SET i5 3 -100 OVERFLOW FAIL SET i5 3 100 SET i5 3 -100 GET i5 3
1) (integer) 11
2) (integer) 4
3) (integer) -4
4) (integer) 15
5) (nil)
6) (nil)
7) (integer) -16
> BITFIELD f SET u5 3 -1 GET u5 3 OVERFLOW SAT SET u5 3 -1 GET u5 3 OVERFLOW FAIL SET u5 3 -1
1) (integer) 16
2) (integer) 31
3) (integer) 31
4) (integer) 31
5) (nil)
> BITFIELD w SET i64 5 -9223372036854775808 GET i64 5 INCRBY i64 5 -1 OVERFLOW SAT INCRBY i64 5 1 INCRBY i64 5 -5
1) (integer) 0
2) (integer) -9223372036854775808
3) (integer) 9223372036854775807
4) (integer) 9223372036854775807
5) (integer) 9223372036854775802
> BITFIELD w OVERFLOW SAT INCRBY i64 5 -9223372036854775808 INCRBY i64 5 9223372036854775807 OVERFLOW FAIL INCRBY i64 5 -9223372036854775808
1) (integer) -6
2) (integer) 9223372036854775801
3) (integer) -7
> STRLEN w
(integer) 9
> BITFIELD w SET u63 3 9223372036854775807 INCRBY u63 3 1 OVERFLOW SAT INCRBY u63 3 -1 INCRBY u63 3 9223372036854775807 INCRBY u63 3 1
1) (integer) 2305843009213693951
2) (integer) 0
3) (integer) 0
4) (integer) 9223372036854775807
5) (integer) 9223372036854775807
> BITFIELD w GET u63 0 GET i64 1 GET i64 60 GET u8 68 GET u8 72 GET u8 1000
1) (integer) 1152921504606846975
2) (integer) 4611686018427387903
3) (integer) -252201579132747776
4) (integer) 128
5) (integer) 0
6) (integer) 0
> BITFIELD none GET u8 0 GET i64 #100
1) (integer) 0
2) (integer) 0
> EXISTS none
(integer) 0
> BITFIELD none
(empty array)
> BITFIELD f
(empty array)
> BITFIELD none OVERFLOW SAT
(empty array)
> BITFIELD created OVERFLOW FAIL INCRBY u2 9 4
1) (nil)
> GET created
"\x00\x00"
> SET n 12345 EX 100
OK
> BITFIELD n GET u8 0 INCRBY u8 #4 1 GET u8 #4
1) (integer) 49
2) (integer) 54
3) (integer) 54
> GET n
"12346"
> OBJECT ENCODING n
"raw"
> TTL n
(integer) 100
> BITFIELD far SET u8 #1000 1 GET u8 #1000 GET u8 7993
1) (integer) 0
2) (integer) 1
3) (integer) 0
> STRLEN far
(integer) 1001
> BITFIELD many GET u1 0 GET u1 0 GET u1 0 GET u1 0 GET u1 0 GET u1 0 GET u1 0 GET u1 0 GET u1 0 GET u1 0 GET u1 0 GET u1 0 GET u1 0 GET u1 0 GET u1 0 GET u1 0 GET u1 0 SET u1 0 1
1) (integer) 0
2) (integer) 0
3) (integer) 0
4) (integer) 0
5) (integer) 0
6) (integer) 0
7) (integer) 0
8) (integer) 0
9) (integer) 0
10) (integer) 0
11) (integer) 0
12) (integer) 0
13) (integer) 0
14) (integer) 0
15) (integer) 0
16) (integer) 0
17) (integer) 0
18) (integer) 0
> BITFIELD f get U8 0
(error) ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.
> BITFIELD f GET u64 0
(error) ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.
> BITFIELD f GET i65 0
(error) ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.
> BITFIELD f GET i0 0
(error) ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.
> BITFIELD f GET u 0
(error) ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.
> BITFIELD f GET x8 0
(error) ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.
> BITFIELD f GET 8 0
(error) ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.
> BITFIELD f GET "" 0
(error) ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.
> BITFIELD f GET u8 -1
(error) ERR bit offset is not an integer or out of range
> BITFIELD f GET u8 #-1
(error) ERR bit offset is not an integer or out of range
> BITFIELD f GET u8 #
(error) ERR bit offset is not an integer or out of range
> BITFIELD f GET u8 ##1
(error) ERR bit offset is not an integer or out of range
> BITFIELD f GET u8 x
(error) ERR bit offset is not an integer or out of range
> BITFIELD f GET u8 4294967296
(error) ERR bit offset is not an integer or out of range
> BITFIELD f GET u8 #536870912
(error) ERR bit offset is not an integer or out of range
> BITFIELD f GET u8 9223372036854775808
(error) ERR bit offset is not an integer or out of range
> BITFIELD f SET u8 0 x
(error) ERR value is not an integer or out of range
> BITFIELD f SET u8 0 1.5
(error) ERR value is not an integer or out of range
> BITFIELD f SET u8 0
(error) ERR syntax error
> BITFIELD f SET u8
(error) ERR syntax error
> BITFIELD f GET u8
(error) ERR syntax error
> BITFIELD f GET
(error) ERR syntax error
> BITFIELD f INCRBY u8 0
(error) ERR syntax error
> BITFIELD f FOO u8 0
(error) ERR syntax error
> BITFIELD f OVERFLOW
(error) ERR syntax error
> BITFIELD f OVERFLOW FOO
(error) ERR Invalid OVERFLOW type specified
> BITFIELD f OVERFLOW FOO GET x 0
(error) ERR Invalid OVERFLOW type specified
> BITFIELD f SET u8 0 77 GET u8
(error) ERR syntax error
> BITFIELD f GET u8 0
1) (integer) 31
> BITFIELD
(error) ERR wrong number of arguments for 'bitfield' command
> BITFIELD_RO f GET u8 0 GET u8 #1
1) (integer) 31
2) (integer) 128
> BITFIELD_RO f
(empty array)
> BITFIELD_RO none GET i8 8
1) (integer) 0
> BITFIELD_RO f OVERFLOW SAT GET u8 0
1) (integer) 31
> BITFIELD_RO f SET u8 0 1
(error) ERR BITFIELD_RO only supports the GET subcommand
> BITFIELD_RO f GET u8 0 INCRBY u8 0 1
(error) ERR BITFIELD_RO only supports the GET subcommand
> BITFIELD_RO f SET x8 0 1
(error) ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.
> BITFIELD_RO f FOO
(error) ERR syntax error
> BITFIELD_RO
(error) ERR wrong number of arguments for 'bitfield_ro' command
> COMMAND GETKEYSANDFLAGS BITFIELD f GET u8 0 OVERFLOW SAT GET u8 0
resp2:
1)
   1) "f"
   2)
      1) RO
      2) access
resp3:
1)
   1) "f"
   2)
      1~ RO
      2~ access
> COMMAND GETKEYSANDFLAGS BITFIELD f GET u8 0 SET u8 0 1
resp2:
1)
   1) "f"
   2)
      1) RW
      2) access
      3) update
resp3:
1)
   1) "f"
   2)
      1~ RW
      2~ access
      3~ update
> COMMAND GETKEYSANDFLAGS BITFIELD f GET u8
resp2:
1)
   1) "f"
   2)
      1) RW
      2) access
      3) update
resp3:
1)
   1) "f"
   2)
      1~ RW
      2~ access
      3~ update
> COMMAND GETKEYSANDFLAGS BITFIELD f
resp2:
1)
   1) "f"
   2)
      1) RO
      2) access
resp3:
1)
   1) "f"
   2)
      1~ RO
      2~ access
> COMMAND INFO bitfield_ro
resp2:
1)
   1) "bitfield_ro"
   2) (integer) -2
   3)
      1) readonly
      2) fast
   4) (integer) 1
   5) (integer) 1
   6) (integer) 1
   7)
      1) @read
      2) @bitmap
      3) @fast
   8) (empty array)
   9)
      1)
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
   1) "bitfield_ro"
   2) (integer) -2
   3)
      1~ readonly
      2~ fast
   4) (integer) 1
   5) (integer) 1
   6) (integer) 1
   7)
      1~ @read
      2~ @bitmap
      3~ @fast
   8) (empty set)
   9)
      1~
         1# "flags" =>
            1~ RO
            2~ access
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

# The multiple of a number's size must fit; Redis lets it wrap around.
differs it wraps around there
> BITFIELD f GET u8 #2305843009213693952
(error) ERR bit offset is not an integer or out of range
# What is below all that fits goes to the lower limit, however far below it is.
differs it is taken for too high there
> BITFIELD f OVERFLOW SAT SET i8 #4 -9223372036854775808 GET i8 #4
1) (integer) 0
2) (integer) -128
> RPUSH l 1
(integer) 1
> BITFIELD l
(error) WRONGTYPE Operation against a key holding the wrong kind of value
> BITFIELD l SET u8 0 1
(error) WRONGTYPE Operation against a key holding the wrong kind of value
> BITFIELD_RO l GET u8 0
(error) WRONGTYPE Operation against a key holding the wrong kind of value
