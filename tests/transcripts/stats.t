# STATS.*: what happens inside.
all differs Redis has none of these

> STATS.LATENCY nosuch
(error) ERR unknown command 'nosuch'
> STATS.LATENCY get 101
(error) ERR a percentile is a number from 0 to 100
> STATS.LATENCY get x
(error) ERR a percentile is a number from 0 to 100
> STATS.LATENCY
(error) ERR wrong number of arguments for 'stats.latency' command
> SET user:1 abc
OK
> SET user:2 abcdef
OK
> GET user:1
"abc"
> RPUSH queue a b c d
(integer) 4
> SELECT 2
OK
> SET user:3 %{x*10000}
OK
> SELECT 0
OK
> STATS.LATENCY get 50 99.99
resp2:
1) "calls"
2) (integer) 1
3) "usec"
~ 4\) \(integer\) \d+
5) "max"
~ 6\) "\d+(\.\d+)?"
7) "percentiles"
8)
   1) "p50"
   ~ 2\) "\d+(\.\d+)?"
   3) "p99.99"
   ~ 4\) "\d+(\.\d+)?"
resp3:
1# "calls" => (integer) 1
~ 2# "usec" => \(integer\) \d+(\.\d+)?
~ 3# "max" => \(double\) \d+(\.\d+)?
4# "percentiles" =>
   ~ 1# "p50" => \(double\) \d+(\.\d+)?
   ~ 2# "p99\.99" => \(double\) \d+(\.\d+)?
> STATS.LATENCY hset
resp2:
1) "calls"
2) (integer) 0
3) "usec"
4) (integer) 0
5) "max"
~ 6\) "\d+(\.\d+)?"
7) "percentiles"
8)
   1) "p50"
   2) "0"
   3) "p90"
   4) "0"
   5) "p99"
   6) "0"
   7) "p99.9"
   8) "0"
   9) "p99.99"
   ~ 10\) "\d+(\.\d+)?"
resp3:
1# "calls" => (integer) 0
~ 2# "usec" => \(integer\) \d+(\.\d+)?
~ 3# "max" => \(double\) \d+(\.\d+)?
4# "percentiles" =>
   ~ 1# "p50" => \(double\) \d+(\.\d+)?
   2# "p90" => (double) 0
   3# "p99" => (double) 0
   4# "p99.9" => (double) 0
   ~ 5# "p99\.99" => \(double\) \d+(\.\d+)?

# ---- hot keys: all of the first calls are samples
> STATS.HOTKEYS 0
(error) ERR count must be from 1 to 1000
> STATS.HOTKEYS x
(error) ERR value is not an integer or out of range
> STATS.HOTKEYS 1 BY nosuch
(error) ERR syntax error
> STATS.HOTKEYS 1 BY
(error) ERR syntax error
> STATS.HOTKEYS 5
resp2:
1)
   1) "key"
   2) "user:1"
   3) "db"
   4) (integer) 0
   5) "rate"
   ~ 6\) "\d+(\.\d+)?"
resp3:
1)
   1# "key" => "user:1"
   2# "db" => (integer) 0
   ~ 3# "rate" => \(double\) \d+(\.\d+)?
> STATS.HOTKEYS 1 BY bytes
resp2:
1)
   1) "key"
   2) "user:3"
   3) "db"
   4) (integer) 2
   5) "rate"
   ~ 6\) "\d+(\.\d+)?"
resp3:
1)
   1# "key" => "user:3"
   2# "db" => (integer) 2
   ~ 3# "rate" => \(double\) \d+(\.\d+)?
> GET queue
(error) WRONGTYPE Operation against a key holding the wrong kind of value
> CONFIG RESETSTAT
OK
> STATS.HOTKEYS 5
(empty array)
> STATS.HOTKEYS 5 BY WRITES
(empty array)

# ---- walks
> STATS.BIGKEYS 0
(error) ERR count must be from 1 to 1000
> STATS.BIGKEYS 1 BY nosuch
(error) ERR syntax error
> STATS.BIGKEYS 1
resp2:
1)
   1) "key"
   2) "user:3"
   3) "db"
   4) (integer) 2
   5) "type"
   6) "string"
   7) "bytes"
   8) (integer) 12324
   9) "length"
   10) (integer) 10000
resp3:
1)
   1# "key" => "user:3"
   2# "db" => (integer) 2
   3# "type" => "string"
   4# "bytes" => (integer) 12324
   5# "length" => (integer) 10000
> DEL queue
(integer) 1
> RPUSH queue a b c d e f g
(integer) 7
> STATS.BIGKEYS 2 BY elements
resp2:
1)
   1) "key"
   2) "user:3"
   3) "db"
   4) (integer) 2
   5) "type"
   6) "string"
   7) "bytes"
   8) (integer) 12324
   9) "length"
   10) (integer) 10000
2)
   1) "key"
   2) "queue"
   3) "db"
   4) (integer) 0
   5) "type"
   6) "list"
   7) "bytes"
   8) (integer) 60
   9) "elements"
   10) (integer) 7
