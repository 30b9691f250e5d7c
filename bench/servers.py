"""Servers for the benchmarks: starts korad and redis-server on ports of their own, stops them, reads their figures from /proc.

Standard library only. A server that is missing, does not start, or whose port is taken is an error, never left out silently.
"""
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def die(text):
    sys.stdout.flush()
    print("bench: " + text, file=sys.stderr)
    sys.exit(1)


def need_program(path, hint):
    found = shutil.which(path)
    if not found:
        die(f"{path} is missing: {hint}")
    return os.path.abspath(found)


def load_path(build):
    return need_program(os.path.join(build, "bench", "load"), "run `make bench` or build it")


def add_options(parser):
    """The options that all scripts which start servers have."""
    parser.add_argument("--build", default=os.path.join(ROOT, "build"), help="folder with korad and bench/load")
    parser.add_argument("--korad", help="korad and its arguments; default: BUILD/korad")
    parser.add_argument("--redis", default="redis-server", help="redis-server and its arguments")
    parser.add_argument("--port", type=int, default=7160, help="first port to use")


def command_of(name, options, port):
    if name == "kora":
        words = shlex.split(options.korad) if options.korad else [os.path.join(options.build, "korad")]
        words[0] = need_program(words[0], "run `make all`")
        return words + ["--port", str(port), "--bind", "127.0.0.1", "--loglevel", "warning"]
    if name == "redis":
        words = shlex.split(options.redis)
        words[0] = need_program(words[0], "apt-get install redis-server")
        return words + ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", ".", "--loglevel", "warning"]
    die(f"unknown server {name}")


class Server:
    """A server process. It is stopped by stop(), at the end of a `with`."""

    def __init__(self, name, options, port, files=None, words=()):
        self.name, self.port = name, port
        words = command_of(name, options, port) + list(words)
        try:
            socket.create_connection(("127.0.0.1", port), 0.2).close()
            die(f"port {port} is in use; choose others with --port")
        except OSError:
            pass
        self.dir = tempfile.mkdtemp(prefix="kora-bench-")
        self.log = open(os.path.join(self.dir, "log"), "wb+")
        if files:
            words = ["prlimit", f"--nofile={files}:{files}", "--"] + words
            words += ["--maxclients", str(files - 200)]
        self.words = words
        self.start()
        self._wait_ready()

    def start(self):
        """The process, on what an earlier one has left in its folder."""
        self.process = subprocess.Popen(self.words, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, cwd=self.dir)
        self.pid = self.process.pid

    def _wait_ready(self):
        for _ in range(400):
            if self.process.poll() is not None:
                self.fail(f"ended at once with status {self.process.returncode}")
            try:
                if self.command("PING") == b"+PONG":
                    return
            except OSError:
                pass
            time.sleep(0.025)
        self.fail("does not answer PING")

    def fail(self, text):
        self.log.seek(0)
        said = self.log.read().decode("utf-8", "replace")[-2000:]
        self.stop()
        die(f"{self.name}: {text}\n{said}")

    def command(self, *words):
        """Sends one command; returns the first line of its reply."""
        with socket.create_connection(("127.0.0.1", self.port), 10) as s:
            parts = [f"*{len(words)}\r\n".encode()]
            for w in words:
                b = w if isinstance(w, bytes) else str(w).encode()
                parts.append(b"$%d\r\n%s\r\n" % (len(b), b))
            s.sendall(b"".join(parts))
            reply = b""
            while b"\r\n" not in reply:
                got = s.recv(65536)
                if not got:
                    raise OSError("connection closed")
                reply += got
            return reply.split(b"\r\n", 1)[0]

    def text(self, *words):
        """Sends one command; returns its bulk reply."""
        with socket.create_connection(("127.0.0.1", self.port), 10) as s, s.makefile("rwb") as f:
            f.write(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w.encode()) for w in words))
            f.flush()
            head = f.readline()
            if not head.startswith(b"$"):
                raise OSError(head.decode())
            return f.read(int(head[1:])).decode()

    def rss(self):
        """Resident bytes."""
        with open(f"/proc/{self.pid}/smaps_rollup") as f:
            for line in f:
                if line.startswith("Rss:"):
                    return int(line.split()[1]) * 1024
        die(f"no Rss of {self.name}")

    def resident(self):
        """Rss, and of it Anonymous, File and Shmem, in bytes."""
        with open(f"/proc/{self.pid}/status") as f:
            lines = dict(l.split(":", 1) for l in f)
        kinds = {n: int(lines[key].split()[0]) * 1024 for n, key in (("Anonymous", "RssAnon"), ("File", "RssFile"), ("Shmem", "RssShmem"))}
        return dict(kinds, Rss=sum(kinds.values()))

    def switches(self):
        """Times that its threads were put to sleep or preempted, summed: what a wake-up adds to. And the number of threads."""
        return switches(self.pid)

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                print(f"bench: {self.name} did not end after SIGTERM", file=sys.stderr)
        self.log.close()
        shutil.rmtree(self.dir, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def switches(pid):
    total, threads = 0, 0
    for task in os.listdir(f"/proc/{pid}/task"):
        threads += 1
        with open(f"/proc/{pid}/task/{task}/status") as f:
            for line in f:
                if "ctxt_switches" in line:
                    total += int(line.split()[1])
    return total, threads


def load_figures(text):
    """The figures of the load program's `load key=value ...` line."""
    for line in text.splitlines():
        if line.startswith("load "):
            out = {}
            for pair in line.split()[1:]:
                k, v = pair.split("=", 1)
                try:
                    out[k] = float(v)
                except ValueError:
                    out[k] = v
            return out
    die("the load program printed no figures:\n" + text)


def load(build, port, pid=None, **options):
    """Runs the load program against `port`; returns its figures. Ends the script if it fails."""
    words = [load_path(build), "--port", str(port), "--quiet"]
    if pid:
        words += ["--server-pid", str(pid)]
    for k, v in options.items():
        words += ["--" + k.replace("_", "-")] + ([] if v is True else [str(v)])
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode != 0:
        die(f"{' '.join(words)}: status {done.returncode}\n{done.stdout}{done.stderr}")
    return load_figures(done.stdout)
