#!/usr/bin/python3
"""redis-cli's modes and redis-benchmark against korad; and what tools read of a server, beside redis-server.

    run.py [--korad build/korad] [WORD ...]      (WORDs: only tests with one in their name)

The programs are Debian's redis-tools and redis-server: without them everything here fails. The last line is `N passed, N failed`.
"""
import argparse, os, random, re, socket, subprocess, sys, tempfile, threading, time, traceback

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PORTS = iter(range(7240, 7280))
PATIENCE_S = 60
TESTS = []


def test(f):
    TESTS.append(f)
    return f


def equal(got, wanted, what=""):
    if got != wanted:
        raise AssertionError("%s got %.600r, wanted %.600r" % (what, got, wanted))


def find(pattern, text):
    m = re.search(pattern, text, re.M)
    if not m:
        raise AssertionError("no %r in %.1500s" % (pattern, text))
    return m


# ---- both sides -------------------------------------------------------------------------------------------------------

class Client:
    """RESP2, just enough."""

    def __init__(self, port):
        self.s = socket.create_connection(("127.0.0.1", port), PATIENCE_S)
        self.f = self.s.makefile("rb")

    def reply(self):
        line = self.f.readline().rstrip(b"\r\n").decode("latin-1")
        if not line:
            raise EOFError("closed")
        kind, rest = line[0], line[1:]
        if kind in "+-":
            return rest if kind == "+" else "(error) " + rest
        if kind == ":":
            return int(rest)
        if kind == "$":
            return None if rest == "-1" else self.f.read(int(rest) + 2)[:-2].decode("latin-1")
        return None if rest == "-1" else [self.reply() for _ in range(int(rest))]

    def send(self, *args):
        words = [str(a).encode("latin-1") for a in args]
        self.s.sendall(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in words))

    def __call__(self, *args):
        self.send(*args)
        return self.reply()

    def pairs(self, *args):
        flat = self(*args)
        return dict(zip(flat[::2], flat[1::2]))


class Server:
    def __init__(self, program, *flags):
        self.folder = tempfile.TemporaryDirectory(prefix="kora-cli-")  # goes with what does not start, too
        self.dir = self.folder.name
        self.port = next(PORTS)
        self.out = open(os.path.join(self.dir, "out"), "w+")
        self.process = subprocess.Popen([program, "--port", str(self.port), "--bind", "127.0.0.1", *flags], cwd=self.dir,
                                        stdin=subprocess.DEVNULL, stdout=self.out, stderr=subprocess.STDOUT)
        end = time.monotonic() + PATIENCE_S
        while True:
            try:
                Client(self.port)
                return
            except OSError:
                if self.process.poll() is not None or time.monotonic() > end:
                    said = self.log()
                    self.end(kill=True)
                    raise AssertionError("%s does not start: %s" % (program, said))
                time.sleep(0.01)

    def log(self):
        self.out.seek(0)
        return self.out.read()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()

    def end(self, kill=False):
        if self.process.poll() is None:
            self.process.kill() if kill else self.process.terminate()
        try:
            self.process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError("does not end")
        finally:
            self.out.close()
            self.folder.cleanup()

    def client(self):
        return Client(self.port)

    def cli(self, *args, stdin=b"", ok=True):
        p = subprocess.run(["redis-cli", "-h", "127.0.0.1", "-p", str(self.port), *map(str, args)], input=stdin, capture_output=True, timeout=PATIENCE_S)
        text = (p.stdout + p.stderr).decode("latin-1")
        if ok and p.returncode:
            raise AssertionError("redis-cli %r: %d, %s" % (args, p.returncode, text))
        return text

    def cli_until(self, pattern, *args):
        """One that runs for ever: until it has written what is waited for."""
        with open(os.path.join(self.dir, "cli"), "w+b") as out:
            p = subprocess.Popen(["redis-cli", "-h", "127.0.0.1", "-p", str(self.port), *args], stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT)
            end, text = time.monotonic() + PATIENCE_S, ""
            try:
                while not re.search(pattern, text, re.M):
                    if p.poll() is not None or time.monotonic() > end:
                        raise AssertionError("no %r in %s" % (pattern, text))
                    time.sleep(0.02)
                    text = open(out.name, encoding="latin-1").read()
            finally:
                if p.poll() is None:
                    p.terminate()
                p.wait()
        return text


