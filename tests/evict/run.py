#!/usr/bin/python3
"""The memory limit through sockets: policies, transactions and blocked clients at the limit, lowering it, notifications, buffers of connections, statistics.

    run.py [--korad build/korad] [WORD ...]      (WORDs: only tests with one in their name)

The last line is `N passed, N failed`.
"""
import argparse, os, random, socket, subprocess, sys, tempfile, threading, time, traceback

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PATIENCE_S = 60
SLOW = any(v in os.environ.get("KORA_BUILD", "") for v in ("asan", "ubsan", "tsan", "valgrind"))
TESTS = []


def test(f):
    TESTS.append(f)
    return f


def equal(got, wanted, what=""):
    if got != wanted:
        raise AssertionError("%s got %.400r, wanted %.400r" % (what, got, wanted))


def wait_for(what, condition):
    end = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > end:
            raise AssertionError("never: " + what)
        time.sleep(0.01)


class Error(str):
    pass


class Client:
    def __init__(self, path, version=2, buffer=None):
        self.s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        if buffer:
            self.s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        self.s.settimeout(PATIENCE_S)
        self.s.connect(path)
        self.f = self.s.makefile("rb")
        self.pushes = []
        if version == 3:
            self("HELLO", 3)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.s.close()
        self.f.close()

    def send(self, *args):
        args = [a if isinstance(a, bytes) else str(a).encode() for a in args]
        self.s.sendall(b"*%d\r\n" % len(args) + b"".join(b"$%d\r\n%s\r\n" % (len(a), a) for a in args))

    def value(self):
        line = self.f.readline()
        if not line:
            raise EOFError
        kind, rest = line[:1], line[1:-2]
        if kind == b"+":
            return rest.decode()
        if kind == b"-":
            return Error(rest.decode())
        if kind == b":":
            return int(rest)
        if kind == b"_":
            return None
        if kind in b"$=":
            n = int(rest)
            return None if n < 0 else self.f.read(n + 2)[:-2].decode("latin1")
        if rest == b"-1":
            return None
        n = int(rest) * (2 if kind == b"%" else 1)
        items = [self.value() for _ in range(n)]
        return ("push", items) if kind == b">" else items

    def __call__(self, *args):
        self.send(*args)
        return self.value()


class Server:
    def __init__(self, *flags):
        self.dir = tempfile.TemporaryDirectory()
        self.path = os.path.join(self.dir.name, "s")
        self.log = open(os.path.join(self.dir.name, "log"), "w+")
        self.p = subprocess.Popen([KORAD, "--port", "0", "--unixsocket", self.path, "--shards", "3", "--loglevel", "notice", *flags],
                                  stdout=self.log, stderr=subprocess.STDOUT)

    def __enter__(self):
        def up():
            try:
                with Client(self.path) as c:
                    return c("PING") == "PONG"  # else it loads
            except OSError:
                if self.p.poll() is not None:
                    raise AssertionError("korad ended: " + self.text())
                return False
        wait_for("the server is ready", up)
        return self

    def text(self):
        with open(self.log.name) as f:
            return f.read()

    def client(self, *args, **named):
        return Client(self.path, *args, **named)

    def __exit__(self, kind, *_):
        if not kind:
            with self.client() as c:
                equal(c("PING"), "PONG", "at the end")
        self.p.terminate()
        try:
            code = self.p.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.p.kill()
            raise AssertionError("does not end")
        if not kind:
            equal(code, 0, "exit status; log: " + self.text()[-2000:])
        self.log.close()
        self.dir.cleanup()


# ---- helpers -----------------------------------------------------------------------------------------------------------

OOM = "OOM command not allowed when used memory > 'maxmemory'."
POLICIES = ["allkeys-lru", "allkeys-lfu", "allkeys-random", "allkeys-s3fifo", "volatile-lru", "volatile-lfu", "volatile-random", "volatile-ttl"]
MB = 1 << 20
PORTION = 200


def info(c):
    return dict(l.split(":", 1) for l in c("INFO", "everything").splitlines() if ":" in l)


def used(c):
    return int(info(c)["used_memory"])


def pipeline(c, calls):
    got = []
    for i in range(0, len(calls), PORTION):
        words = [[w if isinstance(w, bytes) else str(w).encode() for w in call] for call in calls[i:i + PORTION]]
        c.s.sendall(b"".join(b"*%d\r\n" % len(w) + b"".join(b"$%d\r\n%s\r\n" % (len(a), a) for a in w) for w in words))
        got += [c.value() for _ in words]
    return got


def fill(c, n, prefix="key", size=200, words=()):
    return pipeline(c, [("SET", "%s:%d" % (prefix, i), "x" * size, *words) for i in range(n)])


