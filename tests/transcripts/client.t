# CLIENT and its subcommands.

> CLIENT ID x
(error) ERR wrong number of arguments for 'client|id' command
> CLIENT GETNAME
(nil)
> CLIENT SETNAME me
OK
> CLIENT GETNAME
"me"
> CLIENT SETNAME "a b"
(error) ERR Client names cannot contain spaces, newlines or special characters.
> CLIENT SETNAME "a\nb"
(error) ERR Client names cannot contain spaces, newlines or special characters.
> CLIENT SETNAME "\xff"
(error) ERR Client names cannot contain spaces, newlines or special characters.
> CLIENT GETNAME
"me"
> CLIENT SETNAME ""
OK
> CLIENT GETNAME
(nil)
> CLIENT SETNAME
(error) ERR wrong number of arguments for 'client|setname' command
> CLIENT GETNAME x
(error) ERR wrong number of arguments for 'client|getname' command
since 7.2
> CLIENT SETINFO LIB-NAME mylib
OK
since 7.2
> CLIENT SETINFO lib-ver 1.2.3
OK
since 7.2
> CLIENT SETINFO LIB-NAME "a b"
(error) ERR LIB-NAME cannot contain spaces, newlines or special characters.
since 7.2
> CLIENT SETINFO LIB-VER "a b"
(error) ERR LIB-VER cannot contain spaces, newlines or special characters.
since 7.2
> CLIENT SETINFO FOO x
(error) ERR Unrecognized option 'FOO'
since 7.2
> CLIENT SETINFO LIB-NAME
(error) ERR wrong number of arguments for 'client|setinfo' command
> CLIENT NO-EVICT on
OK
> CLIENT NO-EVICT OFF
OK
> CLIENT NO-EVICT x
(error) ERR syntax error
> CLIENT NO-EVICT
(error) ERR wrong number of arguments for 'client|no-evict' command
since 7.2
> CLIENT NO-TOUCH on
OK
since 7.2
> CLIENT NO-TOUCH off
OK
since 7.2
> CLIENT NO-TOUCH x
(error) ERR syntax error
> CLIENT REPLY
(error) ERR wrong number of arguments for 'client|reply' command
> CLIENT REPLY x
(error) ERR syntax error
> CLIENT REPLY ON
OK
> CLIENT HELP
1) CLIENT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:
...
> CLIENT HELP x
(error) ERR wrong number of arguments for 'client|help' command
> CLIENT LIST FOO
(error) ERR syntax error
> CLIENT LIST TYPE
(error) ERR syntax error
> CLIENT LIST TYPE x
(error) ERR Unknown client type 'x'
> CLIENT LIST TYPE replica
resp2:
""
resp3:
(verbatim txt) ""
> CLIENT LIST TYPE pubsub
resp2:
""
resp3:
(verbatim txt) ""
> CLIENT LIST TYPE master
resp2:
""
resp3:
(verbatim txt) ""
> CLIENT LIST ID
(error) ERR syntax error
> CLIENT LIST ID x
(error) ERR Invalid client ID
> CLIENT LIST ID 99999
resp2:
""
resp3:
(verbatim txt) ""
> CLIENT LIST ID 0
resp2:
""
resp3:
(verbatim txt) ""
> CLIENT LIST TYPE normal ID 1
(error) ERR syntax error
> CLIENT KILL
(error) ERR wrong number of arguments for 'client|kill' command
> CLIENT KILL 1.2.3.4:5
(error) ERR No such client
> CLIENT KILL ID 99999
(integer) 0
> CLIENT KILL ID x
(error) ERR client-id should be greater than 0
> CLIENT KILL ID 0
(error) ERR client-id should be greater than 0
> CLIENT KILL ID -1
(error) ERR client-id should be greater than 0
> CLIENT KILL ID 99999 FOO
(error) ERR syntax error
> CLIENT KILL ID 99999 FOO x
(error) ERR syntax error
> CLIENT KILL TYPE x
(error) ERR Unknown client type 'x'
> CLIENT KILL TYPE pubsub
(integer) 0
> CLIENT KILL TYPE replica SKIPME yes
(integer) 0
> CLIENT KILL TYPE slave
(integer) 0
> CLIENT KILL TYPE master
(integer) 0
> CLIENT KILL ADDR 1.2.3.4:5
(integer) 0
> CLIENT KILL LADDR 1.2.3.4:5
(integer) 0
> CLIENT KILL USER nosuch
(error) ERR No such user 'nosuch'
> CLIENT KILL SKIPME x
(error) ERR syntax error
> CLIENT KILL ID 99999 SKIPME x
(error) ERR syntax error
> CLIENT KILL ID 99999 ADDR 1.2.3.4:5 TYPE normal USER default SKIPME no
(integer) 0
> CLIENT UNBLOCK
(error) ERR wrong number of arguments for 'client|unblock' command
> CLIENT UNBLOCK x
(error) ERR value is not an integer or out of range
> CLIENT UNBLOCK 99999
(integer) 0
> CLIENT UNBLOCK 99999 TIMEOUT
(integer) 0
> CLIENT UNBLOCK 99999 error
(integer) 0
> CLIENT UNBLOCK x FOO
(error) ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR
> CLIENT GETREDIR
(integer) -1
> CLIENT TRACKINGINFO
resp2:
1) "flags"
2)
   1) "off"