def korad(*flags):
    return Server(KORAD, "--shards", "2", *flags)


def redis():
    return Server("redis-server", "--save", "", "--appendonly", "no")


def fill(s):
    c = s.client()
    for i in range(200):
        c("SET", "s%d" % i, "x" * i)
    c("SET", "large", "x" * 10000)
    c("RPUSH", "list", *range(300))
    c("HSET", "hash", *range(200))
    c("SADD", "set", *range(50))
    c("ZADD", "zset", *range(40))
    for i in range(7):
        c("XADD", "stream", "*", "f", i)
    return c


# ---- redis-cli --------------------------------------------------------------------------------------------------------

@test
def stat():
    with korad() as s:
        c = fill(s)
        text = s.cli_until(r"^206 +\S+ +\d+ +0 +\d+ \(\+\d+\) +\d+", "--stat", "-i", "0.05")
        find(r"^keys +mem +clients +blocked +requests +connections", text)
        find(r"^206 +[\d.]+[KM] +2 +0 ", text)
        b = s.client()
        b.send("BLPOP", "none", 0)
        s.cli_until(r"^206 +\S+ +3 +1 ", "--stat", "-i", "0.05")


@test
def bigkeys():
    with korad() as s:
        fill(s)
        text = s.cli("--bigkeys")
        for pattern in (r"Sampled 206 keys in the keyspace", r"Biggest +string found .*large.* has 10000 bytes", r"Biggest +list found .*list.* has 300 items",
                        r"Biggest +hash found .*hash.* has 100 fields", r"Biggest +set found .*set.* has 50 members",
                        r"Biggest +zset found .*zset.* has 20 members", r"Biggest +stream found .*stream.* has 7 entries"):
            find(pattern, text)


@test
def memkeys():
    with korad() as s:
        c = fill(s)
        text = s.cli("--memkeys", "--memkeys-samples", "0")
        find(r"Sampled 206 keys in the keyspace", text)
        size = int(find(r"Biggest +string found .*large.* has (\d+) bytes", text).group(1))
        equal(size, c("MEMORY", "USAGE", "large"))
        if not 10000 < size < 13000:
            raise AssertionError("%d bytes" % size)
        s.cli("--memkeys", "-i", "0")


