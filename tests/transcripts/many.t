# MSET, MSETNX.

> MSET a 1
OK
> MSET a 2 b 3 c 4
OK
> MGET a b c
1) "2"
2) "3"
3) "4"
> MSET a x a y a z
OK
> GET a
"z"
> MSET
(error) ERR wrong number of arguments for 'mset' command
> MSET a
(error) ERR wrong number of arguments for 'mset' command
> MSET a 1 b
(error) ERR wrong number of arguments for 'mset' command
> MSET a 1 b 2 c
(error) ERR wrong number of arguments for 'mset' command
> GET a
"z"
> SET e v EX 100
OK
> MSET e w
OK
> TTL e
(integer) -1
> MSET n 10 "" "" "\x00" "\x01"
OK
> MGET n "" "\x00"
1) "10"
2) ""
3) "\x01"
> OBJECT ENCODING n
"int"
> INCR n
(integer) 11
> MSET k0 v0 k1 v1 k2 v2 k3 v3 k4 v4 k5 v5 k6 v6 k7 v7 k8 v8 k9 v9 k10 v10 k11 v11 k12 v12 k13 v13 k14 v14 k15 v15 k16 v16 k17 v17 k18 v18 k19 v19
OK
> MGET k0 k1 k2 k3 k4 k5 k6 k7 k8 k9 k10 k11 k12 k13 k14 k15 k16 k17 k18 k19 k20
1) "v0"
2) "v1"
3) "v2"
4) "v3"
5) "v4"
6) "v5"
7) "v6"
8) "v7"
9) "v8"
10) "v9"
11) "v10"
12) "v11"
13) "v12"
14) "v13"
15) "v14"
16) "v15"
17) "v16"
18) "v17"
19) "v18"
20) "v19"
21) (nil)
> EXISTS k0 k1 k2 k3 k4 k5 k6 k7 k8 k9 k10 k11 k12 k13 k14 k15 k16 k17 k18 k19 k20
(integer) 20
> DEL k0 k1 k2 k3 k4 k5 k6 k7 k8 k9 k10 k11 k12 k13 k14 k15 k16 k17 k18 k19 k20
(integer) 20

# MSETNX
> FLUSHDB
OK
> MSETNX a 1 b 2
(integer) 1
> MSETNX b 3 c 4
(integer) 0
> MGET a b c
1) "1"
2) "2"
3) (nil)
> MSETNX c 1 d 2 c 3
(integer) 1
> MGET c d
1) "3"
2) "2"
> MSETNX x 1 x 2
(integer) 1
> GET x
"2"
> MSETNX
(error) ERR wrong number of arguments for 'msetnx' command
> MSETNX a
(error) ERR wrong number of arguments for 'msetnx' command
> MSETNX a 1 b
(error) ERR wrong number of arguments for 'msetnx' command
> SET gone v PXAT 1
OK
> MSETNX gone 1 other 2
(integer) 1
> MGET gone other
1) "1"
2) "2"
> TTL gone
(integer) -1
