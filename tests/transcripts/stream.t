# XADD, XLEN, XRANGE, XREVRANGE, XTRIM, XDEL, XSETID, XREAD.

> XADD s 1-1 a 1
"1-1"
> XADD s 1-* b 2
"1-2"
> XADD s 2 a 3 b 4
"2-0"
> xadd s 2-0 a 1
(error) ERR The ID specified in XADD is equal or smaller than the target stream top item
> XADD s 1-9 a 1
(error) ERR The ID specified in XADD is equal or smaller than the target stream top item
> XADD s 0-0 a 1
(error) ERR The ID specified in XADD must be greater than 0-0
> XADD s 3 a
(error) ERR wrong number of arguments for 'xadd' command
> XADD s 3 a b c
(error) ERR wrong number of arguments for 'xadd' command
> XADD s 3
(error) ERR wrong number of arguments for 'xadd' command
> XADD s abc a b
(error) ERR Invalid stream ID specified as stream command argument
> XADD s 3-x a b
(error) ERR Invalid stream ID specified as stream command argument
> XADD s 18446744073709551616 a b
(error) ERR Invalid stream ID specified as stream command argument
> XADD none NOMKSTREAM 1-1 a b
(nil)
> EXISTS none
(integer) 0
> XADD n 0-* a b
"0-1"
> XADD s NOMKSTREAM 5-5 a b
"5-5"
> XADD s MAXLEN 3 6-0 a 6
"6-0"
> XRANGE s - +
1)
   1) "2-0"
   2)
      1) "a"
      2) "3"
      3) "b"
      4) "4"
2)
   1) "5-5"
   2)
      1) "a"
      2) "b"
3)
   1) "6-0"
   2)
      1) "a"
      2) "6"
> XADD s MAXLEN = 2 7-0 a 7
"7-0"
> XADD s MINID 7 8-0 a 8
"8-0"
> XLEN s
(integer) 2
> XADD s MAXLEN -1 9-0 a b
(error) ERR The MAXLEN argument must be >= 0.
> XADD s MAXLEN abc 9-0 a b
(error) ERR value is not an integer or out of range
> XADD s MAXLEN 1 MINID 1 9-0 a b
(error) ERR syntax error, MAXLEN and MINID options at the same time are not compatible
> XADD s MAXLEN 1 LIMIT 5 9-0 a b
(error) ERR syntax error, LIMIT cannot be used without the special ~ option
> XADD s MAXLEN ~ 1 LIMIT -5 9-0 a b
(error) ERR The LIMIT argument must be >= 0.
> XADD s LIMIT 5 9-0 a b
(error) ERR syntax error, LIMIT cannot be used without specifying a trimming strategy
> XADD s MINID abc 9-0 a b
(error) ERR Invalid stream ID specified as stream command argument
> XADD s MAXLEN ~ 1 LIMIT 5 9-0 a b
"9-0"
> XADD s MAXLEN 0 10-0 a b
"10-0"
> XLEN s
(integer) 0
> TYPE s
stream
> OBJECT ENCODING s
"stream"
> XADD max 18446744073709551615-18446744073709551615 a b
"18446744073709551615-18446744073709551615"
> XADD max * a b
(error) ERR The stream has exhausted the last possible ID, unable to add more items
> XADD max 18446744073709551615-* a b
(error) ERR The stream has exhausted the last possible ID, unable to add more items
> SET str x
OK
> XADD str * a b
(error) WRONGTYPE Operation against a key holding the wrong kind of value
> XLEN str
(error) WRONGTYPE Operation against a key holding the wrong kind of value
> XLEN none
(integer) 0
> XLEN
(error) ERR wrong number of arguments for 'xlen' command
> XRANGE str - +
(error) WRONGTYPE Operation against a key holding the wrong kind of value
> XTRIM str MAXLEN 1
(error) WRONGTYPE Operation against a key holding the wrong kind of value
> XDEL str 1-1
(error) WRONGTYPE Operation against a key holding the wrong kind of value
> XSETID str 1-1
(error) WRONGTYPE Operation against a key holding the wrong kind of value
> DEL s
(integer) 1
> XADD s 1-1 a 1
"1-1"
> XADD s 1-2 b 2 c 3
"1-2"
> XADD s 2-0 a 4
"2-0"
> XADD s 3-5 a 5
"3-5"
> XRANGE s 1 2
1)
   1) "1-1"
   2)
      1) "a"
      2) "1"
2)
   1) "1-2"
   2)
      1) "b"
      2) "2"
      3) "c"
      4) "3"
3)
   1) "2-0"
   2)
      1) "a"
      2) "4"
> XRANGE s (1-1 (3-5
1)
   1) "1-2"
   2)
      1) "b"
      2) "2"
      3) "c"
      4) "3"
