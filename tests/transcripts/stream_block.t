# XREAD BLOCK, XREADGROUP BLOCK.
on socket
proto 2

> XADD s 5-5 a b
"5-5"
client b: > XREAD BLOCK 0 STREAMS s none $ $
(no reply)
> XADD s 6-0 c d
"6-0"
client b
<
1)
   1) "s"
   2)
      1)
         1) "6-0"
         2)
            1) "c"
            2) "d"
client a
> XGROUP CREATE s g $
OK
client b: > XREADGROUP GROUP g bob BLOCK 0 NOACK STREAMS s >
(no reply)
client c: > XREADGROUP GROUP g carol BLOCK 0 STREAMS s >
(no reply)
> XADD s 7-0 e f
"7-0"
client b
<
1)
   1) "s"
   2)
      1)
         1) "7-0"
         2)
            1) "e"
            2) "f"
> XADD s 8-0 g h
"8-0"
client c
<
1)
   1) "s"
   2)
      1)
         1) "8-0"
         2)
            1) "g"
            2) "h"
client a
> XPENDING s g
1) (integer) 1
2) "8-0"
3) "8-0"
4)
   1)
      1) "carol"
      2) "1"
client b: > XREADGROUP GROUP g bob BLOCK 0 STREAMS s >
(no reply)
> XGROUP DESTROY s g
(integer) 1
client b
<
(error) NOGROUP the consumer group this client was blocked on no longer exists
client a
> XGROUP CREATE s g $
OK
client b: > XREADGROUP GROUP g bob BLOCK 0 STREAMS s >
(no reply)
> DEL s
(integer) 1
client b
<
(error) UNBLOCKED the stream key no longer exists
client a
> XGROUP CREATE s g $ MKSTREAM
OK
client b: > XREADGROUP GROUP g bob BLOCK 0 STREAMS s >
(no reply)
> SET s string
OK
client b
<
(error) UNBLOCKED the stream key no longer exists
client a
> DEL s
(integer) 1
> XGROUP CREATE s g $ MKSTREAM
OK
client b: > XREADGROUP GROUP g bob BLOCK 0 STREAMS s >
(no reply)
> FLUSHALL
OK
client b
<
(error) UNBLOCKED the stream key no longer exists
client a
client b: > XREAD BLOCK 0 STREAMS s $
(no reply)
> SET s string
OK
> DEL s
(integer) 1
> XADD s 1-1 a b
"1-1"
client b
<
1)
   1) "s"
   2)
      1)
         1) "1-1"
         2)
            1) "a"
            2) "b"
> XREAD BLOCK 20 STREAMS s $
(nil array)
