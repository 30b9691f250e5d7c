#!/usr/bin/python3
"""Random values through DUMP and RESTORE, from redis-server to korad and back, and the other way round.

    run.py [--korad PROGRAM] [--redis PROGRAM] [--values N] [--seed S]

Values come in batches, each with thresholds of its own on either server: low ones, high ones, the defaults. A batch is made on one server, dumped there,
restored on the other one, compared (contents, expiry), dumped again, restored and compared where it came from; OBJECT ENCODING of what was restored is
the same where both have the same thresholds. Values are of every type that both servers have, of all sizes; elements are integers, texts that look like some, binary, long,
and such that LZF compresses. The last line is `N passed, N failed`: batches.
"""
import argparse, os, random, shutil, sys, time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(ROOT, "tests/transcripts"))
sys.dont_write_bytecode = True
from run import Closed, Sockets
sys.path.insert(0, HERE)
import old

BATCH = 100
CHUNK_BYTES = 1 << 18
SETTINGS = [b"hash-max-listpack-entries", b"hash-max-listpack-value", b"set-max-intset-entries", b"zset-max-listpack-entries",
            b"zset-max-listpack-value", b"list-max-listpack-size", b"stream-node-max-bytes", b"stream-node-max-entries"]
LEVELS = {"low": [b"3", b"8", b"4", b"3", b"8", b"2", b"64", b"3"],
          "defaults": [b"128", b"64", b"512", b"128", b"64", b"-2", b"4096", b"100"],
          "high": [b"2000", b"3000", b"2000", b"2000", b"3000", b"-5", b"60000", b"2000"]}
NUMBERS = [b"0", b"1", b"-1", b"12", b"13", b"127", b"128", b"-128", b"-129", b"4095", b"4096", b"-4097", b"32767", b"32768", b"-32769", b"8388607",
           b"8388608", b"-8388609", b"2147483647", b"2147483648", b"-2147483649", b"9223372036854775807", b"-9223372036854775808"]
NEARLY = [b"007", b"-0", b"+5", b" 1", b"1 ", b"9223372036854775808", b"-9223372036854775809", b"1.5", b"", b"1e3", b"0x10", b"--1", b"18446744073709551615"]
SCORES = [b"0", b"-0", b"1", b"-1", b"1.5", b"0.1", b"1e300", b"-1e-300", b"inf", b"-inf", b"3.0000000000000004", b"4611686018427387903",
          b"4611686018427387904", b"9007199254740993", b"1e17", b"123456789.123456789", b"-4611686018427387905", b"5e-324"]