def near(c, limit, what=""):
    got = used(c)
    if got > limit * 1.05 + 64 * 1024:
        raise AssertionError("%s %d bytes are used, the limit is %d" % (what, got, limit))


# ---- policies ------------------------------------------------------------------------------------------------------------

@test
def every_policy_keeps_the_limit():
    with Server() as s, s.client() as c:
        for policy in POLICIES:
            c("FLUSHALL")
            equal(c("CONFIG", "SET", "maxmemory", "6mb", "maxmemory-policy", policy), "OK")
            words = ("EX", "1000") if policy.startswith("volatile") else ()
            before = info(c)
            got = fill(c, 40000, policy, words=words)
            equal(set(got), {"OK"}, policy)
            near(c, 6 * MB, policy)
            after = info(c)
            evicted = int(after["evicted_keys"]) - int(before["evicted_keys"])
            equal(c("DBSIZE"), 40000 - evicted, policy)
            equal(after["maxmemory_policy"], policy)
            equal(after["maxmemory"], str(6 * MB))
            if evicted < 10000:
                raise AssertionError("%s: only %d were evicted" % (policy, evicted))


@test
def what_is_used_stays():
    # Frequently used keys survive ten times as many that are asked for once.
    with Server() as s, s.client() as c:
        for policy in "allkeys-lfu", "allkeys-s3fifo":
            c("FLUSHALL")
            c("CONFIG", "SET", "maxmemory", "4mb", "maxmemory-policy", policy, "maxmemory-samples", "10", "lfu-log-factor", "0")
            fill(c, 500, "hot")
            for _ in range(20):
                pipeline(c, [("GET", "hot:%d" % i) for i in range(500)])
            for r in range(20):
                fill(c, 2500, "once%d" % r)
                pipeline(c, [("GET", "hot:%d" % i) for i in range(500)])
            left = c("EXISTS", *["hot:%d" % i for i in range(500)])
            if left < 450:
                raise AssertionError("%s: %d of 500 are left" % (policy, left))


@test
def volatile_keys_alone_go():
    with Server() as s, s.client() as c:
        c("CONFIG", "SET", "maxmemory", "4mb", "maxmemory-policy", "volatile-ttl")
        fill(c, 3000, "stays")
        fill(c, 20000, "goes", words=("EX", "500"))
        equal(c("EXISTS", *["stays:%d" % i for i in range(3000)]), 3000)
        near(c, 4 * MB)
        got = fill(c, 20000, "more")
        equal(set(got), {"OK", OOM})
        equal(c("EXISTS", *["stays:%d" % i for i in range(3000)]), 3000)
        equal(c("EXISTS", *["goes:%d" % i for i in range(20000)]), 0)


@test
def collections_go_too():
    with Server() as s, s.client() as c:
        c("CONFIG", "SET", "maxmemory", "8mb", "maxmemory-policy", "allkeys-random")
        for i in range(300):
            name = "%d" % i
            pipeline(c, [("HSET", "h" + name, *[w for f in range(300) for w in ("field:%d" % f, "value")]),
                         ("ZADD", "z" + name, *[w for f in range(300) for w in (f, "member:%d" % f)]),
                         ("RPUSH", "l" + name, *["element:%d" % f for f in range(300)]),
                         ("SADD", "s" + name, *["member:%d" % f for f in range(300)]),
                         ("XADD", "x" + name, "*", "f", "v" * 1000)])
        wait_for("what went is freed", lambda: used(c) < 8.5 * MB)
        size = c("DBSIZE")
        if not 50 < size < 1400:
            raise AssertionError("%d keys are left" % size)


# ---- lowering, and what goes on in the background ------------------------------------------------------------------------

