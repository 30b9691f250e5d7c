#!/usr/bin/python3
"""A korad that is killed at random, started again with another number of shards, and looked through, again and again.

    killed.py [--korad build/korad] [--policy everysec|always|no] [--cycles n] [--processes n] [--seed n] [--keep folder]

Run by itself it tells how many cycles a second it does, and what they were made of; and keeps the directory of one that fails.
"""
import argparse, collections, os, random, re, resource, select, shutil, subprocess, sys, time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.dont_write_bytecode = True
from operations import a_wide_mset
from server import Server
from writer import Writer

SHARDS = (1, 2, 3, 8)
SNAPSHOT_EVERY = 10


class Cycles:
    def __init__(self, korad, policy, seed, writers=4):
        self.server = Server(korad)
        self.r = random.Random(seed)
        self.flags = ["--appendfsync", policy, "--save", ""]
        self.writers = [Writer(self.server, (2 * i, 2 * i + 1), seed * 100 + i) for i in range(writers)]
        self.seed, self.cycle = seed, 0
        self.spent = collections.Counter()

    def __enter__(self):
        self.server.start("--shards", self.r.choice(SHARDS), *self.flags)
        return self

    def __exit__(self, *args):
        self.server.__exit__(*args)

    def write_for(self, s):
        """All writers, until then; and what else goes on in a server."""
        idle, control = self.server.client(), self.server.client()
        idle.send([["BLPOP", "lb-never", 0]])
        said = self.r.choice([None] * 4 + [["BGSAVE"], ["BGREWRITEAOF"]] + [["CONFIG", "SET", "appendfsync", policy] for policy in ("always", "everysec")])
        if self.cycle % SNAPSHOT_EVERY == 0:  # few are whole when the others have been killed: the log would grow
            control("SAVE")
        poll, of = select.poll(), {}
        for w in self.writers:
            w.connect()
            for c in (w.c, w.second):
                poll.register(c, select.POLLIN)
                of[c.fileno()] = (w, c)
        now = time.monotonic()
        end, at = now + s, now + self.r.uniform(0, s)
        while now < end:
            if said and now >= at:
                control.send([said])
                said = None
            for fd, _ in poll.poll(max(0, (end - now) * 1000)):
                w, c = of[fd]
                w.readable(c)
            now = time.monotonic()
        if self.r.random() < 0.5:  # in the midst of a call of many stripes, if it can be met
            while not any([w.readable(c, a_wide_mset) for w, c in (of[fd] for fd, _ in poll.poll(1000))]):
                pass
            now, wait = time.perf_counter(), self.r.uniform(0, 0.0005)
            while time.perf_counter() < now + wait:
                pass
        self.server.kill()
        for w in self.writers:
            w.drain()
        idle.__exit__()
        control.__exit__()

    def timed(self, what, f, *args):
        began = time.monotonic()
        f(*args)
        self.spent[what] += time.monotonic() - began

    def check(self):
        with self.server.client() as c:
            for w in self.writers:
                w.check(c)

    def one(self):
        self.cycle += 1
        self.timed("writing", self.write_for, self.r.uniform(0.02, 0.1))
        self.timed("starting", self.server.start, "--shards", self.r.choice(SHARDS), *self.flags)
        try:
            self.timed("checking", self.check)
        except AssertionError as e:
            raise AssertionError("seed %d, cycle %d: %s" % (self.seed, self.cycle, e))

    def run(self, n):
        """How many were acknowledged."""
        for _ in range(n):
            self.one()
        self.server.stop()
        self.server.start(*self.flags)
        for w in self.writers:
            w.drain()
        self.check()
        return sum(w.acknowledged for w in self.writers)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--korad", default="build/korad")
    parser.add_argument("--policy", default="everysec")
    parser.add_argument("--cycles", type=int, default=100)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep")
    o = parser.parse_args()
    if o.processes > 1:
        per = -(-o.cycles // o.processes)
        argv = [sys.executable, os.path.abspath(__file__), "--korad", o.korad, "--policy", o.policy, "--cycles", str(per)] + (["--keep", o.keep] if o.keep else [])
        children = [subprocess.Popen(argv + ["--seed", str(o.seed + 1000 * i)]) for i in range(o.processes)]
        return max([p.wait() for p in children])
    began = time.monotonic()
    with Cycles(os.path.abspath(o.korad), o.policy, o.seed) as cycles:
        try:
            acknowledged = cycles.run(o.cycles)
        except BaseException:
            if o.keep:
                if cycles.server.p:
                    cycles.server.kill()
                shutil.copytree(cycles.server.dir, "%s-%d" % (o.keep, o.seed))
            raise
        s = time.monotonic() - began
        used = [sum(resource.getrusage(who)[:2]) * 1000 / o.cycles for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        text = cycles.server.text()
        print("%s, seed %d: %d cycles in %.0f s, %.1f a second; %d acknowledged; a cycle: %s ms; %.0f ms of CPU here and %.0f in korad" % (o.policy, o.seed, o.cycles, s,
              o.cycles / s, acknowledged, ", ".join("%s %.0f" % (k, v * 1000 / o.cycles) for k, v in cycles.spent.items()), *used))
        print("calls were cut short in %d of them, the end of the log in %d, %d snapshots out of %d" % (text.count("when the process was killed"),
              text.count("off the end of the log"), len(re.findall(r"snapshot \d+: ", text)), text.count(" begins")), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