class Values:
    """Makes values, each as the commands that make it."""

    def __init__(self, seed, streams):
        self.r = random.Random(seed)
        self.makers = [self.string, self.list, self.set, self.hash, self.zset] + ([self.stream] if streams else [])

    def element(self):
        r = self.r
        x = r.random()
        if x < 0.3:
            return r.choice(NUMBERS) if x < 0.1 else b"%d" % r.randrange(-10 ** r.randrange(1, 19), 10 ** r.randrange(1, 19))
        if x < 0.4:
            return r.choice(NEARLY)
        if x < 0.7:
            return bytes(r.choices(b"abcdefgh 0123", k=r.randrange(1, 24)))
        if x < 0.8:
            return r.randbytes(r.randrange(1, 80))
        if x < 0.95:
            return bytes(r.choices(b"abc", k=3)) * r.randrange(1, 40)
        if x < 0.995:
            return r.randbytes(r.choice([63, 64, 65, 127, 128, 253, 254, 255, 256, 4095, 4096, 5000]))
        return bytes(r.choices(b"xy", k=9)) * r.randrange(1, 6000)

    def count(self):
        r = self.r
        x = r.random()
        return r.randrange(1, 8) if x < 0.5 else r.choice([2, 3, 4, 5, 127, 128, 129]) if x < 0.6 else r.randrange(1, 60) if x < 0.95 else r.randrange(60, 900)

    def elements(self):
        r, n = self.r, self.count()
        if r.random() < 0.25:   # integers of one size
            top = 10 ** r.randrange(1, 19)
            return [b"%d" % r.randrange(-top, top) for _ in range(n)]
        if n > 60 or r.random() < 0.4:
            return [bytes(r.choices(b"abcdefghijklmnop", k=r.randrange(1, 9))) for _ in range(n)]
        return [self.element() for _ in range(n)]

    def score(self):
        r = self.r
        x = r.random()
        return r.choice(SCORES) if x < 0.3 else b"%d" % r.randrange(-1000, 1000) if x < 0.7 else b"%.17g" % r.uniform(-1e6, 1e6)

    def string(self, key):
        return [[b"SET", key, self.element()]]

    def list(self, key):
        v = self.elements()
        commands = [[self.r.choice([b"RPUSH", b"LPUSH"]), key] + v[i:i + 50] for i in range(0, len(v), 50)]
        if self.r.random() < 0.3:
            commands += [[b"LINSERT", key, b"BEFORE", self.r.choice(v), self.element()], [b"LREM", key, b"1", self.r.choice(v)], [b"RPUSH", key, b"x"]]
        return commands

    def set(self, key):
        return [[b"SADD", key] + self.elements()]

    def hash(self, key):
        return [[b"HSET", key] + [w for e in self.elements() for w in (e, self.element() if self.r.random() < 0.5 else b"v")]]

    def zset(self, key):
        return [[b"ZADD", key] + [w for e in self.elements() for w in (self.score(), e)]]

    def stream(self, key):
        r, commands, ids, n = self.r, [], [], 0
        for _ in range(min(self.count(), 150)):
            n += r.choice([0, 1, 1, 5, 1000, 1 << 33]) if ids else r.randrange(1, 1 << 40)
            ids.append(b"%d-%d" % (n, len(ids) + 1 if r.random() < 0.8 else len(ids) * 1000 + 1))
            fields = [b"a", b"b"] if r.random() < 0.7 else self.elements()[:4]
            ids[-1] = b"%d-%d" % (n, len(ids) * 1000)
            commands.append([b"XADD", key, ids[-1]] + [w for f in fields for w in (f, self.element())])
        for i in ids:
            if r.random() < 0.1:
                commands.append([b"XDEL", key, i])
        if r.random() < 0.2:
            commands.append([b"XTRIM", key, b"MAXLEN", b"%d" % r.randrange(0, len(ids) + 1)])
        for g in range(r.choice([0, 0, 1, 3])):
            group = b"group%d" % g
            commands.append([b"XGROUP", b"CREATE", key, group, r.choice([b"0", b"$", r.choice(ids)])])
            for _ in range(r.randrange(0, 4)):
                consumer = b"c%d" % r.randrange(3)
                commands.append([b"XREADGROUP", b"GROUP", group, consumer, b"COUNT", b"%d" % r.randrange(1, 20), b"STREAMS", key, b">"])
                if r.random() < 0.5:
                    commands.append([b"XACK", key, group, r.choice(ids)])
            if r.random() < 0.3:
                commands.append([b"XGROUP", b"CREATECONSUMER", key, group, b"idle"])
        if r.random() < 0.2:
            commands.append([b"XSETID", key, b"99999999999999-7"] + ([b"ENTRIESADDED", b"5000", b"MAXDELETEDID", ids[0]] if r.random() < 0.5 else []))
        return commands

    def value(self, key):
        return self.r.choice(self.makers)(key)


class Server:
    def __init__(self, program, args):
        self.sockets = Sockets(program, args, 2)
        self.level = None

    def ask(self, commands):
        """Replies of commands, pipelined."""
        out, data, sent = [], b"", 0
        reader = self.sockets.reader("a")
        for i, argv in enumerate(commands):
            data += b"*%d\r\n" % len(argv) + b"".join(b"$%d\r\n%s\r\n" % (len(a), a) for a in argv)
            if len(data) >= CHUNK_BYTES or i + 1 == len(commands) or i - sent >= 50:
                self.sockets.send_bytes("a", data)
                out += [reader.reply() for _ in range(i + 1 - sent)]
                data, sent = b"", i + 1
        return out

    def configure(self, level):
        self.level = level
        self.ask([[b"FLUSHALL"]] + [[b"CONFIG", b"SET", name, value] for name, value in zip(SETTINGS, LEVELS[level])])


READ = {b"string": lambda k: [[b"GET", k]],
        b"list": lambda k: [[b"LRANGE", k, b"0", b"-1"]],
        b"set": lambda k: [[b"SMEMBERS", k]],
        b"hash": lambda k: [[b"HGETALL", k]],
        b"zset": lambda k: [[b"ZRANGE", k, b"0", b"-1", b"WITHSCORES"]],
        b"stream": lambda k: [[b"XRANGE", k, b"-", b"+"], [b"XINFO", b"STREAM", k, b"FULL", b"COUNT", b"0"]]}
UNORDERED = (b"set", b"hash")
PRIVATE = (b"radix-tree-keys", b"radix-tree-nodes", b"active-time")


def scored(reply):
    """Scores as numbers: texts of the two servers may differ in how many digits they have."""
    v = reply[1]
    return [(v[i][1], float(v[i + 1][1])) for i in range(0, len(v), 2)]


def public(reply):
    """Of XINFO STREAM: what is not the server's own affair."""
    kind, v = reply
    if kind != "*":
        return reply
    named = len(v) % 2 == 0 and v and v[0] in (("$", b"length"), ("$", b"name"))
    if named:
        v = [x for i in range(0, len(v), 2) if v[i][1] not in PRIVATE for x in (v[i], v[i + 1])]
    v = [public(x) for x in v]
    if v and all(x[0] == "*" and x[1][:1] == [("$", b"name")] for x in v):
        v.sort(key=lambda x: x[1][1])
    return kind, v


