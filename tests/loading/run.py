#!/usr/bin/python3
"""A korad that loads its directory: what its clients get meanwhile, how it ends, and that all is there afterwards.

    run.py [--korad build/korad] [WORD ...]      (WORDs: only tests with one in their name)

How long it loads is the test's to say: with key-load-delay it would take hours, until CONFIG SET ends that. The last line is `N passed, N failed`.
"""
import argparse, os, signal, socket, subprocess, sys, time, traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "durable"))
sys.dont_write_bytecode = True
from server import PATIENCE_S, Client, Error, Server

SLOWLY = ("--key-load-delay", 1000000)
REFUSED = "LOADING Kora is loading the dataset in memory"
KEYS = 5000
TESTS = []


def test(f):
    TESTS.append(f)
    return f


def equal(got, wanted, what=""):
    if got != wanted:
        raise AssertionError("%s got %.600r, wanted %.600r" % (what, got, wanted))


def wait_for(what, condition):
    end = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > end:
            raise AssertionError("never: " + what)
        time.sleep(0.01)


def info(c, section="persistence"):
    return dict(line.split(":", 1) for line in c("INFO", section).split("\r\n") if ":" in line)


def fill(s, snapshot, keys=KEYS, flags=()):
    """Data in a snapshot, and behind it, or all of it in the log; the digest of it."""
    s.start("--shards", 2, *flags)
    with s.client() as c:
        for i in range(0, keys, 100):
            c("MSET", *[x for k in range(i, i + 100) for x in ("key:%d" % k, "v" * 100)])
            if snapshot and i == keys // 2 // 100 * 100:
                equal(c("SAVE"), "OK")
        for i in range(200):
            c("RPUSH", "list:%d" % (i % 7), i, i + 1)
            c("ZADD", "zset", i, "m%d" % i)
            c("HSET", "hash:%d" % (i % 3), "f%d" % i, i)
        c("SET", "expires", 1, "PX", 1)
        c("SELECT", 3)
        c("SET", "other", 3)
        c("SET", "gone", 3)
        c("SWAPDB", 3, 4)
        c("SELECT", 4)
        c("DEL", "gone")
        c("SELECT", 5)
        c("MSET", "x", 1, "y", 2, "z", 3)
        c("FLUSHDB")
        c("SET", "expires", 1, "PX", 1)
        c("SELECT", 0)
        wait_for("both have expired", lambda: c("EXISTS", "expires") == 0 and "db5" not in info(c, "keyspace"))
        return c("DEBUG", "DIGEST")


def start_slowly(s, *flags):
    s.spawn(*SLOWLY, *flags)

    def listens():
        if s.p.poll() is not None:
            raise AssertionError("korad ended with %d" % s.p.returncode)
        try:
            Client(s.path).s.close()
            return True
        except OSError:
            return False
    wait_for("it listens", listens)


def let_go_on(s, c):
    equal(c("CONFIG", "SET", "key-load-delay", 0), "OK")
    wait_for("it is loaded", lambda: c("PING") == "PONG")


def whatever_it_loads(f):
    for snapshot in (False, True):
        with Server(KORAD) as s:
            digest = fill(s, snapshot)
            s.kill() if not snapshot else s.stop()
            f(s, digest)


@test
def clients_meanwhile():
    def one(s, digest):
        start_slowly(s, "--shards", 2)
        with s.client() as c:
            for refused in (["PING"], ["SET", "a", 1], ["GET", "key:1"], ["DBSIZE"], ["SAVE"], ["BGSAVE"], ["FLUSHALL"], ["MEMORY", "DOCTOR"], ["WAIT", 0, 0], ["KEYS", "*"],
                            ["SWAPDB", 0, 1], ["BLPOP", "list:1", 0], ["SCAN", 0], ["MEMORY", "USAGE", "key:1"], ["RANDOMKEY"]):
                equal(c(*refused), REFUSED, refused)
                equal(isinstance(c(*refused), Error), True)
            equal(c("NOSUCH")[:20], "ERR unknown command ")
            equal(c("GET"), "ERR wrong number of arguments for 'get' command")
            for taken in (["SELECT", 0], ["CONFIG", "SET", "timeout", 0], ["AUTH", "x"], ["ECHO", "x"], ["CLIENT", "SETNAME", "x"], ["COMMAND", "COUNT"], ["LASTSAVE"],
                          ["PUBLISH", "ch", "x"], ["WATCH", "key:1"], ["UNWATCH"], ["SLOWLOG", "LEN"], ["TIME"], ["HELLO", 2], ["RESET"], ["LATENCY", "LATEST"], ["CLIENT", "LIST"]):
                equal("LOADING" in str(c(*taken)), False, taken)
            # Transactions
            equal([c("MULTI"), c("ECHO", 1), c("PUBLISH", "ch", 2), c("EXEC")], ["OK", "QUEUED", "QUEUED", ["1", 0]])
            equal([c("MULTI"), c("ECHO", 1), c("SET", "a", 1), c("EXEC")],
                  ["OK", "QUEUED", REFUSED, "EXECABORT Transaction discarded because of previous errors."])
            # A message reaches who has subscribed
            with s.client() as sub:
                equal(sub("SUBSCRIBE", "ch"), ["subscribe", "ch", 1])
                equal(sub("PING"), REFUSED)
                equal(c("PUBLISH", "ch", "text"), 1)
                equal(sub.value(), ["message", "ch", "text"])
            # Pauses are kept apart from it
            equal(c("CLIENT", "PAUSE", 1, "WRITE"), "OK")
            equal(c("SET", "a", 1), REFUSED)
            equal(c("CLIENT", "UNPAUSE"), "OK")
            equal(c("SET", "a", 1), REFUSED)
            let_go_on(s, c)
            equal(c("DEBUG", "DIGEST"), digest)
            equal(c("SET", "a", 1), "OK")
            equal(info(c)["loading"], "0")
            equal("loading_total_bytes" in info(c), False)
    whatever_it_loads(one)


