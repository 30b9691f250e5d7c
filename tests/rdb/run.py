#!/usr/bin/python3
"""RDB files between redis-server and korad: --import and --export.

    run.py [--korad PROGRAM] [--redis PROGRAM] [--files N] [--seed S] [WORD ...]     (WORDs: only tests with one in their name)

both_ways: redis-server, with thresholds and policies by chance, is filled with random values of all types in several databases, with expiries, idle times or
frequencies, and saves; korad imports the file, is compared key by key, and exports; redis-check-rdb reads that file, and redis-server loads it and is compared again.
Others: values as old versions wrote them; what is passed over; damaged files; what can't be written. With KORA_TEST_LONG=1 a million keys, too. The last line is
`N passed, N failed`.
"""
import argparse, glob, importlib.util, os, random, re, shutil, struct, subprocess, sys, tempfile, time, traceback

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.dont_write_bytecode = True
spec = importlib.util.spec_from_file_location("dumps", os.path.join(ROOT, "tests/dump/run.py"))
dumps = importlib.util.module_from_spec(spec)
spec.loader.exec_module(dumps)
old = dumps.old

LONG = os.environ.get("KORA_TEST_LONG", "") not in ("", "0")
PATIENCE_S = 120
DATABASES = (0, 1, 7)
KEYS = 60          # of each database
TESTS = []
options = None


def test(f):
    TESTS.append(f)
    return f


def equal(got, wanted, what=""):
    if got != wanted:
        raise AssertionError("%s: got %.600r, wanted %.600r" % (what, got, wanted))


def find(pattern, text):
    m = re.search(pattern, text, re.M)
    if not m:
        raise AssertionError("no %r in %.1500s" % (pattern, text))
    return m


class Redis:
    """A redis-server that loads a file, or begins empty, and can save."""

    def __init__(self, path=None, args=()):
        self.home = tempfile.mkdtemp(prefix="kora-rdb-")
        if path:
            shutil.copy(path, os.path.join(self.home, "dump.rdb"))
        self.server = dumps.Server(options.redis, ["--save", "", "--appendonly", "no", "--dir", self.home, "--enable-debug-command", "yes", *args])
        self.ask = self.server.ask
        while self.ask([[b"PING"]])[0][1].startswith(b"LOADING"):
            time.sleep(0.01)

    def saved(self):
        equal(self.ask([[b"SAVE"]]), [("+", b"OK")], "SAVE")
        return os.path.join(self.home, "dump.rdb")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        wrong = self.server.sockets.end()
        shutil.rmtree(self.home)
        if wrong and not _[0]:
            raise AssertionError("redis-server: %s" % wrong)


class Korad:
    def __init__(self, path, args=()):
        self.server = dumps.Server(options.korad, ["--import", path, *args])
        self.ask = self.server.ask

    def log(self):
        f = self.server.sockets.log
        f.seek(0)
        return f.read().decode()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        wrong = self.server.sockets.end()
        if wrong and not _[0]:
            raise AssertionError("korad: %s" % wrong)


def korad(*args):
    """Runs it to its end: exit code, what it wrote."""
    p = subprocess.run([options.korad, *args], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=PATIENCE_S)
    return p.returncode, p.stdout.decode(errors="replace")


class Folder:
    def __enter__(self):
        self.path = tempfile.mkdtemp(prefix="kora-rdb-")
        return self.path

    def __exit__(self, *_):
        shutil.rmtree(self.path)


# ---- what is in a server -----------------------------------------------------------------------------------------------------

