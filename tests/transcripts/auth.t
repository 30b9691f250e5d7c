# AUTH and what needs it, with a password.
start --requirepass sesame

on socket
> PING
(error) NOAUTH Authentication required.
> GET k
(error) NOAUTH Authentication required.
> NOSUCH
(error) ERR unknown command 'NOSUCH', with args beginning with:
> GET
(error) ERR wrong number of arguments for 'get' command
> CLIENT ID
(error) NOAUTH Authentication required.
> AUTH
(error) ERR wrong number of arguments for 'auth' command
> AUTH wrong
(error) WRONGPASS invalid username-password pair or user is disabled.
> AUTH default wrong
(error) WRONGPASS invalid username-password pair or user is disabled.
> AUTH someone sesame
(error) WRONGPASS invalid username-password pair or user is disabled.
> AUTH a b c
(error) ERR syntax error
> HELLO
~ \(error\) NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO (<proto> )?AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol version at the same time
> HELLO 3
~ \(error\) NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO (<proto> )?AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol version at the same time
> HELLO 3 AUTH default wrong
(error) WRONGPASS invalid username-password pair or user is disabled.
> HELLO 2 AUTH someone sesame
(error) WRONGPASS invalid username-password pair or user is disabled.
> HELLO 9
(error) NOPROTO unsupported protocol version
> GET k
(error) NOAUTH Authentication required.
> AUTH sesame
OK
> GET k
(nil)
> AUTH default sesame
OK
> AUTH wrong
(error) WRONGPASS invalid username-password pair or user is disabled.
> GET k
(nil)
> RESET
RESET
> GET k
(error) NOAUTH Authentication required.
b> AUTH default sesame
OK
b> GET k
(nil)
c> RESET
RESET
c> GET k
(error) NOAUTH Authentication required.
d> QUIT
OK
