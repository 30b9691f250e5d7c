#!/usr/bin/python3
"""Memory of korad beside redis-server, of the embedded library, and of 10,000 idle connections.

A key: growth of the resident set when 1M keys were set through sockets (which are closed again), by key, less key and value.
A connection: growth of the resident set when --idle connections were opened that have said PING once (`spoken`) or nothing (`silent`),
a few seconds after, when a server has had time to give buffers back. Then 100 active connections run with and without the idle
ones, in turns, and their p99 is compared.
"""
import argparse
import os
import resource
import statistics
import subprocess
import sys
import time

import servers

TARGET = {32: 32, 256: 48}  # bytes a key over key and value


def mark(value, bound):
    return f"target <= {bound}{'' if value <= bound else ' MISSED'}"


def in_process(options):
    program = servers.need_program(os.path.join(options.build, "bench", "memory"), "run `make bench` or build it")
    ok = True
    for size in options.values:
        done = subprocess.run([program, "--keys", str(options.keys), "--value-size", str(size)], stdout=subprocess.PIPE, text=True)
        if done.returncode != 0:
            servers.die(f"{program}: status {done.returncode}")
        figures = dict(w.split("=") for w in done.stdout.splitlines()[-1].split()[1:])
        over, empty = float(figures["over_bytes"]), float(figures["empty_mb"])
        bound = TARGET.get(size)
        print(f"  in-process  {size:>4}-byte values: {over:7.1f} bytes a key over key and value   {mark(over, bound) if bound else ''}")
        print(f"              account: used {figures['used_over_bytes']}, held {figures['held_over_bytes']};"
              f" empty database {empty:.2f} MB   {mark(empty, 4)}", flush=True)
        ok = ok and empty <= 4 and (not bound or over <= bound)
    return ok


def through_sockets(options):
    ok = True
    for size in options.values:
        for name in options.servers:
            with servers.Server(name, options, options.port) as s:
                before = s.rss()
                servers.load(options.build, s.port, fill=True, keys=options.keys, value_size=size, seconds=0, connections=10, label=name)
                time.sleep(1)
                over = (s.rss() - before) / options.keys - 16 - size
                bound = TARGET.get(size) if name == "kora" else None
                print(f"  {name:<11} {size:>4}-byte values: {over:7.1f} bytes a key over key and value"
                      f"   {mark(over, bound) if bound else ''} (empty: {before / 2**20:.2f} MB)", flush=True)
                ok = ok and (not bound or over <= bound)
    return ok


class Idle:
    """Idle connections, held by a load program of their own."""

    def __init__(self, options, port, spoken):
        words = [servers.load_path(options.build), "--port", str(port), "--connections", "0", "--idle", str(options.idle),
                 "--seconds", "100000", "--quiet"] + (["--idle-ping"] if spoken else [])
        self.p = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        line = self.p.stdout.readline()
        if not line.startswith("idle "):
            servers.die(f"idle connections: {line}{self.p.stderr.read()}")

    def close(self):
        _, errors = self.p.communicate()
        if self.p.returncode != 0:
            servers.die(f"idle connections were lost: {errors}")


def connections(options):
    files, ok = resource.getrlimit(resource.RLIMIT_NOFILE)[1], True
    if options.idle + 400 > files:
        servers.die(f"{options.idle} connections need a hard limit of open files above {files} (ulimit -Hn)")
    for name in options.servers:
        for spoken in (False, True):
            with servers.Server(name, options, options.port, files=files) as s:
                before = s.rss()
                idle = Idle(options, s.port, spoken)
                time.sleep(options.settle)
                each = (s.rss() - before) / options.idle / 1024
                idle.close()
                print(f"  {name:<11} {options.idle} connections, {'spoken' if spoken else 'silent'}: {each:.2f} KB each"
                      f"   {mark(each, 2) if name == 'kora' else ''}", flush=True)
                ok = ok and (name != "kora" or each <= 2)
    for name in options.servers:
        with servers.Server(name, options, options.port, files=files) as s:
            servers.load(options.build, s.port, fill=True, keys=100000, seconds=0, connections=10, label=name)
            runs, ratios = {True: [], False: []}, []
            for i in range(options.pairs):
                for crowded in (i % 2 == 0, i % 2 != 0):
                    idle = Idle(options, s.port, True) if crowded else None
                    time.sleep(0.5)
                    got = servers.load(options.build, s.port, s.pid, keys=100000, seconds=options.seconds, connections=100, label=name)
                    runs[crowded].append(got["p99_ms"])
                    if idle:
                        idle.close()
                        time.sleep(0.5)
                ratios.append(runs[True][-1] / runs[False][-1])
            ratio = statistics.median(ratios)
            print(f"  {name:<11} p99 of 100 active: {statistics.median(runs[False]):.3f} ms alone, {statistics.median(runs[True]):.3f} ms beside"
                  f" {options.idle} idle, ratio {ratio:.3f} [{min(ratios):.3f} .. {max(ratios):.3f}]   "
                  f"{mark(ratio, 1.1) if name == 'kora' else ''}", flush=True)
            ok = ok and (name != "kora" or ratio <= 1.1)
    return ok


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    servers.add_options(p)
    p.add_argument("--servers", type=lambda t: t.split(","), default=["kora", "redis"])
    p.add_argument("--parts", default="inproc,sockets,connections", help="which to run")
    p.add_argument("--keys", type=int, default=1000000)
    p.add_argument("--values", type=lambda t: [int(x) for x in t.split(",")], default=[32, 256])
    p.add_argument("--idle", type=int, default=10000, help="idle connections")
    p.add_argument("--settle", type=float, default=5, help="seconds to wait before the resident set is read")
    p.add_argument("--pairs", type=int, default=6, help="runs with and without idle connections")
    p.add_argument("--seconds", type=float, default=1.5, help="each of these runs")
    p.add_argument("--check", action="store_true", help="exit status 1 if a target is missed")
    options = p.parse_args()
    parts = {"inproc": in_process, "sockets": through_sockets, "connections": connections}
    ok = True
    print(f"memory: {options.keys} keys of 16 bytes")
    for name in options.parts.split(","):
        if name not in parts:
            servers.die(f"unknown part {name}; there are {', '.join(parts)}")
        ok = parts[name](options) and ok
    return 1 if options.check and not ok else 0


if __name__ == "__main__":
    sys.exit(main())
