# INFO.

> INFO nosuch
resp2:
""
resp3:
(verbatim txt) ""
> INFO keyspace
resp2:
"# Keyspace\r\n"
resp3:
(verbatim txt) "# Keyspace\r\n"
> SET k v
OK
> SET e v EX 100
OK
> SELECT 3
OK
> SET k v
OK
> INFO keyspace
~ (\(verbatim txt\) )?"# Keyspace\\r\\ndb0:keys=2,expires=1,avg_ttl=(0|9\d{4}|100000)\\r\\ndb3:keys=1,expires=0,avg_ttl=0\\r\\n"
> INFO KEYSPACE keyspace nosuch
~ (\(verbatim txt\) )?"# Keyspace\\r\\ndb0:keys=2,expires=1,avg_ttl=(0|9\d{4}|100000)\\r\\ndb3:keys=1,expires=0,avg_ttl=0\\r\\n"
> INFO server
~ (\(verbatim txt\) )?"# Server\\r\\nredis_version:[\d.]+\\r\\n.*uptime_in_seconds:\d+\\r\\n.*"
> INFO clients STATS
~ (\(verbatim txt\) )?"# Clients\\r\\nconnected_clients:\d+\\r\\n.*\\r\\n\\r\\n# Stats\\r\\n.*keyspace_hits:\d+\\r\\nkeyspace_misses:\d+\\r\\n.*"
> INFO
~ (\(verbatim txt\) )?"# Server\\r\\n.*# Clients\\r\\n.*# Memory\\r\\n.*# Persistence\\r\\n.*# Stats\\r\\n.*# Replication\\r\\n.*# CPU\\r\\n.*# Modules\\r\\n.*# Errorstats\\r\\n.*# Keyspace\\r\\n.*"
> INFO default
~ (\(verbatim txt\) )?"# Server\\r\\n.*# Keyspace\\r\\n.*"
> INFO everything
~ (\(verbatim txt\) )?"# Server\\r\\n.*# Keyspace\\r\\n.*"
> INFO all
~ (\(verbatim txt\) )?"# Server\\r\\n.*# Keyspace\\r\\n.*"
