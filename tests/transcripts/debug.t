# DEBUG, where it is enabled.
start --enable-debug-command yes

> DEBUG
(error) ERR wrong number of arguments for 'debug' command
> DEBUG FOO
(error) ERR unknown subcommand or wrong number of arguments for 'FOO'. Try DEBUG HELP.
> DEBUG FOO a b
(error) ERR unknown subcommand or wrong number of arguments for 'FOO'. Try DEBUG HELP.
> DEBUG HELP
1) DEBUG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:
...
> DEBUG HELP x
(error) ERR unknown subcommand or wrong number of arguments for 'HELP'. Try DEBUG HELP.
> DEBUG SLEEP 0
OK
> DEBUG SLEEP 0.001
OK
> DEBUG sleep x
OK
> DEBUG SLEEP -1
OK
> DEBUG SLEEP
(error) ERR unknown subcommand or wrong number of arguments for 'SLEEP'. Try DEBUG HELP.
> DEBUG SLEEP 0 KEY
(error) ERR unknown subcommand or wrong number of arguments for 'SLEEP'. Try DEBUG HELP.
> DEBUG SLEEP 0 FOO k
(error) ERR unknown subcommand or wrong number of arguments for 'SLEEP'. Try DEBUG HELP.
> DEBUG SLEEP 0 KEY k x
(error) ERR unknown subcommand or wrong number of arguments for 'SLEEP'. Try DEBUG HELP.
> DEBUG OBJECT
(error) ERR unknown subcommand or wrong number of arguments for 'OBJECT'. Try DEBUG HELP.
> DEBUG OBJECT none
(error) ERR no such key
> DEBUG OBJECT a b
(error) ERR unknown subcommand or wrong number of arguments for 'OBJECT'. Try DEBUG HELP.
> SET k value
OK
> DEBUG OBJECT k
~ Value at:0x[0-9a-f]+ refcount:\d+ encoding:embstr serializedlength:6 lru:\d+ lru_seconds_idle:[0-2]
> SET n 100
OK
> DEBUG OBJECT n
~ Value at:0x[0-9a-f]+ refcount:\d+ encoding:int serializedlength:2 lru:\d+ lru_seconds_idle:[0-2]
> SET n 1000
OK
> DEBUG OBJECT n
~ Value at:0x[0-9a-f]+ refcount:\d+ encoding:int serializedlength:3 lru:\d+ lru_seconds_idle:[0-2]
> SET n 100000
OK
> DEBUG OBJECT n
~ Value at:0x[0-9a-f]+ refcount:\d+ encoding:int serializedlength:5 lru:\d+ lru_seconds_idle:[0-2]
> SET n 10000000000
OK
> DEBUG OBJECT n
~ Value at:0x[0-9a-f]+ refcount:\d+ encoding:int serializedlength:12 lru:\d+ lru_seconds_idle:[0-2]
> DEBUG SET-ACTIVE-EXPIRE 0
OK
> SET gone v PX 1
OK
sleep 20
> DBSIZE
(integer) 3
> GET gone
(nil)
> DBSIZE
(integer) 2
> DEBUG SET-ACTIVE-EXPIRE 1
OK
> DEBUG SET-ACTIVE-EXPIRE x
OK
> DEBUG SET-ACTIVE-EXPIRE
(error) ERR unknown subcommand or wrong number of arguments for 'SET-ACTIVE-EXPIRE'. Try DEBUG HELP.
> DEBUG SET-ACTIVE-EXPIRE 1 2
(error) ERR unknown subcommand or wrong number of arguments for 'SET-ACTIVE-EXPIRE'. Try DEBUG HELP.

# one key's stripe alone
differs Kora's own
> DEBUG SLEEP 0 KEY k
OK
differs Kora's own
> DEBUG SLEEP 0.001 key none
OK
