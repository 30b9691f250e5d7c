#!/usr/bin/python3
"""Collections of korad beside redis-server: memory, and server CPU time per operation.

Memory: growth of the resident set when one collection (or many small ones) was made through a socket, by element; keys and values included.
Speed: both servers are up with the same data, and redis-benchmark runs the same command on them in turns. A server's figure is the median of its
runs; the ratio is the median of the pairs' ratios. Commands are pipelined by 16, but for those whose single reply is long.

Exit status: 0; 1 if something is missing or broke; with --check also 1 if a target is missed.
"""
import argparse
import glob
import os
import random
import re
import socket
import statistics
import subprocess
import sys
import time

import servers

MANY = 1000000
WARM_UP = 10000


def frame(*words):
    parts = [b"*%d\r\n" % len(words)]
    for w in words:
        b = w if isinstance(w, bytes) else str(w).encode()
        parts.append(b"$%d\r\n%s\r\n" % (len(b), b))
    return b"".join(parts)


def send(port, commands):
    """Sends commands in pipelines; every reply must not be an error. Replies are one line each."""
    with socket.create_connection(("127.0.0.1", port), 60) as s:
        f = s.makefile("rb")

        def flush(batch):
            s.sendall(b"".join(batch))
            for _ in batch:
                line = f.readline()
                if line[:1] == b"$" and line != b"$-1\r\n":
                    f.readline()
                elif line[:1] not in b"+:$":
                    servers.die(f"filling: {line!r}")

        batch = []
        for c in commands:
            batch.append(frame(*c))
            if len(batch) == 200:
                flush(batch)
                batch = []
        flush(batch)


# ---- memory ------------------------------------------------------------------------------------------------------------------

def shuffled(n):
    """0 .. n-1 in an order that looks like none, the same every time."""
    step = 7368787  # a prime
    return (i * step % n for i in range(n))


def by(size, items):
    batch = []
    for i in items:
        batch.append(i)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def fill_zset(n):
    for b in by(50, shuffled(n)):
        yield ["ZADD", "z"] + [w for i in b for w in (random.Random(i).randrange(n), f"m{i:011d}")]


def fill_hash(n):
    for b in by(50, shuffled(n)):
        yield ["HSET", "h"] + [w for i in b for w in (f"f{i:011d}", f"v{i:011d}")]


def fill_set(n):
    for b in by(50, shuffled(n)):
        yield ["SADD", "s"] + [f"m{i:011d}" for i in b]


