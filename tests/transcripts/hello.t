# HELLO, RESET, QUIT without a password.

proto 2
> HELLO
1) "server"
2) "redis"
3) "version"
~ 4\) "[\d.]+"
5) "proto"
6) (integer) 2
7) "id"
~ 8\) \(integer\) \d+
9) "mode"
10) "standalone"
11) "role"
12) "master"
13) "modules"
14) (empty array)
> HELLO 2
1) "server"
2) "redis"
3) "version"
~ 4\) "[\d.]+"
5) "proto"
6) (integer) 2
7) "id"
~ 8\) \(integer\) \d+
9) "mode"
10) "standalone"
11) "role"
12) "master"
13) "modules"
14) (empty array)
> HELLO 4
(error) NOPROTO unsupported protocol version
> HELLO 1
(error) NOPROTO unsupported protocol version
> HELLO x
(error) ERR Protocol version is not an integer or out of range
> HELLO 2.0
(error) ERR Protocol version is not an integer or out of range
> HELLO 3 FOO
(error) ERR Syntax error in HELLO option 'FOO'
> HELLO 3 AUTH
(error) ERR Syntax error in HELLO option 'AUTH'
> HELLO 3 AUTH a
(error) ERR Syntax error in HELLO option 'AUTH'
> HELLO 2 AUTH default x
1) "server"
2) "redis"
3) "version"
~ 4\) "[\d.]+"
5) "proto"
6) (integer) 2
7) "id"
~ 8\) \(integer\) \d+
9) "mode"
10) "standalone"
11) "role"
12) "master"
13) "modules"
14) (empty array)
> HELLO 2 SETNAME
(error) ERR Syntax error in HELLO option 'SETNAME'
> HELLO 2 SETNAME "a b"
(error) ERR Client names cannot contain spaces, newlines or special characters.
> CLIENT GETNAME
(nil)
> HELLO 2 SETNAME me
1) "server"
2) "redis"
3) "version"
~ 4\) "[\d.]+"
5) "proto"
6) (integer) 2
7) "id"
~ 8\) \(integer\) \d+
9) "mode"
10) "standalone"
11) "role"
12) "master"
13) "modules"
14) (empty array)
> CLIENT GETNAME
"me"
> HELLO 2 setname you SETNAME them
1) "server"
2) "redis"
3) "version"
~ 4\) "[\d.]+"
5) "proto"
6) (integer) 2
7) "id"
~ 8\) \(integer\) \d+
9) "mode"
10) "standalone"
11) "role"
12) "master"
13) "modules"
14) (empty array)
> CLIENT GETNAME
"them"
> HELLO 3
1# "server" => "redis"
~ 2# "version" => "[\d.]+"
3# "proto" => (integer) 3
~ 4# "id" => \(integer\) \d+
5# "mode" => "standalone"
6# "role" => "master"
7# "modules" => (empty array)
> GET none
(nil)
> MGET none
1) (nil)
> HELLO 2
1) "server"
2) "redis"
3) "version"
~ 4\) "[\d.]+"
5) "proto"
6) (integer) 2
7) "id"
~ 8\) \(integer\) \d+
9) "mode"
10) "standalone"
11) "role"
12) "master"
13) "modules"
14) (empty array)
> GET none
(nil)

proto any
> RESET x
(error) ERR wrong number of arguments for 'reset' command
> SELECT 3
OK
> CLIENT SETNAME me
OK
on socket
> RESET
RESET
> CLIENT GETNAME
(nil)
> SET a 1
OK
> SELECT 3
OK
> GET a
(nil)
b> QUIT
OK
b> PING
(closed)
c> QUIT now
OK
