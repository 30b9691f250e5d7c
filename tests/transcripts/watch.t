# WATCH, UNWATCH: whatever changes a watched key lets the next EXEC do nothing.

> WATCH
(error) ERR wrong number of arguments for 'watch' command
> UNWATCH x
(error) ERR wrong number of arguments for 'unwatch' command
> UNWATCH
OK

# Nothing has changed
> SET k 1
OK
> WATCH k
OK
> GET k
"1"
> MULTI
OK
> SET k 2
QUEUED
> EXEC
1) OK
> GET k
"2"

# Somebody else has changed it
> WATCH k
OK
b> SET k 3
OK

> MULTI
OK
> SET k 4
QUEUED
> EXEC
(nil array)
> GET k
"3"
> MULTI
OK
> GET k
QUEUED
> EXEC
1) "3"

# Itself has
> WATCH k
OK
> SET k 5
OK
> MULTI
OK
> EXEC
(nil array)

# An EXEC that is refused ends it, too
> WATCH k
OK
> EXEC x
(error) EXECABORT Transaction discarded because of: wrong number of arguments for 'exec' command
b> SET k 5
OK
> MULTI
OK
> GET k
QUEUED
> EXEC
1) "5"

# Between MULTI and EXEC
> WATCH k
OK
> MULTI
OK
> GET k
QUEUED
b> APPEND k 5
(integer) 2
> EXEC
(nil array)

# One of several
> WATCH a b k
OK
b> SET b 1
OK
> MULTI
OK
> GET k
QUEUED
> EXEC
(nil array)
> WATCH a a
OK
> WATCH a b
OK
b> SET c 1
OK
> MULTI
OK
> GET k
QUEUED
> EXEC
1) "55"

# A refused transaction says so first
> WATCH k
OK
b> SET k 6
OK
> MULTI
OK
> NOSUCH
(error) ERR unknown command 'NOSUCH', with args beginning with: 
> EXEC
(error) EXECABORT Transaction discarded because of previous errors.

# UNWATCH, DISCARD, EXEC and RESET end it
> WATCH k
OK
b> SET k 7
OK
> UNWATCH
OK
> MULTI
OK
> GET k
QUEUED
> EXEC
1) "7"
> WATCH k
OK
b> SET k 8
OK
> MULTI
OK
> DISCARD
OK
> MULTI
OK
> GET k
QUEUED
> EXEC
1) "8"
> WATCH k
OK
> MULTI
OK
> EXEC
(empty array)
b> SET k 9
OK
> MULTI
OK
> GET k
QUEUED
> EXEC
1) "9"
> WATCH k
OK
> MULTI
OK
> UNWATCH
QUEUED
> SET k 10
QUEUED
> EXEC
1) OK
2) OK
> WATCH k
OK
b> SET k 11
OK
> MULTI
OK
> UNWATCH
QUEUED
> EXEC
(nil array)
> MULTI
OK
> GET k
QUEUED
> EXEC
1) "11"

# Changed already: more are not watched
> WATCH k
OK
b> SET k 12
OK
> WATCH other
OK
> MULTI
OK
> EXEC
(nil array)
> MULTI
OK
> GET k
QUEUED
> EXEC
1) "12"

# A key that is not there: it comes, and it comes and goes
> DEL k
(integer) 1
> WATCH k
OK
b> SET k 1
OK
> MULTI
OK
> EXEC
(nil array)
> DEL k
(integer) 1
> WATCH k
OK
b> SET k 1
OK
b> DEL k
(integer) 1
> MULTI
OK
> EXEC
(nil array)
> WATCH k
OK
b> DEL k
(integer) 0
b> GET k
(nil)
b> EXPIRE k 10
(integer) 0
b> GETEX k EX 10
(nil)
> MULTI
OK
> PING
QUEUED
> EXEC
1) PONG

