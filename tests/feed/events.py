#!/usr/bin/python3
"""Keyspace notifications: random commands of every family that writes, to korad and to redis-server, whose events must be the same, command by
command and in order.

    events.py [--korad build/korad] [--seed N] [--steps N]

The last line is `N passed, N failed`.
"""
import argparse, os, random, shutil, socket, subprocess, sys, tempfile, time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import run

WORDS = "abc"


def keys_of(r):
    return "k" + r.choice("123456")


def number(r):
    return r.choice(["1", "2", "5", "-1", "10"])


FAMILIES = [(("SET", "GET", "INCR", "DECR", "APPEND", "PSETEX", "BIT", "PF", "MS", "MG", "STR", "LCS"), "12"), (("L", "R", "BL", "BR"), "23"), (("S", ), "34"),
            (("H", ), "45"), (("Z", "BZ", "GEO"), "56"), (("X", ), "61")]


def commands(r):
    """A random command; mostly about keys that such commands are about."""
    while True:
        command = any_command(r)
        if r.random() < 0.15:
            return command
        for names, digits in FAMILIES:
            if command[0].startswith(names):
                return (command[0],) + tuple("k" + r.choice(digits) if len(a) == 2 and a[0] == "k" and a[1] in "123456" else a for a in command[1:])
        if r.random() < 0.3:
            return command


def any_command(r):
    """One random command. Keys are few and types mixed, so that errors, overwrites and emptied keys are frequent."""
    k, j, m, n = keys_of(r), keys_of(r), r.choice(WORDS), number(r)
    kind = k[1]
    end = lambda: r.choice(["LEFT", "RIGHT"])
    return r.choice([
        ("SET", k, m), ("SET", k, n, "EX", "1000"), ("SET", k, n, "KEEPTTL"), ("SET", k, m, "NX"), ("SET", k, m, "XX", "GET"), ("SETNX", k, m),
        ("SETEX", k, "1000", n), ("PSETEX", k, "100000", n), ("GETSET", k, m), ("GETDEL", k), ("GETEX", k, "EX", "100"), ("GETEX", k, "PERSIST"),
        ("GETEX", k), ("GETEX", k, "PXAT", "1"), ("MSET", k, n, j, m), ("MSETNX", k, n, j, m), ("APPEND", k, m), ("SETRANGE", k, "2", m),
        ("SETRANGE", k, "2", ""), ("INCR", k), ("DECR", k), ("INCRBY", k, n), ("DECRBY", k, n), ("INCRBYFLOAT", k, "1.5"), ("GET", k), ("MGET", k, j),
        ("SETBIT", k, "3", "1"), ("BITFIELD", k, "SET", "u8", "0", "7"), ("BITFIELD", k, "GET", "u8", "0"), ("BITOP", "AND", k, j, keys_of(r)),
        ("BITOP", "NOT", k, j), ("PFADD", k, m), ("PFMERGE", k, j), ("PFCOUNT", k),
        ("DEL", k, j), ("UNLINK", k), ("EXPIRE", k, "1000"), ("PEXPIRE", k, "100000"), ("EXPIREAT", k, "1"), ("EXPIRE", k, "-1"), ("EXPIRE", k, "50", "NX"),
        ("PERSIST", k), ("RENAME", k, j), ("RENAMENX", k, j), ("MOVE", k, "1"), ("COPY", k, j), ("COPY", k, j, "REPLACE"), ("COPY", k, k, "DB", "1"),
        ("SORT", k, "STORE", j, "ALPHA"), ("SORT", k, "BY", "nosort", "STORE", j), ("TOUCH", k), ("EXISTS", k, j), ("TYPE", k), ("TTL", k), ("OBJECT", "ENCODING", k),
        ("DUMP", k), ("SELECT", r.choice("0001")), ("RANDOMKEY",), ("STRLEN", k), ("GETRANGE", k, "0", "1"), ("LCS", k, j),
        ("LPUSH", k, m, n), ("RPUSH", k, m), ("LPUSHX", k, m), ("RPUSHX", k, m), ("LINSERT", k, "BEFORE", m, n), ("LPOP", k), ("RPOP", k, "2"),
        ("LSET", k, "0", m), ("LTRIM", k, "1", "1"), ("LTRIM", k, "5", "1"), ("LREM", k, "0", m), ("RPOPLPUSH", k, j), ("RPOPLPUSH", k, k),
        ("LMOVE", k, j, end(), end()), ("LMOVE", k, k, end(), end()), ("LMPOP", "2", k, j, end(), "COUNT", "2"), ("BLPOP", k, j, "0.001"),
        ("BRPOP", k, "0.001"), ("BLMOVE", k, j, end(), end(), "0.001"), ("BRPOPLPUSH", k, j, "0.001"), ("BLMPOP", "0.001", "1", k, end()),
        ("SADD", k, m, n), ("SREM", k, m, n), ("SPOP", k), ("SPOP", k, "5"), ("SPOP", k, "0"), ("SMOVE", k, j, m), ("SINTERSTORE", k, j, keys_of(r)),
        ("SUNIONSTORE", k, j, keys_of(r)), ("SDIFFSTORE", k, j, keys_of(r)), ("SMEMBERS", k), ("SISMEMBER", k, m),
        ("HSET", k, m, n), ("HMSET", k, m, n), ("HSETNX", k, m, n), ("HINCRBY", k, m, n), ("HINCRBYFLOAT", k, m, "1.5"), ("HDEL", k, m, n), ("HGET", k, m),
        ("ZADD", k, "1", m, "2", n), ("ZADD", k, "INCR", "1", m), ("ZADD", k, "NX", "1", "incr"), ("ZINCRBY", k, "2", m), ("ZREM", k, m, n),
        ("ZREMRANGEBYRANK", k, "0", "0"), ("ZREMRANGEBYSCORE", k, "-inf", "+inf"), ("ZREMRANGEBYLEX", k, "-", "[b"), ("ZPOPMIN", k), ("ZPOPMAX", k, "3"),
        ("ZMPOP", "2", k, j, r.choice(["MIN", "MAX"])), ("BZPOPMIN", k, "0.001"), ("BZPOPMAX", k, "0.001"), ("BZMPOP", "0.001", "1", k, "MIN"),
        ("ZUNIONSTORE", k, "2", j, keys_of(r)), ("ZINTERSTORE", k, "2", j, keys_of(r)), ("ZDIFFSTORE", k, "2", j, keys_of(r)), ("ZRANGESTORE", k, j, "0", "1"),
        ("ZSCORE", k, m), ("GEOADD", k, "13.3", "38.1", m), ("GEOSEARCHSTORE", k, j, "FROMLONLAT", "13", "38", "BYRADIUS", "100", "km"),
        ("GEORADIUS", j, "13", "38", "100", "km", "STORE", k), ("GEORADIUSBYMEMBER", j, m, "100", "km", "STOREDIST", k),
        ("XADD", k, "*", "f", m), ("XADD", k, "MAXLEN", "2", "*", "f", m), ("XADD", k, "NOMKSTREAM", "*", "f", m), ("XTRIM", k, "MAXLEN", "1"), ("XDEL", k, "1-1"),
        ("XADD", k, "9999999999999-%d" % r.randint(1, 9999), "f", m), ("XGROUP", "CREATE", k, "g", "0", "MKSTREAM"), ("XGROUP", "CREATE", k, "g", "$"),
        ("XGROUP", "SETID", k, "g", "0"), ("XGROUP", "CREATECONSUMER", k, "g", m), ("XGROUP", "DELCONSUMER", k, "g", m), ("XGROUP", "DESTROY", k, "g"),
        ("XREADGROUP", "GROUP", "g", m, "COUNT", "1", "STREAMS", k, ">"), ("XSETID", k, "9999999999999-99999"), ("XACK", k, "g", "1-1"),
        ("XCLAIM", k, "g", m, "0", "1-1"), ("XAUTOCLAIM", k, "g", n, "0", "0"), ("XLEN", k), ("XRANGE", k, "-", "+"),
        ("FLUSHDB",) if r.random() < 0.3 else ("ECHO", m), ("SWAPDB", "0", "1") if r.random() < 0.3 else ("ECHO", m),
    ])


