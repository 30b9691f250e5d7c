#!/usr/bin/python3
"""korad from outside: flags, configuration file, listeners, log, signals, systemd's protocol, exit codes."""
import argparse, os, re, signal, socket, subprocess, sys, tempfile, time, traceback

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PATIENCE_S = 60  # until something that must happen counts as not happening (sanitizers and valgrind are slow)
LOG_LINE = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (debug|verbose|notice|warning) .+$")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for(what, condition):
    end = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > end:
            raise AssertionError("never: " + what)
        time.sleep(0.01)


def equal(got, wanted):
    if got != wanted:
        raise AssertionError("got %r, wanted %r" % (got, wanted))


def contains(text, *parts):
    for part in parts:
        if part not in text:
            raise AssertionError("no %r in %r" % (part, text))


class Place:
    """A directory of one test, and the servers that it started there."""

    def __init__(self, korad):
        self.korad, self.children = korad, []
        self.dir = tempfile.mkdtemp(prefix="korad-test-")

    def path(self, name, text=None):
        path = os.path.join(self.dir, name)
        if text is not None:
            with open(path, "w") as f:
                f.write(text)
        return path

    def read(self, name):
        with open(os.path.join(self.dir, name)) as f:
            return f.read()

    def run(self, *args):
        """To the end: exit status, standard output, standard error."""
        p = subprocess.run([self.korad, *args], capture_output=True, text=True, timeout=PATIENCE_S, stdin=subprocess.DEVNULL, cwd=self.dir)
        return p.returncode, p.stdout, p.stderr

    def start(self, *args, **popen):
        popen.setdefault("stdout", open(self.path("out"), "w"))
        popen.setdefault("stderr", open(self.path("err"), "w"))
        p = subprocess.Popen([self.korad, *args], stdin=subprocess.DEVNULL, cwd=self.dir, **popen)
        self.children.append(p)
        return p

    def start_ready(self, *args):
        """Started on a Unix socket too, and waited for."""
        p = self.start("--unixsocket", self.path("sock"), *args)
        self.wait_listening(p)
        equal(self.ask(b"PING\r\n"), b"+PONG\r\n")
        return p

    def wait_listening(self, p):
        def listening():  # the file is there before it can be connected to
            with socket.socket(socket.AF_UNIX) as s:
                return s.connect_ex(self.path("sock")) == 0
        wait_for("a socket", lambda: listening() or p.poll() is not None)
        if p.poll() is not None:
            raise AssertionError("ended with %d" % p.returncode)

    def ask(self, line, address=None):
        with socket.socket(socket.AF_UNIX if address is None else socket.AF_INET6 if ":" in address[0] else socket.AF_INET) as s:
            s.settimeout(PATIENCE_S)
            s.connect(self.path("sock") if address is None else address)
            s.sendall(line)
            return s.recv(4096)

    def end(self, p, sig=signal.SIGTERM):
        p.send_signal(sig)
        return p.wait(PATIENCE_S)

    def close(self):
        for p in self.children:
            if p.poll() is None:
                p.kill()
            p.wait()
        subprocess.run(["rm", "-rf", self.dir])


# ---- the tests ----


def help_and_version(p):
    status, out, err = p.run("--help")
    equal((status, err), (0, ""))
    contains(out, "usage: korad", "--port N", "--requirepass", "--check-config")
    status, out, err = p.run("--version")
    equal((status, err), (0, ""))
    if not re.fullmatch(r"korad \d+\.\d+\.\d+\n", out):
        raise AssertionError(out)


def everything_is_documented(p):
    """Each key of --help is in the man page and in korad.ini, and korad.ini is right when all of it is taken in."""
    _, out, _ = p.run("--help")
    with open(os.path.join(ROOT, "server/korad.8")) as f:
        man = f.read().replace("\\-", "-")
    with open(os.path.join(ROOT, "server/korad.ini")) as f:
        ini = f.read()
    keys = re.findall(r"^  --(\S+) ", out, re.M)
    if len(keys) < 15:
        raise AssertionError(out)
    for key in set(keys) - {"config", "check-config", "repair", "check", "help,"}:
        contains(man, key)
        if key not in ("import", "export", "from-snapshot"):  # what it is to do, once
            contains("\n" + ini.replace("; ", ""), "\n" + key + " =")
    status, out, err = p.run(p.path("all.ini", re.sub(r"^; ", "", ini, flags=re.M)), "--check-config")
    equal((status, out, err), (0, "korad: the configuration is good\n", ""))


