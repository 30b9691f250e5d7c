#!/usr/bin/python3
"""Transactions and channels of korad beside redis-server, and ten thousand subscribers of one channel.

CPU: both servers are up; each pair is one run on each, in turns. `multi` is MULTI, ten SETs of keys drawn from 100,000, EXEC: one
operation; `publish_N` is a PUBLISH to N subscribers.

`publish_N` is loaded by programs: redis-benchmark publishes as fast as it is answered, bench/subscribers --drain reads what the subscribers are
sent, byte by byte what it has to be, and breaks off if anything is missing at the end. So the server is busy, and its CPU is for messages.

`multi`, and with --load rounds `publish_N` too, comes from this script in rounds: every connection sends a batch in one write, then all replies,
and what subscribers are due, are read before the next round begins. So both servers are given the same rounds, and neither gains by falling
behind. But a script is slow: between rounds the server has nothing to do, and much of what it uses is for being woken up.

Many: bench/subscribers opens the connections to one channel, one of which never reads, and says how long messages took to reach the
others, and whether that one was closed. The server's buffer limit for subscribers is set so that it is reached within the run.

Exit status: 0; 1 if something is missing or broke; with --check also 1 if a target is missed.
"""
import argparse
import random
import resource
import socket
import statistics
import subprocess
import sys
import threading
import time

import servers
from values import cpu_s, frame

KEYS = 100000
VALUE = b"v" * 256
MESSAGE = b"m" * 64
MOST_CPU = 0.8
MOST_P99_MS = 20
# Above what stood there before the first message: the one that does not read, and what is on its way to all others.
MOST_GROWTH_MB = 64


class Peer:
    """A connection that knows which bytes it is to be sent next."""

    def __init__(self, port):
        self.s = socket.create_connection(("127.0.0.1", port), 30)
        self.s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(self, words, reply):
        self.s.sendall(frame(*words))
        self.expect(reply)

    def expect(self, wanted):
        got = b""
        while len(got) < len(wanted):
            data = self.s.recv(1 << 16)
            if not data:
                servers.die("a connection was closed")
            got += data
        if got != wanted:
            servers.die(f"got {got[:200]!r}, wanted {wanted[:200]!r}")

    def close(self):
        self.s.close()


class Run:
    """What is sent in one round, and read before the next."""

    def __init__(self, port, connections, pipeline):
        self.port, self.pipeline = port, pipeline
        self.senders = [Peer(port) for _ in range(connections)]
        self.random = random.Random(1)

    def round(self):
        for p in self.senders:
            p.s.sendall(b"".join(self.request() for _ in range(self.pipeline)))
        for p in self.senders:
            p.expect(self.reply * self.pipeline)

    def close(self):
        for p in self.senders:
            p.close()


class Multi(Run):
    reply = b"+OK\r\n" + b"+QUEUED\r\n" * 10 + b"*10\r\n" + b"+OK\r\n" * 10

    def __init__(self, port, connections, pipeline):
        super().__init__(port, connections, pipeline)
        self.sets = [frame("SET", f"key:{i:012d}", VALUE) for i in range(KEYS)]

    def request(self):
        return frame("MULTI") + b"".join(self.random.choices(self.sets, k=10)) + frame("EXEC")


class Publish(Run):
    def __init__(self, port, connections, pipeline, subscribers):
        super().__init__(port, connections, pipeline)
        self.reply = b":%d\r\n" % subscribers
        self.message = b"*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$%d\r\n%s\r\n" % (len(MESSAGE), MESSAGE)
        self.publish = frame("PUBLISH", "news", MESSAGE)
        self.subscribers = [Peer(port) for _ in range(subscribers)]
        for p in self.subscribers:
            p.ask(["SUBSCRIBE", "news"], b"*3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n")

    def request(self):
        return self.publish

    def round(self):
        super().round()
        due = self.message * (len(self.senders) * self.pipeline)
        for p in self.subscribers:
            p.expect(due)

    def close(self):
        super().close()
        for p in self.subscribers:
            p.close()
        wait_for_nobody(self.port, "news")


def wait_for_nobody(port, channel):
    with socket.create_connection(("127.0.0.1", port), 10) as s:
        for _ in range(1000):
            s.sendall(frame("PUBLISH", channel, ""))
            if s.recv(64) == b":0\r\n":
                return
            time.sleep(0.005)
    servers.die("subscribers that have gone are still there")