resp3:
1)
   1# "key" => "user:3"
   2# "db" => (integer) 2
   3# "type" => "string"
   4# "bytes" => (integer) 12324
   5# "length" => (integer) 10000
2)
   1# "key" => "queue"
   2# "db" => (integer) 0
   3# "type" => "list"
   4# "bytes" => (integer) 60
   5# "elements" => (integer) 7
> STATS.MEMORY user: que ""
resp2:
1) "total"
2)
   1) "keys"
   2) (integer) 4
   3) "bytes"
   4) (integer) 12456
3) "types"
4)
   1) "string"
   2)
      1) "keys"
      2) (integer) 3
      3) "bytes"
      4) (integer) 12396
   3) "list"
   4)
      1) "keys"
      2) (integer) 1
      3) "bytes"
      4) (integer) 60
   5) "set"
   6)
      1) "keys"
      2) (integer) 0
      3) "bytes"
      4) (integer) 0
   7) "zset"
   8)
      1) "keys"
      2) (integer) 0
      3) "bytes"
      4) (integer) 0
   9) "hash"
   10)
      1) "keys"
      2) (integer) 0
      3) "bytes"
      4) (integer) 0
   11) "stream"
   12)
      1) "keys"
      2) (integer) 0
      3) "bytes"
      4) (integer) 0
5) "prefixes"
6)
   1)
      1) "prefix"
      2) "user:"
      3) "keys"
      4) (integer) 3
      5) "bytes"
      6) (integer) 12396
   2)
      1) "prefix"
      2) "que"
      3) "keys"
      4) (integer) 1
      5) "bytes"
      6) (integer) 60
   3)
      1) "prefix"
      2) ""
      3) "keys"
      4) (integer) 4
      5) "bytes"
      6) (integer) 12456
7) "other"
8)
   1) "keys"
   2) (integer) 0
   3) "bytes"
   4) (integer) 0
resp3:
1# "total" =>
   1# "keys" => (integer) 4
   2# "bytes" => (integer) 12456
2# "types" =>
   1# "string" =>
      1# "keys" => (integer) 3
      2# "bytes" => (integer) 12396
   2# "list" =>
      1# "keys" => (integer) 1
      2# "bytes" => (integer) 60
   3# "set" =>
      1# "keys" => (integer) 0
      2# "bytes" => (integer) 0
   4# "zset" =>
      1# "keys" => (integer) 0
      2# "bytes" => (integer) 0
   5# "hash" =>
      1# "keys" => (integer) 0
      2# "bytes" => (integer) 0
   6# "stream" =>
      1# "keys" => (integer) 0
      2# "bytes" => (integer) 0
3# "prefixes" =>
   1)
      1# "prefix" => "user:"
      2# "keys" => (integer) 3
      3# "bytes" => (integer) 12396
   2)
      1# "prefix" => "que"
      2# "keys" => (integer) 1
      3# "bytes" => (integer) 60
   3)
      1# "prefix" => ""
      2# "keys" => (integer) 4
      3# "bytes" => (integer) 12456
4# "other" =>
   1# "keys" => (integer) 0
   2# "bytes" => (integer) 0
> FLUSHALL
OK
> STATS.MEMORY
resp2:
1) "total"
2)
   1) "keys"
   2) (integer) 0
   3) "bytes"
   4) (integer) 0
3) "types"
4)
   1) "string"
   2)
      1) "keys"
      2) (integer) 0
      3) "bytes"
      4) (integer) 0
   3) "list"
   4)
      1) "keys"
      2) (integer) 0
      3) "bytes"
      4) (integer) 0
   5) "set"
   6)
      1) "keys"
      2) (integer) 0
      3) "bytes"
      4) (integer) 0
   7) "zset"
   8)
      1) "keys"
      2) (integer) 0
      3) "bytes"
      4) (integer) 0
   9) "hash"
   10)
      1) "keys"
      2) (integer) 0
      3) "bytes"
      4) (integer) 0
   11) "stream"
   12)
      1) "keys"
      2) (integer) 0
      3) "bytes"
      4) (integer) 0
resp3:
1# "total" =>
   1# "keys" => (integer) 0
   2# "bytes" => (integer) 0
2# "types" =>
   1# "string" =>
      1# "keys" => (integer) 0
      2# "bytes" => (integer) 0
   2# "list" =>
      1# "keys" => (integer) 0
      2# "bytes" => (integer) 0
   3# "set" =>
      1# "keys" => (integer) 0
      2# "bytes" => (integer) 0
   4# "zset" =>
      1# "keys" => (integer) 0
      2# "bytes" => (integer) 0
   5# "hash" =>
      1# "keys" => (integer) 0
      2# "bytes" => (integer) 0
   6# "stream" =>
      1# "keys" => (integer) 0
      2# "bytes" => (integer) 0
> STATS.BIGKEYS 10
(empty array)

# ---- shards
> STATS.SHARDS x
(error) ERR wrong number of arguments for 'stats.shards' command
> STATS.SHARDS
resp2:
1)
   1) "shard"
   2) (integer) 0
...
resp3:
1)
   1# "shard" => (integer) 0
...