def contents(server, keys):
    types = [r[1] for r in server.ask([[b"TYPE", k] for k in keys])]
    commands = [(t, c) for k, t in zip(keys, types) for c in (READ[t](k) if t in READ else [[b"TYPE", k]])]
    replies = iter(server.ask([c for _, c in commands]))
    out = []
    for t in types:
        parts = []
        for _ in range(len(READ[t](b"")) if t in READ else 1):
            r = next(replies)
            if t == b"zset" and r[0] == "*":
                r = scored(r)
            elif t == b"set" and r[0] == "*":
                r = sorted(r[1])
            elif t == b"hash" and r[0] == "*":
                r = sorted(zip(r[1][::2], r[1][1::2]))
            elif t == b"stream":
                r = public(r)
            parts.append(r)
        out.append((t, parts))
    return out


def encodings(server, keys):
    """As far as they must agree: Redis 7.0 has no small sets of strings, and all its lists are one thing."""
    same = {b"embstr": b"bytes", b"raw": b"bytes"}
    types = [r[1] for r in server.ask([[b"TYPE", k] for k in keys])]
    out = []
    for t, r in zip(types, server.ask([[b"OBJECT", b"ENCODING", k] for k in keys])):
        e = same.get(r[1], r[1])
        out.append(None if t == b"list" else b"table" if t == b"set" and e != b"intset" else e)
    return out


class Failed(Exception):
    pass


def dump(server, keys, where):
    out = server.ask([[b"DUMP", k] for k in keys])
    for k, r in zip(keys, out):
        if r[0] != "$":
            raise Failed("%s: DUMP %r: %r" % (where, k, r))
    return [r[1] for r in out]


def restore(server, keys, payloads, r, where):
    """Returns the expiries that were asked for."""
    at = [r.choice([0, 0, 4000000000000 + r.randrange(1000)]) for _ in keys]
    commands = [[b"RESTORE", k, b"%d" % a, p] + ([b"REPLACE"] if r.random() < 0.5 else []) + [b"ABSTTL"] for k, p, a in zip(keys, payloads, at)]
    for k, p, reply in zip(keys, payloads, server.ask(commands)):
        if reply != ("+", b"OK"):
            raise Failed("%s: RESTORE %r: %r\n  payload %s" % (where, k, reply, p[:400].hex()))
    return [a or -1 for a in at]


def equal(what, keys, commands, a, b):
    for k, c, x, y in zip(keys, commands, a, b):
        if x != y:
            raise Failed("%s of %r differ:\n  %.600r\n  %.600r\n  made by %.1200r" % (what, k, x, y, c))


def one_way(a, b, values, r, names):
    """From a to b, and back."""
    keys, made = [b"k%d" % i for i in range(BATCH)], []
    for k in keys:
        made.append(values.value(k))
    replies = a.ask([c for v in made for c in v])
    keys_made = [(k, c) for (k, c), t in zip(zip(keys, made), a.ask([[b"TYPE", k] for k in keys])) if t[1] != b"none"]
    keys, made = [k for k, _ in keys_made], [c for _, c in keys_made]
    del replies
    before = contents(a, keys)
    at = restore(b, keys, dump(a, keys, names[0]), r, names[1])
    equal("contents on %s and %s" % names, keys, made, before, contents(b, keys))
    equal("expiries", keys, made, at, [int(x[1]) for x in b.ask([[b"PEXPIRETIME", k] for k in keys])])
    again = [b"again:" + k for k in keys]
    restore(a, again, dump(b, keys, names[1]), r, names[0])
    equal("contents on %s and after coming back from %s" % names, keys, made, before, contents(a, again))
    if a.level == b.level:   # of what RESTORE has made: on the first server it may have been larger before
        equal("encodings on %s and %s" % (names[1], names[0]), keys, made, encodings(b, keys), encodings(a, again))
    if any(x != y for x, y in zip(before, contents(a, keys))):
        raise Failed("DUMP changed a value on %s" % names[0])
    return len(keys)


TO_REDIS = (0, 1, 2, 3, 4, 5, 9, 10, 11, 12, 13, 14, 16, 17, 18)   # what 7.0 knows


def held(server, key, kind, timed):
    """What a value holds, in the words of old.value."""
    r = contents(server, [key])[0][1][0]
    if kind == "string":
        return r[1]
    if kind == "list":
        return [x[1] for x in r[1]]
    if kind == "set":
        return [x[1] for x in r]
    if kind == "zset":
        return r
    pairs = [(k[1], v[1]) for k, v in r]
    if not timed:
        return pairs
    at = server.ask([[b"HPEXPIRETIME", key, b"FIELDS", b"1", k] for k, _ in pairs])
    return [(k, v, max(0, int(t[1][0][1]))) for (k, v), t in zip(pairs, at)]


