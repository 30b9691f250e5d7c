# maxmemory: what is refused, with which words, and what goes on. A limit of one byte is exceeded by an empty server.

> CONFIG GET maxmemory
resp2:
1) "maxmemory"
2) "0"
resp3:
1# "maxmemory" => "0"

> CONFIG SET maxmemory 10mb
OK
> CONFIG GET maxmemory
resp2:
1) "maxmemory"
2) "10485760"
resp3:
1# "maxmemory" => "10485760"

> CONFIG SET maxmemory ten
(error) ERR CONFIG SET failed (possibly related to argument 'maxmemory') - argument must be a memory value
> CONFIG SET maxmemory-samples 0
~ \(error\) ERR CONFIG SET failed \(possibly related to argument 'maxmemory-samples'\) - argument must be between 1 and \d+ inclusive
> CONFIG SET maxmemory-samples 10
OK
> CONFIG SET maxmemory-policy noeviction
OK
> SET s value
OK
> SET n 1
OK
> RPUSH l a b c
(integer) 3
> HSET h f v
(integer) 1
> ZADD z 1 m
(integer) 1
> SADD t m
(integer) 1
> XADD x 1-1 f v
"1-1"

# Of two connections one is inside MULTI when the limit comes.
b> MULTI
OK
b> SET s other
QUEUED
c> MULTI
OK
c> GET s
QUEUED
d> MULTI
OK
a> CONFIG SET maxmemory 1
OK
a> SET s other
(error) OOM command not allowed when used memory > 'maxmemory'.
a> SET new value
(error) OOM command not allowed when used memory > 'maxmemory'.
a> SETEX s 100 v
(error) OOM command not allowed when used memory > 'maxmemory'.
a> APPEND s x
(error) OOM command not allowed when used memory > 'maxmemory'.
a> INCR n
(error) OOM command not allowed when used memory > 'maxmemory'.
a> MSET a 1 b 2
(error) OOM command not allowed when used memory > 'maxmemory'.
a> LPUSH l x
(error) OOM command not allowed when used memory > 'maxmemory'.
a> HSET h f2 v
(error) OOM command not allowed when used memory > 'maxmemory'.
a> HINCRBY h f3 1
(error) OOM command not allowed when used memory > 'maxmemory'.
a> ZADD z 2 m2
(error) OOM command not allowed when used memory > 'maxmemory'.
a> ZINCRBY z 2 m
(error) OOM command not allowed when used memory > 'maxmemory'.
a> SADD t m2
(error) OOM command not allowed when used memory > 'maxmemory'.
a> SUNIONSTORE t2 t
(error) OOM command not allowed when used memory > 'maxmemory'.
a> XADD x * f v
(error) OOM command not allowed when used memory > 'maxmemory'.
a> SETBIT bits 5 1
(error) OOM command not allowed when used memory > 'maxmemory'.
a> PFADD p a
(error) OOM command not allowed when used memory > 'maxmemory'.
a> GEOADD g 13 38 m
(error) OOM command not allowed when used memory > 'maxmemory'.
a> COPY s s2
(error) OOM command not allowed when used memory > 'maxmemory'.
a> BLMOVE l l2 LEFT LEFT 0
(error) OOM command not allowed when used memory > 'maxmemory'.
a> RPOPLPUSH l l2
(error) OOM command not allowed when used memory > 'maxmemory'.
# The arguments come first.
a> SET s
(error) ERR wrong number of arguments for 'set' command
a> NOSUCH
(error) ERR unknown command 'NOSUCH', with args beginning with: 
# What needs none goes on.
a> GET s
"value"
a> STRLEN s
(integer) 5
a> EXPIRE s 1000
(integer) 1
a> PERSIST s
(integer) 1
a> LPOP l
"a"
a> HDEL h f
(integer) 1
a> SREM t m
(integer) 1
a> RENAME n n2
OK
a> GETDEL n2
"1"
a> XTRIM x MAXLEN 0
(integer) 1
a> BLPOP l 0
1) "l"
2) "b"
a> PUBLISH channel m
(integer) 0
a> EXISTS n t h
(integer) 0

# Transactions: nothing is queued, what was queued is not run if one of it needs memory.
a> MULTI
OK
a> SET s x
(error) OOM command not allowed when used memory > 'maxmemory'.
a> GET s
(error) OOM command not allowed when used memory > 'maxmemory'.
a> EXEC
(error) EXECABORT Transaction discarded because of previous errors.
a> EXEC
(error) ERR EXEC without MULTI
a> MULTI
OK
a> DISCARD
OK
b> EXEC
(error) EXECABORT Transaction discarded because of: OOM command not allowed when used memory > 'maxmemory'.
b> EXEC
(error) ERR EXEC without MULTI
c> EXEC
1) "value"
d> EXEC
(empty array)
a> GET s
"value"

# With a policy that finds nothing.
a> CONFIG SET maxmemory-policy volatile-lru
OK
a> SET s x
(error) OOM command not allowed when used memory > 'maxmemory'.
a> GET s
"value"
a> CONFIG SET maxmemory-policy volatile-ttl
OK
a> SET s x
(error) OOM command not allowed when used memory > 'maxmemory'.
a> EXPIRE s 10000
(integer) 1
# Everything goes before anything is refused.
a> SET new x
(error) OOM command not allowed when used memory > 'maxmemory'.
a> EXISTS s
(integer) 0
a> EXISTS l
(integer) 1
a> CONFIG SET maxmemory-policy allkeys-lfu
OK
# What goes in the background has gone.
a> BLPOP nothing 0.1
(nil array)
a> SET new x
(error) OOM command not allowed when used memory > 'maxmemory'.
a> DBSIZE
(integer) 0

a> CONFIG SET maxmemory 0
OK
a> SET s value
OK
a> GET s
"value"
a> CONFIG SET maxmemory-policy allkeys-random maxmemory 1
OK
a> SET other x
(error) OOM command not allowed when used memory > 'maxmemory'.
a> DBSIZE
(integer) 0
a> CONFIG SET maxmemory 0
OK

differs a policy of its own
a> CONFIG SET maxmemory-policy allkeys-s3fifo
OK
differs as above
a> SET s value
OK
differs as above
a> GET s
"value"
differs as above
a> OBJECT IDLETIME s
(error) ERR An S3-FIFO maxmemory policy is selected, idle time not tracked. Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust.
differs as above
a> OBJECT FREQ s
(error) ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust.
differs as above
a> CONFIG SET maxmemory 1
OK
differs as above
a> BLPOP nothing 0.1
(nil array)
differs as above
a> SET other x
(error) OOM command not allowed when used memory > 'maxmemory'.
differs as above
a> DBSIZE
(integer) 0
differs as above
a> CONFIG SET maxmemory 0 maxmemory-policy noeviction
OK
