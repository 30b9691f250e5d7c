# Hashes: HSET HSETNX HMSET HGET HMGET HDEL HGETALL HLEN HSTRLEN HEXISTS HKEYS HVALS HINCRBY HINCRBYFLOAT HSCAN HRANDFIELD.

> HSET h a 1
(integer) 1
> HSET h a 2 b 3
(integer) 1
> HSET h a x a y c z c zz
(integer) 1
> HGET h a
"y"
> HGET h c
"zz"
> HGET h none
(nil)
> HGET none a
(nil)
> HGETALL h
resp2:
1) "a"
2) "y"
3) "b"
4) "3"
5) "c"
6) "zz"
resp3:
1# "a" => "y"
2# "b" => "3"
3# "c" => "zz"
> HGETALL none
resp2:
(empty array)
resp3:
(empty map)
> HKEYS h
1) "a"
2) "b"
3) "c"
> HVALS h
1) "y"
2) "3"
3) "zz"
> HKEYS none
(empty array)
> HLEN h
(integer) 3
> HLEN none
(integer) 0
> TYPE h
hash
> OBJECT ENCODING h
"listpack"
> HMGET h a none b
1) "y"
2) (nil)
3) "3"
> HMGET none a b
1) (nil)
2) (nil)
> HSTRLEN h c
(integer) 2
> HSTRLEN h b
(integer) 1
> HSTRLEN h none
(integer) 0
> HSTRLEN none a
(integer) 0
> HEXISTS h a
(integer) 1
> HEXISTS h none
(integer) 0
> HEXISTS none a
(integer) 0
> HMSET h d 4 e 5
OK
> HSETNX h a no
(integer) 0
> HSETNX h f yes
(integer) 1
> HSETNX new f yes
(integer) 1
> HGETALL h
resp2:
1) "a"
2) "y"
3) "b"
4) "3"
5) "c"
6) "zz"
7) "d"
8) "4"
9) "e"
10) "5"
11) "f"
12) "yes"
resp3:
1# "a" => "y"
2# "b" => "3"
3# "c" => "zz"
4# "d" => "4"
5# "e" => "5"
6# "f" => "yes"
> HDEL h a b none a
(integer) 2
> HDEL h none
(integer) 0
> HDEL none a
(integer) 0
> HDEL h c d e f
(integer) 4
> EXISTS h
(integer) 0
> HSET h "" ""
(integer) 1
> HGETALL h
resp2:
1) ""
2) ""
resp3:
1# "" => ""
> HGET h ""
""
> HSTRLEN h ""
(integer) 0
> HDEL h ""
(integer) 1
> HSET h "a\x00b" "\xff\r\n" 007 +1 7 0x7
(integer) 3
> HGETALL h
resp2:
1) "a\x00b"
2) "\xff\r\n"
3) "007"
4) "+1"
5) "7"
6) "0x7"
resp3:
1# "a\x00b" => "\xff\r\n"
2# "007" => "+1"
3# "7" => "0x7"
> HSET h 7 -9223372036854775808
(integer) 0
> HGET h 7
"-9223372036854775808"
> HSTRLEN h 7
(integer) 20
> HSET h f
(error) ERR wrong number of arguments for 'hset' command
> HSET h f 1 g
(error) ERR wrong number of arguments for 'hset' command
> HMSET h f
(error) ERR wrong number of arguments for 'hmset' command
> HMSET h f 1 g
(error) ERR wrong number of arguments for 'hmset' command
> HSETNX h f
(error) ERR wrong number of arguments for 'hsetnx' command
> HGET h
(error) ERR wrong number of arguments for 'hget' command
> HGET h a b
(error) ERR wrong number of arguments for 'hget' command
> HMGET h
(error) ERR wrong number of arguments for 'hmget' command
> HDEL h
(error) ERR wrong number of arguments for 'hdel' command
> HGETALL
(error) ERR wrong number of arguments for 'hgetall' command
> HLEN h x
(error) ERR wrong number of arguments for 'hlen' command
> DEL h
(integer) 1

