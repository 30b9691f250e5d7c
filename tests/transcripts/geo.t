# GEOADD, GEOPOS, GEODIST, GEOHASH, GEOSEARCH, GEOSEARCHSTORE, GEORADIUS and its forms.

> GEOADD Sicily 13.361389 38.115556 Palermo 15.087269 37.502669 Catania
(integer) 2
> GEOADD Sicily 13.361389 38.115556 Palermo 12.758489 38.788135 edge1 17.241510 38.788135 edge2
(integer) 2
> ZSCORE Sicily Palermo
resp2:
"3479099956230698"
resp3:
(double) 3479099956230698
> GEOADD Sicily NX 1 1 Palermo 13.583333 37.316667 Agrigento
(integer) 1
> GEOADD Sicily XX CH 13.583334 37.316667 Agrigento 1 1 nosuch
(integer) 0
> GEOADD Sicily CH 13.583333 37.316667 Agrigento
(integer) 0
> GEOADD none XX 1 1 a
(integer) 0
> EXISTS none
(integer) 0
> GEOADD Sicily NX XX 1 1 a
(error) ERR syntax error
> GEOADD Sicily 181 1 a
(error) ERR invalid longitude,latitude pair 181.000000,1.000000
> GEOADD Sicily 1 85.06 a
(error) ERR invalid longitude,latitude pair 1.000000,85.060000
> GEOADD Sicily a 1 a
(error) ERR value is not a valid float
> GEOADD Sicily 1 nan a
(error) ERR value is not a valid float
> GEOADD Sicily inf 0 a
(error) ERR invalid longitude,latitude pair inf,0.000000
> GEOADD Sicily 1 1
(error) ERR wrong number of arguments for 'geoadd' command
> GEOADD Sicily 1 1 a 1
(error) ERR syntax error
> GEOADD Sicily GT 1 1 a
(error) ERR syntax error
> GEOADD Sicily NX CH XX NX
(error) ERR syntax error
> GEOADD limits 180 85.05112878 a -180 -85.05112878 b 0 0 c
(integer) 3
> ZRANGE limits 0 -1 WITHSCORES
resp2:
1) "b"
2) "0"
3) "c"
4) "3377699720527872"
5) "a"
6) "13510798882111488"
resp3:
1)
   1) "b"
   2) (double) 0
2)
   1) "c"
   2) (double) 3377699720527872
3)
   1) "a"
   2) (double) 13510798882111488
> GEOPOS limits a b c
resp2:
1)
   1) "180"
   2) "85.0511287799999991"
2)
   1) "-179.99999731779098511"
   2) "-85.05112751263942528"
3)
   1) "0.00000268220901489"
   2) "0.00000126736058093"
resp3:
1)
   1) (double) 180
   2) (double) 85.0511287799999991
2)
   1) (double) -179.99999731779098511
   2) (double) -85.05112751263942528
3)
   1) (double) 0.00000268220901489
   2) (double) 0.00000126736058093

# GEOPOS, GEOHASH, GEODIST
> GEOPOS Sicily Palermo nosuch Catania
resp2:
1)
   1) "13.36138933897018433"
   2) "38.11555639549629859"
2) (nil array)
3)
   1) "15.08726745843887329"
   2) "37.50266842333162032"
resp3:
1)
   1) (double) 13.36138933897018433
   2) (double) 38.11555639549629859
2) (nil)
3)
   1) (double) 15.08726745843887329
   2) (double) 37.50266842333162032
> GEOPOS Sicily
(empty array)
> GEOPOS none a b
1) (nil array)
2) (nil array)
> GEOHASH Sicily Palermo nosuch Catania
1) "sqc8b49rny0"
2) (nil)
3) "sqdtr74hyu0"
> GEOHASH Sicily
(empty array)
> GEOHASH none a
1) (nil)
> GEODIST Sicily Palermo Catania
"166274.1516"
> GEODIST Sicily Palermo Catania km
"166.2742"
> GEODIST Sicily Palermo Catania MI
"103.3182"
> GEODIST Sicily Palermo Catania ft
"545518.8700"
> GEODIST Sicily Palermo Palermo
"0.0000"
> GEODIST Sicily Palermo nosuch
(nil)
> GEODIST none a b
(nil)
> GEODIST Sicily Palermo Catania miles
(error) ERR unsupported unit provided. please use M, KM, FT, MI
> GEODIST Sicily Palermo Catania km x
(error) ERR syntax error
> GEODIST Sicily Palermo
(error) ERR wrong number of arguments for 'geodist' command
> ZADD odd -5 neg 1e300 huge 3.7 frac inf inf
(integer) 4
> GEOPOS odd neg huge frac
resp2:
1)
   1) "180"
   2) "85.0511287799999991"
