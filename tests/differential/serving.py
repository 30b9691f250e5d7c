#!/usr/bin/python3
"""What is between connections, and what a server tells of itself: random steps on several connections to korad and to redis-server, and everything that
every connection receives compared.

    serving.py [--korad build/korad] [--redis redis-server] [--steps N] [--seed S]
    serving.py --replay ROUND       one round again
    serving.py --self-test          redis-server against itself, then against a peer that lies

A round is 400 steps from one seed on new connections to emptied servers, some in RESP2 and some in RESP3. A step is one command on one connection (or a
few that belong together); the next begins when its replies have come. Pushes are compared in the order in which each connection gets them, and replies in
theirs; where a message stands among the replies of one that publishes to itself is explained, as is all of EXPLAINED. Where a round differs it is played
again with fewer and fewer steps. The last line is `N passed, N failed`.
"""
import argparse, os, random, select, socket, sys, time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from diff import ROOT, Sockets, TIMEOUT, brief, encode, in_order, parse, render

ROUND = 400
CLIENTS = 6
SETTLE_S = 5       # what one server has sent must come from the other within this time

CHANNELS = [b"a", b"b", b"ab", b"news", b"n[x]", b"", b"\x00\xff\r\n", b"a*", b"L" * 200, b"a\\b", b"{t}s", b"__keyspace@0__:k1", b"__keyevent@0__:set", b"__keyevent@1__:del"]
PATTERNS = [b"*", b"a*", b"?", b"[a-c]", b"[^a]*", b"\\a", b"n\\[x\\]", b"", b"a\\*", b"__key*__:*", b"__keyspace@0__:k?", b"__keyevent@*__:*", b"[", b"[a-", b"*b", b"a?", b"\x00*", b"L*L", b"[z-a]",
            b"[]", b"[^]", b"\\", b"**", b"a\\\\b", b"[\\]n]*", b"[^a-z]*", b"news", b"{t}s", b"*" * 20 + b"s"]
KEYS = [b"k1", b"k2", b"k3", b"{t}k"]
TEXTS = [b"", b"x", b"hello", b"\x00\r\n\xff", b"m" * 300, b"p" * 2000, b"1"]


# Parameters that both have and what they are set to; the first is what each round begins with.
NUMBERS = [b"0", b"1", b"-1", b"100", b"abc", b"", b"99999999999999999999", b"1.5", b"2147483648", b"-5"]
SIZES = [b"1mb", b"2000000", b"64k", b"0", b"-1", b"abc", b"1xb", b"10GB", b"5Kb", b"1048576b"]
SETTINGS = {
    b"timeout": [b"0", b"100000"] + NUMBERS[4:], b"tcp-keepalive": [b"300"] + NUMBERS, b"maxclients": [b"10000", b"9000", b"0", b"-1", b"abc", b"5000"], b"slowlog-log-slower-than": [b"10000"] + NUMBERS,
    b"slowlog-max-len": [b"128"] + NUMBERS, b"latency-monitor-threshold": [b"0"] + NUMBERS, b"hash-max-listpack-entries": [b"128"] + NUMBERS, b"hash-max-ziplist-entries": [b"128"] + NUMBERS,
    b"hash-max-listpack-value": [b"64"] + SIZES, b"list-max-listpack-size": [b"-2"] + NUMBERS, b"list-max-ziplist-size": [b"-2"] + NUMBERS, b"list-compress-depth": [b"0"] + NUMBERS,
    b"set-max-intset-entries": [b"512"] + NUMBERS, b"zset-max-listpack-entries": [b"128"] + NUMBERS, b"zset-max-listpack-value": [b"64"] + SIZES, b"zset-max-ziplist-value": [b"64"] + SIZES,
    b"stream-node-max-bytes": [b"4096"] + SIZES, b"stream-node-max-entries": [b"100"] + NUMBERS, b"hll-sparse-max-bytes": [b"3000"] + SIZES, b"lfu-log-factor": [b"10"] + NUMBERS,
    b"lfu-decay-time": [b"1"] + NUMBERS, b"maxmemory-policy": [b"noeviction", b"allkeys-lru", b"volatile-lfu", b"ALLKEYS-LFU"], b"proto-max-bulk-len": [b"512mb"] + SIZES,
    b"client-query-buffer-limit": [b"1gb"] + SIZES, b"latency-tracking": [b"yes", b"no", b"YES", b"1", b""], b"protected-mode": [b"yes", b"no", b"x"],
    b"latency-tracking-info-percentiles": [b"50 99 99.9", b"", b"50", b"0 100", b"101", b"-1", b"abc", b"50  99", b" 50", b"99.99 12.5"],
    b"loglevel": [b"notice", b"verbose", b"warning", b"nope", b""], b"notify-keyspace-events": [b"", b"KEA", b"xyz"],
    b"client-output-buffer-limit": [b"normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60", b"normal 1gb 0 0", b"pubsub 64mb 16mb 90", b"pubsub 64mb 16mb", b"nope 1 1 1", b"normal -1 0 0", b"replica 1gb 1gb 10",
                                    b"normal 0 0 0 pubsub 32mb 8mb 60", b"", b"pubsub 1gb abc 1"],
    b"port": None, b"databases": [b"16", b"1"], b"tcp-backlog": [b"511", b"1"], b"cluster-enabled": [b"no", b"yes"],
}
FIXED = {b"port", b"databases", b"tcp-backlog", b"cluster-enabled"}


# ---- explained differences -----------------------------------------------------------------------------------------------

def same_reply(a, b, argv):
    """Whether two replies to argv may be taken as equal; tokens of connections are as in the step."""
    if a == b:
        return True
    rule = EXPLAINED.get(argv[0].upper() if argv else b"")
    return bool(rule) and rule(a, b, argv)


def same_list(a, b):
    """The same of one of several commands, or of an EXEC's reply: lists of channels within may be in another order."""
    if a[0] == b[0] == "*" and len(a[1]) == len(b[1]) and a != b:
        return all(in_order(x) == in_order(y) for x, y in zip(a[1], b[1])) or in_order(a) == in_order(b) and all(x[0] == "$" for x in a[1])
    return a == b


def sub(argv):
    return argv[1].upper() if len(argv) > 1 and isinstance(argv[1], bytes) else b""