def accesses(server, names, policy):
    if "l" not in policy[-3:]:
        return None
    word = b"FREQ" if "lfu" in policy else b"IDLETIME"
    used = [r[1] for r in server.ask([[b"OBJECT", word, k] for k in names])]
    return [(int(n) + 300) // 3000 if n.isdigit() else n for n in used] if word == b"IDLETIME" else used   # they go on, a little


def everything(server, keys, policy):
    """Of each database, what its keys hold, and what belongs to them. Accesses first, of all: reading changes them, in Redis even those of other keys that hold the
    same small number."""
    out, used = {}, {}
    for db in DATABASES:
        server.ask([[b"SELECT", b"%d" % db]])
        used[db] = accesses(server, sorted(keys[db]), policy)
    for db in DATABASES:
        server.ask([[b"SELECT", b"%d" % db]])
        names = sorted(keys[db])
        expiries = [r[1] for r in server.ask([[b"PEXPIRETIME", k] for k in names])]
        out[db] = (server.ask([[b"DBSIZE"]])[0][1], expiries, used[db], dumps.contents(server, names))
    return out


def compare(where, got, wanted, keys):
    for db in DATABASES:
        for what, a, b in zip(("DBSIZE", "expiries", "accesses", "contents"), got[db], wanted[db]):
            if a == b:
                continue
            if what == "DBSIZE" or a is None or b is None:
                raise AssertionError("%s, database %d, %s: %r, wanted %r" % (where, db, what, a, b))
            for k, x, y in zip(sorted(keys[db]), a, b):
                equal(x, y, "%s, database %d, %s of %r" % (where, db, what, k))


def fill(redis, r, values, policy):
    """Returns the names of what will be there."""
    keys = {}
    for db in DATABASES:
        redis.ask([[b"SELECT", b"%d" % db]])
        names = [r.choice([b"k%d" % i, b"%d" % i, b"key of some length " * 3 + b"%d" % i, r.randbytes(8)]) for i in range(KEYS)] + [b""]
        for k in dict.fromkeys(names):
            redis.ask(values.value(k))
        there = {k for k, t in zip(names, redis.ask([[b"TYPE", k] for k in names])) if t[1] != b"none"}
        for k in there:
            if r.random() < 0.3:
                redis.ask([[b"PEXPIREAT", k, b"%d" % (4000000000000 + r.randrange(1 << 33))]])
        for k in r.sample(sorted(there), 20) if "l" in policy[-3:] else []:
            payload, at = (x[1] for x in redis.ask([[b"DUMP", k], [b"PEXPIRETIME", k]]))
            how = [b"FREQ", b"%d" % r.randrange(256)] if "lfu" in policy else [b"IDLETIME", b"%d" % (3000 * r.randrange(1, 900))]
            reply = redis.ask([[b"RESTORE", k, b"%d" % max(0, int(at)), payload, b"REPLACE", b"ABSTTL"] + how])
            equal(reply, [("+", b"OK")], "RESTORE with %r" % how)
        keys[db] = there
    redis.ask([[b"SELECT", b"0"]] + [[b"SET", b"expired%d" % i, b"x", b"PX", b"1"] for i in range(5)])
    return keys


def both_ways(seed):
    r = random.Random(seed)
    policy = r.choice(["noeviction", "allkeys-lru", "allkeys-lfu", "volatile-lru"])
    yes_no = lambda: r.choice(["yes", "no"])
    mine = r.choice(list(dumps.LEVELS))
    with Folder() as folder, Redis(args=["--maxmemory-policy", policy, "--lfu-decay-time", "0", "--rdbcompression", yes_no(), "--rdbchecksum", yes_no()]) as redis:
        redis.server.configure(r.choice(list(dumps.LEVELS)))
        redis.ask([[b"DEBUG", b"SET-ACTIVE-EXPIRE", b"0"]])
        keys = fill(redis, r, dumps.Values(seed, True), policy)
        time.sleep(0.005)
        path = redis.saved()
        redis.ask([[b"SELECT", b"0"], [b"DEL"] + [b"expired%d" % i for i in range(5)]])
        wanted = everything(redis, keys, policy)
        settings = ["--maxmemory-policy", policy, "--lfu-decay-time", "0"]
        for name, value in zip(dumps.SETTINGS, dumps.LEVELS[mine]):
            settings += ["--" + name.decode(), value.decode()]
        with Korad(path, settings) as k:
            compare("imported", everything(k, keys, policy), wanted, keys)
            find(r"imported \d+ keys from .*; 5 had expired$", k.log())
        out = os.path.join(folder, "out.rdb")
        code, text = korad("--import", path, "--export", out, *settings)
        equal(code, 0, text)
        check = subprocess.run(["redis-check-rdb", out], stdout=subprocess.PIPE, timeout=PATIENCE_S)
        equal(check.returncode, 0, check.stdout[-1000:])
        find(r"RDB looks OK", check.stdout.decode())
        with Redis(out, ["--maxmemory-policy", policy, "--lfu-decay-time", "0"]) as again:
            compare("exported", everything(again, keys, policy), wanted, keys)
        equal(os.listdir(folder), ["out.rdb"], "what export leaves")


@test
def values_both_ways():
    for i in range(options.files):
        try:
            both_ways(options.seed + i)
        except Exception:
            print("--seed %d --files 1" % (options.seed + i))
            raise


# ---- files by hand -----------------------------------------------------------------------------------------------------------

def rdb(body, version=10, checksum=True):
    data = b"REDIS%04d" % version + body + b"\xff"
    crc = 0
    for b in data if checksum else b"":
        crc = old.TABLE[(crc ^ b) & 255] ^ crc >> 8
    return data + struct.pack("<Q", crc)


def write(folder, data, name="in.rdb"):
    path = os.path.join(folder, name)
    with open(path, "wb") as f:
        f.write(data)
    return path


@test
def values_of_old_versions():
    values = dumps.Values(options.seed, False)
    for i in range(4 * options.files):
        r, body, wanted = random.Random(options.seed + i), b"", []
        for n in range(60):
            kind, payload, how, what = old.value(r, values.elements()[:r.choice([1, 5, 40, 400])])
            name = b"%d" % n if n % 2 else b"key%d" % n
            body += bytes([kind]) + old.string(name) + payload
            wanted.append((name, how, kind, what))
        version = r.choice([6, 7, 8, 9, 10, 11, 12])
        with Folder() as folder, Korad(write(folder, rdb(body, version, r.random() < 0.5))) as k:
            for name, how, kind, what in wanted:
                equal(dumps.held(k.server, name, how, kind >= 24), what, "--seed %d: type %d" % (options.seed + i, kind))


@test
def empty_collections_are_passed_over():
    empty = [bytes([kind]) + b"\1e\0" for kind in (1, 2, 3, 4, 5, 14, 18)]
    empty += [bytes([kind]) + b"\1e" + old.string(old.listpack([])) for kind in (16, 17, 20)] + [bytes([kind]) + b"\1e" + old.string(old.ziplist([])) for kind in (10, 12, 13)]
    with Folder() as folder, Korad(write(folder, rdb(b"".join(empty) + b"\0\1k\1v", 11))) as k:
        find(r"passed over %d empty collections" % len(empty), k.log())
        equal(k.ask([[b"KEYS", b"*"], [b"GET", b"k"]]), [("*", [("$", b"k")]), ("$", b"v")])


@test
def functions_and_modules_are_counted():
    parts = b"\1\5\2\x81\0\0\0\1\0\0\0\0\3abcd\4abcdefgh\5\3xyz\0"
    module = b"\x81\x10\x20\x30\x40\x50\x60\x70\x81"
    with Folder() as folder, Redis() as redis:
        redis.ask([[b"FUNCTION", b"LOAD", b"#!lua name=lib\nredis.register_function('f', function() return 1 end)"], [b"SET", b"k", b"v"]])
        with Korad(redis.saved()) as k:
            find(r"1 libraries of functions, 0 keys and 0 other data of modules", k.log())
            equal(k.ask([[b"GET", b"k"]]), [("$", b"v")])
        body = b"\xf7" + module + b"\2\1" + parts + b"\xfc" + struct.pack("<q", 4 << 40) + b"\7\1m" + module + parts + b"\0\1k\1v\7\1n" + module + parts
        with Korad(write(folder, rdb(body))) as k:
            find(r"0 libraries of functions, 2 keys and 1 other data of modules", k.log())
            equal(k.ask([[b"DBSIZE"], [b"GET", b"k"], [b"TTL", b"k"]]), [(":", b"1"), ("$", b"v"), (":", b"-1")])


@test
def import_merges():
    with Folder() as folder:
        first = write(folder, rdb(b"\0\1a\1x\0\1b\1x"), "first.rdb")
        with Korad(first) as k:
            k.ask([[b"SET", b"a", b"old"]])
            equal(k.ask([[b"GET", b"a"], [b"GET", b"b"]]), [("$", b"old"), ("$", b"x")])


@test
def damage_is_refused():
    with Folder() as folder, Redis() as redis:
        redis.ask([[b"SET", b"a", b"some text"], [b"RPUSH", b"l", b"1", b"b"], [b"HSET", b"h", b"f", b"v"], [b"ZADD", b"z", b"1", b"m"],
                   [b"XADD", b"x", b"1-1", b"f", b"v"], [b"SADD", b"s", b"1", b"2"]])
        with open(redis.saved(), "rb") as f:
            data = f.read()
    r = random.Random(options.seed)
    with Folder() as folder:
        for n in [0, 4, 9, len(data) - 9, len(data) - 1] + r.sample(range(9, len(data)), 10):
            code, text = korad("--import", write(folder, data[:n]), "--port", "0")
            equal((code, bool(re.search(r"^korad: cannot import .*in.rdb: offset \d+: .", text, re.M))), (1, True), "cut at %d: %s" % (n, text))
        for bit in r.sample(range(8 * len(data)), 40):
            bad = bytearray(data)
            bad[bit // 8] ^= 1 << bit % 8
            code, text = korad("--import", write(folder, bytes(bad)), "--port", "0")
            equal((code, bool(re.search(r"^korad: cannot import .*in.rdb: offset \d+: .", text, re.M))), (1, True), "bit %d: %s" % (bit, text))
        code, text = korad("--import", write(folder, rdb(b"\x02\1s\2\1a\1a")), "--port", "0")
        find(r'offset 9: key "s": its value is malformed', text)
        code, text = korad("--import", write(folder, rdb(b"\xfe\x10\0\1k\1v")), "--port", "0")
        find(r'offset 11: key "k": it is in a numbered database that is not here', text)
        for path, why in ((folder, "Is a directory"), (os.path.join(folder, "none"), "No such file or directory")):
            code, text = korad("--import", path, "--port", "0")
            equal(code, 1, text)
            find(why, text)


@test
def export_keeps_what_it_cannot_replace():
    with Folder() as folder:
        source = write(folder, rdb(b"\0\1a\1x"))
        target = os.path.join(folder, "a folder")
        os.mkdir(target)
        code, text = korad("--import", source, "--export", target)
        equal(code, 1, text)
        find(r"cannot export to .*a folder: it is there, and no regular file", text)
        code, text = korad("--import", source, "--export", os.path.join(folder, "none", "x"))
        equal(code, 1, text)
        find(r"No such file or directory", text)
        old_file = write(folder, b"old", "out.rdb")
        code, text = korad("--import", source, "--export", old_file)
        equal(code, 0, text)
        with open(old_file, "rb") as f:
            find("^REDIS0010", f.read().decode("latin-1"))
        equal(sorted(os.listdir(folder)), ["a folder", "in.rdb", "out.rdb"])


@test
def lz4_frames():
    with Folder() as folder, Redis() as redis:
        redis.ask([[b"SET", b"k%d" % i, b"value %d " % i * 20] for i in range(3000)] + [[b"SET", b"big", b"0123456789" * 200000]])
        names = scan_all(redis)
        path, out, back = redis.saved(), os.path.join(folder, "out.rdb.lz4"), os.path.join(folder, "back.rdb")
        code, text = korad("--import", path, "--export", out)
        equal(code, 0, text)
        subprocess.run(["lz4", "-q", "-d", out, back], check=True, timeout=PATIENCE_S)
        with Redis(back) as again:
            equal(scan_all(again), names)
            same_contents(again.server, redis.server, names)
        subprocess.run(["lz4", "-q", "-9", path, os.path.join(folder, "theirs.lz4")], check=True, timeout=PATIENCE_S)
        for source in (out, os.path.join(folder, "theirs.lz4")):
            with Korad(source) as k:
                equal(scan_all(k), names)
                same_contents(k.server, redis.server, names)
        with open(out, "rb") as f:
            data = bytearray(f.read())
        data[len(data) // 2] ^= 4
        code, text = korad("--import", write(folder, bytes(data)), "--port", "0")
        equal(code, 1, text)
        find(r"offset \d+ of the compressed file: .", text)


@test
def fields_that_expire():
    body = b"\x18\1h" + struct.pack("<q", 4000000000000) + b"\2\1\1a\1b\0\1c\1d"
    with Folder() as folder:
        source, out = write(folder, rdb(body, 12)), os.path.join(folder, "out.rdb")
        code, text = korad("--import", source, "--export", out)
        equal(code, 0, text)
        find(r"1 hashes have fields that expire: only Redis 7.4 and later load", text)
        with Korad(out) as k:
            equal(k.ask([[b"HPEXPIRETIME", b"h", b"FIELDS", b"2", b"a", b"c"]]), [("*", [(":", b"4000000000000"), (":", b"-1")])])


# ---- a million keys ------------------------------------------------------------------------------------------------------------

def scan_all(server):
    names, cursor = [], b"0"
    while True:
        reply = server.ask([[b"SCAN", cursor, b"COUNT", b"5000"]])[0][1]
        cursor = reply[0][1]
        names += [k[1] for k in reply[1][1]]
        if cursor == b"0":
            return sorted(set(names))


def same_contents(a, b, names):
    for i in range(0, len(names), 5000):
        some = names[i:i + 5000]
        equal(dumps.contents(a, some), dumps.contents(b, some), "keys from %r on" % some[0])


def many():
    with Folder() as folder, Redis() as redis:
        redis.ask([[b"DEBUG", b"POPULATE", b"950000", b"k", b"40"]])
        values, r = dumps.Values(options.seed, True), random.Random(options.seed)
        for i in range(50000):
            redis.ask([[r.choice([b"SADD", b"RPUSH", b"PFADD"]), b"other%d" % i] + values.elements()[:20]])
        names = scan_all(redis)
        equal(len(names), 1000000)
        path, out = redis.saved(), os.path.join(folder, "out.rdb")
        with Korad(path) as k:
            equal(scan_all(k), names)
            same_contents(k.server, redis.server, names)
        code, text = korad("--import", path, "--export", out)
        equal(code, 0, text)
        with Redis(out) as again:
            equal(scan_all(again), names)
            same_contents(again.server, redis.server, names)


def main():
    global options
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--korad", default=os.path.join(ROOT, "build/korad"))
    p.add_argument("--redis", default="redis-server")
    p.add_argument("--files", type=int, default=60 if LONG else 4)
    p.add_argument("--seed", type=int, default=int(time.time()) % 1_000_000 * 1000)
    p.add_argument("words", nargs="*")
    options = p.parse_args()
    options.korad = os.path.abspath(options.korad)
    if not shutil.which(options.redis):
        print("%s is not installed\n0 passed, 1 failed" % options.redis)
        sys.exit(1)
    if LONG:
        test(many)
    passed = failed = 0
    for f in TESTS:
        if options.words and not any(w in f.__name__ for w in options.words):
            continue
        try:
            f()
            passed += 1
        except (Exception, SystemExit):
            failed += 1
            print("FAILED %s, --seed %d\n%s" % (f.__name__, options.seed, traceback.format_exc()))
    print("%d passed, %d failed" % (passed, failed))
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
