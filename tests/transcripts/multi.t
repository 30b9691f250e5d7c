# MULTI, EXEC, DISCARD: what is queued, what is refused, and what comes out.

# Without MULTI
> EXEC
(error) ERR EXEC without MULTI
> DISCARD
(error) ERR DISCARD without MULTI
> MULTI x
(error) ERR wrong number of arguments for 'multi' command
> EXEC x
(error) EXECABORT Transaction discarded because of: wrong number of arguments for 'exec' command
> DISCARD x
(error) ERR wrong number of arguments for 'discard' command

# Nothing
> MULTI
OK
> EXEC
(empty array)
> MULTI
OK
> DISCARD
OK
> EXEC
(error) ERR EXEC without MULTI

# Something
> MULTI
OK
> SET a 1
QUEUED
> INCR a
QUEUED
> GET a
QUEUED
> LPUSH a x
QUEUED
> GET nothing
QUEUED
> LRANGE nothing 0 -1
QUEUED
> MGET a nothing
QUEUED
> EXEC
1) OK
2) (integer) 2
3) "2"
4) (error) WRONGTYPE Operation against a key holding the wrong kind of value
5) (nil)
6) (empty array)
7)
   1) "2"
   2) (nil)
> GET a
"2"

# Errors of commands that run don't end it
> SET s text
OK
> MULTI
OK
> INCR s
QUEUED
> SET b 2
QUEUED
> LPOP s
QUEUED
> EXEC
1) (error) ERR value is not an integer or out of range
2) OK
3) (error) WRONGTYPE Operation against a key holding the wrong kind of value
> GET b
"2"

# Errors while queueing do
> MULTI
OK
> SET a
(error) ERR wrong number of arguments for 'set' command
> SET a 3
QUEUED
> NOSUCH x y
(error) ERR unknown command 'NOSUCH', with args beginning with: 'x' 'y' 
> EXEC
(error) EXECABORT Transaction discarded because of previous errors.
> GET a
"2"
> EXEC
(error) ERR EXEC without MULTI
> MULTI
OK
> CLIENT NOSUCH
(error) ERR unknown subcommand 'NOSUCH'. Try CLIENT HELP.
> EXEC
(error) EXECABORT Transaction discarded because of previous errors.
> MULTI
OK
> CLIENT
(error) ERR wrong number of arguments for 'client' command
> EXEC
(error) EXECABORT Transaction discarded because of previous errors.
> MULTI
OK
> EXEC x
(error) EXECABORT Transaction discarded because of: wrong number of arguments for 'exec' command
> EXEC
(error) ERR EXEC without MULTI
> MULTI
OK
> DISCARD x
(error) ERR wrong number of arguments for 'discard' command
> EXEC
(error) EXECABORT Transaction discarded because of previous errors.
> MULTI
OK
> MULTI x
(error) ERR wrong number of arguments for 'multi' command
> EXEC
(error) EXECABORT Transaction discarded because of previous errors.
> MULTI
OK
> SET a 9
QUEUED
> GET
(error) ERR wrong number of arguments for 'get' command
> DISCARD
OK
> GET a
"2"

# Not within it, but that is no reason to end it
> MULTI
OK
> MULTI
(error) ERR MULTI calls can not be nested
> WATCH a
(error) ERR WATCH inside MULTI is not allowed
> SET a 4
QUEUED
> EXEC
1) OK
> MULTI
OK
> WATCH
(error) ERR wrong number of arguments for 'watch' command
> EXEC
(error) EXECABORT Transaction discarded because of previous errors.

# All that a transaction may hold
> MULTI
OK
> PING
QUEUED
> ECHO hello
QUEUED
> SELECT 1
QUEUED
> SET k one
QUEUED
> SELECT 0
QUEUED
> GET k
QUEUED
> EXISTS a b k
QUEUED
> TYPE a
QUEUED
> DEL a b s
QUEUED
> EXEC
1) PONG
2) "hello"
3) OK
4) OK
5) OK
6) (nil)
7) (integer) 2
8) string
9) (integer) 3
> SELECT 1
OK
> GET k
"one"
> MULTI
OK
> SELECT 2
QUEUED
> SET k two
QUEUED
> EXEC
1) OK
2) OK
> GET k
"two"
> SELECT 0
OK
> MULTI
OK
> SELECT 99
QUEUED
> SELECT x
QUEUED
> EXEC
1) (error) ERR DB index is out of range
2) (error) ERR value is not an integer or out of range

