# Publish and subscribe: confirmations, messages, what a subscriber may call. Order and counts over many connections: tests/feed.
on socket
> SUBSCRIBE
(error) ERR wrong number of arguments for 'subscribe' command
> PUBLISH a
(error) ERR wrong number of arguments for 'publish' command
> SPUBLISH a
(error) ERR wrong number of arguments for 'spublish' command
> PSUBSCRIBE
(error) ERR wrong number of arguments for 'psubscribe' command
> SSUBSCRIBE
(error) ERR wrong number of arguments for 'ssubscribe' command
> PUBLISH a m
(integer) 0
> SPUBLISH a m
(integer) 0
> UNSUBSCRIBE
resp2:
1) "unsubscribe"
2) (nil)
3) (integer) 0
resp3:
1> "unsubscribe"
2> (nil)
3> (integer) 0
> PUNSUBSCRIBE
resp2:
1) "punsubscribe"
2) (nil)
3) (integer) 0
resp3:
1> "punsubscribe"
2> (nil)
3> (integer) 0
> SUNSUBSCRIBE
resp2:
1) "sunsubscribe"
2) (nil)
3) (integer) 0
resp3:
1> "sunsubscribe"
2> (nil)
3> (integer) 0
> UNSUBSCRIBE a
resp2:
1) "unsubscribe"
2) "a"
3) (integer) 0
resp3:
1> "unsubscribe"
2> "a"
3> (integer) 0
> PUNSUBSCRIBE a*
resp2:
1) "punsubscribe"
2) "a*"
3) (integer) 0
resp3:
1> "punsubscribe"
2> "a*"
3> (integer) 0
> SUNSUBSCRIBE a
resp2:
1) "sunsubscribe"
2) "a"
3) (integer) 0
resp3:
1> "sunsubscribe"
2> "a"
3> (integer) 0
> PUBSUB
(error) ERR wrong number of arguments for 'pubsub' command
> PUBSUB NOSUCH
(error) ERR unknown subcommand 'NOSUCH'. Try PUBSUB HELP.
> PUBSUB CHANNELS * x
(error) ERR unknown subcommand or wrong number of arguments for 'CHANNELS'. Try PUBSUB HELP.
> PUBSUB shardchannels * x
(error) ERR unknown subcommand or wrong number of arguments for 'shardchannels'. Try PUBSUB HELP.
> PUBSUB NUMPAT
(integer) 0
> PUBSUB NUMPAT x
(error) ERR wrong number of arguments for 'pubsub|numpat' command
> PUBSUB NUMSUB
(empty array)
> PUBSUB NUMSUB a b
1) "a"
2) (integer) 0
3) "b"
4) (integer) 0
> PUBSUB SHARDNUMSUB
(empty array)
> PUBSUB SHARDNUMSUB a
1) "a"
2) (integer) 0
> PUBSUB CHANNELS
(empty array)
> PUBSUB CHANNELS a*
(empty array)
> PUBSUB SHARDCHANNELS
(empty array)
> PUBSUB SHARDCHANNELS *
(empty array)
b> SUBSCRIBE a
resp2:
1) "subscribe"
2) "a"
3) (integer) 1
resp3:
1> "subscribe"
2> "a"
3> (integer) 1
b> PSUBSCRIBE a*
resp2:
1) "psubscribe"
2) "a*"
3) (integer) 2
resp3:
1> "psubscribe"
2> "a*"
3> (integer) 2
b> SSUBSCRIBE a
resp2:
1) "ssubscribe"
2) "a"
3) (integer) 1
resp3:
1> "ssubscribe"
2> "a"
3> (integer) 1
> PUBLISH a "m\r\n\x00"
(integer) 2
> SPUBLISH a m
(integer) 1
client b
<
resp2:
1) "message"
2) "a"
3) "m\r\n\x00"
resp3:
1> "message"
2> "a"
3> "m\r\n\x00"
<
resp2:
1) "pmessage"
2) "a*"
3) "a"
4) "m\r\n\x00"
resp3:
1> "pmessage"
2> "a*"
3> "a"
4> "m\r\n\x00"
<
resp2:
1) "smessage"
2) "a"
3) "m"
resp3:
1> "smessage"
2> "a"
3> "m"
client a
> PUBSUB CHANNELS
1) "a"
> PUBSUB SHARDCHANNELS
1) "a"
> PUBSUB NUMSUB a b
1) "a"
2) (integer) 1
3) "b"
4) (integer) 0
> PUBSUB SHARDNUMSUB a b
1) "a"
2) (integer) 1
3) "b"
4) (integer) 0
> PUBSUB NUMPAT
(integer) 1
proto 2
b> PING
1) "pong"
2) ""
b> PING x
1) "pong"
2) "x"
b> GET k
(error) ERR Can't execute 'get': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context
b> EXEC
(error) EXECABORT Transaction discarded because of: Can't execute 'exec': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context
b> CLIENT LIST
(error) ERR Can't execute 'client|list': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context
b> CONFIG GET port
(error) ERR Can't execute 'config|get': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context
proto any
b> RESET
RESET
b> GET k
(nil)
> PUBSUB CHANNELS
(empty array)
> PUBSUB NUMPAT
(integer) 0
> PUBLISH a m
(integer) 0
on all
> PUBLISH nobody m
(integer) 0
> SPUBLISH nobody m
(integer) 0
> PUBSUB NUMPAT
(integer) 0
> PUBSUB NUMSUB x
1) "x"
2) (integer) 0
> PUBSUB SHARDNUMSUB x
1) "x"
2) (integer) 0
> PUBSUB CHANNELS
(empty array)
> PUBSUB SHARDCHANNELS
(empty array)
> CONFIG SET notify-keyspace-events KEA
OK
> CONFIG GET notify-keyspace-events
resp2:
1) "notify-keyspace-events"
2) "AKE"
resp3:
1# "notify-keyspace-events" => "AKE"
> CONFIG SET notify-keyspace-events Kg$z
OK
> CONFIG GET notify-keyspace-events
resp2:
1) "notify-keyspace-events"
2) "g$zK"
resp3:
1# "notify-keyspace-events" => "g$zK"
> CONFIG SET notify-keyspace-events Q
(error) ERR CONFIG SET failed (possibly related to argument 'notify-keyspace-events') - Invalid event class character. Use 'Ag$lshzxeKEtmdn'.
> CONFIG SET notify-keyspace-events ""
OK
> CONFIG GET notify-keyspace-events
resp2:
1) "notify-keyspace-events"
2) ""
resp3:
1# "notify-keyspace-events" => ""
on exec
> SUBSCRIBE a
(error) ERR messages need a connection: a program calls kora_subscribe
> MONITOR
(error) ERR MONITOR needs a connection
on socket
client c
> MONITOR
OK
client a
> ECHO x
"x"
client c
<
~ [\d.]+ \[0 .*\] "ECHO" "x"
close
client a
on all
differs the texts of HELP are our own
> PUBSUB HELP
...

