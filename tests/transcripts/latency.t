# LATENCY, and INFO about commands.
start --enable-debug-command yes

> LATENCY LATEST
(empty array)
> LATENCY HISTORY command
(empty array)
> LATENCY HISTORY nosuch
(empty array)
> LATENCY GRAPH command
(error) ERR No samples available for event 'command'
> LATENCY RESET
(integer) 0
> LATENCY HISTORY
(error) ERR wrong number of arguments for 'latency|history' command
> LATENCY NOSUCH
(error) ERR unknown subcommand 'NOSUCH'. Try LATENCY HELP.
differs the words are Kora's own
> LATENCY DOCTOR
resp2:
~ "The latency monitor is off: .*"
resp3:
~ \(verbatim txt\) "The latency monitor is off: .*"
> CONFIG SET latency-monitor-threshold 5
OK
> DEBUG SLEEP 0.02
OK
> LATENCY LATEST
1)
   1) "command"
   ~ 2\) \(integer\) \d+
   ~ 3\) \(integer\) \d+
   ~ 4\) \(integer\) \d+
> LATENCY HISTORY command
1)
   ~ 1\) \(integer\) \d+
   ~ 2\) \(integer\) \d+
differs how lines are drawn, and by which time
> LATENCY GRAPH command
resp2:
~ "command - high \d+ ms, low \d+ ms \(all time high \d+ ms\)\\n-{80}\\n.*"
resp3:
~ \(verbatim txt\) "command - high \d+ ms, low \d+ ms \(all time high \d+ ms\)\\n-{80}\\n.*"
> LATENCY RESET nosuch
(integer) 0
> CONFIG SET latency-monitor-threshold 0
OK
> LATENCY RESET command
(integer) 1
> LATENCY LATEST
(empty array)

# ---- HISTOGRAM
> CONFIG RESETSTAT
OK
> LATENCY HISTOGRAM nosuch
resp2:
(empty array)
resp3:
(empty map)
> SET k v
OK
> SET k w
OK
> GET
(error) ERR wrong number of arguments for 'get' command
> GET k
"w"
> INCR k
(error) ERR value is not an integer or out of range
> LATENCY HISTOGRAM get
resp2:
1) "get"
2)
   1) "calls"
   2) (integer) 1
   3) "histogram_usec"
   4)
      ~ 1\) \(integer\) \d+
      2) (integer) 1
resp3:
1# "get" =>
   1# "calls" => (integer) 1
   2# "histogram_usec" =>
      ~ 1# \(integer\) \d+ => \(integer\) 1
differs the order of commands
> INFO commandstats
resp2:
~ "# Commandstats\\r\\n.*cmdstat_get:calls=1,usec=\d+,usec_per_call=\d+\.\d\d,rejected_calls=1,failed_calls=0\\r\\n.*cmdstat_set:calls=2,usec=\d+,usec_per_call=\d+\.\d\d,rejected_calls=0,failed_calls=0\\r\\n.*"
resp3:
~ \(verbatim txt\) "# Commandstats\\r\\n.*cmdstat_get:calls=1,usec=\d+,usec_per_call=\d+\.\d\d,rejected_calls=1,failed_calls=0\\r\\n.*cmdstat_set:calls=2,usec=\d+,usec_per_call=\d+\.\d\d,rejected_calls=0,failed_calls=0\\r\\n.*"
> INFO latencystats
resp2:
~ "# Latencystats\\r\\n.*latency_percentiles_usec_set:p50=\d+\.\d{3},p99=\d+\.\d{3},p99\.9=\d+\.\d{3}\\r\\n.*"
resp3:
~ \(verbatim txt\) "# Latencystats\\r\\n.*latency_percentiles_usec_set:p50=\d+\.\d{3},p99=\d+\.\d{3},p99\.9=\d+\.\d{3}\\r\\n.*"
> CONFIG SET latency-tracking-info-percentiles "50 99.99"
OK
> CONFIG GET latency-tracking-info-percentiles
resp2:
1) "latency-tracking-info-percentiles"
2) "50 99.99"
resp3:
1# "latency-tracking-info-percentiles" => "50 99.99"
> INFO latencystats
resp2:
~ "# Latencystats\\r\\n.*latency_percentiles_usec_set:p50=\d+\.\d{3},p99\.99=\d+\.\d{3}\\r\\n.*"
resp3:
~ \(verbatim txt\) "# Latencystats\\r\\n.*latency_percentiles_usec_set:p50=\d+\.\d{3},p99\.99=\d+\.\d{3}\\r\\n.*"
> CONFIG SET latency-tracking-info-percentiles "50 x"
(error) ERR CONFIG SET failed (possibly related to argument 'latency-tracking-info-percentiles') - Invalid latency-tracking-info-percentiles parameters
> CONFIG SET latency-tracking-info-percentiles "50 101"
(error) ERR CONFIG SET failed (possibly related to argument 'latency-tracking-info-percentiles') - latency-tracking-info-percentiles parameters should sit between [0.0,100.0]
> CONFIG SET latency-tracking-info-percentiles ""
OK
> INFO latencystats
~ (\(verbatim txt\) )?"# Latencystats\\r\\n(latency_percentiles_usec_[^:]+:\\r\\n)+"
> CONFIG SET latency-tracking-info-percentiles "50 99 99.9" latency-tracking no
OK
> CONFIG RESETSTAT
OK
> SET k v
OK
> LATENCY HISTOGRAM set
resp2:
(empty array)
resp3:
(empty map)
> CONFIG SET latency-tracking maybe
(error) ERR CONFIG SET failed (possibly related to argument 'latency-tracking') - argument must be 'yes' or 'no'
> CONFIG SET latency-tracking yes
OK
differs the words are Kora's own
> LATENCY HELP
1) LATENCY <subcommand> [<arg> [value] [opt] ...]. Subcommands are:
...