class Side:
    def __init__(self, path, flags):
        self.c = run.Client(path)
        self.sub = run.Client(path, 3)
        self.sub("PSUBSCRIBE", "__key*__:*")
        self.sub("SUBSCRIBE", "end")
        assert self.c("CONFIG", "SET", "notify-keyspace-events", flags) == "OK"

    def step(self, command):
        reply = self.c(*command)
        self.c("PUBLISH", "end", "")
        events = []
        while True:
            kind, v = self.sub.value()
            if v[1] == "end":
                return reply, events
            events.append((v[2], v[3]))


def same_kind(a, b):
    return isinstance(a, run.Error) == isinstance(b, run.Error)


def compare(kora, redis, seed, steps, flags):
    r = random.Random(seed)
    a, b = Side(kora, flags), Side(redis, flags)
    for s in a, b:
        s.c("SELECT", "0")
        s.c("FLUSHALL")
    seen, log = set(), []
    for i in range(steps):
        command = commands(r)
        (ra, ea), (rb, eb) = a.step(command), b.step(command)
        log.append(command)
        if command[0] == "SPOP" or command[0] == "RANDOMKEY":  # the two have taken different ones
            for s in a, b:
                s.c("DEL", command[1]) if len(command) > 1 else None
                s.step(("ECHO", ""))
        seen.update(name for channel, name in eb if channel.startswith("__keyspace"))
        if ea != eb:
            return "seed %d step %d %r: replies %r and %r, events\n  kora  %r\n  redis %r\n  after %r" % (seed, i, command, ra, rb, ea, eb, log[-6:-1]), seen
    return None, seen


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--korad", default=os.path.join(run.ROOT, "build", "korad"))
    p.add_argument("--seed", type=int)
    p.add_argument("--steps", type=int, default=400 if run.SLOW else 3000)
    args = p.parse_args()
    run.KORAD = args.korad
    if not shutil.which("redis-server"):
        print("FAILED: there is no redis-server to compare with\n0 passed, 1 failed")
        return 1
    passed = failed = 0
    everything = set()
    with tempfile.TemporaryDirectory() as d, run.Server() as s:
        path = os.path.join(d, "r")
        redis = subprocess.Popen(["redis-server", "--port", "0", "--unixsocket", path, "--save", "", "--dir", d], stdout=subprocess.DEVNULL)
        try:
            run.wait_for("redis-server", lambda: os.path.exists(path))
            for seed, flags in enumerate(["KEA", "KEA", "AKEm", "Kg$x", "Ehzts"]) if args.seed is None else [(args.seed, "KEA")]:
                wrong, seen = compare(s.path, path, seed, args.steps, flags)
                everything |= seen
                passed, failed = passed + (wrong is None), failed + (wrong is not None)
                if wrong:
                    print("FAILED", flags, wrong)
        finally:
            redis.terminate()
            redis.wait()
    print("events seen:", " ".join(sorted(everything)))
    print("%d passed, %d failed" % (passed, failed))
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
