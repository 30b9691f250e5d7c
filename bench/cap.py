#!/usr/bin/python3
"""korad at its memory limit: hit rates beside redis-server's, and what the process takes while everything is churned.

Hit rates. Each server is a cache of --cap bytes in front of something with --keys keys of 256 bytes, of which a part fits: a request is a GET, and a SET if that
found nothing. The same requests go to both, for each policy; the first third only fills. The servers take the same limit, so that who needs less for a key holds more of them.
Traces:

    zipf 1.0, zipf 0.8   drawn by Zipf's law, whose exponent that is
    scan                 zipf 1.0, and in between, one request of two, walks over keys that are never asked for again
    loop                 all keys one after the other, again and again: worst for LRU

Rounds of 100 requests, one connection. LRU of both counts in seconds, so what it can tell in a run this short is little; --requests makes it longer.

Churn. Strings of 10 bytes to 64 KB, hashes, sorted sets, lists and streams, whose sizes drift, are written over and over into a korad with --churn-cap: RSS has to stay below
that and a tenth, in every sample but those of the first fifth. --churn-seconds 1800 is the long form.

Exit status: 0; 1 if something is missing or broke, or RSS was above; with --check also 1 if the best of Kora's hit rates is below Redis's allkeys-lfu.
"""
import argparse
import itertools
import random
import socket
import sys
import time

import servers
from values import frame

POLICIES = ["allkeys-lru", "allkeys-lfu", "allkeys-random", "allkeys-s3fifo"]
VOLATILE = ["volatile-lru", "volatile-lfu", "volatile-random", "volatile-ttl"]
VALUE = b"v" * 256
ROUND = 100


class Connection:
    def __init__(self, port):
        self.s = socket.create_connection(("127.0.0.1", port), 60)
        self.s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.f = self.s.makefile("rb")

    def lines(self, frames):
        """Sends them in one piece; the first lines of the replies, bulks read over."""
        self.s.sendall(b"".join(frames))
        got = []
        for _ in frames:
            line = self.f.readline()
            if line[:1] == b"$" and line[1:2] != b"-":
                self.f.read(int(line[1:]) + 2)
            got.append(line)
        return got

    def info(self):
        self.s.sendall(frame("INFO", "everything"))
        n = int(self.f.readline()[1:])
        text = self.f.read(n + 2).decode()
        return dict(l.split(":", 1) for l in text.split("\r\n") if ":" in l)


# ---- hit rates -----------------------------------------------------------------------------------------------------------------

def zipf(r, keys, exponent, n):
    weights = list(itertools.accumulate(1 / (i + 1) ** exponent for i in range(keys)))
    names = list(range(keys))
    r.shuffle(names)
    return [names[i] for i in r.choices(range(keys), cum_weights=weights, k=n)]


def make_trace(name, keys, n):
    r = random.Random(7)
    if name == "zipf 1.0":
        return zipf(r, keys, 1.0, n)
    if name == "zipf 0.8":
        return zipf(r, keys, 0.8, n)
    if name == "loop":
        return [i % keys for i in range(n)]
    trace, once = zipf(r, keys, 1.0, n), keys  # scan
    for i in range(0, n, 2 * ROUND):
        for j in range(i, min(n, i + ROUND)):
            trace[j] = once
            once += 1
    return trace


def replay(c, trace, policy):
    """Hits of those requests that are not of the first third."""
    words = (b"EX", b"100000") if policy.startswith("volatile") else ()
    hits = asked = 0
    for at in range(0, len(trace), ROUND):
        keys = [b"key:%012d" % k for k in trace[at:at + ROUND]]
        got = c.lines([frame("GET", k) for k in keys])
        missed = dict.fromkeys(k for k, line in zip(keys, got) if line[:2] == b"$-")
        if missed:
            bad = [l for l in c.lines([frame("SET", k, VALUE, *words) for k in missed]) if l[:1] != b"+"]
            if bad:
                servers.die(f"{policy}: {bad[0]!r}")
        if at >= len(trace) // 3:
            asked += len(keys)
            hits += sum(line[:2] != b"$-" for line in got)
    return hits / asked


def run_one(server, trace, policy, cap):
    c = Connection(server.port)
    ok = c.lines([frame("FLUSHALL"), frame("CONFIG", "SET", "maxmemory", cap), frame("CONFIG", "SET", "maxmemory-policy", policy)])
    if any(line[:1] != b"+" for line in ok):
        return None  # a policy that Redis does not have
    time.sleep(0.1)
    rate = replay(c, trace, policy)
    keys = int(c.lines([frame("DBSIZE")])[0][1:])
    c.s.close()
    return rate, keys