@test
def what_it_tells():
    def one(s, digest):
        start_slowly(s, "--shards", 2)
        with s.client() as c:
            wait_for("it has begun", lambda: int(info(c)["loading_total_bytes"]) > 0)
            i = info(c)
            equal((i["loading"], i["async_loading"], i["aof_enabled"]), ("1", "0", "1"))
            equal(abs(int(i["loading_start_time"]) - time.time()) < 3600, True)
            total, done = int(i["loading_total_bytes"]), int(i["loading_loaded_bytes"])
            equal(0 <= done <= total and total > 10000, True, (done, total))
            equal(i["loading_loaded_perc"], "%.2f" % (100 * done / total))
            int(i["loading_eta_seconds"])
            equal(c("CONFIG", "GET", "appendonly"), ["appendonly", "yes"])
            equal(s.text().count("is ready"), 1) # before
            let_go_on(s, c)
            wait_for("it says so", lambda: s.text().count("is ready") == 2)
    whatever_it_loads(one)


@test
def http_meanwhile():
    with Server(KORAD) as s:
        fill(s, False, 1000)
        s.kill()
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        start_slowly(s, "--metrics-port", port)

        def ask(path):
            with socket.create_connection(("127.0.0.1", port), PATIENCE_S) as h:
                h.sendall(b"GET %s HTTP/1.0\r\n\r\n" % path)
                text = b""
                while True:
                    more = h.recv(65536)
                    if not more:
                        return text
                    text += more
        wait_for("it listens for HTTP", lambda: "http://" in s.text())
        equal(ask(b"/healthz")[:12], b"HTTP/1.1 503")
        equal(b"loading\n" in ask(b"/healthz"), True)
        equal(b"kora_loading 1\n" in ask(b"/metrics"), True)
        equal(b" 200 " in ask(b"/stats.json")[:20], True)
        equal(b" 200 " in ask(b"/")[:20], True)
        with s.client() as c:
            let_go_on(s, c)
        equal(b"ok\n" in ask(b"/healthz"), True)
        equal(b"kora_loading 0\n" in ask(b"/metrics"), True)


def files(folder):
    found = {}
    for at, _, names in os.walk(folder):
        for name in names:
            with open(os.path.join(at, name), "rb") as f:
                found[os.path.relpath(os.path.join(at, name), folder)] = f.read()
    found.pop("LOCK", None)
    return found


@test
def ended_meanwhile():
    """SIGTERM, SIGINT, SHUTDOWN: it ends well, and nothing in the directory has changed."""
    def one(s, digest):
        before = files(s.dir)
        for end in (signal.SIGTERM, signal.SIGINT, "SHUTDOWN", "SHUTDOWN NOSAVE"):
            start_slowly(s, "--shards", 2)
            with s.client() as c:
                equal(c("PING"), REFUSED)
                if isinstance(end, str):
                    try:
                        c(*end.split())
                    except (EOFError, OSError):
                        pass
                else:
                    s.p.send_signal(end)
                equal(s.p.wait(PATIENCE_S), 0, end)
            now = files(s.dir)
            equal(sorted(now), sorted(before))
            equal([name for name in now if now[name] != before[name]], [])
        s.start()
        with s.client() as c:
            equal(c("DEBUG", "DIGEST"), digest)
    whatever_it_loads(one)


