# PFADD, PFCOUNT, PFMERGE.

> PFADD h
(integer) 1
> PFADD h
(integer) 0
> GET h
"HYLL\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80\x7f\xff"
> OBJECT ENCODING h
"raw"
> PFCOUNT h
(integer) 0
> GET h
"HYLL\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x7f\xff"
> PFADD h a b c d e f g
(integer) 1
> PFADD h a b c
(integer) 0
> PFADD h a b z
(integer) 1
> PFCOUNT h
(integer) 8
> PFCOUNT h
(integer) 8
> GET h
"HYLL\x01\x00\x00\x00\b\x00\x00\x00\x00\x00\x00\x00Fm\x80V\x0c\x80D<\x848\x80@\x8f\x80P \x84I\x8c\x80Bm\x80BZ"
> TYPE h
string
> PFADD h ""
(integer) 1
> PFADD h "\x00\xff" 12345678 123456789 "a longer element, of which there are some"
(integer) 1
> PFCOUNT h
(integer) 13
> STRLEN h
(integer) 56
> PFCOUNT none
(integer) 0
> PFCOUNT none nothing
(integer) 0
> EXISTS none
(integer) 0
> PFADD i x y z a b
(integer) 1
> PFCOUNT h i none
(integer) 15
> PFCOUNT h h
(integer) 13
> PFCOUNT i
(integer) 5
> PFMERGE m h i none
OK
> PFCOUNT m
(integer) 15
> GET m
"HYLL\x01\x00\x00\x00\x0f\x00\x00\x00\x00\x00\x00\x00Fm\x80H\xf1\x80G\xcf\x84EH\x80C\xab\x80@\x8f\x848\x80@\x8f\x80B\xc6\x84E\x04\x88HR\x84H\xab\x88@\xdf\x80Bm\x80BP\x84\b"
> PFMERGE new
OK
> GET new
"HYLL\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80\x7f\xff"
> PFMERGE m
OK
> PFCOUNT m
(integer) 15
> EXPIRE m 100
(integer) 1
> PFMERGE m i
OK
> PFADD m another
(integer) 1
> TTL m
(integer) 100
> PFCOUNT m
(integer) 16

# Ones that become dense
> CONFIG SET hll-sparse-max-bytes 30
OK
> PFADD small a b c d e f g
(integer) 1
> STRLEN small
(integer) 12304
> PFCOUNT small
(integer) 7
> PFADD small a b c d e f g
(integer) 0
> PFADD small h
(integer) 1
> PFCOUNT small
(integer) 8
> PFMERGE m2 i small
OK
> STRLEN m2
(integer) 12304
> PFCOUNT m2
(integer) 11
> PFMERGE i small
OK
> STRLEN i
(integer) 12304
> PFCOUNT i small h
(integer) 16
> CONFIG SET hll-sparse-max-bytes 3000
OK
> PFADD h big
(integer) 1
> PFMERGE h small
OK
> STRLEN h
(integer) 12304
> PFCOUNT h
(integer) 15
> CONFIG SET hll-sparse-max-bytes -1
(error) ERR CONFIG SET failed (possibly related to argument 'hll-sparse-max-bytes') - argument must be a memory value
> CONFIG GET hll-sparse-max-bytes
resp2:
1) "hll-sparse-max-bytes"
2) "3000"
resp3:
1# "hll-sparse-max-bytes" => "3000"