def about_pubsub(a, b, argv):
    if sub(argv) in (b"CHANNELS", b"SHARDCHANNELS"):
        return in_order(a) == in_order(b)
    return sub(argv) == b"HELP" and a[0] == b[0] == "*"         # in Kora's own words


def about_hello(a, b, argv):
    def rest(r):
        return [x for i in range(0, len(r[1]), 2) if r[1][i][1] not in (b"version", b"id") for x in r[1][i:i + 2]] if r[0] in "*%" else r
    return a[0] == b[0] and rest(a) == rest(b)


def pairs(r):
    return {r[1][i][1]: r[1][i + 1][1] for i in range(0, len(r[1]), 2)}


def about_config(a, b, argv):
    if sub(argv) == b"HELP":                                    # in Kora's own words
        return a[0] == b[0] == "*"
    if sub(argv) != b"GET" or a[0] != b[0] or a[0] not in "*%":
        return False
    x, y = ({k: v for k, v in pairs(r).items() if SETTINGS.get(k.lower())} for r in (a, b))      # what both have; in any order
    return x == y


def about_client(a, b, argv):
    return a[0] == b[0] and (sub(argv) == b"ID" and a[0] == ":" or sub(argv) == b"HELP" and a[0] == "*")    # numbers are the server's own; Kora's own words


EXPLAINED = {b"PUBSUB": about_pubsub, b"HELLO": about_hello, b"CONFIG": about_config, b"CLIENT": about_client}

# CLIENT LIST: what only Kora writes (of 7.2 and later); what is a measure of each server's own memory and time.
LIST_MORE = {"watch", "lib-name", "lib-ver"}
LIST_OWN = {"fd", "age", "idle", "qbuf", "qbuf-free", "argv-mem", "multi-mem", "rbs", "rbp", "obl", "oll", "omem", "tot-mem", "events"}

# INFO: what only Kora writes, and what only Redis 7.0 does since it tells of what is not here (replication, forks, scripts, io-threads, eviction) ...
INFO_MORE = {"kora_version", "compiler_version", "shards", "stripes", "client_query_buffer_limit_disconnections", "client_output_buffer_limit_disconnections", "lease_waits",
             "kora_memory_limit", "kora_snapshot_bytes", "kora_snapshot_error", "kora_snapshot_held_bytes", "kora_snapshot_longest_lease_us", "kora_snapshot_msec", "kora_snapshot_number"}
INFO_LESS = set("""redis_build_id gcc_version io_threads_active client_recent_max_input_buffer client_recent_max_output_buffer used_memory_vm_eval used_memory_scripts_eval used_memory_vm_functions
    used_memory_vm_total used_memory_vm_total_human used_memory_functions rss_overhead_ratio rss_overhead_bytes lazyfree_pending_objects lazyfreed_objects current_cow_peak
    current_cow_size current_cow_size_age current_fork_perc current_save_keys_processed current_save_keys_total aof_rewrites_consecutive_failures instantaneous_input_repl_kbps
    instantaneous_output_repl_kbps expired_time_cap_reached_count expire_cycle_cpu_milliseconds active_defrag_hits active_defrag_misses
    active_defrag_key_hits active_defrag_key_misses total_active_defrag_time current_active_defrag_time dump_payload_sanitizations total_reads_processed total_writes_processed
    io_threaded_reads_processed io_threaded_writes_processed reply_buffer_shrinks reply_buffer_expands used_cpu_sys_main_thread used_cpu_user_main_thread""".split())
# ... and what is of its own value in each server, or counts what this tool asks one of them more often.
INFO_OWN = set("""redis_version process_id run_id tcp_port server_time_usec uptime_in_seconds uptime_in_days rdb_changes_since_last_save hz configured_hz lru_clock executable used_memory used_memory_human used_memory_rss
    used_memory_rss_human used_memory_peak used_memory_peak_human used_memory_peak_perc used_memory_overhead used_memory_startup used_memory_dataset used_memory_dataset_perc allocator_allocated
    allocator_active allocator_resident used_memory_lua used_memory_lua_human used_memory_scripts used_memory_scripts_human allocator_frag_ratio allocator_frag_bytes allocator_rss_ratio
    allocator_rss_bytes mem_fragmentation_ratio mem_fragmentation_bytes mem_allocator mem_clients_slaves mem_clients_normal total_eviction_exceeded_time current_eviction_exceeded_time rdb_last_save_time instantaneous_ops_per_sec instantaneous_input_kbps
    instantaneous_output_kbps total_net_input_bytes total_net_output_bytes master_replid repl_backlog_size used_cpu_sys used_cpu_user used_cpu_sys_children used_cpu_user_children
    used_cpu_sys_main_thread used_cpu_user_main_thread total_connections_received""".split())
COUNTED = {"total_commands_processed"}      # exact within one step alone


def canonical_list(reply, side):
    """CLIENT LIST's lines as they must be equal: connections by letter."""
    ids = {str(c.id): "abcdef"[k] for k, c in enumerate(side.conns)}
    addrs = {c.addr.decode(): "abcdef"[k] for k, c in enumerate(side.conns)}
    lines = []
    for line in reply[1][4 if reply[0] == "=" else 0:].decode("latin1").splitlines():
        words = []
        for name, _, value in (w.partition("=") for w in line.split(" ")):
            value = ids.get(value, "?") if name == "id" else addrs.get(value, "?") if name == "addr" else value if name != "laddr" else value == "127.0.0.1:%d" % side.server.port
            if name == "flags":     # RESET ends CLIENT NO-EVICT here, as its documentation says
                value = value.replace("e", "") or "N"
            if name not in LIST_MORE:
                words.append(name if name in LIST_OWN else "%s=%s" % (name, value))
        lines.append(("$", " ".join(words).encode("latin1")))
    return "*", [("$", reply[0].encode())] + sorted(set(lines))     # Redis lists one twice that is named twice


