# AUTH where there is no password.

> AUTH x
(error) ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?
> AUTH default x
OK
> AUTH someone x
(error) WRONGPASS invalid username-password pair or user is disabled.
> AUTH
(error) ERR wrong number of arguments for 'auth' command
> AUTH a b c
(error) ERR syntax error
> PING
PONG
