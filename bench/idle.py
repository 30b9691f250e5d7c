#!/usr/bin/python3
"""Does an idle database sleep? Counts the wake-ups of all threads of an idle korad and of an idle program that embeds Kora.

A thread that wakes up goes back to sleep, and that is a context switch, which the kernel counts in /proc/PID/task/*/status
(voluntary and involuntary). Both must not move. Exit status 1 if one does.
"""
import argparse
import os
import socket
import subprocess
import sys
import time

import servers


def watch(what, pid, options, gate=True):
    """Returns True if nothing woke up."""
    time.sleep(options.settle)
    before, threads = servers.switches(pid)
    time.sleep(options.seconds)
    after, now = servers.switches(pid)
    quiet = after == before and threads == now
    print(f"  {what:<44} {after - before:>6} wake-ups in {options.seconds:g} s, {now} threads"
          f"{'' if quiet else ' MISSED' if gate else ' (no target)'}", flush=True)
    return quiet or not gate


def embedded(what, words, options, gate=True):
    program = servers.need_program(os.path.join(options.build, "bench", "idle"), "run `make bench` or build it")
    p = subprocess.Popen([program] + words, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        if p.stdout.readline() != b"ready\n":
            servers.die(f"{program} did not start")
        return watch(what, p.pid, options, gate)
    finally:
        p.stdin.close()
        p.wait(20)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    servers.add_options(p)
    p.add_argument("--seconds", type=float, default=10)
    p.add_argument("--settle", type=float, default=3, help="seconds to wait before counting")
    options = p.parse_args()
    print("idle: wake-ups of all threads")
    ok = embedded("embedded, 1,000 keys", [], options)
    ok = embedded("embedded, 1,000 keys that expire in an hour", ["--ttl-ms", "3600000"], options, gate=False) and ok
    with servers.Server("kora", options, options.port) as s:
        ok = watch("korad", s.pid, options) and ok
        held = [socket.create_connection(("127.0.0.1", s.port), 5) for _ in range(100)]
        for c in held:
            c.sendall(b"PING\r\n")
            if c.recv(64) != b"+PONG\r\n":
                s.fail("a connection was not answered")
        ok = watch("korad, 100 idle connections", s.pid, options) and ok
        for c in held:
            c.close()
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
