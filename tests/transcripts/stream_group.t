# XGROUP, XREADGROUP, XACK, XPENDING, XCLAIM, XAUTOCLAIM, XINFO.

> XGROUP CREATE s g 0
(error) ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the MKSTREAM option to create an empty stream automatically.
> XGROUP CREATE s g 0 MKSTREAM
OK
> XGROUP CREATE s g 0
(error) BUSYGROUP Consumer Group name already exists
> XGROUP CREATE s h $ ENTRIESREAD 3
OK
> XGROUP CREATE s i abc
(error) ERR Invalid stream ID specified as stream command argument
> XGROUP CREATE s i -
(error) ERR Invalid stream ID specified as stream command argument
> XGROUP CREATE s i 0 ENTRIESREAD -2
(error) ERR value for ENTRIESREAD must be positive or -1
> XGROUP CREATE s i 0 ENTRIESREAD x
(error) ERR value is not an integer or out of range
> XGROUP CREATE s i 0 ENTRIESREAD
(error) ERR unknown subcommand or wrong number of arguments for 'CREATE'. Try XGROUP HELP.
> XGROUP CREATE s i 0 FOO
(error) ERR unknown subcommand or wrong number of arguments for 'CREATE'. Try XGROUP HELP.
> XGROUP CREATE s i
(error) ERR wrong number of arguments for 'xgroup|create' command
> XGROUP FOO
(error) ERR unknown subcommand 'FOO'. Try XGROUP HELP.
> XGROUP
(error) ERR wrong number of arguments for 'xgroup' command
> XGROUP SETID s h 0 ENTRIESREAD 0
OK
> XGROUP SETID s none 0
(error) NOGROUP No such consumer group 'none' for key name 's'
> XGROUP SETID none g 0
(error) ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the MKSTREAM option to create an empty stream automatically.
> XGROUP SETID s g abc
(error) ERR Invalid stream ID specified as stream command argument
> XGROUP CREATECONSUMER s g alice
(integer) 1
> XGROUP CREATECONSUMER s g alice
(integer) 0
> XGROUP CREATECONSUMER s none alice
(error) NOGROUP No such consumer group 'none' for key name 's'
> XGROUP DELCONSUMER s g alice
(integer) 0
> XGROUP DELCONSUMER s g alice
(integer) 0
> XGROUP DESTROY s h
(integer) 1
> XGROUP DESTROY s h
(integer) 0
> XGROUP DESTROY none h
(error) ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the MKSTREAM option to create an empty stream automatically.
> XADD s 1-0 a 1
"1-0"
> XADD s 2-0 a 2
"2-0"
> XADD s 3-0 a 3
"3-0"
> XADD s 4-0 a 4
"4-0"
> XREADGROUP GROUP g alice COUNT 1 STREAMS s >
resp2:
1)
   1) "s"
   2)
      1)
         1) "1-0"
         2)
            1) "a"
            2) "1"
resp3:
1# "s" =>
   1)
      1) "1-0"
      2)
         1) "a"
         2) "1"
> XREADGROUP GROUP g bob COUNT 1 NOACK STREAMS s >
resp2:
1)
   1) "s"
   2)
      1)
         1) "2-0"
         2)
            1) "a"
            2) "2"
resp3:
1# "s" =>
   1)
      1) "2-0"
      2)
         1) "a"
         2) "2"
> XREADGROUP GROUP g bob STREAMS s >
resp2:
1)
   1) "s"
   2)
      1)
         1) "3-0"
         2)
            1) "a"
            2) "3"
      2)
         1) "4-0"
         2)
            1) "a"
            2) "4"
resp3:
1# "s" =>
   1)
      1) "3-0"
      2)
         1) "a"
         2) "3"
   2)
      1) "4-0"
      2)
         1) "a"
         2) "4"
> XREADGROUP GROUP g bob STREAMS s >
(nil array)
> XREADGROUP GROUP g bob BLOCK 10 STREAMS s >
(nil array)
> XREADGROUP GROUP g bob STREAMS s 0
resp2:
1)
   1) "s"
   2)
      1)
         1) "3-0"
         2)
            1) "a"
            2) "3"
      2)
         1) "4-0"
         2)
            1) "a"
            2) "4"