3) "redirect"
4) (integer) -1
5) "prefixes"
6) (empty array)
resp3:
1# "flags" =>
   1~ "off"
2# "redirect" => (integer) -1
3# "prefixes" => (empty array)
> CLIENT TRACKING off
OK
> CLIENT TRACKING x
(error) ERR syntax error
differs client-side caching is not there
> CLIENT TRACKING on
(error) ERR client-side caching is not supported by this server
> CLIENT CACHING yes
(error) ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode enabled
> CLIENT PAUSE
(error) ERR wrong number of arguments for 'client|pause' command
> CLIENT PAUSE x
(error) ERR timeout is not an integer or out of range
> CLIENT PAUSE -1
(error) ERR timeout is negative
> CLIENT PAUSE 1 FOO
(error) ERR CLIENT PAUSE mode must be WRITE or ALL
> CLIENT PAUSE 1 WRITE
OK
> CLIENT PAUSE 1 ALL
OK
> CLIENT PAUSE 1
OK
> CLIENT PAUSE 99999999999999999999
(error) ERR timeout is not an integer or out of range
> CLIENT UNPAUSE
OK
> CLIENT UNPAUSE x
(error) ERR wrong number of arguments for 'client|unpause' command
> CLIENT INFO x
(error) ERR wrong number of arguments for 'client|info' command
> PING
PONG

# connections among each other
on socket
> CLIENT ID
~ \(integer\) (?P<id>\d+)
> CLIENT SETNAME first
OK
> CLIENT INFO
~ (\(verbatim txt\) )?"id=\d+ addr=127\.0\.0\.1:\d+ laddr=127\.0\.0\.1:\d+ fd=\d+ name=first age=\d+ idle=0 flags=N db=0 sub=0 psub=0 ssub=0 multi=-1 .* cmd=client\|info user=default .*\\n"
> CLIENT LIST ID 0 ${id}
~ (\(verbatim txt\) )?"id=\d+ addr=.* name=first .* cmd=client\|list .*\\n"
b> CLIENT SETNAME second
OK
b> PING
PONG
> CLIENT LIST
~ (\(verbatim txt\) )?"id=\d+ .* name=\w+ .*\\nid=\d+ .* name=\w+ .*\\n"
> CLIENT LIST TYPE normal
~ (\(verbatim txt\) )?"id=\d+ .* name=\w+ .*\\nid=\d+ .* name=\w+ .*\\n"
# one that waits
> CLIENT ID
~ \(integer\) (?P<me>\d+)
> CLIENT UNBLOCK ${me}
(integer) 0
b> CLIENT ID
~ \(integer\) (?P<b>\d+)
b> BLPOP none other 0
(no reply)
> CLIENT UNBLOCK ${b}
(integer) 1
client b
<
(nil array)
client a
> CLIENT UNBLOCK ${b}
(integer) 0
b> XREAD BLOCK 0 STREAMS none $
(no reply)
> CLIENT UNBLOCK ${b} ERROR
(integer) 1
client b
<
(error) UNBLOCKED client unblocked via CLIENT UNBLOCK
client a
b> BLMOVE none other LEFT LEFT 100
(no reply)
> CLIENT UNBLOCK ${b} timeout
(integer) 1
client b
<
(nil array)
client a
> LPUSH none x
(integer) 1
> DEL none
(integer) 1

# WRITE holds what may write
> CLIENT PAUSE 60000 WRITE
OK
b> PFCOUNT none
(no reply)
differs Redis 7.0 asserts
> CLIENT UNBLOCK ${b}
(integer) 0
> CLIENT UNPAUSE
OK
client b
<
(integer) 0
client a
> CLIENT KILL TYPE normal SKIPME yes
(integer) 1
b> PING
(closed)
c> PING
PONG
c> CLIENT ID
~ \(integer\) (?P<c>\d+)
> CLIENT KILL ID ${c}
(integer) 1
c> PING
(closed)
> CLIENT PAUSE 60000 WRITE
OK
> GET none
(nil)
> CLIENT UNPAUSE
OK
> SET k v
OK
> CLIENT REPLY SKIP
(no reply)
> GET k
(no reply)
> GET k
"v"
> CLIENT REPLY OFF
(no reply)
> GET k
(no reply)
> CLIENT REPLY ON
OK
d> PING
PONG
d> CLIENT KILL TYPE normal SKIPME no
(integer) 2
d> PING
(closed)
> PING
(closed)
