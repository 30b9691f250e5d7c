#!/usr/bin/python3
"""Snapshots: what is loaded after one is what was there, whatever went on meanwhile; cuts through the whole database; failures.

    run.py [--korad build/korad] [WORD ...]      (WORDs: only tests with one in their name)

The last line is `N passed, N failed`.
"""
import argparse, os, random, shutil, signal, socket, subprocess, sys, tempfile, threading, time, traceback

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PATIENCE_S = 60
LONG = os.environ.get("KORA_TEST_LONG", "") not in ("", "0")
TESTS = []


def test(f):
    TESTS.append(f)
    return f


def equal(got, wanted, what=""):
    if got != wanted:
        raise AssertionError("%s got %.400r, wanted %.400r" % (what, got, wanted))


def true(x, what):
    if not x:
        raise AssertionError(what)


def wait_for(what, condition):
    end = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > end:
            raise AssertionError("never: " + what)
        time.sleep(0.01)


class Error(str):
    pass


class Client:
    def __init__(self, path):
        self.s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.s.settimeout(PATIENCE_S)
        self.s.connect(path)
        self.f = self.s.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.s.close()
        self.f.close()

    def send(self, *commands):
        self.s.sendall(b"".join(b"*%d\r\n" % len(c) + b"".join(b"$%d\r\n%s\r\n" % (len(a), a) for a in
                                (a if isinstance(a, bytes) else str(a).encode() for a in c)) for c in commands))

    def value(self):
        line = self.f.readline()
        if not line:
            raise EOFError
        kind, rest = line[:1], line[1:-2]
        if kind == b"+":
            return rest.decode()
        if kind == b"-":
            return Error(rest.decode())
        if kind == b":":
            return int(rest)
        n = int(rest)
        if kind == b"$":
            return None if n < 0 else self.f.read(n + 2)[:-2].decode("latin1")
        return [self.value() for _ in range(n)]

    def __call__(self, *args):
        self.send(args)
        return self.value()

    def all(self, commands):
        self.send(*commands)
        return [self.value() for _ in commands]

    def info(self, field):
        return next(l.split(":", 1)[1] for l in self("INFO", "persistence").split("\r\n") if l.startswith(field + ":"))


class Server:
    """One korad after another on the same directory."""

    def __init__(self, *flags, shards=2):
        self.folder = tempfile.TemporaryDirectory()
        self.dir = os.path.join(self.folder.name, "db")
        self.path = os.path.join(self.folder.name, "s")
        self.log = os.path.join(self.folder.name, "log")
        self.flags, self.p = flags, None
        self.start(shards)

    def start(self, shards=2, *flags):
        with open(self.log, "a") as log:
            self.p = subprocess.Popen([KORAD, "--port", "0", "--unixsocket", self.path, "--dir", self.dir, "--shards", str(shards), "--enable-debug-command", "yes",
                                       *self.flags, *flags], stdout=log, stderr=subprocess.STDOUT)

        def up():
            try:
                with Client(self.path) as c:
                    return c("PING") == "PONG" # not -LOADING
            except (OSError, EOFError):
                if self.p.poll() is not None:
                    raise AssertionError("korad ended: " + self.text())
                return False
        wait_for("the server serves", up)

    def text(self):
        with open(self.log) as f:
            return f.read()

    def client(self):
        return Client(self.path)

    def stop(self, how=signal.SIGTERM):
        if self.p and self.p.poll() is None:
            self.p.send_signal(how)
            self.p.wait(PATIENCE_S)
        return self.p.returncode

    def kill(self):
        self.stop(signal.SIGKILL)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        self.stop()
        if kind:
            print(self.text()[-3000:])
        self.folder.cleanup()