def canonical_info(reply, exact):
    out, section = [], ""
    for line in reply[1][4 if reply[0] == "=" else 0:].decode("latin1").split("\r\n"):
        name, colon, value = line.partition(":")
        if line.startswith("#"):
            section = "%02d %s " % (len(out) and int(section[:2]) + 1, name)
            out.append(section)
        if not colon or name in INFO_MORE | INFO_LESS:
            continue
        if name.startswith("db"):
            value = value.split(",avg_ttl")[0]
        if name.startswith("cmdstat_"):
            value = ",".join(f for f in value.split(",") if not f.startswith("usec")) if exact else ""
        if name.startswith("latency_percentiles_usec_"):
            if name[25:].startswith(("bl", "br", "bz", "xread")):      # of a call that ended while it waited, Redis has no time
                continue
            value = ",".join(f.split("=")[0] for f in value.split(","))
        if name in INFO_OWN or name in COUNTED and not exact:
            value = ""
        out.append("%s%s:%s" % (section, name, value))
    return "*", [("$", reply[0].encode())] + [("$", l.encode("latin1")) for l in sorted(out)]


def canonical(reply, argv, side, exact):
    name = argv[0].upper()
    if reply[0] in "$=" and (name == b"INFO" or name == b"CLIENT" and sub(argv) in (b"LIST", b"INFO")):
        return canonical_info(reply, exact) if name == b"INFO" else canonical_list(reply, side)
    return reply


def read_in_vain(v):
    """An XREAD of a missing stream, which Redis looks for twice, and tells so."""
    name, text = v[-2][1], v[-1][1]
    return text == b"keymiss" and name[-2:] in (b"q1", b"q2") or text in (b"q1", b"q2") and name.endswith(b":keymiss")


def in_one_order(pushes, argv):
    """The order of a client's patterns that match one message, and of what it leaves by an UNSUBSCRIBE of all, is that of a hash table."""
    out, i = [], 0
    everything = {b"UNSUBSCRIBE": b"unsubscribe", b"PUNSUBSCRIBE": b"punsubscribe", b"SUNSUBSCRIBE": b"sunsubscribe"}
    left = {everything[q[0].upper()] for q in argv if len(q) == 1 and q[0].upper() in everything}
    pushes = [p for p in pushes if not read_in_vain(p[1])]
    while i < len(pushes):
        kind, v = pushes[i]
        n = i + 1
        if v[0][1] == b"pmessage":
            while n < len(pushes) and pushes[n][1][0] == v[0] and pushes[n][1][2:] == v[2:]:
                n += 1
            out += sorted(pushes[i:n])
        elif v[0][1] in left:
            while n < len(pushes) and pushes[n][1][0] == v[0]:
                n += 1
            run = pushes[i:n]
            out += [(kind, [v[0], name, p[1][2]]) for name, p in zip(sorted(p[1][1] for p in run), run)]
        else:
            out.append(pushes[i])
        i = n
    return out


# ---- the steps -----------------------------------------------------------------------------------------------------------
#
# A step is (connection, kind, commands). Words of commands may be tuples: ("id", n) is what CLIENT ID says of connection n, ("addr", n) its address.

