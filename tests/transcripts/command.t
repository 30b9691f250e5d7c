# COMMAND and its subcommands.

> COMMAND INFO get
resp2:
1)
   1) "get"
   2) (integer) 2
   3)
      1) readonly
      2) fast
   4) (integer) 1
   5) (integer) 1
   6) (integer) 1
   7)
      1) @read
      2) @string
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
   1) "get"
   2) (integer) 2
   3)
      1~ readonly
      2~ fast
   4) (integer) 1
   5) (integer) 1
   6) (integer) 1
   7)
      1~ @read
      2~ @string
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
> COMMAND INFO GET nosuch mset
resp2:
1)
   1) "get"
   2) (integer) 2
   3)
      1) readonly
      2) fast
   4) (integer) 1
   5) (integer) 1
   6) (integer) 1
   7)
      1) @read
      2) @string
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
2) (nil)
3)
   1) "mset"
   2) (integer) -3
   3)
      1) write
      2) denyoom
   4) (integer) 1
   5) (integer) -1
   6) (integer) 2
   7)
      1) @write
      2) @string
      3) @slow
   8)
      1) "request_policy:multi_shard"
      2) "response_policy:all_succeeded"
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
               2) (integer) 1
         5) "find_keys"
         6)
            1) "type"
            2) "range"
            3) "spec"
            4)
               1) "lastkey"
               2) (integer) -1
               3) "keystep"
               4) (integer) 2
               5) "limit"
               6) (integer) 0
   10) (empty array)
resp3:
1)
   1) "get"
   2) (integer) 2
   3)
      1~ readonly
      2~ fast
   4) (integer) 1
   5) (integer) 1
   6) (integer) 1
   7)
      1~ @read
      2~ @string
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
2) (nil)
3)
   1) "mset"
   2) (integer) -3
   3)
      1~ write
      2~ denyoom
   4) (integer) 1
   5) (integer) -1
   6) (integer) 2
   7)
      1~ @write
      2~ @string
      3~ @slow
   8)
      1~ "request_policy:multi_shard"
      2~ "response_policy:all_succeeded"
   9)
      1~
         1# "flags" =>
            1~ OW
            2~ update
         2# "begin_search" =>
            1# "type" => "index"
            2# "spec" =>
               1# "index" => (integer) 1
         3# "find_keys" =>
            1# "type" => "range"
            2# "spec" =>
               1# "lastkey" => (integer) -1
               2# "keystep" => (integer) 2
               3# "limit" => (integer) 0
   10) (empty set)
> COMMAND INFO nosuch
1) (nil)
> COMMAND INFO rename
resp2:
1)
   1) "rename"
   2) (integer) 3
   3)
      1) write
   4) (integer) 1
   5) (integer) 2
   6) (integer) 1
   7)
      1) @keyspace
      2) @write
      3) @slow
   8) (empty array)
   9)
      1)
         1) "flags"
         2)
            1) RW
            2) access
            3) delete
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
   10) (empty array)
resp3:
1)
   1) "rename"
   2) (integer) 3
   3)
      1~ write
   4) (integer) 1
   5) (integer) 2
   6) (integer) 1
   7)
      1~ @keyspace
      2~ @write
      3~ @slow
   8) (empty set)
   9)
      1~
         1# "flags" =>
            1~ RW
            2~ access
            3~ delete
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
   10) (empty set)
> COMMAND INFO object|encoding
resp2:
1)
   1) "object|encoding"
   2) (integer) 3
   3)
      1) readonly
   4) (integer) 2
   5) (integer) 2
   6) (integer) 1
   7)
      1) @keyspace
      2) @read
      3) @slow
   8)
      1) "nondeterministic_output"
   9)
      1)
         1) "flags"
         2)
            1) RO
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
   10) (empty array)
resp3:
1)
   1) "object|encoding"
   2) (integer) 3
   3)
      1~ readonly
   4) (integer) 2
   5) (integer) 2
   6) (integer) 1
   7)
      1~ @keyspace
      2~ @read
      3~ @slow
   8)
      1~ "nondeterministic_output"
   9)
      1~
         1# "flags" =>
            1~ RO
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
   10) (empty set)
> COMMAND INFO object|nosuch
1) (nil)
> COMMAND INFO get|x
1) (nil)
> COMMAND INFO lcs del flushall
resp2:
1)
   1) "lcs"
   2) (integer) -3
   3)
      1) readonly
   4) (integer) 1
   5) (integer) 2
   6) (integer) 1
   7)
      1) @read
      2) @string
      3) @slow
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
               2) (integer) 1
               3) "keystep"
               4) (integer) 1
               5) "limit"
               6) (integer) 0
   10) (empty array)
2)
   1) "del"
   2) (integer) -2
   3)
      1) write
   4) (integer) 1
   5) (integer) -1
   6) (integer) 1
   7)
      1) @keyspace
      2) @write
      3) @slow
   8)
      1) "request_policy:multi_shard"
      2) "response_policy:agg_sum"
   9)
      1)
         1) "flags"
         2)
            1) RM
            2) delete
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
               2) (integer) -1
               3) "keystep"
               4) (integer) 1
               5) "limit"
               6) (integer) 0
   10) (empty array)
3)
   1) "flushall"
   2) (integer) -1
   3)
      1) write
   4) (integer) 0
   5) (integer) 0
   6) (integer) 0
   7)
      1) @keyspace
      2) @write
      3) @slow
      4) @dangerous
   8)
      1) "request_policy:all_shards"
      2) "response_policy:all_succeeded"
   9) (empty array)
   10) (empty array)
resp3:
1)
   1) "lcs"
   2) (integer) -3
   3)
      1~ readonly
   4) (integer) 1
   5) (integer) 2
   6) (integer) 1
   7)
      1~ @read
      2~ @string
      3~ @slow
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
               1# "lastkey" => (integer) 1
               2# "keystep" => (integer) 1
               3# "limit" => (integer) 0
   10) (empty set)