@test
def lowering_evicts_in_the_background():
    with Server() as s, s.client() as c, s.client() as other:
        c("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
        fill(c, 100000)
        high = used(c)
        c("CONFIG", "SET", "maxmemory", 6 * MB)
        longest = 0
        def low():
            nonlocal longest
            began = time.monotonic()
            other("GET", "key:%d" % random.randrange(100000))
            longest = max(longest, time.monotonic() - began)
            return used(c) <= 6 * MB
        wait_for("nobody writes, and it is enough", low)
        if high < 20 * MB or c("DBSIZE") > 40000:
            raise AssertionError("%d bytes, %d keys" % (high, c("DBSIZE")))
        if longest > 2 and not SLOW:
            raise AssertionError("a GET took %.1f s meanwhile" % longest)
        wait_for("the time above the limit is over", lambda: info(c)["current_eviction_exceeded_time"] == "0")
        # Without a policy nothing goes by itself.
        c("CONFIG", "SET", "maxmemory", MB, "maxmemory-policy", "noeviction")
        keys = c("DBSIZE")
        equal(c("SET", "k", "v"), OOM)
        equal(c("DBSIZE"), keys)
        equal(info(c)["current_eviction_exceeded_time"].isdigit(), True)
        # And once there is one, it does.
        c("CONFIG", "SET", "maxmemory-policy", "allkeys-random")
        wait_for("it is enough", lambda: used(c) <= MB + 64 * 1024)


# ---- transactions, blocked clients -----------------------------------------------------------------------------------------

@test
def transactions_at_the_limit():
    with Server() as s, s.client() as c, s.client() as d:
        c("CONFIG", "SET", "maxmemory", "3mb", "maxmemory-policy", "allkeys-lru")
        fill(c, 20000)
        evicted = int(info(c)["evicted_keys"])
        for i in range(2000):
            got = pipeline(c, [("MULTI",), ("SET", "a:%d" % i, "x" * 300), ("INCR", "n"), ("RPUSH", "l:%d" % i, "x"), ("EXEC",)])
            equal(got[:4] + [got[4][0], got[4][2]], ["OK", "QUEUED", "QUEUED", "QUEUED", "OK", 1])
        near(c, 3 * MB)
        equal(int(info(c)["evicted_keys"]) > evicted, True)
        # A watched key that is evicted has changed.
        c("SET", "watched", "v")
        equal(d("WATCH", "watched"), "OK")
        while c("EXISTS", "watched"):
            fill(c, 2000, "w%d" % random.randrange(1000000))
        equal(pipeline(d, [("MULTI",), ("PING",), ("EXEC",)])[-1], None)
        # Refused as a whole.
        c("CONFIG", "SET", "maxmemory-policy", "noeviction")
        equal(pipeline(d, [("MULTI",), ("SET", "x", "1")]), ["OK", "QUEUED"])
        c("CONFIG", "SET", "maxmemory", "1")
        equal(d("EXEC"), "EXECABORT Transaction discarded because of: " + OOM)
        equal(d("GET", "x"), None)


@test
def blocked_clients():
    with Server() as s, s.client() as c, s.client() as b, s.client() as x:
        c("XGROUP", "CREATE", "stream", "g", "$", "MKSTREAM")
        b.send("BLPOP", "list", 0)
        x.send("XREADGROUP", "GROUP", "g", "me", "BLOCK", 0, "STREAMS", "stream", ">")
        wait_for("both wait", lambda: info(c)["blocked_clients"] == "2")
        c("CONFIG", "SET", "maxmemory", "1", "maxmemory-policy", "noeviction")
        equal(c("RPUSH", "list", "v"), OOM)
        # The stream goes: who waits for the group is told.
        c("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
        got = x.value()
        if not isinstance(got, Error) or not got.startswith(("NOGROUP", "UNBLOCKED")):
            raise AssertionError("got %r" % (got,))
        c("CONFIG", "SET", "maxmemory", "0")
        equal(c("RPUSH", "list", "v"), 1)
        equal(b.value(), ["list", "v"])


# ---- who is told ------------------------------------------------------------------------------------------------------------

@test
def notifications_and_statistics():
    with Server() as s, s.client() as c, s.client() as n:
        c("CONFIG", "SET", "notify-keyspace-events", "Ee")
        n("PSUBSCRIBE", "__keyevent@*__:*")
        c("CONFIG", "SET", "maxmemory", "3mb", "maxmemory-policy", "allkeys-random")
        c("SELECT", 3)
        fill(c, 20000)
        c("CONFIG", "SET", "maxmemory", "0")
        evicted = int(info(c)["evicted_keys"])
        equal(evicted > 1000, True)
        names = set()
        for _ in range(evicted):
            kind, pattern, channel, key = n.value()
            equal((kind, channel), ("pmessage", "__keyevent@3__:evicted"))
            names.add(key)
        equal(len(names), evicted)
        equal(c("EXISTS", *names), 0)
        c("PUBLISH", "__keyevent@0__:x", "last")
        equal(n.value()[3], "last")
        c("CONFIG", "RESETSTAT")
        equal(info(c)["evicted_keys"], "0")


@test
def accounts():
    with Server() as s, s.client() as c, s.client() as slow:
        empty = info(c)
        equal(int(empty["used_memory"]) <= int(empty["used_memory_rss"]), True)
        equal(int(empty["used_memory_startup"]) <= int(empty["used_memory"]), True)
        fill(c, 50000)
        i = info(c)
        equal(int(i["used_memory"]), int(i["used_memory_dataset"]) + int(i["used_memory_overhead"]))
        grown = int(i["used_memory"]) - int(empty["used_memory"])
        if not 50000 * 200 < grown < 50000 * 320:
            raise AssertionError("50,000 keys take %d bytes" % grown)
        stats = c("MEMORY", "STATS")
        stats = dict(zip(stats[::2], stats[1::2]))
        if abs(stats["total.allocated"] - int(i["used_memory"])) > 65536:
            raise AssertionError("%r is not %r" % (stats["total.allocated"], i["used_memory"]))
        # What a connection does not read is counted, and given back.
        c("SET", "large", "x" * 100000)
        before = used(c)
        slow.s.sendall(b"*2\r\n$6\r\nSTRLEN\r\n$5\r\nlarge\r\n" + b"*2\r\n$4\r\nKEYS\r\n$1\r\n*\r\n" * 20)
        wait_for("it has filled the socket", lambda: used(c) > before + MB)
        slow.__exit__()
        wait_for("it is forgotten", lambda: used(c) < before + MB // 4)
        # A queue, watching.
        before = used(c)
        with s.client() as m:
            pipeline(m, [("WATCH", *["watched:%d" % k for k in range(20000)]), ("MULTI",)] + [("SET", "k", "x" * 1000)] * 1000)
            equal(used(c) > before + MB + 20000 * 60, True)
        wait_for("they are forgotten", lambda: used(c) < before + MB // 2)


# ---- what the process has ------------------------------------------------------------------------------------------------------

def resident(s):
    with open("/proc/%d/smaps_rollup" % s.p.pid) as f:
        return next(int(l.split()[1]) * 1024 for l in f if l.startswith("Rss:"))


def values(c, n, low, high):
    for _ in range(n // 10):
        pipeline(c, [("SET", "v:%d" % random.randrange(10 ** 7), "x" * random.randrange(low, high)) for _ in range(10)])


@test
def the_process_stays_near_the_limit():
    # Sizes that drift leave pages sparse, large values leave buffers behind: all of it comes back to the limit and a tenth, and what the process is without data.
    if SLOW:
        return  # there is a shadow of everything
    limit = 48 * MB
    with Server("--maxmemory", str(limit), "--maxmemory-policy", "allkeys-lru") as s, s.client() as c:
        base = resident(s)
        while info(c)["evicted_keys"] == "0":
            values(c, 2000, 50, 4000)
        for size in 100, 30000, 300, 8000, 40000, 60, 2000:
            def enough():
                nonlocal written
                values(c, 200, size, 2 * size)
                written += 300 * size + 20000
                return written > limit and resident(s) <= limit * 1.1 + base
            written = 0
            wait_for("%d bytes: %.1f MB are resident, the limit is %.1f MB, %.1f MB were there before" % (size, resident(s) / MB, limit / MB, base / MB), enough)
        if used(c) < limit * 0.7:
            raise AssertionError("only %.1f MB are used" % (used(c) / MB))


@test
def uses_outlive_a_restart():
    hot = ["hot:%d" % i for i in range(300)]
    for policy in "allkeys-lfu", "allkeys-s3fifo":
        with tempfile.TemporaryDirectory() as folder:
            flags = "--dir", os.path.join(folder, "d"), "--maxmemory", "5mb", "--maxmemory-policy", policy
            with Server(*flags) as s, s.client() as c:
                c("CONFIG", "SET", "lfu-log-factor", "0")
                fill(c, 300, "hot")
                fill(c, 6000, "cold")
                for _ in range(20):
                    pipeline(c, [("GET", k) for k in hot])
                keys = c("DBSIZE")
                equal(c("SAVE"), "OK")
            with Server(*flags) as s, s.client() as c:
                equal(c("DBSIZE"), keys, policy)
                c("CONFIG", "SET", "maxmemory-samples", "20")
                fill(c, 40000, "once")  # more than fits besides
                left = c("EXISTS", *hot)
                if left < 250 or c("DBSIZE") > 30000:
                    raise AssertionError("%s: %d of 300 that were used are left, of %d keys" % (policy, left, c("DBSIZE")))


def main():
    global KORAD
    p = argparse.ArgumentParser()
    p.add_argument("--korad", default=os.path.join(ROOT, "build", "korad"))
    p.add_argument("words", nargs="*")
    args = p.parse_args()
    KORAD = args.korad
    passed = failed = 0
    for f in TESTS:
        if args.words and not any(w in f.__name__ for w in args.words):
            continue
        try:
            f()
            passed += 1
        except Exception:
            failed += 1
            print("FAILED %s" % f.__name__)
            traceback.print_exc(file=sys.stdout)
    print("%d passed, %d failed" % (passed, failed))
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
