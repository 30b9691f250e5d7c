#!/usr/bin/python3
"""Publish and subscribe over several connections: order, counts, patterns, what a subscriber may call, slow and killed subscribers.

    run.py [--korad build/korad] [WORD ...]      (WORDs: only tests with one in their name)

The last line is `N passed, N failed`.
"""
import argparse, os, random, re, socket, subprocess, sys, tempfile, threading, time, traceback

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
                Client(self.path).__exit__()
                return True
            except OSError:
                if self.p.poll() is not None:
                    raise AssertionError("korad ended: " + self.text())
                return False
        wait_for("the server listens", up)
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


# ---- replies -----------------------------------------------------------------------------------------------------------

@test
def confirmations_and_messages():
    with Server() as s, s.client() as a, s.client(3) as b, s.client() as p:
        equal(a("SUBSCRIBE", "x"), ["subscribe", "x", 1])
        a.send("SUBSCRIBE", "x", "y")
        equal([a.value(), a.value()], [["subscribe", "x", 1], ["subscribe", "y", 2]])
        equal(a("PSUBSCRIBE", "x*"), ["psubscribe", "x*", 3])
        equal(a("SSUBSCRIBE", "x"), ["ssubscribe", "x", 1])
        equal(b("SUBSCRIBE", "x"), ("push", ["subscribe", "x", 1]))
        equal(p("PUBLISH", "x", "one"), 3)
        equal(p("SPUBLISH", "x", "two"), 1)
        equal(p("PUBLISH", "z", "none"), 0)
        equal([a.value() for _ in range(3)], [["message", "x", "one"], ["pmessage", "x*", "x", "one"], ["smessage", "x", "two"]])
        equal(b.value(), ("push", ["message", "x", "one"]))
        equal(a("UNSUBSCRIBE", "x", ), ["unsubscribe", "x", 2])
        equal(a("UNSUBSCRIBE", "nothing"), ["unsubscribe", "nothing", 2])
        equal(a("UNSUBSCRIBE"), ["unsubscribe", "y", 1])
        equal(a("UNSUBSCRIBE"), ["unsubscribe", None, 1])
        equal(a("PUNSUBSCRIBE"), ["punsubscribe", "x*", 0])
        equal(a("SUNSUBSCRIBE"), ["sunsubscribe", "x", 0])
        equal(a("GET", "k"), None)
        equal(b("UNSUBSCRIBE"), ("push", ["unsubscribe", "x", 0]))
        equal(p("PUBLISH", "x", "gone"), 0)


@test
def restriction():
    refusal = "ERR Can't execute '%s': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context"
    with Server() as s, s.client() as a, s.client(3) as b:
        for word in "SUBSCRIBE", "PSUBSCRIBE", "SSUBSCRIBE":
            a(word, "x")
            equal(a("GET", "k"), refusal % "get")
            equal(a("CLIENT", "LIST"), refusal % "client|list")
            equal(a("PING"), ["pong", ""])
            equal(a("PING", "m"), ["pong", "m"])
            equal(a("RESET"), "RESET")
            equal(a("GET", "k"), None)
            equal(b("PUBSUB", "NUMPAT") + len(b("PUBSUB", "CHANNELS")) + len(b("PUBSUB", "SHARDCHANNELS")), 0, word)
        b("SUBSCRIBE", "x")
        equal(b("GET", "k"), None)
        equal(b("PING"), "PONG")
        a("SUBSCRIBE", "x")
        equal(a("QUIT"), "OK")
        wait_for("it has left", lambda: b("PUBSUB", "NUMSUB", "x") == ["x", 1])