def fill(c, seed=1, n=1500):
    """Keys of all types, small ones and large ones, some of which expire."""
    r = random.Random(seed)
    word = lambda: "%x" % r.getrandbits(40)
    commands = []
    for i in range(n):
        k = "%s:%d" % (r.choice("slhzxeb"), i)
        commands.append({
            "s": ["SET", k, r.choice([word() * r.randint(1, 400), r.randint(-9, 1 << 50)])],
            "l": ["RPUSH", k] + [word() * r.choice([1, 1, 40]) for _ in range(r.choice([3, 40, 400]))],
            "h": ["HSET", k] + [word() for _ in range(2 * r.choice([3, 40, 300]))],
            "z": ["ZADD", k] + [x for _ in range(r.choice([3, 40, 300])) for x in (r.random(), word())],
            "e": ["SADD", k] + [word() for _ in range(r.choice([3, 40, 300]))],
            "x": ["XADD", k, "*", "f", word()],
            "b": ["SETBIT", k, r.randint(0, 1 << 20), 1],
        }[k[0]])
        if r.random() < 0.1:
            commands.append(["PEXPIRE", k, 10 ** 9])
        if k[0] == "x":
            commands += [["XGROUP", "CREATE", k, "g", "0"], ["XREADGROUP", "GROUP", "g", "c", "STREAMS", k, ">"]]
    commands += [["SELECT", 3], ["SET", "other", "database"], ["SELECT", 0]]
    commands.append(["RPUSH", "large:l"] + [word() * 3 for _ in range(30000)])
    commands.append(["ZADD", "large:z"] + [x for _ in range(30000) for x in (r.random(), word())])
    commands.append(["HSET", "large:h"] + [word() for _ in range(60000)])
    commands.append(["SADD", "large:e"] + [word() for _ in range(30000)])
    commands.append(["SET", "large:s", "0123456789" * 300000])
    for at in range(0, len(commands), 200):
        for reply in c.all(commands[at:at + 200]):
            true(not isinstance(reply, Error), reply)


class Writers:
    """Threads that change keys of every type without end."""

    def __init__(self, server, n=3, keys=1500):
        self.over = threading.Event()
        self.failed = []
        self.threads = [threading.Thread(target=self.run, args=(server, i, keys)) for i in range(n)]
        for t in self.threads:
            t.start()

    def run(self, server, seed, keys):
        r = random.Random(seed)
        word = lambda: "%x" % r.getrandbits(40)

        def one():
            k = lambda t: r.choice(["large:" + t, "%s:%d" % (t, r.randrange(keys))] if t in "slhze" else ["%s:%d" % (t, r.randrange(keys))])
            return r.choice([
                lambda: ["SET", "s:%d" % r.randrange(keys), word()], lambda: ["APPEND", k("s"), word()], lambda: ["SETRANGE", "large:s", r.randrange(3000000), word()],
                lambda: ["DEL", "%s:%d" % (r.choice("slhzexb"), r.randrange(keys))], lambda: ["RPUSH", k("l"), word()], lambda: ["LPOP", k("l"), 3], lambda: ["LSET", k("l"), 1, word()],
                lambda: ["HSET", k("h"), word(), word()], lambda: ["HDEL", k("h"), word()], lambda: ["ZADD", k("z"), r.random(), word()], lambda: ["ZPOPMIN", k("z")],
                lambda: ["SADD", k("e"), word()], lambda: ["SPOP", k("e")], lambda: ["XADD", k("x"), "MAXLEN", 50, "*", "f", word()],
                lambda: ["XREADGROUP", "GROUP", "g", "c", "STREAMS", k("x"), ">"], lambda: ["RENAME", "s:%d" % r.randrange(keys), "s:%d" % r.randrange(keys)],
                lambda: ["PEXPIRE", "s:%d" % r.randrange(keys), r.choice([1, 10 ** 9])], lambda: ["LMOVE", "l:%d" % r.randrange(keys), "l:%d" % r.randrange(keys), "LEFT", "RIGHT"],
                lambda: ["SUNIONSTORE", "e:%d" % r.randrange(keys), "e:%d" % r.randrange(keys), "e:%d" % r.randrange(keys)], lambda: ["COPY", "h:%d" % r.randrange(keys), "h:%d" % r.randrange(keys), "REPLACE"],
                lambda: ["SETBIT", k("b"), r.randrange(1 << 20), 1], lambda: ["SWAPDB", 3, 4] if r.random() < 0.02 else ["GET", "x"],
                lambda: ["MOVE", "s:%d" % r.randrange(keys), 5], lambda: ["INCR", "counter:%d" % r.randrange(50)],
            ])()
        try:
            with server.client() as c:
                while not self.over.is_set():
                    c.all([one() for _ in range(20)])
        except (OSError, EOFError) as e:
            if not self.over.is_set():
                self.failed.append(e)

    def stop(self):
        self.over.set()
        for t in self.threads:
            t.join()
        equal(self.failed, [])