def fill_hashes(n):
    for i in range(n // 10):
        yield ["HSET", f"h:{i:08d}"] + [w for j in range(10) for w in (f"field{j}", f"v{i * 10 + j:07d}")]


def fill_list(n):
    for b in by(50, range(n)):
        yield ["RPUSH", "l"] + [f"item{i:016d}" for i in b]


def fill_stream(n):
    for i in range(n):
        yield ["XADD", "x", f"{i + 1}-0"] + [w for j in range(5) for w in (f"field{j}", f"value{i % 1000}")]


# name: (commands, what an element is, largest ratio to Redis)
MEMORY = {
    "zset": (fill_zset, "member of 12 bytes", 0.5),
    "hash": (fill_hash, "field and value of 12 bytes", 1.0),
    "set": (fill_set, "member of 12 bytes", 1.0),
    "hashes": (fill_hashes, "field in hashes of 10", 1.0),
    "list": (fill_list, "item of 20 bytes", 1.0),
    "stream": (fill_stream, "entry of 5 fields", 1.0),
}


def memory(options):
    ok = True
    for name in options.memory:
        fill, what, bound = MEMORY[name]
        each = {}
        for server in ("kora", "redis"):
            with servers.Server(server, options, options.port) as s:
                send(s.port, fill(WARM_UP))  # code and buffers that are used from now on are not the collection's
                send(s.port, [["FLUSHALL"]])
                before = s.rss()
                send(s.port, fill(options.count))
                time.sleep(0.5)
                each[server] = (s.rss() - before) / options.count
        ratio = each["kora"] / each["redis"]
        met = ratio <= bound
        ok = ok and met
        print(f"  {name:<8} {each['kora']:8.2f} bytes a {what}, redis {each['redis']:8.2f}, ratio {ratio:.3f}"
              f"   target <= {bound}{'' if met else ' MISSED'}", flush=True)
    return ok


# ---- speed -------------------------------------------------------------------------------------------------------------------

def data(n):
    yield from fill_zset(n)
    for name, first in (("sa", 0), ("sb", 50000)):
        for b in by(500, range(first, first + 100000)):
            yield ["SADD", name] + [f"m{i}" for i in b]
    yield ["HSET", "h50"] + [w for i in range(50) for w in (f"field{i}", f"value{i}")]
    for b in by(500, range(10000)):
        yield ["RPUSH", "unsorted"] + [i * 7919 % 10007 for i in b]


R = "__rand_int__"
# name: (commands before each run, redis-benchmark's arguments, operations in a run, pipeline)
SPEED = {
    "lpush": ([["DEL", "mylist"]], ["-t", "lpush"], 500000, 16),
    "rpush": ([["DEL", "mylist"]], ["-t", "rpush"], 500000, 16),
    "lpop": ("list", ["-t", "lpop"], 500000, 16),
    "rpop": ("list", ["-t", "rpop"], 500000, 16),
    "sadd": ([["DEL", "myset"]], ["-t", "sadd", "-r", "1000000"], 500000, 16),
    "hset": ([["DEL", "myhash"]], ["-t", "hset", "-r", "1000000"], 500000, 16),
    "spop": ("set", ["-t", "spop"], 500000, 16),
    "zadd": ([["DEL", "myzset"]], ["-t", "zadd", "-r", "1000000"], 300000, 16),
    "zpopmin": ("zset", ["-t", "zpopmin"], 300000, 16),
    "lrange_100": ("range", ["LRANGE", "mylist", "0", "99"], 50000, 16),
    "lrange_600": ("range", ["LRANGE", "mylist", "0", "599"], 10000, 16),
    "mset": ([], ["-t", "mset", "-r", "1000000"], 100000, 16),
    "zadd_1m": ([], ["-r", "1000000", "ZADD", "z", R, "n" + R], 200000, 16),
    "zrank_1m": ([], ["-r", "1000000", "ZRANK", "z", "m" + R], 300000, 16),  # the digits are 12: most are missing; see zscore
    "zrange_1m": ([], ["-r", "1000000", "ZRANGE", "z", R, "+inf", "BYSCORE", "LIMIT", "0", "10"], 200000, 16),
    "xadd": ([["DEL", "xs"]], ["XADD", "xs", "*", "f1", "value1", "f2", "value2", "f3", "value3"], 300000, 16),
    "xreadgroup": ("group", ["XREADGROUP", "GROUP", "g", "c", "COUNT", "1", "STREAMS", "xg", ">"], 200000, 16),
    "hgetall_50": ([], ["HGETALL", "h50"], 100000, 16),
    "sinter_100k": ([], ["SINTERCARD", "2", "sa", "sb"], 60, 1),
    "sort_10k": ([], ["SORT", "unsorted", "LIMIT", "0", "10"], 300, 1),
}


def prepare(what, operations):
    if isinstance(what, list):
        return what
    if what in ("list", "range"):
        n = operations if what == "list" else 600
        return [["DEL", "mylist"]] + [["RPUSH", "mylist"] + ["xxx"] * 100 for _ in range((n + 99) // 100)]
    if what == "set":
        return [["DEL", "myset"]] + [["SADD", "myset"] + [f"element:{i:012d}" for i in b] for b in by(100, range(operations))]
    if what == "zset":
        return [["DEL", "myzset"]] + [["ZADD", "myzset"] + [w for i in b for w in (i * 7919 % 1000003, f"element:{i:012d}")]
                                     for b in by(100, range(operations))]
    return [["DEL", "xg"]] + [["XADD", "xg", f"{i + 1}-1", "f1", "value1", "f2", "value2"] for i in range(operations)] + [
        ["XGROUP", "CREATE", "xg", "g", "0"]]


def cpu_s(pid):
    """CPU time of all its threads, none of which ends in a run: in nanoseconds, where the times of the process are in hundredths of a second."""
    total = 0
    for path in glob.glob(f"/proc/{pid}/task/*/schedstat"):
        with open(path) as f:
            total += int(f.read().split()[0])
    return total / 1e9


def run(s, name):
    before, words, operations, pipeline = SPEED[name]
    send(s.port, prepare(before, operations))
    used = cpu_s(s.pid)
    started = time.monotonic()
    done = subprocess.run(["redis-benchmark", "-p", str(s.port), "-n", str(operations), "-P", str(pipeline), "-c", "50", "-q"] + words,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    seconds = time.monotonic() - started
    if done.returncode != 0 or not re.search(r"[0-9.]+ requests per second", done.stdout) or "rror" in done.stdout:
        servers.die(f"redis-benchmark {' '.join(words)}: {done.stdout[-500:]}")
    return (cpu_s(s.pid) - used) / operations * 1e6, operations / seconds


# What redis-benchmark -t NAME sends.
TESTS = {
    "lpush": ["LPUSH", "mylist", "xxx"], "rpush": ["RPUSH", "mylist", "xxx"], "lpop": ["LPOP", "mylist"], "rpop": ["RPOP", "mylist"],
    "sadd": ["SADD", "myset", "element:" + R], "hset": ["HSET", "myhash", "element:" + R, "xxx"], "spop": ["SPOP", "myset"],
    "zadd": ["ZADD", "myzset", "0", "element:" + R], "zpopmin": ["ZPOPMIN", "myzset"], "mset": ["MSET"] + ["key:" + R, "xxx"] * 10,
}


def in_process(options, name):
    """CPU time of the same operation through kora_exec, in microseconds."""
    before, words, operations, _ = SPEED[name]
    template = TESTS[name] if words[0] == "-t" else words[2:] if words[0] == "-r" else words
    commands = list(data(MANY)) if name.endswith(("_1m", "_50", "_100k", "_10k")) else []
    commands += prepare(before, operations)
    program = servers.need_program(os.path.join(options.build, "bench", "exec"), "run `make bench` or build it")
    done = subprocess.run([program, str(operations), "1000000"] + template, input=b"".join(frame(*c) for c in commands), stdout=subprocess.PIPE)
    if done.returncode != 0:
        servers.die(f"bench/exec {' '.join(template)} failed")
    return float(done.stdout)


def speed(options):
    ok, running = True, []
    try:
        for i, name in enumerate(("kora", "redis")):
            running.append(servers.Server(name, options, options.port + i))
            send(running[-1].port, data(MANY))
        for name in options.speed:
            figures = {"kora": [], "redis": []}
            for i in range(options.pairs):
                for s in running if i % 2 == 0 else reversed(running):
                    figures[s.name].append(run(s, name))
            cpu = [statistics.median(k[0] / r[0] for k, r in zip(figures["kora"], figures["redis"]))]
            rate = statistics.median(k[1] / r[1] for k, r in zip(figures["kora"], figures["redis"]))
            met = cpu[0] <= 0.7
            ok = ok and met
            alone = [in_process(options, name) for _ in range(3 if options.in_process else 0)]
            alone = f", in-process {statistics.median(alone):9.3f}" if alone else ""
            print(f"  {name:<12} CPU us/op {statistics.median(k[0] for k in figures['kora']):9.3f}, redis "
                  f"{statistics.median(r[0] for r in figures['redis']):9.3f}, ratio {cpu[0]:.3f}{alone}   throughput {rate:.2f}x"
                  f"   target <= 0.7{'' if met else ' MISSED'}", flush=True)
    finally:
        for s in running:
            s.stop()
    return ok


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    servers.add_options(p)
    p.add_argument("--memory", default=",".join(MEMORY), help=f"of {','.join(MEMORY)}; '' for none")
    p.add_argument("--speed", default=",".join(SPEED), help=f"of {','.join(SPEED)}; '' for none")
    p.add_argument("--count", type=int, default=MANY, help="elements of the memory part")
    p.add_argument("--pairs", type=int, default=5)
    p.add_argument("--in-process", action="store_true", help="the same operations through kora_exec, too")
    p.add_argument("--check", action="store_true", help="exit status 1 if a target is missed")
    options = p.parse_args()
    servers.need_program("redis-benchmark", "apt-get install redis-tools")
    for field, known in (("memory", MEMORY), ("speed", SPEED)):
        names = [n for n in getattr(options, field).split(",") if n]
        for n in names:
            if n not in known:
                servers.die(f"unknown {field} {n}; there are {', '.join(known)}")
        setattr(options, field, names)
    ok = True
    if options.memory:
        print(f"memory: {options.count} elements")
        ok = memory(options)
    if options.speed:
        print(f"speed: {options.pairs} pairs, 50 connections", flush=True)
        ok = speed(options) and ok
    return 1 if options.check and not ok else 0


if __name__ == "__main__":
    sys.exit(main())