def bad_flags(p):
    for args, words in [
        (["--nosuchkey", "1"], ["--nosuchkey", "no such key"]),
        (["--port", "http"], ["--port", "`http` is not a number from 0 to 65535"]),
        (["--port", "65536"], ["65536"]),
        (["--port", " 1"], ["--port"]),
        (["--port", ""], ["--port"]),
        (["--port=-1"], ["--port", "-1"]),
        (["--shards", "99999999999999999999"], ["--shards"]),
        (["--databases", "0"], ["--databases", "from 1 to 1024"]),
        (["--unixsocketperm", "778"], ["octal"]),
        (["--loglevel", "chatty"], ["chatty", "debug, verbose, notice, warning"]),
        (["--maxclients", "many"], ["--maxclients"]),
        (["--protected-mode", "perhaps"], ["--protected-mode"]),
        (["--port"], ["--port", "missing"]),
        (["-p", "1"], ["`-p`"]),
        (["--"], ["`--`"]),
        (["a.ini", "b.ini"], ["`b.ini`"]),
    ]:
        if args[0] == "a.ini":
            p.path("a.ini", "")
        status, out, err = p.run(*args)
        equal((args, status, out), (args, 2, ""))
        contains(err, "korad: ", *words)


def bad_file(p):
    lines = ["port = 1x", "# fine", "nonsense", "; fine", "nosuchkey = 7", "maxclients = many", "   loglevel = loud", "bind = " + "1" * 300, "[section]",
             "databases = 5000", "timeout = 10 ; fine"]
    path = p.path("bad.ini", "\n".join(lines) + "\n")
    for flags in ([], ["--check-config"]):
        status, out, err = p.run(path, *flags)
        equal((status, out), (1, ""))
        for line in (1, 3, 5, 6, 7, 8, 9, 10):
            contains(err, "%s:%d: " % (path, line))
        for line in (2, 4, 11):
            if "%s:%d: " % (path, line) in err:
                raise AssertionError("line %d is fine: %s" % (line, err))
    status, _, err = p.run(path, "--nosuchflag", "1")
    equal(status, 2)
    contains(err, "--nosuchflag", path + ":1: ")
    status, _, err = p.run(p.path("absent.ini"))
    equal(status, 1)
    contains(err, "absent.ini", "No such file")
    status, _, err = p.run("--config", p.dir)
    equal(status, 1)
    contains(err, p.dir)


def flags_win(p):
    port = free_port()
    path = p.path("k.ini", "port = 1\nbind = 192.0.2.1\nrequirepass = file\nmaxclients = 77\nloglevel = warning\n")
    server = p.start("--requirepass=flag", "--config", path, "--port", str(port), "--bind", "127.0.0.1", "--loglevel", "notice")
    wait_for("ready", lambda: "is ready" in p.read("out") or server.poll() is not None)
    at = ("127.0.0.1", port)
    contains(p.ask(b"PING\r\n", at), b"-NOAUTH")
    contains(p.ask(b"AUTH file\r\n", at), b"-WRONGPASS")
    contains(p.ask(b"AUTH flag\r\nCONFIG GET maxclients\r\n", at), b"+OK\r\n")
    equal(p.end(server), 0)


def listeners(p):
    port = free_port()
    server = p.start_ready("--port", str(port), "--bind", "127.0.0.1 -192.0.2.77 -::1", "--unixsocketperm", "700")
    equal(p.ask(b"PING\r\n", ("127.0.0.1", port)), b"+PONG\r\n")
    equal(os.stat(p.path("sock")).st_mode & 0o777, 0o700)
    wait_for("a line in the log", lambda: "is ready" in p.read("out"))
    for line in p.read("out").splitlines():
        if not LOG_LINE.match(line):
            raise AssertionError("not a log line: %r" % line)
    contains(p.read("out"), "listening on tcp://127.0.0.1:%d\n" % port, "listening on unix://" + p.path("sock"))
    # A second one can't have the same port, and says which address it was.
    status, _, err = p.run("--port", str(port))
    equal(status, 1)
    contains(err, "cannot listen on tcp://127.0.0.1:%d: " % port)
    equal(p.end(server, signal.SIGINT), 0)
    contains(p.read("out"), "asked to end")


def bad_addresses(p):
    for args in (["--bind", "example.invalid"], ["--bind", "192.0.2.77"], ["--port", "0"], ["--bind", ""], ["--port", "0", "--unixsocket", "/nowhere/sock"]):
        if args[0] == "--bind":
            args = args + ["--port", str(free_port())]
        status, _, err = p.run(*args)
        equal((args, status), (args, 1))
        contains(err, "listen on")