def saved(c):
    """Waits until no snapshot is under way; it was a good one."""
    wait_for("the snapshot ends", lambda: c.info("rdb_bgsave_in_progress") == "0")
    equal(c.info("rdb_last_bgsave_status"), "ok")


def folders(s):
    return sorted(n for n in os.listdir(s.dir) if n.startswith("snapshot"))


@test
def what_was_saved_is_loaded():
    with Server() as s:
        with s.client() as c:
            fill(c)
            before = c("DEBUG", "DIGEST")
            equal(c("SAVE"), "OK")
            equal(c("DEBUG", "DIGEST"), before)
            equal(len(folders(s)), 1)
        s.kill()
        for shards in (2, 1, 3, 8, 2):
            s.start(shards)
            with s.client() as c:
                equal(c("DEBUG", "DIGEST"), before, "%d shards:" % shards)
                true(int(c.info("rdb_last_load_keys_loaded")) > 1200, "it was loaded from the snapshot")
                c("SET", "shards", shards)
                before = c("DEBUG", "DIGEST")
                equal(c("BGSAVE"), "Background saving started")
                saved(c)
            s.stop()
            equal(len(folders(s)), 1)


@test
def several_are_kept():
    """Each of them, and the log behind it, comes to the same; --check tells of them; damage of the newest is no loss."""
    with Server("--snapshot-keep", "3") as s:
        names = lambda first, last: ["snapshot-%016x" % i for i in range(first, last + 1)]
        with s.client() as c:
            for i in range(1, 6):
                c("FLUSHALL")
                fill(c, i, 300)
                c.all([("SET", "round:%d" % i, i)] + [("INCR", "counter")] * 10)
                equal(c("SAVE"), "OK")
                equal(folders(s), names(max(1, i - 2), i))
            c("INCR", "counter")
            before = c("DEBUG", "DIGEST")
        s.kill()
        said = subprocess.run([KORAD, "--check", s.dir], capture_output=True, text=True)
        equal(said.returncode, 0, said.stdout + said.stderr)
        for at, which in ((5, "newest"), (4, "older"), (3, "older")):
            true("%s snapshot %d: 2 files" % (which, at) in said.stdout + said.stderr, said.stdout + said.stderr)
        for shards in (3, 2):
            s.start(shards)  # the older ones stay as they are
            with s.client() as c:
                equal(c("DEBUG", "DIGEST"), before)
            s.kill()
            equal(folders(s), names(3, 5))
        with open(os.path.join(s.dir, names(5, 5)[0], "0000.rdb.lz4"), "r+b") as f:
            f.seek(100)
            f.write(b"damage")
        for from_, left in ((None, None), (6, None), (2, None), (4, [3, 4]), (3, [3])):
            flags = ("--from-snapshot", str(from_)) if from_ else ()
            if left is None:
                said = subprocess.run([KORAD, "--port", "0", "--unixsocket", s.path, "--dir", s.dir, *flags], capture_output=True, text=True)
                equal(said.returncode, 1)
                true(("there is no snapshot" if from_ else names(5, 5)[0]) in said.stdout + said.stderr, said.stdout + said.stderr)
                continue
            s.start(2, *flags)
            with s.client() as c:
                equal(c("DEBUG", "DIGEST"), before, "from %d:" % from_)
            s.kill()
        s.start(2)  # the manifest begins with it from now on
        with s.client() as c:
            equal(c("DEBUG", "DIGEST"), before)
            equal(c("SAVE"), "OK")
            equal(folders(s), names(3, 4))
            equal(c("CONFIG", "SET", "snapshot-keep", 1), "OK")
            equal(c("SAVE"), "OK")
            equal(folders(s), names(5, 5))
            equal(len(os.listdir(os.path.join(s.dir, "log"))), 1)
            true(isinstance(c("CONFIG", "SET", "snapshot-keep", 0), Error), "at least one")
            true(isinstance(c("CONFIG", "SET", "snapshot-keep", 33), Error), "32 at most")
        s.kill()
        s.start(2)
        with s.client() as c:
            equal(c("DEBUG", "DIGEST"), before)


