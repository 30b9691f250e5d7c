#!/usr/bin/python3
"""korad beside redis-server: server CPU time per operation, throughput and latency, in interleaved pairs of short runs.

Both servers are started, filled with the same keys, and stay up; each pair is one run on each, the order changing from pair to
pair, so that what the machine does besides hits both. The figures of a server are the medians of its runs; a ratio is the median of
the pairs' ratios, with the quartiles beside it. Server CPU per operation is the steady figure; throughput and latency of a machine
that load generator and server share depend on the generator too.

Exit status: 0; 1 if something is missing or broke; with --check also 1 if a ratio misses its target.
"""
import argparse
import statistics
import sys

import servers

# name: (SET, GET, pipeline, {figure: (target for the ratio kora/redis, at most?)})
PLAIN = {"server_cpu_us_per_op": (0.97, True), "ops_per_s": (1.15, False)}
DEEP = {"server_cpu_us_per_op": (0.55, True), "ops_per_s": (1.60, False)}
WORKLOADS = {
    "set": (1, 0, 1, PLAIN),
    "get": (0, 1, 1, PLAIN),
    "mixed": (1, 1, 1, {}),
    "set16": (1, 0, 16, DEEP),
    "get16": (0, 1, 16, DEEP),
    "mixed16": (1, 1, 16, DEEP),
}
FIGURES = [("server_cpu_us_per_op", "CPU us/op"), ("ops_per_s", "ops/s"), ("p50_ms", "p50 ms"), ("p99_ms", "p99 ms")]


def quartiles(values):
    if len(values) < 2:
        return values[0], values[0]
    q = statistics.quantiles(values, n=4, method="inclusive")
    return q[0], q[2]


def measure(options, running, name, keys):
    sets, gets, pipeline, _ = WORKLOADS[name]
    runs = {s.name: [] for s in running}
    for i in range(options.pairs):
        for s in running if i % 2 == 0 else reversed(running):
            runs[s.name].append(servers.load(
                options.build, s.port, s.pid, mix=f"{sets}:{gets}", pipeline=pipeline, keys=keys, seconds=options.seconds,
                connections=options.connections, threads=options.threads, value_size=options.value_size, seed=i * 7919 + 1,
                verify=True, label=f"{s.name}-{name}", **({"zipf": options.zipf} if options.zipf else {})))
    return runs


def report(name, runs, targets):
    """Prints one workload's table. Returns False if a target was missed."""
    ok = True
    names = list(runs)
    print(f"\n{name}: {len(runs[names[0]])} pairs")
    for figure, title in FIGURES:
        line = f"  {title:<10}"
        for n in names:
            line += f"  {n} {statistics.median(r[figure] for r in runs[n]):>10.3f}"
        if len(names) == 2:
            ratios = [a[figure] / b[figure] for a, b in zip(*runs.values()) if b[figure] > 0]
            if ratios:
                middle, (low, high) = statistics.median(ratios), quartiles(ratios)
                line += f"  ratio {middle:.3f} [{low:.3f} .. {high:.3f}]"
                if figure in targets:
                    bound, at_most = targets[figure]
                    met = middle <= bound if at_most else middle >= bound
                    ok = ok and met
                    line += f"  target {'<=' if at_most else '>='} {bound}{'' if met else ' MISSED'}"
        print(line)
    for n in names:
        print(f"  figures workload={name} server={n} " +
              " ".join(f"{f}={statistics.median(r[f] for r in runs[n]):.4f}" for f, _ in FIGURES) +
              f" misses={sum(int(r['misses']) for r in runs[n])}")
    sys.stdout.flush()
    return ok


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    servers.add_options(p)
    p.add_argument("--servers", default="kora,redis", help="which, ratios are first / second")
    p.add_argument("--workloads", default=",".join(WORKLOADS), help=f"of {','.join(WORKLOADS)}")
    p.add_argument("--pairs", type=int, default=10)
    p.add_argument("--seconds", type=float, default=2.5, help="each run")
    p.add_argument("--connections", type=int, default=100)
    p.add_argument("--threads", type=int, default=2, help="of the load generator")
    p.add_argument("--keys", type=int, default=1000000)
    p.add_argument("--value-size", type=int, default=256)
    p.add_argument("--zipf", type=float, help="keys by Zipf's law with this exponent; default: uniform")
    p.add_argument("--check", action="store_true", help="exit status 1 if a target is missed")
    options = p.parse_args()
    names, chosen = options.servers.split(","), options.workloads.split(",")
    for w in chosen:
        if w not in WORKLOADS:
            servers.die(f"unknown workload {w}; there are {', '.join(WORKLOADS)}")
    if not 1 <= len(names) <= 2 or options.pairs < 1:
        servers.die("one or two servers, at least one pair")
    servers.load_path(options.build)
    print(f"server: {options.connections} connections, {options.threads} load threads, {options.keys} keys of 16 bytes, "
          f"{options.value_size}-byte values, {options.seconds} s a run, pipeline 1 (16 in *16)", flush=True)
    running, ok = [], True
    try:
        for i, n in enumerate(names):
            running.append(servers.Server(n, options, options.port + i))
        for s in running:
            servers.load(options.build, s.port, fill=True, keys=options.keys, value_size=options.value_size, seconds=0,
                         connections=min(options.connections, 50))
        for w in chosen:
            ok = report(w, measure(options, running, w, options.keys), WORKLOADS[w][3]) and ok
    finally:
        for s in running:
            s.stop()
    if not ok:
        print("\nserver: a target was missed")
    return 1 if options.check and not ok else 0


if __name__ == "__main__":
    sys.exit(main())