class Steps:
    def __init__(self, seed):
        self.r = random.Random(seed)
        self.makers, self.weights = [getattr(self, name) for _, name in GRAMMAR], [w for w, _ in GRAMMAR]

    def case(self, word):
        x = self.r.random()
        return word if x < 0.7 else word.lower() if x < 0.9 else word.capitalize()

    def names(self, of):
        r = self.r
        return [r.choice(of) for _ in range(r.choice([0, 1, 1, 1, 1, 2, 2, 3, 4]))]

    def channel(self):
        return self.r.choice(CHANNELS[:4] if self.r.random() < 0.5 else CHANNELS)

    def text(self):
        return self.r.choice(TEXTS) if self.r.random() < 0.5 else b"m%d" % self.r.randrange(1000)

    def subscribe(self):
        r = self.r
        x = r.random()
        if x < 0.4:
            return [b"SUBSCRIBE"] + self.names(CHANNELS)
        return [b"PSUBSCRIBE"] + self.names(PATTERNS) if x < 0.75 else [b"SSUBSCRIBE"] + self.names(CHANNELS)

    def unsubscribe(self):
        r = self.r
        x = r.random()
        if x < 0.4:
            return [b"UNSUBSCRIBE"] + self.names(CHANNELS)
        return [b"PUNSUBSCRIBE"] + self.names(PATTERNS) if x < 0.75 else [b"SUNSUBSCRIBE"] + self.names(CHANNELS)

    def publish(self):
        return [self.r.choice([b"PUBLISH", b"PUBLISH", b"PUBLISH", b"SPUBLISH"]), self.channel(), self.text()]

    def pubsub(self):
        r = self.r
        word = r.choice([b"CHANNELS", b"CHANNELS", b"NUMSUB", b"NUMSUB", b"NUMPAT", b"SHARDCHANNELS", b"SHARDNUMSUB", b"HELP", b"NOSUCH", b""])
        more = {b"CHANNELS": [[], [r.choice(PATTERNS)], [r.choice(PATTERNS)], [b"*", b"a"]], b"NUMSUB": [self.names(CHANNELS)], b"NUMPAT": [[], [], [], [b"x"]], b"HELP": [[], [b"x"]]}
        more[b"SHARDCHANNELS"], more[b"SHARDNUMSUB"] = more[b"CHANNELS"], more[b"NUMSUB"]
        return [b"PUBSUB", self.case(word)] + r.choice(more.get(word, [[], [b"x"]])) if r.random() < 0.99 else [b"PUBSUB"]

    def write(self):
        r = self.r
        k, j = r.choice(KEYS), r.choice(KEYS)
        return r.choice([[b"SET", k, self.text()], [b"SET", k, b"1", b"EX", b"100000"], [b"DEL", k], [b"DEL", k, j], [b"RPUSH", k, b"x"], [b"LPOP", k], [b"INCR", k], [b"EXPIRE", k, b"100000"], [b"PERSIST", k], [b"RENAME", k, j],
                         [b"SADD", k, b"m"], [b"SREM", k, b"m"], [b"HSET", k, b"f", b"v"], [b"HDEL", k, b"f"], [b"ZADD", k, b"1", b"m"], [b"ZREM", k, b"m"], [b"XADD", k, b"1-1", b"f", b"v"], [b"COPY", k, j], [b"MOVE", k, b"1"],
                         [b"EXPIRE", k, b"-1"], [b"GETDEL", k], [b"GET", k], [b"APPEND", k, b"x"], [b"SETEX", k, b"100000", b"v"], [b"GETEX", k, b"PERSIST"], [b"EXISTS", k, j], [b"LPUSH", k, b"a", b"b"]])

    def events(self):
        r = self.r
        return [b"CONFIG", b"SET", b"notify-keyspace-events", r.choice([b"", b"KEA", b"KEA", b"KEA", b"K$", b"Eg", b"KEg$lshzxetd", b"Km", b"KEmn", b"AK", b"xyz", b"K", b"A", b"En$"])]

    def connection(self):
        r = self.r
        return r.choice([[b"PING"], [b"PING", self.text()], [b"PING", b"a", b"b"], [b"ECHO", self.text()], [b"HELLO", b"2"], [b"HELLO", b"3"], [b"HELLO", b"3"], [b"HELLO"], [b"HELLO", b"4"], [b"RESET"],
                         [b"SELECT", r.choice([b"0", b"0", b"1"])], [b"NOSUCH", b"x"], [b"GET"], [b"OBJECT", b"ENCODING"], [b"CLIENT", b"NOSUCH"], [b"EXEC"], [b"DISCARD"], [b"UNWATCH"], [b"WATCH", r.choice(KEYS)]])

    def wrong(self):
        return self.r.choice([[b"PUBLISH"], [b"PUBLISH", b"a"], [b"PUBLISH", b"a", b"b", b"c"], [b"SPUBLISH", b"a"], [b"SUBSCRIBE"], [b"PSUBSCRIBE"], [b"SSUBSCRIBE"]])

    def client(self):
        r = self.r
        who = ("id", r.randrange(CLIENTS))
        return [b"CLIENT"] + r.choice([
            [b"SETNAME", r.choice([b"n", b"name:1", b"", b"a b", b"x\n", b"\xff"])], [b"GETNAME"], [b"GETNAME", b"x"], [b"ID"], [b"GETREDIR"], [b"TRACKINGINFO"], [b"NO-EVICT", r.choice([b"on", b"OFF", b"x"])],
            [b"LIST"], [b"LIST"], [b"INFO"], [b"LIST", b"TYPE", r.choice([b"normal", b"PubSub", b"replica", b"master", b"slave", b"nope"])], [b"LIST", b"ID", who], [b"LIST", b"ID", who, ("id", 0), b"99999999"],
            [b"LIST", b"ID"], [b"LIST", b"ID", b"abc"], [b"LIST", b"ID", b"-1"], [b"LIST", b"ID", b"0"], [b"LIST", b"FOO"], [b"LIST", b"TYPE"], [b"LIST", b"TYPE", b"normal", b"x"], [b"INFO", b"x"], [b"UNBLOCK", who], [b"UNBLOCK", b"99999999"],
            [b"UNBLOCK", b"abc"], [b"UNBLOCK", who, b"NOPE"], [b"UNBLOCK", who, b"ERROR"], [b"UNBLOCK", who, b"ERROR", b"x"], [b"UNBLOCK"], [b"PAUSE", b"abc"], [b"PAUSE", b"-1"], [b"PAUSE", b"1.5"], [b"PAUSE", b"1", b"NOPE"], [b"PAUSE"],
            [b"PAUSE", b"1", b"WRITE", b"x"], [b"UNPAUSE"], [b"UNPAUSE", b"x"], [b"REPLY", b"NOPE"], [b"REPLY"], [b"REPLY", b"ON"], [b"CACHING", b"yes"], [b"TRACKING", b"off"], [b"TRACKING", b"nope"], [b"HELP"], [b"NOSUCH"], []])

    def kill(self):
        r = self.r
        who = r.randrange(CLIENTS)
        return [b"CLIENT", b"KILL"] + r.choice([
            [("addr", who)], [b"ID", ("id", who)], [b"ID", ("id", who)], [b"ID", ("id", who), b"SKIPME", b"no"], [b"ADDR", ("addr", who)], [b"ADDR", ("addr", who), b"SKIPME", b"NO"], [b"TYPE", b"pubsub"],
            [b"TYPE", b"normal"], [b"TYPE", b"pubsub", b"SKIPME", b"no"], [b"TYPE", b"pubsub", b"ID", ("id", who)], [b"TYPE", b"replica"], [b"TYPE", b"nope"], [b"USER", b"default", b"ID", ("id", who)], [b"USER", b"nobody"],
            [b"ID", b"0"], [b"ID", b"-1"], [b"ID", b"abc"], [b"ID", b"99999999"], [b"LADDR", b"1.2.3.4:5"], [b"ADDR", b"1.2.3.4:5"], [b"1.2.3.4:5"], [b"SKIPME", b"maybe"], [b"FOO", b"x"], [b"ID"], [b"ID", b"1", b"TYPE"], [],
            [b"ID", ("id", who), b"ID", ("id", 0)], [b"ADDR", ("addr", who), b"LADDR", b"x"]])

    def config(self):
        r = self.r
        names, x = sorted(SETTINGS), r.random()
        if x < 0.35:
            return [b"CONFIG", b"GET"] + [self.case(r.choice(names)) for _ in range(r.choice([1, 1, 2, 3]))]
        if x < 0.5:
            return [b"CONFIG", b"GET"] + [r.choice([b"*max*", b"slowlog*", b"time?ut", b"[st]*", b"nope", b"*", b"", b"*-LISTPACK-*", b"lfu-*", b"client-*", b"port"]) for _ in range(r.choice([1, 1, 2]))]
        if x < 0.9:
            pairs = []
            for name in r.sample([n for n in names if SETTINGS[n]], r.choice([1, 1, 1, 1, 2, 3])):
                pairs += [self.case(name), r.choice(SETTINGS[name])]
            if r.random() < 0.05:
                pairs += r.choice([pairs[:2], pairs[:1], [b"nope", b"1"], [b"nope"]])
            return [b"CONFIG", b"SET"] + pairs
        return [b"CONFIG"] + r.choice([[b"RESETSTAT"], [b"RESETSTAT", b"x"], [b"GET"], [b"SET"], [b"SET", b"timeout"], [b"HELP"], [b"NOSUCH"], [b"REWRITE"], [b"REWRITE", b"x"], []])

    def info(self):
        r = self.r
        sections = [b"server", b"clients", b"memory", b"persistence", b"stats", b"replication", b"cpu", b"commandstats", b"latencystats", b"errorstats", b"cluster", b"keyspace", b"modules", b"default", b"all", b"everything", b"nosuch", b""]
        return [b"INFO"] + [self.case(r.choice(sections)) for _ in range(r.choice([0, 1, 1, 1, 2, 3]))]

    def counted(self):
        """Counters from naught, a few commands, and what was counted."""
        r = self.r
        makers = [self.write, self.write, self.connection, self.publish, self.pubsub, self.config, self.wrong]
        commands = []
        while len(commands) < 6:
            argv = r.choice(makers)()
            if argv[0] not in (b"HELLO", b"RESET", b"INFO") and sub(argv) not in (b"RESETSTAT", b"HELP") and argv[1:2] != [b"GET"] and not any(w in (b"latency-tracking", b"CHANNELS", b"SHARDCHANNELS") for q in argv for w in [q.lower(), q.upper()]):
                commands.append(argv)
        return commands + [[b"INFO", b"stats", b"commandstats", b"errorstats"]]

    def block(self):
        r = self.r
        key = r.choice([b"q1", b"q2"])
        waits = r.choice([[b"BLPOP", key, b"0"], [b"BRPOP", b"q1", b"q2", b"1000"], [b"BZPOPMIN", key, b"0"], [b"XREAD", b"BLOCK", b"0", b"STREAMS", key, b"0"], [b"BLMOVE", key, b"q2", b"LEFT", b"LEFT", b"1000"]])
        k = r.randrange(CLIENTS)
        act = r.choice([[b"CLIENT", b"UNBLOCK", ("id", k)], [b"CLIENT", b"UNBLOCK", ("id", k), b"ERROR"], [b"CLIENT", b"UNBLOCK", ("id", k), b"timeout"], [b"RPUSH", key, b"x"], [b"ZADD", key, b"1", b"m"], [b"XADD", key, b"1-1", b"f", b"v"], [b"DEL", key],
                        [b"CLIENT", b"LIST"], [b"INFO", b"clients"], [b"CLIENT", b"KILL", b"ID", ("id", k)]])
        return k, "block", [waits, act, [b"DEL", b"q1", b"q2"]]

    def pause(self):
        r = self.r
        return r.randrange(CLIENTS), "pause", [r.choice([self.write(), self.publish(), [b"GET", b"k1"], [b"PING"], [b"INFO", b"clients"]]), r.choice([[b"CLIENT", b"LIST"], [b"PUBSUB", b"NUMPAT"], [b"GET", b"k1"]])]     # not INFO: blocked_clients counts those that wait for keys

    def end(self):
        return None

    def transaction(self):
        return None

    def reply_mode(self):
        return None

    def queued(self):
        """A command that may stand in a transaction, or behind CLIENT REPLY."""
        r = self.r
        argv = r.choices([self.publish, self.write, self.pubsub, self.wrong], weights=[5, 5, 1, 0.2])[0]()
        return argv if sub(argv) != b"HELP" else [b"PUBSUB"]

    def subscribing(self):
        """One of a transaction in which nothing is published: messages to its own connection come behind its replies."""
        r = self.r
        return r.choice([self.subscribe(), self.subscribe(), self.unsubscribe() + [r.choice(CHANNELS)], [b"PUBSUB", b"NUMPAT"], [b"PUBSUB", b"NUMSUB"] + self.names(CHANNELS), [b"ECHO", self.text()], [b"INCR", b"k1", b"x"]])

    def step(self):
        r = self.r
        k = r.randrange(CLIENTS)
        make = r.choices(self.makers, weights=self.weights)[0]
        if make == self.end:
            return k, r.choice(["close", "quit"]), []
        if make == self.transaction:
            inside = self.queued if r.random() < 0.7 else self.subscribing
            return k, "several", [[b"MULTI"]] + [inside() for _ in range(r.choice([0, 1, 2, 3, 5]))] + [[r.choice([b"EXEC"] * 9 + [b"DISCARD"])], [b"DISCARD"]]
        if make == self.reply_mode:
            mode = r.choice([b"OFF", b"SKIP"])
            commands = [self.queued() for _ in range(r.choice([1, 2, 3]))]
            silent = mode == b"OFF" and any(b"SUBSCRIBE" in q[0] for q in commands)     # CLIENT may be refused then, and nobody would hear why
            return k, "several", [[b"CLIENT", b"REPLY", mode]] + commands + [[b"RESET"] if silent else [b"CLIENT", b"REPLY", b"ON"]]
        if make in (self.block, self.pause):
            return make()
        if make == self.counted:
            return k, "counted", make()
        argv = make()
        if make == self.kill:
            return k, "kill", [argv]
        return k, "one", [[self.case(argv[0])] + argv[1:]]

    def steps(self, count):
        return [(k, "one", [[b"HELLO", b"3"]]) for k in range(CLIENTS) if self.r.random() < 0.5] + [self.step() for _ in range(count)]