2)
   1) "del"
   2) (integer) -2
   3)
      1~ write
   4) (integer) 1
   5) (integer) -1
   6) (integer) 1
   7)
      1~ @keyspace
      2~ @write
      3~ @slow
   8)
      1~ "request_policy:multi_shard"
      2~ "response_policy:agg_sum"
   9)
      1~
         1# "flags" =>
            1~ RM
            2~ delete
         2# "begin_search" =>
            1# "type" => "index"
            2# "spec" =>
               1# "index" => (integer) 1
         3# "find_keys" =>
            1# "type" => "range"
            2# "spec" =>
               1# "lastkey" => (integer) -1
               2# "keystep" => (integer) 1
               3# "limit" => (integer) 0
   10) (empty set)
3)
   1) "flushall"
   2) (integer) -1
   3)
      1~ write
   4) (integer) 0
   5) (integer) 0
   6) (integer) 0
   7)
      1~ @keyspace
      2~ @write
      3~ @slow
      4~ @dangerous
   8)
      1~ "request_policy:all_shards"
      2~ "response_policy:all_succeeded"
   9) (empty set)
   10) (empty set)
> COMMAND LIST FILTERBY PATTERN set
1) "set"
> COMMAND LIST FILTERBY PATTERN SET
1) "set"
> COMMAND LIST FILTERBY PATTERN nosuch*
(empty array)
sorted
> COMMAND LIST FILTERBY PATTERN object|*
1) "object|encoding"
2) "object|freq"
3) "object|help"
4) "object|idletime"
5) "object|refcount"
> COMMAND LIST filterby pattern getr?nge
1) "getrange"
> COMMAND LIST FILTERBY MODULE x
(empty array)
> COMMAND LIST FILTERBY ACLCAT nosuch
(empty array)
> COMMAND LIST FILTERBY FOO x
(error) ERR syntax error
> COMMAND LIST FILTERBY PATTERN
(error) ERR syntax error
> COMMAND LIST FOO
(error) ERR syntax error
> COMMAND LIST FILTERBY PATTERN a b
(error) ERR syntax error
> COMMAND GETKEYS GET a
1) "a"
> COMMAND GETKEYS MSET a 1 b 2
1) "a"
2) "b"
> COMMAND GETKEYS MSET a 1 b
1) "a"
2) "b"
> COMMAND GETKEYS DEL a b c
1) "a"
2) "b"
3) "c"
> COMMAND GETKEYS LCS a b LEN
1) "a"
2) "b"
> COMMAND GETKEYS OBJECT ENCODING a
1) "a"
> COMMAND GETKEYS COPY a b DB 1
1) "a"
2) "b"
> COMMAND GETKEYS NOSUCH a
(error) ERR Invalid command specified
> COMMAND GETKEYS OBJECT NOSUCH
(error) ERR Invalid command specified
> COMMAND GETKEYS PING a
(error) ERR The command has no key arguments
> COMMAND GETKEYS CLIENT ID
(error) ERR The command has no key arguments
> COMMAND GETKEYS GET a b
(error) ERR Invalid number of arguments specified for command
> COMMAND GETKEYS OBJECT FREQ
(error) ERR Invalid number of arguments specified for command
> COMMAND GETKEYS
(error) ERR wrong number of arguments for 'command|getkeys' command
> COMMAND GETKEYSANDFLAGS GET a
resp2:
1)
   1) "a"
   2)
      1) RO
      2) access
resp3:
1)
   1) "a"
   2)
      1~ RO
      2~ access
> COMMAND GETKEYSANDFLAGS RENAME a b
resp2:
1)
   1) "a"
   2)
      1) RW
      2) access
      3) delete
2)
   1) "b"
   2)
      1) OW
      2) update
resp3:
1)
   1) "a"
   2)
      1~ RW
      2~ access
      3~ delete
2)
   1) "b"
   2)
      1~ OW
      2~ update
> COMMAND GETKEYSANDFLAGS MSET a 1 b 2
resp2:
1)
   1) "a"
   2)
      1) OW
      2) update
2)
   1) "b"
   2)
      1) OW
      2) update
resp3:
1)
   1) "a"
   2)
      1~ OW
      2~ update
2)
   1) "b"
   2)
      1~ OW
      2~ update
> COMMAND GETKEYSANDFLAGS SET a 1
resp2:
1)
   1) "a"
   2)
      1) OW
      2) update
resp3:
1)
   1) "a"
   2)
      1~ OW
      2~ update
> COMMAND GETKEYSANDFLAGS SET a 1 EX 10 get
resp2:
1)
   1) "a"
   2)
      1) RW
      2) access
      3) update
resp3:
1)
   1) "a"
   2)
      1~ RW
      2~ access
      3~ update
> COMMAND GETKEYSANDFLAGS PING a
(error) ERR The command has no key arguments
> COMMAND GETKEYSANDFLAGS NOSUCH a
(error) ERR Invalid command specified
> COMMAND GETKEYSANDFLAGS
(error) ERR wrong number of arguments for 'command|getkeysandflags' command
> COMMAND COUNT x
(error) ERR wrong number of arguments for 'command|count' command
> COMMAND HELP x
(error) ERR wrong number of arguments for 'command|help' command
> COMMAND FOO
(error) ERR unknown subcommand 'FOO'. Try COMMAND HELP.
> COMMAND DOCS nosuch
resp2:
(empty array)
resp3:
(empty map)
> COMMAND HELP
1) COMMAND <subcommand> [<arg> [value] [opt] ...]. Subcommands are:
...
> OBJECT HELP
1) OBJECT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:
...
