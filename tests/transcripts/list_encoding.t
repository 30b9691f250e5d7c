# When a list is packed (Redis 7.2 and newer; before, every list is a quicklist).
all since 7.2

> RPUSH l a b c
(integer) 3
> OBJECT ENCODING l
"listpack"
> CONFIG SET list-max-listpack-size 4
OK
> RPUSH l d
(integer) 4
> OBJECT ENCODING l
"listpack"
> RPUSH l e
(integer) 5
> OBJECT ENCODING l
"quicklist"
> LPOP l 2
1) "a"
2) "b"
> LRANGE l 0 -1
1) "c"
2) "d"
3) "e"

# packed again with half of the limit in one node
> DEL l
(integer) 1
> RPUSH l a b c d e
(integer) 5
> RPOP l
"e"
> OBJECT ENCODING l
"quicklist"
> RPOP l
"d"
> OBJECT ENCODING l
"quicklist"
> RPOP l
"c"
> OBJECT ENCODING l
"listpack"
> LRANGE l 0 -1
1) "a"
2) "b"
> EXPIRE l 1000
(integer) 1
> LPUSH l 1 2 3
(integer) 5
> OBJECT ENCODING l
"quicklist"
> LTRIM l 3 4
OK
> OBJECT ENCODING l
"listpack"
> TTL l
~ \(integer\) (1000|999)

# by size
> CONFIG SET list-max-listpack-size -1
OK
> RPUSH big %{x*4000}
(integer) 1
> OBJECT ENCODING big
"listpack"
> LINSERT big AFTER %{x*4000} %{y*100}
(integer) 2
> OBJECT ENCODING big
"quicklist"
> LREM big 1 %{x*4000}
(integer) 1
> OBJECT ENCODING big
"listpack"
> RPUSH huge %{z*5000}
(integer) 1
> OBJECT ENCODING huge
"quicklist"
> LSET huge 0 small
OK
> OBJECT ENCODING huge
"listpack"
> LSET huge 0 %{z*5000}
OK
> OBJECT ENCODING huge
"quicklist"
> COPY huge copy
(integer) 1
> LINDEX copy 0
"%{z*5000}"
> OBJECT ENCODING copy
"quicklist"
> CONFIG SET list-max-listpack-size 0
OK
> RPUSH one a
(integer) 1
> OBJECT ENCODING one
"listpack"
> RPUSH one b
(integer) 2
> OBJECT ENCODING one
"quicklist"
