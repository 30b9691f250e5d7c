#!/usr/bin/python3
"""Sockets: frames that are no commands, limits, pipelines cut anywhere, readers that do not read, descriptors that run out.

    run.py [--korad build/korad] [WORD ...]      (WORDs: only tests with one in their name)

Each test starts the servers that it needs on ports of its own, and at the end asks whether another client is still served.
The last line is `N passed, N failed`.
"""
import argparse, os, random, re, resource, select, signal, socket, struct, subprocess, sys, tempfile, threading, time, traceback

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PORTS = range(7220, 7240)
PATIENCE_S = 60
SLOW = any(v in os.environ.get("KORA_BUILD", "") for v in ("asan", "ubsan", "tsan", "valgrind"))
TESTS = []


def test(f):
    TESTS.append(f)
    return f


def equal(got, wanted, what=""):
    if got != wanted:
        raise AssertionError("%s got %.300r, wanted %.300r" % (what, got, wanted))


def contains(text, *parts):
    for part in parts:
        if part not in text:
            raise AssertionError("no %r in %.500r" % (part, text))


def wait_for(what, condition, seconds=PATIENCE_S):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise AssertionError("never: " + what)
        time.sleep(0.01)


# ---- the other side ---------------------------------------------------------------------------------------------------

class Error(str):
    pass


class Client:
    """One connection: raw bytes both ways, and enough RESP to read a reply."""

    def __init__(self, address, buffer=None):
        family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self.s = socket.socket(family, socket.SOCK_STREAM)
        if buffer:
            self.s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        self.s.settimeout(PATIENCE_S)
        self.s.connect(address)
        self.got = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.s.close()

    def send(self, data):
        self.s.sendall(data)

    def take(self, n):
        while len(self.got) < n:
            data = self.s.recv(1 << 16)
            if not data:
                raise EOFError("closed after %r" % self.got[-200:])
            self.got += data
        taken, self.got = self.got[:n], self.got[n:]
        return taken

    def line(self):
        while b"\r\n" not in self.got:
            data = self.s.recv(1 << 16)
            if not data:
                raise EOFError("closed after %r" % self.got[-200:])
            self.got += data
        line, self.got = self.got.split(b"\r\n", 1)
        return line.decode("latin-1")

    def reply(self):
        line = self.line()
        kind, rest = line[0], line[1:]
        if kind == "+":
            return rest
        if kind == "-":
            return Error(rest)
        if kind == ":":
            return int(rest)
        if kind == "_":
            return None
        if kind in "$=":
            if rest == "-1":
                return None
            data = self.take(int(rest) + 2)[:-2]
            return data if kind == "$" else data[4:]
        if kind in "*~>%":
            n = int(rest) * (2 if kind == "%" else 1)
            return None if n < 0 else [self.reply() for _ in range(n)]
        raise AssertionError("not a reply: %r" % line)

    def __call__(self, *args):
        self.send(command(*args))
        return self.reply()

    def rest(self):
        """Everything up to the end of the connection."""
        data, self.got = self.got, b""
        try:
            while True:
                more = self.s.recv(1 << 16)
                if not more:
                    return data
                data += more
        except ConnectionResetError:
            return data

    def quiet(self, seconds=0.1):
        return not self.got and not select.select([self.s], [], [], seconds)[0]


def command(*args):
    args = [a if isinstance(a, bytes) else str(a).encode() for a in args]
    return b"*%d\r\n" % len(args) + b"".join(b"$%d\r\n%s\r\n" % (len(a), a) for a in args)


class Server:
    next_port = 0

    def __init__(self, korad, *flags, address="127.0.0.1", limit=None, config=None, shards=2):
        self.folder = tempfile.TemporaryDirectory(prefix="korad-net-")  # goes with what does not start, too
        self.log = os.path.join(self.folder.name, "log")
        for _ in PORTS:
            self.port = PORTS[Server.next_port % len(PORTS)]
            Server.next_port += 1
            self.address = (address, self.port)
            argv = [korad] + ([config] if config else []) + ["--port", str(self.port), "--bind", address, "--logfile", self.log, "--shards", str(shards), *flags]
            setup = (lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))) if limit else None
            self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, preexec_fn=setup)
            if self.wait_ready():
                return
        raise AssertionError("korad does not start: %r" % self.process.stderr.read())

    def wait_ready(self):
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            if self.process.poll() is not None:
                return False
            if "is ready" in self.log_text():
                return True
            time.sleep(0.01)
        raise AssertionError("korad is not ready after %d s" % PATIENCE_S)

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        try:
            if kind is None and self.process.poll() is None:
                with Client(self.address) as c:
                    reply = c("PING")
                    assert reply == "PONG" or reply.startswith("NOAUTH"), reply
                self.stop()
        finally:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()
            self.process.stderr.close()
            self.folder.cleanup()

    def stop(self):
        self.process.terminate()
        equal(self.process.wait(PATIENCE_S), 0, "exit status")

    def log_text(self):
        try:
            with open(self.log, errors="replace") as f:
                return f.read()
        except FileNotFoundError:
            return ""

    def client(self, **options):
        return Client(self.address, **options)

    def stat(self, name):
        with self.client() as c:
            m = re.search(r"^%s:([^\r\n]*)" % name, c("INFO", "everything").decode(), re.M)
            return m and m.group(1)

    def cpu_s(self):
        with open("/proc/%d/stat" % self.process.pid) as f:
            fields = f.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def rss_kb(self):
        with open("/proc/%d/status" % self.process.pid) as f:
            return int(re.search(r"VmRSS:\s+(\d+)", f.read()).group(1))

    def wakeups(self):
        n = 0
        for task in os.listdir("/proc/%d/task" % self.process.pid):
            with open("/proc/%d/task/%s/status" % (self.process.pid, task)) as f:
                n += int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)", f.read(), re.M).group(1))
        return n


# ---- what is no command -----------------------------------------------------------------------------------------------