def old_values(servers, values, r, count):
    """Payloads as other versions write them."""
    for i in range(count):
        kind, payload, how, what = old.value(r, values.elements()[:r.choice([1, 5, 40, 400])])
        argv = [b"RESTORE", b"old", b"0", old.footer(bytes([kind]) + payload, 11 if kind == 20 else 12 if kind > 20 else r.randrange(1, 11)), b"REPLACE"]
        for s, name in servers:
            if name == "redis" and kind not in TO_REDIS:
                continue
            reply = s.ask([argv])[0]
            if reply != ("+", b"OK"):
                raise Failed("type %d on %s: %r\n  %.300r\n  %s" % (kind, name, reply, what, payload[:300].hex()))
            got = held(s, b"old", how, kind >= 24)
            if got != what:
                raise Failed("type %d on %s:\n  %.600r\n  %.600r\n  %s" % (kind, name, got, what, payload[:300].hex()))


def some_streams(server, values, count):
    server.configure("low")
    while count > 0:
        server.ask([[b"DEL", b"k"]] + values.stream(b"k"))
        payload = server.ask([[b"DUMP", b"k"]])[0]
        if payload[0] == "$" and len(payload[1]) < 600:
            yield payload[1][:-10]
            count -= 1


def write_corpus(folder, seed, program):
    """Objects for the fuzz target: a byte that chooses thresholds, the type, the object."""
    r, v, seen = random.Random(seed), Values(seed, False), {}
    while len(seen) < 18 * 4:
        kind, payload, _, _ = old.value(r, v.elements()[:r.choice([1, 2, 5, 12])])
        name = "type%02d-%d" % (kind, sum(n.startswith("type%02d" % kind) for n in seen))
        if len(payload) < 400 and not name.endswith("-4"):
            seen[name] = bytes([r.randrange(64), kind]) + payload
    server = Server(program, ["--save", "", "--appendonly", "no"])
    for i, data in enumerate(some_streams(server, v, 12)):
        seen["type19-%d" % i] = b"\0" + data
    server.sockets.end()
    for name, data in seen.items():
        with open(os.path.join(folder, name), "wb") as f:
            f.write(data)


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--korad", default=os.path.join(ROOT, "build/korad"))
    p.add_argument("--redis", default="redis-server")
    p.add_argument("--values", type=int)
    p.add_argument("--seed", type=int, default=int(time.time()) % 1_000_000 * 1000)
    p.add_argument("--corpus", metavar="FOLDER", help="write inputs for the fuzz target instead")
    options = p.parse_args()
    if options.corpus:
        write_corpus(options.corpus, options.seed, options.redis)
        return
    if not shutil.which(options.redis):
        print("%s is not installed\n0 passed, 1 failed" % options.redis)
        sys.exit(1)
    long_form = os.environ.get("KORA_TEST_LONG", "") not in ("", "0")
    todo = options.values or (100_000 if long_form else 3_000)
    mine = Server(os.path.abspath(options.korad), [])
    theirs = Server(options.redis, ["--save", "", "--appendonly", "no", "--sanitize-dump-payload", "yes"])
    streams = mine.ask([[b"COMMAND", b"INFO", b"xadd"]])[0][1][0][0] == "*"
    passed = failed = values = batch = 0
    while values < todo and failed < 5:
        seed = options.seed + batch
        r = random.Random(seed)
        for s in (mine, theirs):
            s.configure(r.choice(list(LEVELS)))
        if r.random() < 0.5:
            theirs.configure(mine.level)
        ways = [(theirs, mine, ("redis", "korad")), (mine, theirs, ("korad", "redis"))]
        try:
            values += one_way(*ways[seed % 2][:2], Values(seed, streams), r, ways[seed % 2][2])
            old_values(((mine, "korad"), (theirs, "redis")), Values(seed, False), r, BATCH // 4)
            passed += 1
        except Failed as e:
            failed += 1
            print("FAILED, --seed %d --values 1 (%s on korad, %s on redis): %s" % (seed, mine.level, theirs.level, e))
        except Closed:
            print("FAILED, --seed %d --values 1: a server is gone" % seed)
            failed += 1
            break
        batch += 1
    for s, name in ((mine, "korad"), (theirs, "redis-server")):
        wrong = s.sockets.end()
        if wrong:
            failed += 1
            print("%s: %s" % (name, wrong))
    print("seed %d, %d values%s" % (options.seed, values, "" if streams else ", no streams"))
    print("%d passed, %d failed" % (passed, failed))
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