# What is none, or damaged
> SET s hello
OK
> PFADD s a
(error) WRONGTYPE Key is not a valid HyperLogLog string value.
> PFADD s
(error) WRONGTYPE Key is not a valid HyperLogLog string value.
> PFCOUNT s
(error) WRONGTYPE Key is not a valid HyperLogLog string value.
> PFCOUNT h s
(error) WRONGTYPE Key is not a valid HyperLogLog string value.
> PFMERGE h s
(error) WRONGTYPE Key is not a valid HyperLogLog string value.
> PFMERGE s h
(error) WRONGTYPE Key is not a valid HyperLogLog string value.
> PFMERGE fresh h s
(error) WRONGTYPE Key is not a valid HyperLogLog string value.
> EXISTS fresh
(integer) 0
> SET s 12345
OK
> PFADD s a
(error) WRONGTYPE Key is not a valid HyperLogLog string value.
> SET s "%{x*100}"
OK
> PFCOUNT s
(error) WRONGTYPE Key is not a valid HyperLogLog string value.
> SET s "HYLL"
OK
> PFCOUNT s
(error) WRONGTYPE Key is not a valid HyperLogLog string value.
> SET s "HYLL\x00%{\x00*11}"
OK
> PFCOUNT s
(error) WRONGTYPE Key is not a valid HyperLogLog string value.
> PFADD s a
(error) WRONGTYPE Key is not a valid HyperLogLog string value.
> SET s "HYLL\x02%{\x00*12300}"
OK
> PFCOUNT s
(error) WRONGTYPE Key is not a valid HyperLogLog string value.
> SET s "HYLL\x00%{\x00*12299}"
OK
> PFCOUNT s
(integer) 0
> PFCOUNT s h
(integer) 15
> SET s "HYLL\x01%{\x00*11}\x7f\xff\x80"
OK
> PFCOUNT s
(integer) 0
> SET s "HYLL\x01%{\x00*10}\x80\x7f\xff\x80"
OK
> PFCOUNT s
(error) INVALIDOBJ Corrupted HLL object detected
> PFCOUNT s h
(error) INVALIDOBJ Corrupted HLL object detected
> PFMERGE s h
(error) INVALIDOBJ Corrupted HLL object detected
> PFMERGE fresh s
(error) INVALIDOBJ Corrupted HLL object detected
> SET s "HYLL\x01%{\x00*10}\x80\x00"
OK
> PFADD s a
(error) INVALIDOBJ Corrupted HLL object detected
> PFADD s
(integer) 0
> PFCOUNT s
(error) INVALIDOBJ Corrupted HLL object detected
> GET s
"HYLL\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80\x00"
> SET s "HYLL\x01%{\x00*10}\x80"
OK
> PFADD s a
(error) INVALIDOBJ Corrupted HLL object detected
> PFCOUNT s
(error) INVALIDOBJ Corrupted HLL object detected
> SET s "HYLL\x01\x00\x00\x00\x05%{\x00*7}\x00"
OK
> PFCOUNT s
(integer) 5
> SET s "HYLL\x00%{\x00*10}\x80%{\x41\x10\x04*4096}"
OK
> PFCOUNT s
(integer) 23637
> PFADD s a b c d e f
(integer) 1
> PFCOUNT s
(integer) 23638
> RPUSH l 1
(integer) 1
> PFADD l a
(error) WRONGTYPE Operation against a key holding the wrong kind of value
> PFCOUNT l
(error) WRONGTYPE Operation against a key holding the wrong kind of value
> PFCOUNT h l
(error) WRONGTYPE Operation against a key holding the wrong kind of value
> PFMERGE l h
(error) WRONGTYPE Operation against a key holding the wrong kind of value
> PFMERGE h l
(error) WRONGTYPE Operation against a key holding the wrong kind of value
> PFADD
(error) ERR wrong number of arguments for 'pfadd' command
> PFCOUNT
(error) ERR wrong number of arguments for 'pfcount' command
> PFMERGE
(error) ERR wrong number of arguments for 'pfmerge' command
> COMMAND GETKEYS PFMERGE d a b
1) "d"
2) "a"
3) "b"
> COMMAND GETKEYSANDFLAGS PFMERGE d a b
resp2:
1)
   1) "d"
   2)
      1) RW
      2) access
      3) insert
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
      1~ RW
      2~ access
      3~ insert
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
> COMMAND GETKEYSANDFLAGS PFCOUNT a b
resp2:
1)
   1) "a"
   2)
      1) RW
      2) access
2)
   1) "b"
   2)
      1) RW
      2) access
resp3:
1)
   1) "a"
   2)
      1~ RW
      2~ access
2)
   1) "b"
   2)
      1~ RW
      2~ access
> COMMAND INFO pfadd pfmerge
resp2:
1)
   1) "pfadd"
   2) (integer) -2
   3)
      1) write
      2) denyoom
      3) fast
   4) (integer) 1
   5) (integer) 1
   6) (integer) 1
   7)
      1) @write
      2) @hyperloglog
      3) @fast
   8) (empty array)
   9)
      1)
         1) "flags"
         2)
            1) RW
            2) insert
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
2)
   1) "pfmerge"
   2) (integer) -2
   3)
      1) write
      2) denyoom
   4) (integer) 1
   5) (integer) -1
   6) (integer) 1
   7)
      1) @write
      2) @hyperloglog
      3) @slow
   8) (empty array)
   9)
      1)
         1) "flags"
         2)
            1) RW
            2) access
            3) insert
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
               2) (integer) 2
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
resp3:
1)
   1) "pfadd"
   2) (integer) -2
   3)
      1~ write
      2~ denyoom
      3~ fast
   4) (integer) 1
   5) (integer) 1
   6) (integer) 1
   7)
      1~ @write
      2~ @hyperloglog
      3~ @fast
   8) (empty set)
   9)
      1~
         1# "flags" =>
            1~ RW
            2~ insert
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
2)
   1) "pfmerge"
   2) (integer) -2
   3)
      1~ write
      2~ denyoom
   4) (integer) 1
   5) (integer) -1
   6) (integer) 1
   7)
      1~ @write
      2~ @hyperloglog
      3~ @slow
   8) (empty set)
   9)
      1~
         1# "flags" =>
            1~ RW
            2~ access
            3~ insert
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
      2~
         1# "flags" =>
            1~ RO
            2~ access
         2# "begin_search" =>
            1# "type" => "index"
            2# "spec" =>
               1# "index" => (integer) 2
         3# "find_keys" =>
            1# "type" => "range"
            2# "spec" =>
               1# "lastkey" => (integer) -1
               2# "keystep" => (integer) 1
               3# "limit" => (integer) 0
   10) (empty set)