resp3:
1# "s" =>
   1)
      1) "3-0"
      2)
         1) "a"
         2) "3"
   2)
      1) "4-0"
      2)
         1) "a"
         2) "4"
> XREADGROUP GROUP g bob COUNT 1 STREAMS s 3
resp2:
1)
   1) "s"
   2)
      1)
         1) "4-0"
         2)
            1) "a"
            2) "4"
resp3:
1# "s" =>
   1)
      1) "4-0"
      2)
         1) "a"
         2) "4"
> XREADGROUP GROUP g carol STREAMS s 0
resp2:
1)
   1) "s"
   2) (empty array)
resp3:
1# "s" => (empty array)
> XREADGROUP GROUP none bob STREAMS s >
(error) NOGROUP No such key 's' or consumer group 'none' in XREADGROUP with GROUP option
> XREADGROUP GROUP g bob STREAMS none >
(error) NOGROUP No such key 'none' or consumer group 'g' in XREADGROUP with GROUP option
> XREADGROUP GROUP g bob STREAMS s $
(error) ERR The $ ID is meaningless in the context of XREADGROUP: you want to read the history of this consumer by specifying a proper ID, or use the > ID to get new messages. The $ ID would just return an empty result set.
> XREADGROUP GROUP g bob STREAMS s
(error) ERR wrong number of arguments for 'xreadgroup' command
> XREADGROUP GROUP g bob STREAMS s s >
(error) ERR Unbalanced XREAD list of streams: for each stream key an ID or '$' must be specified.
> XREADGROUP COUNT 1 BLOCK 1 STREAMS s >
(error) ERR Missing GROUP option for XREADGROUP
> XREADGROUP GROUP g bob COUNT x STREAMS s >
(error) ERR value is not an integer or out of range
> XPENDING s g
1) (integer) 3
2) "1-0"
3) "4-0"
4)
   1)
      1) "alice"
      2) "1"
   2)
      1) "bob"
      2) "2"
> XPENDING s none
(error) NOGROUP No such key 's' or consumer group 'none'
> XPENDING none g
(error) NOGROUP No such key 'none' or consumer group 'g'
> XPENDING s g - +
(error) ERR syntax error
> XPENDING s g - + x
(error) ERR value is not an integer or out of range
> XPENDING s g x + 1
(error) ERR Invalid stream ID specified as stream command argument
> XPENDING s g IDLE 5 - +
(error) ERR syntax error
> XPENDING s g IDLE x - + 10
(error) ERR value is not an integer or out of range
> XPENDING s g IDLE 3600000 - + 10
(empty array)
> XPENDING s g - + 10 nobody
(empty array)
> XPENDING s g (4-0 + 10
(empty array)
> XACK s g 1-0 9-9
(integer) 1
> XACK s g 1-0
(integer) 0
> XACK s g abc
(error) ERR Invalid stream ID specified as stream command argument
> XACK s none 1-0
(integer) 0
> XACK none g abc
(integer) 0
> XCLAIM s g carol 0 3-0 JUSTID
1) "3-0"
> XCLAIM s g carol 3600000 4-0
(empty array)
> XCLAIM s g carol 0 4-0 9-9
1)
   1) "4-0"
   2)
      1) "a"
      2) "4"
> XCLAIM s g carol 0 1-0
(empty array)
> XCLAIM s g carol 0 1-0 FORCE RETRYCOUNT 5 TIME 1000
1)
   1) "1-0"
   2)
      1) "a"
      2) "1"