GRAMMAR = [(14, "subscribe"), (12, "unsubscribe"), (22, "publish"), (8, "pubsub"), (14, "write"), (2, "events"), (8, "connection"), (1, "wrong"), (1, "end"), (3, "transaction"), (1, "reply_mode"),
           (8, "client"), (1, "kill"), (6, "config"), (4, "info"), (1, "counted"), (0.7, "block"), (0.5, "pause")]


# ---- playing ---------------------------------------------------------------------------------------------------------------

PUSHES = {b"message", b"pmessage", b"smessage", b"subscribe", b"psubscribe", b"ssubscribe", b"unsubscribe", b"punsubscribe", b"sunsubscribe", b"invalidate"}


def is_push(item):
    return item[0] == ">" or item[0] == "*" and len(item[1]) in (3, 4) and item[1][0][0] == "$" and item[1][0][1] in PUSHES


def parse_aside(buf, pos, aside):
    """parse(), but a push within a reply is put aside and does not count: Redis before 7.2 writes it there when a transaction publishes to its own connection."""
    if buf[pos:pos + 1] != b"*":
        return parse(buf, pos)
    end = buf.index(b"\r\n", pos)
    n, pos, out = int(buf[pos + 1:end]), end + 2, []
    if n < 0:
        return ("_", b"*"), pos
    while len(out) < n:
        item, pos = parse_aside(buf, pos, aside)
        (aside if item[0] == ">" else out).append(item)
    return ("*", out), pos


