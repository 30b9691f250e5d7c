#!/usr/bin/python3
"""Snapshots beside redis-server's BGSAVE: what those notice who write meanwhile, what it takes, and how long it is until all is back.

First part. Each server in turn is filled with --keys keys; the load generator overwrites them at random, as fast as it can, before and during a snapshot. Of each:

    p99.9            of a SET, before and during; what is measured is told apart to the millisecond (the generator is told by signals)
    extra RSS        the most that the process (for Redis: it and its child, by what each has for itself and its share of the rest: Pss) takes during it, over what it
                     took before, in % of that
    time             by the server's own INFO
    file             bytes on the disk
    recovery         from the start of a new process on these files until it serves, and has every key
    longest lease    Kora's own count of processor time (kora_snapshot_longest_lease_us): the longest that a stripe's lease was held at once for the snapshot

Redis writes no log; korad does (--appendfsync no), since without one it has no snapshots of its own.

Second part, korad alone: large values that are changed while a snapshot tells them: ZADD to a sorted set of --members members, APPEND to a string of --string-mb, RPUSH and
LPOP at a list and XADD, XREADGROUP and XACK at a stream of --members elements each (a tenth of the stream is pending). The commands are paced, one at a time; the longest lease is the figure.

Exit status: 0; 1 if something broke; with --check also 1 if a figure misses.
"""
import argparse
import os
import signal
import subprocess
import sys
import threading
import time

import servers
from cap import Connection
from values import frame

PAGE = 200  # commands in a pipeline


def pids_of(server):
    """The server, and its children."""
    found = [server.pid]
    for task in os.listdir(f"/proc/{server.pid}/task"):
        try:
            with open(f"/proc/{server.pid}/task/{task}/children") as f:
                found += [int(p) for p in f.read().split()]
        except OSError:
            pass
    return found


def memory_of(server):
    total = 0
    for pid in pids_of(server):
        try:
            with open(f"/proc/{pid}/smaps_rollup") as f:
                total += next(int(l.split()[1]) * 1024 for l in f if l.startswith("Pss:"))
        except (OSError, StopIteration):
            pass
    return total


class Peak(threading.Thread):
    """The most that a server takes, looked at every few ms."""

    def __init__(self, server):
        super().__init__()
        self.server, self.most, self.over = server, 0, threading.Event()
        self.start()

    def run(self):
        while not self.over.is_set():
            self.most = max(self.most, memory_of(self.server))
            time.sleep(0.02)

    def stop(self):
        self.over.set()
        self.join()
        return self.most