> XPENDING s g IDLE 3600000 - + 10 nobody
(empty array)
> XCLAIM s g carol x 1-0
(error) ERR Invalid min-idle-time argument for XCLAIM
> XCLAIM s g carol 0 1-0 FOO
(error) ERR Unrecognized XCLAIM option 'FOO'
> XCLAIM s g carol 0 1-0 IDLE x
(error) ERR Invalid IDLE option argument for XCLAIM
> XCLAIM s g carol 0 1-0 TIME x
(error) ERR Invalid TIME option argument for XCLAIM
> XCLAIM s g carol 0 1-0 RETRYCOUNT x
(error) ERR Invalid RETRYCOUNT option argument for XCLAIM
> XCLAIM s g carol 0 1-0 LASTID x
(error) ERR Invalid stream ID specified as stream command argument
> XCLAIM s none carol 0 1-0
(error) NOGROUP No such key 's' or consumer group 'none'
> XCLAIM none g carol 0 1-0
(error) NOGROUP No such key 'none' or consumer group 'g'
> XDEL s 3-0
(integer) 1
> XREADGROUP GROUP g carol STREAMS s 0
resp2:
1)
   1) "s"
   2)
      1)
         1) "1-0"
         2)
            1) "a"
            2) "1"
      2)
         1) "3-0"
         2) (nil array)
      3)
         1) "4-0"
         2)
            1) "a"
            2) "4"
resp3:
1# "s" =>
   1)
      1) "1-0"
      2)
         1) "a"
         2) "1"
   2)
      1) "3-0"
      2) (nil)
   3)
      1) "4-0"
      2)
         1) "a"
         2) "4"
> XAUTOCLAIM s g dave 0 0 COUNT 1
1) "3-0"
2)
   1)
      1) "1-0"
      2)
         1) "a"
         2) "1"
3) (empty array)
> XAUTOCLAIM s g dave 0 (1-0 COUNT 1
1) "4-0"
2) (empty array)
3)
   1) "3-0"
> XAUTOCLAIM s g dave 0 - JUSTID
1) "0-0"
2)
   1) "1-0"
   2) "4-0"
3) (empty array)
> XAUTOCLAIM s g dave 3600000 0
1) "0-0"
2) (empty array)
3) (empty array)
> XAUTOCLAIM s g dave 0 0 COUNT 0
(error) ERR COUNT must be > 0
> XAUTOCLAIM s g dave 0 0 FOO
(error) ERR syntax error
> XAUTOCLAIM s g dave x 0
(error) ERR Invalid min-idle-time argument for XAUTOCLAIM
> XAUTOCLAIM s g dave 0 x
(error) ERR Invalid stream ID specified as stream command argument
> XAUTOCLAIM s none dave 0 0
(error) NOGROUP No such key 's' or consumer group 'none'
> XINFO GROUPS s
resp2:
1)
   1) "name"
   2) "g"
   3) "consumers"
   4) (integer) 4
   5) "pending"
   6) (integer) 2
   7) "last-delivered-id"
   8) "4-0"
   9) "entries-read"
   10) (integer) 4
   11) "lag"
   12) (integer) 0
resp3:
1)
   1# "name" => "g"
   2# "consumers" => (integer) 4
   3# "pending" => (integer) 2
   4# "last-delivered-id" => "4-0"
   5# "entries-read" => (integer) 4
   6# "lag" => (integer) 0
> XGROUP SETID s g 1
OK
> XINFO GROUPS s
resp2:
1)
   1) "name"
   2) "g"
   3) "consumers"
   4) (integer) 4
   5) "pending"
   6) (integer) 2
   7) "last-delivered-id"
   8) "1-0"
   9) "entries-read"
   10) (nil)
   11) "lag"
   12) (nil)
resp3:
1)
   1# "name" => "g"
   2# "consumers" => (integer) 4
   3# "pending" => (integer) 2
   4# "last-delivered-id" => "1-0"
   5# "entries-read" => (nil)
   6# "lag" => (nil)
> XINFO GROUPS none
(error) ERR no such key
> XINFO CONSUMERS s none
(error) NOGROUP No such consumer group 'none' for key name 's'
> XINFO CONSUMERS none g
(error) ERR no such key
> XINFO CONSUMERS s
(error) ERR wrong number of arguments for 'xinfo|consumers' command
> XINFO STREAM s
resp2:
1) "length"
2) (integer) 3
3) "radix-tree-keys"
4) (integer) 1
5) "radix-tree-nodes"
6) (integer) 2
7) "last-generated-id"
8) "4-0"
9) "max-deleted-entry-id"
10) "3-0"
11) "entries-added"
12) (integer) 4
13) "recorded-first-entry-id"
14) "1-0"
15) "groups"
16) (integer) 1
17) "first-entry"
18)
   1) "1-0"
   2)
      1) "a"
      2) "1"
