# MEMORY.

> MEMORY
(error) ERR wrong number of arguments for 'memory' command
> MEMORY FOO
(error) ERR unknown subcommand 'FOO'. Try MEMORY HELP.
> MEMORY USAGE
(error) ERR wrong number of arguments for 'memory|usage' command
> MEMORY USAGE none
(nil)
> SET k value
OK
> MEMORY USAGE k
~ \(integer\) \d\d
> MEMORY USAGE k SAMPLES 0
~ \(integer\) \d\d
> MEMORY USAGE k samples 5
~ \(integer\) \d\d
> MEMORY USAGE k SAMPLES 5 SAMPLES 1
~ \(integer\) \d\d
> MEMORY USAGE k SAMPLES
(error) ERR syntax error
> MEMORY USAGE k SAMPLES x
(error) ERR value is not an integer or out of range
> MEMORY USAGE k SAMPLES -1
(error) ERR syntax error
> MEMORY USAGE k FOO 1
(error) ERR syntax error
> MEMORY USAGE k FOO
(error) ERR syntax error
> SET large %{x*100000}
OK
> MEMORY USAGE large
~ \(integer\) 1\d{5}
> RPUSH l a b c
(integer) 3
> MEMORY USAGE l
~ \(integer\) \d\d+
> SADD s a b c
(integer) 3
> MEMORY USAGE s
~ \(integer\) \d\d+
> HSET h f %{x*10000}
(integer) 1
> MEMORY USAGE h
~ \(integer\) 1\d{4}
> ZADD z 1 a
(integer) 1
> MEMORY USAGE z
~ \(integer\) \d\d+
> XADD x 1-1 f v
"1-1"
> MEMORY USAGE x
~ \(integer\) \d\d+
> MEMORY PURGE
OK
> MEMORY PURGE x
(error) ERR wrong number of arguments for 'memory|purge' command
> MEMORY DOCTOR
~ (\(verbatim txt\) )?".+"
> MEMORY DOCTOR x
(error) ERR wrong number of arguments for 'memory|doctor' command
> MEMORY MALLOC-STATS
~ (\(verbatim txt\) )?".+"
> MEMORY MALLOC-STATS x
(error) ERR wrong number of arguments for 'memory|malloc-stats' command
> MEMORY HELP
1) MEMORY <subcommand> [<arg> [value] [opt] ...]. Subcommands are:
...
> MEMORY HELP x
(error) ERR wrong number of arguments for 'memory|help' command
> MEMORY STATS x
(error) ERR wrong number of arguments for 'memory|stats' command
> MEMORY STATS
resp2:
1) "peak.allocated"
~ 2\) \(integer\) \d+
3) "total.allocated"
~ 4\) \(integer\) \d+
5) "startup.allocated"
~ 6\) \(integer\) \d+
7) "replication.backlog"
8) (integer) 0
9) "clients.slaves"
10) (integer) 0
11) "clients.normal"
~ 12\) \(integer\) \d+
13) "cluster.links"
14) (integer) 0
15) "aof.buffer"
16) (integer) 0
17) "lua.caches"
18) (integer) 0
19) "functions.caches"
~ 20\) \(integer\) \d+
21) "db.0"
22)
~ 1\) "overhead.hashtable.main"
~ 2\) \(integer\) \d+
~ 3\) "overhead.hashtable.expires"
~ 4\) \(integer\) 0
~ 5\) "overhead.hashtable.slot-to-keys"
~ 6\) \(integer\) 0
23) "overhead.total"
~ 24\) \(integer\) \d+
25) "keys.count"
26) (integer) 7
27) "keys.bytes-per-key"
~ 28\) \(integer\) \d+
29) "dataset.bytes"
~ 30\) \(integer\) \d+
31) "dataset.percentage"
~ 32\) "[\d.]+"
...
resp3:
~ 1# "peak.allocated" => \(integer\) \d+
...
