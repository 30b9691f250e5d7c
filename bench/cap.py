#!/usr/bin/python3
"""korad at its memory limit: hit rates beside redis-server's, and what the process takes while everything is churned.

Hit rates. Each server is a cache of --cap bytes in front of something with --keys keys of 256 bytes, of which a part fits: a request is a GET, and a SET if that
found nothing. The same requests go to both, for each policy; the first third only fills. The servers take the same limit, so that who needs less for a key holds more of them.
Traces:

    zipf 1.0, zipf 0.8   drawn by Zipf's law, whose exponent that is
    scan                 zipf 1.0, and in between, one request of two, walks over keys that are never asked for again
    loop                 all keys one after the other, again and again: worst for LRU

Rounds of 100 requests, one connection. LRU of both counts in seconds, so what it can tell in a run this short is little; --requests makes it longer.

Churn. A korad with each of --churn-caps, in memory only and with a folder, is written over and over by four connections: strings of 32 bytes to 64 KB, hashes, sets, sorted sets,
lists and streams, whose sizes drift to large and back, in every second period at one stroke; a third deletes, trims, lets expire, appends. RSS (all of it: also the pages of
mapped files) is read each second, and after --warm-up it has to stay below the cap and a tenth. Then all of that is saved, and loaded by another process under the same cap: as
many keys must be there as before, with the frequencies that they had. --minutes 30 is the long form.

Exit status: 0; 1 if something is missing or broke, or RSS was above; with --check also 1 if the best of Kora's hit rates is below Redis's allkeys-lfu.
"""
import argparse
import itertools
import os
import random
import socket
import sys
import tempfile
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

    def words(self, frames):
        """Bulks, whole."""
        self.s.sendall(b"".join(frames))
        return [self.bulk() for _ in frames]

    def bulk(self):
        n = int(self.f.readline()[1:])
        return self.f.read(n + 2)[:-2] if n >= 0 else None

    def scan(self):
        cursor = b"0"
        while True:
            self.s.sendall(frame("SCAN", cursor, "COUNT", 1000))
            self.f.readline()
            cursor = self.bulk()
            for _ in range(int(self.f.readline()[1:])):
                yield self.bulk()
            if cursor == b"0":
                return

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

CONNECTIONS, BATCH, PERIOD_S = 4, 48, 120
BLOB = bytes(random.Random(3).randbytes(1 << 17))


def drift_at(seconds):
    """Which sizes are usual at a time, from 0 (32 bytes) to 1 (64 KB): up and down in a period, then the same at one stroke in the next."""
    n, at = divmod(seconds / PERIOD_S, 1)
    return (abs(2 * at - 1) if n % 2 else float(at > 0.5)) if n else at


def some(size):
    at = random.randrange(4096)
    return BLOB[at:at + size]