# Another type
> SET s x
OK
> HSET s a 1
(error) WRONGTYPE Operation against a key holding the wrong kind of value
> HSETNX s a 1
(error) WRONGTYPE Operation against a key holding the wrong kind of value
> HMSET s a 1
(error) WRONGTYPE Operation against a key holding the wrong kind of value
> HGET s a
(error) WRONGTYPE Operation against a key holding the wrong kind of value
> HMGET s a
(error) WRONGTYPE Operation against a key holding the wrong kind of value
> HDEL s a
(error) WRONGTYPE Operation against a key holding the wrong kind of value
> HGETALL s
(error) WRONGTYPE Operation against a key holding the wrong kind of value
> HKEYS s
(error) WRONGTYPE Operation against a key holding the wrong kind of value
> HVALS s
(error) WRONGTYPE Operation against a key holding the wrong kind of value
> HLEN s
(error) WRONGTYPE Operation against a key holding the wrong kind of value
> HSTRLEN s a
(error) WRONGTYPE Operation against a key holding the wrong kind of value
> HEXISTS s a
(error) WRONGTYPE Operation against a key holding the wrong kind of value
> HINCRBY s a 1
(error) WRONGTYPE Operation against a key holding the wrong kind of value
> HINCRBYFLOAT s a 1
(error) WRONGTYPE Operation against a key holding the wrong kind of value
> HSCAN s 0
(error) WRONGTYPE Operation against a key holding the wrong kind of value
> HRANDFIELD s
(error) WRONGTYPE Operation against a key holding the wrong kind of value
> HRANDFIELD s 2
(error) WRONGTYPE Operation against a key holding the wrong kind of value
> HSET h a 1
(integer) 1
> GET h
(error) WRONGTYPE Operation against a key holding the wrong kind of value
> APPEND h x
(error) WRONGTYPE Operation against a key holding the wrong kind of value
> INCR h
(error) WRONGTYPE Operation against a key holding the wrong kind of value
> GETRANGE h 0 1
(error) WRONGTYPE Operation against a key holding the wrong kind of value

# Counters
> HINCRBY h n 5
(integer) 5
> HINCRBY h n -7
(integer) -2
> HINCRBY h n 0
(integer) -2
> HINCRBY h n x
(error) ERR value is not an integer or out of range
> HINCRBY h n 1.5
(error) ERR value is not an integer or out of range
> HINCRBY h n 9223372036854775807
(integer) 9223372036854775805
> HINCRBY h n 9223372036854775807
(error) ERR increment or decrement would overflow
> HINCRBY h n 3
(error) ERR increment or decrement would overflow
> HSET h text abc space " 1" real 1.5
(integer) 3
> HINCRBY h text 1
(error) ERR hash value is not an integer
> HINCRBY h space 1
(error) ERR hash value is not an integer
> HINCRBY h real 1
(error) ERR hash value is not an integer
> HINCRBY h n
(error) ERR wrong number of arguments for 'hincrby' command
> HINCRBY new2 n 10
(integer) 10
> HINCRBYFLOAT h real 0.1
"1.6"
> HINCRBYFLOAT h real -1.6
"0"
> HINCRBYFLOAT h fresh 3.0e3
"3000"
> HINCRBYFLOAT h fresh 200
"3200"
> HINCRBYFLOAT h text 1
(error) ERR hash value is not a float
> HINCRBYFLOAT h space 1
(error) ERR hash value is not a float
> HINCRBYFLOAT h real x
(error) ERR value is not a valid float
> HINCRBYFLOAT h real ""
(error) ERR value is not a valid float
> HINCRBYFLOAT h real inf
(error) ERR value is NaN or Infinity
> HINCRBYFLOAT h real -inf
(error) ERR value is NaN or Infinity
> HINCRBYFLOAT h real nan
(error) ERR value is not a valid float
> HSET h big 1e4931
(integer) 1
> HSET h inf inf
(integer) 1
> HINCRBYFLOAT h inf 1
(error) ERR increment would produce NaN or Infinity
> HINCRBYFLOAT h real
(error) ERR wrong number of arguments for 'hincrbyfloat' command
> HINCRBYFLOAT new3 n 1.25
"1.25"
> HGET new3 n
"1.25"