COUNT, BULK = b"-ERR Protocol error: invalid multibulk length\r\n", b"-ERR Protocol error: invalid bulk length\r\n"
FRAMES = [  # bytes, what is answered before the connection is closed
    (b"*1000000000\r\n", None),  # an announcement, no more: nothing to answer yet
    (b"*2147483648\r\n", COUNT),
    (b"*99999999999999999999\r\n", COUNT),
    (b"*abc\r\n", COUNT),
    (b"*1\r\n$99999999999\r\n", BULK),
    (b"*1\r\n$-5\r\n", BULK),
    (b"*1\r\n$99999999999999999999\r\n", BULK),
    (b"*1\r\n$1x\r\n", BULK),
    (b"*1\r\n:1\r\n", b"-ERR Protocol error: expected '$', got ':'\r\n"),
    (b"*1\r\n" * 50000, b"-ERR Protocol error: expected '$', got '*'\r\n"),
    (b"*" + b"1" * 70000, b"-ERR Protocol error: too big mbulk count string\r\n"),
    (b"*1\r\n$" + b"1" * 70000, b"-ERR Protocol error: too big bulk count string\r\n"),
    (b"A" * 70000, b"-ERR Protocol error: too big inline request\r\n"),
    (b"GET \"a\r\n", b"-ERR Protocol error: unbalanced quotes in request\r\n"),
    (b"GET 'a'b\r\n", b"-ERR Protocol error: unbalanced quotes in request\r\n"),
]


@test
def frames_that_are_no_commands(korad):
    with Server(korad) as s, s.client() as other:
        for frame, answer in FRAMES:
            with s.client() as c:
                c.send(command("PING") + frame)
                equal(c.reply(), "PONG", frame[:30])
                if answer is None:
                    assert c.quiet(0.05), frame[:30]
                else:
                    equal(c.rest(), answer, frame[:30])
            equal(other("PING"), "PONG", frame[:30])


@test
def counts_that_mean_nothing(korad):
    with Server(korad) as s, s.client() as c:
        c.send(b"*0\r\n*-1\r\n*-10\r\n\r\n\r\nPING\r\n")
        equal(c.reply(), "PONG")
        assert c.quiet(0.05)


@test
def input_behind_bad_input_is_lost(korad):
    with Server(korad) as s:
        with s.client() as c:
            c.send(command("SET", "a", "1") + b"*1\r\n!\r\n" + command("SET", "b", "1"))
            equal(c.rest(), b"+OK\r\n-ERR Protocol error: expected '$', got '!'\r\n")
        with s.client() as c:
            equal(c("EXISTS", "a", "b"), 1)


@test
def random_bytes(korad):
    rng = random.Random(1)
    alphabet = [b"*", b"$", b"\r\n", b"1", b"-1", b"3", b"GET", b"SET", b"x", b"\0", b" ", b"\"", b"99999", b"\n", b"PING\r\n"]
    with Server(korad) as s, s.client() as other:
        for i in range(300):
            with s.client() as c:
                c.send(b"".join(rng.choice(alphabet) for _ in range(rng.randrange(1, 60))))
        equal(other("PING"), "PONG")


# ---- pipelines and where they are cut ----------------------------------------------------------------------------------

MIXED = [("SET", "k", "v" * 100), ("GET", "k"), ("PING",), ("APPEND", "k", b"\0\r\n$3"), ("STRLEN", "k"), ("MSET", "a", "1", "b", "2", "c", "3"),
         ("MGET", "a", "b", "c", "no"), ("NOSUCH", "x"), ("GET",), ("INCR", "a"), ("ECHO", ""), ("DEL", "a", "b", "c", "k")]
MIXED_REPLIES = ["OK", b"v" * 100, "PONG", 106 - 1, 105, "OK", [b"1", b"2", b"3", None], "ERR unknown command 'NOSUCH', with args beginning with: 'x' ",
                 "ERR wrong number of arguments for 'get' command", 2, b"", 4]


def replies(c, n):
    return [c.reply() for _ in range(n)]


@test
def a_frame_cut_at_every_byte(korad):
    data = b"".join(command(*m) for m in MIXED)
    with Server(korad) as s, s.client() as c:
        c.s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for cut in range(1, len(data)):
            c.send(data[:cut])
            if cut % 7 == 0:
                time.sleep(0.001)
            c.send(data[cut:])
            equal([str(r) if isinstance(r, Error) else r for r in replies(c, len(MIXED))], MIXED_REPLIES, cut)


@test
def one_byte_at_a_time(korad):
    data = b"".join(command(*m) for m in MIXED) + b"SET inline 'quo ted'\r\nGET inline\r\n"
    with Server(korad) as s, s.client() as c:
        c.s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for i in range(len(data)):
            c.send(data[i:i + 1])
        equal(replies(c, len(MIXED))[-1], 4)
        equal(replies(c, 2), ["OK", b"quo ted"])


@test
def long_pipelines_in_random_pieces(korad):
    rng = random.Random(2)
    with Server(korad) as s, s.client() as c:
        wanted, data, model = [], [], {}
        for i in range(20000):
            key, kind = "key:%d" % rng.randrange(500), rng.randrange(4)
            if kind == 0:
                model[key] = bytes(rng.randrange(256) for _ in range(8)) * rng.randrange(0, 40)
                data.append(command("SET", key, model[key]))
                wanted.append("OK")
            elif kind == 1:
                data.append(command("GET", key))
                wanted.append(model.get(key))
            elif kind == 2:
                data.append(command("DEL", key))
                wanted.append(1 if model.pop(key, None) is not None else 0)
            else:
                data.append(b"STRLEN %s\r\n" % key.encode())
                wanted.append(len(model.get(key, b"")))
        data = b"".join(data)

        def send():
            at = 0
            while at < len(data):
                n = rng.choice([1, 10, 100, 1000, 16384, 65536, 100000])
                c.send(data[at:at + n])
                at += n
        sender = threading.Thread(target=send)
        sender.start()
        for i, w in enumerate(wanted):
            equal(c.reply(), w, i)
        sender.join()


@test
def a_database_chosen_within_a_pipeline(korad):
    with Server(korad) as s, s.client() as c:
        c.send(command("SET", "k", "zero") + command("SELECT", 3) + command("SET", "k", "three") + command("GET", "k") + command("SELECT", 0) +
               command("GET", "k") + command("HELLO", 3) + command("GET", "none") + command("HELLO", 2) + command("GET", "none"))
        equal(replies(c, 6), ["OK", "OK", "OK", b"three", "OK", b"zero"])
        c.reply()
        equal(c.line(), "_")
        c.reply()
        equal(c.line(), "$-1")


