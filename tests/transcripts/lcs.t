# LCS with every option.

> MSET key1 ohmytext key2 mynewtext
OK
> LCS key1 key2
"mytext"
> LCS key1 key2 LEN
(integer) 6
> LCS key1 key2 IDX
resp2:
1) "matches"
2)
   1)
      1)
         1) (integer) 4
         2) (integer) 7
      2)
         1) (integer) 5
         2) (integer) 8
   2)
      1)
         1) (integer) 2
         2) (integer) 3
      2)
         1) (integer) 0
         2) (integer) 1
3) "len"
4) (integer) 6
resp3:
1# "matches" =>
   1)
      1)
         1) (integer) 4
         2) (integer) 7
      2)
         1) (integer) 5
         2) (integer) 8
   2)
      1)
         1) (integer) 2
         2) (integer) 3
      2)
         1) (integer) 0
         2) (integer) 1
2# "len" => (integer) 6
> LCS key1 key2 IDX MINMATCHLEN 4
resp2:
1) "matches"
2)
   1)
      1)
         1) (integer) 4
         2) (integer) 7
      2)
         1) (integer) 5
         2) (integer) 8
3) "len"
4) (integer) 6
resp3:
1# "matches" =>
   1)
      1)
         1) (integer) 4
         2) (integer) 7
      2)
         1) (integer) 5
         2) (integer) 8
2# "len" => (integer) 6
> LCS key1 key2 IDX MINMATCHLEN 4 WITHMATCHLEN
resp2:
1) "matches"
2)
   1)
      1)
         1) (integer) 4
         2) (integer) 7
      2)
         1) (integer) 5
         2) (integer) 8
      3) (integer) 4
3) "len"
4) (integer) 6
resp3:
1# "matches" =>
   1)
      1)
         1) (integer) 4
         2) (integer) 7
      2)
         1) (integer) 5
         2) (integer) 8
      3) (integer) 4
2# "len" => (integer) 6
> LCS key1 key2 IDX WITHMATCHLEN
resp2:
1) "matches"
2)
   1)
      1)
         1) (integer) 4
         2) (integer) 7
      2)
         1) (integer) 5
         2) (integer) 8
      3) (integer) 4
   2)
      1)
         1) (integer) 2
         2) (integer) 3
      2)
         1) (integer) 0
         2) (integer) 1
      3) (integer) 2
3) "len"
4) (integer) 6
resp3:
1# "matches" =>
   1)
      1)
         1) (integer) 4
         2) (integer) 7
      2)
         1) (integer) 5
         2) (integer) 8
      3) (integer) 4
   2)
      1)
         1) (integer) 2
         2) (integer) 3
      2)
         1) (integer) 0
         2) (integer) 1
      3) (integer) 2
2# "len" => (integer) 6
> LCS key1 key2 idx withmatchlen minmatchlen 3
resp2:
1) "matches"
2)
   1)
      1)
         1) (integer) 4
         2) (integer) 7
      2)
         1) (integer) 5
         2) (integer) 8
      3) (integer) 4
3) "len"
4) (integer) 6
resp3:
1# "matches" =>
   1)
      1)
         1) (integer) 4
         2) (integer) 7
      2)
         1) (integer) 5
         2) (integer) 8
      3) (integer) 4
2# "len" => (integer) 6
> LCS key1 key2 IDX MINMATCHLEN 100
resp2:
1) "matches"
2) (empty array)
3) "len"
4) (integer) 6
resp3:
1# "matches" => (empty array)
2# "len" => (integer) 6
> LCS key1 key2 IDX MINMATCHLEN -5
resp2:
1) "matches"
2)
   1)
      1)
         1) (integer) 4
         2) (integer) 7
      2)
         1) (integer) 5
         2) (integer) 8
   2)
      1)
         1) (integer) 2
         2) (integer) 3
      2)
         1) (integer) 0
         2) (integer) 1
3) "len"
4) (integer) 6
resp3:
1# "matches" =>
   1)
      1)
         1) (integer) 4
         2) (integer) 7
      2)
         1) (integer) 5
         2) (integer) 8
   2)
      1)
         1) (integer) 2
         2) (integer) 3
      2)
         1) (integer) 0
         2) (integer) 1
