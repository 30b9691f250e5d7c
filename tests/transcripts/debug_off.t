# DEBUG, as it is by default.

> DEBUG SLEEP 0
(error) ERR DEBUG command not allowed. If the enable-debug-command option is set to "local", you can run it from a local connection, otherwise you need to set this option in the configuration file, and then restart the server.
> DEBUG HELP
~ \(error\) ERR DEBUG command not allowed\. .*
> DEBUG OBJECT k
~ \(error\) ERR DEBUG command not allowed\. .*
> DEBUG FOO
~ \(error\) ERR DEBUG command not allowed\. .*
> DEBUG
(error) ERR wrong number of arguments for 'debug' command