@test
def an_endless_pipeline_lets_others_live(korad):
    with Server(korad, shards=1) as s, s.client() as greedy, s.client() as other:
        stop = threading.Event()

        def send():
            block = command("PING") * 20000
            while not stop.is_set():
                try:
                    greedy.send(block)
                except OSError:
                    return

        def receive():
            try:
                while greedy.s.recv(1 << 20):
                    pass
            except OSError:
                pass
        threads = [threading.Thread(target=f, daemon=True) for f in (send, receive)]
        for t in threads:
            t.start()
        worst = 0
        for _ in range(50):
            start = time.monotonic()
            equal(other("PING"), "PONG")
            worst = max(worst, time.monotonic() - start)
        stop.set()
        greedy.s.shutdown(socket.SHUT_RDWR)
        assert worst < 2, worst


# ---- large things ------------------------------------------------------------------------------------------------------

@test
def large_values(korad):
    with Server(korad) as s, s.client() as c:
        big = os.urandom(1 << 20) * 20
        equal(c("SET", "big", big), "OK")
        equal(c("GET", "big") == big, True)
        c.send(command("SET", "big2", big, "EX", 1000) + command("GET", "big2") + command("STRLEN", "big") + command("PING"))
        equal(c.reply(), "OK")
        equal(c.reply() == big, True)
        equal(replies(c, 2), [len(big), "PONG"])
        c.send(command("MSET", "a", big, "b", "small", "c", big[:300000]) + command("MGET", "a", "b", "c"))
        equal(c.reply(), "OK")
        equal(c.reply() == [big, b"small", big[:300000]], True)
        equal(c("FLUSHALL"), "OK")


@test
def sizes_around_the_buffers(korad):
    with Server(korad) as s, s.client() as c:
        for size in [0, 1, 16383, 16384, 32766, 32767, 32768, 65535, 65536, 65537, 100000, 262144, 1 << 20]:
            for off in (-40, -20, -1, 0, 1):
                value = b"x" * max(0, size + off)
                c.send(command("SET", "k", value) + command("GET", "k") + command("STRLEN", "k"))
                equal(replies(c, 3) == ["OK", value, len(value)], True, size + off)


@test
def many_arguments(korad):
    with Server(korad) as s, s.client() as c:
        n = 100000
        pairs = [x for i in range(n) for x in ("key:%d" % i, "value:%d" % i)]
        equal(c("MSET", *pairs), "OK")
        equal(c("MGET", *pairs[::2]), [p.encode() for p in pairs[1::2]])
        equal(c("DEL", *pairs[::2]), n)


