#!/usr/bin/python3
"""Policy `always` through a korad's sockets: nobody learns of a write before it is durable, and nobody waits for more than that.

    run.py [--korad build/korad] [WORD ...]      (WORDs: only tests with one in their name)

A library that is loaded before libc (hold.c) keeps syncs from ending as long as the test likes. The last line is `N passed, N failed`.
"""
import argparse, os, select, subprocess, sys, tempfile, time, traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "durable"))
sys.dont_write_bytecode = True
from server import Error, Server

PATIENCE_S = 60
QUIET_S = 0.01
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
        time.sleep(0.002)


def has_come(c, s=QUIET_S):
    return bool(select.select([c], [], [], s)[0])


class Held(Server):
    """One whose disk can be stopped."""

    def __init__(self, policy="always", shards=2):
        super().__init__(KORAD)
        self.name = os.path.join(self.place.name, "hold")
        os.environ.update(KORA_HOLD=self.name, LD_PRELOAD=HOLD, ASAN_OPTIONS="verify_asan_link_order=0:" + os.environ.get("ASAN_OPTIONS", ""))
        try:
            self.start("--shards", shards, "--appendfsync", policy, "--save", "")
        finally:
            os.environ.pop("LD_PRELOAD")

    def hold(self):
        open(self.name, "w").close()

    def let_go(self):
        for name in (self.name, self.name + ".in"):
            if os.path.exists(name):
                os.remove(name)

    def __exit__(self, *args):
        self.let_go()
        super().__exit__(*args)


def calls(c):
    """How many commands have been done, without INFO itself, which never waits."""
    lines = [line for line in c("INFO", "commandstats").split("\r\n") if line.startswith("cmdstat_")]
    return sum(int(line.split("calls=")[1].split(",")[0]) for line in lines if not line.startswith("cmdstat_info"))


def do(control, c, lines):
    """Has them done; their replies are not waited for."""
    before = calls(control)
    c.send([line.split(" ") for line in lines])
    wait_for("%s is done" % lines, lambda: calls(control) >= before + len(lines))


# What is there before | a write | by what somebody else could learn of it.
LEARN = """
SET k old|SET k v|GET k
|SET k v|GET k
|SET k v|MGET x k
|SET k v|STRLEN k
|SET k v|GETRANGE k 0 1
|SET k v|EXISTS k
|SET k v|TOUCH x k
|SET k v|TYPE k
|SET k v|TTL k
|SET k v|OBJECT ENCODING k
|SET k v|DUMP k
|SET k v|MEMORY USAGE k
|SET k v|DEBUG OBJECT k
|SET k v|DEBUG DIGEST-VALUE k
|SET k v|DEBUG DIGEST
|SET k v|DBSIZE
|SET k v|KEYS *
|SET k v|SCAN 0 COUNT 100000
|SET k v|RANDOMKEY
|SET k v|SETNX k w
|SET k v|SET k w NX
|SET k v|MSETNX k w x w
|SET k v|GETSET k w
|SET k v|RENAMENX x k
|SET k v|PERSIST k
|SET k v|INCR k
|SET k v|LPUSH k x
|SET k v|MULTI;GET k;EXEC
|SET k v|MULTI;SET x 1;GET k;EXEC
|SET k v|MULTI;INCR k;EXEC
|SET k v|MULTI;DBSIZE;EXEC
|MULTI;SET k v;SET x w;EXEC|GET x
SET k v|DEL k|GET k
SET k v|DEL k|KEYS k
SET k v|FLUSHALL|DBSIZE
SET k v|FLUSHDB|GET k
SET k v|SWAPDB 0 1|GET k
SET k v|RENAME k x|GET x
SET k v|RENAME k x|GET k
SET k v|COPY k x|GET x
SET k v|MOVE k 1|EXISTS k
SET k v|EXPIRE k 1000|PEXPIRETIME k
SET k v|GETEX k EX 1000|TTL k
SET k v|GETDEL k|STRLEN k
|RPUSH k 1 2|LRANGE k 0 -1
|RPUSH k 1 2|LLEN k
|RPUSH k 1 2|LPOP k
|RPUSH k 1 2|BLPOP x k 0
|RPUSH k 1 2|SORT k
|RPUSH k 1 2|SORT x BY nosort GET k*
|SADD k 1 2|SUNION x k
|SADD k 1 2|SISMEMBER k 1
|SADD k 1 2|SSCAN k 0
|SADD k 1 2|SINTERCARD 2 k k
|ZADD k 1 m|ZRANGE k 0 -1
|ZADD k 1 m|ZADD k NX 2 m
|HSET k f v|HGETALL k
|HSET k f v|HRANDFIELD k
HSET k f v|HEXPIRE k 1000 FIELDS 1 f|HTTL k FIELDS 1 f
|XADD k 1-1 f v|XRANGE k - +
|XADD k 1-1 f v|XREAD STREAMS k 0
|XADD k 1-1 f v|XINFO STREAM k
XGROUP CREATE k g 0 MKSTREAM|XADD k 1-1 f v|XREADGROUP GROUP g c STREAMS k >
|PFADD k x|PFCOUNT k
|SETBIT k 7 1|BITCOUNT k
|GEOADD k 13 38 m|GEOPOS k m
""".strip().split("\n")