def unix_socket_again(p):
    """A socket file that a killed server left behind is no obstacle."""
    server = p.start_ready("--port", "0")
    server.kill()
    server.wait()
    server = p.start("--unixsocket", p.path("sock"), "--port", "0")
    wait_for("ready", lambda: "is ready" in p.read("out") or server.poll() is not None)
    equal(p.ask(b"PING\r\n"), b"+PONG\r\n")
    equal(p.end(server), 0)


def log_file(p):
    path = p.path("korad.log")
    server = p.start_ready("--port", "0", "--logfile", path)
    wait_for("a line in the log", lambda: "is ready" in p.read("korad.log"))
    os.rename(path, path + ".1")
    server.send_signal(signal.SIGHUP)
    wait_for("a new log", lambda: os.path.exists(path) and "log opened anew" in p.read("korad.log"))
    os.rename(path, path + ".2")
    os.mkdir(path)  # can't be opened: it goes on with the one that it has
    server.send_signal(signal.SIGHUP)
    wait_for("a complaint", lambda: "going on with the old log" in p.read("korad.log.2"))
    equal(p.ask(b"PING\r\n"), b"+PONG\r\n")
    equal(p.end(server), 0)
    contains(p.read("korad.log.2"), "asked to end")
    equal(p.read("out"), "")
    status, _, err = p.run("--port", "0", "--logfile", p.dir)
    equal(status, 1)
    contains(err, p.dir)


def log_levels(p):
    server = p.start_ready("--port", "0", "--loglevel", "warning")
    equal(p.end(server), 0)
    equal(p.read("out"), "")


def log_to_nowhere(p):
    """A log that can't be written, or no standard files at all: the server serves."""
    read_end, write_end = os.pipe()
    server = p.start("--unixsocket", p.path("sock"), "--port", "0", "--loglevel", "debug", stdout=write_end)
    os.close(write_end)
    os.close(read_end)
    p.wait_listening(server)
    server.send_signal(signal.SIGHUP)
    equal(p.ask(b"PING\r\n"), b"+PONG\r\n")
    equal(p.end(server), 0)
    os.path.exists(p.path("sock")) and os.unlink(p.path("sock"))

    server = p.start("--unixsocket", p.path("sock"), "--port", "0", "--loglevel", "debug", stdout=None, stderr=None,
                     preexec_fn=lambda: os.closerange(0, 3))
    p.wait_listening(server)
    equal(p.ask(b"PING\r\n"), b"+PONG\r\n")
    equal(p.end(server), 0)


def systemd(p):
    for name in (p.path("notify"), "\0kora-test-%d" % os.getpid()):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
            s.bind(name)
            s.settimeout(PATIENCE_S)
            env = dict(os.environ, NOTIFY_SOCKET=name.replace("\0", "@"))
            server = p.start("--unixsocket", p.path("sock"), "--port", "0", env=env)
            equal(s.recv(100), b"READY=1")
            equal(p.ask(b"PING\r\n"), b"+PONG\r\n")
            equal(p.end(server), 0)
            equal(s.recv(100), b"STOPPING=1")


def ends_with_clients(p):
    """A client in the middle of a command does not keep it from ending."""
    server = p.start_ready("--port", "0")
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(p.path("sock"))
        s.settimeout(PATIENCE_S)
        s.sendall(b"PING\r\n*2\r\n$3\r\nGET\r\n$100\r\nhalf")
        equal(s.recv(100), b"+PONG\r\n")
        equal(p.end(server), 0)
        equal(s.recv(100), b"")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--korad", default=os.path.join(ROOT, "build/korad"))
    parser.add_argument("tests", nargs="*")
    args = parser.parse_args()
    tests = [help_and_version, everything_is_documented, bad_flags, bad_file, flags_win, listeners, bad_addresses, unix_socket_again, log_file,
             log_levels, log_to_nowhere, systemd, ends_with_clients]
    passed = failed = 0
    for test in tests:
        if args.tests and test.__name__ not in args.tests:
            continue
        place = Place(os.path.abspath(args.korad))
        try:
            test(place)
            passed += 1
            print("ok   " + test.__name__)
        except Exception:
            failed += 1
            print("FAIL " + test.__name__)
            traceback.print_exc(file=sys.stdout)
        finally:
            place.close()
        sys.stdout.flush()
    print("%d passed, %d failed" % (passed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