@test
def unfinished_ones_go_at_opening():
    """But nothing else: not what the manifest names, not what is not ours, and nothing at all where somebody only looks."""
    with Server("--snapshot-keep", "2") as s:
        at = lambda *names: os.path.join(s.dir, *names)

        def make(*names):
            os.makedirs(at(*names[:-1]), exist_ok=True)
            with open(at(*names), "w") as f:
                f.write("x")
        with s.client() as c:
            fill(c, 1, 300)
            equal([c("SAVE"), c("SAVE")], ["OK", "OK"])
            for i in range(20):
                c.all([["SET", "more:%d:%d" % (i, j), "x" * 2000] for j in range(500)])
            before = c("DEBUG", "DIGEST")
            for _ in range(100):  # until one is met while it is written
                c("BGSAVE")
                while c.info("rdb_bgsave_in_progress") == "1" and not any(n.endswith(".tmp") for n in folders(s)):
                    pass
                if any(n.endswith(".tmp") for n in folders(s)):
                    break
        s.kill()
        true(any(n.endswith(".tmp") for n in folders(s)), "none was met while it was written")
        good = [n for n in folders(s) if not n.endswith(".tmp")]
        make("snapshot-00000000000000aa.tmp", "0000.rdb.lz4")
        make("snapshot-00000000000000aa.tmp", "0001.rdb.lz4")
        make("snapshot-00000000000000ab.tmp", "notes.txt")  # with something of somebody else's in it
        make("snapshot-00000000000000ab.tmp", "0000.rdb.lz4")
        strange = ["snapshot-00000000000000AA.tmp", "snapshot-1.tmp", "snapshot-00000000000000aa.tmp2", "snapshot-mine", "snapshot-00000000000000aaa.tmp", "00000000000000aa.tmp"]
        for name in strange:
            make(name, "0000.rdb.lz4")
        make("snapshot-00000000000000ac.tmp")  # a file
        all_ = folders(s)
        said = subprocess.run([KORAD, "--check", s.dir], capture_output=True, text=True)
        equal(said.returncode, 0, said.stdout + said.stderr)
        equal(folders(s), all_)
        s.start()
        equal(os.listdir(at("snapshot-00000000000000ab.tmp")), ["notes.txt"])
        left = good + strange[:-1] + ["snapshot-00000000000000ab.tmp", "snapshot-00000000000000ac.tmp"]
        equal(folders(s), sorted(left))
        true("removed 2 unfinished snapshots" in s.text() and "an unfinished snapshot can't be removed" in s.text(), s.text())
        with s.client() as c:
            equal(c("DEBUG", "DIGEST"), before)
            equal(c("SAVE"), "OK")
        for name in strange:
            equal(os.listdir(at(name)), ["0000.rdb.lz4"])


@test
def changed_while_it_is_written():
    with Server() as s:
        for seed in range(12 if LONG else 3):
            with s.client() as c:
                c("FLUSHALL")
                fill(c, seed)
                w = Writers(s)
                time.sleep(0.1)
                for _ in range(3):
                    equal(c("BGSAVE"), "Background saving started")
                    saved(c)
                    time.sleep(0.05)
                w.stop()
                time.sleep(0.05)  # what the last of them let expire has gone
                before = c("DEBUG", "DIGEST")
            s.kill()
            s.start(2 + seed % 2)
            with s.client() as c:
                equal(c("DEBUG", "DIGEST"), before, "seed %d:" % seed)


