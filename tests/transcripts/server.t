# Commands about the server as a whole.

> ROLE
1) "master"
2) (integer) 0
3) (empty array)
> ROLE x
(error) ERR wrong number of arguments for 'role' command
> REPLICAOF NO ONE
OK
> REPLICAOF no one
OK
> SLAVEOF no one
OK
> REPLICAOF x
(error) ERR wrong number of arguments for 'replicaof' command
differs there is no replication
> REPLICAOF 127.0.0.1 7000
(error) ERR replication is not supported by this server
differs there is no replication
> SLAVEOF 127.0.0.1 7000
(error) ERR replication is not supported by this server
> LASTSAVE
~ \(integer\) \d{10}
> LASTSAVE x
(error) ERR wrong number of arguments for 'lastsave' command
differs there is no persistence
> SAVE
(error) ERR persistence is not supported: this database is in memory only
> SAVE x
(error) ERR wrong number of arguments for 'save' command
differs there is no persistence
> BGSAVE
(error) ERR persistence is not supported: this database is in memory only
differs there is no persistence
> BGSAVE SCHEDULE
(error) ERR persistence is not supported: this database is in memory only
> BGSAVE x
(error) ERR syntax error
> BGSAVE SCHEDULE x
(error) ERR syntax error
differs there is no persistence
> BGREWRITEAOF
(error) ERR persistence is not supported: this database is in memory only
> WAIT 0 0
(integer) 0
> WAIT -1 0
(integer) 0
> WAIT 1 10
(integer) 0
> WAIT x 0
(error) ERR value is not an integer or out of range
> WAIT 0 x
(error) ERR timeout is not an integer or out of range
> WAIT 0 -1
(error) ERR timeout is negative
> WAIT 1
(error) ERR wrong number of arguments for 'wait' command
since 7.2
> WAITAOF 0 0 0
1) (integer) 0
2) (integer) 0
since 7.2
> WAITAOF 0 1 10
1) (integer) 0
2) (integer) 0
since 7.2
> WAITAOF 1 0 10
(error) ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.
since 7.2
> WAITAOF 2 0 10
(error) ERR value is out of range, must be between 0 and 1
since 7.2
> WAITAOF 0 -1 10
(error) ERR value is out of range, must be positive
since 7.2
> WAITAOF 0 0 -1
(error) ERR timeout is negative
since 7.2
> WAITAOF 0 0
(error) ERR wrong number of arguments for 'waitaof' command
> SHUTDOWN FOO
(error) ERR syntax error
> SHUTDOWN NOSAVE SAVE
(error) ERR syntax error
> SHUTDOWN SAVE NOSAVE NOW
(error) ERR syntax error
> SHUTDOWN ABORT NOW
(error) ERR syntax error
> SHUTDOWN NOW ABORT
(error) ERR syntax error
> SHUTDOWN ABORT
(error) ERR No shutdown in progress.
differs there is no persistence
> SHUTDOWN SAVE
(error) ERR Errors trying to SHUTDOWN: SAVE can't be done, this database is in memory only
> LOLWUT
~ (\(verbatim txt\) )?".*Redis ver\. [\d.]+\\n"
> LOLWUT VERSION 5 1 1 1
~ (\(verbatim txt\) )?".*Redis ver\. [\d.]+\\n"
> LOLWUT VERSION 1000
~ (\(verbatim txt\) )?".*Redis ver\. [\d.]+\\n"
> LOLWUT VERSION x
(error) ERR value is not an integer or out of range
> LOLWUT VERSION
~ (\(verbatim txt\) )?".*Redis ver\. [\d.]+\\n"

# a wait is a client's that waits: it can be unblocked, and ends with the connection
on socket
> CLIENT ID
~ \(integer\) (?P<a>\d+)
> WAIT 1 0
(no reply)
b> CLIENT LIST ID ${a}
~ (\(verbatim txt\) )?"id=.* flags=[a-zA-Z]*b.* cmd=wait .*"
b> CLIENT UNBLOCK ${a}
(integer) 1
<
(integer) 0
> WAIT 1 0
(no reply)
b> CLIENT UNBLOCK ${a} ERROR
(integer) 1
<
(error) UNBLOCKED client unblocked via CLIENT UNBLOCK
on exec
differs there is no such thing in Redis
> SHUTDOWN
(error) ERR SHUTDOWN is not available: the program that this database belongs to does not let its clients end it
> WAIT 1 0
(integer) 0