2)
   1) "-179.99999731779098511"
   2) "-85.05112751263942528"
3)
   1) "-179.99999195337295532"
   2) "-85.05112497791824921"
resp3:
1)
   1) (double) 180
   2) (double) 85.0511287799999991
2)
   1) (double) -179.99999731779098511
   2) (double) -85.05112751263942528
3)
   1) (double) -179.99999195337295532
   2) (double) -85.05112497791824921
> GEOHASH odd neg frac
1) "bp05b5048p0"
2) "00bh0hbj210"

# GEOSEARCH
> GEOSEARCH Sicily FROMLONLAT 15 37 BYRADIUS 200 km ASC
1) "Catania"
2) "Agrigento"
3) "Palermo"
> GEOSEARCH Sicily FROMLONLAT 15 37 BYRADIUS 200 km DESC
1) "Palermo"
2) "Agrigento"
3) "Catania"
> GEOSEARCH Sicily FROMLONLAT 15 37 BYBOX 400 400 km ASC WITHCOORD WITHDIST
resp2:
1)
   1) "Catania"
   2) "56.4413"
   3)
      1) "15.08726745843887329"
      2) "37.50266842333162032"
2)
   1) "Agrigento"
   2) "130.4235"
   3)
      1) "13.5833314061164856"
      2) "37.31666804993816555"
3)
   1) "Palermo"
   2) "190.4424"
   3)
      1) "13.36138933897018433"
      2) "38.11555639549629859"
4)
   1) "edge2"
   2) "279.7403"
   3)
      1) "17.24151045083999634"
      2) "38.78813451624225195"
5)
   1) "edge1"
   2) "279.7405"
   3)
      1) "12.7584877610206604"
      2) "38.78813451624225195"
resp3:
1)
   1) "Catania"
   2) "56.4413"
   3)
      1) (double) 15.08726745843887329
      2) (double) 37.50266842333162032
2)
   1) "Agrigento"
   2) "130.4235"
   3)
      1) (double) 13.5833314061164856
      2) (double) 37.31666804993816555
3)
   1) "Palermo"
   2) "190.4424"
   3)
      1) (double) 13.36138933897018433
      2) (double) 38.11555639549629859
4)
   1) "edge2"
   2) "279.7403"
   3)
      1) (double) 17.24151045083999634
      2) (double) 38.78813451624225195
5)
   1) "edge1"
   2) "279.7405"
   3)
      1) (double) 12.7584877610206604
      2) (double) 38.78813451624225195
> GEOSEARCH Sicily FROMLONLAT 15 37 BYBOX 400 400 km DESC WITHHASH
1)
   1) "edge1"
   2) (integer) 3479273021651468
2)
   1) "edge2"
   2) (integer) 3481342659049484
3)
   1) "Palermo"
   2) (integer) 3479099956230698
4)
   1) "Agrigento"
   2) (integer) 3479030013248308
5)
   1) "Catania"
   2) (integer) 3479447370796909
> GEOSEARCH Sicily FROMMEMBER Palermo BYRADIUS 100 mi WITHDIST WITHHASH WITHCOORD ASC
resp2:
1)
   1) "Palermo"
   2) "0.0000"
   3) (integer) 3479099956230698
   4)
      1) "13.36138933897018433"
      2) "38.11555639549629859"
2)
   1) "Agrigento"
   2) "56.5311"
   3) (integer) 3479030013248308
   4)
      1) "13.5833314061164856"
      2) "37.31666804993816555"