@test
def introspection():
    with Server() as s, s.client() as a, s.client(3) as b, s.client() as c:
        a("SUBSCRIBE", "ch1")
        a.send("SUBSCRIBE", "ch2", "other")
        a.value(), a.value()
        b("SUBSCRIBE", "ch1")
        b("PSUBSCRIBE", "p*")
        a("PSUBSCRIBE", "p*")
        b("SSUBSCRIBE", "sh")
        equal(sorted(c("PUBSUB", "CHANNELS")), ["ch1", "ch2", "other"])
        equal(sorted(c("PUBSUB", "CHANNELS", "ch*")), ["ch1", "ch2"])
        equal(c("PUBSUB", "NUMSUB", "ch1", "ch2", "none"), ["ch1", 2, "ch2", 1, "none", 0])
        equal(c("PUBSUB", "NUMSUB"), [])
        equal(c("PUBSUB", "NUMPAT"), 1)
        equal(c("PUBSUB", "SHARDCHANNELS"), ["sh"])
        equal(c("PUBSUB", "SHARDNUMSUB", "sh", "ch1"), ["sh", 1, "ch1", 0])
        lines = {m[0]: m[1:] for m in re.findall(r"id=(\d+).* flags=(\w+) .*sub=(\d+) psub=(\d+) ssub=(\d+)", c("CLIENT", "LIST"))}
        equal(sorted(lines.values()), [("PU", "1", "1", "1"), ("PU", "3", "1", "0"), ("U", "0", "0", "0")])
        equal(len(c("CLIENT", "LIST", "TYPE", "pubsub").splitlines()), 2)
        equal(len(c("CLIENT", "LIST", "TYPE", "normal").splitlines()), 1)
        equal(c("CLIENT", "LIST", "TYPE", "replica"), "")
        info = c("INFO", "stats")
        for field in "pubsub_channels:3", "pubsub_patterns:1", "pubsubshard_channels:1":
            assert field in info, field
        equal(c("CLIENT", "KILL", "TYPE", "pubsub"), 2)
        wait_for("subscribers to be gone", lambda: c("PUBSUB", "NUMPAT") == 0)


