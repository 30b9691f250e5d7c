# CONFIG and its subcommands.

> CONFIG GET timeout
resp2:
1) "timeout"
2) "0"
resp3:
1# "timeout" => "0"
> CONFIG GET TIMEOUT
resp2:
1) "TIMEOUT"
2) "0"
resp3:
1# "TIMEOUT" => "0"
> CONFIG GET nosuch
resp2:
(empty array)
resp3:
(empty map)
sorted
> CONFIG GET timeout maxclients timeout
resp2:
1) "0"
2) "10000"
3) "maxclients"
4) "timeout"
resp3:
1# "maxclients" => "10000"
2# "timeout" => "0"
sorted
> CONFIG GET proto-max* nosuch
resp2:
1) "536870912"
2) "proto-max-bulk-len"
resp3:
1# "proto-max-bulk-len" => "536870912"
> CONFIG GET
(error) ERR wrong number of arguments for 'config|get' command
> CONFIG SET timeout 100
OK
> CONFIG GET timeout
resp2:
1) "timeout"
2) "100"
resp3:
1# "timeout" => "100"
> CONFIG SET Timeout 0
OK
> CONFIG SET timeout
(error) ERR wrong number of arguments for 'config|set' command
> CONFIG SET timeout 1 maxclients
(error) ERR syntax error
> CONFIG SET timeout x
(error) ERR CONFIG SET failed (possibly related to argument 'timeout') - argument couldn't be parsed into an integer
> CONFIG SET timeout -1
(error) ERR CONFIG SET failed (possibly related to argument 'timeout') - argument must be between 0 and 2147483647 inclusive
> CONFIG SET timeout 1 timeout 2
(error) ERR CONFIG SET failed (possibly related to argument 'timeout') - duplicate parameter
> CONFIG SET nosuch 1
(error) ERR Unknown option or number of arguments for CONFIG SET - 'nosuch'
> CONFIG SET timeout 5 nosuch 1
(error) ERR Unknown option or number of arguments for CONFIG SET - 'nosuch'
> CONFIG GET timeout
resp2:
1) "timeout"
2) "0"
resp3:
1# "timeout" => "0"
> CONFIG SET timeout 5 maxclients x
(error) ERR CONFIG SET failed (possibly related to argument 'maxclients') - argument couldn't be parsed into an integer
> CONFIG GET timeout
resp2:
1) "timeout"
2) "0"
resp3:
1# "timeout" => "0"
> CONFIG SET timeout 7 tcp-keepalive 60
OK
sorted
> CONFIG GET timeout tcp-keepalive
resp2:
1) "60"
2) "7"
3) "tcp-keepalive"
4) "timeout"
resp3:
1# "tcp-keepalive" => "60"
2# "timeout" => "7"
> CONFIG SET proto-max-bulk-len 2mb
OK
> CONFIG GET proto-max-bulk-len
resp2:
1) "proto-max-bulk-len"
2) "2097152"
resp3:
1# "proto-max-bulk-len" => "2097152"
> CONFIG SET proto-max-bulk-len 1
(error) ERR CONFIG SET failed (possibly related to argument 'proto-max-bulk-len') - argument must be between 1048576 and 9223372036854775807 inclusive
> CONFIG SET proto-max-bulk-len 1gib
(error) ERR CONFIG SET failed (possibly related to argument 'proto-max-bulk-len') - argument must be a memory value
> CONFIG SET proto-max-bulk-len 1048576
OK
> SETRANGE k 1048570 12345678
(error) ERR string exceeds maximum allowed size (proto-max-bulk-len)
> APPEND k %{x*1048576}
(integer) 1048576
> APPEND k x
(error) ERR string exceeds maximum allowed size (proto-max-bulk-len)
> SET k2 %{x*1048570}
OK
> APPEND k2 1234567
(error) ERR string exceeds maximum allowed size (proto-max-bulk-len)
> LCS k k
(error) ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len
> CONFIG SET maxmemory-policy allkeys-lfu
OK
> CONFIG GET maxmemory-policy
resp2:
1) "maxmemory-policy"
2) "allkeys-lfu"
resp3:
1# "maxmemory-policy" => "allkeys-lfu"
> SET f v
OK
> OBJECT FREQ f
(integer) 5
> OBJECT IDLETIME f
(error) ERR An LFU maxmemory policy is selected, idle time not tracked. Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust.
> CONFIG SET maxmemory-policy noeviction
OK
> OBJECT FREQ f
(error) ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust.
differs a policy of its own
> CONFIG SET maxmemory-policy nosuch
(error) ERR CONFIG SET failed (possibly related to argument 'maxmemory-policy') - argument(s) must be one of the following: volatile-lru, volatile-lfu, volatile-random, volatile-ttl, allkeys-lru, allkeys-lfu, allkeys-random, noeviction, allkeys-s3fifo
> CONFIG SET protected-mode x
(error) ERR CONFIG SET failed (possibly related to argument 'protected-mode') - argument must be 'yes' or 'no'
> CONFIG SET protected-mode no
OK
> CONFIG SET client-output-buffer-limit "normal 1mb 0 0"
OK
> CONFIG GET client-output-buffer-limit
resp2:
1) "client-output-buffer-limit"
2) "normal 1048576 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60"
resp3:
1# "client-output-buffer-limit" => "normal 1048576 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60"
> CONFIG SET client-output-buffer-limit "normal 1mb"
(error) ERR CONFIG SET failed (possibly related to argument 'client-output-buffer-limit') - Wrong number of arguments in buffer limit configuration.
> CONFIG SET client-output-buffer-limit "nosuch 0 0 0"
(error) ERR CONFIG SET failed (possibly related to argument 'client-output-buffer-limit') - Invalid client class specified in buffer limit configuration.
> CONFIG SET databases 20
(error) ERR CONFIG SET failed (possibly related to argument 'databases') - can't set immutable config
> CONFIG SET enable-debug-command yes
(error) ERR CONFIG SET failed (possibly related to argument 'enable-debug-command') - can't set immutable config
> CONFIG GET databases
resp2:
1) "databases"
2) "16"
resp3:
1# "databases" => "16"
> CONFIG RESETSTAT
OK
> CONFIG RESETSTAT x
(error) ERR wrong number of arguments for 'config|resetstat' command
> CONFIG REWRITE
(error) ERR The server is running without a config file
> CONFIG REWRITE x
(error) ERR wrong number of arguments for 'config|rewrite' command
> CONFIG HELP
1) CONFIG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:
...
> CONFIG HELP x
(error) ERR wrong number of arguments for 'config|help' command