def hit_rates(options):
    failed = 0
    print(f"hit rates, {options.requests:,} requests of {options.keys:,} keys, cap {options.cap}   (keys that were held at the end)")
    with servers.Server("kora", options, options.port) as kora, servers.Server("redis", options, options.port + 1) as redis:
        for name in ("zipf 1.0", "zipf 0.8", "scan", "loop"):
            trace = make_trace(name, options.keys, options.requests)
            best, lfu = 0, 0
            for policy in options.policies:
                k, r = run_one(kora, trace, policy, options.cap), run_one(redis, trace, policy, options.cap)
                if not k:
                    servers.die(f"korad refuses {policy}")
                best = max(best, k[0])
                if r and policy == "allkeys-lfu":
                    lfu = r[0]
                beside = f"redis {r[0] * 100:6.2f} % ({r[1]:,})" if r else "redis      -"
                print(f"  {name:9} {policy:16} kora {k[0] * 100:6.2f} % ({k[1]:,})   {beside}", flush=True)
            if best < lfu:
                print(f"  {name:9} MISSED: the best is {best * 100:.2f} %, Redis's allkeys-lfu {lfu * 100:.2f} %")
                failed = 1
    return failed


# ---- churn -----------------------------------------------------------------------------------------------------------------------

def churn_commands(r, drift):
    """A batch: sizes are around what `drift` (0 to 1) says."""
    batch = []
    for _ in range(64):
        key = b"k:%d" % r.randrange(2000000)
        kind = r.random()
        if kind < 0.8:
            size = int(10 * (6500 ** min(1, max(0, r.gauss(drift, 0.2)))))
            batch.append(frame("SET", key, b"x" * size))
        elif kind < 0.85:
            batch.append(frame("HSET", b"h" + key[:6], *[w for i in range(20) for w in (b"f%d" % r.randrange(1000), b"x" * int(20 + 100 * drift))]))
        elif kind < 0.9:
            batch.append(frame("ZADD", b"z" + key[:6], *[w for i in range(20) for w in (r.randrange(1000), b"m%d" % r.randrange(5000))]))
        elif kind < 0.95:
            batch.append(frame("RPUSH", b"l" + key[:6], *[b"x" * int(5 + 200 * drift) for i in range(20)]))
        else:
            batch.append(frame("XADD", b"x" + key[:6], "*", "field", b"x" * int(10 + 300 * drift)))
    return batch


def churn(options):
    r = random.Random(11)
    worst, failed, at = 0, 0, 0
    with servers.Server("kora", options, options.port) as kora:
        c = Connection(kora.port)
        empty = kora.rss()
        c.lines([frame("CONFIG", "SET", "maxmemory", options.churn_cap), frame("CONFIG", "SET", "maxmemory-policy", options.churn_policy)])
        cap = int(c.info()["maxmemory"])
        started = time.monotonic()
        sampled = started
        while time.monotonic() - started < options.churn_seconds:
            passed = (time.monotonic() - started) / options.churn_seconds
            drift = abs((passed * 4) % 2 - 1)  # to large sizes and back, twice
            bad = [l for l in c.lines(churn_commands(r, drift)) if l[:1] == b"-"]
            at += 64
            if bad:
                servers.die(f"churn: {bad[0]!r}")
            if time.monotonic() - sampled > 0.25:
                sampled = time.monotonic()
                rss = kora.rss()
                if passed > 0.2:
                    worst = max(worst, rss)
        info = c.info()
    print(f"churn, {options.churn_policy}, {options.churn_seconds} s, {at:,} writes, {int(info['evicted_keys']):,} keys evicted: cap {cap / 2**20:.1f} MB, "
          f"used at the end {int(info['used_memory']) / 2**20:.1f} MB, RSS at most {worst / 2**20:.1f} MB ({worst / cap:.3f} of the cap; {empty / 2**20:.1f} MB when empty)")
    if int(info["evicted_keys"]) == 0:
        servers.die("churn: nothing was evicted, the cap was not reached")
    if worst > cap * 1.1:
        print("  MISSED: at most 1.1")
        failed = 1
    return failed


def main():
    parser = argparse.ArgumentParser(description="korad at its memory limit")
    servers.add_options(parser)
    parser.add_argument("--cap", default="10mb")
    parser.add_argument("--keys", type=int, default=100000)
    parser.add_argument("--requests", type=int, default=300000)
    parser.add_argument("--policies", nargs="+", default=POLICIES, help="or `all`")
    parser.add_argument("--churn-cap", default="256mb")
    parser.add_argument("--churn-policy", default="allkeys-lru")
    parser.add_argument("--churn-seconds", type=float, default=30)
    parser.add_argument("--only", choices=["hits", "churn"])
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    if options.policies == ["all"]:
        options.policies = POLICIES + VOLATILE
    status = 0
    if options.only != "churn" and hit_rates(options) and options.check:
        status = 1
    if options.only != "hits" and churn(options):
        status = 1
    return status


if __name__ == "__main__":
    sys.exit(main())