@test
def killed_meanwhile():
    def one(s, digest):
        for _ in range(3):
            start_slowly(s, "--shards", 1)
            with s.client() as c:
                equal(c("PING"), REFUSED)
            s.kill()
        s.start("--shards", 3)
        with s.client() as c:
            equal(c("DEBUG", "DIGEST"), digest)
    whatever_it_loads(one)


def refused_to_load(s, listens, *flags):
    """Its exit status, and what it says."""
    if listens:
        start_slowly(s, *flags)
        with s.client() as c:
            equal(c("PING"), REFUSED)
            c("CONFIG", "SET", "key-load-delay", 0)
            try:
                while c("PING") == REFUSED:
                    time.sleep(0.01)
                raise AssertionError("it answers")
            except (EOFError, OSError):
                pass
    else:
        s.spawn(*flags)
    status = s.p.wait(PATIENCE_S)
    s.p = None
    return status, s.text()


@test
def damaged():
    """Found before it can listen, or while it has clients: it ends with 1, and says which file, and where."""
    for listens in (False, True):
        with Server(KORAD) as s:
            fill(s, False, flags=("--appendfsync", "always")) # so that each block says that the one before it was on the disk
            s.stop()
            first = sorted(os.listdir(os.path.join(s.dir, "log")))[0]
            path = os.path.join(s.dir, "log", first)
            size = len(open(path, "rb").read().rstrip(b"\0"))
            with open(path, "r+b") as f:
                f.seek(20 if not listens else size // 2)
                was = f.read(1)
                f.seek(-1, 1)
                f.write(bytes([was[0] ^ 1]))
            status, text = refused_to_load(s, listens)
            equal(status, 1, text)
            equal(first in text and "damaged data" in text and "is ready" not in text.split("asked to end")[-1], True, text[-600:])
            s.start("--repair")
            with s.client() as c:
                equal(c("PING"), "PONG")


@test
def settings_hold():
    """What is set meanwhile holds afterwards, and what stands in the configuration while it is loaded."""
    with Server(KORAD) as s:
        fill(s, False, 500)
        s.kill()
        start_slowly(s, "--appendfsync", "always", "--maxmemory-policy", "allkeys-lfu")
        with s.client() as c:
            equal(c("CONFIG", "GET", "appendfsync"), ["appendfsync", "always"])
            equal(c("CONFIG", "SET", "appendfsync", "no"), "OK")
            equal(c("CONFIG", "SET", "appendfsync", "always"), "OK")
            equal(c("CONFIG", "SET", "save", "1 1"), "OK")
            let_go_on(s, c)
            equal(c("CONFIG", "GET", "appendfsync"), ["appendfsync", "always"])
            syncs = int(info(c)["kora_log_syncs"])
            for i in range(5):
                equal(c("SET", "a%d" % i, 1), "OK")
            equal(int(info(c)["kora_log_syncs"]) >= syncs + 5, True)
            wait_for("a snapshot that the rule asks for", lambda: int(info(c)["rdb_saves"]) > 0)


@test
def nothing_goes_meanwhile():
    """Expiry and eviction rest, then they catch up."""
    with Server(KORAD) as s:
        s.start("--shards", 2)
        with s.client() as c:
            c("SET", "soon", 1, "PX", 1500)
            for i in range(3000):
                c("SET", "key:%d" % i, "v" * 3000)
            c("SET", "soon", 1, "PX", 1500)
            c("SET", "soon2", 1, "PX", 1500)
        s.kill()
        time.sleep(1.6)
        start_slowly(s)
        with s.client() as c:
            equal(c("CONFIG", "SET", "maxmemory", "4mb"), "OK")
            equal(c("CONFIG", "SET", "maxmemory-policy", "allkeys-lru"), "OK")
            equal(c("CONFIG", "SET", "key-load-delay", 1), "OK")
            wait_for("it is loaded", lambda: c("PING") == "PONG")
            wait_for("keys have expired", lambda: int(info(c, "stats")["expired_keys"]) == 2)
            wait_for("keys were evicted", lambda: int(info(c, "stats")["evicted_keys"]) > 0)
            equal(c("EXISTS", "soon", "soon2"), 0)


# ---- ---------------------------------------------------------------------------------------------------------------------------------------

def main():
    global KORAD
    parser = argparse.ArgumentParser()
    parser.add_argument("--korad", default="build/korad")
    parser.add_argument("words", nargs="*")
    options = parser.parse_args()
    KORAD = os.path.abspath(options.korad)
    passed = failed = 0
    for t in TESTS:
        if options.words and not any(w in t.__name__ for w in options.words):
            continue
        try:
            t()
            passed += 1
            print("ok   " + t.__name__, flush=True)
        except Exception:
            failed += 1
            print("FAIL " + t.__name__)
            traceback.print_exc(file=sys.stdout)
            sys.stdout.flush()
    print("%d passed, %d failed" % (passed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