# Large ones
> CONFIG SET hash-max-listpack-entries 4 hash-max-listpack-value 8
OK
> DEL h
(integer) 1
> HSET h a 1 b 2 c 3 d 4
(integer) 4
> OBJECT ENCODING h
"listpack"
> HSET h a 12345678
(integer) 0
> OBJECT ENCODING h
"listpack"
> HSET h e 5
(integer) 1
> OBJECT ENCODING h
"hashtable"
> HDEL h e d c
(integer) 3
> OBJECT ENCODING h
"hashtable"
sorted
> HGETALL h
resp2:
1) "12345678"
2) "2"
3) "a"
4) "b"
resp3:
1# "a" => "12345678"
2# "b" => "2"
sorted
> HKEYS h
1) "a"
2) "b"
sorted
> HVALS h
1) "12345678"
2) "2"
> HSET h a 1
(integer) 0
> HSET h a %{x*300}
(integer) 0
> HGET h a
"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
> HSET h %{y*300} z
(integer) 1
> HGET h %{y*300}
"z"
> HSET h %{y*300} %{z*9000}
(integer) 0
> HSTRLEN h %{y*300}
(integer) 9000
> HSET h a 1 a 2 q 3 q 4
(integer) 1
> HMGET h a q b
1) "2"
2) "4"
3) "2"
> HINCRBY h a 5
(integer) 7
> HINCRBYFLOAT h a 0.5
"7.5"
> HSETNX h a 1
(integer) 0
> HSETNX h r 1
(integer) 1
> HLEN h
(integer) 5
> HDEL h a b q r %{y*300}
(integer) 5
> EXISTS h
(integer) 0
> HSET h a 123456789
(integer) 1
> OBJECT ENCODING h
"hashtable"
> DEL h
(integer) 1
> HSET h 123456789 a
(integer) 1
> OBJECT ENCODING h
"hashtable"
> DEL h
(integer) 1
> HSETNX h a 123456789
(integer) 1
> OBJECT ENCODING h
"hashtable"
> DEL h
(integer) 1
> HINCRBY h a 123456789
(integer) 123456789
> OBJECT ENCODING h
"hashtable"
> DEL h
(integer) 1
> HINCRBYFLOAT h a 12345678.5
"12345678.5"
> OBJECT ENCODING h
"hashtable"
> DEL h
(integer) 1
> HSET h a 1 b 2 c 3
(integer) 3
> CONFIG SET hash-max-listpack-entries 2
OK
> OBJECT ENCODING h
"listpack"
> HSETNX h a 5
(integer) 0
> OBJECT ENCODING h
"listpack"
> HSET h a 5
(integer) 0
> OBJECT ENCODING h
"hashtable"
sorted
> HGETALL h
resp2:
1) "2"
2) "3"
3) "5"
4) "a"
5) "b"
6) "c"
resp3:
1# "a" => "5"
2# "b" => "2"
3# "c" => "3"
> DEL h
(integer) 1
> HSET h a 1 a 2 a 3 a 4
(integer) 1
> OBJECT ENCODING h
"listpack"
> HSET h b 1 b 2 c 3
(integer) 2
> OBJECT ENCODING h
"hashtable"
> CONFIG SET hash-max-listpack-entries 128 hash-max-listpack-value 64
OK
> DEL h
(integer) 1

