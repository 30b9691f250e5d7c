# LMOVE, RPOPLPUSH, LMPOP.

> RPUSH l a b c d e
(integer) 5
> LMOVE l m LEFT LEFT
"a"
> LMOVE l m LEFT RIGHT
"b"
> LMOVE l m RIGHT LEFT
"e"
> LMOVE l m right Right
"d"
> LRANGE l 0 -1
1) "c"
> LRANGE m 0 -1
1) "e"
2) "a"
3) "b"
4) "d"
> RPOPLPUSH m l
"d"
> RPOPLPUSH l m
"c"
> LRANGE l 0 -1
1) "d"
> LRANGE m 0 -1
1) "c"
2) "e"
3) "a"
4) "b"
> LMOVE l m LEFT RIGHT
"d"
> EXISTS l
(integer) 0
> LMOVE l m LEFT LEFT
(nil)
> RPOPLPUSH l m
(nil)

# one list
> LMOVE m m LEFT RIGHT
"c"
> LRANGE m 0 -1
1) "e"
2) "a"
3) "b"
4) "d"
5) "c"
> LMOVE m m RIGHT LEFT
"c"
> LMOVE m m LEFT LEFT
"c"
> RPOPLPUSH m m
"d"
> LRANGE m 0 -1
1) "d"
2) "c"
3) "e"
4) "a"
5) "b"
> RPUSH one x
(integer) 1
> EXPIRE one 1000
(integer) 1
> LMOVE one one RIGHT LEFT
"x"
> LRANGE one 0 -1
1) "x"
> TTL one
(integer) 1000
> LMOVE one two RIGHT LEFT
"x"
> EXISTS one
(integer) 0
> TTL two
(integer) -1

# errors
> SET s v
OK
> LMOVE s m LEFT LEFT
(error) WRONGTYPE Operation against a key holding the wrong kind of value
> LMOVE m s LEFT LEFT
(error) WRONGTYPE Operation against a key holding the wrong kind of value
> LMOVE none s LEFT LEFT
(nil)
> LMOVE m none UP LEFT
(error) ERR syntax error
> LMOVE m none LEFT DOWN
(error) ERR syntax error
> LMOVE s none LEFT DOWN
(error) ERR syntax error
> RPOPLPUSH s m
(error) WRONGTYPE Operation against a key holding the wrong kind of value
> RPOPLPUSH m s
(error) WRONGTYPE Operation against a key holding the wrong kind of value
> RPOPLPUSH none s
(nil)
> LMOVE m none LEFT
(error) ERR wrong number of arguments for 'lmove' command
> LMOVE m none LEFT LEFT LEFT
(error) ERR wrong number of arguments for 'lmove' command
> RPOPLPUSH m
(error) ERR wrong number of arguments for 'rpoplpush' command
> RPOPLPUSH m n o
(error) ERR wrong number of arguments for 'rpoplpush' command
> LRANGE m 0 -1
1) "d"
2) "c"
3) "e"
4) "a"
5) "b"

# LMPOP
> LMPOP 1 m LEFT
1) "m"
2)
   1) "d"
> LMPOP 2 none m RIGHT COUNT 2
1) "m"
2)
   1) "b"
   2) "a"
> LMPOP 3 none m two left count 100
1) "m"
2)
   1) "c"
   2) "e"
> EXISTS m
(integer) 0
> LMPOP 2 m none LEFT
(nil array)
> LMPOP 2 m two LEFT
1) "two"
2)
   1) "x"
> EXISTS two
(integer) 0
> RPUSH l a b c
(integer) 3
> LMPOP 1 s LEFT
(error) WRONGTYPE Operation against a key holding the wrong kind of value
> LMPOP 2 s l LEFT
(error) WRONGTYPE Operation against a key holding the wrong kind of value
> LMPOP 2 l s LEFT
1) "l"
2)
   1) "a"
> LMPOP 0 l LEFT
(error) ERR numkeys should be greater than 0
> LMPOP -1 l LEFT
(error) ERR numkeys should be greater than 0
> LMPOP x l LEFT
(error) ERR numkeys should be greater than 0
> LMPOP 2 l LEFT
(error) ERR syntax error
> LMPOP 3 l LEFT
(error) ERR syntax error
> LMPOP 99999999999 l LEFT
(error) ERR syntax error
> LMPOP 1 l UP
(error) ERR syntax error
> LMPOP 1 l LEFT COUNT
(error) ERR syntax error
> LMPOP 1 l LEFT COUNT 0
(error) ERR count should be greater than 0
> LMPOP 1 l LEFT COUNT -1
(error) ERR count should be greater than 0
> LMPOP 1 l LEFT COUNT x
(error) ERR count should be greater than 0
> LMPOP 1 l LEFT COUNT 1 COUNT 1
(error) ERR syntax error
> LMPOP 1 l LEFT FOO 1
(error) ERR syntax error
> LMPOP 1 l LEFT FOO
(error) ERR syntax error
> LMPOP 1 l
(error) ERR wrong number of arguments for 'lmpop' command
> LMPOP 1
(error) ERR wrong number of arguments for 'lmpop' command
> LMPOP 1 l l LEFT
(error) ERR syntax error
> LRANGE l 0 -1
1) "b"
2) "c"
> COMMAND GETKEYS LMPOP 2 a b LEFT COUNT 3
1) "a"
2) "b"
> COMMAND GETKEYS LMOVE a b LEFT LEFT
1) "a"
2) "b"
> COMMAND INFO lmpop
resp2:
1)
   1) "lmpop"
   2) (integer) -4
   3)
      1) write
      2) movablekeys
   4) (integer) 0
   5) (integer) 0
   6) (integer) 0
   7)
      1) @write
      2) @list
      3) @slow
   8) (empty array)
   9)
      1)
         1) "flags"
         2)
            1) RW
            2) access
            3) delete
         3) "begin_search"
         4)
            1) "type"
            2) "index"
            3) "spec"
            4)
               1) "index"
               2) (integer) 1
         5) "find_keys"
         6)
            1) "type"
            2) "keynum"
            3) "spec"
            4)
               1) "keynumidx"
               2) (integer) 0
               3) "firstkey"
               4) (integer) 1
               5) "keystep"
               6) (integer) 1
   10) (empty array)
resp3:
1)
   1) "lmpop"
   2) (integer) -4
   3)
      1~ write
      2~ movablekeys
   4) (integer) 0
   5) (integer) 0
   6) (integer) 0
   7)
      1~ @write
      2~ @list
      3~ @slow
   8) (empty set)
   9)
      1~
         1# "flags" =>
            1~ RW
            2~ access
            3~ delete
         2# "begin_search" =>
            1# "type" => "index"
            2# "spec" =>
               1# "index" => (integer) 1
         3# "find_keys" =>
            1# "type" => "keynum"
            2# "spec" =>
               1# "keynumidx" => (integer) 0
               2# "firstkey" => (integer) 1
               3# "keystep" => (integer) 1
   10) (empty set)