class Load:
    """The generator, measuring from `measure` to `stop`."""

    def __init__(self, options, server, seed):
        words = [servers.load_path(options.build), "--port", server.port, "--quiet", "--by-signal", "--warmup", 3600, "--seconds", 3600, "--mix", "1:0",
                 "--keys", options.keys, "--value-size", options.value_size, "--distinct", "--connections", options.connections, "--threads", options.threads, "--seed", seed]
        self.p = subprocess.Popen([str(w) for w in words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        time.sleep(0.5)

    def measure(self):
        self.p.send_signal(signal.SIGUSR1)

    def stop(self):
        self.p.send_signal(signal.SIGUSR2)
        out, err = self.p.communicate()
        if self.p.returncode:
            servers.die(f"the load program: status {self.p.returncode}\n{err}")
        return servers.load_figures(out)


def ask(c, *words):
    line = c.lines([frame(*words)])[0]
    if line[:1] == b"-":
        servers.die(f"{words[0]}: {line!r}")
    return line


def run_snapshot(c):
    """Begins one and waits for it. Its INFO."""
    began = time.monotonic()
    ask(c, "BGSAVE")
    info = c.info()
    while info["rdb_bgsave_in_progress"] != "0":
        time.sleep(0.02)
        info = c.info()
    info["waited_s"] = time.monotonic() - began
    if info["rdb_last_bgsave_status"] != "ok":
        servers.die("the snapshot failed")
    return info


def folder_bytes(path):
    return sum(os.path.getsize(os.path.join(at, f)) for at, _, files in os.walk(path) for f in files)


def snapshot_bytes(server, info):
    return int(info["kora_snapshot_bytes"]) if server.name == "kora" else os.path.getsize(os.path.join(server.dir, "dump.rdb"))


def seconds_of(server, info):
    """Redis tells whole seconds; the waiting client knows better, to some 20 ms."""
    return int(info["kora_snapshot_msec"]) / 1000 if server.name == "kora" else info["waited_s"]


def recovery(server, keys):
    """The process ends (without a last snapshot), and another one takes its place."""
    server.process.send_signal(signal.SIGKILL)
    server.process.wait()
    began = time.monotonic()
    server.start()
    while True:
        try:
            c = Connection(server.port)
            size = c.lines([frame("DBSIZE")])[0]
            if size[:1] == b":" and int(size[1:]) == keys:
                return time.monotonic() - began
            c.s.close()
        except OSError:
            pass
        if time.monotonic() - began > 600 or server.process.poll() is not None:
            server.fail("does not come back with all its keys")
        time.sleep(0.005)


def start(name, options, port):
    if name == "redis":
        return servers.Server(name, options, port)
    return servers.Server(name, options, port, words=["--dir", "db", "--appendfsync", "no", "--auto-aof-rewrite-percentage", "0"])


def one_server(name, options, port):
    with start(name, options, port) as server:
        servers.load(options.build, port, fill=True, distinct=True, keys=options.keys, value_size=options.value_size, seconds=0, connections=50)
        c = Connection(port)
        load = Load(options, server, 1)
        load.measure()
        time.sleep(options.seconds)
        before = load.stop()
        run_snapshot(c)  # the log goes, files are there, memory has been touched once
        load = Load(options, server, 2)
        held = memory_of(server)
        peak = Peak(server)
        load.measure()
        info = run_snapshot(c)
        during = load.stop()
        most = peak.stop()
        idle = run_snapshot(c)
        figures = {"before_ms": before["p999_ms"], "during_ms": during["p999_ms"], "slower": during["p999_ms"] / before["p999_ms"], "max_ms": during["max_ms"],
                   "ops_before": before["ops_per_s"], "ops_during": during["ops_per_s"], "extra": 100 * (most - held) / held,
                   "seconds": seconds_of(server, info), "idle_seconds": seconds_of(server, idle), "bytes": snapshot_bytes(server, idle),
                   "lease_us": int(info.get("kora_snapshot_longest_lease_us", 0)), "held": int(info["rdb_last_cow_size"])}
        figures["recovery"] = recovery(server, options.keys)
        return figures


def say(name, kora, redis, unit, target, met):
    beside = f"redis {redis:>10.2f}   ratio {kora / redis if redis else 0:6.3f}   " if redis is not None else " " * 35
    print(f"  {name:<34} kora {kora:>10.2f}   {beside}{unit:<5} {target}{'' if met else '  MISSED'}", flush=True)
    return met


def first_part(options):
    print(f"{options.keys:,} keys of 16 bytes, values of {options.value_size}, {options.connections} connections that only write; the same machine for server and generator")
    k, r = one_server("kora", options, options.port), one_server("redis", options, options.port + 1)
    met = [
        say("p99.9 of SET before", k["before_ms"], r["before_ms"], "ms", "", True),
        say("p99.9 of SET during", k["during_ms"], r["during_ms"], "ms", "", True),
        say("during / before", k["slower"], r["slower"], "x", "< 2", k["slower"] < 2),
        say("longest SET during", k["max_ms"], r["max_ms"], "ms", "", True),
        say("SET a second before", k["ops_before"] / 1000, r["ops_before"] / 1000, "k/s", "", True),
        say("SET a second during", k["ops_during"] / 1000, r["ops_during"] / 1000, "k/s", "", True),
        say("longest lease, processor time", k["lease_us"] / 1000, None, "ms", "<= 2", k["lease_us"] <= 2000),
        say("extra memory (Pss)", k["extra"], r["extra"], "%", "< 10", k["extra"] < 10),
        say("held for the image, at most", k["held"] / 2**20, r["held"] / 2**20, "MB", "", True),
        say("time, under load", k["seconds"], r["seconds"], "s", "< redis", k["seconds"] < r["seconds"]),
        say("time, nothing else to do", k["idle_seconds"], r["idle_seconds"], "s", "< redis", k["idle_seconds"] < r["idle_seconds"]),
        say("file", k["bytes"] / 2**20, r["bytes"] / 2**20, "MB", "<= redis", k["bytes"] <= r["bytes"]),
        say("recovery", k["recovery"], r["recovery"], "s", "<= 0.5 of redis", k["recovery"] * 2 <= r["recovery"]),
    ]
    return all(met)


# ---- large values ----------------------------------------------------------------------------------------------------------------

def send_all(c, commands):
    """In pipelines."""
    page = []
    for command in commands:
        page.append(command)
        if len(page) == PAGE:
            flush(c, page)
    flush(c, page)


def flush(c, page):
    for line in c.lines(page) if page else []:
        if line[:1] == b"-":
            servers.die(f"{line!r}")
        if line[:1] == b"*":
            servers.die("a reply of several lines")
    page.clear()


def make(c, kind, options):
    n, each = options.members, 100
    spans = range(0, n, each)
    if kind == "zset":
        send_all(c, (frame("ZADD", "large", *[w for i in range(at, at + each) for w in (i * 7919 % n, b"member:%d" % i)]) for at in spans))
    elif kind == "hash":
        send_all(c, (frame("HSET", "large", *[w for i in range(at, at + each) for w in (b"field:%d" % i, b"value:%d" % i)]) for at in spans))
    elif kind == "list":
        send_all(c, (frame("RPUSH", "large", *[b"element:%d" % i + b"." * 60 for i in range(at, at + each)]) for at in spans))
    elif kind == "stream":
        send_all(c, (frame("XADD", "large", f"{i + 1}-0", "field", b"value:%d" % i) for i in range(n)))
        ask(c, "XGROUP", "CREATE", "large", "group", "0")
        pend(c, n // 10)
    else:
        ask(c, "SET", "large", b"x" * (options.string_mb << 20))


def pend(c, n):
    """So many entries of the stream become pending; what the group is told is read over."""
    for at in range(0, n, 10000):
        c.s.sendall(frame("XCLAIM", "large", "group", "consumer", 0, *[f"{i + 1}-0" for i in range(at, min(n, at + 10000))], "FORCE", "JUSTID"))
        count = int(c.f.readline()[1:])
        for _ in range(count):
            length = int(c.f.readline()[1:])
            c.f.read(length + 2)


CHANGES = {
    "zset": lambda i, n: [frame("ZADD", "large", i % 1000, b"member:%d" % (i * 104729 % n)), frame("ZADD", "large", i, b"fresh:%d" % i), frame("ZREM", "large", b"member:%d" % (i * 15485863 % n))],
    "hash": lambda i, n: [frame("HSET", "large", b"field:%d" % (i * 104729 % n), i), frame("HSET", "large", b"fresh:%d" % i, i), frame("HDEL", "large", b"field:%d" % (i * 15485863 % n))],
    "list": lambda i, n: [frame("RPUSH", "large", "tail"), frame("LPOP", "large"), frame("LSET", "large", i * 104729 % (n // 2), "set")],
    "stream": lambda i, n: [frame("XADD", "large", "*", "field", "value"), frame("XACK", "large", "group", f"{i * 104729 % (n // 10) + 1}-0"), frame("XDEL", "large", f"{i * 15485863 % n + 1}-0")],
    "string": lambda i, n: [frame("APPEND", "large", "0123456789" * 10)],
}


def large_value(kind, options):
    with start("kora", options, options.port) as server:
        c, writer = Connection(server.port), Connection(server.port)
        make(c, kind, options)
        run_snapshot(c)
        held = memory_of(server)
        peak = Peak(server)
        ask(c, "BGSAVE")
        i, worst, times = 0, 0, []
        info = {"rdb_bgsave_in_progress": "1"}
        looked = time.monotonic()
        while info["rdb_bgsave_in_progress"] != "0":
            for command in CHANGES[kind](i, options.members):
                began = time.monotonic()
                flush(writer, [command])
                times.append(time.monotonic() - began)
            i += 1
            if time.monotonic() - looked > 0.05:
                info = c.info()
                looked = time.monotonic()
        most = peak.stop()
        if info["rdb_last_bgsave_status"] != "ok":
            servers.die("the snapshot failed")
        times.sort()
        worst, lease = times[-1] * 1000, int(info["kora_snapshot_longest_lease_us"]) / 1000
        good = lease <= 2
        print(f"  {kind:<7} {info['kora_snapshot_msec']:>6} ms, {len(times):>7,} changes meanwhile: p99.9 {times[int(len(times) * 0.999)] * 1000:.2f} ms, longest {worst:.2f} ms; extra memory "
              f"{100 * (most - held) / held:.1f} %; longest lease {lease:.2f} ms of processor time, <= 2{'' if good else '  MISSED'}", flush=True)
        return good


def main():
    parser = argparse.ArgumentParser(description="snapshots beside redis-server's BGSAVE")
    servers.add_options(parser)
    parser.add_argument("--keys", type=int, default=5000000)
    parser.add_argument("--value-size", type=int, default=200)
    parser.add_argument("--connections", type=int, default=50)
    parser.add_argument("--threads", type=int, default=2, help="of the load generator")
    parser.add_argument("--seconds", type=float, default=10, help="of the load before")
    parser.add_argument("--members", type=int, default=10000000)
    parser.add_argument("--string-mb", type=int, default=100)
    parser.add_argument("--large", nargs="+", default=list(CHANGES), choices=list(CHANGES))
    parser.add_argument("--only", choices=["keys", "large"])
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    good = True
    if options.only != "large":
        good = first_part(options)
    if options.only != "keys":
        print(f"values of {options.members:,} elements, a string of {options.string_mb} MB")
        good = all([large_value(kind, options) for kind in options.large]) and good
    return 1 if options.check and not good else 0


if __name__ == "__main__":
    sys.exit(main())
