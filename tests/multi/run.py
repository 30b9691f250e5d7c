#!/usr/bin/python3
"""Transactions over several connections: pipelines cut anywhere, watching while others write, who sees what, connections that go in the middle.

    run.py [--korad build/korad] [WORD ...]      (WORDs: only tests with one in their name)

The last line is `N passed, N failed`.
"""
import argparse, os, random, socket, sys, threading, time, traceback

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests/transcripts"))
sys.dont_write_bytecode = True
from run import Sockets

PATIENCE_S = 60
SLOW = any(v in os.environ.get("KORA_BUILD", "") for v in ("asan", "ubsan", "tsan", "valgrind"))
TESTS = []


def test(f):
    TESTS.append(f)
    return f


def equal(got, wanted, what=""):
    if got != wanted:
        raise AssertionError("%s got %.300r, wanted %.300r" % (what, got, wanted))


def wait_for(what, condition):
    end = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > end:
            raise AssertionError("never: " + what)
        time.sleep(0.005)


class Error(str):
    pass


def words(argv):
    return [w if isinstance(w, bytes) else str(w).encode() for w in argv]


def encode(*argv):
    argv = words(argv)
    return b"*%d\r\n" % len(argv) + b"".join(b"$%d\r\n%b\r\n" % (len(w), w) for w in argv)


class Client:
    def __init__(self, server):
        self.s = socket.create_connection(("127.0.0.1", server.port), PATIENCE_S)
        self.s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.f = self.s.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.f.close()
        self.s.close()

    def send(self, data):
        self.s.sendall(data)

    def read(self):
        line = self.f.readline()
        if not line:
            raise ConnectionError("closed")
        kind, rest = line[:1], line[1:-2]
        if kind == b"+":
            return rest.decode()
        if kind == b"-":
            return Error(rest.decode())
        if kind == b":":
            return int(rest)
        n = int(rest)
        if kind == b"$":
            return None if n < 0 else self.f.read(n + 2)[:-2]
        return None if n < 0 else [self.read() for _ in range(n)]

    def __call__(self, *argv):
        self.send(encode(*argv))
        return self.read()

    def ask(self, *commands):
        self.send(b"".join(encode(*c) for c in commands))
        return [self.read() for _ in commands]


def line_of(client, number):
    for line in client("CLIENT", "LIST").decode().splitlines():
        fields = dict(f.split("=", 1) for f in line.split())
        if fields["id"] == str(number):
            return fields
    return {}


# ---- order -----------------------------------------------------------------------------------------------------------------

@test
def a_pipeline_cut_anywhere(server):
    commands = [("SET", "k", "1"), ("GET", "k"), ("WATCH", "k"), ("GET", "k"), ("MULTI",), ("INCR", "k"), ("GET", "k"), ("SELECT", "1"), ("SET", "k", "x"), ("EXEC",), ("GET", "k"), ("SELECT", "0"), ("GET", "k"),
                ("MULTI",), ("NOSUCH",), ("GET", "k"), ("EXEC",), ("WATCH", "k"), ("SET", "k", "3"), ("MULTI",), ("SET", "k", "4"), ("EXEC",), ("MULTI",), ("DISCARD",), ("GET", "k")]
    wanted = ["OK", b"1", "OK", b"1", "OK", "QUEUED", "QUEUED", "QUEUED", "QUEUED", [2, b"2", "OK", "OK"], b"x", "OK", b"2",
              "OK", "ERR unknown command 'NOSUCH', with args beginning with: ", "QUEUED", "EXECABORT Transaction discarded because of previous errors.", "OK", "OK", "OK", "QUEUED", None, "OK", "OK", b"3"]
    data = b"".join(encode(*c) for c in commands)
    with Client(server) as c:
        for at in range(0, len(data), 23 if SLOW else 3):
            c.send(data[:at])
            time.sleep(0.0005)
            c.send(data[at:])
            equal([c.read() for _ in commands], wanted, "cut at %d:" % at)


