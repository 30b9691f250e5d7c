# SLOWLOG.

> SLOWLOG RESET
OK
> SLOWLOG LEN
(integer) 0
> SLOWLOG GET
(empty array)
> SLOWLOG GET -2
(error) ERR count should be greater than or equal to -1
> SLOWLOG GET x
(error) ERR count should be greater than or equal to -1
> SLOWLOG GET 1 2
(error) ERR unknown subcommand or wrong number of arguments for 'GET'. Try SLOWLOG HELP.
> SLOWLOG
(error) ERR wrong number of arguments for 'slowlog' command
> SLOWLOG NOSUCH
(error) ERR unknown subcommand 'NOSUCH'. Try SLOWLOG HELP.
> SLOWLOG LEN 1
(error) ERR wrong number of arguments for 'slowlog|len' command
> CONFIG GET slowlog-log-slower-than
resp2:
1) "slowlog-log-slower-than"
2) "10000"
resp3:
1# "slowlog-log-slower-than" => "10000"
> CONFIG SET slowlog-log-slower-than -2
(error) ERR CONFIG SET failed (possibly related to argument 'slowlog-log-slower-than') - argument must be between -1 and 9223372036854775807 inclusive
> CONFIG SET slowlog-max-len -1
(error) ERR CONFIG SET failed (possibly related to argument 'slowlog-max-len') - argument must be between 0 and 9223372036854775807 inclusive

# With 0 every call is slow. The one that set it is the first.
> CONFIG SET slowlog-log-slower-than 0
OK
> SLOWLOG RESET
OK
> SET k %{v*130}
OK
> GET k
"vvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvv"
> SLOWLOG GET 2
resp2:
1)
   ~ 1\) \(integer\) \d+
   ~ 2\) \(integer\) \d{10}
   ~ 3\) \(integer\) \d+
   4)
      1) "GET"
      2) "k"
   ~ 5\) ".*"
   6) ""
2)
   ~ 1\) \(integer\) \d+
   ~ 2\) \(integer\) \d{10}
   ~ 3\) \(integer\) \d+
   4)
      1) "SET"
      2) "k"
      3) "vvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvv... (2 more bytes)"
   ~ 5\) ".*"
   6) ""
resp3:
1)
   ~ 1\) \(integer\) \d+
   ~ 2\) \(integer\) \d{10}
   ~ 3\) \(integer\) \d+
   4)
      1) "GET"
      2) "k"
   ~ 5\) ".*"
   6) ""
2)
   ~ 1\) \(integer\) \d+
   ~ 2\) \(integer\) \d{10}
   ~ 3\) \(integer\) \d+
   4)
      1) "SET"
      2) "k"
      3) "vvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvv... (2 more bytes)"
   ~ 5\) ".*"
   6) ""
> RPUSH l 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32 33
(integer) 33
> SLOWLOG GET 1
resp2:
1)
   ~ 1\) \(integer\) \d+
   ~ 2\) \(integer\) \d{10}
   ~ 3\) \(integer\) \d+
   4)
      1) "RPUSH"
      2) "l"
      3) "1"
      4) "2"
      5) "3"
      6) "4"
      7) "5"
      8) "6"
      9) "7"
      10) "8"
      11) "9"
      12) "10"
      13) "11"
      14) "12"
      15) "13"
      16) "14"
      17) "15"
      18) "16"
      19) "17"
      20) "18"
      21) "19"
      22) "20"
      23) "21"
      24) "22"
      25) "23"
      26) "24"
      27) "25"
      28) "26"
      29) "27"
      30) "28"
      31) "29"
      32) "... (4 more arguments)"
   ~ 5\) ".*"
   6) ""
resp3:
1)
   ~ 1\) \(integer\) \d+
   ~ 2\) \(integer\) \d{10}
   ~ 3\) \(integer\) \d+
   4)
      1) "RPUSH"
      2) "l"
      3) "1"
      4) "2"
      5) "3"
      6) "4"
      7) "5"
      8) "6"
      9) "7"
      10) "8"
      11) "9"
      12) "10"
      13) "11"
      14) "12"
      15) "13"
      16) "14"
      17) "15"
      18) "16"
      19) "17"
      20) "18"
      21) "19"
      22) "20"
      23) "21"
      24) "22"
      25) "23"
      26) "24"
      27) "25"
      28) "26"
      29) "27"
      30) "28"
      31) "29"
      32) "... (4 more arguments)"
   ~ 5\) ".*"
   6) ""
> AUTH secret
(error) ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?
> SLOWLOG GET 1
resp2:
1)
   ~ 1\) \(integer\) \d+
   ~ 2\) \(integer\) \d{10}
   ~ 3\) \(integer\) \d+
   4)
      1) "AUTH"
      2) "(redacted)"
   ~ 5\) ".*"
   6) ""
resp3:
1)
   ~ 1\) \(integer\) \d+
   ~ 2\) \(integer\) \d{10}
   ~ 3\) \(integer\) \d+
   4)
      1) "AUTH"
      2) "(redacted)"
   ~ 5\) ".*"
   6) ""
> CONFIG SET requirepass ""
OK
> SLOWLOG GET 1
resp2:
1)
   ~ 1\) \(integer\) \d+
   ~ 2\) \(integer\) \d{10}
   ~ 3\) \(integer\) \d+
   4)
      1) "CONFIG"
      2) "SET"
      3) "requirepass"
      4) "(redacted)"
   ~ 5\) ".*"
   6) ""
resp3:
1)
   ~ 1\) \(integer\) \d+
   ~ 2\) \(integer\) \d{10}
   ~ 3\) \(integer\) \d+
   4)
      1) "CONFIG"
      2) "SET"
      3) "requirepass"
      4) "(redacted)"
   ~ 5\) ".*"
   6) ""
> CONFIG SET slowlog-max-len 2
OK
> GET k
"vvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvv"
> GET k
"vvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvv"
> SLOWLOG LEN
(integer) 2
> CONFIG SET slowlog-max-len 0
OK
> SLOWLOG LEN
(integer) 0
> CONFIG SET slowlog-max-len 128 slowlog-log-slower-than -1
OK
> SLOWLOG RESET
OK
> GET k
"vvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvv"
> SLOWLOG GET -1
(empty array)
differs the words are Kora's own
> SLOWLOG HELP
1) SLOWLOG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:
...