class Difference(Exception):
    def __init__(self, index, where, argv, mine, theirs):
        self.index, self.where, self.argv, self.mine, self.theirs = index, where, argv, mine, theirs


class Silence(Exception):
    pass


class Conn:
    """One connection to one server."""
    marks = 0

    def __init__(self, port):
        self.s = socket.create_connection(("127.0.0.1", port), TIMEOUT)
        self.s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.s.settimeout(SETTLE_S)
        self.buf, self.closed, self.pushes = b"", False, []
        self.addr = b"%s:%d" % (self.s.getsockname()[0].encode(), self.s.getsockname()[1])
        self.id = int(self.ask([b"CLIENT", b"ID"])[0][1])

    def send(self, data):
        try:
            self.s.sendall(data)
        except OSError:
            pass

    def more(self):
        try:
            data = self.s.recv(1 << 16)
        except socket.timeout:
            raise Silence(self)
        except OSError:
            data = b""
        if not data:
            self.closed = True
        self.buf += data
        return bool(data)

    def until(self, mark):
        """All items up to the reply to PING with this text, or to the connection's end."""
        form, sub_form = b"$%d\r\n%b\r\n" % (len(mark), mark), b"*2\r\n$4\r\npong\r\n"
        at = self.buf.find(form)
        while at < 0 and self.more():
            at = self.buf.find(form)
        if at < 0:
            data, self.buf = self.buf, b""
        else:       # what is pushed behind it is for the next time
            data, self.buf = self.buf[:at], self.buf[at + len(form):]
            if data.endswith(sub_form):
                data = data[:-len(sub_form)]
        return self.items(data)

    def items(self, data):
        out, pos = [], 0
        while pos < len(data):
            aside = []
            try:
                item, pos = parse_aside(data, pos, aside)
            except (ValueError, IndexError):
                item, pos = ("-", b"(cut off) " + data[pos:]), len(data)
            out += [item] + aside
        return out

    def mark(self):
        Conn.marks += 1
        return b"--mark-%d--" % Conn.marks

    def sync(self, data=b""):
        """Sends this; returns the replies. The pushes are kept."""
        mark = self.mark()
        self.send(data + encode([b"PING", mark]))
        return self.until(mark)

    def ask(self, argv):
        items = self.sync(encode(argv))
        self.pushes += [i for i in items if is_push(i)]
        return [i for i in items if not is_push(i)]


class Side:
    """One server, and possibly a lie that a test tells in its name."""

    def __init__(self, program, args, lie=None):
        self.server, self.lie, self.conns = Sockets(program, args, 2), lie, []

    def begin(self):
        self.end_all()
        c = Conn(self.server.port)
        c.sync(b"".join([encode([b"FLUSHALL"])] + [encode([b"CONFIG", b"SET", name, v[0]]) for name, v in SETTINGS.items() if name not in FIXED] + [encode([b"CONFIG", b"RESETSTAT"])]))
        c.s.close()
        self.conns = [Conn(self.server.port) for _ in range(CLIENTS)]
        return self

    def end_all(self):
        for c in self.conns:
            c.s.close()
        self.conns = []

    def words(self, argv):
        return [w if isinstance(w, bytes) else b"%d" % self.conns[w[1]].id if w[0] == "id" else self.conns[w[1]].addr for w in argv]

    def commands(self, k, commands, kind):
        """Plays these on connection k: (replies, pushes)."""
        c = self.conns[k]
        items = c.sync(b"".join(encode(self.words(q)) for q in commands))
        if self.lie:
            items = [i for i in (self.lie(commands[-1], i) for i in items) if i]     # before they are made comparable
        replies = [i for i in items if not is_push(i)]
        if replies and kind in ("one", "counted"):
            replies[-1] = canonical(replies[-1], commands[-1], self, kind == "counted")
        return replies, in_one_order([i for i in items if is_push(i)], commands)