@test
def flushed_and_swapped_while_it_is_written():
    with Server() as s:
        for seed in range(6 if LONG else 2):
            with s.client() as c:
                fill(c, seed)
                c("BGSAVE")
                c(*[["FLUSHALL"], ["SWAPDB", 0, 3]][seed % 2])
                c("SET", "behind", "it")
                saved(c)
                before = c("DEBUG", "DIGEST")
            s.kill()
            s.start()
            with s.client() as c:
                equal(c("DEBUG", "DIGEST"), before)


@test
def a_cut_through_all_stripes():
    """Sums that transactions keep are kept in the files alone, each of which any RDB reader takes."""
    accounts, amount = 200, 1000
    with Server() as s:
        over = threading.Event()
        with s.client() as c:
            c.all([["SET", "account:%d" % i, amount] for i in range(accounts)])
            c.all([["SET", "fill:%d" % i, "x" * 200] for i in range(30000)])

        def move(seed):
            r = random.Random(seed)
            with s.client() as c:
                while not over.is_set():
                    n, a, b = r.randint(1, 9), *r.sample(range(accounts), 2)
                    c.all([["MULTI"], ["DECRBY", "account:%d" % a, n], ["INCRBY", "account:%d" % b, n], ["EXEC"]])
        threads = [threading.Thread(target=move, args=(i,)) for i in range(4)]
        for t in threads:
            t.start()
        try:
            with s.client() as c:
                for round in range(5):
                    c("BGSAVE")
                    saved(c)
                    sums = sum_of_files(os.path.join(s.dir, folders(s)[0]))
                    equal(sums, (accounts, accounts * amount), "round %d:" % round)
        finally:
            over.set()
            for t in threads:
                t.join()


