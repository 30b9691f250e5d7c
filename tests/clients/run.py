#!/usr/bin/python3
"""Real clients of Redis against korad: those from npm and Debian that people use.

    run.py [--korad build/korad] [--redis redis-server] [WORD ...]     (WORDs: only scenarios with one in their name)

A scenario is a short program in its client's own language, called with the port of a server that is fresh and its alone. It prints
`ok NAME` or `not ok NAME: why` for each thing that it tried, and `done` at the end. Where it wants to see its client connect anew it
prints `restart`, and reads an empty line when the server has been stopped and is up again (with nothing in it). --redis runs the
scenarios against redis-server instead, which is how a scenario is shown to be right. Node.js finds its packages, and the C
programs are, in KORA_BUILD/clients (make test-clients). A client that is not installed is a failure.
The last line is `N passed, N failed`.
"""
import argparse, os, socket, subprocess, sys, tempfile, threading, time

HERE = os.path.dirname(os.path.abspath(__file__))
BUILD = os.environ.get("KORA_BUILD", os.path.join(os.path.dirname(os.path.dirname(HERE)), "build"))
PORTS = range(7340, 7370)
PATIENCE_S = 30
SCENARIO_S = 90
CLIENTS = os.path.join(BUILD, "clients")

SCENARIOS = {  # name: command line, without the port
    "redis-tools": ["/usr/bin/python3", "redis_tools.py"],
    "hiredis": [os.path.join(CLIENTS, "hiredis_sync")],
    "hiredis-libuv": [os.path.join(CLIENTS, "hiredis_libuv")],
    "python-redis": ["/usr/bin/python3", "python_redis.py"],
    "php-redis": ["php", "php_redis.php"],
    "ruby-redis": ["ruby", "ruby_redis.rb"],
    "ioredis": ["node", "ioredis.js"],
    "node-redis-resp2": ["node", "node_redis.js", "2"],
    "node-redis-resp3": ["node", "node_redis.js", "3"],
    "connect-redis": ["node", "connect_redis.js"],
}


class Server:
    """A server on a port that nobody else uses, in a folder that goes with it."""

    def __init__(self, options, port):
        self.port = port
        self.folder = tempfile.TemporaryDirectory(prefix="kora-clients-")
        self.log = os.path.join(self.folder.name, "log")
        own = ["--bind", "127.0.0.1", "--port", str(port), "--logfile", self.log]
        if options.redis:
            self.argv = [options.redis, *own, "--save", "", "--appendonly", "no", "--dir", self.folder.name]
        else:
            self.argv = [options.korad, *own, "--shards", "2"]
        self.start()

    def start(self):
        self.process = subprocess.Popen(self.argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            if self.process.poll() is not None:
                raise RuntimeError("the server ended at once: %r" % self.process.stderr.read())
            try:
                with socket.create_connection(("127.0.0.1", self.port), 1) as s:
                    s.sendall(b"PING\r\n")
                    if s.recv(64) == b"+PONG\r\n":
                        return
            except OSError:
                pass
            time.sleep(0.02)
        raise RuntimeError("the server is not ready after %d s" % PATIENCE_S)

    def stop(self):
        """Returns what is wrong with how it ended, or None."""
        status = self.process.poll()
        if status is not None:
            return "the server had ended, with status %d" % status
        self.process.terminate()
        try:
            status = self.process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            return "the server did not end after SIGTERM"
        finally:
            self.process.stderr.close()
        return "the server ended with status %d" % status if status else None

    def restart(self):
        wrong = self.stop()
        if wrong:
            raise RuntimeError(wrong)
        self.start()

    def close(self):
        wrong = self.stop()
        self.folder.cleanup()
        return wrong


def free_port():
    for port in PORTS:
        with socket.socket() as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                s.bind(("127.0.0.1", port))
                return port
            except OSError:
                pass
    raise RuntimeError("no port is free of %d to %d" % (PORTS[0], PORTS[-1]))


def play(argv, server):
    """Runs a scenario. Returns how many of its tries passed, and what failed."""
    env = dict(os.environ, NODE_PATH=os.path.join(CLIENTS, "node_modules"), LC_ALL="C.UTF-8")
    aside = open(server.log + ".errors", "wb+")  # of a client: what is said in threads must not cut lines in two
    try:
        child = subprocess.Popen([*argv, str(server.port)], cwd=HERE, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=aside)
    except OSError as e:
        return 0, ["does not run: %s" % e]
    passed, failed, said, done = 0, [], [], False
    alarm = threading.Timer(SCENARIO_S, child.kill)
    alarm.start()
    try:
        for raw in child.stdout:
            line = raw.decode(errors="replace").rstrip()
            if line == "restart":
                server.restart()
                child.stdin.write(b"\n")
                child.stdin.flush()
            elif line == "done":
                done = True
            elif line.startswith("ok "):
                passed += 1
            elif line.startswith("not ok "):
                failed.append(line[len("not ok "):])
            else:
                said.append(line)
    except (OSError, RuntimeError) as e:
        failed.append(str(e))
        child.kill()
    finally:
        alarm.cancel()
        child.stdin.close()
        status = child.wait()
    if not done or status != 0 and not failed:
        failed.append("ended early, or not within %d s: status %d" % (SCENARIO_S, status))
    aside.seek(0)
    said += aside.read().decode(errors="replace").splitlines()
    aside.close()
    return passed, failed + ["  " + line for line in said[-30:] if failed]


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--korad", default=os.path.join(BUILD, "korad"))
    p.add_argument("--redis", help="a redis-server to run them against instead")
    p.add_argument("words", nargs="*")
    options = p.parse_args()
    options.korad = os.path.abspath(options.korad)
    total = wrong = 0
    for name, argv in SCENARIOS.items():
        if options.words and not any(w in name for w in options.words):
            continue
        start = time.monotonic()
        server = Server(options, free_port())
        passed, failed = play(argv, server)
        bad = server.close()
        if bad:
            failed.append(bad)
        if not passed and not failed:
            failed.append("tried nothing")
        print("%-4s %-18s %3d passed, %d failed, %.1f s" % ("FAIL" if failed else "ok", name, passed,
              sum(not f.startswith("  ") for f in failed), time.monotonic() - start))
        for f in failed:
            print("    | " + f)
        sys.stdout.flush()
        total += passed
        wrong += sum(not f.startswith("  ") for f in failed)
    print("%d passed, %d failed" % (total, wrong))
    return 1 if wrong or not total else 0


if __name__ == "__main__":
    sys.exit(main())