# What changes nothing
> SET k v
OK
> RPUSH l a b
(integer) 2
> SADD s m
(integer) 1
> ZADD z 1 m
(integer) 1
> HSET h f v
(integer) 1
> WATCH k l s z h
OK
b> GET k
"v"
b> SADD s m
(integer) 0
b> ZADD z 1 m
(integer) 0
b> ZADD z NX 5 m
(integer) 0
b> SREM s none
(integer) 0
b> HDEL h none
(integer) 0
b> LREM l 0 none
(integer) 0
b> SETNX k w
(integer) 0
b> HSETNX h f w
(integer) 0
b> PERSIST k
(integer) 0
b> EXPIRE k 10 XX
(integer) 0
b> LINSERT l BEFORE none x
(integer) -1
b> LPUSHX none x
(integer) 0
b> SET k w NX
(nil)
b> GETEX k
"v"
b> SMOVE s t none
(integer) 0
b> RENAMENX k l
(integer) 0
b> COPY k l
(integer) 0
b> ZREMRANGEBYSCORE z 5 6
(integer) 0
b> SETBIT none2 0 0
(integer) 0
b> LPUSH l
(error) ERR wrong number of arguments for 'lpush' command
b> INCR l
(error) WRONGTYPE Operation against a key holding the wrong kind of value
b> MSETNX k 1 none3 2
(integer) 0
b> TOUCH k
(integer) 1
b> OBJECT ENCODING k
"embstr"
> MULTI
OK
> PING
QUEUED
> EXEC
1) PONG

# What changes something, each for itself
> WATCH k
OK
b> EXPIRE k 100
(integer) 1
> MULTI
OK
> EXEC
(nil array)
> WATCH k
OK
b> PERSIST k
(integer) 1
> MULTI
OK
> EXEC
(nil array)
> WATCH k
OK
b> SET k v
OK
> MULTI
OK
> EXEC
(nil array)
> WATCH l
OK
b> LSET l 0 a
OK
> MULTI
OK
> EXEC
(nil array)
> WATCH l
OK
b> LTRIM l 0 -1
OK
> MULTI
OK
> EXEC
(nil array)
> WATCH h
OK
b> HSET h f v
(integer) 0
> MULTI
OK
> EXEC
(nil array)
> WATCH k
OK
b> GETEX k EX 100
"v"
> MULTI
OK
> EXEC
(nil array)
> WATCH k
OK
b> SETRANGE k 0 v
(integer) 1
> MULTI
OK
> EXEC
(nil array)
> WATCH k
OK
b> RENAME k k2
OK
> MULTI
OK
> EXEC
(nil array)
> WATCH k
OK
b> RENAME k2 k
OK
> MULTI
OK
> EXEC
(nil array)
> WATCH k
OK
b> COPY l k REPLACE
(integer) 1
> MULTI
OK
> EXEC
(nil array)
> WATCH k
OK
b> MOVE k 3
(integer) 1
> MULTI
OK
> EXEC
(nil array)
> SELECT 3
OK
> WATCH k
OK
b> FLUSHDB
OK
> MULTI
OK
> PING
QUEUED
> EXEC
1) PONG
> WATCH k
OK
b> FLUSHALL
OK
> MULTI
OK
> PING
QUEUED
> EXEC
(nil array)
> SELECT 0
OK
> WATCH k
OK
b> FLUSHALL
OK
> MULTI
OK
> PING
QUEUED
> EXEC
1) PONG

# Databases
> SET k 0
OK
> SELECT 1
OK
> SET k 1
OK
> WATCH k
OK
b> SET k x
OK
> MULTI
OK
> GET k
QUEUED
> EXEC
1) "1"
> WATCH k
OK
> SELECT 0
OK
> MULTI
OK
> EXEC
(empty array)
> SELECT 1
OK
> WATCH k
OK
> SELECT 0
OK
> SET k y
OK
> SELECT 2
OK
> MULTI
OK
> GET k
QUEUED
> EXEC
1) (nil)