3)
   1) "edge1"
   2) "56.7939"
   3) (integer) 3479273021651468
   4)
      1) "12.7584877610206604"
      2) "38.78813451624225195"
resp3:
1)
   1) "Palermo"
   2) "0.0000"
   3) (integer) 3479099956230698
   4)
      1) (double) 13.36138933897018433
      2) (double) 38.11555639549629859
2)
   1) "Agrigento"
   2) "56.5311"
   3) (integer) 3479030013248308
   4)
      1) (double) 13.5833314061164856
      2) (double) 37.31666804993816555
3)
   1) "edge1"
   2) "56.7939"
   3) (integer) 3479273021651468
   4)
      1) (double) 12.7584877610206604
      2) (double) 38.78813451624225195
> GEOSEARCH Sicily FROMMEMBER Palermo BYRADIUS 500 km COUNT 2
1) "Palermo"
2) "Agrigento"
> GEOSEARCH Sicily FROMMEMBER Palermo BYRADIUS 500 km COUNT 2 DESC
1) "edge2"
2) "Catania"
> GEOSEARCH Sicily FROMMEMBER Palermo BYRADIUS 500 km COUNT 1 ANY
1) "Agrigento"
> GEOSEARCH Sicily FROMMEMBER Palermo BYRADIUS 500 km COUNT 3 ANY ASC
1) "Palermo"
2) "Agrigento"
3) "edge1"
> GEOSEARCH Sicily FROMLONLAT 0 0 BYRADIUS 1 m
(empty array)
> GEOSEARCH Sicily FROMLONLAT 15 37 BYRADIUS 0 km
(empty array)
> GEOSEARCH Sicily BYRADIUS 656168 ft FROMLONLAT 15 37 COUNT 9 ASC
1) "Catania"
2) "Agrigento"
3) "Palermo"
> GEOSEARCH limits FROMLONLAT 179 85 BYBOX 40000 40000 km ASC
1) "c"
2) "b"
> GEOSEARCH limits FROMLONLAT 179 0 BYRADIUS 30000 km ASC WITHDIST
1)
   1) "b"
   2) "9460.0063"
2)
   1) "c"
   2) "19909.5074"

# its arguments
> GEOSEARCH Sicily FROMMEMBER nosuch BYRADIUS 1 m
(error) ERR could not decode requested zset member
> GEOSEARCH none FROMMEMBER nosuch BYRADIUS 1 m
(empty array)
> GEOSEARCH none FROMMEMBER nosuch BYRADIUS 1 m COUNT 0
(error) ERR COUNT must be > 0
> GEOSEARCH Sicily FROMMEMBER Palermo FROMLONLAT 1 1 BYRADIUS 1 m
(error) ERR syntax error
> GEOSEARCH Sicily FROMLONLAT 1 1 FROMMEMBER Palermo BYRADIUS 1 m
(error) ERR syntax error
> GEOSEARCH Sicily FROMLONLAT 1 1 FROMLONLAT 15 37 BYRADIUS 200 km BYRADIUS 100 km
1) "Catania"
> GEOSEARCH Sicily FROMLONLAT 1 1 BYRADIUS 1 m BYBOX 1 1 m
(error) ERR syntax error
> GEOSEARCH Sicily FROMLONLAT 1 1 BYBOX 1 1 m BYRADIUS 1 m
(error) ERR syntax error
> geosearch Sicily BYRADIUS 200 km ASC DESC
(error) ERR exactly one of FROMMEMBER or FROMLONLAT can be specified for geosearch
> GEOSEARCH Sicily FROMLONLAT 1 1 ASC DESC ASC
(error) ERR exactly one of BYRADIUS and BYBOX can be specified for GEOSEARCH
> GEOSEARCH Sicily FROMLONLAT 1 1 BYRADIUS -1 m
(error) ERR radius cannot be negative
> GEOSEARCH Sicily FROMLONLAT 1 1 BYRADIUS a m
(error) ERR need numeric radius
> GEOSEARCH Sicily FROMLONLAT 1 1 BYRADIUS 1 yards
(error) ERR unsupported unit provided. please use M, KM, FT, MI
> GEOSEARCH Sicily FROMLONLAT 1 1 BYBOX a 1 m
(error) ERR need numeric width
> GEOSEARCH Sicily FROMLONLAT 1 1 BYBOX 1 b m
(error) ERR need numeric height
> GEOSEARCH Sicily FROMLONLAT 1 1 BYBOX -1 1 m
(error) ERR height or width cannot be negative
> GEOSEARCH Sicily FROMLONLAT 1 1 BYBOX 1 1 x
(error) ERR unsupported unit provided. please use M, KM, FT, MI
> GEOSEARCH Sicily FROMLONLAT 200 1 BYRADIUS 1 m
(error) ERR invalid longitude,latitude pair 200.000000,1.000000
> GEOSEARCH Sicily FROMLONLAT 1 1 BYRADIUS 1 m COUNT 0
(error) ERR COUNT must be > 0
> GEOSEARCH Sicily FROMLONLAT 1 1 BYRADIUS 1 m COUNT x
(error) ERR value is not an integer or out of range
> GEOSEARCH Sicily FROMLONLAT 1 1 BYRADIUS 1 m COUNT
(error) ERR syntax error
> GEOSEARCH Sicily FROMLONLAT 1 1 BYRADIUS 1 m ANY
(error) ERR the ANY argument requires COUNT argument
> GEOSEARCH Sicily FROMLONLAT 1 1 BYRADIUS 1 m STORE d
(error) ERR syntax error
> GEOSEARCH Sicily FROMLONLAT 1 1 BYRADIUS 1 m STOREDIST
(error) ERR syntax error
> GEOSEARCH Sicily FROMLONLAT 1 1 BYRADIUS 1 m FOO
(error) ERR syntax error
> GEOSEARCH Sicily FROMLONLAT 1 1
(error) ERR wrong number of arguments for 'geosearch' command

