# DEBUG, where it is enabled for local connections.
start --enable-debug-command local

> DEBUG SLEEP 0
OK
> DEBUG OBJECT none
(error) ERR no such key
