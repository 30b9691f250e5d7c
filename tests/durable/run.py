#!/usr/bin/python3
"""What a korad with --dir has acknowledged is there when it is started again, however it ended.

    run.py [--korad build/korad] [WORD ...]      (WORDs: only tests with one in their name)

KORA_TEST_LONG=1: many more cycles; KORA_CYCLES=n: as many. KORA_SEED: another run. The last line is `N passed, N failed`.
"""
import argparse, os, re, resource, subprocess, sys, tempfile, time, traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.dont_write_bytecode = True
import commands
from killed import Cycles
from server import Error, Server

LONG = os.environ.get("KORA_TEST_LONG", "") not in ("", "0")
SLOW = any(v in os.environ.get("KORA_BUILD", "") for v in ("asan", "ubsan", "tsan", "valgrind"))
SEED = int(os.environ.get("KORA_SEED", "1"))
TESTS = []


def test(f):
    TESTS.append(f)
    return f


def equal(got, wanted, what=""):
    if got != wanted:
        raise AssertionError("%s got %.600r, wanted %.600r" % (what, got, wanted))


# ---- every command that writes -----------------------------------------------------------------------------------------------------

def writing_commands(c):
    names = []

    def add(rows):
        for row in rows:
            if "write" in row[2]:
                names.append(row[0].lower())
            add(row[9] if len(row) > 9 else [])
    add(c("COMMAND"))
    return sorted(set(names))


def arguments(c, line, tag):
    names = {n: "%s-%s" % (tag, n) for n in "abcdx"}
    args = re.sub(r"<dump (\S+)>", r"<dump:\1>", line.format(**names)).split(" ")
    return [c("DUMP", a[6:-1]) if a.startswith("<dump:") else a for a in args]


def run_script(c, script, tag):
    """The digests before its last line, and after it."""
    c("SELECT", 0)
    lines = script.split(";")
    queued = None
    for i, line in enumerate(lines):
        if i == len(lines) - 1:
            before = queued or c("DEBUG", "DIGEST")
        elif line == "MULTI":
            queued = c("DEBUG", "DIGEST")
        reply = c(*arguments(c, line, tag))
        for r in reply if line == "EXEC" else [reply]:
            if isinstance(r, Error):
                raise AssertionError("%s: %s" % (line, r))
    return before, c("DEBUG", "DIGEST")


def digests_by_key(c):
    """To tell which key is not as it was."""
    all_ = {}
    for db in range(16):
        c("SELECT", db)
        keys = c("KEYS", "*")
        if keys:
            for k, d in zip(keys, c("DEBUG", "DIGEST-VALUE", *keys)):
                all_[db, k] = (d, c("TYPE", k), c("PEXPIRETIME", k))
    return all_


def same_after(s, shards, clean):
    with s.client() as c:
        before, digest = digests_by_key(c), c("DEBUG", "DIGEST")
    if clean:
        s.stop()
    else:
        s.kill()
    s.start("--shards", shards)
    with s.client() as c:
        after, there = digests_by_key(c), c("DEBUG", "DIGEST")
    differ = {k: (before.get(k), after.get(k)) for k in set(before) | set(after) if before.get(k) != after.get(k)}
    equal(differ, {}, "%d shards, %s:" % (shards, "closed" if clean else "killed"))
    equal(there, digest, "DEBUG DIGEST")


