#!/usr/bin/python3
"""The HTTP listener: routes, requests that are none, time limits, many connections, figures against INFO, and the page in a browser.

    run.py [--korad build/korad] [--shots DIR] [WORD ...]     (WORDs: only tests with one in their name)

Each test starts the servers that it needs on ports that are free, and at the end asks whether a Redis client is still served.
--shots keeps screenshots of the page. The last line is `N passed, N failed`.
"""
import argparse, json, os, re, select, signal, socket, subprocess, sys, tempfile, threading, time, traceback

from chromium import Browser

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PATIENCE_S = 60
SLOW = any(v in os.environ.get("KORA_BUILD", "") for v in ("asan", "ubsan", "tsan", "valgrind"))
CONNS_MAX = 64      # of a shard
HEAD_S = 5          # for the whole head of a request
HEAD_MAX = 8192
SHOTS = None
TESTS = []


def test(f):
    TESTS.append(f)
    return f


def equal(got, wanted, what=""):
    if got != wanted:
        raise AssertionError("%s got %.300r, wanted %.300r" % (what, got, wanted))


def true(x, what):
    if not x:
        raise AssertionError(what)


def wait_for(what, condition, seconds=PATIENCE_S):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise AssertionError("never: " + what)
        time.sleep(0.02)


def free_ports(n):
    sockets = [socket.socket() for _ in range(n)]
    for s in sockets:
        s.bind(("127.0.0.1", 0))
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


# ---- the other side ---------------------------------------------------------------------------------------------------

class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body


class Http:
    """One connection: raw bytes out, answers in, read strictly."""

    def __init__(self, port, buffer=None):
        self.s = socket.socket()
        if buffer:
            self.s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        self.s.settimeout(PATIENCE_S)
        self.s.connect(("127.0.0.1", port))
        self.got = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.s.close()

    def send(self, data):
        self.s.sendall(data if isinstance(data, bytes) else data.encode())
        return self

    def more(self):
        data = self.s.recv(1 << 16)
        if not data:
            raise EOFError("closed after %.200r" % self.got)
        self.got += data

    def answer(self, body=True):
        while b"\r\n\r\n" not in self.got:
            self.more()
        head, self.got = self.got.split(b"\r\n\r\n", 1)
        lines = head.decode("ascii").split("\r\n")
        m = re.fullmatch(r"HTTP/1\.1 (\d{3}) ([A-Za-z ]+)", lines[0])
        true(m, "status line %r" % lines[0])
        headers = {}
        for line in lines[1:]:
            m2 = re.fullmatch(r"([A-Za-z-]+): (\S.*\S|\S)", line)
            true(m2 and m2.group(1).lower() not in headers, "header %r" % line)
            headers[m2.group(1).lower()] = m2.group(2)
        n = int(headers["content-length"]) if body else 0
        while len(self.got) < n:
            self.more()
        text, self.got = self.got[:n], self.got[n:]
        return Answer(int(m.group(1)), headers, text)

    def get(self, path, method="GET", headers="", version="1.1"):
        self.send("%s %s HTTP/%s\r\nHost: 127.0.0.1\r\n%s\r\n" % (method, path, version, headers))
        return self.answer(body=method != "HEAD")

    def closed(self):
        """Nothing comes any more but the end."""
        try:
            rest = self.got + self.s.recv(1 << 16)
        except ConnectionResetError:
            return True
        equal(rest, b"", "behind the last answer")
        return True

    def quiet(self, seconds=0.1):
        return not self.got and not select.select([self.s], [], [], seconds)[0]


class Redis:
    def __init__(self, port):
        self.s = socket.create_connection(("127.0.0.1", port), PATIENCE_S)
        self.f = self.s.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.f.close()
        self.s.close()

    def send(self, *calls):
        out = b""
        for args in calls:
            args = [a if isinstance(a, bytes) else str(a).encode() for a in args]
            out += b"*%d\r\n" % len(args) + b"".join(b"$%d\r\n%s\r\n" % (len(a), a) for a in args)
        self.s.sendall(out)

    def reply(self):
        line = self.f.readline()
        kind, rest = line[:1], line[1:-2]
        if kind in b"+-":
            return rest.decode()
        if kind == b":":
            return int(rest)
        if kind == b"$":
            return None if rest == b"-1" else self.f.read(int(rest) + 2)[:-2]
        if kind == b"*":
            return [self.reply() for _ in range(int(rest))]
        raise AssertionError("not a reply: %r" % line)

    def __call__(self, *args):
        self.send(args)
        return self.reply()

    def info(self):
        return dict(re.findall(r"^(\w+):([^\r\n]*)", self("INFO", "everything").decode(), re.M))