class Play:
    def __init__(self, mine, theirs):
        self.sides, self.index = (mine, theirs), 0
        for s in self.sides:
            s.begin()

    def differ(self, where, argv, a, b):
        raise Difference(self.index, where, argv, a, b)

    def replies(self, k, commands, a, b):
        for n in range(max(len(a), len(b))):
            x, y = a[n] if n < len(a) else None, b[n] if n < len(b) else None
            if x is None or y is None or not (same_reply(x, y, commands[0]) if len(commands) == 1 else same_list(x, y)):
                self.differ("reply on %s" % "abcdef"[k], commands[min(n, len(commands) - 1)], x, y)

    def pushes(self):
        """What each connection has been pushed until now."""
        for k in range(CLIENTS):
            a, b = (s.conns[k] for s in self.sides)
            for c, s in zip((a, b), self.sides):
                c.pushes += in_one_order([i for i in (s.lie([], i) for i in c.sync()) if i] if s.lie else c.sync(), [])
            end = time.monotonic() + SETTLE_S
            while len(a.pushes) < len(b.pushes) and time.monotonic() < end and not a.closed:
                a.pushes += in_one_order(a.sync(), [])
            if a.closed != b.closed:
                self.differ("end of %s" % "abcdef"[k], [], ("+", b"closed" if a.closed else b"open"), ("+", b"closed" if b.closed else b"open"))
            x, y = a.pushes, b.pushes
            if x != y:
                x, y = in_one_order(x, []), in_one_order(y, [])
            for n in range(max(len(x), len(y))):
                p, q = x[n] if n < len(x) else None, y[n] if n < len(y) else None
                if p != q:
                    self.differ("push %d to %s" % (n + 1, "abcdef"[k]), [], p, q)
            a.pushes, b.pushes = [], []
            if a.closed:
                self.open(k)

    def open(self, k):
        for s in self.sides:
            self.gone(s, s.conns[k])
            s.conns[k] = Conn(s.server.port)

    def step(self, k, kind, commands):
        if kind in ("close", "quit"):
            self.pushes()
            if kind == "quit":
                got = [s.conns[k].sync(encode([b"QUIT"])) for s in self.sides]
                self.replies(k, [[b"QUIT"]], *got)
                if not all(s.conns[k].closed for s in self.sides):
                    self.differ("end", [b"QUIT"], *[("+", b"closed" if s.conns[k].closed else b"open") for s in self.sides])
            self.open(k)
            return
        if kind == "counted":       # not in one pipeline: what is refused is counted when it is read
            self.replies(k, [[b"CONFIG", b"RESETSTAT"]], *[s.conns[k].ask([b"CONFIG", b"RESETSTAT"]) for s in self.sides])
        if kind == "block":
            return self.block(k, *commands)
        if kind == "pause":
            return self.pause(k, *commands)
        end = time.monotonic() + 0.3
        while True:
            got = []
            for s in self.sides:
                replies, pushes = s.commands(k, commands, kind)
                s.conns[k].pushes += pushes
                got.append(replies)
            # What tells of all connections may still tell of one that has gone.
            if got[0] == got[1] or commands[-1][0].upper() not in (b"INFO", b"CLIENT") or kind != "one" or time.monotonic() > end or self.hopeless(*got):
                break
        self.replies(k, commands, *got)
        if kind == "kill":
            self.after_kill()

    def hopeless(self, a, b):
        return len(a) != len(b) or any(x[0] == "-" or y[0] == "-" or x[0] == ":" for x, y in zip(a[-1:], b[-1:]))

    def after_kill(self):
        """Whoever Redis has closed Kora closes, too."""
        mine, theirs = self.sides
        for c, d in zip(mine.conns, theirs.conns):
            d.pushes += in_one_order(d.sync(), [])
            while d.closed and c.more():
                pass
        self.pushes()

    def until_blocked(self, side, k, watcher):
        """Until connection k waits, or has been answered."""
        c, end = side.conns[k], time.monotonic() + SETTLE_S
        while time.monotonic() < end and not select.select([c.s], [], [], 0)[0]:
            line = watcher.ask([b"CLIENT", b"LIST", b"ID", b"%d" % c.id])[0][1].decode("latin1")
            if "b" in line.partition(" flags=")[2].partition(" ")[0]:
                return

    def block(self, k, waits, act, clean):
        self.pushes()
        got = []
        for s in self.sides:
            c, watcher = s.conns[k], Conn(s.server.port)
            mark = c.mark()
            c.send(encode(waits) + encode([b"PING", mark]))
            self.until_blocked(s, k, watcher)
            replies = [canonical(r, act, s, False) for r in watcher.ask(s.words(act))]
            if sub(act) == b"KILL":
                while c.more():
                    pass
            else:
                watcher.ask([b"CLIENT", b"UNBLOCK", b"%d" % c.id])
            items = c.until(mark)
            c.pushes += in_one_order([i for i in items if is_push(i)], [])
            got.append(replies + [i for i in items if not is_push(i)] + watcher.ask(clean) + watcher.ask([b"CONFIG", b"RESETSTAT"]))     # how often one that waits looks for its keys is the server's own
            self.gone(s, watcher)
        self.replies(k, [waits, act, clean], *got)
        self.pushes()

    def pause(self, k, argv, look):
        self.pushes()
        got = []
        for s in self.sides:
            c, watcher, other = s.conns[k], Conn(s.server.port), Conn(s.server.port)
            replies = watcher.ask([b"CLIENT", b"PAUSE", b"100000", b"WRITE"])
            mark = c.mark()
            c.send(encode(argv) + encode([b"PING", mark]))
            self.until_blocked(s, k, watcher)
            replies += [canonical(r, look, s, False) for r in other.ask(look)]
            replies += watcher.ask([b"CLIENT", b"UNPAUSE"])
            items = c.until(mark)
            c.pushes += in_one_order([i for i in items if is_push(i)], [])
            got.append(replies + [canonical(i, argv, s, False) for i in items if not is_push(i)])
            self.gone(s, watcher)
            self.gone(s, other)
        self.replies(k, [[b"CLIENT", b"PAUSE"], look, [b"CLIENT", b"UNPAUSE"], argv], *got)
        self.pushes()

    def gone(self, side, gone):
        """Closes a connection, and waits until the server has noticed: until then it counts among the subscribers."""
        gone.s.close()
        c, end = Conn(side.server.port), time.monotonic() + SETTLE_S
        while time.monotonic() < end and b"id=%d " % gone.id in c.ask([b"CLIENT", b"LIST", b"ID", b"%d" % gone.id])[0][1]:
            pass
        c.send(encode([b"QUIT"]))
        while c.more():         # the server closes it when it has taken it off its list
            pass
        c.s.close()

    def run(self, steps):
        for self.index, step in enumerate(steps):
            if len(step) == 3:
                self.step(*step)
            if self.index % 4 == 3 or self.index == len(steps) - 1:
                self.pushes()
        return len(steps)


def differs(steps, mine, theirs):
    play = Play(mine, theirs)
    try:
        play.run(steps)
        return None
    except Difference as d:
        return d
    except Silence as e:
        side = play.sides[0 if e.args[0] in mine.conns else 1]
        k = side.conns.index(e.args[0]) if e.args[0] in side.conns else 0
        said = [("$", e.args[0].buf[-200:]) if s is side else None for s in play.sides]
        return Difference(play.index, "silence of %s" % "abcdef"[k], steps[play.index][2][0] if steps[play.index][2] else [], *said)


# ---- shrinking and printing --------------------------------------------------------------------------------------------------

def kind_of(d):
    def side(r):
        return None if r is None else (r[0], r[1].split(b"'")[0][:60]) if r[0] == "-" else (r[0], r[1][0][1]) if r[0] in "*>" and r[1] and isinstance(r[1][0][1], bytes) else r[0]
    return (d.where.split(" ")[0], d.argv[0].upper() if d.argv else b"", side(d.mine), side(d.theirs))