# GEOSEARCHSTORE
> GEOSEARCHSTORE d Sicily FROMLONLAT 15 37 BYRADIUS 200 km
(integer) 3
> ZRANGE d 0 -1 WITHSCORES
resp2:
1) "Agrigento"
2) "3479030013248308"
3) "Palermo"
4) "3479099956230698"
5) "Catania"
6) "3479447370796909"
resp3:
1)
   1) "Agrigento"
   2) (double) 3479030013248308
2)
   1) "Palermo"
   2) (double) 3479099956230698
3)
   1) "Catania"
   2) (double) 3479447370796909
> GEOSEARCHSTORE d Sicily FROMLONLAT 15 37 BYBOX 400 400 km STOREDIST
(integer) 5
> ZRANGE d 0 -1 WITHSCORES
resp2:
1) "Catania"
2) "56.441257870158204"
3) "Agrigento"
4) "130.42348706714702"
5) "Palermo"
6) "190.44242984775784"
7) "edge2"
8) "279.7403417843143"
9) "edge1"
10) "279.74045213563431"
resp3:
1)
   1) "Catania"
   2) (double) 56.441257870158204
2)
   1) "Agrigento"
   2) (double) 130.42348706714702
3)
   1) "Palermo"
   2) (double) 190.44242984775784
4)
   1) "edge2"
   2) (double) 279.7403417843143
5)
   1) "edge1"
   2) (double) 279.74045213563431
> GEOSEARCHSTORE d Sicily FROMLONLAT 15 37 BYBOX 400 400 km ASC COUNT 1 STOREDIST
(integer) 1
> ZRANGE d 0 -1 WITHSCORES
resp2:
1) "Catania"
2) "56.441257870158204"
resp3:
1)
   1) "Catania"
   2) (double) 56.441257870158204