2)
   1) "2-0"
   2)
      1) "a"
      2) "4"
> XRANGE s - + COUNT 1
1)
   1) "1-1"
   2)
      1) "a"
      2) "1"
> XRANGE s - + COUNT 0
(nil array)
> XRANGE s - + COUNT -1
(nil array)
> XRANGE s - + COUNT
(error) ERR syntax error
> XRANGE s - + COUNT x
(error) ERR value is not an integer or out of range
> XRANGE s - + FOO
(error) ERR syntax error
> XRANGE none - +
(empty array)
> XRANGE s + -
(empty array)
> XRANGE s (- +
(error) ERR Invalid stream ID specified as stream command argument
> XRANGE s x +
(error) ERR Invalid stream ID specified as stream command argument
> XRANGE s (18446744073709551615-18446744073709551615 +
(error) ERR invalid start ID for the interval
> XRANGE s - (0-0
(error) ERR invalid end ID for the interval
> XREVRANGE s + - COUNT 2
1)
   1) "3-5"
   2)
      1) "a"
      2) "5"
2)
   1) "2-0"
   2)
      1) "a"
      2) "4"
> XREVRANGE s 2 1
1)
   1) "2-0"
   2)
      1) "a"
      2) "4"
2)
   1) "1-2"
   2)
      1) "b"
      2) "2"
      3) "c"
      4) "3"
3)
   1) "1-1"
   2)
      1) "a"
      2) "1"
> XREVRANGE s (3-5 (1-1
1)
   1) "2-0"
   2)
      1) "a"
      2) "4"
2)
   1) "1-2"
   2)
      1) "b"
      2) "2"
      3) "c"
      4) "3"
> XREVRANGE s - +
(empty array)
> XDEL s 1-2 9-9
(integer) 1
> XDEL s 1-2
(integer) 0
> XDEL s abc
(error) ERR Invalid stream ID specified as stream command argument
> XDEL none abc
(integer) 0
> XDEL s
(error) ERR wrong number of arguments for 'xdel' command
> XRANGE s - +
1)
   1) "1-1"
   2)
      1) "a"
      2) "1"
2)
   1) "2-0"
   2)
      1) "a"
      2) "4"
3)
   1) "3-5"
   2)
      1) "a"
      2) "5"
> XTRIM s MAXLEN 5
(integer) 0
> XTRIM s MAXLEN 2
(integer) 1
> XTRIM s MAXLEN ~ 0
(integer) 2
> XTRIM s MINID 3-5
(integer) 0
> XTRIM s MINID ~ 9
(integer) 0
> XTRIM s FOO 1
(error) ERR syntax error
> XTRIM s LIMIT 0
(error) ERR syntax error, XTRIM must be called with a trimming strategy
> XTRIM s MAXLEN
(error) ERR wrong number of arguments for 'xtrim' command
> XTRIM s MINID - 
(error) ERR Invalid stream ID specified as stream command argument
> XTRIM none MAXLEN 0
(integer) 0
> XADD s 4-0 a 1
"4-0"
> XSETID s 3-9
(error) ERR The ID specified in XSETID is smaller than the target stream top item
> XSETID s 9-9
OK
> XSETID s 9-9 ENTRIESADDED 0
(error) ERR The entries_added specified in XSETID is smaller than the target stream length
> XSETID s 9-9 ENTRIESADDED -1
(error) ERR entries_added must be positive
> XSETID s 9-9 ENTRIESADDED 7 MAXDELETEDID 10-0
(error) ERR The ID specified in XSETID is smaller than the provided max_deleted_entry_id
> XSETID s 9-9 ENTRIESADDED 7 MAXDELETEDID 8-0
OK
> XSETID s 9-9 FOO
(error) ERR syntax error
> XSETID s abc
(error) ERR Invalid stream ID specified as stream command argument
> XSETID none 1-1
(error) ERR no such key
> XINFO STREAM s
resp2:
1) "length"
2) (integer) 1
3) "radix-tree-keys"
4) (integer) 1
5) "radix-tree-nodes"
6) (integer) 2
7) "last-generated-id"
8) "9-9"
9) "max-deleted-entry-id"
10) "8-0"
11) "entries-added"
12) (integer) 7
13) "recorded-first-entry-id"
14) "4-0"
15) "groups"
16) (integer) 0
17) "first-entry"
18)
   1) "4-0"
   2)
      1) "a"
      2) "1"
19) "last-entry"
20)
   1) "4-0"
   2)
      1) "a"
      2) "1"
resp3:
1# "length" => (integer) 1
2# "radix-tree-keys" => (integer) 1
3# "radix-tree-nodes" => (integer) 2
4# "last-generated-id" => "9-9"
5# "max-deleted-entry-id" => "8-0"
6# "entries-added" => (integer) 7
7# "recorded-first-entry-id" => "4-0"
8# "groups" => (integer) 0
9# "first-entry" =>
   1) "4-0"
   2)
      1) "a"
      2) "1"
