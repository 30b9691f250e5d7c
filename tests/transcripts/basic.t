# PING, ECHO, TIME, and what is said of commands that do not exist.

> PING
PONG
> ping
PONG
> PiNg
PONG
> PING hello
"hello"
> PING ""
""
> PING a b
(error) ERR wrong number of arguments for 'ping' command
> ECHO hello
"hello"
> ECHO "\x00\r\n"
"\x00\r\n"
> ECHO
(error) ERR wrong number of arguments for 'echo' command
> ECHO a b
(error) ERR wrong number of arguments for 'echo' command
> TIME
~ 1\) "\d{10}"
~ 2\) "\d{1,6}"
> TIME x
(error) ERR wrong number of arguments for 'time' command
> NOSUCH
(error) ERR unknown command 'NOSUCH', with args beginning with:
> nosuch a b c
(error) ERR unknown command 'nosuch', with args beginning with: 'a' 'b' 'c'
> NoSuch "a\nb" "c\rd"
(error) ERR unknown command 'NoSuch', with args beginning with: 'a b' 'c d'
> nosuch %{a*200}
(error) ERR unknown command 'nosuch', with args beginning with: 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'
> nosuch %{a*60} %{b*60} %{c*60} d
(error) ERR unknown command 'nosuch', with args beginning with: 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa' 'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb' 'cc'
> %{x*200} a
(error) ERR unknown command 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx', with args beginning with: 'a'
> "" a
(error) ERR unknown command '', with args beginning with: 'a'
> "GET " a
(error) ERR unknown command 'GET ', with args beginning with: 'a'
> get|a b
(error) ERR unknown command 'get|a', with args beginning with: 'b'
> "a\x00b" "c\x00d"
(error) ERR unknown command 'a', with args beginning with: 'c'
> GETT k
(error) ERR unknown command 'GETT', with args beginning with: 'k'
> GE
(error) ERR unknown command 'GE', with args beginning with:
> SETRANG
(error) ERR unknown command 'SETRANG', with args beginning with:
> incrbyfloatx a 1
(error) ERR unknown command 'incrbyfloatx', with args beginning with: 'a' '1'
> CLIENT
(error) ERR wrong number of arguments for 'client' command
> CLIENT NOSUCH
(error) ERR unknown subcommand 'NOSUCH'. Try CLIENT HELP.
> client NoSuch a b
(error) ERR unknown subcommand 'NoSuch'. Try CLIENT HELP.
> CONFIG NOSUCH
(error) ERR unknown subcommand 'NOSUCH'. Try CONFIG HELP.
> COMMAND NOSUCH
(error) ERR unknown subcommand 'NOSUCH'. Try COMMAND HELP.
> OBJECT "a\nb"
(error) ERR unknown subcommand 'a b'. Try OBJECT HELP.
> OBJECT %{o*200}
(error) ERR unknown subcommand 'oooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooo'. Try OBJECT HELP.
> client|id
(error) ERR unknown command 'client|id', with args beginning with:
> CLIENT ID x
(error) ERR wrong number of arguments for 'client|id' command
> CoMmAnD cOuNt x
(error) ERR wrong number of arguments for 'command|count' command