# Arguments are copied
> MULTI
OK
> SET binary "a\x00b\r\nc"
QUEUED
> GET binary
QUEUED
> SET long %{ab*3000}
QUEUED
> STRLEN long
QUEUED
> APPEND "" x
QUEUED
> GET ""
QUEUED
> EXEC
1) OK
2) "a\x00b\r\nc"
3) OK
4) (integer) 6000
5) (integer) 1
6) "x"

# Commands about everything
> FLUSHALL
OK
> MULTI
OK
> MSET x 1 y 2 z 3
QUEUED
> DBSIZE
QUEUED
> DEL y
QUEUED
> DBSIZE
QUEUED
> KEYS y
QUEUED
> KEYS "[xz]x"
QUEUED
> FLUSHDB
QUEUED
> DBSIZE
QUEUED
> RANDOMKEY
QUEUED
> SCAN 0
QUEUED
> KEYS *
QUEUED
> SET only 1
QUEUED
> RANDOMKEY
QUEUED
> SCAN 0
QUEUED
> KEYS *
QUEUED
> KEYS o*
QUEUED
> SCAN x
QUEUED
> SCAN 0 COUNT 0
QUEUED
> EXEC
1) OK
2) (integer) 3
3) (integer) 1
4) (integer) 2
5) (empty array)
6) (empty array)
7) OK
8) (integer) 0
9) (nil)
10)
   1) "0"
   2) (empty array)
11) (empty array)
12) OK
13) "only"
14)
   1) "0"
   2)
      1) "only"
15)
   1) "only"
16)
   1) "only"
17) (error) ERR invalid cursor
18) (error) ERR syntax error
> MULTI
OK
> SWAPDB 0 1
QUEUED
> SWAPDB 0 x
QUEUED
> GET only
QUEUED
> SELECT 1
QUEUED
> GET only
QUEUED
> SWAPDB 1 0
QUEUED
> FLUSHALL
QUEUED
> FLUSHALL x
QUEUED
> EXEC
1) OK
2) (error) ERR invalid second DB index
3) (nil)
4) OK
5) "1"
6) OK
7) OK
8) (error) ERR syntax error
> SELECT 0
OK
> RPUSH l 2 1 3
(integer) 3
> MSET w1 3 w2 1 w3 2 o1 a o2 b o3 c
OK
> MULTI
OK
> SORT l
QUEUED
> SORT l BY w* GET o*
QUEUED
> SORT l BY w* STORE sorted
QUEUED
> LRANGE sorted 0 -1
QUEUED
> EXEC
1)
   1) "1"
   2) "2"
   3) "3"
2)
   1) "b"
   2) "c"
   3) "a"
3) (integer) 3
4)
   1) "2"
   2) "3"
   3) "1"

# What would block does not
> MULTI
OK
> BLPOP none 0
QUEUED
> BRPOPLPUSH none other 0
QUEUED
> BLMOVE none other LEFT RIGHT 0
QUEUED
> BLMPOP 0 2 none other LEFT
QUEUED
> BZPOPMIN none 0
QUEUED
> BZMPOP 0 1 none MIN
QUEUED
> XREAD BLOCK 0 STREAMS none 0
QUEUED
> RPUSH none v
QUEUED
> BLPOP none 0
QUEUED
> BLPOP l -1
QUEUED
> EXEC
1) (nil array)
2) (nil)
3) (nil)
4) (nil array)
5) (nil array)
6) (nil array)
7) (nil array)
8) (integer) 1
9)
   1) "none"
   2) "v"
10) (error) ERR timeout is negative
> MULTI
OK
> BLPOP l 0
QUEUED
> BRPOP l 0
QUEUED
> EXEC
1)
   1) "l"
   2) "2"
2)
   1) "l"
   2) "3"

# Every type
> MULTI
OK
> HSET h f v g w
QUEUED
> HGETALL h
QUEUED
> ZADD z 1 a 2 b
QUEUED
> ZRANGE z 0 -1 WITHSCORES
QUEUED
> SADD set m
QUEUED
> SMEMBERS set
QUEUED
> ZSCORE z a
QUEUED
> HGET h none
QUEUED
> XADD st 1-1 f v
QUEUED
> XRANGE st - +
QUEUED
> SETBIT bits 3 1
QUEUED
> SETRANGE range 3 abc
QUEUED
> SMISMEMBER set m n
QUEUED
> RENAME h hh
QUEUED
> COPY hh h
QUEUED
> HEXISTS h f
QUEUED
> MSETNX h 1 none2 2
QUEUED
> EXEC
resp2:
1) (integer) 2
2)
   1) "f"
   2) "v"
   3) "g"
   4) "w"