# An empty channel is matched by the empty pattern alone.
on socket
client none
> PUBLISH "" x
(integer) 0
client star
proto 3
> PSUBSCRIBE *
1> "psubscribe"
2> "*"
3> (integer) 1
> PUBLISH "" x
(integer) 0
> PSUBSCRIBE ""
1> "psubscribe"
2> ""
3> (integer) 2
none> PUBLISH "" x
(integer) 1
> SUBSCRIBE ""
1> "pmessage"
2> ""
3> ""
4> "x"
<
1> "subscribe"
2> ""
3> (integer) 3
> PUBSUB CHANNELS *
(empty array)
> PUBSUB CHANNELS
1) ""

# In a transaction a confirmation stands where the command does.
client inside
proto 2
> MULTI
OK
> SET pubsub:k v
QUEUED
> SUBSCRIBE s1
QUEUED
> PUBLISH s2 x
QUEUED
> EXEC
1) OK
2)
   1) "subscribe"
   2) "s1"
   3) (integer) 1
3) (integer) 0
> RESET
RESET
> MULTI
OK
> SSUBSCRIBE s1
QUEUED
> SUNSUBSCRIBE s1
QUEUED
> EXEC
1) (error) ERR SSUBSCRIBE isn't allowed for a DENY BLOCKING client
2)
   1) "sunsubscribe"
   2) "s1"
   3) (integer) 0