2# "len" => (integer) 6
> LCS key1 key2 IDX MINMATCHLEN 0
resp2:
1) "matches"
2)
   1)
      1)
         1) (integer) 4
         2) (integer) 7
      2)
         1) (integer) 5
         2) (integer) 8
   2)
      1)
         1) (integer) 2
         2) (integer) 3
      2)
         1) (integer) 0
         2) (integer) 1
3) "len"
4) (integer) 6
resp3:
1# "matches" =>
   1)
      1)
         1) (integer) 4
         2) (integer) 7
      2)
         1) (integer) 5
         2) (integer) 8
   2)
      1)
         1) (integer) 2
         2) (integer) 3
      2)
         1) (integer) 0
         2) (integer) 1
2# "len" => (integer) 6
> LCS key1 key2 MINMATCHLEN 4
"mytext"
> LCS key1 key2 WITHMATCHLEN
"mytext"
> LCS key1 key2 LEN WITHMATCHLEN MINMATCHLEN 3
(integer) 6
> LCS key1 key2 IDX LEN
(error) ERR If you want both the length and indexes, please just use IDX.
> LCS key1 key2 LEN IDX FOO
(error) ERR syntax error
> LCS key1 key2 FOO
(error) ERR syntax error
> LCS key1 key2 MINMATCHLEN
(error) ERR syntax error
> LCS key1 key2 MINMATCHLEN x
(error) ERR value is not an integer or out of range
> LCS key1
(error) ERR wrong number of arguments for 'lcs' command
> LCS
(error) ERR wrong number of arguments for 'lcs' command
> LCS key1 key1 IDX WITHMATCHLEN
resp2:
1) "matches"
2)
   1)
      1)
         1) (integer) 0
         2) (integer) 7
      2)
         1) (integer) 0
         2) (integer) 7
      3) (integer) 8
3) "len"
4) (integer) 8
resp3:
1# "matches" =>
   1)
      1)
         1) (integer) 0
         2) (integer) 7
      2)
         1) (integer) 0
         2) (integer) 7
      3) (integer) 8
2# "len" => (integer) 8
> LCS none1 none2
""
> LCS none1 none2 IDX
resp2:
1) "matches"
2) (empty array)
3) "len"
4) (integer) 0
resp3:
1# "matches" => (empty array)
2# "len" => (integer) 0
> LCS none1 none2 LEN
(integer) 0
> LCS key1 none IDX
resp2:
1) "matches"
2) (empty array)
3) "len"
4) (integer) 0
resp3:
1# "matches" => (empty array)
2# "len" => (integer) 0
> LCS key1 none
""
> MSET a abcdefghij b jihgfedcba
OK
> LCS a b
"j"
> LCS a b IDX
resp2:
1) "matches"
2)
   1)
      1)
         1) (integer) 9
         2) (integer) 9
      2)
         1) (integer) 0
         2) (integer) 0
3) "len"
4) (integer) 1
resp3:
1# "matches" =>
   1)
      1)
         1) (integer) 9
         2) (integer) 9
      2)
         1) (integer) 0
         2) (integer) 0
2# "len" => (integer) 1
> MSET a aaaa b aa
OK
> LCS a b IDX WITHMATCHLEN
resp2:
1) "matches"
2)
   1)
      1)
         1) (integer) 2
         2) (integer) 3
      2)
         1) (integer) 0
         2) (integer) 1
      3) (integer) 2
3) "len"
4) (integer) 2
resp3:
1# "matches" =>
   1)
      1)
         1) (integer) 2
         2) (integer) 3
      2)
         1) (integer) 0
         2) (integer) 1
      3) (integer) 2
2# "len" => (integer) 2
> LCS b a IDX WITHMATCHLEN
resp2:
1) "matches"
2)
   1)
      1)
         1) (integer) 0
         2) (integer) 1
      2)
         1) (integer) 2
         2) (integer) 3
      3) (integer) 2
3) "len"
4) (integer) 2
resp3:
1# "matches" =>
   1)
      1)
         1) (integer) 0
         2) (integer) 1
      2)
         1) (integer) 2
         2) (integer) 3
      3) (integer) 2