def shrink(steps, found, mine, theirs, seconds):
    deadline, wanted = time.monotonic() + seconds, kind_of(found)
    steps = steps[:found.index + 1]
    size = max(1, len(steps) // 2)
    while time.monotonic() < deadline:
        i, changed = 0, False
        while i < len(steps) and time.monotonic() < deadline:
            fewer = steps[:i] + steps[i + size:]
            d = differs(fewer, mine, theirs) if fewer else None
            if d and kind_of(d) == wanted:
                steps, found, changed = fewer[:d.index + 1], d, True
            else:
                i += size
        if size == 1 and not changed:
            break
        size = max(1, size // 2)
    return steps, found


def word(w):
    return brief(w) if isinstance(w, bytes) else "<%s of %s>" % (w[0], "abcdef"[w[1]])


def show(steps, found, seed, names):
    print("\nDIFFERENCE in round %d (--replay %d); the least that shows it:" % (seed, seed))
    for k, kind, commands in steps[-40:]:
        print("    %s: %s" % ("abcdef"[k], " ; ".join(" ".join(word(w) for w in q) for q in commands) if commands else kind))
    print("  %s  %s" % (found.where, " ".join(word(w) for w in found.argv)))
    sides = [found.mine, found.theirs]
    if all(r and r[0] == "*" and len(r[1]) > 6 for r in sides):      # only what differs
        sides = [("*", [x for x in r[1] if x not in other[1]]) for r, other in (sides, sides[::-1])]
    for name, reply in zip(names, sides):
        lines = ["(none)"] if reply is None else render(reply)
        print("  %-8s %s" % (name, lines[0]))
        for l in lines[1:20]:
            print("           " + l)
    sys.stdout.flush()


def compare(options, mine, theirs, names, seeds):
    passed = failed = steps = 0
    kinds = {}
    for seed in seeds:
        made = Steps(seed).steps(ROUND)
        d = differs(made, mine, theirs)
        if d is None:
            passed += 1
            steps += len(made)
            continue
        failed += 1
        kinds[kind_of(d)] = kinds.get(kind_of(d), 0) + 1
        if mine.server.dead() or theirs.server.dead():
            show(made[:d.index + 1], d, seed, names)
            print("a server is gone")
            break
        if kinds[kind_of(d)] == 1:
            show(*shrink(made, d, mine, theirs, options.shrink_s), seed, names)
        if len(kinds) >= options.max_differences:
            print("%d kinds of difference: that is enough" % len(kinds))
            break
    return passed, failed, steps, kinds


REDIS_ARGS = ["--save", "", "--appendonly", "no"]
LIES = [
    ("nothing", None),
    ("PUBLISH counts one more", lambda argv, r: (":", b"%d" % (int(r[1]) + 1)) if argv and argv[0].upper() == b"PUBLISH" and r[0] == ":" and r[1] != b"0" else r),
    ("a message's text", lambda argv, r: (r[0], r[1][:-1] + [("$", b"lie")]) if is_push(r) and r[1][0][1] == b"message" else r),
    ("a pattern's message is lost", lambda argv, r: None if is_push(r) and r[1][0][1] == b"pmessage" else r),
    ("CLIENT LIST forgets a subscription", lambda argv, r: (r[0], r[1].replace(b" sub=1 ", b" sub=0 ")) if argv and argv[0].upper() == b"CLIENT" and r[0] in "$=" else r),
    ("INFO has a field less", lambda argv, r: (r[0], r[1].replace(b"pubsub_patterns", b"pubsub_pattern")) if argv and argv[0].upper() == b"INFO" and r[0] in "$=" else r),
    ("CONFIG GET's value", lambda argv, r: (r[0], r[1][:-1] + [("$", b"7")]) if argv and argv[0].upper() == b"CONFIG" and r[0] in "*%" and len(r[1]) == 2 and r[1][0][1].lower() == b"timeout" else r),
    ("a refusal's text", lambda argv, r: ("-", r[1] + b".") if r[0] == "-" and b"are allowed in this context" in r[1] else r),
]


def self_test(options):
    good = bad = 0
    for what, lie in LIES:
        mine, theirs = Side(options.redis, REDIS_ARGS, lie), Side(options.redis, REDIS_ARGS)
        found = None
        for seed in range(1, 101 if lie else 5):     # always the same, so that it does not depend on luck
            steps = Steps(seed).steps(ROUND)
            found = differs(steps, mine, theirs)
            if found:
                least, found = shrink(steps, found, mine, theirs, 90)  # it ends when no step can be left out, long before
                break
        if found and not lie:
            show(least, found, seed, ("redis 1", "redis 2"))
        ok = (found is None) if not lie else found is not None and len(least) <= 12
        print("%s: %s, %s" % ("ok" if ok else "FAILED", what, "found, %d steps" % len(least) if found else "no difference"))
        good, bad = good + ok, bad + (not ok)
        for s in (mine, theirs):
            s.end_all()
            s.server.end()
    print("%d passed, %d failed" % (good, bad))
    return bad


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--korad", default=os.path.join(ROOT, "build/korad"))
    p.add_argument("--redis", default="redis-server")
    p.add_argument("--steps", type=int, default=10_000)
    p.add_argument("--seed", type=int, default=int(time.time()) % 1_000_000 * 1000)
    p.add_argument("--replay", type=int, metavar="ROUND")
    p.add_argument("--shrink-s", type=float, default=20)
    p.add_argument("--max-differences", type=int, default=25, help="stop after so many kinds")
    p.add_argument("--self-test", action="store_true")
    options = p.parse_args()
    if options.self_test:
        sys.exit(1 if self_test(options) else 0)
    mine, theirs = Side(os.path.abspath(options.korad), ["--shards", "3"]), Side(options.redis, REDIS_ARGS)
    print("seed %d" % options.seed)
    seeds = [options.replay] if options.replay is not None else range(options.seed, options.seed + max(1, (options.steps + ROUND - 1) // ROUND))
    start = time.monotonic()
    passed, failed, steps, kinds = compare(options, mine, theirs, ("kora", "redis"), seeds)
    for s in (mine, theirs):
        s.end_all()
        wrong = s.server.end()
        if wrong:
            failed += 1
            print(wrong)
    for k in sorted(kinds, key=lambda k: -kinds[k]):
        print("%d rounds ended with: %s %s, %s here, %s there" % (kinds[k], k[0], k[1].decode(errors="replace"), k[2], k[3]))
    print("%d steps in %.0f s, in rounds of %d; %d kinds of difference" % (steps, time.monotonic() - start, ROUND, len(kinds)))
    print("%d passed, %d failed" % (passed, failed))
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
