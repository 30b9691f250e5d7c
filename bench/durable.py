#!/usr/bin/python3
"""korad with a log beside redis-server with its append-only file: what SET costs when it is kept, in interleaved pairs of short runs.

  everysec, everysec16   without and with a pipeline of 16
  always                 each of the clients waits for the disk: writes to a sync, too

Both servers start with empty directories side by side, on the file system of --place, are filled, and stay up; Redis rewrites nothing meanwhile. A pair is a run on each, the
order changing; a figure is the median of the runs, a ratio that of the pairs' ratios, with the quartiles. CPU is that of all threads of the server.

Exit status: 0; 1 if something is missing or broke; with --check also 1 if a target is missed.
"""
import argparse
import os
import statistics
import sys

import server
import servers

# name: (policy, pipeline, {figure: (target for the ratio kora/redis, at most?)})
WORKLOADS = {
    "everysec": ("everysec", 1, {"server_cpu_us_per_op": (0.9, True)}),
    "everysec16": ("everysec", 16, {"server_cpu_us_per_op": (0.9, True)}),
    "always": ("always", 1, {"server_cpu_us_per_op": (0.9, True), "ops_per_s": (1.0, False)}),
}
PER_SYNC = 0.8  # writes to a sync, at least, over clients


def start(options, name, policy, port):
    words = ["--dir", "db"] if name == "kora" else ["--appendonly", "yes", "--auto-aof-rewrite-percentage", "0"]
    s = servers.Server(name, options, port, words=words + ["--appendfsync", policy])
    servers.load(options.build, s.port, fill=True, keys=options.keys, value_size=options.value_size, seconds=0, connections=50)
    return s


def syncs(s):
    for line in s.text("INFO", "persistence").splitlines():
        if line.startswith("kora_log_syncs:"):
            return int(line.split(":")[1])
    servers.die("INFO does not tell kora_log_syncs")


def measure(options, pair, name):
    policy, pipeline, targets = WORKLOADS[name]
    runs, per_sync = {s.name: [] for s in pair}, []
    for i in range(options.pairs):
        for s in pair if i % 2 == 0 else reversed(pair):
            before = syncs(s) if s.name == "kora" else 0
            figures = servers.load(options.build, s.port, s.pid, mix="1:0", pipeline=pipeline, keys=options.keys, seconds=options.seconds, warmup=0.3,
                                   connections=options.connections, threads=options.threads, value_size=options.value_size, seed=i * 7919 + 1, label=f"{s.name}-{name}")
            runs[s.name].append(figures)
            if s.name == "kora" and policy == "always":  # the warm-up's writes are among those that are synced
                per_sync.append(figures["ops"] * (options.seconds + 0.3) / options.seconds / max(syncs(s) - before, 1))
    ok = server.report(name, runs, targets)
    if per_sync:
        middle = statistics.median(per_sync)
        met = middle >= PER_SYNC * options.connections
        print(f"  writes to a sync: kora {middle:.1f} with {options.connections} clients  target >= {PER_SYNC * options.connections:.0f}{'' if met else ' MISSED'}", flush=True)
        ok = ok and met
    return ok


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    servers.add_options(p)
    p.add_argument("--workloads", default=",".join(WORKLOADS), help=f"of {','.join(WORKLOADS)}")
    p.add_argument("--pairs", type=int, default=10)
    p.add_argument("--seconds", type=float, default=2.5, help="each run")
    p.add_argument("--connections", type=int, default=100)
    p.add_argument("--threads", type=int, default=2, help="of the load generator")
    p.add_argument("--keys", type=int, default=100000)
    p.add_argument("--value-size", type=int, default=64)
    p.add_argument("--place", help="where the directories are made; default: that of temporary files")
    p.add_argument("--check", action="store_true", help="exit status 1 if a target is missed")
    options = p.parse_args()
    chosen = options.workloads.split(",")
    for w in chosen:
        if w not in WORKLOADS:
            servers.die(f"unknown workload {w}; there are {', '.join(WORKLOADS)}")
    if options.place:
        os.environ["TMPDIR"] = options.place
    servers.load_path(options.build)
    print(f"durable: SET, {options.connections} connections, {options.threads} load threads, {options.keys} keys of 16 bytes, {options.value_size}-byte values, "
          f"{options.seconds} s a run", flush=True)
    ok = True
    for policy in ("everysec", "always"):
        names = [w for w in chosen if WORKLOADS[w][0] == policy]
        pair = []
        try:
            for i, n in enumerate(("kora", "redis") if names else ()):
                pair.append(start(options, n, policy, options.port + i))
            for w in names:
                ok = measure(options, pair, w) and ok
        finally:
            for s in pair:
                s.stop()
    if not ok:
        print("\ndurable: a target was missed")
    return 1 if options.check and not ok else 0


if __name__ == "__main__":
    sys.exit(main())