@test
def many_commands_in_one(server):
    n = 2000 if SLOW else 20000
    with Client(server) as c:
        c.send(encode("MULTI") + b"".join(encode("INCR", "n:%d" % (i % 100)) for i in range(n)) + encode("EXEC"))
        equal(c.read(), "OK")
        for _ in range(n):
            equal(c.read(), "QUEUED")
        equal(c.read(), [i // 100 + 1 for i in range(n)])


@test
def large_values(server):
    big = os.urandom(300_000)
    with Client(server) as c:
        equal(c.ask(("MULTI",), ("SET", "big", big), ("GET", "big"), ("APPEND", "big", "x"), ("GET", "big"), ("SET", "big", "small"), ("GET", "big"), ("EXEC",))[-1],
              ["OK", big, len(big) + 1, big + b"x", "OK", b"small"])
        c("SET", "big", big)
        got = c.ask(("MULTI",), ("GET", "big"), ("CLIENT", "KILL", "ID", "999999"), ("GET", "big"), ("CLIENT", "LIST"), ("FLUSHALL",), ("EXEC",))[-1]
        equal(got[:3], [big, 0, big])
        equal(got[4], "OK")
        equal(got[3].count(b"id="), 1)


@test
def silence(server):
    with Client(server) as c:
        c.send(encode("CLIENT", "REPLY", "OFF") + encode("MULTI") + encode("SET", "k", "v") + encode("EXEC") + encode("CLIENT", "REPLY", "ON") + encode("GET", "k"))
        equal([c.read(), c.read()], ["OK", b"v"])
        c.send(encode("MULTI") + encode("CLIENT", "REPLY", "SKIP") + encode("INCR", "n") + encode("EXEC"))
        equal([c.read() for _ in range(3)], ["OK", "QUEUED", "QUEUED"])


# ---- who sees what ---------------------------------------------------------------------------------------------------------

@test
def nobody_sees_half(server):
    stop, seen = threading.Event(), []

    def look():
        with Client(server) as c:
            while not stop.is_set():
                values = c("MGET", *["h:%d" % i for i in range(10)])
                seen.append(values)
                if len(set(values)) > 1:
                    return

    with Client(server) as c:
        c("MSET", *[w for i in range(10) for w in ("h:%d" % i, "0")])
        threads = [threading.Thread(target=look) for _ in range(3)]
        for t in threads:
            t.start()
        for n in range(1, 100 if SLOW else 600):
            equal(len(c.ask(("MULTI",), *[("SET", "h:%d" % i, n) for i in range(10)], ("EXEC",))[-1]), 10)
        stop.set()
        for t in threads:
            t.join()
    for values in seen:
        equal(len(set(values)), 1, "MGET")


@test
def conflicts_are_counted(server):
    done, conflicts = [], []
    n = 30 if SLOW else 150

    def work(seed):
        r, c = random.Random(seed), Client(server)
        ok = bad = 0
        while ok < n:
            db, key = r.randrange(2), "c:%d" % r.randrange(3)
            _, _, value = c.ask(("SELECT", db), ("WATCH", key), ("GET", key))
            if c.ask(("MULTI",), ("SET", key, int(value or 0) + 1), ("RPUSH", "log", key), ("EXEC",))[-1] is None:
                bad += 1
            else:
                ok += 1
        done.append(ok)
        conflicts.append(bad)
        c.close()

    threads = [threading.Thread(target=work, args=(i,)) for i in range(6)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    with Client(server) as c:
        total = 0
        for db in range(2):
            c("SELECT", db)
            values = [int(v or 0) for v in c("MGET", "c:0", "c:1", "c:2")]
            log = c("LRANGE", "log", "0", "-1")
            equal(values, [log.count(b"c:%d" % i) for i in range(3)])
            total += sum(values)
        equal(total, 6 * n)
        equal(sum(done), total)
    if not sum(conflicts):
        raise AssertionError("there were no conflicts")


@test
def others_are_marked(server):
    with Client(server) as a, Client(server) as b, Client(server) as c:
        number = a("CLIENT", "ID")
        equal((line_of(c, number)["flags"], line_of(c, number)["multi"], line_of(c, number)["watch"]), ("N", "-1", "0"))
        a("WATCH", "x", "y")
        equal((line_of(c, number)["multi"], line_of(c, number)["watch"]), ("-1", "2"))
        a("MULTI")
        equal((line_of(c, number)["flags"], line_of(c, number)["multi"]), ("x", "0"))
        a.ask(("GET", "x"), ("GET", "y"))
        equal((line_of(c, number)["flags"], line_of(c, number)["multi"]), ("x", "2"))
        b("SET", "y", "1")
        equal(line_of(c, number)["flags"], "xd")
        equal(a("EXEC"), None)
        equal((line_of(c, number)["flags"], line_of(c, number)["multi"], line_of(c, number)["watch"], line_of(c, number)["multi-mem"]), ("N", "-1", "0", "0"))


# ---- commands that every shard has a part in -------------------------------------------------------------------------------

@test
def every_shard(server):
    clients = [Client(server) for _ in range(6)]
    for i, c in enumerate(clients):
        c("CLIENT", "SETNAME", "shard-%d" % i)
    victim = clients[5]("CLIENT", "ID")
    with Client(server) as c:
        got = c.ask(("MULTI",), ("SET", "k", "v"), ("CLIENT", "LIST"), ("GET", "k"), ("CLIENT", "KILL", "ID", victim), ("CLIENT", "LIST"), ("CLIENT", "LIST", "TYPE", "nope"), ("DEL", "k"), ("EXEC",))[-1]
        equal((got[0], got[2], got[3], got[6]), ("OK", b"v", 1, 1))
        equal(got[5], "ERR Unknown client type 'nope'")
        equal(sum(b"name=shard-" in line for line in got[1].splitlines()), 6)
        equal(sum(b"name=shard-" in line for line in got[4].splitlines()), 5)
        # Its own end comes after its answer.
        me = c("CLIENT", "ID")
        equal(c.ask(("MULTI",), ("CLIENT", "KILL", "ID", me, "SKIPME", "no"), ("PING",), ("EXEC",))[-1], [1, "PONG"])
        equal(c.f.read(), b"")
    for c in clients[:5]:
        equal(c("PING"), "PONG")
    for c in clients:
        c.close()


@test
def every_shard_while_others_work(server):
    stop, errors = threading.Event(), []

    def work(seed):
        r = random.Random(seed)
        try:
            with Client(server) as c:
                while not stop.is_set():
                    commands = [r.choice([("SET", "k:%d" % r.randrange(50), "v"), ("CLIENT", "LIST"), ("KEYS", "k:1*"), ("DBSIZE",), ("CLIENT", "KILL", "ID", "999999"), ("FLUSHALL",), ("SCAN", "0"), ("RANDOMKEY",)]) for _ in range(r.randrange(6))]
                    equal(len(c.ask(("MULTI",), *commands, ("EXEC",))[-1]), len(commands))
        except Exception as e:
            errors.append(e)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(6)]
    for t in threads:
        t.start()
    time.sleep(2)
    stop.set()
    for t in threads:
        t.join()
    equal(errors, [])


# ---- waiting ---------------------------------------------------------------------------------------------------------------

@test
def those_who_wait_come_after(server):
    with Client(server) as a, Client(server) as b, Client(server) as c:
        a.send(encode("BLPOP", "l", "0"))
        wait_for("a client that waits", lambda: b"blocked_clients:1" in c("INFO", "clients"))
        equal(b.ask(("MULTI",), ("RPUSH", "l", "1"), ("LPOP", "l"), ("RPUSH", "l", "2"), ("RPUSH", "l", "3"), ("LLEN", "l"), ("EXEC",))[-1], [1, b"1", 1, 2, 2])
        equal(a.read(), [b"l", b"2"])
        equal(b("LRANGE", "l", "0", "-1"), [b"3"])
        # What comes and goes in one transaction was never there.
        a.send(encode("BLPOP", "m", "0"))
        wait_for("a client that waits", lambda: b"blocked_clients:1" in c("INFO", "clients"))
        b.ask(("MULTI",), ("RPUSH", "m", "1"), ("DEL", "m"), ("EXEC",))
        b("RPUSH", "m", "2")
        equal(a.read(), [b"m", b"2"])


@test
def a_pause_holds_what_writes(server):
    with Client(server) as a, Client(server) as b, Client(server) as c:
        equal(a.ask(("MULTI",), ("SET", "p", "1")), ["OK", "QUEUED"])
        equal(b.ask(("MULTI",), ("GET", "p")), ["OK", "QUEUED"])
        equal(c("CLIENT", "PAUSE", "100000", "WRITE"), "OK")
        a.send(encode("EXEC"))
        equal(b("EXEC"), [None])
        equal(c("GET", "p"), None)
        equal(c("CLIENT", "UNPAUSE"), "OK")
        equal(a.read(), ["OK"])


# ---- the end of connections --------------------------------------------------------------------------------------------------

@test
def connections_that_go(server):
    stop = threading.Event()

    def write():
        with Client(server) as c:
            while not stop.is_set():
                c.ask(*[("INCR", "g:%d" % i) for i in range(20)])

    threads = [threading.Thread(target=write) for _ in range(2)]
    for t in threads:
        t.start()
    r = random.Random(1)
    for _ in range(100 if SLOW else 600):
        c = Client(server)
        c.send(encode("WATCH", *["g:%d" % r.randrange(40) for _ in range(5)]) + r.choice([b"", encode("MULTI") + encode("SET", "g:1", "0") * 20, encode("UNWATCH"), encode("RESET"), encode("MULTI") + encode("DISCARD")]))
        if r.random() < 0.7:
            c.read()
        if r.random() < 0.3:
            c.send(encode("MULTI") + encode("CLIENT", "LIST") + encode("KEYS", "*") + encode("EXEC"))
        c.close()
    stop.set()
    for t in threads:
        t.join()
    with Client(server) as c:
        wait_for("only one client", lambda: c("CLIENT", "LIST").count(b"id=") == 1)


@test
def too_much_is_refused(server):
    with Client(server) as c:
        c("CONFIG", "SET", "client-query-buffer-limit", "1048576")
        try:
            value = b"x" * 300_000
            got = c.ask(("MULTI",), *[("SET", "k%d" % i, value) for i in range(5)], ("EXEC",), ("GET", "k0"))
            equal(got[1:4], ["QUEUED"] * 3)
            equal(got[4], "ERR transaction exceeds client-query-buffer-limit")
            equal(got[6:], ["EXECABORT Transaction discarded because of previous errors.", None])
        finally:
            c("CONFIG", "SET", "client-query-buffer-limit", "1gb")


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--korad", default=os.path.join(ROOT, os.environ.get("KORA_BUILD", "build"), "korad"))
    p.add_argument("words", nargs="*")
    options = p.parse_args()
    passed = failed = 0
    server = Sockets(os.path.abspath(options.korad), ["--shards", "2"], 2)
    for f in TESTS:
        if options.words and not any(w in f.__name__ for w in options.words):
            continue
        try:
            with Client(server) as c:
                c("FLUSHALL")
            f(server)
            with Client(server) as c:
                equal(c("PING"), "PONG", "another client")
            passed += 1
        except Exception:
            traceback.print_exc()
            print("FAILED %s" % f.__name__)
            failed += 1
    wrong = server.end()
    if wrong:
        print(wrong)
        failed += 1
    print("%d passed, %d failed" % (passed, failed))
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