class Server:
    def __init__(self, korad, *flags, shards=2, **options):
        self.folder = tempfile.TemporaryDirectory(prefix="korad-http-")  # goes with what does not start, too
        log = os.path.join(self.folder.name, "log")
        for _ in range(10):
            self.port, self.http_port = free_ports(2)
            argv = [korad, "--port", str(self.port), "--metrics-port", str(self.http_port), "--logfile", log, "--shards", str(shards), *flags]
            self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **options)
            end = time.monotonic() + PATIENCE_S
            while self.process.poll() is None and time.monotonic() < end:
                if os.path.exists(log) and "is ready" in open(log).read():
                    return
                time.sleep(0.01)
        raise AssertionError("korad does not start")

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        try:
            if kind is None and self.process.poll() is None:
                with Redis(self.port) as r:
                    equal(r("PING"), "PONG")
                self.process.terminate()
                equal(self.process.wait(PATIENCE_S), 0, "exit status")
        finally:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()
            self.folder.cleanup()

    def http(self, **options):
        return Http(self.http_port, **options)

    def redis(self):
        return Redis(self.port)

    def get(self, path, **options):
        with self.http() as h:
            return h.get(path, **options)


# ---- routes -----------------------------------------------------------------------------------------------------------

@test
def routes(korad):
    with Server(korad) as s, s.http() as h:
        for path, type, start in (("/", "text/html; charset=utf-8", b"<!doctype html>"), ("/metrics", "text/plain; version=0.0.4; charset=utf-8", b"# help "),
                                  ("/stats.json", "application/json", b"{"), ("/healthz", "text/plain; charset=utf-8", b"ok\n")):
            a = h.get(path)
            equal((a.status, a.headers["content-type"], a.headers["connection"]), (200, type, "keep-alive"), path)
            true(a.body.lower().startswith(start), path)
            equal(a.headers["cache-control"], "no-store")
            equal(a.headers["x-content-type-options"], "nosniff")
            true(re.fullmatch(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT", a.headers["date"]), a.headers["date"])
            equal(h.get(path + "?a=b&c").status, 200, "with a query")
            head = h.get(path, method="HEAD")
            equal((head.status, head.headers["content-type"]), (200, type), "HEAD " + path)
            if path in ("/", "/healthz"):
                equal(head.headers["content-length"], str(len(a.body)), "HEAD " + path)
        for path in ("/nothing", "/metrics/", "/healthz%20", "//", "/../etc/passwd", "/index.html"):
            equal(h.get(path).status, 404, path)
        for method in ("POST", "PUT", "DELETE", "OPTIONS", "TRACE", "get", "BREW"):
            a = h.get("/metrics", method=method)
            equal((a.status, a.headers["allow"]), (405, "GET, HEAD"), method)
        policy = h.get("/").headers["content-security-policy"]
        true("default-src 'none'" in policy and "connect-src 'self'" in policy, policy)


@test
def page_is_self_contained(korad):
    with Server(korad) as s:
        text = s.get("/").body.decode()
        for word in ("http://", "https://", "src=", "@import", "url(", "innerHTML", "eval("):
            allowed = text.count("http://www.w3.org/2000/svg") if word == "http://" else 0
            equal(text.count(word), allowed, word)


@test
def not_configured(korad):
    """Without metrics-port nobody listens, and clients see nothing of the listener."""
    with Server(korad) as s, s.redis() as r:
        equal(r.info()["tcp_port"], str(s.port))
        equal(r.info()["connected_clients"], "1")
        with s.http() as h:
            h.get("/healthz")
            equal(r.info()["connected_clients"], "1", "with a scraper")
    port, other = free_ports(2)
    p = subprocess.Popen([korad, "--port", str(port), "--shards", "1"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    line = ""
    while "is ready" not in line:
        line = p.stdout.readline()
        true("http" not in line, line)
    p.terminate()
    p.stdout.close()
    equal(p.wait(PATIENCE_S), 0)
    p = subprocess.run([korad, "--port", str(port), "--metrics-port", str(other), "--metrics-bind", "300.1.1.1"], capture_output=True, text=True, timeout=PATIENCE_S)
    equal(p.returncode, 1)
    true("cannot listen on http://300.1.1.1:%d" % other in p.stderr, p.stderr)


# ---- requests ---------------------------------------------------------------------------------------------------------

HOST = "Host: localhost\r\n"


@test
def bad_requests(korad):
    cases = [
        (400, "\0\0\0\r\n\r\n"), (400, "PING\r\n"), (400, "*1\r\n$4\r\nPING\r\n"), (400, "GET /\r\n\r\n"), (400, "GET  / HTTP/1.1\r\n" + HOST + "\r\n"),
        (400, "GET / HTTP/1.1 \r\n" + HOST + "\r\n"), (400, " GET / HTTP/1.1\r\n" + HOST + "\r\n"), (400, "GET / HTTP/1.1\n" + HOST + "\r\n"),
        (400, "GET / HTTP/1.1\r\r\n" + HOST + "\r\n"), (400, "GET / http/1.1\r\n" + HOST + "\r\n"), (400, "GET / HTTP/11\r\n" + HOST + "\r\n"),
        (400, "GET metrics HTTP/1.1\r\n" + HOST + "\r\n"), (400, "GET /a#b HTTP/1.1\r\n" + HOST + "\r\n"), (400, "GET /\x7f HTTP/1.1\r\n" + HOST + "\r\n"),
        (400, b"GET /\xc3\xa4 HTTP/1.1\r\nHost: a\r\n\r\n"), (400, "GET * HTTP/1.1\r\n" + HOST + "\r\n"), (400, "GET http://localhost HTTP/1.1\r\n" + HOST + "\r\n"),
        (400, "GET / HTTP/1.1\r\n\r\n"), (400, "GET / HTTP/1.1\r\n" + HOST + HOST + "\r\n"), (400, "GET / HTTP/1.1\r\n" + HOST + "A : b\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\n" + HOST + "A: b\r\n c\r\n\r\n"), (400, "GET / HTTP/1.1\r\n" + HOST + ": b\r\n\r\n"), (400, "GET / HTTP/1.1\r\n" + HOST + "A\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\n" + HOST + "A: b\0c\r\n\r\n"), (400, "GET / HTTP/1.1\r\n" + HOST + "A: b\rc\r\n\r\n"), (400, "GET / HTTP/1.1\r\n" + HOST + "Content-Length: -1\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\n" + HOST + "Content-Length: 0x0\r\n\r\n"), (400, "GET / HTTP/1.1\r\n" + HOST + "Content-Length:\r\n\r\n"),
        (413, "POST / HTTP/1.1\r\n" + HOST + "Content-Length: 5\r\n\r\nhello"), (413, "GET / HTTP/1.1\r\n" + HOST + "Content-Length: 99999999999999999999999\r\n\r\n"),
        (413, "GET / HTTP/1.1\r\n" + HOST + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        (414, "GET /" + "a" * 9000), (414, "GET /" + "a" * 9000 + " HTTP/1.1\r\n" + HOST + "\r\n"), (414, "\r\n" * 5000),
        (421, "GET /stats.json HTTP/1.1\r\nHost: evil.example\r\n\r\n"), (421, "GET http://evil.example/ HTTP/1.1\r\n" + HOST + "\r\n"),
        (431, "GET / HTTP/1.1\r\n" + HOST + "A: " + "b" * 9000), (431, "GET / HTTP/1.1\r\n" + HOST + "A: b\r\n" * 2000 + "\r\n"),
        (505, "GET / HTTP/2.0\r\n" + HOST + "\r\n"), (505, "GET / HTTP/0.9\r\n" + HOST + "\r\n"), (505, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    ]
    with Server(korad) as s:
        for status, text in cases:
            text = text if isinstance(text, bytes) else text.encode("latin-1")
            for pieces in (False, True):
                if pieces and len(text) > 200:
                    continue
                with s.http() as h:
                    try:
                        for piece in [text[i:i + 1] for i in range(len(text))] if pieces else [text]:
                            h.send(piece)
                    except (BrokenPipeError, ConnectionResetError):
                        pass
                    a = h.answer()
                    equal(a.status, status, "%.80r" % text)
                    equal(a.headers["connection"], "close" if status != 421 else "keep-alive", "%.80r" % text)
                    if status != 421:
                        true(h.closed(), "open")


@test
def good_requests(korad):
    """What is unusual, but allowed."""
    with Server(korad) as s:
        for text in ("GET /healthz HTTP/1.1\r\nhOST: localhost:1\r\n\r\n", "GET /healthz HTTP/1.1\r\nHost:\r\n\r\n", "GET /healthz HTTP/1.0\r\n\r\n",
                     "\r\n\r\nGET /healthz HTTP/1.1\r\n" + HOST + "\r\n", "GET /healthz HTTP/1.9\r\n" + HOST + "\r\n", "GET http://[::1]:9/healthz HTTP/1.1\r\n" + HOST + "\r\n",
                     "GET /healthz HTTP/1.1\r\n" + HOST + "Content-Length: 0\r\n\r\n", "GET /healthz HTTP/1.1\r\nHost:\t127.0.0.1 \t\r\nX:a\tb\xff\r\n\r\n"):
            with s.http() as h:
                h.send(text.encode("latin-1"))
                equal(h.answer().body, b"ok\n", text)
        with s.http() as h:
            size = HEAD_MAX - len("GET /healthz HTTP/1.1\r\n" + HOST + "A: \r\n\r\n")
            equal(h.get("/healthz").status, 200)
            h.send("GET /healthz HTTP/1.1\r\n" + HOST + "A: " + "b" * size + "\r\n\r\n")
            equal(h.answer().status, 200, "as long as may be")


@test
def keep_alive(korad):
    with Server(korad) as s:
        for version, header, stays in (("1.1", "", True), ("1.1", "Connection: close\r\n", False), ("1.1", "Connection: x, Close\r\n", False), ("1.0", "", False),
                                       ("1.0", "Connection: Keep-Alive\r\n", True), ("1.0", "Connection: keep-alive, close\r\n", False)):
            with s.http() as h:
                a = h.get("/healthz", version=version, headers=header)
                equal(a.headers["connection"], "keep-alive" if stays else "close", version + header)
                if stays:
                    equal(h.get("/healthz", version=version, headers=header).status, 200)
                else:
                    true(h.closed(), "open")
        with s.http() as h:
            for _ in range(300):
                equal(h.get("/healthz").body, b"ok\n")


@test
def pipelined(korad):
    paths = ["/healthz", "/metrics", "/nothing", "/", "/stats.json"] * 20
    with Server(korad) as s, s.http() as h:
        data = "".join("GET %s HTTP/1.1\r\nHost: a.localhost:9\r\n\r\n".replace("a.localhost", "127.0.0.1") % p for p in paths)
        h.send(data)
        for p in paths:
            equal(h.answer().status, 404 if p == "/nothing" else 200, p)
        # Cut anywhere.
        for cut in range(1, 60, 7):
            h.send(data[:cut])
            time.sleep(0.005)
            h.send(data[cut:])
            for p in paths:
                equal(h.answer().status, 404 if p == "/nothing" else 200, p)
        h.send("HEAD / HTTP/1.1\r\nHost:\r\n\r\nGET /healthz HTTP/1.1\r\nHost:\r\n\r\n")
        true(int(h.answer(body=False).headers["content-length"]) > 1000, "the page's length")
        equal(h.answer().body, b"ok\n")
        # Behind a close nothing is answered; behind a bad one neither.
        h.send("GET /healthz HTTP/1.1\r\nHost:\r\nConnection: close\r\n\r\nGET /metrics HTTP/1.1\r\nHost:\r\n\r\n")
        equal(h.answer().body, b"ok\n")
        true(h.closed(), "open")


@test
def half_closed(korad):
    """Who sends all that he has, and then the end, still gets his answers."""
    with Server(korad) as s, s.http() as h:
        h.send("GET /metrics HTTP/1.1\r\nHost:\r\n\r\n" * 20)
        h.s.shutdown(socket.SHUT_WR)
        for _ in range(20):
            equal(h.answer().status, 200)
        true(h.closed(), "open")


@test
def refused_with_a_body(korad):
    """The answer is not lost in a reset, however much is sent behind the head."""
    with Server(korad) as s:
        for _ in range(20):
            with s.http() as h:
                h.send("POST / HTTP/1.1\r\n" + HOST + "Content-Length: 400000\r\n\r\n")
                try:
                    h.send(b"x" * 400000)
                except (BrokenPipeError, ConnectionResetError):
                    pass
                equal(h.answer().status, 413)


# ---- limits -----------------------------------------------------------------------------------------------------------

@test
def slow_requests_end(korad):
    """Half a request is told 408 in time, though a byte comes every now and then; and meanwhile others are served."""
    with Server(korad) as s:
        begins = ["G", "GET / HTTP/1.1\r\n", "GET / HTTP/1.1\r\nHost: a\r\nA: b", "\r\n"]
        conns = [s.http().send(b) for b in begins]
        drip = s.http().send("GET / HTTP/1.1\r\nX: ")
        start = time.monotonic()
        while not select.select([drip.s], [], [], 0.25)[0]:
            drip.send("x")
            equal(s.get("/healthz").status, 200)
            true(time.monotonic() - start < PATIENCE_S, "a byte at a time goes on for ever")
        true(time.monotonic() - start > HEAD_S - 1, "too early")
        for h in conns + [drip]:
            equal(h.answer().status, 408)
            true(h.closed(), "open")
            h.s.close()


@test
def readers_that_do_not_read(korad):
    """Answers that nobody takes stop the requests behind them, and the connection ends in time."""
    with Server(korad) as s, s.redis() as r:
        with s.http(buffer=4096) as h:
            h.s.settimeout(0.2)
            request, sent = b"GET / HTTP/1.1\r\nHost:\r\n\r\n" * 200, 0
            try:
                while sent < 64 << 20:
                    sent += h.s.send(request)
            except (socket.timeout, BrokenPipeError, ConnectionResetError):
                pass
            true(sent < 32 << 20, "everything is taken")
            equal(r("PING"), "PONG")
            equal(s.get("/healthz").status, 200)
            h.s.settimeout(PATIENCE_S)
            poll = select.poll()
            poll.register(h.s, select.POLLHUP | select.POLLERR)
            true(poll.poll(PATIENCE_S * 1000), "never closed")


@test
def many_connections(korad):
    """One more than there may be takes the place of the longest idle; if nobody is idle it is told 503."""
    with Server(korad, shards=1) as s, s.redis() as r:
        idle = [s.http() for _ in range(CONNS_MAX)]
        for h in idle:
            equal(h.get("/healthz").status, 200)
        with s.http() as h:
            equal(h.get("/healthz").status, 200, "one more")
        true(idle[0].closed(), "the first is still there")
        equal(idle[1].get("/healthz").status, 200, "the second")
        for h in idle:
            h.s.close()
        busy = [s.http().send("GET / HTTP/1.1\r\n") for _ in range(CONNS_MAX)]
        wait_for("503", lambda: refused(s))
        equal(r("PING"), "PONG")
        for h in busy:
            h.s.close()
        wait_for("served again", lambda: not refused(s))
        # Thousands that come and go.
        for _ in range(2000):
            s.http().s.close()
        wait_for("served after them", lambda: s.get("/healthz").status == 200)
        fds = len(os.listdir("/proc/%d/fd" % s.process.pid))
        true(fds < 120, "%d descriptors" % fds)


def refused(s):
    with s.http() as h:
        try:
            return h.send("GET /healthz HTTP/1.1\r\nHost:\r\n\r\n").answer().status == 503
        except (BrokenPipeError, ConnectionResetError, EOFError):
            return True


@test
def garbage(korad):
    """Random bytes, and real requests with random changes, over many connections."""
    import random
    rnd = random.Random(5)
    good = b"GET /stats.json HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\nConnection: keep-alive\r\n\r\n"
    with Server(korad) as s, s.redis() as r:
        for i in range(400):
            with s.http() as h:
                data = bytearray(good * rnd.randint(1, 4)) if i % 2 else bytearray(rnd.randbytes(rnd.randint(1, 3000)))
                for _ in range(rnd.randint(0, 5)):
                    data[rnd.randrange(len(data))] = rnd.randrange(256)
                try:
                    h.send(bytes(data))
                except (BrokenPipeError, ConnectionResetError):
                    pass
            if i % 50 == 0:
                equal(r("PING"), "PONG")
        wait_for("served", lambda: not refused(s))


@test
def closed_while_busy(korad):
    """The server ends at once, whatever its HTTP connections are at."""
    for i in range(3):
        with Server(korad) as s:
            conns = [s.http() for _ in range(20)]
            for k, h in enumerate(conns):
                if k % 4 == 1:
                    h.send("GET / HT")
                elif k % 4 == 2:
                    h.send("GET / HTTP/1.1\r\nHost:\r\n\r\n" * 300)
                elif k % 4 == 3:
                    h.get("/healthz")
            s.process.terminate()
            equal(s.process.wait(PATIENCE_S), 0)
            for h in conns:
                h.s.close()


# ---- figures ----------------------------------------------------------------------------------------------------------

def parse_metrics(text):
    """The text format, strictly: {name: {labels: value}} and {family: type}."""
    values, types, helps, family = {}, {}, set(), None
    true(text.endswith("\n"), "no final newline")
    for line in text[:-1].split("\n"):
        m = re.fullmatch(r"# (HELP|TYPE) ([a-zA-Z_:][a-zA-Z0-9_:]*) (.+)", line)
        if m and m.group(1) == "HELP":
            family = m.group(2)
            true(family not in helps, "twice: " + family)
            helps.add(family)
            continue
        if m:
            equal(m.group(2), family, "TYPE behind HELP")
            true(m.group(3) in ("counter", "gauge", "summary", "histogram"), line)
            true(family not in types, "twice: " + family)
            types[family] = m.group(3)
            continue
        m = re.fullmatch(r'([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{((?:[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*",?)*)\})? (-?[0-9.]+(?:e[+-]?\d+)?|NaN|\+Inf)', line)
        true(m, "not a sample: %r" % line)
        name = m.group(1)
        base = re.sub(r"_(sum|count|bucket)$", "", name) if types.get(family) in ("summary", "histogram") else name
        equal(base, family, "a sample outside of its family")
        labels = tuple(sorted(re.findall(r'([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"', m.group(2) or "")))
        true(labels not in values.setdefault(name, {}), "twice: " + line)
        values[name][labels] = float(m.group(3))
    for name, type in types.items():
        if type == "counter":
            true(name.endswith("_total") or name == "redis_total_error_replies", name)
    equal(set(types), helps)
    return values, types


def load(s, keys=2000):
    with s.redis() as r:
        calls = [("SET", "key:%d" % i, "x" * (i % 100)) for i in range(keys)]
        calls += [("GET", "key:%d" % i) for i in range(0, keys * 2, 2)]
        calls += [("PEXPIRE", "key:%d" % i, 10000000) for i in range(0, keys, 10)]
        calls += [("SELECT", 3), ("LPUSH", "list", *range(100)), ("SET", "gone", "1", "PX", 1), ("INCR", "list"), ("NOSUCH",), ("SELECT", 0)]
        r.send(*calls)
        for _ in calls:
            r.reply()
        time.sleep(0.05)
        r("SELECT", 3)
        equal(r("EXISTS", "gone"), 0)


PAIRS = {
    "redis_keyspace_hits_total": "keyspace_hits", "redis_keyspace_misses_total": "keyspace_misses", "redis_expired_keys_total": "expired_keys",
    "redis_evicted_keys_total": "evicted_keys", "redis_connected_clients": "connected_clients", "redis_blocked_clients": "blocked_clients", "redis_max_clients": "maxclients",
    "redis_memory_used_bytes": "used_memory", "redis_allocator_active_bytes": "allocator_active", "redis_total_error_replies": "total_error_replies",
    "redis_connections_received_total": "total_connections_received", "redis_rejected_connections_total": "rejected_connections",
    "redis_pubsub_channels": "pubsub_channels", "redis_pubsub_patterns": "pubsub_patterns", "redis_pubsubshard_channels": "pubsubshard_channels",
    "redis_net_output_bytes_total": "total_net_output_bytes", "redis_rdb_changes_since_last_save": "rdb_changes_since_last_save",
}


@test
def metrics_against_info(korad):
    with Server(korad) as s, s.redis() as r:
        load(s)
        with s.http() as h:
            wait_for("the loading client is gone", lambda: r.info()["connected_clients"] == "1")
            # Of what INFO counts while it is asked, that is how much.
            before = r.info()
            values, types = parse_metrics(h.get("/metrics").body.decode())
            stats = json.loads(h.get("/stats.json").body)
            after = r.info()
        compared = 0
        for name, field in PAIRS.items():
            if name in values and field in before:
                compared += 1
                true(int(before[field]) <= values[name][()] <= int(after[field]), "%s: %r, INFO %s to %s" % (name, values[name], before[field], after[field]))
        true(compared >= 12, compared)
        true(int(before["total_commands_processed"]) <= values["redis_commands_processed_total"][()] <= int(after["total_commands_processed"]), "commands")
        for db, line in ((0, before["db0"]), (3, before["db3"])):
            keys, expiring = map(int, re.match(r"keys=(\d+),expires=(\d+)", line).groups())
            equal(values["redis_db_keys"][(("db", "db%d" % db),)], keys)
            equal(values["redis_db_keys_expiring"][(("db", "db%d" % db),)], expiring)
            equal([(d["keys"], d["expiring"]) for d in stats["databases"] if d["db"] == db], [(keys, expiring)])
        for label, field in (("WRONGTYPE", "errorstat_WRONGTYPE"), ("ERR", "errorstat_ERR")):
            equal("count=%d" % values["redis_errors_total"][(("err", label),)], before[field])
        equal(sum(values["kora_shard_keys"].values()), 2001, "keys over the shards")
        equal(sum(values["kora_shard_connections"].values()), 1)
        equal(sum(x["keys"] for x in stats["shards"]), 2001)
        for field, name in (("hits", "keyspace_hits"), ("misses", "keyspace_misses"), ("memory_used", "used_memory"), ("connections", "connected_clients")):
            equal(stats[field], int(before[name]), field)
        equal(types["redis_db_keys"], "gauge")
        for word in ("keyspace_hits_total", "commands_processed_total"):
            equal(types["redis_" + word], "counter")


@test
def metrics_of_subscriptions(korad):
    def counts():
        values, types = parse_metrics(s.get("/metrics").body.decode())
        names = ["redis_pubsub_channels", "redis_pubsub_patterns", "redis_pubsubshard_channels"]
        equal([types[n] for n in names], ["gauge"] * 3)
        return [values[n][()] for n in names]

    with Server(korad) as s, s.redis() as one, s.redis() as other, s.redis() as r:
        equal(counts(), [0, 0, 0])
        one.send(("SUBSCRIBE", "a", "b", "c"), ("PSUBSCRIBE", "a*", "b*"), ("SSUBSCRIBE", "s"))
        other.send(("SUBSCRIBE", "b", "d"), ("PSUBSCRIBE", "b*"))
        for client, replies in ((one, 6), (other, 3)):
            for _ in range(replies):
                client.reply()
        equal(counts(), [4, 2, 1])
        info = r.info()
        equal([info[n] for n in ("pubsub_channels", "pubsub_patterns", "pubsubshard_channels")], ["4", "2", "1"])
        one.send(("UNSUBSCRIBE",), ("PUNSUBSCRIBE",), ("SUNSUBSCRIBE",))
        for _ in range(6):
            one.reply()
        equal(counts(), [2, 1, 0])


@test
def counters_never_fall(korad):
    """CONFIG RESETSTAT is not seen by Prometheus; under load all that is a counter grows."""
    with Server(korad) as s, s.redis() as r:
        last = {}
        for i in range(6):
            load(s, 300)
            if i == 3:
                r("CONFIG", "RESETSTAT")
            values, types = parse_metrics(s.get("/metrics").body.decode())
            for name, samples in values.items():
                for labels, value in samples.items():
                    if types.get(name) == "counter" and not name.startswith(("redis_errors", "redis_total_error", "redis_commands_", "redis_latency")):
                        true(value >= last.get((name, labels), 0), "%s%r fell" % (name, labels))
                        last[name, labels] = value


@test
def clients_are_not_disturbed(korad):
    """Pipelines of a hundred requests for all there is, again and again: a Redis client on the same shard is served meanwhile."""
    with Server(korad, shards=1) as s, s.redis() as r:
        load(s)
        end = threading.Event()

        def hammer():
            with s.http() as h:
                while not end.is_set():
                    h.send("GET /metrics HTTP/1.1\r\nHost:\r\n\r\n" * 100)
                    for _ in range(100):
                        equal(h.answer().status, 200)
        with s.http() as h:
            start = time.monotonic()
            h.send("GET /metrics HTTP/1.1\r\nHost:\r\n\r\n" * 100)
            for _ in range(100):
                h.answer()
            all_of_them = time.monotonic() - start
        threads = [threading.Thread(target=hammer, daemon=True) for _ in range(3)]
        for t in threads:
            t.start()
        times = []
        for _ in range(40 if SLOW else 300):
            start = time.monotonic()
            equal(r("GET", "key:2"), b"xx")
            times.append(time.monotonic() - start)
        end.set()
        for t in threads:
            t.join(PATIENCE_S)
        times.sort()
        print("    100 answers: %.1f ms; GET beside them: median %.2f ms, longest %.2f ms" % (all_of_them * 1000, times[len(times) // 2] * 1000, times[-1] * 1000))
        true(times[len(times) // 2] < all_of_them / 5, "GET waits for whole pipelines")


@test
def idle_costs_nothing(korad):
    """A connection that is open and silent wakes nobody."""
    if SLOW:
        return  # ThreadSanitizer has a thread of its own that wakes up
    with Server(korad) as s, s.http() as h:
        equal(h.get("/healthz").status, 200)
        time.sleep(0.3)

        def switches():
            total = 0
            for task in os.listdir("/proc/%d/task" % s.process.pid):
                with open("/proc/%d/task/%s/status" % (s.process.pid, task)) as f:
                    total += int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)", f.read(), re.M).group(1))
            return total
        before = switches()
        time.sleep(1.5)
        true(switches() - before <= 4, "%d wake-ups" % (switches() - before))


# ---- the page in a browser ------------------------------------------------------------------------------------------------

class Load:
    """Clients of every type of value, for as long as it lasts."""

    def __init__(self, s):
        self.end = threading.Event()
        with s.redis() as r:
            r("CONFIG", "SET", "slowlog-log-slower-than", "0")
            for _ in range(20):     # as many as are shown, and more
                r("SET", "<b>slow</b>", "\x01 \"'\\")
            r("CONFIG", "SET", "slowlog-log-slower-than", "10000")
            r("ZADD", "ranking", *sum([[i, "member:%d" % i] for i in range(5000)], []))
            r("HSET", "user", *range(200))
            r("RPUSH", "queue", *range(200))
        self.threads = [threading.Thread(target=self.run, args=(s,), daemon=True) for i in range(2)]
        for t in self.threads:
            t.start()

    def run(self, s):
        try:
            with s.redis() as r:
                self.work(r)
        except OSError:
            if not self.end.is_set():
                print("    the server ended before its load")

    def work(self, r):
        i = 0
        while not self.end.is_set():
            calls = [("GET", "hot:1")] * 60 + [("GET", "hot:2")] * 20 + [("GET", "cold:%d" % (i % 500)), ("SET", "hot:1", "x" * 50), ("SET", "hot:1", "z" * 50), ("SET", "cold:%d" % (i % 500), "y"), ("INCR", "user")]
            r.send(*calls)
            for _ in calls:
                r.reply()
            i += 1
            time.sleep(0.005)

    def stop(self):
        self.end.set()
        for t in self.threads:
            t.join(PATIENCE_S)


def figure(page, id):
    return float(page.js("document.getElementById('%s').dataset.value" % id))


def text(page, id):
    return page.js("document.getElementById('%s').innerText" % id)


@test
def page_shows_what_info_says(korad):
    with Server(korad) as s, s.redis() as r, Browser() as b:
        load = Load(s)
        page = b.open("http://127.0.0.1:%d/" % s.http_port, 1400, 900)
        page.wait("figures", "document.body && document.body.dataset.state === 'live' && document.getElementById('p99').dataset.value > 0")
        time.sleep(2)
        # Between two looks at INFO the page has asked once at least.
        for id, field in (("keys", None), ("memory", "used_memory"), ("clients", "connected_clients")):
            def same():
                info = r.info()
                wanted = int(info[field]) if field else int(re.match(r"keys=(\d+)", info["db0"]).group(1))
                return abs(figure(page, id) - wanted) <= 0.02 * wanted
            wait_for("%s as INFO says" % id, same)
        before, start = int(r.info()["total_commands_processed"]), time.monotonic()
        seen = []
        for _ in range(8):
            time.sleep(0.5)
            seen.append(figure(page, "ops"))
        rate = (int(r.info()["total_commands_processed"]) - before) / (time.monotonic() - start)
        true(rate / 2 < sorted(seen)[4] < rate * 2, "operations: %r, INFO %.0f" % (seen, rate))
        hit = int(r.info()["keyspace_hits"]) / (int(r.info()["keyspace_hits"]) + int(r.info()["keyspace_misses"])) * 100
        true(abs(figure(page, "hit") - hit) < 10, "hit rate %r, INFO %.1f" % (figure(page, "hit"), hit))
        true(figure(page, "p99") > 0 and "p99.9" in text(page, "p99-sub"), "latency")
        types = text(page, "types")
        for word in ("string", "zset", "hash", "list"):
            true(word in types, "%s in %r" % (word, types))
        rows = page.js("[...document.querySelectorAll('#hot tbody tr')].map(tr => tr.cells[0].innerText)")
        equal(rows[:2], ["hot:1", "hot:2"], "hot keys")
        page.js("document.querySelector('#hot-tabs [data-by=writes]').click()")
        equal(page.js("document.querySelector('#hot tbody tr').cells[0].innerText"), "hot:1", "written most")
        true("<b>slow</b>" in text(page, "slow"), "what is sent is text: %r" % text(page, "slow"))
        equal(page.js("document.querySelectorAll('#slow b').length"), 0, "and no element")
        commands = page.js("[...document.querySelectorAll('#commands tbody tr')].map(tr => tr.cells[0].innerText)")
        equal(commands[0], "GET")
        equal(page.js("document.querySelectorAll('#shards tbody tr').length"), 2)
        true(len(page.js("document.querySelector('#ops-chart .c2').getAttribute('d')")) > 30, "the line of operations")
        bad, asked = page.complaints()
        equal(bad, [], "the browser complains")
        equal(asked, {"http://127.0.0.1:%d/%s" % (s.http_port, x) for x in ("", "stats.json")}, "asked for")
        if SHOTS:
            time.sleep(20)
            page.shot(os.path.join(SHOTS, "page-desktop.png"))
        load.stop()


@test
def page_on_a_phone(korad):
    with Server(korad) as s, Browser() as b:
        load = Load(s)
        for width in (360, 390, 768):
            page = b.open("http://127.0.0.1:%d/" % s.http_port, width, 800, 2, True, width == 768)
            page.wait("figures", "document.body && document.body.dataset.state === 'live' && document.getElementById('p99').dataset.value > 0")
            equal(page.js("document.documentElement.scrollWidth"), width, "nothing is wider than the screen")
            cut = page.js("[...document.querySelectorAll('.big, h1, h2, .legend span, #types td, #shards td, #commands td')].filter(e => e.offsetParent && e.scrollWidth > e.clientWidth + 1 && e.clientWidth).map(e => e.innerText)")
            equal(cut, [], "cut off at %d" % width)
            if SHOTS and width == 390:
                time.sleep(20)
                page.shot(os.path.join(SHOTS, "page-phone.png"))
        load.stop()


@test
def page_when_the_server_goes(korad):
    """It says so, keeps what it has, and goes on when there is a server again: with what that says alone."""
    with Browser() as b:
        with Server(korad) as s:
            page = b.open("http://127.0.0.1:%d/" % s.http_port, 1400, 900)
            load = Load(s)
            page.wait("figures", "document.body && document.body.dataset.state === 'live' && document.getElementById('p99').dataset.value > 0")
            load.stop()
            port, http_port = s.port, s.http_port
        page.wait("gone", "document.body && document.body.dataset.state === 'gone' && getComputedStyle(document.getElementById('gone')).display === 'block'")
        equal(page.js("document.title"), "Kora: no answer")
        true("does not answer since" in text(page, "gone"), text(page, "gone"))
        true(text(page, "ops") not in ("", "\u2013"), "what it said last")
        p = subprocess.Popen([korad, "--port", str(port), "--metrics-port", str(http_port), "--shards", "2"], stdout=subprocess.DEVNULL)
        try:
            page.wait("live again", "document.body && document.body.dataset.state === 'live' && document.getElementById('keys').dataset.value === '0'")
            equal(page.js("getComputedStyle(document.getElementById('gone')).display"), "none")
        finally:
            p.terminate()
            equal(p.wait(PATIENCE_S), 0)


@test
def page_does_not_grow(korad):
    """Elements, listeners and the heap stay as they are; and nothing is asked while nobody looks. For an hour with KORA_TEST_LONG."""
    long_run = os.environ.get("KORA_TEST_LONG", "") not in ("", "0")
    with Server(korad) as s, s.redis() as r, Browser() as b:
        load = Load(s)
        page = b.open("http://127.0.0.1:%d/" % s.http_port, 1400, 900)
        page.wait("figures", "document.body && document.body.dataset.state === 'live' && document.querySelectorAll('#slow tbody tr').length > 0")
        # Time as the page sees it goes a hundred times faster, so that the ring is full in seconds.
        if not long_run:
            page.js("window.asked = 0; const real = window.fetch; let at = 0; window.fetch = async (...a) => { const x = await (await real(...a)).json(); window.asked++; "
                    "at += 1e6; x.clock_us += at; return { ok: true, json: async () => x }; }; const wait = window.setTimeout; window.setTimeout = (f, ms) => wait(f, ms > 10 ? 10 : ms); 0")
            page.wait("a full ring", "window.asked > 320", 120)

        def size():
            page.call("HeapProfiler.collectGarbage")
            m = page.metrics()
            return m["Nodes"], m["JSEventListeners"], m["JSHeapUsedSize"]
        if long_run:
            time.sleep(600)
        first = size()
        if long_run:
            cpu = b.cpu_s()
            time.sleep(3000)
            print("    the page took %.2f %% of a core" % ((b.cpu_s() - cpu) / 30))
        else:
            asked = page.js("window.asked")
            page.wait("as much again", "window.asked > %d" % (asked + 120), 120)
        last = size()
        print("    elements, listeners, heap: %r, then %r" % (first, last))
        true(last[0] <= first[0] + 60 and last[1] <= first[1] and last[2] < first[2] * 1.5 + 500000, "it grows")
        load.stop()


def main():
    global SHOTS
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--korad", default=os.path.join(ROOT, "build/korad"))
    p.add_argument("--shots", default=None, help="a folder for screenshots of the page")
    p.add_argument("--browser", action="store_true", help="the tests of the page in Chromium, instead of all others")
    p.add_argument("words", nargs="*")
    args = p.parse_args()
    SHOTS = args.shots
    failed = passed = 0
    for t in TESTS:
        if args.browser != ("Browser" in t.__code__.co_names) or args.words and not any(w in t.__name__ for w in args.words):
            continue
        start = time.monotonic()
        try:
            t(os.path.abspath(args.korad))
            passed += 1
            print("ok   %s, %.1f s" % (t.__name__, time.monotonic() - start), flush=True)
        except Exception:
            failed += 1
            print("FAIL %s\n%s" % (t.__name__, traceback.format_exc()), flush=True)
    print("%d passed, %d failed" % (passed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