@test
def an_announcement_costs_nothing(korad):
    with Server(korad) as s:
        before = s.rss_kb()
        clients = [s.client() for _ in range(5 if SLOW else 50)]
        for c in clients:
            c.send(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$536870912\r\nabc")
        for c in clients:
            assert c.quiet(0.001)
        assert SLOW or s.rss_kb() - before < 20000, s.rss_kb() - before
        for c in clients:
            c.s.close()


@test
def argument_above_the_limit(korad):
    with Server(korad, "--proto-max-bulk-len", "1mb") as s:
        with s.client() as c:
            equal(c("SET", "k", b"x" * (1 << 20)), "OK")
            c.send(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1048577\r\n")
            equal(c.rest(), BULK)


# ---- readers that do not read --------------------------------------------------------------------------------------------

def fill_unread(c, key, count):
    """Asks for `key` so often, until the server does not take any more; never reads."""
    data = command("GET", key) * count
    c.s.settimeout(2)
    try:
        c.send(data)
    except (socket.timeout, ConnectionError):
        pass
    c.s.settimeout(PATIENCE_S)


@test
def a_reader_that_does_not_read_costs_references(korad):
    with Server(korad) as s, s.client() as c, s.client(buffer=4096) as reader:
        value = os.urandom(1000) * 1000
        equal(c("SET", "big", value), "OK")
        before = s.rss_kb()
        reader.send(command("GET", "big") * 500)  # half a gigabyte
        wait_for("replies wait", lambda: re.search(rb"omem=[1-9]", c("CLIENT", "LIST")))
        equal(c("SET", "big", "other"), "OK")
        assert SLOW or s.rss_kb() - before < 30000, s.rss_kb() - before
        for i in range(20):
            equal(reader.reply() == value, True, i)
        reader.s.close()
        wait_for("the connection is gone", lambda: s.stat("connected_clients") == "2")


@test
def a_slow_reader_gets_everything(korad):
    with Server(korad) as s, s.client() as c, s.client(buffer=4096) as reader:
        values = [os.urandom(n) for n in (10, 9000, 100, 200000, 0, 70000, 5000)]
        for i, v in enumerate(values):
            equal(c("SET", "v%d" % i, v), "OK")
        order = [random.Random(3).randrange(len(values)) for _ in range(300)]
        reader.send(b"".join(command("GET", "v%d" % i) for i in order))
        time.sleep(0.1)
        for i in order:
            equal(reader.reply() == values[i], True)
        equal(reader("PING"), "PONG")
        wait_for("nothing is queued", lambda: b"omem=0" in reader("CLIENT", "INFO"))


@test
def output_above_the_hard_limit(korad):
    with Server(korad, "--client-output-buffer-limit", "normal 1mb 0 0") as s, s.client() as c:
        equal(c("SET", "k", b"x" * 100000), "OK")
        with s.client(buffer=4096) as bad:
            fill_unread(bad, "k", 200)
            wait_for("it is closed", lambda: s.stat("client_output_buffer_limit_disconnections") == "1")
            equal(c("PING"), "PONG")
        contains(s.log_text(), "hard limit")


@test
def output_above_the_soft_limit(korad):
    with Server(korad, "--client-output-buffer-limit", "normal 0 1mb 1") as s, s.client() as c:
        equal(c("SET", "k", b"x" * 100000), "OK")
        with s.client(buffer=4096) as bad, s.client(buffer=4096) as good:
            good.send(command("GET", "k") * 100)
            fill_unread(bad, "k", 200)
            for _ in range(100):
                good.reply()  # back under the limit in time
            wait_for("it is closed", lambda: s.stat("client_output_buffer_limit_disconnections") == "1")
            time.sleep(1.2)
            equal(good("PING"), "PONG")
        contains(s.log_text(), "soft limit")


# ---- limits of input and connections -------------------------------------------------------------------------------------

@test
def input_above_the_limit(korad):
    with Server(korad, "--client-query-buffer-limit", "1mb") as s:
        with s.client() as c:
            c.send(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$4000000\r\n")
            try:
                c.send(b"x" * 3000000)
            except ConnectionError:
                pass
            equal(c.rest(), b"")
        equal(s.stat("client_query_buffer_limit_disconnections"), "1")
        contains(s.log_text(), "client-query-buffer-limit")


@test
def too_many_connections(korad):
    with Server(korad, "--maxclients", "10") as s:
        clients = [s.client() for _ in range(10)]
        for c in clients:
            equal(c("PING"), "PONG")
        for _ in range(5):
            with s.client() as c:
                equal(c.rest(), b"-ERR max number of clients reached\r\n")
        equal(clients[0]("CONFIG", "SET", "maxclients", "11"), "OK")
        with s.client() as c:
            equal(c("PING"), "PONG")
        for c in clients:
            c.s.close()

        def served():
            with s.client() as c:
                return c("PING") == "PONG"
        wait_for("places are free again", served)
        assert int(s.stat("rejected_connections")) >= 5


@test
def those_turned_away_cost_nobody(korad):
    with Server(korad, "--maxclients", "1", shards=1) as s:
        with s.client() as c:
            stop = []

            def send_on():
                while not stop:
                    try:
                        with s.client() as other:
                            while not stop:
                                other.send(b"x" * 65536)
                    except OSError:
                        pass
            threads = [threading.Thread(target=send_on, daemon=True) for _ in range(3)]
            for t in threads:
                t.start()
            try:
                end = time.monotonic() + 2
                served = 0
                while time.monotonic() < end:
                    equal(c("PING"), "PONG")
                    served += 1
            finally:
                stop.append(True)
                for t in threads:
                    t.join()
            assert served > 20, "%d commands served while others were turned away" % served
            equal(c("CONFIG", "SET", "maxclients", "100"), "OK")


@test
def descriptors_run_out(korad):
    with Server(korad, limit=64) as s:
        clients = [s.client() for _ in range(100)]
        for c in clients[:20]:
            equal(c("PING"), "PONG")
        clients[99].send(command("PING"))
        before, start = s.cpu_s(), time.monotonic()
        assert clients[99].quiet(1.0), "more connections than descriptors"
        used = (s.cpu_s() - before) / (time.monotonic() - start)
        assert used < 0.3, "a busy loop: %.2f of a core" % used
        for c in clients[:60]:
            c.s.close()
        equal(clients[99].reply(), "PONG")
        equal(len(re.findall("can't accept connections", s.log_text())), 1)
        for c in clients:
            c.s.close()


@test
def idle_connections_end(korad):
    with Server(korad, "--timeout", "2") as s:
        with s.client() as idle, s.client() as active:
            start = time.monotonic()
            while time.monotonic() - start < 4:
                equal(active("PING"), "PONG")
                time.sleep(0.1)
            equal(idle.rest(), b"")
            equal(active("CONFIG", "SET", "timeout", "0"), "OK")
            time.sleep(2.3)
            equal(active("PING"), "PONG")
            with s.client() as late:
                equal(late("CONFIG", "SET", "timeout", "1"), "OK")
                start = time.monotonic()
                equal(late.rest(), b"")
                assert time.monotonic() - start > 0.8


@test
def idle_costs_nothing(korad):
    if SLOW:
        return  # ThreadSanitizer has a thread of its own that wakes up
    with Server(korad) as s:
        clients = [s.client() for _ in range(100)]
        for c in clients:
            equal(c("PING"), "PONG")
        time.sleep(0.3)
        before = s.wakeups()
        time.sleep(2)
        equal(s.wakeups() - before, 0)
        for c in clients:
            c.s.close()


@test
def memory_of_idle_connections(korad):
    if SLOW:
        return
    with Server(korad) as s:
        resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
        before = s.rss_kb()
        clients = [s.client() for _ in range(3000)]
        for c in clients:
            equal(c("PING"), "PONG")
        each = (s.rss_kb() - before) * 1024 / len(clients)
        assert each < 2048, "%d bytes each" % each
        for c in clients:
            c.s.close()


# ---- waiting calls -----------------------------------------------------------------------------------------------------

def sleeper(s):
    """Two connections on different shards: connections go round."""
    return s.client(), s.client()


@test
def calls_behind_a_slow_one_wait_in_order(korad):
    with Server(korad, "--enable-debug-command", "yes") as s:
        a, b = sleeper(s)
        with a, b:
            equal(b("SET", "k", "v"), "OK")
            a.send(command("DEBUG", "SLEEP", "1", "KEY", "k") + command("PING"))
            time.sleep(0.3)
            start = time.monotonic()
            equal(b("PING"), "PONG")
            equal(b("GET", "elsewhere-%d" % 1), None)
            fast = time.monotonic() - start
            b.send(command("APPEND", "k", "1") + command("APPEND", "k", "2") + command("PING") + command("GET", "k") + command("APPEND", "k", "3")[:-3])
            time.sleep(0.05)
            b.send(command("APPEND", "k", "3")[-3:] + b"".join(command("ECHO", i) for i in range(100)))
            assert b.quiet(0.1)
            equal(replies(b, 5), [2, 3, "PONG", b"v12", 4])
            equal(replies(b, 100), [str(i).encode() for i in range(100)])
            equal(replies(a, 2), ["OK", "PONG"])
            assert fast < 0.4, fast


@test
def connections_that_end_while_their_call_waits(korad):
    with Server(korad, "--enable-debug-command", "yes") as s:
        a, b = sleeper(s)
        others = [s.client() for _ in range(20)]
        with a, b:
            equal(a("SET", "k", "v"), "OK")
            a.send(command("DEBUG", "SLEEP", "0.7", "KEY", "k"))
            time.sleep(0.2)
            for i, c in enumerate(others):
                c.send(command("APPEND", "k", "x") * 5 + command("KEYS", "*"))
                if i % 2:
                    c.s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    c.s.close()
            assert int(b("CLIENT", "KILL", "TYPE", "normal")) >= 1
            for c in others[::2]:
                c.s.close()
        wait_for("all are gone", lambda: s.stat("connected_clients") == "1")


@test
def large_input_of_a_waiting_call(korad):
    with Server(korad, "--enable-debug-command", "yes") as s:
        a, b = sleeper(s)
        with a, b:
            value = os.urandom(100000) * 3
            equal(b("SET", "k", "v"), "OK")
            a.send(command("DEBUG", "SLEEP", "0.5", "KEY", "k"))
            time.sleep(0.2)
            b.send(command("SET", "k", value) + command("GET", "k") + command("SET", "k", value[:50000]) + command("GET", "k"))
            equal(b.reply(), "OK")
            equal(b.reply() == value, True)
            equal(b.reply(), "OK")
            equal(b.reply() == value[:50000], True)


@test
def ending_with_calls_in_flight(korad):
    with Server(korad, "--enable-debug-command", "yes") as s:
        clients = [s.client() for _ in range(50)]
        clients[0].send(command("DEBUG", "SLEEP", "0.5", "KEY", "k"))
        time.sleep(0.1)
        for c in clients[1:]:
            c.send(command("GET", "k") + command("DBSIZE") + command("PING"))
        time.sleep(0.1)
        s.stop()
        for c in clients:
            c.rest()


# ---- who may ----------------------------------------------------------------------------------------------------------------

@test
def before_auth(korad):
    with Server(korad, "--requirepass", "secret") as s:
        noauth = "NOAUTH Authentication required."
        with s.client() as c:
            equal(c("GET", "k"), noauth)
            equal(c("NOSUCH"), "ERR unknown command 'NOSUCH', with args beginning with: ")
            contains(c("HELLO", 3), "NOAUTH HELLO must be called")
            equal(c("AUTH", "wrong"), "WRONGPASS invalid username-password pair or user is disabled.")
            equal(c("AUTH", "secretsecret"), "WRONGPASS invalid username-password pair or user is disabled.")
            equal(c("AUTH", "other", "secret"), "WRONGPASS invalid username-password pair or user is disabled.")
            c.send(command("AUTH", "secret") + command("SET", "k", b"x" * 100000) + command("STRLEN", "k") + command("MSET", *range(40)))
            equal(replies(c, 4), ["OK", "OK", 100000, "OK"])
            equal(c("RESET"), "RESET")
            equal(c("GET", "k"), noauth)
            equal(c("HELLO", 2, "AUTH", "default", "secret", "SETNAME", "me")[5], 2)
            equal(c("CLIENT", "GETNAME"), b"me")
        for frame, answer in [(b"*11\r\n", b"-ERR Protocol error: unauthenticated multibulk length\r\n"),
                              (b"*1\r\n$16385\r\n", b"-ERR Protocol error: unauthenticated bulk length\r\n")]:
            with s.client() as c:
                c.send(frame)
                equal(c.rest(), answer)
        with s.client() as c:  # many small arguments that are more than it may hold
            try:
                c.send(b"*10\r\n" + b"$16000\r\n%s\r\n" % (b"x" * 16000) * 9)
            except ConnectionError:
                pass
            equal(c.rest(), b"")


@test
def a_password_set_later(korad):
    with Server(korad) as s, s.client() as old:
        contains(old("AUTH", "x"), "without any password configured")
        equal(old("AUTH", "default", "x"), "OK")
        equal(old("CONFIG", "SET", "requirepass", "later"), "OK")
        equal(old("PING"), "PONG")
        with s.client() as new:
            equal(new("PING"), "NOAUTH Authentication required.")
            equal(new("AUTH", "later"), "OK")
            equal(new("CONFIG", "GET", "requirepass"), [b"requirepass", b"later"])
        equal(old("CONFIG", "SET", "requirepass", ""), "OK")


@test
def protected_mode(korad):
    outside = [a for a in subprocess.run(["hostname", "-I"], capture_output=True, text=True).stdout.split() if "." in a]
    if not outside:
        return
    with Server(korad, address="0.0.0.0") as s:
        with Client((outside[0], s.port)) as c:
            data = c.rest()
            assert data.startswith(b"-DENIED ") and data.endswith(b"\r\n"), data
        with Client(("127.0.0.1", s.port)) as c:
            equal(c("CONFIG", "SET", "protected-mode", "no"), "OK")
        with Client((outside[0], s.port)) as c:
            equal(c("PING"), "PONG")
            equal(c("CONFIG", "SET", "protected-mode", "yes", "requirepass", "x"), "OK")
        with Client((outside[0], s.port)) as c:
            equal(c("AUTH", "x"), "OK")
        s.address = ("127.0.0.1", s.port)


# ---- listeners --------------------------------------------------------------------------------------------------------------

@test
def ipv6(korad):
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return
    with Server(korad, address="::1") as s, s.client() as c:
        equal(c("PING"), "PONG")
        contains(c("CLIENT", "INFO").decode(), "addr=[::1]:", "laddr=[::1]:%d" % s.port)


@test
def unix_sockets(korad):
    with tempfile.TemporaryDirectory(prefix="korad-net-") as folder:
        path = os.path.join(folder, "s")
        stale = socket.socket(socket.AF_UNIX)
        stale.bind(path)
        stale.close()  # nobody answers at it
        with Server(korad, "--unixsocket", path, "--unixsocketperm", "700") as s:
            equal(os.stat(path).st_mode & 0o777, 0o700)
            with Client(path) as c:
                equal(c("PING"), "PONG")
                contains(c("CLIENT", "INFO").decode(), "addr=%s:0" % path, "flags=U")
                equal(c("CONFIG", "GET", "unixsocket"), [b"unixsocket", path.encode()])
            second = subprocess.run([korad, "--port", "0", "--unixsocket", path], capture_output=True, text=True, timeout=PATIENCE_S)
            assert second.returncode == 1 and "in use" in second.stdout + second.stderr, second
            with Client(path) as c:
                equal(c("PING"), "PONG")
        assert not os.path.exists(path), "the file is left behind"


@test
def connections_spread_evenly(korad):
    if SLOW:
        return
    with Server(korad, shards=4) as s:
        clients = [s.client() for _ in range(40)]
        for c in clients:
            equal(c("PING"), "PONG")
        fds = {}
        base = "/proc/%d/fdinfo" % s.process.pid
        for fd in os.listdir(base):
            try:
                with open(os.path.join(base, fd)) as f:
                    text = f.read()
            except OSError:
                continue
            watched = re.findall(r"^tfd:\s+(\d+)", text, re.M)
            if watched:
                fds[fd] = sum(1 for w in watched if os.readlink("/proc/%d/fd/%s" % (s.process.pid, w)).startswith("socket:"))
        counts = sorted(n for n in fds.values())[-4:]
        assert counts[-1] - counts[0] <= 2, counts
        for c in clients:
            c.s.close()


@test
def half_closed_connections_get_their_replies(korad):
    with Server(korad) as s:
        with s.client() as c:
            c.send(command("SET", "k", b"x" * 200000) + command("GET", "k") * 50 + command("PING"))
            c.s.shutdown(socket.SHUT_WR)
            equal(c.reply(), "OK")
            for _ in range(50):
                equal(len(c.reply()), 200000)
            equal(c.rest(), b"+PONG\r\n")


@test
def half_closed_connections_in_one_turn(korad):
    """More of them than the loop takes from the system at once: it sees ends of input before it has answered."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    with Server(korad, shards=1) as s:
        clients = [s.client() for _ in range(1500)]
        os.kill(s.process.pid, signal.SIGSTOP)
        for c in clients:
            c.send(command("PING"))
            c.s.shutdown(socket.SHUT_WR)
        os.kill(s.process.pid, signal.SIGCONT)
        equal([c.rest() for c in clients], [b"+PONG\r\n"] * len(clients))
        for c in clients:
            c.s.close()


@test
def bad_input_ends_the_connection_however_much_was_asked_before(korad):
    keep = 256 * 1024  # replies are sent early above this: sizes around it, with the error behind them
    with Server(korad, shards=1) as s:
        for short in range(0, 130, 3):
            with s.client() as c:
                size = keep - short
                c.send(command("SET", "k", b"x" * 10000) + command("GET", "k") * (size // 10010) + command("ECHO", b"y" * (size % 10010)) + b"*1\r\n:bad\r\n")
                contains(c.rest(), b"ERR Protocol error")


@test
def a_key_that_is_read_at_once_expires_by_itself(korad):
    """A write and a read in one pipeline: the stripe is told what the write did."""
    with Server(korad) as s, s.client() as c:
        for i in range(20):
            c.send(command("SET", f"k{i}", "v", "PX", "50") + command("GET", f"k{i}"))
            equal(c.reply(), "OK")
            c.reply()
        wait_for("keys to expire", lambda: c("DBSIZE") == 0)


@test
def quit_ends_after_its_reply(korad):
    with Server(korad) as s:
        with s.client() as c:
            c.send(command("SET", "k", "1") + command("QUIT") + command("SET", "k", "2") + b"garbage\r\n" * 100)
            equal(c.rest(), b"+OK\r\n+OK\r\n")
        with s.client() as c:
            equal(c("GET", "k"), b"1")


# ---- CLIENT -------------------------------------------------------------------------------------------------------------------

def field(line, name):
    return re.search(r"(?:^| )%s=(\S*)" % name, line.decode()).group(1)


@test
def client_list(korad):
    with Server(korad) as s, s.client() as a, s.client() as b:
        equal(a("CLIENT", "SETNAME", "one"), "OK")
        equal(a("CLIENT", "SETINFO", "LIB-NAME", "lib"), "OK")
        equal(a("CLIENT", "SETINFO", "lib-ver", "1.2"), "OK")
        contains(a("CLIENT", "SETINFO", "lib-ver", "1 2"), "ERR lib-ver cannot contain spaces, newlines or special characters.")
        contains(a("CLIENT", "SETINFO", "foo", "1"), "ERR Unrecognized option 'foo'")
        contains(a("CLIENT", "SETNAME", "a b"), "ERR Client names cannot contain spaces, newlines or special characters.")
        equal(a("CLIENT", "NO-EVICT", "ON"), "OK")
        equal(a("CLIENT", "NO-TOUCH", "ON"), "OK")
        equal(b("SELECT", 5), "OK")
        equal(b("HELLO", 3)[5], 3)
        lines = a("CLIENT", "LIST").splitlines()
        equal(len(lines), 2)
        ida, idb = a("CLIENT", "ID"), b("CLIENT", "ID")
        line = [x for x in lines if field(x, "id") == str(ida)][0]
        names = re.findall(r"(?:^| )([a-z-]+)=", line.decode())
        equal(names, "id addr laddr fd name age idle flags db sub psub ssub multi watch qbuf qbuf-free argv-mem multi-mem rbs rbp obl oll omem "
              "tot-mem events cmd user redir resp lib-name lib-ver".split())
        equal([field(line, n) for n in ("name", "db", "flags", "cmd", "lib-name", "lib-ver", "resp", "user")],
              ["one", "0", "eT", "client|list", "lib", "1.2", "2", "default"])
        other = [x for x in lines if field(x, "id") == str(idb)][0]
        equal([field(other, n) for n in ("db", "resp", "cmd", "flags")], ["5", "3", "hello", "N"])
        host, port = a.s.getsockname()
        equal(field(line, "addr"), "%s:%d" % (host, port))
        equal(len(a("CLIENT", "LIST", "ID", idb).splitlines()), 1)
        equal(len(a("CLIENT", "LIST", "ID", idb, ida, 999).splitlines()), 2)
        equal(len(a("CLIENT", "LIST", "TYPE", "normal").splitlines()), 2)
        equal(a("CLIENT", "LIST", "TYPE", "pubsub"), b"")
        contains(a("CLIENT", "LIST", "TYPE", "x"), "ERR Unknown client type 'x'")
        contains(a("CLIENT", "LIST", "ID", "x"), "ERR Invalid client ID")
        contains(a("CLIENT", "LIST", "ID"), "ERR syntax error")
        equal(field(a("CLIENT", "INFO"), "id"), str(ida))


@test
def client_kill(korad):
    with Server(korad) as s, s.client() as a:
        victims = [s.client() for _ in range(6)]
        for v in victims:
            equal(v("PING"), "PONG")
        equal(a("CLIENT", "KILL", "1.2.3.4:5"), "ERR No such client")
        equal(a("CLIENT", "KILL", "%s:%d" % victims[0].s.getsockname()), "OK")
        equal(victims[0].rest(), b"")
        equal(a("CLIENT", "KILL", "ID", victims[1]("CLIENT", "ID")), 1)
        equal(victims[1].rest(), b"")
        equal(a("CLIENT", "KILL", "ID", 999999), 0)
        equal(a("CLIENT", "KILL", "ADDR", "%s:%d" % victims[2].s.getsockname(), "TYPE", "normal"), 1)
        equal(a("CLIENT", "KILL", "MAXAGE", 1000), 0)
        equal(a("CLIENT", "KILL", "LADDR", "127.0.0.1:%d" % s.port), 3)
        equal(a("PING"), "PONG")
        for args, error in [(("ID", "x"), "ERR client-id should be greater than 0"), (("ID", "0"), "ERR client-id should be greater than 0"),
                            (("FOO", "x"), "ERR syntax error"), (("ID", "1", "TYPE"), "ERR syntax error"), (("USER", "x"), "ERR No such user 'x'"),
                            (("TYPE", "x"), "ERR Unknown client type 'x'"), (("ID", "1", "SKIPME", "x"), "ERR syntax error")]:
            equal(a("CLIENT", "KILL", *args), error)
        a.send(command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "no") + command("PING"))
        equal(a.rest(), b":1\r\n")
        with s.client() as c:
            c.send(command("CLIENT", "KILL", "%s:%d" % c.s.getsockname()))
            equal(c.rest(), b"+OK\r\n")


@test
def client_reply(korad):
    with Server(korad) as s, s.client() as c:
        c.send(command("CLIENT", "REPLY", "OFF") + command("SET", "k", "1") + command("GET", "k") + command("NOSUCH") + command("CLIENT", "REPLY", "ON") + command("GET", "k"))
        equal(replies(c, 2), ["OK", b"1"])
        c.send(command("CLIENT", "REPLY", "SKIP") + command("GET", "k") + command("PING") + command("CLIENT", "REPLY", "SKIP") + command("CLIENT", "REPLY", "ON") +
               command("ECHO", "x"))
        equal(replies(c, 3), ["PONG", "OK", b"x"])
        c.send(command("CLIENT", "REPLY", "OFF") + command("KEYS", "*") + command("CLIENT", "REPLY", "SKIP") + command("PING") + command("CLIENT", "REPLY", "ON"))
        equal(c.reply(), "OK")
        equal(c("CLIENT", "REPLY", "foo"), "ERR syntax error")


@test
def client_pause(korad):
    with Server(korad) as s, s.client() as a, s.client() as b, s.client() as d:
        for args, error in [(("x",), "ERR timeout is not an integer or out of range"), (("-1",), "ERR timeout is negative"),
                            (("1", "x"), "ERR CLIENT PAUSE mode must be WRITE or ALL")]:
            equal(a("CLIENT", "PAUSE", *args), error)
        equal(a("CLIENT", "PAUSE", 100000, "WRITE"), "OK")
        b.send(command("GET", "k") + command("SET", "k", "1") + command("GET", "k") + command("PING") * 50)
        equal(b.reply(), None)
        assert b.quiet(0.2)
        contains(a("CLIENT", "LIST").decode(), "flags=b")
        equal(a("CLIENT", "UNPAUSE"), "OK")
        equal(replies(b, 52), ["OK", b"1"] + ["PONG"] * 50)
        start = time.monotonic()
        equal(a("CLIENT", "PAUSE", 400), "OK")
        d.send(command("PING"))
        b.send(command("PING") * 40)
        equal(d.reply(), "PONG")
        waited = time.monotonic() - start
        assert 0.35 < waited < 5, waited
        equal(replies(b, 40), ["PONG"] * 40)
        equal(a("CLIENT", "PAUSE", 300000, "WRITE"), "OK")
        b.send(command("SET", "k", "2"))
        assert b.quiet(0.1)
        b.s.close()
        equal(a("CLIENT", "UNPAUSE"), "OK")


# ---- CONFIG and INFO ------------------------------------------------------------------------------------------------------

@test
def config(korad):
    with Server(korad) as s, s.client() as c:
        equal(c("CONFIG", "GET", "tcp-keep*", "TIMEOUT", "timeo*"), [b"tcp-keepalive", b"300", b"TIMEOUT", b"0"])
        equal(c("CONFIG", "GET", "nothing"), [])
        equal(c("CONFIG", "SET", "timeout", "7", "maxclients", "50"), "OK")
        equal(c("CONFIG", "GET", "timeout", "maxclients"), [b"timeout", b"7", b"maxclients", b"50"])
        failed = "ERR CONFIG SET failed (possibly related to argument '%s') - %s"
        for args, error in [
                (("timeout", "1", "foo", "2"), "ERR Unknown option or number of arguments for CONFIG SET - 'foo'"),
                (("timeout", "1", "maxclients", "x"), failed % ("maxclients", "argument couldn't be parsed into an integer")),
                (("timeout", "1", "maxclients", "0"), failed % ("maxclients", "argument must be between 1 and 4294967295 inclusive")),
                (("timeout", "1", "TIMEOUT", "2"), failed % ("TIMEOUT", "duplicate parameter")),
                (("protected-mode", "x"), failed % ("protected-mode", "argument must be 'yes' or 'no'")),
                (("maxmemory-policy", "x"), failed % ("maxmemory-policy", "argument(s) must be one of the following: volatile-lru, volatile-lfu, "
                                                      "volatile-random, volatile-ttl, allkeys-lru, allkeys-lfu, allkeys-random, noeviction, allkeys-s3fifo")),
                (("proto-max-bulk-len", "x"), failed % ("proto-max-bulk-len", "argument must be a memory value")),
                (("proto-max-bulk-len", "12"), failed % ("proto-max-bulk-len", "argument must be between 1048576 and 9223372036854775807 inclusive")),
                (("enable-debug-command", "yes"), failed % ("enable-debug-command", "can't set immutable config")),
                (("databases", "3"), failed % ("databases", "can't set immutable config")),
                (("client-output-buffer-limit", "a"), failed % ("client-output-buffer-limit", "Wrong number of arguments in buffer limit configuration.")),
                (("client-output-buffer-limit", "foo 1 1 1"), failed % ("client-output-buffer-limit", "Invalid client class specified in buffer limit configuration.")),
                (("client-output-buffer-limit", "normal 1 x 1"), failed % ("client-output-buffer-limit", "Error in hard, soft or soft_seconds setting in buffer limit configuration.")),
                (("timeout",), "ERR wrong number of arguments for 'config|set' command"),
                (("timeout", "1", "x"), "ERR syntax error")]:
            equal(c("CONFIG", "SET", *args), error)
        equal(c("CONFIG", "GET", "timeout"), [b"timeout", b"7"])
        equal(c("CONFIG", "SET", "client-output-buffer-limit", "normal 1mb 2mb 3 replica 1 2 3"), "OK")
        equal(c("CONFIG", "GET", "client-output-buffer-limit")[1], b"normal 1048576 2097152 3 slave 1 2 3 pubsub 33554432 8388608 60")
        equal(c("CONFIG", "SET", "maxmemory-policy", "allkeys-lfu"), "OK")
        equal(c("CONFIG", "GET", "port"), [b"port", str(s.port).encode()])
        equal(c("CONFIG", "REWRITE"), "ERR The server is running without a config file")


@test
def config_rewrite(korad):
    with tempfile.TemporaryDirectory(prefix="korad-net-") as folder:
        path = os.path.join(folder, "korad.ini")
        with open(path, "w") as f:
            f.write("# mine\n\ntimeout = 5   \n; other\nmaxclients=77\nloglevel = notice")
        os.chmod(path, 0o640)
        with Server(korad, config=path) as s, s.client() as c:
            if c("CONFIG", "GET", "configfile")[1] == b"":
                raise AssertionError("korad does not name its configuration file")
            equal(c("CONFIG", "SET", "timeout", "50", "requirepass", "new pass"), "OK")
            equal(c("CONFIG", "REWRITE"), "OK")
            with open(path) as f:
                equal(f.read(), "# mine\n\ntimeout = 50\n; other\nmaxclients=77\nloglevel = notice\nrequirepass = new pass\n")
            equal(os.stat(path).st_mode & 0o777, 0o640)
            equal(c("CONFIG", "SET", "requirepass", "a ;b"), "OK")
            contains(c("CONFIG", "REWRITE"), "'requirepass' can't be written")
            equal(sorted(os.listdir(os.path.dirname(path))), ["korad.ini"])
        equal(subprocess.run([korad, path, "--check-config"], timeout=PATIENCE_S).returncode, 0)


@test
def info(korad):
    with Server(korad) as s, s.client() as c:
        c("SET", "k", "v")
        c("GET", "k")
        c("GET", "none")
        c("NOSUCH")
        c("INCR", "k")
        c("SELECT", 2)
        c("SET", "x", "1", "EX", 100)
        text = c("INFO").decode()
        equal(re.findall(r"^# (\w+)\r$", text, re.M), "Server Clients Memory Persistence Stats Replication CPU Modules Errorstats Cluster Keyspace".split())
        for line in text.split("\r\n"):
            assert line == "" or line.startswith("# ") or re.match(r"[a-zA-Z0-9_]+:", line), line
        values = dict(line.split(":", 1) for line in text.split("\r\n") if ":" in line)
        for name, wanted in [("connected_clients", "1"), ("keyspace_hits", "1"), ("keyspace_misses", "1"), ("errorstat_ERR", "count=2"), ("total_error_replies", "2"),
                             ("db0", "keys=1,expires=0,avg_ttl=0"), ("role", "master"), ("tcp_port", str(s.port)),
                             ("total_commands_processed", "6"), ("process_id", str(s.process.pid))]:
            equal(values[name], wanted, name)
        ttl_ms = re.fullmatch(r"keys=1,expires=1,avg_ttl=(\d+)", values["db2"])
        assert ttl_ms and 0 < int(ttl_ms.group(1)) <= 100000, values["db2"]
        assert int(values["used_memory_rss"]) > 100000 and float(values["used_cpu_user"]) >= 0
        equal(re.findall(r"^# (\w+)", c("INFO", "KEYSPACE", "cpu", "keyspace").decode(), re.M), ["CPU", "Keyspace"])
        equal(c("INFO", "nothing"), b"")
        equal(c("CONFIG", "RESETSTAT"), "OK")
        equal(s.stat("total_error_replies"), "0")
        equal(s.stat("keyspace_hits"), "0")
        s.stat("x")
        time.sleep(0.15)
        s.stat("x")
        c.send(command("GET", "k") * 1000)
        replies(c, 1000)
        time.sleep(0.15)
        assert int(s.stat("instantaneous_ops_per_sec")) > 100


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--korad", default=os.path.join(ROOT, "build/korad"))
    p.add_argument("words", nargs="*")
    args = p.parse_args()
    korad = os.path.abspath(args.korad)
    passed = failed = 0
    for t in TESTS:
        if args.words and not any(w in t.__name__ for w in args.words):
            continue
        start = time.monotonic()
        try:
            t(korad)
            passed += 1
            print("ok      %-50s %6.2f s" % (t.__name__, time.monotonic() - start), flush=True)
        except Exception:
            failed += 1
            print("FAILED  %s\n%s" % (t.__name__, traceback.format_exc()), flush=True)
    print("%d passed, %d failed" % (passed, failed))
    sys.exit(failed > 0)


main()
