"""What to say for each command that writes. The names come from COMMAND: one that is missing here is a failure.

A script is lines; `;` separates them, a space their arguments. The last line is the command itself, and must change something; those before make what it needs.
{x} is a name that no other script uses. Words in <> are taken from replies before: <dump KEY>, <id> (of the last XADD).
"""
LATER = "4102444800"  # 2100

SCRIPTS = {
    # keys
    "copy": ["SET {a} v EX 5000;COPY {a} {b}", "RPUSH {a} x y;COPY {a} {a} DB 3", "XADD {a} 1-1 f v;XGROUP CREATE {a} g 0;COPY {a} {b}"],
    "del": ["MSET {a} 1 {b} 2 {c} 3;DEL {a} {c}"],
    "unlink": ["RPUSH {a} 1 2 3;SET {b} 2;UNLINK {a} {x}"],
    "expire": ["SET {a} v;EXPIRE {a} 50000"],
    "pexpire": ["RPUSH {a} v;PEXPIRE {a} 50000000"],
    "expireat": ["SADD {a} v;EXPIREAT {a} " + LATER, "SADD {a} v;EXPIREAT {a} 1"],
    "pexpireat": ["SET {a} 17;PEXPIREAT {a} " + LATER + "123"],
    "persist": ["SET {a} v EX 50000;PERSIST {a}"],
    "move": ["HSET {a} f v;MOVE {a} 2"],
    "rename": ["SET {a} v PX 50000000;SET {b} old;RENAME {a} {b}", "ZADD {a} 1 m;RENAME {a} {b}"],
    "renamenx": ["SADD {a} 1 2;RENAMENX {a} {b}"],
    "restore": ["RPUSH {a} v w;RESTORE {b} 0 <dump {a}>", "SET {a} 1;SET {b} 2;RESTORE {b} 50000000 <dump {a}> REPLACE"],
    "sort": ["RPUSH {a} 3 1 2;SORT {a} DESC STORE {b}"],
    "flushdb": ["SELECT 7;MSET {a} 1 {b} 2 {c} 3 {d} 4;FLUSHDB"],
    "flushall": ["SELECT 7;MSET {a} 1 {b} 2 {c} 3 {d} 4;FLUSHALL;SELECT 5;MSET {a} 1 {b} 2;FLUSHALL;MSET {c} 1 {d} 2"],
    "swapdb": ["SELECT 6;MSET {a} 1 {b} 2 {c} 3 {d} 4;SWAPDB 6 5"],
    # strings
    "append": ["SET {a} v;APPEND {a} more", "APPEND {a} new"],
    "decr": ["DECR {a}"], "decrby": ["SET {a} 5;DECRBY {a} 7"], "incr": ["INCR {a}"], "incrby": ["SET {a} 5 EX 50000;INCRBY {a} 70"],
    "incrbyfloat": ["SET {a} 1.5;INCRBYFLOAT {a} 0.25"],
    "getdel": ["SET {a} v;GETDEL {a}"], "getex": ["SET {a} v;GETEX {a} EX 50000", "SET {a} v EX 50000;GETEX {a} PERSIST"], "getset": ["SET {a} v EX 50000;GETSET {a} w"],
    "mset": ["MSET {a} 1 {b} 2 {c} 3 {d} v"], "msetnx": ["MSETNX {a} 1 {b} 2"],
    "psetex": ["PSETEX {a} 50000000 v"], "setex": ["SETEX {a} 50000 v"], "setnx": ["SETNX {a} v"],
    "set": ["SET {a} v", "SET {a} v;SET {a} w", "SET {a} v EX 50000;SET {a} w KEEPTTL", "SET {a} 12 XX GET;SET {a} 13 NX PXAT " + LATER + "000"],
    "setrange": ["SET {a} abc;SETRANGE {a} 10 xyz"],
    # bits
    "setbit": ["SETBIT {a} 77 1"], "bitop": ["SET {a} abc;SET {b} bcd;BITOP XOR {c} {a} {b}"], "bitfield": ["BITFIELD {a} SET u8 0 200 INCRBY i5 9 3"],
    "pfadd": ["PFADD {a} x y z;PFADD {a} w"], "pfmerge": ["PFADD {a} x y;PFADD {b} z;PFMERGE {b} {a}"], "pfcount": ["PFADD {a} x y;PFCOUNT {a}"],
    # lists
    "lpush": ["LPUSH {a} x y z"], "rpush": ["RPUSH {a} 1 2 3;RPUSH {a} 4"], "lpushx": ["LPUSH {a} x;LPUSHX {a} y"], "rpushx": ["LPUSH {a} x;RPUSHX {a} y"],
    "lpop": ["RPUSH {a} 1 2 3;LPOP {a}", "RPUSH {a} 1 2;LPOP {a} 2"], "rpop": ["RPUSH {a} 1 2 3;RPOP {a} 2"], "linsert": ["RPUSH {a} 1 3;LINSERT {a} BEFORE 3 2"],
    "lset": ["RPUSH {a} 1 3;LSET {a} -1 x"], "lrem": ["RPUSH {a} 1 2 1 2;LREM {a} 0 1"], "ltrim": ["RPUSH {a} 1 2 3 4;LTRIM {a} 1 2"],
    "lmove": ["RPUSH {a} 1 2;RPUSH {b} 3;LMOVE {a} {b} RIGHT LEFT", "RPUSH {a} 1 2 3;LMOVE {a} {a} LEFT RIGHT"], "rpoplpush": ["RPUSH {a} 1 2;RPOPLPUSH {a} {b}"],
    "lmpop": ["RPUSH {b} 1 2;LMPOP 2 {a} {b} LEFT"], "blpop": ["RPUSH {a} 1 2;BLPOP {b} {a} 1"], "brpop": ["RPUSH {a} 1 2;BRPOP {a} 1"],
    "blmove": ["RPUSH {a} 1 2;BLMOVE {a} {b} LEFT LEFT 1"], "brpoplpush": ["RPUSH {a} 1 2;BRPOPLPUSH {a} {b} 1"], "blmpop": ["RPUSH {a} 1 2 3;BLMPOP 1 1 {a} RIGHT COUNT 2"],
    # sets
    "sadd": ["SADD {a} x y z", "SADD {a} 1 2;SADD {a} 3"], "srem": ["SADD {a} x y;SREM {a} x"], "spop": ["SADD {a} x y z w;SPOP {a}", "SADD {a} x y z w;SPOP {a} 2"],
    "smove": ["SADD {a} x y;SMOVE {a} {b} x"], "sinterstore": ["SADD {a} x y;SADD {b} y z;SINTERSTORE {c} {a} {b}"],
    "sunionstore": ["SADD {a} x y;SADD {b} y z;SUNIONSTORE {c} {a} {b}"], "sdiffstore": ["SADD {a} x y;SADD {b} y z;SDIFFSTORE {c} {a} {b}"],
    # sorted sets
    "zadd": ["ZADD {a} 1.5 x -inf y", "ZADD {a} 1 x;ZADD {a} INCR 2.25 x"], "zincrby": ["ZADD {a} 1 x;ZINCRBY {a} 0.1 x"], "zrem": ["ZADD {a} 1 x 2 y;ZREM {a} x"],
    "zremrangebyrank": ["ZADD {a} 1 x 2 y 3 z;ZREMRANGEBYRANK {a} 0 1"], "zremrangebyscore": ["ZADD {a} 1 x 2 y 3 z;ZREMRANGEBYSCORE {a} (1 2"],
    "zremrangebylex": ["ZADD {a} 0 x 0 y 0 z;ZREMRANGEBYLEX {a} [y +"], "zpopmin": ["ZADD {a} 1 x 2 y;ZPOPMIN {a}"], "zpopmax": ["ZADD {a} 1 x 2 y;ZPOPMAX {a} 1"],
    "zmpop": ["ZADD {b} 1 x 2 y;ZMPOP 2 {a} {b} MIN"], "bzpopmin": ["ZADD {a} 1 x 2 y;BZPOPMIN {a} 1"], "bzpopmax": ["ZADD {a} 1 x 2 y;BZPOPMAX {b} {a} 1"],
    "bzmpop": ["ZADD {a} 1 x 2 y 3 z;BZMPOP 1 1 {a} MAX COUNT 2"], "zunionstore": ["ZADD {a} 1 x;ZADD {b} 2 x 3 y;ZUNIONSTORE {c} 2 {a} {b} WEIGHTS 2 0.5"],
    "zinterstore": ["ZADD {a} 1 x;ZADD {b} 2 x 3 y;ZINTERSTORE {c} 2 {a} {b}"], "zdiffstore": ["ZADD {a} 1 x 2 z;ZADD {b} 2 x 3 y;ZDIFFSTORE {c} 2 {a} {b}"],
    "zrangestore": ["ZADD {a} 1 x 2 y 3 z;ZRANGESTORE {b} {a} 1 2"],
    "geoadd": ["GEOADD {a} 13.361389 38.115556 p 15.087269 37.502669 c"], "georadius": ["GEOADD {a} 13.4 38.1 p;GEORADIUS {a} 15 37 200 km STORE {b}"],
    "georadiusbymember": ["GEOADD {a} 13.4 38.1 p 13.5 38 q;GEORADIUSBYMEMBER {a} p 100 km STOREDIST {b}"],
    "geosearchstore": ["GEOADD {a} 13.4 38.1 p 13.5 38 q;GEOSEARCHSTORE {b} {a} FROMLONLAT 13 38 BYRADIUS 200 km ASC"],
    # hashes
    "hset": ["HSET {a} f v g 2", "HSET {a} f v;HSET {a} f w"], "hmset": ["HMSET {a} f v"], "hsetnx": ["HSETNX {a} f v"], "hdel": ["HSET {a} f v g w;HDEL {a} f"],
    "hincrby": ["HINCRBY {a} f 7"], "hincrbyfloat": ["HSET {a} f 1.5;HINCRBYFLOAT {a} f 0.1"],
    "hexpire": ["HSET {a} f v g w;HEXPIRE {a} 50000 FIELDS 1 f"], "hpexpire": ["HSET {a} f v g w;HPEXPIRE {a} 50000000 FIELDS 2 f g"],
    "hexpireat": ["HSET {a} f v g w;HEXPIREAT {a} " + LATER + " FIELDS 1 f"], "hpexpireat": ["HSET {a} f v g w;HPEXPIREAT {a} " + LATER + "000 FIELDS 1 f"],
    "hpersist": ["HSET {a} f v;HEXPIRE {a} 50000 FIELDS 1 f;HPERSIST {a} FIELDS 1 f"], "hgetdel": ["HSET {a} f v g w;HGETDEL {a} FIELDS 1 f"],
    "hgetex": ["HSET {a} f v g w;HGETEX {a} EX 50000 FIELDS 1 f"], "hsetex": ["HSETEX {a} EX 50000 FIELDS 1 f v"],
    # streams
    "xadd": ["XADD {a} * f v", "XADD {a} 5-1 f v g w;XADD {a} MAXLEN 1 * f w"], "xdel": ["XADD {a} 1-1 f v;XADD {a} 2-1 f v;XDEL {a} 1-1"],
    "xtrim": ["XADD {a} 1-1 f v;XADD {a} 2-1 f v;XTRIM {a} MAXLEN 1"], "xsetid": ["XADD {a} 1-1 f v;XSETID {a} 9-1 ENTRIESADDED 5 MAXDELETEDID 3-1"],
    "xgroup|create": ["XADD {a} 1-1 f v;XGROUP CREATE {a} g 0 ENTRIESREAD 1", "XGROUP CREATE {a} g $ MKSTREAM"], "xgroup|setid": ["XGROUP CREATE {a} g 0 MKSTREAM;XGROUP SETID {a} g 7-1"],
    "xgroup|destroy": ["XGROUP CREATE {a} g 0 MKSTREAM;XGROUP DESTROY {a} g"], "xgroup|createconsumer": ["XGROUP CREATE {a} g 0 MKSTREAM;XGROUP CREATECONSUMER {a} g c"],
    "xgroup|delconsumer": ["XGROUP CREATE {a} g 0 MKSTREAM;XADD {a} 1-1 f v;XREADGROUP GROUP g c STREAMS {a} >;XGROUP DELCONSUMER {a} g c"],
    "xreadgroup": ["XGROUP CREATE {a} g 0 MKSTREAM;XADD {a} 1-1 f v;XADD {a} 2-1 f v;XREADGROUP GROUP g c COUNT 1 STREAMS {a} >"],
    "xack": ["XGROUP CREATE {a} g 0 MKSTREAM;XADD {a} 1-1 f v;XADD {a} 2-1 f v;XREADGROUP GROUP g c STREAMS {a} >;XACK {a} g 1-1"],
    "xclaim": ["XGROUP CREATE {a} g 0 MKSTREAM;XADD {a} 1-1 f v;XREADGROUP GROUP g c STREAMS {a} >;XCLAIM {a} g d 0 1-1"],
    "xautoclaim": ["XGROUP CREATE {a} g 0 MKSTREAM;XADD {a} 1-1 f v;XREADGROUP GROUP g c STREAMS {a} >;XAUTOCLAIM {a} g d 0 0"],
    # not marked as one that writes, and still has an effect
    "exec": ["MULTI;SET {a} 1;RPUSH {b} 1 2;ZADD {c} 1 x;HSET {d} f v;EXEC"],
}
# What options change. The last line changes something, as above.
MORE = """
SET {a} v EX 50000
SET {a} v PX 50000000
SET {a} v EXAT LATER
SET {a} v PXAT LATER000
SET {a} v EX 50000;SET {a} w
SET {a} v EX 50000;SET {a} w KEEPTTL GET
SET {a} v EX 50000;SET {a} w NX GET;SET {a} x XX
SET {a} v;SET {a} w PXAT 1
SET {a} v;SET {a} w GET
SET {a} 12;SET {a} 123456789012345678901234567890123456789012345678901234567890
SET {a} v;GETEX {a} PX 50000000
SET {a} v;GETEX {a} EXAT LATER
SET {a} v;GETEX {a} PXAT LATER000
SET {a} v;GETEX {a} PXAT 1
SET {a} v EX 50000;APPEND {a} w
SET {a} 7 EX 50000;DECR {a}
SET {a} 1e3 EX 50000;INCRBYFLOAT {a} 0.5
SET {a} abc EX 50000;SETRANGE {a} 1 x
SETRANGE {a} 5 x
SET {a} old EX 50000;MSET {a} 1 {b} 2 {a} 3
SET {a} old EX 50000;SETEX {a} 70000 v
SET {a} v;EXPIRE {a} 50000 NX
SET {a} v EX 500;EXPIRE {a} 50000 XX
SET {a} v EX 500;EXPIRE {a} 50000 GT
SET {a} v;EXPIRE {a} 50000 LT
SET {a} v EX 50000;PEXPIRE {a} 40000000 LT
SET {a} v;EXPIRE {a} -1
HSET {a} f v;PEXPIRE {a} 0
RPUSH {a} v;PEXPIREAT {a} LATER123 NX
ZADD {a} 1 x;EXPIREAT {a} LATER LT
XADD {a} 1-1 f v;EXPIRE {a} 50000;PERSIST {a}
SETBIT {a} 1000 0
SET {a} abc EX 50000;SETBIT {a} 3 1
SET {a} abc;BITOP NOT {b} {a}
SET {a} abc;SET {b} bcdef;BITOP AND {b} {a} {b}
SET {a} abc;SET {b} bcdef EX 50000;BITOP OR {b} {a} {x}
SET {b} v;BITOP OR {b} {x}
BITFIELD {a} OVERFLOW SAT INCRBY u4 0 99 OVERFLOW FAIL INCRBY u4 4 99 SET i64 #1 -5
BITFIELD {a} SET u8 0 255;BITFIELD {a} GET u8 0 OVERFLOW WRAP INCRBY u8 0 3
PFADD {a}
PFADD {a} x y z;PFADD {b} w;PFMERGE {c} {a} {b} {x}
RPUSH {a} x;COPY {a} {b} DB 9
RPUSH {a} x;SET {b} old EX 50000;COPY {a} {b} REPLACE
HSET {a} f v g w;HEXPIRE {a} 50000 FIELDS 1 f;COPY {a} {b}
HSET {a} f v g w;HEXPIRE {a} 50000 FIELDS 1 f;RENAME {a} {b}
HSET {a} f v g w;HEXPIRE {a} 50000 FIELDS 1 f;MOVE {a} 4
HSET {a} f v g w;HEXPIRE {a} 50000 FIELDS 1 f;RESTORE {b} 0 <dump {a}>
XGROUP CREATE {a} g 0 MKSTREAM;XADD {a} 1-1 f v;XREADGROUP GROUP g c STREAMS {a} >;RENAME {a} {b}
XGROUP CREATE {a} g 0 MKSTREAM;XADD {a} 1-1 f v;XREADGROUP GROUP g c STREAMS {a} >;MOVE {a} 4
XGROUP CREATE {a} g 0 MKSTREAM;XADD {a} 1-1 f v;XREADGROUP GROUP g c STREAMS {a} >;RESTORE {b} 0 <dump {a}>
SET {a} v;SET {b} w EX 50000;RENAME {a} {b}
SET {a} v EX 50000;RENAMENX {a} {b}
ZADD {a} 1.5 x;RESTORE {b} LATER000 <dump {a}> ABSTTL
SADD {a} 1 x;RESTORE {b} 0 <dump {a}> IDLETIME 1000
SADD {a} 1 x;RESTORE {b} 50000000 <dump {a}> FREQ 77
SADD {a} 1 x;SET {b} v;RESTORE {b} 1 <dump {a}> ABSTTL REPLACE
RPUSH {a} b a c;SORT {a} ALPHA LIMIT 1 1 STORE {b}
RPUSH {a} 2 1;SET {b}1 x;SET {b}2 y;SORT {a} BY nosort GET {b}* GET # STORE {c}
SET {b} old;SORT {x} STORE {b}
SET {a} 1;SET {b} 2;SELECT 8;SET {c} 1;FLUSHDB ASYNC
MULTI;SET {a} 1 EX 50000;SELECT 4;SET {a} 2;SELECT 0;INCR {a};DEL {b};EXEC
MULTI;SET {a} 1;RENAME {a} {b};COPY {b} {c};RPUSH {a} x;LMOVE {a} {d} LEFT LEFT;EXEC
MULTI;SET {a} 1;DEL {a};SET {b} 1;EXEC
RPUSH {a} 1 2 3;LPOP {a} 3
RPUSH {a} 1 2 1 2 1;LREM {a} -2 1
RPUSH {a} 1 2;LTRIM {a} 5 9
RPUSH {a} 1 3;LINSERT {a} AFTER 1 2
RPUSH {a} 1 2;RPOPLPUSH {a} {a}
RPUSH {a} 1;EXPIRE {a} 50000;LMOVE {a} {a} LEFT LEFT;LMOVE {a} {b} LEFT RIGHT
RPUSH {a} 1 2 3 4;LMPOP 2 {x} {a} RIGHT COUNT 3
RPUSH {a} 1 2;LMPOP 1 {a} LEFT COUNT 9
RPUSH {a} 1 2 3;BLMPOP 0.1 2 {x} {a} LEFT
RPUSH {a} 1;BLMOVE {a} {b} RIGHT LEFT 0
SADD {a} x y z;SPOP {a} 9
SADD {a} 1 2 3;SPOP {a} 2
SADD {a} x;SMOVE {a} {b} x
SADD {a} 1 2 3;SADD {a} text
SADD {a} x;SADD {b} y;SADD {c} old;SINTERSTORE {c} {a} {b}
SADD {a} x;EXPIRE {a} 50000;SADD {b} y;SUNIONSTORE {a} {a} {b} {x}
SADD {a} x;SDIFFSTORE {a} {a} {a}
ZADD {a} NX 1 x;ZADD {a} NX 2 x 3 y
ZADD {a} 1 x;ZADD {a} XX CH 2 x 3 y
ZADD {a} 1 x 5 y;ZADD {a} GT CH 2 x 3 y 4 z
ZADD {a} 1 x 5 y;ZADD {a} LT 2 x 3 y 4 z
ZADD {a} 1 x;ZADD {a} XX GT INCR 3 x
ZADD {a} +inf x -inf y 0.1 z;ZINCRBY {a} -1e300 z
ZADD {a} 1 x;EXPIRE {a} 50000;ZINCRBY {a} 1 x
ZADD {a} 1 x 2 y 3 z;ZPOPMIN {a} 5
ZADD {a} 1 x 2 y 3 z;ZMPOP 2 {x} {a} MAX COUNT 2
ZADD {a} 1 x;BZMPOP 0 2 {x} {a} MIN
ZADD {a} 1 x 2 y;ZADD {b} 5 y;ZUNIONSTORE {c} 2 {a} {b} AGGREGATE MAX
ZADD {a} 1 x 2 y;SADD {b} y;ZINTERSTORE {c} 2 {a} {b} WEIGHTS 3 4 AGGREGATE MIN
ZADD {a} 1 x;ZADD {c} 1 old;ZDIFFSTORE {c} 2 {a} {a}
ZADD {a} 1 x 2 y 3 z;ZRANGESTORE {b} {a} (1 +inf BYSCORE LIMIT 0 1
ZADD {a} 0 x 0 y 0 z;ZRANGESTORE {b} {a} + - BYLEX REV LIMIT 1 1
ZADD {a} 1 x 2 y;ZREMRANGEBYSCORE {a} -inf +inf
GEOADD {a} 13.4 38.1 p;GEOADD {a} XX CH 14 39 p 15 40 q
GEOADD {a} 13.4 38.1 p;GEOADD {a} NX 14 39 p 15 40 q
GEOADD {a} 13.4 38.1 p 13.5 38 q;GEORADIUS {a} 13 38 200 km COUNT 1 ASC STORE {b}
GEOADD {a} 13.4 38.1 p 13.5 38 q;GEORADIUS {a} 13 38 200 km STOREDIST {b}
GEOADD {a} 13.4 38.1 p 13.5 38 q;GEORADIUSBYMEMBER {a} p 100 km STORE {b}
GEOADD {a} 13.4 38.1 p 13.5 38 q;GEOSEARCHSTORE {b} {a} FROMMEMBER p BYBOX 400 400 km STOREDIST
GEOADD {a} 13.4 38.1 p;ZADD {b} 1 old;GEOSEARCHSTORE {b} {a} FROMLONLAT 100 50 BYRADIUS 1 km
HSET {a} f 1;HINCRBY {a} f -5
HSET {a} f v;HDEL {a} f
HSET {a} f 1 g 2;HEXPIRE {a} 50000 FIELDS 1 f;HINCRBY {a} f 3
HSET {a} f v g w;HEXPIRE {a} 50000 NX FIELDS 2 f g
HSET {a} f v g w;HEXPIRE {a} 500 FIELDS 1 f;HEXPIRE {a} 50000 XX FIELDS 2 f g
HSET {a} f v g w;HEXPIRE {a} 500 FIELDS 1 f;HEXPIRE {a} 50000 GT FIELDS 2 f g
HSET {a} f v g w;HEXPIRE {a} 50000 FIELDS 1 f;HPEXPIRE {a} 5000000 LT FIELDS 2 f g
HSET {a} f v g w;HEXPIRE {a} 0 FIELDS 1 f
HSET {a} f v;HPEXPIREAT {a} 1 FIELDS 1 f
HSET {a} f v;HEXPIRE {a} 50000 FIELDS 1 f;HSET {a} f w
HSET {a} f v g w;HEXPIRE {a} 50000 FIELDS 2 f g;HDEL {a} f
HSET {a} f v g w;HGETEX {a} PXAT LATER000 FIELDS 2 f g
HSET {a} f v g w;HEXPIRE {a} 50000 FIELDS 2 f g;HGETEX {a} PERSIST FIELDS 1 f
HSET {a} f v;HGETDEL {a} FIELDS 2 f g
HSETEX {a} FNX PX 50000000 FIELDS 2 f v g w
HSETEX {a} EX 50000 FIELDS 1 f v;HSETEX {a} FXX KEEPTTL FIELDS 1 f w
HSETEX {a} EXAT LATER FIELDS 1 f v;HSETEX {a} FIELDS 1 f w
XADD {a} 5-* f v
XADD {a} 1-1 f v;XADD {a} 2-1 f v;XADD {a} NOMKSTREAM 3-1 f v
XADD {a} 1-1 f v;XADD {a} 2-1 f v;XADD {a} MINID 2-1 3-1 f v
XADD {a} 1-1 f v;XADD {a} MAXLEN ~ 0 LIMIT 0 2-1 f v
XADD {a} 1-1 f v;XADD {a} MAXLEN = 0 2-1 f v
XADD {a} 1-1 f v;XADD {a} 2-1 f v;XTRIM {a} MINID = 2
XADD {a} 1-1 f v;XADD {a} 2-1 f v;XDEL {a} 1-1 2-1
XADD {a} 1-1 f v;XGROUP CREATE {a} g $;XGROUP SETID {a} g 0 ENTRIESREAD 0
XADD {a} 1-1 f v;XGROUP CREATE {a} g 0;XREADGROUP GROUP g c COUNT 9 NOACK STREAMS {a} >
XADD {a} 1-1 f v;XADD {b} 1-1 f v;XGROUP CREATE {a} g 0;XGROUP CREATE {b} g 0;XREADGROUP GROUP g c STREAMS {a} {b} > >
XADD {a} 1-1 f v;XGROUP CREATE {a} g 0;XREADGROUP GROUP g c STREAMS {a} >;XGROUP SETID {a} g 0;XREADGROUP GROUP g d STREAMS {a} >
XADD {a} 1-1 f v;XGROUP CREATE {a} g 0;XREADGROUP GROUP g c BLOCK 10 STREAMS {a} >
XADD {a} 1-1 f v;XGROUP CREATE {a} g 0;XCLAIM {a} g d 0 1-1 FORCE JUSTID
XADD {a} 1-1 f v;XGROUP CREATE {a} g 0;XREADGROUP GROUP g c STREAMS {a} >;XCLAIM {a} g d 0 1-1 TIME 1000000 RETRYCOUNT 9
XADD {a} 1-1 f v;XGROUP CREATE {a} g 0;XREADGROUP GROUP g c STREAMS {a} >;XCLAIM {a} g d 0 1-1 IDLE 5000 LASTID 8-8
XADD {a} 1-1 f v;XADD {a} 2-1 f v;XGROUP CREATE {a} g 0;XREADGROUP GROUP g c STREAMS {a} >;XDEL {a} 1-1;XCLAIM {a} g d 0 1-1
XADD {a} 1-1 f v;XADD {a} 2-1 f v;XGROUP CREATE {a} g 0;XREADGROUP GROUP g c STREAMS {a} >;XAUTOCLAIM {a} g d 0 0 COUNT 1 JUSTID
XADD {a} 1-1 f v;XADD {a} 2-1 f v;XGROUP CREATE {a} g 0;XREADGROUP GROUP g c STREAMS {a} >;XDEL {a} 1-1;XAUTOCLAIM {a} g d 0 0
""".replace("LATER", LATER).strip().split("\n")
# What a client that waits asks for, what another one then does, and the command by which the first one has been served.
SERVED = """
BLPOP {x} {a} 0|RPUSH {a} 1 2 3
BRPOP {a} 0|LPUSH {a} 1
BLMOVE {a} {b} LEFT RIGHT 0|RPUSH {a} 1 2
BRPOPLPUSH {a} {b} 0|RPUSH {a} 1 2
BLMPOP 0 2 {x} {a} LEFT COUNT 2|RPUSH {a} 1 2 3
BLPOP {a} 0|MULTI;RPUSH {a} 1 2;SET {b} 1;LPUSH {a} 0;EXEC
BLPOP {a} 0|RPUSH {b} 1 2;RENAME {b} {a}
BLPOP {a} 0|RPUSH {b} 1 2;COPY {b} {a}
BLPOP {a} 0|RPUSH {b} 1 2;LMOVE {b} {a} LEFT LEFT
BLPOP {a} 0|RPUSH {b} 3 1 2;SORT {b} STORE {a}
BLPOP {a} 0|RPUSH {b} 1 2;RESTORE {a} 0 <dump {b}>
BLPOP {a} 0|SELECT 1;RPUSH {a} 1 2;MOVE {a} 0
BLPOP {a} 0|SELECT 1;RPUSH {a} 1 2;SWAPDB 0 1
BZPOPMIN {a} 0|ZADD {a} 1 x 2 y
BZPOPMAX {x} {a} 0|ZADD {a} 1 x 2 y
BZMPOP 0 1 {a} MAX COUNT 2|ZADD {a} 1 x 2 y 3 z
BZPOPMIN {a} 0|ZADD {b} 1 x 2 y;ZUNIONSTORE {a} 1 {b}
BZPOPMIN {a} 0|GEOADD {a} 13.4 38.1 p 13.5 38 q
XREADGROUP GROUP g c BLOCK 0 STREAMS {a} >|XADD {a} 1-1 f v
XREADGROUP GROUP g c BLOCK 0 NOACK STREAMS {a} >|XADD {a} 1-1 f v
XREADGROUP GROUP g c BLOCK 0 COUNT 1 STREAMS {a} >|MULTI;XADD {a} 1-1 f v;XADD {a} 2-1 f w;EXEC
""".strip().split("\n")
# What writes nothing here
WITHOUT = {"migrate", "script"}