def sum_of_files(folder):
    """How many accounts there are in a snapshot's files, and what they hold: each file imported into a database in memory."""
    with tempfile.TemporaryDirectory() as d:
        files = [os.path.join(folder, n) for n in sorted(os.listdir(folder))]
        count = total = 0
        for f in files:
            path = os.path.join(d, "s")
            p = subprocess.Popen([KORAD, "--port", "0", "--unixsocket", path, "--import", f], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            try:
                def up():
                    if p.poll() is not None:
                        raise AssertionError("korad --import: " + p.stdout.read())
                    try:
                        Client(path).__exit__()
                        return True
                    except OSError:
                        return False
                wait_for("the server serves", up)
                with Client(path) as c:
                    keys = c("KEYS", "account:*")
                    count += len(keys)
                    total += sum(int(v) for v in c.all([["GET", k] for k in keys]))
            finally:
                p.terminate()
                p.wait()
    return count, total


@test
def save_stops_nobody_else():
    with Server() as s, s.client() as c, s.client() as other:
        for i in range(40):
            c.all([["SET", "k:%d:%d" % (i, j), "v" * 500] for j in range(1000)])
        c.send(["SAVE"])
        served = 0
        while other.info("rdb_saves") == "0":
            equal(other("PING"), "PONG")
            served += 1
        true(served > 0, "it was over before anybody else could ask")
        equal(other("SAVE") in ("OK", "ERR Background save already in progress"), True)
        equal(c.value(), "OK")
        equal(c("BGSAVE", "SCHEDULE"), "Background saving started")
        true(c("BGSAVE") in ("ERR Background save already in progress", "Background saving started"), "two at once")
        saved(c)
        equal(c("BGREWRITEAOF"), "Background append only file rewriting started")
        saved(c)
        true(abs(c("LASTSAVE") - time.time()) < PATIENCE_S, "LASTSAVE")
        equal(c("BGSAVE", "NOW"), "ERR syntax error")


@test
def the_log_is_cut_short():
    with Server() as s, s.client() as c:
        for i in range(60):
            c.all([["SET", "k:%d" % j, "v" * 1500] for j in range(1000)])
        before = int(c.info("aof_current_size"))
        c("SAVE")
        true(int(c.info("aof_current_size")) < before / 10, "the log is as long as before")
        before = c("DEBUG", "DIGEST")
        s.kill()
        s.start()
        with s.client() as c:
            equal(c("DEBUG", "DIGEST"), before)


@test
def a_failure_leaves_what_was_there():
    with Server() as s:
        with s.client() as c:
            fill(c, n=200)
            equal(c("SAVE"), "OK")
            first = folders(s)
            # Something is in the way that can't be removed: a folder that is not empty, where the next one's files would be.
            number = int(first[0].split("-")[1], 16) + 1
            wall = os.path.join(s.dir, "snapshot-%016x.tmp" % number, "0000.rdb.lz4", "wall")
            os.makedirs(wall)
            c("SET", "later", "1")
            reply = c("SAVE")
            true(isinstance(reply, Error) and reply.startswith("ERR the snapshot failed: "), reply)
            equal(c.info("rdb_last_bgsave_status"), "err")
            true(first[0] in folders(s), "the first is still there")
            before = c("DEBUG", "DIGEST")
        s.kill()
        s.start()
        with s.client() as c:
            equal(c("DEBUG", "DIGEST"), before)
            shutil.rmtree(os.path.dirname(os.path.dirname(wall)), ignore_errors=True)
            equal(c("SAVE"), "OK")
            equal(c.info("rdb_last_bgsave_status"), "ok")


@test
def damage_is_named():
    with Server() as s:
        with s.client() as c:
            fill(c, n=300)
            c("SAVE")
        s.stop()
        folder = os.path.join(s.dir, folders(s)[0])
        name = sorted(os.listdir(folder))[0]
        path = os.path.join(folder, name)
        with open(path, "rb") as f:
            good = f.read()

        def refused(what):
            p = subprocess.run([KORAD, "--port", "0", "--unixsocket", s.path, "--dir", s.dir], capture_output=True, text=True, timeout=PATIENCE_S)
            true(p.returncode != 0 and name in p.stdout + p.stderr or what == "gone" and "snapshot-" in p.stdout + p.stderr, "%s: %s%s" % (what, p.stdout, p.stderr))
        r = random.Random(5)
        for _ in range(40 if LONG else 6):
            at = r.randrange(len(good))
            with open(path, "wb") as f:
                f.write(good[:at] + bytes([good[at] ^ 1 << r.randrange(8)]) + good[at + 1:])
            refused("a bit at %d" % at)
            with open(path, "wb") as f:
                f.write(good[:at])
            refused("cut at %d" % at)
        os.remove(path)
        refused("gone")
        with open(path, "wb") as f:
            f.write(good)
        s.start()


@test
def closed_in_the_middle():
    with Server() as s:
        with s.client() as c:
            for i in range(30):
                c.all([["SET", "k:%d:%d" % (i, j), "v" * 500] for j in range(1000)])
            before = c("DEBUG", "DIGEST")
            for how in (signal.SIGTERM, signal.SIGKILL, signal.SIGTERM):
                with s.client() as other:
                    other("BGSAVE")
                s.stop(how)
                s.start()
                with s.client() as other:
                    equal(other("DEBUG", "DIGEST"), before)
            with s.client() as other:
                equal(other("SAVE"), "OK")
                equal([n for n in folders(s) if n.endswith(".tmp")], [])


def main():
    global KORAD
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--korad", default=os.path.join(ROOT, "build/korad"))
    p.add_argument("words", nargs="*")
    args = p.parse_args()
    KORAD = os.path.abspath(args.korad)
    failed = passed = 0
    for t in TESTS:
        if args.words and not any(w in t.__name__ for w in args.words):
            continue
        start = time.monotonic()
        try:
            t()
            passed += 1
            print("ok   %s, %.1f s" % (t.__name__, time.monotonic() - start), flush=True)
        except Exception:
            failed += 1
            print("FAIL %s\n%s" % (t.__name__, traceback.format_exc()), flush=True)
    print("%d passed, %d failed" % (passed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