@test
def hotkeys():
    with korad("--maxmemory-policy", "allkeys-lfu", "--lfu-log-factor", "0") as s:
        c = fill(s)
        for _ in range(100):
            c("GET", "s7")
        text = s.cli("--hotkeys")
        count = int(find(r"hot key found with counter: (\d+)\s+keyname: \"?s7\"?", text).group(1))
        if count < 100:
            raise AssertionError(text)
        c("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
        find(r"LFU maxmemory policy is not selected", s.cli("--hotkeys", ok=False))


@test
def latency():
    with korad() as s:
        for flags in (["--latency", "-i", "0.2", "--raw"], ["--latency", "-i", "0.2", "--csv"]):
            n = re.split(r"[ ,\n]+", s.cli(*flags).strip())
            equal(len(n), 4, flags)
            low, high, average, count = map(float, n)
            if not (0 <= low <= average <= high and count > 0):
                raise AssertionError("%r" % n)
        s.cli_until(r"samples\)|\d+\n", "--latency-history", "-i", "0.1", "--raw")


@test
def scan():
    with korad() as s:
        fill(s)
        equal(len(set(s.cli("--scan").split())), 206)
        equal(sorted(s.cli("--scan", "--pattern", "s1?").split()), sorted("s1%d" % i for i in range(10)))
        equal(sorted(s.cli("--scan", "--pattern", "*s*t*", "--quoted-pattern", "*set").split()), ["set", "zset"])


@test
def pipe():
    with korad() as s:
        data = b"".join(b"*3\r\n$3\r\nSET\r\n$%d\r\nk%d\r\n$1\r\nv\r\n" % (len(str(i)) + 1, i) for i in range(50000))
        find(r"errors: 0, replies: 50000", s.cli("--pipe", stdin=data))
        equal(s.client()("DBSIZE"), 50000)
        find(r"errors: 1, replies: 2", s.cli("--pipe", stdin=b"NOSUCH\r\nPING\r\n", ok=False))


@test
def plain_modes():
    with korad() as s:
        s.client()("CONFIG", "SET", "loglevel", "warning")
        equal(s.cli("-3", "HELLO").split("\n")[0].startswith("server"), True)
        equal(s.cli("-r", "3", "INCR", "n").split(), ["1", "2", "3"])
        equal(s.cli("--no-raw", "GET", "n"), '"3"\n')
        equal(s.cli("-x", "SET", "k", stdin=b"from stdin"), "OK\n")
        equal(s.cli("--json", "-2", "GET", "k"), '"from stdin"\n')
        equal(s.cli("-n", "3", "DBSIZE"), "0\n")
        equal(s.cli(stdin=b"SET a 1\nGET a\nCLIENT SETNAME me\nHELP @string\n").split("\n")[:3], ["OK", "1", "OK"])


# ---- redis-benchmark --------------------------------------------------------------------------------------------------

BENCHMARKS = ["PING_INLINE", "PING_MBULK", "SET", "GET", "INCR", "LPUSH", "RPUSH", "LPOP", "RPOP", "SADD", "HSET", "SPOP", "ZADD", "ZPOPMIN",
              "LPUSH (needed to benchmark LRANGE)", "LRANGE_100 (first 100 elements)", "LRANGE_300 (first 300 elements)",
              "LRANGE_500 (first 500 elements)", "LRANGE_600 (first 600 elements)", "MSET (10 keys)"]


def benchmark(s, *flags):
    p = subprocess.run(["redis-benchmark", "-h", "127.0.0.1", "-p", str(s.port), "--csv", *map(str, flags)], capture_output=True, text=True,
                       timeout=PATIENCE_S, stdin=subprocess.DEVNULL)
    equal((p.returncode, p.stderr), (0, ""), p.stdout)
    rows = [line.split('","') for line in p.stdout.strip().split("\n")]
    return [r[0].strip('"') for r in rows[1:]], p.stdout


@test
def benchmark_all():
    with korad() as s:
        for flags in (["-n", 500], ["-n", 500, "-P", 8, "-c", 4, "-r", 100], ["-n", 500, "--threads", 2, "-3"]):
            names, text = benchmark(s, *flags)
            equal(names, BENCHMARKS, text)
        names, _ = benchmark(s, "-n", 200, "XADD", "stream", "*", "f", "__rand_int__")
        equal((names, s.client()("XLEN", "stream")), (["XADD stream * f __rand_int__"], 200))


# ---- CLIENT UNBLOCK -----------------------------------------------------------------------------------------------------

@test
def unblocking_beside_pushes():
    """Nothing that was pushed is lost or seen twice, and who is said to have been unblocked waits no more."""
    blockers, pushes = 8, 1500
    with korad("--shards", "4") as s:
        ids, got, nothing, unblocked, stop = [], [], [], [], threading.Event()

        def block(c, lists):
            while True:
                reply = c("BLPOP", *lists, 0)
                if reply in (None, "(error) UNBLOCKED client unblocked via CLIENT UNBLOCK"):
                    nothing.append(reply)
                elif reply[1] == "end":
                    return
                else:
                    got.append(reply[1])

        def unblock(c):
            chance = random.Random(1)
            while not stop.is_set():
                if c("CLIENT", "UNBLOCK", chance.choice(ids), chance.choice(("TIMEOUT", "ERROR"))):
                    unblocked.append(1)

        threads = []
        for i in range(blockers):
            c = s.client()
            ids.append(c("CLIENT", "ID"))
            threads.append(threading.Thread(target=block, args=(c, ["l%d" % (i % 3), "l3"])))
        helpers = [threading.Thread(target=unblock, args=(s.client(),)) for _ in range(2)]
        for t in threads + helpers:
            t.start()
        c = s.client()
        for i in range(pushes):
            c("RPUSH", "l%d" % (i % 4), i)
        stop.set()
        for t in helpers:
            t.join(PATIENCE_S)
        while any(t.is_alive() for t in threads):
            for i in range(4):
                c("RPUSH", "l%d" % i, "end")
            time.sleep(0.01)
        equal(sorted(map(int, got)), list(range(pushes)))
        if not 0 < len(nothing) <= len(unblocked):
            raise AssertionError("%d of %d" % (len(nothing), len(unblocked)))
        equal(fields(c, "clients")["blocked_clients"], "0")


# ---- the end ------------------------------------------------------------------------------------------------------------

@test
def shutdown():
    for args in (["SHUTDOWN"], ["SHUTDOWN", "NOSAVE"], ["SHUTDOWN", "NOSAVE", "NOW", "FORCE"], ["SHUTDOWN", "SAVE", "FORCE"]):
        with korad() as s:
            waiting, asking = s.client(), s.client()
            waiting.send("BLPOP", "none", 0)
            equal(asking("SHUTDOWN", "SAVE"), "(error) ERR Errors trying to SHUTDOWN: SAVE can't be done, this database is in memory only")
            asking.send(*args)
            asking.send("SET", "k", "v")  # not answered any more
            try:
                raise AssertionError("answered: %r" % asking.reply())
            except (EOFError, ConnectionError):
                pass
            equal(s.process.wait(PATIENCE_S), 0)
            find("a client has asked to shut down", s.log())
    with korad() as s:
        s.cli("SHUTDOWN", ok=False)
        equal(s.process.wait(PATIENCE_S), 0)


# ---- what tools read, beside redis-server ---------------------------------------------------------------------------------

def fields(c, *sections):
    return dict(line.split(":", 1) for line in c("INFO", *sections).split("\r\n") if ":" in line)


# Fields of redis-server 7.0 that mean nothing here, or that nobody counts here. All others are there.
NOT_IN_INFO = set("""
    redis_build_id gcc_version io_threads_active client_recent_max_input_buffer client_recent_max_output_buffer
    used_memory_vm_eval used_memory_vm_functions used_memory_vm_total used_memory_vm_total_human used_memory_scripts_eval used_memory_functions
    rss_overhead_ratio rss_overhead_bytes lazyfree_pending_objects lazyfreed_objects
    current_cow_peak current_cow_size current_cow_size_age current_fork_perc current_save_keys_processed current_save_keys_total
    aof_rewrites_consecutive_failures instantaneous_input_repl_kbps instantaneous_output_repl_kbps expired_time_cap_reached_count
    expire_cycle_cpu_milliseconds active_defrag_hits active_defrag_misses
    active_defrag_key_hits active_defrag_key_misses total_active_defrag_time current_active_defrag_time dump_payload_sanitizations
    total_reads_processed total_writes_processed io_threaded_reads_processed io_threaded_writes_processed reply_buffer_shrinks reply_buffer_expands
    used_cpu_sys_main_thread used_cpu_user_main_thread""".split())
# Counted by what may not be built in yet
OTHERS = set("pubsub_channels pubsub_patterns pubsubshard_channels".split())


def shape(value):
    return "size" if re.fullmatch(r"[\d.]+[BKMGT]", value) else re.sub(r"\d+\.\d+", "f", re.sub(r"^-?\d+$", "n", value)) if not value.isalpha() else "word"


@test
def info_fields():
    with korad() as k, redis() as r:
        a, b = r.client(), k.client()
        for c in (a, b):
            c("SET", "k", "v", "PX", 100000)
            c("SET", "k2", "v")
            c("GET", "k")
            c("GET", "none")
            c("NOSUCH")
        wanted, got = fields(a), fields(b)
        equal(set(wanted) - set(got) - OTHERS, NOT_IN_INFO)
        differ = {n: (wanted[n], got[n]) for n in wanted if n in got and shape(wanted[n]) != shape(got[n])}
        for name in ("redis_version", "os", "executable", "mem_allocator", "master_replid", "run_id", "db0"):  # db0: below
            differ.pop(name, None)
        equal(differ, {})
        for name in ("keyspace_hits", "keyspace_misses", "expired_keys", "total_error_replies", "errorstat_ERR", "connected_clients", "blocked_clients",
                     "maxmemory", "rdb_changes_since_last_save", "role", "maxclients", "loading", "cluster_enabled", "redis_mode"):
            equal(got[name], wanted[name], name)
        m = find(r"keys=2,expires=1,avg_ttl=(\d+)", got["db0"])
        if not 40000 < int(m.group(1)) <= 100000:
            raise AssertionError(got["db0"])
        b("PEXPIRE", "k2", 50000)
        m = find(r"keys=2,expires=2,avg_ttl=(\d+)", fields(b)["db0"])
        if not 15000 < int(m.group(1)) <= 75000:
            raise AssertionError(m.group(0))
        b("DEL", "k", "k2")
        equal("db0" in fields(b), False)


@test
def info_sections():
    with korad() as k, redis() as r:
        a, b = r.client(), k.client()
        skip = {"Commandstats", "Latencystats", "Slowlog"}

        def titles(c, *sections):
            return [t for t in re.findall(r"^# (\w+)", c("INFO", *sections), re.M) if t not in skip]
        for sections in ([], ["all"], ["everything"], ["default"], ["server"], ["keyspace", "server"], ["CPU", "nosuch"], ["nosuch"], ["default", "modules"]):
            equal(titles(b, *sections), titles(a, *sections), sections)


@test
def client_list_fields():
    with korad() as k, redis() as r:
        lines = []
        for s in (r, k):
            c = s.client()
            c("CLIENT", "SETNAME", "me")
            c("SELECT", 2)
            lines.append(dict(w.split("=", 1) for w in c("CLIENT", "INFO").split()))
            equal(c("CLIENT", "LIST", "ID", c("CLIENT", "ID")).split()[0], "id=%d" % c("CLIENT", "ID"))
        wanted, got = lines
        equal([n for n in got if n in wanted], list(wanted))
        for name in ("name", "db", "sub", "psub", "multi", "cmd", "user", "redir", "resp", "flags", "events", "oll", "obl", "omem"):
            equal(got[name], wanted[name], name)


@test
def client_beside_redis():
    words = ["ID", "TYPE", "ADDR", "LADDR", "USER", "SKIPME", "yes", "no", "normal", "pubsub", "replica", "slave", "master", "0", "-1", "99999", "x", "default",
             "nosuch", "1.2.3.4:5", "on", "off", "TIMEOUT", "ERROR", "WRITE", "ALL", "a b", "me", "", "9223372036854775808"]
    subcommands = ["GETNAME", "SETNAME", "NO-EVICT", "KILL", "UNBLOCK", "UNPAUSE", "TRACKINGINFO", "GETREDIR", "CACHING", "LIST", "INFO", "ID", "REPLY", "TRACKING",
                   "PAUSE", "NOSUCH"]
    chance = random.Random(int(os.environ.get("KORA_SEED", "1")))
    with korad() as k, redis() as r:
        a, b = r.client(), k.client()
        for step in range(8000):
            subcommand = chance.choice(subcommands)
            args = ["CLIENT", subcommand] + [chance.choice(words) for _ in range(chance.choice((0, 1, 1, 2, 2, 3, 4)))]
            if subcommand == "PAUSE":
                args[2:3] = ["0"]
            if subcommand == "KILL" and len(args) > 3:
                args += ["ID", "99999"] if len(args) % 2 == 0 else []
                if "ID" not in args[2::2] or args[-2:] != ["ID", "99999"]:
                    continue  # it could be itself that is killed
            if subcommand == "REPLY" and "off" in args or subcommand == "TRACKING" and "on" in args:
                continue  # no replies; not there
            x, y = b(*args), a(*args)
            if isinstance(y, str) and y.startswith("id="):
                x, y = x[:3], y[:3]
            if subcommand == "ID" and isinstance(y, int):
                continue
            equal(x, y, "step %d, %r" % (step, args))


# What can be set to one value only, or what is another thing here
CONSTANT = set("""activedefrag appendonly hz maxmemory-clients tls-port daemonize lazyfree-lazy-eviction lazyfree-lazy-expire
    lazyfree-lazy-server-del lazyfree-lazy-user-del lazyfree-lazy-user-flush io-threads""".split())
OTHER_DEFAULT = CONSTANT - {"appendonly", "maxmemory-clients", "tls-port", "daemonize"} | {
    "bind", "port", "dir", "hash-max-listpack-entries", "hash-max-ziplist-entries", "unixsocketperm"}
VALUES = ["0", "1", "-1", "-5", "100", "1mb", "2gb", "1k", "1kb", "x", "yes", "no", "YES", "10%", "9223372036854775807", "2147483647", "2147483648",
          " 1", "1 ", "01", "+1", "1.5", "normal 1 2 3", "replica 1mb 2mb 3", "pubsub -1 0 0", "normal 0 0 x", "normal 0 0 0 slave 1 1 1", "allkeys-lru",
          "NOEVICTION", "volatile-ttl", "debug", "WARNING", "1b", "1MB", "1m", "-0", "-6", "1024", "1048576", "64", "a b", "0x10"]


@test
def config_beside_redis():
    chance = random.Random(int(os.environ.get("KORA_SEED", "1")))
    with korad() as k, redis() as r:
        a, b = r.client(), k.client()
        wanted, got = a.pairs("CONFIG", "GET", "*"), b.pairs("CONFIG", "GET", "*")
        both = sorted(set(wanted) & set(got))
        equal({n: (wanted[n], got[n]) for n in both if wanted[n] != got[n] and n not in OTHER_DEFAULT}, {})
        names = [n for n in both if n not in CONSTANT | {"bind", "port", "dir", "save", "maxclients", "requirepass", "logfile", "hash-max-ziplist-entries",
                                                         "hash-max-listpack-entries"}]
        for step in range(2000):
            args = []
            for name in chance.sample(names, chance.choice((1, 1, 1, 2, 3))):
                args += [name if chance.random() < 0.9 else name.upper(), chance.choice(VALUES)]
            if len({n.lower().replace("ziplist", "listpack") for n in args[::2]}) * 2 != len(args):
                continue  # two names of one parameter
            if "-0" in args:
                args = [w if w != "-0" or n.lower() != "latency-tracking-info-percentiles" else "0" for n, w in zip([""] + args, args)]  # zero is zero
            equal(b("CONFIG", "SET", *args).replace(", allkeys-s3fifo", ""), a("CONFIG", "SET", *args), "step %d, CONFIG SET %r" % (step, args))
            for name in args[::2]:
                equal(b("CONFIG", "GET", name), a("CONFIG", "GET", name), "step %d, %r" % (step, args))
        for name in CONSTANT - {"io-threads"}:
            equal(b("CONFIG", "SET", name, got[name]), "OK", name)
            find("CONFIG SET failed", b("CONFIG", "SET", name, "17"))
        equal(b("CONFIG", "SET", "maxmemory", "0mb"), "OK")
        equal({n: v for n, v in b.pairs("CONFIG", "GET", "*").items() if n in CONSTANT}, {n: v for n, v in got.items() if n in CONSTANT})
        for name in ("cluster-enabled", "replicaof", "databases", "port", "io-threads", "shards"):
            equal(b("CONFIG", "SET", name, "1"), "(error) ERR CONFIG SET failed (possibly related to argument '%s') - can't set immutable config" % name)


@test
def config_is_what_korad_says_of_itself():
    helped = set(re.findall(r"^  --([a-z-]+) ", subprocess.run([KORAD, "--help"], capture_output=True, text=True).stdout, re.M)) - {"config", "check-config", "repair", "check", "import", "export", "from-snapshot", "help"}
    with open(os.path.join(ROOT, "server/korad.8")) as f:
        man = f.read().replace("\\-", "-")
    with open(os.path.join(ROOT, "server/korad.ini")) as f:
        ini = set(re.findall(r"^(?:; )?([a-z-]+) =", f.read(), re.M))
    with korad() as s:
        known = set(s.client().pairs("CONFIG", "GET", "*")) | {"metrics-port", "metrics-bind"}  # of the program, which makes a listener of them
    equal(helped - known, set(), "--help")
    equal(ini - known, set(), "korad.ini")
    equal({n for n in helped if n not in man}, set(), "korad.8")


# Of newer versions of Redis than Debian's
NEWER = {"wait": "flags", "zrank": "arity", "zrevrank": "arity"}
PARTS = ["name", "arity", "flags", "first key", "last key", "step", "categories", "tips", "key specifications"]


def rows(command):
    flat, todo = {}, command("COMMAND")
    while todo:
        row = todo.pop()
        flat[row[0]] = row
        todo += row[9]
    return flat


def without_notes(specs):
    return [s[2:] if s[0] == "notes" else s for s in specs], [s[0] == "notes" for s in specs]


@test
def commands_beside_redis():
    with korad() as k, redis() as r:
        wanted, got = rows(r.client()), rows(k.client())
        both = sorted(set(wanted) & set(got))
        if len(both) < 200:
            raise AssertionError(both)
        for name in both:
            for i, part in enumerate(PARTS):
                x, y = got[name][i], wanted[name][i]
                if part in ("flags", "categories", "tips"):
                    x, y = sorted(x), sorted(y)
                elif part == "key specifications":
                    x, y = without_notes(x), without_notes(y)
                if NEWER.get(name) != part:
                    equal(x, y, "%s: %s" % (name, part))


# Calls that are none, where both guess: what stands at the wrong place (XREAD, GEORADIUS ... STORE), and a number of arguments that is enough since 7.2.
GUESSED = {"xread", "xreadgroup", "georadius", "georadiusbymember", "pfmerge", "zrank", "zrevrank", "debug"}
WORDS = """1 2 3 0 -1 a b c STORE storedist BY GET STREAMS COUNT GROUP LIMIT WEIGHTS 10 nosuch* # BLOCK LEFT AGGREGATE x:1 KEYS overflow wrap set
    u8""".split()


def flagged(keys):
    return [[k, sorted(flags)] for k, flags in keys] if isinstance(keys, list) else keys


@test
def keys_of_commands_beside_redis():
    chance = random.Random(int(os.environ.get("KORA_SEED", "1")))
    with korad() as k, redis() as r:
        a, b = r.client(), k.client()
        names = sorted(set(rows(a)) & set(rows(b)) - GUESSED)
        for step in range(6000):
            args = chance.choice(names).split("|") + [chance.choice(WORDS) for _ in range(chance.randrange(8))]
            equal(b("COMMAND", "GETKEYS", *args), a("COMMAND", "GETKEYS", *args), args)
            equal(flagged(b("COMMAND", "GETKEYSANDFLAGS", *args)), flagged(a("COMMAND", "GETKEYSANDFLAGS", *args)), args)
        for args in (["ACLCAT", c] for c in a("ACL", "CAT")):
            x, y = (set(c("COMMAND", "LIST", "FILTERBY", *args)) & set(names) for c in (b, a))
            equal(x, y, args)


def main():
    global KORAD
    parser = argparse.ArgumentParser()
    parser.add_argument("--korad", default=os.path.join(ROOT, "build/korad"))
    parser.add_argument("words", nargs="*")
    options = parser.parse_args()
    KORAD = os.path.abspath(options.korad)
    passed = failed = 0
    for t in TESTS:
        if options.words and not any(w in t.__name__ for w in options.words):
            continue
        start = time.monotonic()
        try:
            t()
            passed += 1
            print("ok    %s (%.1f s)" % (t.__name__, time.monotonic() - start))
        except Exception:
            failed += 1
            print("FAIL  %s\n%s" % (t.__name__, traceback.format_exc()))
        sys.stdout.flush()
    print("%d passed, %d failed" % (passed, failed))
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