> GEOSEARCHSTORE d Sicily FROMLONLAT 15 37 BYRADIUS 200 km WITHDIST
(error) ERR GEOSEARCHSTORE is not compatible with WITHDIST, WITHHASH and WITHCOORD options
> GEOSEARCHSTORE d Sicily FROMLONLAT 0 0 BYRADIUS 1 m
(integer) 0
> EXISTS d
(integer) 0
> SET d x
OK
> GEOSEARCHSTORE d none FROMMEMBER a BYRADIUS 1 m
(integer) 0
> EXISTS d
(integer) 0
> SET d x EX 100
OK
> GEOSEARCHSTORE d Sicily FROMMEMBER Palermo BYRADIUS 1 m
(integer) 1
> TTL d
(integer) -1
> GEOSEARCHSTORE d d FROMMEMBER Palermo BYRADIUS 1 m
(integer) 1
> GEOSEARCHSTORE d
(error) ERR wrong number of arguments for 'geosearchstore' command

# GEORADIUS
> GEORADIUS Sicily 15 37 200 km
1) "Agrigento"
2) "Palermo"
3) "Catania"
> GEORADIUS Sicily 15 37 200 km WITHDIST WITHCOORD WITHHASH COUNT 1
resp2:
1)
   1) "Catania"
   2) "56.4413"
   3) (integer) 3479447370796909
   4)
      1) "15.08726745843887329"
      2) "37.50266842333162032"
resp3:
1)
   1) "Catania"
   2) "56.4413"
   3) (integer) 3479447370796909
   4)
      1) (double) 15.08726745843887329
      2) (double) 37.50266842333162032
> GEORADIUS_RO Sicily 15 37 200 km DESC
1) "Palermo"
2) "Agrigento"
3) "Catania"
> GEORADIUSBYMEMBER Sicily Agrigento 100 km WITHDIST ASC
1)
   1) "Agrigento"
   2) "0.0000"
2)
   1) "Palermo"
   2) "90.9778"
> GEORADIUSBYMEMBER_RO Sicily Agrigento 100 km ASC
1) "Agrigento"
2) "Palermo"
> GEORADIUS Sicily 15 37 200 km STORE d
(integer) 3
> ZRANGE d 0 -1 WITHSCORES
resp2:
1) "Agrigento"
2) "3479030013248308"
3) "Palermo"
4) "3479099956230698"
5) "Catania"
6) "3479447370796909"
resp3:
1)
   1) "Agrigento"
   2) (double) 3479030013248308
2)
   1) "Palermo"
   2) (double) 3479099956230698
3)
   1) "Catania"
   2) (double) 3479447370796909
> GEORADIUS Sicily 15 37 200 km STOREDIST d
(integer) 3
> ZRANGE d 0 -1 WITHSCORES
resp2:
1) "Catania"
2) "56.441257870158204"
3) "Agrigento"
4) "130.42348706714702"
5) "Palermo"
6) "190.44242984775784"
resp3:
1)
   1) "Catania"
   2) (double) 56.441257870158204
2)
   1) "Agrigento"
   2) (double) 130.42348706714702
3)
   1) "Palermo"
   2) (double) 190.44242984775784
> GEORADIUSBYMEMBER Sicily Agrigento 100 km COUNT 1 STORE e STOREDIST d
(integer) 1
> ZRANGE d 0 -1 WITHSCORES
resp2:
1) "Agrigento"
2) "0"
resp3:
1)
   1) "Agrigento"
   2) (double) 0