def split(lines):
    return [line.split(" ") for line in lines.split(";")]


def silent(c, what):
    equal(has_come(c), False, what)


@test
def nobody_learns():
    """Of a write that is not durable yet, whatever they ask; then they do. INFO alone tells of what there is: it answers also when the disk does not."""
    with Held(shards=3) as s, s.client() as control:
        for row in LEARN:
            before, write, learn = row.split("|")
            control("FLUSHALL")
            if before:
                control(*before.split(" "))
            with s.client() as writer, s.client() as reader, s.client() as other:
                other("PING")
                for c, lines in ((writer, write), (reader, learn)):
                    for argv in split(lines)[:-1]:  # of a transaction: these only queue
                        c(*argv)
                s.hold()
                do(control, writer, write.split(";")[-1:])
                do(control, reader, learn.split(";")[-1:])
                silent(writer, "%s: acknowledged before it is durable" % row)
                silent(reader, "%s: seen before it is durable" % row)
                equal(other("PING"), "PONG")
                s.let_go()
                reply = writer.value()
                equal(isinstance(reply, Error), False, "%s: %s" % (row, reply))
                reader.value()


@test
def those_that_are_told():
    """Who waits for a key or a message hears of it only when it is durable; WATCH, WAIT and WAITAOF do not tell of it before, either."""
    with Held(shards=3) as s, s.client() as control:
        def told(who, writer, lines, what):
            s.hold()
            do(control, writer, lines)
            for c in who + [writer]:
                silent(c, what + ": told before it is durable")
            s.let_go()
            got = [writer.value() for _ in lines]
            equal([x for x in got if isinstance(x, Error)], [], what)
            return [c.value() for c in who]
        control("CONFIG", "SET", "notify-keyspace-events", "KEA")
        for wait, write, wanted in (("BLPOP k 0", "RPUSH k v", ["k", "v"]), ("BRPOP x k 0", "RPUSH k v", ["k", "v"]), ("BLMOVE k x LEFT LEFT 0", "RPUSH k v", "v"),
                                    ("BLMPOP 0 1 k LEFT", "RPUSH k v", ["k", ["v"]]), ("BZPOPMIN k 0", "ZADD k 1 m", ["k", "m", "1"]),
                                    ("BZMPOP 0 1 k MAX", "ZADD k 1 m", ["k", [["m", "1"]]]), ("XREAD BLOCK 0 STREAMS k $", "XADD k 1-1 f v", [["k", [["1-1", ["f", "v"]]]]])):
            for transaction in False, True:
                with s.client() as writer, s.client() as waiting:
                    control("FLUSHALL")
                    waiting.send([wait.split(" ")])
                    wait_for("it sleeps", lambda: "blocked_clients:1\r\n" in control("INFO", "clients"))
                    if transaction:
                        writer.several([["MULTI"], write.split(" "), ["SET", "y", 1]])
                    equal(told([waiting], writer, ["EXEC" if transaction else write], wait), [wanted])
        with s.client() as writer, s.client() as a, s.client() as b:
            a("SUBSCRIBE", "c")
            b("PSUBSCRIBE", "__key*__:*")
            silent(b, "nothing has been said")
            equal(told([a], writer, ["SET k 1", "PUBLISH c m"], "PUBLISH"), [["message", "c", "m"]])
            equal([b.value() for _ in range(2)], [["pmessage", "__key*__:*", "__keyspace@0__:k", "set"], ["pmessage", "__key*__:*", "__keyevent@0__:set", "k"]])
            equal(told([b], writer, ["SET k 2"], "a keyspace event"), [["pmessage", "__key*__:*", "__keyspace@0__:k", "set"]])
            b.value()
            writer.several([["MULTI"], ["PUBLISH", "c", "m2"], ["DEL", "k"]])
            equal(told([a, b], writer, ["EXEC"], "EXEC"), [["message", "c", "m2"], ["pmessage", "__key*__:*", "__keyspace@0__:k", "del"]])
        with s.client() as writer, s.client() as watching:
            watching.several([["WATCH", "k"], ["MULTI"], ["SET", "x", 1]])
            s.hold()
            do(control, writer, ["SET k 3"])
            do(control, watching, ["EXEC"])
            silent(watching, "that a key has changed")
            s.let_go()
            equal((writer.value(), watching.value()), ("OK", None))
            for wait in "WAIT 0 0", "WAITAOF 0 0 0":
                s.hold()
                do(control, writer, ["SET k 4", wait])
                silent(writer, wait)
                s.let_go()
                equal((writer.value(), isinstance(writer.value(), Error)), ("OK", False), wait)