@test
def patterns():
    """Thousands of patterns of every form, against a naive matcher that is the server's own KEYS."""
    r = random.Random(5)
    forms = ["%s*", "*%s", "%s?", "[%sz]", "%s[^a]*", "*%s*", "\\%s*", "a%s", "?%s", "news.%s.*", "[a-%s]*", "%s"]
    names = ["".join(r.choice("abcz.[*") for _ in range(r.randint(1, 5))) for _ in range(150)] + ["news.a.x", "news.b.y", ""]
    wanted = sorted({r.choice(forms) % "".join(r.choice("abcz") for _ in range(r.randint(1, 2))) for _ in range(2000)} | {"*", "", "news.*"})
    with Server() as s, s.client(3) as a, s.client() as c:
        for pattern in wanted:
            a.send("PSUBSCRIBE", pattern)
        for i, pattern in enumerate(wanted):
            equal(a.value(), ("push", ["psubscribe", pattern, i + 1]))
        for name in names:
            c("FLUSHALL")
            c("SET", name, 1)
            for pattern in wanted:
                c.send("KEYS", pattern)
            matching = [p for p in wanted if c.value() and (name or not p)]     # KEYS * has the empty key, but PSUBSCRIBE * not the empty channel
            equal(c("PUBLISH", name, "m"), len(matching), name)
            equal(sorted(a.value()[1][1] for _ in matching), matching, name)
        for pattern in wanted[::2]:
            a("PUNSUBSCRIBE", pattern)
        equal(c("PUBSUB", "NUMPAT"), len(wanted) // 2)
        equal(c("PUBLISH", "news.a.x", "m"), a_count(a, wanted[1::2], c))


def a_count(a, left, c):
    c("FLUSHALL")
    c("SET", "news.a.x", 1)
    n = 0
    for pattern in left:
        n += len(c("KEYS", pattern))
    return n


# ---- order -------------------------------------------------------------------------------------------------------------

@test
def order_and_counts():
    """Publishers on many connections, subscribers that come and go: each gets, of each publisher, in order and without a gap, all from its
    confirmation to its farewell, and as many as publishers were told in sum."""
    rounds = 60 if SLOW else 300
    with Server() as s:
        told, got, wrong = [0], [0], []
        lock, over = threading.Lock(), threading.Event()

        def publisher(number):
            with s.client() as c:
                n = 0
                for i in range(rounds):
                    for k in range(20):
                        c.send("PUBLISH", "ch%d" % (k % 2), "%d:%d:%d" % (number, k % 2, i * 10 + k // 2))
                    for _ in range(20):
                        n += c.value()
                with lock:
                    told[0] += n

        def subscriber(number):
            seen, last = 0, {}
            with s.client(3 if number % 2 else 2) as c:
                def read():
                    v = c.value()
                    return v[1] if isinstance(v, tuple) else v
                while not over.is_set():
                    last.clear()
                    c.send("SUBSCRIBE", "ch0", "ch1") if number % 3 else c.send("PSUBSCRIBE", "ch*")
                    state, n = 0, 0
                    while True:
                        v = read()
                        if v[0].endswith("message"):
                            seen += 1
                            n += 1
                            who, channel, at = v[-1].split(":")
                            before = last.get((who, channel))
                            if before is not None and before + 1 != int(at) or v[-2] != "ch" + channel:
                                wrong.append((number, v, before))
                            last[who, channel] = int(at)
                        elif "unsub" in v[0]:
                            if v[2] == 0:
                                break
                        if n == 200 or (over.is_set() and state == 0):
                            state, n = 1, 201
                            c.send("UNSUBSCRIBE") if number % 3 else c.send("PUNSUBSCRIBE")
                        elif over.is_set() and v[0].endswith("subscribe") and state == 0:
                            state = 1
                if c("PING") != "PONG":
                    wrong.append((number, "after the last farewell"))
            with lock:
                got[0] += seen

        subscribers = [threading.Thread(target=subscriber, args=(i,)) for i in range(6)]
        publishers = [threading.Thread(target=publisher, args=(i,)) for i in range(3)]
        for t in subscribers + publishers:
            t.start()
        for t in publishers:
            t.join()
        over.set()
        with s.client() as c:  # wakes those that wait for a message
            while any(t.is_alive() for t in subscribers):
                told[0] += c("PUBLISH", "ch0", "9:0:0") + c("PUBLISH", "ch1", "9:1:0")
                wrong[:] = [w for w in wrong if not (isinstance(w[1], list) and w[1][-1].startswith("9:"))]
                time.sleep(0.01)
        wrong[:] = [w for w in wrong if not (isinstance(w[1], list) and w[1][-1].startswith("9:"))]
        equal(wrong[:5], [])
        equal(got[0], told[0], "received, against what publishers were told")


@test
def pipelined_with_replies():
    with Server() as s, s.client(3) as a:
        for i in range(50):
            a.send("SUBSCRIBE", "c")
            a.send("PING")
            a.send("PUBLISH", "c", i)
            a.send("UNSUBSCRIBE", "c")
            a.send("PUBLISH", "c", "none")
            equal(a.value(), ("push", ["subscribe", "c", 1]))
            equal(a.value(), "PONG")
            equal(a.value(), 1)
            equal(a.value(), ("push", ["message", "c", str(i)]))
            equal(a.value(), ("push", ["unsubscribe", "c", 0]))
            equal(a.value(), 0)


@test
def replies_off():
    with Server() as s, s.client() as a, s.client() as p:
        a.send("CLIENT", "REPLY", "OFF")
        a.send("SUBSCRIBE", "c")
        equal(a.value(), ["subscribe", "c", 1])
        equal(p("PUBLISH", "c", "m"), 1)
        equal(a.value(), ["message", "c", "m"])


# ---- many, slow, killed --------------------------------------------------------------------------------------------------

@test
def thousand_subscribers():
    n = 200 if SLOW else 1000
    with Server() as s, s.client() as p:
        all_ = [s.client(2 + i % 2) for i in range(n)]
        for c in all_:
            c.send("SUBSCRIBE", "c")
        for c in all_:
            c.value()
        big = "x" * 5000
        for i in range(10):
            equal(p("PUBLISH", "c", "%d %s" % (i, big if i % 2 else "")), n)
        for c in all_:
            for i in range(10):
                v = c.value()
                equal((v[1] if isinstance(v, tuple) else v)[2], "%d %s" % (i, big if i % 2 else ""))
        for c in all_[: n // 2]:
            c.__exit__()
        wait_for("half have left", lambda: p("PUBSUB", "NUMSUB", "c") == ["c", n - n // 2])
        equal(p("PUBLISH", "c", "m"), n - n // 2)
        for c in all_[n // 2:]:
            c.value()
            c.__exit__()
        wait_for("all have left", lambda: p("PUBSUB", "CHANNELS") == [])


@test
def who_does_not_read_is_closed():
    with Server() as s, s.client() as p, s.client() as good, s.client(buffer=4096) as bad, s.client(buffer=4096) as soft:
        p("CONFIG", "SET", "client-output-buffer-limit", "pubsub 1mb 0 0")
        good("SUBSCRIBE", "c")
        bad("SUBSCRIBE", "c")
        text = "y" * 20000
        n = 0
        while p("PUBLISH", "c", text) == 2:
            equal(good.value()[2], text)
            n += 1
            assert n < 2000, "it is never closed"
        good.value()
        assert "above the hard limit" in s.text(), s.text()
        equal(p("PUBLISH", "c", "after"), 1)
        equal(good.value(), ["message", "c", "after"])
        assert "client_output_buffer_limit_disconnections:1" in p("INFO", "stats")
        # Many small ones, faster than anybody reads.
        soft("SUBSCRIBE", "d")
        p("CONFIG", "SET", "client-output-buffer-limit", "pubsub 0 100kb 1")
        def over():
            for _ in range(100):
                p.send("PUBLISH", "d", "z" * 500)
            return sum(p.value() for _ in range(100)) == 0
        wait_for("the soft limit closes it", over)


@test
def killed_while_messages_flow():
    with Server() as s, s.client() as p, s.client() as admin:
        over = threading.Event()

        def publish():
            with s.client() as c:
                while not over.is_set():
                    for _ in range(50):
                        c.send("PUBLISH", "c", "m" * 100)
                    for _ in range(50):
                        c.value()
        t = threading.Thread(target=publish)
        t.start()
        try:
            for i in range(20 if SLOW else 100):
                c = s.client(3)
                number = c("CLIENT", "ID")
                c.send("SUBSCRIBE", "c", "d")
                c.send("PSUBSCRIBE", "c*")
                c.send("SUBSCRIBE", "__keyspace@0__:k")
                c.value()
                if i % 2:
                    equal(admin("CLIENT", "KILL", "ID", number), 1)
                else:
                    c.__exit__()
        finally:
            over.set()
            t.join()
        wait_for("all have left", lambda: p("PUBSUB", "CHANNELS") == [] and p("PUBSUB", "NUMPAT") == 0)


@test
def close_with_subscribers():
    for _ in range(3):
        with Server() as s:
            clients = [s.client() for _ in range(30)]
            for i, c in enumerate(clients):
                c("SUBSCRIBE", "c%d" % (i % 5))
                c("PSUBSCRIBE", "*")
    for c in clients:
        c.__exit__()


@test
def monitor():
    with Server() as s, s.client() as m, s.client() as c:
        equal(m("MONITOR"), "OK")
        c("SET", b"a\n\x01\"\\", b"\xff")
        c("SELECT", 3)
        c("AUTH", "secret")
        c("CONFIG", "GET", "port")
        c("HELLO", 2, "AUTH", "default", "secret")
        c("MSET", "a", 1, "b", 2)
        lines = [re.match(r"^(\d+\.\d{6}) \[(\d+) unix:[^]]*\] (.*)$", m.value()).groups()[1:] for _ in range(5)]
        equal(lines, [("0", r'"SET" "a\n\x01\"\\" "\xff"'), ("3", '"SELECT" "3"'), ("3", '"AUTH" "(redacted)"'),
                      ("3", '"HELLO" "2" "AUTH" "(redacted)" "(redacted)"'), ("3", '"MSET" "a" "1" "b" "2"')])
        assert " flags=OU " in c("CLIENT", "LIST")
        equal(m("RESET"), "RESET")
        c("PING")
        equal(m("PING"), "PONG")


@test
def events_as_redis():
    steps = ["--steps", "150" if SLOW else "800"]
    out = subprocess.run([sys.executable, os.path.join(os.path.dirname(os.path.abspath(__file__)), "events.py"), "--korad", KORAD, *steps],
                         stdout=subprocess.PIPE, text=True, timeout=20 * PATIENCE_S)
    equal(out.returncode, 0, out.stdout)


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