> EXISTS e
(integer) 0
> GEORADIUS none 15 37 200 km STORE d
(integer) 0
> EXISTS d
(integer) 0
> GEORADIUS Sicily 15 37 200 km STORE d WITHDIST
(error) ERR STORE option in GEORADIUS is not compatible with WITHDIST, WITHHASH and WITHCOORD options
> GEORADIUS_RO Sicily 15 37 200 km STORE d
(error) ERR syntax error
> GEORADIUSBYMEMBER_RO Sicily Palermo 200 km STORE d
(error) ERR syntax error
> GEORADIUS Sicily 15 37 200 km STORE
(error) ERR syntax error
> GEORADIUS Sicily 15 37 200 km FROMMEMBER Palermo
(error) ERR syntax error
> GEORADIUS Sicily x 37 200 km
(error) ERR value is not a valid float
> GEORADIUS none x 37 200 km
(error) ERR value is not a valid float
> GEORADIUS Sicily 15 37 x km
(error) ERR need numeric radius
> GEORADIUS Sicily 15 37 -1 km
(error) ERR radius cannot be negative
> GEORADIUS Sicily 15 37 1 x
(error) ERR unsupported unit provided. please use M, KM, FT, MI
> GEORADIUS Sicily 15 37 1
(error) ERR wrong number of arguments for 'georadius' command
> GEORADIUSBYMEMBER Sicily nosuch 1 km
(error) ERR could not decode requested zset member
> GEORADIUSBYMEMBER none nosuch x x
(empty array)
> GEORADIUSBYMEMBER none nosuch 1 km FOO
(error) ERR syntax error
> GEORADIUSBYMEMBER none nosuch 1 km STORE d
(integer) 0
> GEORADIUS none 1 1 1 km COUNT 0
(error) ERR COUNT must be > 0
> GEORADIUS none 1 1 1 km ANY
(error) ERR the ANY argument requires COUNT argument
> COMMAND GETKEYS GEORADIUS Sicily 15 37 200 km STORE d
1) "Sicily"
2) "d"
differs only the last one is written to
> COMMAND GETKEYS GEORADIUS Sicily 15 37 200 km STORE a STOREDIST b
1) "Sicily"
2) "b"
> COMMAND GETKEYS GEORADIUSBYMEMBER Sicily Palermo 200 km
1) "Sicily"
> COMMAND GETKEYS GEOSEARCHSTORE d Sicily FROMLONLAT 0 0 BYRADIUS 1 m
1) "d"
2) "Sicily"

# another type
> SET str x
OK
> GEOADD str 1 1 a
(error) WRONGTYPE Operation against a key holding the wrong kind of value
> GEOPOS str a
(error) WRONGTYPE Operation against a key holding the wrong kind of value
> GEOHASH str a
(error) WRONGTYPE Operation against a key holding the wrong kind of value
> GEODIST str a b
(error) WRONGTYPE Operation against a key holding the wrong kind of value
> GEOSEARCH str FROMLONLAT 1 1 BYRADIUS 1 m
(error) WRONGTYPE Operation against a key holding the wrong kind of value
> GEOSEARCH str FOO 1 1 BYRADIUS 1 m
(error) WRONGTYPE Operation against a key holding the wrong kind of value
> GEORADIUS str x 1 1 m
(error) WRONGTYPE Operation against a key holding the wrong kind of value
> GEORADIUSBYMEMBER str a 1 m
(error) WRONGTYPE Operation against a key holding the wrong kind of value
> GEOSEARCHSTORE d str FROMLONLAT 1 1 BYRADIUS 1 m
(error) WRONGTYPE Operation against a key holding the wrong kind of value
> GEOSEARCHSTORE str Sicily FROMLONLAT 15 37 BYRADIUS 200 km
(integer) 3
> TYPE str
zset

# large ones, and members that are integers
> CONFIG SET zset-max-listpack-entries 0
OK
> GEOADD big 13.361389 38.115556 1 15.087269 37.502669 2 13.583333 37.316667 x
(integer) 3
> OBJECT ENCODING big
"skiplist"
> GEOSEARCH big FROMMEMBER 1 BYRADIUS 200 km ASC WITHDIST
1)
   1) "1"
   2) "0.0000"
2)
   1) "x"
   2) "90.9778"
3)
   1) "2"
   2) "166.2742"
> CONFIG SET zset-max-listpack-entries 128
OK
> GEOADD ints 13.361389 38.115556 1 15.087269 37.502669 2 13.583333 37.316667 3
(integer) 3
> GEOSEARCH ints FROMMEMBER 1 BYRADIUS 200 km DESC
1) "2"
2) "3"
3) "1"
> GEOSEARCHSTORE d ints FROMMEMBER 1 BYRADIUS 200 km STOREDIST
(integer) 3
> ZRANGE d 0 -1 WITHSCORES
resp2:
1) "1"
2) "0"
3) "3"
4) "90.977753537996037"
5) "2"
6) "166.27415156960032"
resp3:
1)
   1) "1"
   2) (double) 0
2)
   1) "3"
   2) (double) 90.977753537996037
3)
   1) "2"
   2) (double) 166.27415156960032