# SWAPDB
> FLUSHALL
OK
> SELECT 0
OK
> SET both 0
OK
> SET here 0
OK
> SELECT 1
OK
> SET both 1
OK
> SET there 1
OK
> SELECT 0
OK
> WATCH none
OK
b> SWAPDB 0 1
OK
> MULTI
OK
> PING
QUEUED
> EXEC
1) PONG
> WATCH both
OK
b> SWAPDB 0 1
OK
> MULTI
OK
> PING
QUEUED
> EXEC
(nil array)
> WATCH here
OK
b> SWAPDB 0 1
OK
> MULTI
OK
> PING
QUEUED
> EXEC
(nil array)
> WATCH here
OK
b> SWAPDB 0 1
OK
> MULTI
OK
> PING
QUEUED
> EXEC
(nil array)
> WATCH here
OK
b> SWAPDB 2 3
OK
b> SWAPDB 0 0
OK
> MULTI
OK
> PING
QUEUED
> EXEC
1) PONG

# Expiry: a key whose time comes has changed; one that had expired has not
> SET k v PX 30
OK
> WATCH k
OK
sleep 60
> MULTI
OK
> PING
QUEUED
> EXEC
(nil array)
> SET k v PX 30
OK
sleep 60
> WATCH k
OK
b> GET k
(nil)
> MULTI
OK
> PING
QUEUED
> EXEC
1) PONG
> SET k v PX 30
OK
> WATCH k
OK
b> PEXPIRE k 100000
(integer) 1
> MULTI
OK
> PING
QUEUED
> EXEC
(nil array)
> DEL k
(integer) 1
b> DEBUG SET-ACTIVE-EXPIRE 0
(error) ERR DEBUG command not allowed. If the enable-debug-command option is set to "local", you can run it from a local connection, otherwise you need to set this option in the configuration file, and then restart the server.
> SELECT 1
OK
> SET k v PX 30
OK
> SELECT 0
OK
> WATCH k
OK
sleep 60
b> SWAPDB 0 1
OK
> MULTI
OK
> PING
QUEUED
> EXEC
1) PONG
> SELECT 1
OK
> SET k v PX 30
OK
> SELECT 0
OK
> WATCH k
OK
sleep 60
b> SWAPDB 0 1
OK
b> GET k
(nil)
> MULTI
OK
> PING
QUEUED
> EXEC
1) PONG
> SELECT 1
OK
> SET k v PX 30
OK
> SELECT 0
OK
> WATCH k
OK
sleep 60
b> SWAPDB 0 1
OK
b> FLUSHALL
OK
> MULTI
OK
> PING
QUEUED
> EXEC
1) PONG
> SELECT 1
OK
> SET k v PX 30
OK
> SELECT 0
OK
> WATCH k
OK
sleep 60
b> SWAPDB 0 1
OK
b> SET k w
OK
> MULTI
OK
> PING
QUEUED
> EXEC
(nil array)
b> DEBUG SET-ACTIVE-EXPIRE 1
(error) ERR DEBUG command not allowed. If the enable-debug-command option is set to "local", you can run it from a local connection, otherwise you need to set this option in the configuration file, and then restart the server.

# In a transaction of somebody else
> FLUSHALL
OK
> WATCH k
OK
b> MULTI
OK
b> SET k 1
QUEUED
b> DEL k
QUEUED
> MULTI
OK
> PING
QUEUED
> EXEC
1) PONG
> WATCH k
OK
b> EXEC
1) OK
2) (integer) 1
> MULTI
OK
> PING
QUEUED
> EXEC
(nil array)

# Waiting and watching
> WATCH list
OK
b> RPUSH list x
(integer) 1
b> LPOP list
"x"
> MULTI
OK
> EXEC
(nil array)

# A connection that goes watches no more
c> WATCH k
OK
client c
close
client a
> SET k 1
OK
> GET k
"1"