# HSCAN
> HSET h a 1 b 2 abc 3
(integer) 3
> HSCAN h 0
1) "0"
2)
   1) "a"
   2) "1"
   3) "b"
   4) "2"
   5) "abc"
   6) "3"
> HSCAN h 0 MATCH a*
1) "0"
2)
   1) "a"
   2) "1"
   3) "abc"
   4) "3"
> HSCAN h 0 MATCH a* COUNT 1
1) "0"
2)
   1) "a"
   2) "1"
   3) "abc"
   4) "3"
> HSCAN h 0 COUNT 0
(error) ERR syntax error
> HSCAN h 0 COUNT x
(error) ERR value is not an integer or out of range
> HSCAN h 0 MATCH
(error) ERR syntax error
> HSCAN h 0 TYPE hash
(error) ERR syntax error
> HSCAN h x
(error) ERR invalid cursor
> HSCAN none 0
1) "0"
2) (empty array)
> HSCAN none 0 COUNT 0
1) "0"
2) (empty array)
> HSCAN none x
(error) ERR invalid cursor
> HSCAN h
(error) ERR wrong number of arguments for 'hscan' command

# HRANDFIELD
> DEL h
(integer) 1
> HRANDFIELD h
(nil)
> HRANDFIELD h 3
(empty array)
> HRANDFIELD h -3
(empty array)
> HRANDFIELD h 3 WITHVALUES
(empty array)
> HSET h a 1
(integer) 1
> HRANDFIELD h
"a"
> HRANDFIELD h 0
(empty array)
> HRANDFIELD h 0 WITHVALUES
(empty array)
> HRANDFIELD h 5
1) "a"
> HRANDFIELD h -3
1) "a"
2) "a"
3) "a"
> HRANDFIELD h 5 WITHVALUES
resp2:
1) "a"
2) "1"
resp3:
1)
   1) "a"
   2) "1"
> HRANDFIELD h -2 withvalues
resp2:
1) "a"
2) "1"
3) "a"
4) "1"
resp3:
1)
   1) "a"
   2) "1"
2)
   1) "a"
   2) "1"
> HRANDFIELD h x
(error) ERR value is not an integer or out of range
> HRANDFIELD h 1 x
(error) ERR syntax error
> HRANDFIELD h 1 WITHVALUES x
(error) ERR syntax error
> HRANDFIELD h -9223372036854775808
(error) ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807
> HRANDFIELD h 9223372036854775807
1) "a"
> HRANDFIELD h 9223372036854775807 WITHVALUES
(error) ERR value is out of range
> HRANDFIELD h -9223372036854775807 WITHVALUES
(error) ERR value is out of range
> HRANDFIELD h 9223372036854775808
(error) ERR value is not an integer or out of range
> HSET h b 2 c 3
(integer) 2
sorted
> HRANDFIELD h 3
1) "a"
2) "b"
3) "c"
sorted
> HRANDFIELD h 9
1) "a"
2) "b"
3) "c"
> CONFIG SET hash-max-listpack-entries 1
OK
> HSET h d 4
(integer) 1
> OBJECT ENCODING h
"hashtable"
sorted
> HRANDFIELD h 9
1) "a"
2) "b"
3) "c"
4) "d"
> CONFIG SET hash-max-listpack-entries 128
OK

# NOVALUES
> DEL h
(integer) 1
> HSET h a 1 b 2
(integer) 2
since 7.4
> HSCAN h 0 NOVALUES
1) "0"
2)
   1) "a"
   2) "b"
since 7.4
> HSCAN h 0 NOVALUES COUNT 10 MATCH b
1) "0"
2)
   1) "b"
since 7.4
> SCAN 0 NOVALUES
(error) ERR NOVALUES option can only be used in HSCAN

# A cursor ends at a zero byte
> HSCAN none "0\x00x"
1) "0"
2) (empty array)
> HSCAN none "\x00"
1) "0"
2) (empty array)
> HSCAN none "-\x00"
(error) ERR invalid cursor