@test
def every_command():
    """Each command that writes, by COMMAND, has a script; what it did is there again, with other numbers of shards, too."""
    with Server(KORAD) as s:
        s.start("--shards", 1)
        with s.client() as c:
            names = writing_commands(c)
        equal(len(names) > 100, True, "commands that write: %d" % len(names))
        equal([n for n in names if n not in commands.SCRIPTS and n not in commands.WITHOUT], [], "commands without a script:")
        equal(sorted(set(commands.SCRIPTS) - set(names) - {"exec", "pfcount"}), [], "scripts of what is no command that writes:")
        shards = [1, 2, 8, 3]
        at = 0
        for name, scripts in sorted(commands.SCRIPTS.items()):
            with s.client() as c:
                for i, script in enumerate(scripts):
                    before, after = run_script(c, script, "%s%d" % (name, i))
                    if before == after:
                        raise AssertionError("%s: changes nothing" % script)
            at += 1
            if LONG or at % 6 == 0:
                same_after(s, shards[at // (1 if LONG else 6) % 4], at % 4 == 0)
        for n in shards:
            same_after(s, n, False)
            same_after(s, n, True)


@test
def every_option():
    """What options change is there again; and what has been done for somebody who waited."""
    with Server(KORAD) as s:
        s.start("--shards", 8)
        with s.client() as c:
            for i, script in enumerate(commands.MORE):
                before, after = run_script(c, script, "more%d" % i)
                if before == after:
                    raise AssertionError("%s: changes nothing" % script)
        same_after(s, 2, False)
        with s.client() as c, s.client() as waiting:
            for i, (wait, serve) in enumerate(line.split("|") for line in commands.SERVED):
                tag = "served%d" % i
                c("SELECT", 0)
                wait = arguments(c, wait, tag)
                if wait[0] == "XREADGROUP":
                    c("XGROUP", "CREATE", tag + "-a", "g", 0, "MKSTREAM")
                blocked = "blocked_clients:1\r\n"
                waiting.send([wait])
                while blocked not in c("INFO", "clients"):
                    pass
                run_script(c, serve, tag)
                reply = waiting.value()
                if isinstance(reply, Error) or not reply:
                    raise AssertionError("%s: %s" % (wait, reply))
        for n in (3, 1):
            same_after(s, n, False)
            same_after(s, n, True)


@test
def how_often_and_how_long_ago():
    """What evictions go by, as the policy has it that korad was started with: out of the log, out of a snapshot."""
    for policy, what, kept in (("allkeys-lfu", "FREQ", range(150, 178)), ("allkeys-lru", "IDLETIME", range(177, 10000))):
        with Server(KORAD) as s:
            s.start("--shards", 8, "--maxmemory-policy", policy)
            with s.client() as c:
                c("SET", "new", 1)
                equal(c("RESTORE", "old", 0, c("DUMP", "new"), what, 177), "OK")
            for end in (s.kill, s.stop, s.kill):
                end()
                s.start("--shards", 2, "--maxmemory-policy", policy)
                with s.client() as c:
                    equal(c("OBJECT", what, "old") in kept, True, "%s of an old key:" % what)
                    equal(c("OBJECT", what, "new") in (range(1, 9) if what == "FREQ" else range(100)), True, "%s of a new key:" % what)
                    equal(c("SAVE"), "OK")
            s.stop()
            argv = [KORAD, "--port", "0", "--dir", s.dir, "--maxmemory-policy", "some"]
            wrong = subprocess.run(argv, capture_output=True, text=True, timeout=60)
            equal((wrong.returncode, "maxmemory-policy: " in wrong.stdout + wrong.stderr), (2, True), wrong.stdout + wrong.stderr)


@test
def stripes_grow():
    """Commands about a whole database, and then more and more stripes, each of which has a part of what an earlier one had."""
    with Server(KORAD) as s:
        s.start("--shards", 1)
        for round_ in range(3):
            with s.client() as c:
                for db in (0, 1, 2):
                    c("SELECT", db)
                    for i in range(300):
                        c("SET", "k%d-%d" % (round_, i), "%d %d" % (db, i))
                c("FLUSHDB")
                c("SET", "after", round_)
                c("SWAPDB", 0, 1)
                c("SELECT", 1)
                c("DEL", *["k%d-%d" % (round_, i) for i in range(0, 300, 2)])
                c("MULTI")
                c("SET", "in", 1)
                c("SWAPDB", 1, 3)
                c("SET", "in", 2)
                c("EXEC")
            same_after(s, (8, 16, 32)[round_], round_ == 1)
        with s.client() as c:
            equal(c("CONFIG", "GET", "stripes"), ["stripes", "512"])
            equal(sum(c("SELECT", db) == "OK" and c("DBSIZE") for db in range(16)) > 300, True)


@test
def collections():
    """Large ones, of every form."""
    with Server(KORAD) as s:
        s.start("--shards", 2)
        with s.client() as c:
            for i in range(0, 3000, 100):
                part = range(i, i + 100)
                c("RPUSH", "list", *["element-%d" % n for n in part])
                c("SADD", "ints", *part)
                c("SADD", "set", *["member-%d" % n for n in part])
                c("ZADD", "zset", *[a for n in part for a in (n * 0.5, "m%d" % n)])
                c("HSET", "hash", *[a for n in part for a in ("f%d" % n, "value %d" % n)])
                for n in part:
                    c("XADD", "stream", "%d-1" % (n + 1), "f", n)
            c("SET", "big", "x" * 3000000)
            c("APPEND", "big", "y" * 3000000)
            c("XGROUP", "CREATE", "stream", "g", 0)
            c("XREADGROUP", "GROUP", "g", "c", "COUNT", 2000, "STREAMS", "stream", ">")
            c("HPEXPIREAT", "hash", 4102444800000, "FIELDS", 3, "f1", "f2", "f3")
            c("COPY", "hash", "hash2")
            c("RENAME", "zset", "zset2")
        for n in (3, 1, 8):
            same_after(s, n, n == 1)


# ---- killed at random ----------------------------------------------------------------------------------------------------------------

def cycles(n):
    """Of the 1,000 of the long form this is the part for n of 25."""
    return int(os.environ.get("KORA_CYCLES", 0)) or (n * 40 if LONG else max(3, n // 3) if SLOW else n)


def killed_at_random(policy, n, seed):
    with Cycles(KORAD, policy, seed) as c:
        equal(c.run(n) > n * 10, True, "acknowledged")
        with c.server.client() as client:
            equal(client("INFO", "persistence").count("\r\nloading:0\r\n"), 1)


@test
def killed_everysec():
    killed_at_random("everysec", cycles(12), SEED)


@test
def killed_always():
    killed_at_random("always", cycles(10), SEED + 1)


@test
def killed_no():
    killed_at_random("no", cycles(3), SEED + 2)


@test
def killed_while_loading():
    """Killed again and again before it is ready: in the end all is there."""
    with Cycles(KORAD, "everysec", SEED + 3) as c:
        for _ in range(2):
            c.write_for(0.3)
            for _ in range(cycles(10) // 2):
                c.server.spawn("--shards", c.r.choice((1, 2, 8)))
                time.sleep(c.r.uniform(0, 0.05))
                c.server.kill()
            c.server.start()
            c.check()


# ---- the directory ---------------------------------------------------------------------------------------------------------------------

@test
def one_process_at_a_time():
    with Server(KORAD) as s:
        s.start()
        second = subprocess.run([KORAD, "--port", "0", "--unixsocket", s.path + "2", "--dir", s.dir], capture_output=True, text=True, timeout=60)
        equal(second.returncode, 1)
        equal(str(s.p.pid) in second.stderr, True, second.stderr)
        with s.client() as c:
            equal(c("SET", "a", 1), "OK")


@test
def end_that_cannot_be_written():
    """The log can't become longer: that is said, in the log and by the exit status; what was acknowledged was staged, and is there again."""
    for end in ("SIGTERM", "SHUTDOWN"):
        with Server(KORAD) as s:
            s.start("--appendfsync", "everysec")
            with s.client() as c:
                equal(c("SET", "large", "x" * (2 << 20)), "OK")
                resource.prlimit(s.p.pid, resource.RLIMIT_FSIZE, (1 << 20, resource.RLIM_INFINITY))
                equal(c("SET", "last", end), "OK")
                if end == "SHUTDOWN":
                    c.send([[end]])
                else:
                    s.p.terminate()
                equal(s.p.wait(60), 1, "korad ended with")
            text = s.text()
            equal("the end of the log could not be written: log/" in text and "File too large" in text, True, text)
            equal("korad: the end of the database: the log cannot be written" in text, True, text)
            s.start()
            with s.client() as c:
                equal((c("GET", "last"), c("STRLEN", "large")), (end, 2 << 20))
            s.stop()


@test
def staging_elsewhere():
    """What a killed server has left is not where a later one is told to look: that is said, and nothing is lost."""
    with Server(KORAD) as s, tempfile.TemporaryDirectory() as place:
        s.start("--staging-dir", place)
        with s.client() as c:
            for i in range(100):
                equal(c("SET", "k%d" % i, i), "OK")
        s.kill()
        for wrong in ([], ["--staging-dir", s.dir + "/other"]):
            r = subprocess.run([KORAD, "--port", "0", "--unixsocket", s.path, "--dir", s.dir] + wrong, capture_output=True, text=True, timeout=60)
            equal((r.returncode, place + "/staging: the newest writes are there" in r.stderr), (1, True), r.stderr)
        os.rename(place, place + ".away")
        os.symlink(place, place) # where it was can't be read
        r = subprocess.run([KORAD, "--port", "0", "--unixsocket", s.path, "--dir", s.dir], capture_output=True, text=True, timeout=60)
        os.remove(place)
        os.rename(place + ".away", place)
        equal((r.returncode, place + "/staging: " in r.stderr, "remove %s/STAGING" % s.dir in r.stderr), (1, True, True), r.stderr)
        s.start("--staging-dir", place + "/")
        with s.client() as c:
            equal(c("DBSIZE"), 100)
        s.stop()
        s.start() # it was closed: so it may move
        with s.client() as c:
            equal(c("DBSIZE"), 100)
            c("SET", "more", 1)
        s.kill()
        r = subprocess.run([KORAD, "--port", "0", "--unixsocket", s.path, "--dir", s.dir, "--staging-dir", place], capture_output=True, text=True, timeout=60)
        equal((r.returncode, s.dir + "/staging: the newest writes are there" in r.stderr), (1, True), r.stderr)
        s.start()
        with s.client() as c:
            equal(c("DBSIZE"), 101)


@test
def checked_offline():
    with Server(KORAD) as s:
        s.start("--shards", 2)
        with s.client() as c:
            for i in range(300):
                c("SET", "s%d" % i, i)
                c("RPUSH", "l%d" % (i % 10), i)
                c("ZADD", "z", i, i)
            c("SET", "s1", 1, "EX", 50000)
            c("XADD", "x", "*", "f", "v")
            c("SELECT", 3)
            c("MSET", "gone1", 1, "gone2", 2)
            c("FLUSHDB")
        busy = subprocess.run([KORAD, "--check", s.dir], capture_output=True, text=True, timeout=60)
        equal((busy.returncode, "process %d" % s.p.pid in busy.stderr), (1, True), busy.stderr)
        for end in (s.kill, s.stop):
            end()
            r = subprocess.run([KORAD, "--check", s.dir], capture_output=True, text=True, timeout=60)
            equal(r.returncode, 0, r.stderr)
            equal("keys     312, 1 of these expire\ntypes    300 strings, 10 lists, 0 sets, 1 sorted sets, 0 hashes, 1 streams\n" in r.stdout, True, r.stdout)
            equal("is whole; it has not been closed" in r.stdout, end == s.kill, r.stdout)
            if end == s.kill:
                s.start("--shards", 1)
        damaged = sorted(os.listdir(os.path.join(s.dir, "log")))[0]
        with open(os.path.join(s.dir, "log", damaged), "r+b") as f:
            f.seek(20)
            f.write(b"x")
        r = subprocess.run([KORAD, "--check", s.dir], capture_output=True, text=True, timeout=60)
        equal((r.returncode, damaged in r.stderr), (1, True), r.stderr)
        r = subprocess.run([KORAD, "--port", "0", "--unixsocket", s.path, "--dir", s.dir], capture_output=True, text=True, timeout=60)
        equal((r.returncode, damaged in r.stderr), (1, True), r.stderr)


@test
def checked_offline_with_a_snapshot():
    with Server(KORAD) as s:
        s.start("--shards", 2)
        with s.client() as c:
            for i in range(300):
                c("SET", "s%d" % i, i)
            c("EXPIRE", "s1", 50000)
            equal(c("SAVE"), "OK")
            for i in range(100):
                c("RPUSH", "l%d" % (i % 10), i)
                c("DEL", "s%d" % (100 + i))
        s.kill()
        r = subprocess.run([KORAD, "--check", s.dir], capture_output=True, text=True, timeout=60)
        equal(r.returncode, 0, r.stderr)
        equal("keys     210, 1 of these expire\ntypes    200 strings, 10 lists," in r.stdout, True, r.stdout)
        folder = [name for name in os.listdir(s.dir) if name.startswith("snapshot-")][0]
        file = os.path.join(s.dir, folder, "0001.rdb.lz4")
        with open(file, "r+b") as f:
            f.seek(os.path.getsize(file) // 2)
            byte = f.read(1)
            f.seek(-1, 1)
            f.write(bytes([byte[0] ^ 1]))
        r = subprocess.run([KORAD, "--check", s.dir], capture_output=True, text=True, timeout=60)
        equal((r.returncode, folder + "/0001.rdb.lz4" in r.stderr), (1, True), r.stderr)


@test
def what_it_says():
    with Server(KORAD) as s:
        s.start("--shards", 2)
        with s.client() as c:
            equal(c("CONFIG", "GET", "appendonly"), ["appendonly", "yes"])
            equal(c("CONFIG", "GET", "appendfsync"), ["appendfsync", "everysec"])
            equal(c("CONFIG", "GET", "dir"), ["dir", s.dir])
            equal(c("CONFIG", "SET", "appendfsync", "no"), "OK")
            equal(c("CONFIG", "GET", "appendfsync"), ["appendfsync", "no"])
            equal(c("CONFIG", "SET", "appendonly", "yes"), "OK")
            equal(isinstance(c("CONFIG", "SET", "appendonly", "no"), Error), True)
            equal(isinstance(c("CONFIG", "SET", "dir", "/"), Error), True)
            for i in range(100):
                c("SET", "k%d" % i, i)
            info = dict(line.split(":", 1) for line in c("INFO", "persistence").split("\r\n") if ":" in line)
            equal((info["aof_enabled"], info["loading"], info["aof_last_write_status"]), ("1", "0", "ok"))
        s.kill()
        s.start("--shards", 2)
        with s.client() as c:
            info = dict(line.split(":", 1) for line in c("INFO", "persistence").split("\r\n") if ":" in line)
            equal(int(info["kora_recovered_records"]), 100)
            equal("it had not been closed" in s.text(), True)


@test
def expired_meanwhile():
    """What expires while nobody is there is gone, and what has expired before stays so."""
    with Server(KORAD) as s:
        s.start("--shards", 2)
        with s.client() as c:
            for i in range(50):
                c("SET", "soon%d" % i, 1, "PX", 30)
                c("SET", "later%d" % i, 1, "PX", 50000000)
            c("HSET", "h", "f", 1, "g", 2)
            c("HPEXPIRE", "h", 30, "FIELDS", 1, "f")
            time.sleep(0.1)
            equal(c("EXISTS", *["soon%d" % i for i in range(50)]), 0)
            for i in range(50):
                c("SET", "soon%d" % i, 2, "PX", 60)
        s.kill()
        time.sleep(0.1)
        s.start("--shards", 3)
        with s.client() as c:
            equal(c("EXISTS", *["soon%d" % i for i in range(50)]), 0)
            equal(c("EXISTS", *["later%d" % i for i in range(50)]), 50)
            equal(c("HGETALL", "h"), ["g", "2"])


# ---- ---------------------------------------------------------------------------------------------------------------------------------------

def main():
    global KORAD
    parser = argparse.ArgumentParser()
    parser.add_argument("--korad", default="build/korad")
    parser.add_argument("words", nargs="*")
    options = parser.parse_args()
    KORAD = os.path.abspath(options.korad)
    passed = failed = 0
    for t in TESTS:
        if options.words and not any(w in t.__name__ for w in options.words):
            continue
        try:
            t()
            passed += 1
            print("ok   " + t.__name__, flush=True)
        except Exception:
            failed += 1
            print("FAIL " + t.__name__)
            traceback.print_exc(file=sys.stdout)
            sys.stdout.flush()
    print("%d passed, %d failed" % (passed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