# name: (a run of a server, operations)
CPU = {
    "multi": (lambda port, o: Multi(port, o.connections, o.pipeline), 20000),
    "publish_1": (lambda port, o: Publish(port, o.publishers, o.pipeline, 1), 30000),
    "publish_10": (lambda port, o: Publish(port, o.publishers, o.pipeline, 10), 20000),
    "publish_100": (lambda port, o: Publish(port, o.publishers, o.pipeline, 100), 5000),
}

# name: (subscribers, operations in a run) of a load by programs
LOADED = {"publish_1": (1, 200000), "publish_10": (10, 100000), "publish_100": (100, 20000)}


def loaded_cost(s, name, options):
    """As cost. The channel is that of bench/subscribers."""
    subscribers, operations = LOADED[name]
    operations -= operations % options.pipeline  # redis-benchmark sends whole pipelines
    program = servers.need_program(f"{options.build}/bench/subscribers", "run `make bench` or build it")
    servers.need_program("redis-benchmark", "apt-get install redis-tools")
    drain = subprocess.Popen([program, "--port", str(s.port), "--subscribers", str(subscribers), "--size", str(len(MESSAGE)), "--drain", str(operations)],
                             stdout=subprocess.PIPE, text=True)
    try:
        if drain.stdout.readline() != "ready\n":
            servers.die("bench/subscribers did not start")
        used = cpu_s(s.pid)
        words = ["redis-benchmark", "-p", str(s.port), "-n", str(operations), "-P", str(options.pipeline), "-c", str(options.connections), "-q",
                 "PUBLISH", "many", MESSAGE.decode()]
        done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode != 0 or "rror" in done.stdout:
            servers.die(f"redis-benchmark: {done.stdout[-500:]}")
        out = drain.stdout.read()
        used = cpu_s(s.pid) - used
        if drain.wait() != 0:
            servers.die(f"bench/subscribers ended with status {drain.returncode}\n{out}")
    finally:
        if drain.poll() is None:
            drain.kill()
            drain.wait()
    wait_for_nobody(s.port, "many")
    return used / operations * 1e6