@test
def policy_changes():
    """While others write. Under `always` nobody sees what was acknowledged before it and is not durable."""
    with Held("everysec", shards=3) as s, s.client() as control, s.client() as a, s.client() as b:
        s.hold()
        for i in range(20):
            equal(a("SET", "k", i), "OK")
        wait_for("a sync is held", lambda: a("SET", "k", "last") == "OK" and os.path.exists(s.name + ".in"))
        equal(a("GET", "k"), "last")
        b("PING")
        b.send([["CONFIG", "SET", "appendfsync", "always"], ["GET", "k"]])
        wait_for("the policy changes", lambda: has_come(b))
        equal(b.value(), "OK")
        silent(b, "seen before it is durable")
        s.let_go()
        equal(b.value(), "last")
        s.hold()
        do(control, a, ["SET k always"])
        silent(a, "acknowledged before it is durable")
        equal(control("CONFIG", "SET", "appendfsync", "everysec"), "OK")
        equal((b("GET", "k"), b("SET", "k", "then")), ("always", "OK"))
        s.let_go()
        equal(a.value(), "OK")
        # Under load: all go on, and nothing is lost
        writers = [s.client() for _ in range(6)]
        counts = [0] * len(writers)

        def go_on(n):
            least = [c + n for c in counts]
            while any(c < l for c, l in zip(counts, least)):
                ready = select.select(writers, [], [], PATIENCE_S)[0]
                equal(bool(ready), True, "acknowledgements go on")
                for i, w in enumerate(writers):
                    if w in ready:
                        w.receive()
                        for reply in iter(lambda: w.take(1), None):
                            counts[i] += 1
                            equal(reply, [counts[i]])
                            w.send([["INCR", "n%d" % i]])
        for i, w in enumerate(writers):
            w.send([["INCR", "n%d" % i]])
        for i in range(60):
            equal(control("CONFIG", "SET", "appendfsync", ("always", "no", "everysec")[i % 3]), "OK")
            go_on(3)
        s.kill()
        s.start("--shards", 2)
        for w in writers:
            w.receive_all()
            w.__exit__()
        with s.client() as c:
            for i, n in enumerate(counts):
                there = int(c("GET", "n%d" % i))
                equal(there in (n, n + 1, n + 2), True, "%d of %d:" % (there, n))


def while_it_runs(s, slow, n):
    """Whether n acknowledgements come between a slow call's beginning and its end."""
    with s.client() as c, s.client() as behind:
        writers = [s.client() for _ in range(16)]
        try:
            c("PING")
            c.send([slow])
            # What comes behind it at its key's stripe waits: then it has begun
            behind.send([["EXISTS", "slow"]])
            while has_come(behind, 0.1) and not has_come(c, 0):
                behind.value()
                behind.send([["EXISTS", "slow"]])
            for i, w in enumerate(writers):
                w.send([["INCR", "n%d" % i]])
            acknowledged = 0
            while acknowledged < n:
                ready = select.select(writers + [c], [], [], PATIENCE_S)[0]
                if c in ready:
                    return False
                equal(bool(ready), True, "something goes on")
                for i, w in enumerate(writers):
                    if w in ready:
                        w.value()
                        acknowledged += 1
                        w.send([["INCR", "n%d" % i]])
            return not has_come(c, 0)
        finally:
            for w in writers:
                w.__exit__()


@test
def a_slow_read():
    """On one stripe: acknowledgements go on at the others. A machine may be slow: then the read is made slower."""
    for policy in "always", "everysec":
        with Server(KORAD) as s:
            s.start("--shards", 3, "--appendfsync", policy, "--save", "")
            with s.client() as c:
                c("SET", "slow", 1)
            equal(any(while_it_runs(s, ["DEBUG", "SLEEP", seconds, "KEY", "slow"], 300) for seconds in (1, 5, 20, 80)), True, policy)


def main():
    global KORAD, HOLD
    parser = argparse.ArgumentParser()
    parser.add_argument("--korad", default="build/korad")
    parser.add_argument("words", nargs="*")
    options = parser.parse_args()
    KORAD = os.path.abspath(options.korad)
    passed = failed = 0
    with tempfile.TemporaryDirectory() as folder:
        HOLD = os.path.join(folder, "hold.so")
        subprocess.run([os.environ.get("CC", "cc"), "-shared", "-fPIC", "-O1", "-D_GNU_SOURCE", "-o", HOLD, os.path.join(HERE, "hold.c"), "-ldl"], check=True)
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