2# "len" => (integer) 2
> MSET a abab b baba
OK
> LCS a b
"bab"
> LCS b a
"aba"
> LCS a b IDX WITHMATCHLEN
resp2:
1) "matches"
2)
   1)
      1)
         1) (integer) 1
         2) (integer) 3
      2)
         1) (integer) 0
         2) (integer) 2
      3) (integer) 3
3) "len"
4) (integer) 3
resp3:
1# "matches" =>
   1)
      1)
         1) (integer) 1
         2) (integer) 3
      2)
         1) (integer) 0
         2) (integer) 2
      3) (integer) 3
2# "len" => (integer) 3
> LCS b a IDX WITHMATCHLEN
resp2:
1) "matches"
2)
   1)
      1)
         1) (integer) 1
         2) (integer) 3
      2)
         1) (integer) 0
         2) (integer) 2
      3) (integer) 3
3) "len"
4) (integer) 3
resp3:
1# "matches" =>
   1)
      1)
         1) (integer) 1
         2) (integer) 3
      2)
         1) (integer) 0
         2) (integer) 2
      3) (integer) 3
2# "len" => (integer) 3
> MSET a xaxbxcx b yaybycy
OK
> LCS a b
"abc"
> LCS a b IDX
resp2:
1) "matches"
2)
   1)
      1)
         1) (integer) 5
         2) (integer) 5
      2)
         1) (integer) 5
         2) (integer) 5
   2)
      1)
         1) (integer) 3
         2) (integer) 3
      2)
         1) (integer) 3
         2) (integer) 3
   3)
      1)
         1) (integer) 1
         2) (integer) 1
      2)
         1) (integer) 1
         2) (integer) 1
3) "len"
4) (integer) 3
resp3:
1# "matches" =>
   1)
      1)
         1) (integer) 5
         2) (integer) 5
      2)
         1) (integer) 5
         2) (integer) 5
   2)
      1)
         1) (integer) 3
         2) (integer) 3
      2)
         1) (integer) 3
         2) (integer) 3
   3)
      1)
         1) (integer) 1
         2) (integer) 1
      2)
         1) (integer) 1
         2) (integer) 1
2# "len" => (integer) 3
> MSET a 12345 b 1935
OK
> LCS a b IDX
resp2:
1) "matches"
2)
   1)
      1)
         1) (integer) 4
         2) (integer) 4
      2)
         1) (integer) 3
         2) (integer) 3
   2)
      1)
         1) (integer) 2
         2) (integer) 2
      2)
         1) (integer) 2
         2) (integer) 2
   3)
      1)
         1) (integer) 0
         2) (integer) 0
      2)
         1) (integer) 0
         2) (integer) 0
3) "len"
4) (integer) 3
resp3:
1# "matches" =>
   1)
      1)
         1) (integer) 4
         2) (integer) 4
      2)
         1) (integer) 3
         2) (integer) 3
   2)
      1)
         1) (integer) 2
         2) (integer) 2
      2)
         1) (integer) 2
         2) (integer) 2
   3)
      1)
         1) (integer) 0
         2) (integer) 0
      2)
         1) (integer) 0
         2) (integer) 0