def churn_command(r, drift):
    kind, n = r.random(), r.randrange(1 << 31)
    size = int(32 * 2048 ** min(1, max(0, r.gauss(drift, 0.15))))
    key = b"k:%d" % (n % 2000000)
    if kind < 0.50:
        return frame("SET", key, some(size))
    if kind < 0.58:
        return frame("SET", key, some(size), "PX", 100 + n % 30000)
    if kind < 0.64:
        return frame("GET", b"k:%d" % (n % 20000))
    if kind < 0.70:
        return frame("UNLINK", *[b"k:%d" % r.randrange(2000000) for _ in range(20)])
    if kind < 0.73:
        return frame("APPEND", b"a:%d" % (n % 500), some(size // 8))
    small, few = int(20 + 300 * drift), [r.randrange(5000) for _ in range(20)]
    if kind < 0.77:
        return frame("HSET", b"h:%d" % (n % 3000), *[w for f in few for w in (b"f%d" % f, some(small))])
    if kind < 0.79:
        return frame("HDEL", b"h:%d" % (n % 3000), *[b"f%d" % r.randrange(5000) for _ in range(200)])
    if kind < 0.83:
        return frame("ZADD", b"z:%d" % (n % 1000), *[w for f in few for w in (f, b"m%d" % f)])
    if kind < 0.84:
        return frame("ZREMRANGEBYRANK", b"z:%d" % (n % 1000), 0, n % 500)
    if kind < 0.88:
        return frame("RPUSH", b"l:%d" % (n % 3000), *[some(small) for _ in few])
    if kind < 0.89:
        return frame("LTRIM", b"l:%d" % (n % 3000), -50, -1)
    if kind < 0.93:
        return frame("SADD", b"s:%d" % (n % 1000), *[b"member:%d" % f for f in few])
    if kind < 0.97:
        return frame("XADD", b"x:%d" % (n % 1000), "MAXLEN", "~", 2000, "*", "field", some(small))
    if kind < 0.98:
        return frame("DEL", *[c + b":%d" % (n % 1000) for c in (b"h", b"z", b"l", b"s", b"x", b"a")])
    return frame("PEXPIRE", [b"h:", b"z:", b"l:", b"s:", b"x:"][n % 5] + b"%d" % (n % 1000), 1000 + n % 20000)


def read_lines(c, n):
    got = []
    for _ in range(n):
        line = c.f.readline()
        if line[:1] == b"$" and line[1:2] != b"-":
            c.f.read(int(line[1:]) + 2)
        got.append(line)
    return got


def access_of(c, keys, policy):
    """What each of some keys says of its use: frequency, or nothing where the policy keeps none that can be asked for."""
    if not policy.endswith("lfu"):
        return []
    return [line for line in c.lines([frame("OBJECT", "FREQ", k) for k in keys])]


class Churn:
    def __init__(self, options, cap_text, folder):
        self.options, self.cap_text, self.folder = options, cap_text, folder
        self.words = ["--maxmemory", cap_text, "--maxmemory-policy", options.churn_policy] + (["--dir", folder] if folder else [])
        self.samples, self.worst, self.worst_info, self.writes = [], 0, {}, 0

    def sample(self, kora, control, passed):
        rss = kora.resident()
        info = control.info()
        self.samples.append((passed, rss["Rss"], int(info["used_memory"])))
        if passed > self.options.warm_up and rss["Rss"] > self.worst:
            self.worst, self.worst_info = rss["Rss"], dict(rss, used=int(info["used_memory"]), held=int(info["allocator_active"]), data=int(info["allocator_allocated"]))
        if self.options.verbose:
            print("  %6.1f s  drift %.2f  RSS %6.1f (anon %.1f file %.1f shmem %.1f)  used %6.1f  data %6.1f  held %6.1f  clients %.1f  keys %s evicted %s%s" % (
                passed, drift_at(passed), *[rss[n] / 2**20 for n in ("Rss", "Anonymous", "File", "Shmem")], int(info["used_memory"]) / 2**20,
                int(info["allocator_allocated"]) / 2**20, int(info["allocator_active"]) / 2**20, int(info["mem_clients_normal"]) / 2**20,
                control.lines([frame("DBSIZE")])[0][1:-2].decode(), info["evicted_keys"],
                "  snapshot, %.1f MB saved" % (int(info["rdb_last_cow_size"]) / 2**20) if info["rdb_bgsave_in_progress"] == "1" else ""), flush=True)

    def fill(self, c, r):
        """Up to the cap, with sizes of all kinds."""
        while int(c.info()["evicted_keys"]) == 0:
            for _ in range(50):
                c.lines([frame("SET", b"k:%d" % r.randrange(2000000), some(int(32 * 256 ** r.random()))) for _ in range(100)])

    def run(self):
        """Churns for the time that is asked for, then reloads. 1: above the limit, or something was lost."""
        options, r = self.options, random.Random(11)
        with servers.Server("kora", options, options.port, words=self.words) as kora:
            connections, control = [Connection(kora.port) for _ in range(CONNECTIONS)], Connection(kora.port)
            cap, empty = int(control.info()["maxmemory"]), kora.rss()
            self.fill(control, r)
            started = sampled = time.monotonic()
            sent = []
            while True:
                passed = time.monotonic() - started
                if passed > options.churn_seconds:
                    break
                for c in connections:
                    batch = [churn_command(r, drift_at(passed)) for _ in range(BATCH)]
                    c.s.sendall(b"".join(batch))
                    sent.append(len(batch))
                for c in connections:
                    bad = [l for l in read_lines(c, sent.pop(0)) if l[:1] == b"-" and b"WRONGTYPE" not in l]
                    if bad:
                        servers.die(f"churn: {bad[0]!r}")
                self.writes += CONNECTIONS * BATCH
                if time.monotonic() - sampled >= 1:
                    sampled = time.monotonic()
                    self.sample(kora, control, passed)
            info = control.info()
            failed = self.tell(cap, empty, info)
            if self.folder:
                failed |= self.reload(kora, control, cap)
        return failed

    def tell(self, cap, empty, info):
        mb, w = 2**20, self.worst_info
        ratios = sorted(rss / cap for at, rss, _ in self.samples if at > self.options.warm_up)
        if not ratios:
            servers.die("churn: shorter than --warm-up")
        print(f"churn, {self.options.churn_policy}, {self.options.churn_seconds:.0f} s{', with a folder' if self.folder else ''}: cap {cap / mb:.0f} MB, {self.writes:,} calls, "
              f"{int(info['evicted_keys']):,} keys evicted; RSS median {ratios[len(ratios) // 2]:.3f}, p99 {ratios[len(ratios) * 99 // 100]:.3f}, at most {self.worst / cap:.3f} of the cap "
              f"({empty / mb:.1f} MB when empty)")
        print(f"  at the most: RSS {self.worst / mb:.1f} MB (anonymous {w['Anonymous'] / mb:.1f}, files {w['File'] / mb:.1f}, shared {w['Shmem'] / mb:.1f}); "
              f"counted {w['used'] / mb:.1f}, data {w['data'] / mb:.1f}, in pages of {w['held'] / mb:.1f}", flush=True)
        if int(info["evicted_keys"]) == 0:
            servers.die("churn: nothing was evicted, the cap was not reached")
        if self.worst > cap * 1.1:
            print("  MISSED: at most 1.1")
            return 1
        return 0

    def reload(self, kora, control, cap):
        """A snapshot taken at the cap, and what another process makes of it under the same cap."""
        for line in control.lines([frame("CONFIG", "SET", "save", ""), frame("CONFIG", "SET", "auto-aof-rewrite-percentage", 0)]):
            if line[:1] != b"+":
                servers.die(f"churn: {line!r}")
        while control.info()["rdb_bgsave_in_progress"] != "0":
            time.sleep(0.2)
        persist_all(control)
        named = control.words([frame("RANDOMKEY") for _ in range(300)])
        before = access_of(control, named, self.options.churn_policy)
        used, evicted = int(control.info()["used_memory"]), int(control.info()["evicted_keys"])
        said = control.lines([frame("SAVE")])[0]
        if said != b"+OK\r\n":
            servers.die(f"churn: SAVE: {said!r}")
        peak = kora.rss()
        while int(control.info()["evicted_keys"]) != evicted:  # the snapshot takes memory, too
            evicted = int(control.info()["evicted_keys"])
            time.sleep(0.5)
        keys = int(control.lines([frame("DBSIZE")])[0][1:])
        kora.stop()
        with servers.Server("kora", self.options, self.options.port, words=self.words) as again:
            c = Connection(again.port)
            loaded, info, rss = int(c.lines([frame("DBSIZE")])[0][1:]), c.info(), again.rss()
            after = access_of(c, named, self.options.churn_policy)
            evicted = int(info["evicted_keys"])
            same = sum(a == b for a, b in zip(before, after))
            print(f"  snapshot at the cap: {keys:,} keys, {used / 2**20:.1f} MB counted, RSS after it {peak / cap:.3f}; loaded {loaded:,} keys, {int(info['used_memory']) / 2**20:.1f} MB counted, "
                  f"RSS {rss / cap:.3f} of the cap, {evicted:,} evicted" + (f"; {same} of {len(before)} frequencies are the same" if before else ""), flush=True)
            if loaded != keys or evicted:
                print("  MISSED: all keys must be loaded, none evicted")
                return 1
            if rss > cap * 1.1:
                print("  MISSED: RSS at most 1.1 after loading")
                return 1
        return 0


def persist_all(c):
    """So that the number of keys stands still."""
    keys = list(c.scan())
    for at in range(0, len(keys), 1000):
        c.lines([frame("PERSIST", k) for k in keys[at:at + 1000]])


def churn(options):
    failed = 0
    for cap in options.churn_caps:
        with tempfile.TemporaryDirectory(prefix="kora-cap-") as folder:
            if options.churn_dir != "with":
                failed |= Churn(options, cap, None).run()
            if options.churn_dir != "without":
                failed |= Churn(options, cap, os.path.join(folder, "d")).run()
    return failed


def main():
    parser = argparse.ArgumentParser(description="korad at its memory limit")
    servers.add_options(parser)
    parser.add_argument("--cap", default="10mb")
    parser.add_argument("--keys", type=int, default=100000)
    parser.add_argument("--requests", type=int, default=300000)
    parser.add_argument("--policies", nargs="+", default=POLICIES, help="or `all`")
    parser.add_argument("--churn-caps", nargs="+", default=["128mb"])
    parser.add_argument("--churn-policy", default="allkeys-lfu")
    parser.add_argument("--churn-seconds", type=float, default=40)
    parser.add_argument("--minutes", type=float, help="of churn, instead of --churn-seconds")
    parser.add_argument("--churn-dir", choices=["with", "without", "both"], default="both", help="korad with --dir, or in memory only")
    parser.add_argument("--warm-up", type=float, default=10, help="seconds at the start of which RSS does not count")
    parser.add_argument("--verbose", action="store_true", help="every sample")
    parser.add_argument("--only", choices=["hits", "churn"])
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    if options.policies == ["all"]:
        options.policies = POLICIES + VOLATILE
    if options.minutes:
        options.churn_seconds = options.minutes * 60
    status = 0
    if options.only != "churn" and hit_rates(options) and options.check:
        status = 1
    if options.only != "hits" and churn(options):
        status = 1
    return status


if __name__ == "__main__":
    sys.exit(main())