3) (integer) 2
4)
   1) "a"
   2) "1"
   3) "b"
   4) "2"
5) (integer) 1
6)
   1) "m"
7) "1"
8) (nil)
9) "1-1"
10)
   1)
      1) "1-1"
      2)
         1) "f"
         2) "v"
11) (integer) 0
12) (integer) 6
13)
   1) (integer) 1
   2) (integer) 0
14) OK
15) (integer) 1
16) (integer) 1
17) (integer) 0
resp3:
1) (integer) 2
2)
   1# "f" => "v"
   2# "g" => "w"
3) (integer) 2
4)
   1)
      1) "a"
      2) (double) 1
   2)
      1) "b"
      2) (double) 2
5) (integer) 1
6)
   1~ "m"
7) (double) 1
8) (nil)
9) "1-1"
10)
   1)
      1) "1-1"
      2)
         1) "f"
         2) "v"
11) (integer) 0
12) (integer) 6
13)
   1) (integer) 1
   2) (integer) 0
14) OK
15) (integer) 1
16) (integer) 1
17) (integer) 0

# Of time there is one
> MULTI
OK
> SET t v PX 100000
QUEUED
> PTTL t
QUEUED
> SET u v EX 100
QUEUED
> PTTL u
QUEUED
> EXEC
1) OK
2) (integer) 100000
3) OK
4) (integer) 100000

# Other things about connections
> MULTI
OK
> AUTH
(error) ERR wrong number of arguments for 'auth' command
> EXEC
(error) EXECABORT Transaction discarded because of previous errors.
> MULTI
OK
> AUTH x
QUEUED
> CLIENT GETNAME
QUEUED
> CLIENT SETNAME me
QUEUED
> CLIENT GETNAME
QUEUED
> COMMAND GETKEYS SET a b
QUEUED
> OBJECT HELP x
(error) ERR wrong number of arguments for 'object|help' command
> EXEC
(error) EXECABORT Transaction discarded because of previous errors.
> MULTI
OK
> RESET
RESET
> EXEC
(error) ERR EXEC without MULTI

# In COMMAND
> COMMAND INFO multi exec discard watch unwatch
1)
   1) "multi"
   2) (integer) 1
   3)
      1) noscript
      2) loading
      3) stale
      4) fast
      5) allow_busy
   4) (integer) 0
   5) (integer) 0
   6) (integer) 0
   7)
      1) @fast
      2) @transaction
   8) (empty array)
   9) (empty array)
   10) (empty array)
2)
   1) "exec"
   2) (integer) 1
   3)
      1) noscript
      2) loading
      3) stale
      4) skip_slowlog
   4) (integer) 0
   5) (integer) 0
   6) (integer) 0
   7)
      1) @slow
      2) @transaction
   8) (empty array)
   9) (empty array)
   10) (empty array)
3)
   1) "discard"
   2) (integer) 1
   3)
      1) noscript
      2) loading
      3) stale
      4) fast
      5) allow_busy
   4) (integer) 0
   5) (integer) 0
   6) (integer) 0
   7)
      1) @fast
      2) @transaction
   8) (empty array)
   9) (empty array)
   10) (empty array)
4)
   1) "watch"
   2) (integer) -2
   3)
      1) noscript
      2) loading
      3) stale
      4) fast
      5) allow_busy
   4) (integer) 1
   5) (integer) -1
   6) (integer) 1
   7)
      1) @fast
      2) @transaction
   8) (empty array)
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
5)
   1) "unwatch"
   2) (integer) 1
   3)
      1) noscript
      2) loading
      3) stale
      4) fast
      5) allow_busy
   4) (integer) 0
   5) (integer) 0
   6) (integer) 0
   7)
      1) @fast
      2) @transaction
   8) (empty array)
   9) (empty array)
   10) (empty array)
sorted
> COMMAND LIST FILTERBY ACLCAT transaction
1) "discard"
2) "exec"
3) "multi"
4) "unwatch"
5) "watch"
> COMMAND GETKEYS WATCH a b c
1) "a"
2) "b"
3) "c"
> COMMAND GETKEYS EXEC
(error) ERR wrong number of arguments for 'command|getkeys' command

# The end of the connection
on socket
> MULTI
OK
> QUIT
OK