2# "len" => (integer) 3
> LCS a b
"135"
> SET e ""
OK
> LCS e a IDX
resp2:
1) "matches"
2) (empty array)
3) "len"
4) (integer) 0
resp3:
1# "matches" => (empty array)
2# "len" => (integer) 0
> SET big %{x*12000}
OK
> LCS big big LEN
(error) ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len
> LCS big big
(error) ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len
> LCS big key1 LEN
(integer) 1
> MSET a ACCGTCGAGTGCGCGGAAGCCGGCCGAA b GTCGTTCGGAATGCCGTTGCTCTGTAAA
OK
> LCS a b
"GTCGTCGGAAGCCGGCCGAA"
> LCS a b IDX WITHMATCHLEN
resp2:
1) "matches"
2)
   1)
      1)
         1) (integer) 26
         2) (integer) 27
      2)
         1) (integer) 26
         2) (integer) 27
      3) (integer) 2
   2)
      1)
         1) (integer) 25
         2) (integer) 25
      2)
         1) (integer) 23
         2) (integer) 23
      3) (integer) 1
   3)
      1)
         1) (integer) 24
         2) (integer) 24
      2)
         1) (integer) 21
         2) (integer) 21
      3) (integer) 1
   4)
      1)
         1) (integer) 22
         2) (integer) 23
      2)
         1) (integer) 18
         2) (integer) 19
      3) (integer) 2
   5)
      1)
         1) (integer) 18
         2) (integer) 21
      2)
         1) (integer) 12
         2) (integer) 15
      3) (integer) 4
   6)
      1)
         1) (integer) 13
         2) (integer) 17
      2)
         1) (integer) 6
         2) (integer) 10
      3) (integer) 5
   7)
      1)
         1) (integer) 8
         2) (integer) 9
      2)
         1) (integer) 3
         2) (integer) 4
      3) (integer) 2
   8)
      1)
         1) (integer) 3
         2) (integer) 5
      2)
         1) (integer) 0
         2) (integer) 2
      3) (integer) 3
3) "len"
4) (integer) 20
resp3:
1# "matches" =>
   1)
      1)
         1) (integer) 26
         2) (integer) 27
      2)
         1) (integer) 26
         2) (integer) 27
      3) (integer) 2
   2)
      1)
         1) (integer) 25
         2) (integer) 25
      2)
         1) (integer) 23
         2) (integer) 23
      3) (integer) 1
   3)
      1)
         1) (integer) 24
         2) (integer) 24
      2)
         1) (integer) 21
         2) (integer) 21
      3) (integer) 1
   4)
      1)
         1) (integer) 22
         2) (integer) 23
      2)
         1) (integer) 18
         2) (integer) 19
      3) (integer) 2
   5)
      1)
         1) (integer) 18
         2) (integer) 21
      2)
         1) (integer) 12
         2) (integer) 15
      3) (integer) 4
   6)
      1)
         1) (integer) 13
         2) (integer) 17
      2)
         1) (integer) 6
         2) (integer) 10
      3) (integer) 5
   7)
      1)
         1) (integer) 8
         2) (integer) 9
      2)
         1) (integer) 3
         2) (integer) 4
      3) (integer) 2
   8)
      1)
         1) (integer) 3
         2) (integer) 5
      2)
         1) (integer) 0
         2) (integer) 2
      3) (integer) 3
2# "len" => (integer) 20
> LCS b a IDX WITHMATCHLEN MINMATCHLEN 2
resp2:
1) "matches"
2)
   1)
      1)
         1) (integer) 26
         2) (integer) 27
      2)
         1) (integer) 26
         2) (integer) 27
      3) (integer) 2
   2)
      1)
         1) (integer) 18
         2) (integer) 19
      2)
         1) (integer) 22
         2) (integer) 23
      3) (integer) 2
   3)
      1)
         1) (integer) 12
         2) (integer) 15
      2)
         1) (integer) 18
         2) (integer) 21
      3) (integer) 4
   4)
      1)
         1) (integer) 6
         2) (integer) 10
      2)
         1) (integer) 13
         2) (integer) 17
      3) (integer) 5
   5)
      1)
         1) (integer) 0
         2) (integer) 3
      2)
         1) (integer) 3
         2) (integer) 6
      3) (integer) 4
3) "len"
4) (integer) 20
resp3:
1# "matches" =>
   1)
      1)
         1) (integer) 26
         2) (integer) 27
      2)
         1) (integer) 26
         2) (integer) 27
      3) (integer) 2
   2)
      1)
         1) (integer) 18
         2) (integer) 19
      2)
         1) (integer) 22
         2) (integer) 23
      3) (integer) 2
   3)
      1)
         1) (integer) 12
         2) (integer) 15
      2)
         1) (integer) 18
         2) (integer) 21
      3) (integer) 4
   4)
      1)
         1) (integer) 6
         2) (integer) 10
      2)
         1) (integer) 13
         2) (integer) 17
      3) (integer) 5
   5)
      1)
         1) (integer) 0
         2) (integer) 3
      2)
         1) (integer) 3
         2) (integer) 6
      3) (integer) 4
2# "len" => (integer) 20