10# "last-entry" =>
   1) "4-0"
   2)
      1) "a"
      2) "1"
> DEL s t
(integer) 1
> XADD s 1-1 a 1
"1-1"
> XADD s 2-1 a 2
"2-1"
> XADD t 1-1 b 1
"1-1"
> XREAD STREAMS s 0
resp2:
1)
   1) "s"
   2)
      1)
         1) "1-1"
         2)
            1) "a"
            2) "1"
      2)
         1) "2-1"
         2)
            1) "a"
            2) "2"
resp3:
1# "s" =>
   1)
      1) "1-1"
      2)
         1) "a"
         2) "1"
   2)
      1) "2-1"
      2)
         1) "a"
         2) "2"
> XREAD COUNT 1 STREAMS s t 0 0
resp2:
1)
   1) "s"
   2)
      1)
         1) "1-1"
         2)
            1) "a"
            2) "1"
2)
   1) "t"
   2)
      1)
         1) "1-1"
         2)
            1) "b"
            2) "1"
resp3:
1# "s" =>
   1)
      1) "1-1"
      2)
         1) "a"
         2) "1"
2# "t" =>
   1)
      1) "1-1"
      2)
         1) "b"
         2) "1"
> XREAD STREAMS s t 2-1 1-1
(nil array)
> XREAD STREAMS s t 1-1 $
resp2:
1)
   1) "s"
   2)
      1)
         1) "2-1"
         2)
            1) "a"
            2) "2"
resp3:
1# "s" =>
   1)
      1) "2-1"
      2)
         1) "a"
         2) "2"
> XREAD STREAMS s none 2 0
resp2:
1)
   1) "s"
   2)
      1)
         1) "2-1"
         2)
            1) "a"
            2) "2"
resp3:
1# "s" =>
   1)
      1) "2-1"
      2)
         1) "a"
         2) "2"
> XREAD BLOCK 10 STREAMS s $
(nil array)
> XREAD BLOCK -1 STREAMS s $
(error) ERR timeout is negative
> XREAD BLOCK x STREAMS s $
(error) ERR timeout is not an integer or out of range
> XREAD COUNT x STREAMS s $
(error) ERR value is not an integer or out of range
> XREAD COUNT -1 STREAMS s 0
resp2:
1)
   1) "s"
   2)
      1)
         1) "1-1"
         2)
            1) "a"
            2) "1"
      2)
         1) "2-1"
         2)
            1) "a"
            2) "2"
resp3:
1# "s" =>
   1)
      1) "1-1"
      2)
         1) "a"
         2) "1"
   2)
      1) "2-1"
      2)
         1) "a"
         2) "2"
> XREAD STREAMS s
(error) ERR wrong number of arguments for 'xread' command
> XREAD STREAMS s t 0
(error) ERR Unbalanced XREAD list of streams: for each stream key an ID or '$' must be specified.
> XREAD COUNT 1
(error) ERR wrong number of arguments for 'xread' command
> XREAD FOO STREAMS s 0
(error) ERR syntax error
> XREAD NOACK STREAMS s 0
(error) ERR The NOACK option is only supported by XREADGROUP. You called XREAD instead.
> XREAD GROUP g c STREAMS s 0
(error) ERR The GROUP option is only supported by XREADGROUP. You called XREAD instead.
> XREAD STREAMS s >
(error) ERR The > ID can be specified only when calling XREADGROUP using the GROUP <group> <consumer> option.
> XREAD STREAMS s abc
(error) ERR Invalid stream ID specified as stream command argument
> XREAD STREAMS str 0
(error) WRONGTYPE Operation against a key holding the wrong kind of value
> COMMAND GETKEYS XREAD COUNT 1 STREAMS a b 1 2
1) "a"
2) "b"
> COMMAND GETKEYS XREADGROUP GROUP streams streams STREAMS a 1
1) "a"
since 7.4
> XREAD STREAMS s t + 0
resp2:
1)
   1) "s"
   2)
      1)
         1) "2-1"
         2)
            1) "a"
            2) "2"
2)
   1) "t"
   2)
      1)
         1) "1-1"
         2)
            1) "b"
            2) "1"
resp3:
1# "s" =>
   1)
      1) "2-1"
      2)
         1) "a"
         2) "2"
2# "t" =>
   1)
      1) "1-1"
      2)
         1) "b"
         2) "1"
since 7.4
> XREAD STREAMS none +
(nil array)
> XADD clock * a b
~ "\d{13}-\d+"
> XADD clock NOMKSTREAM MAXLEN = 1 * a b
~ "\d{13}-\d+"
> XLEN clock
(integer) 1