def cost(s, name, options):
    """Microseconds of the server's CPU for one operation."""
    if options.load == "programs" and name in LOADED:
        return loaded_cost(s, name, options)
    make, operations = CPU[name]
    run = make(s.port, options)
    try:
        run.round()
        rounds = max(1, operations // (len(run.senders) * run.pipeline))
        used = cpu_s(s.pid)
        for _ in range(rounds):
            run.round()
        return (cpu_s(s.pid) - used) / (rounds * len(run.senders) * run.pipeline) * 1e6
    finally:
        run.close()


def cpu(options):
    by = f"redis-benchmark's {options.connections}" if options.load == "programs" else str(options.publishers)
    print(f"cpu: {options.pairs} pairs; multi on {options.connections} connections, publish on {by}, pipeline {options.pipeline}", flush=True)
    ok, running = True, []
    try:
        for i, name in enumerate(("kora", "redis")):
            running.append(servers.Server(name, options, options.port + i))
            # What the programs that read are behind by is no reason to close them.
            said = running[-1].command("CONFIG", "SET", "client-output-buffer-limit", "pubsub 0 0 0")
            if said != b"+OK":
                servers.die(f"{name}: CONFIG SET client-output-buffer-limit: {said!r}")
        for name in options.cpu:
            figures = {"kora": [], "redis": []}
            for i in range(options.pairs):
                for s in running if i % 2 == 0 else reversed(running):
                    figures[s.name].append(cost(s, name, options))
            ratios = [k / r for k, r in zip(figures["kora"], figures["redis"])]
            low, _, high = statistics.quantiles(ratios, n=4, method="inclusive") if len(ratios) > 1 else ratios * 3
            ratio = statistics.median(ratios)
            met = ratio <= MOST_CPU
            ok = ok and met
            print(f"  {name:<12} CPU us/op {statistics.median(figures['kora']):9.3f}, redis {statistics.median(figures['redis']):9.3f}, "
                  f"ratio {ratio:.3f} [{low:.3f} .. {high:.3f}]   target <= {MOST_CPU}{'' if met else ' MISSED'}", flush=True)
    finally:
        for s in running:
            s.stop()
    return ok


# ---- ten thousand subscribers --------------------------------------------------------------------------------------------------

class Watch(threading.Thread):
    """The largest resident set from now on."""

    def __init__(self, s):
        super().__init__(daemon=True)
        self.s, self.most, self.over = s, s.rss(), threading.Event()

    def run(self):
        while not self.over.wait(0.2):
            self.most = max(self.most, self.s.rss())


def many(options, name):
    """Returns True if the figures are within bounds."""
    program = servers.need_program(f"{options.build}/bench/subscribers", "run `make bench` or build it")
    files = options.many + 500
    if resource.getrlimit(resource.RLIMIT_NOFILE)[1] < files:
        servers.die(f"{options.many} subscribers need a hard limit of open files of {files} (ulimit -Hn)")
    with servers.Server(name, options, options.port, files=files) as s:
        said = s.command("CONFIG", "SET", "client-output-buffer-limit", f"pubsub {options.limit_kb * 1024} 0 0")
        if said != b"+OK":
            servers.die(f"{name}: CONFIG SET client-output-buffer-limit: {said!r}")
        words = ["prlimit", f"--nofile={files}:{files}", "--", program, "--port", str(s.port), "--subscribers", str(options.many),
                 "--seconds", str(options.seconds), "--rate", str(options.rate), "--size", str(options.size)]
        child = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if child.stdout.readline() != "ready\n":
            servers.die("bench/subscribers did not start")
        time.sleep(1)
        before = s.rss()
        used = cpu_s(s.pid)
        watch = Watch(s)
        watch.start()
        child.stdin.write("\n")
        child.stdin.close()
        out = child.stdout.read()
        if child.wait() != 0:
            servers.die(f"bench/subscribers ended with status {child.returncode}\n{out}")
        used = cpu_s(s.pid) - used
        watch.over.set()
        watch.join()
        f = servers.load_figures(out)
        growth = (watch.most - before) / 1048576
        # What it did not read may be anywhere between the server and it, but no more than limit and sockets hold.
        closed = f["silent_closed_after"] > 0
        met = f["p99_ms"] < MOST_P99_MS and growth < MOST_GROWTH_MB and closed and f["lost"] == 0
        print(f"  {name:<6} p50 {f['p50_ms']:.2f} ms, p99 {f['p99_ms']:.2f} ms, max {f['max_ms']:.2f} ms   {f['received']:.0f} received, {f['lost']:.0f} lost   "
              f"CPU {used / f['received'] * 1e6:.2f} us a message and subscriber", flush=True)
        print(f"         resident {before / 1048576:.1f} MB, at most {growth:.1f} MB more; the one that does not read "
              f"{'was closed after %d messages' % f['silent_closed_after'] if closed else 'was not closed'}"
              f"{'' if name != 'kora' else f'   target p99 < {MOST_P99_MS} ms, < {MOST_GROWTH_MB} MB, closed, none lost' + ('' if met else ' MISSED')}", flush=True)
        return met or name != "kora"


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    servers.add_options(p)
    p.add_argument("--cpu", default=",".join(CPU), help=f"of {','.join(CPU)}; '' for none")
    p.add_argument("--pairs", type=int, default=10)
    p.add_argument("--load", choices=["programs", "rounds"], default="programs", help="who publishes: redis-benchmark, or this script")
    p.add_argument("--connections", type=int, default=50, help="of multi, and of redis-benchmark")
    p.add_argument("--publishers", type=int, default=10, help="connections of this script")
    p.add_argument("--pipeline", type=int, default=1, help="operations that a connection sends at once")
    p.add_argument("--many", type=int, default=10000, help="subscribers of the second part; 0: without it")
    p.add_argument("--servers", default="kora,redis", help="of the second part")
    p.add_argument("--seconds", type=float, default=30, help="of the second part")
    p.add_argument("--rate", type=float, default=5, help="messages a second")
    p.add_argument("--size", type=int, default=2048, help="bytes of a message")
    p.add_argument("--limit-kb", type=int, default=128, help="the buffer limit of a subscriber")
    p.add_argument("--check", action="store_true", help="exit status 1 if a target is missed")
    options = p.parse_args()
    options.cpu = [n for n in options.cpu.split(",") if n]
    for n in options.cpu:
        if n not in CPU:
            servers.die(f"unknown workload {n}; there are {', '.join(CPU)}")
    ok = True
    if options.cpu:
        ok = cpu(options)
    if options.many:
        print(f"many: {options.many} subscribers of one channel, {options.rate:g} messages of {options.size} bytes a second for {options.seconds:g} s; "
              f"limit {options.limit_kb} KB", flush=True)
        for name in options.servers.split(","):
            ok = many(options, name) and ok
    return 1 if options.check and not ok else 0


if __name__ == "__main__":
    sys.exit(main())