19) "last-entry"
20)
   1) "4-0"
   2)
      1) "a"
      2) "4"
resp3:
1# "length" => (integer) 3
2# "radix-tree-keys" => (integer) 1
3# "radix-tree-nodes" => (integer) 2
4# "last-generated-id" => "4-0"
5# "max-deleted-entry-id" => "3-0"
6# "entries-added" => (integer) 4
7# "recorded-first-entry-id" => "1-0"
8# "groups" => (integer) 1
9# "first-entry" =>
   1) "1-0"
   2)
      1) "a"
      2) "1"
10# "last-entry" =>
   1) "4-0"
   2)
      1) "a"
      2) "4"
> XINFO STREAM s FULL COUNT
(error) ERR unknown subcommand or wrong number of arguments for 'STREAM'. Try XINFO HELP.
> XINFO STREAM s FOO
(error) ERR unknown subcommand or wrong number of arguments for 'STREAM'. Try XINFO HELP.
> XINFO STREAM none
(error) ERR no such key
> XINFO FOO
(error) ERR unknown subcommand 'FOO'. Try XINFO HELP.
> XINFO
(error) ERR wrong number of arguments for 'xinfo' command
> DEL s
(integer) 1
> XGROUP CREATE s g $ MKSTREAM
OK
> XADD s 1-1 a b
"1-1"
> XINFO STREAM s FULL
resp2:
1) "length"
2) (integer) 1
3) "radix-tree-keys"
4) (integer) 1
5) "radix-tree-nodes"
6) (integer) 2
7) "last-generated-id"
8) "1-1"
9) "max-deleted-entry-id"
10) "0-0"
11) "entries-added"
12) (integer) 1
13) "recorded-first-entry-id"
14) "1-1"
15) "entries"
16)
   1)
      1) "1-1"
      2)
         1) "a"
         2) "b"
17) "groups"
18)
   1)
      1) "name"
      2) "g"
      3) "last-delivered-id"
      4) "0-0"
      5) "entries-read"
      6) (nil)
      7) "lag"
      8) (integer) 1
      9) "pel-count"
      10) (integer) 0
      11) "pending"
      12) (empty array)
      13) "consumers"
      14) (empty array)
resp3:
1# "length" => (integer) 1
2# "radix-tree-keys" => (integer) 1
3# "radix-tree-nodes" => (integer) 2
4# "last-generated-id" => "1-1"
5# "max-deleted-entry-id" => "0-0"
6# "entries-added" => (integer) 1
7# "recorded-first-entry-id" => "1-1"
8# "entries" =>
   1)
      1) "1-1"
      2)
         1) "a"
         2) "b"
9# "groups" =>
   1)
      1# "name" => "g"
      2# "last-delivered-id" => "0-0"
      3# "entries-read" => (nil)
      4# "lag" => (integer) 1
      5# "pel-count" => (integer) 0
      6# "pending" => (empty array)
      7# "consumers" => (empty array)
> SET str x
OK
> XGROUP CREATE str g 0
(error) WRONGTYPE Operation against a key holding the wrong kind of value
> XREADGROUP GROUP g c STREAMS str >
(error) WRONGTYPE Operation against a key holding the wrong kind of value
> XACK str g 1
(error) WRONGTYPE Operation against a key holding the wrong kind of value
> XPENDING str g
(error) WRONGTYPE Operation against a key holding the wrong kind of value
> XCLAIM str g c 0 1
(error) WRONGTYPE Operation against a key holding the wrong kind of value
> XAUTOCLAIM str g c 0 0
(error) WRONGTYPE Operation against a key holding the wrong kind of value
> XINFO STREAM str
(error) WRONGTYPE Operation against a key holding the wrong kind of value
differs help is in Kora's own words
> XGROUP HELP
1) XGROUP <subcommand> [<arg> [value] [opt] ...]. Subcommands are:
...
differs help is in Kora's own words
> XINFO HELP
1) XINFO <subcommand> [<arg> [value] [opt] ...]. Subcommands are:
...
