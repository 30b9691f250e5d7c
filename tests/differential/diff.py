#!/usr/bin/python3
"""Random command streams to korad and to redis-server, replies compared.

    diff.py [--commands N] [--seed S] [--proto 2|3]     half of the commands in RESP2 and half in RESP3 by default
    diff.py --replay S --proto P                        one round again
    diff.py --self-test                                 redis-server against itself, then against a peer that lies

A round is some 2,000 commands from one seed on emptied servers, over three connections, with few keys. Commands of one
connection in a row are pipelined. Replies must be equal byte by byte, but for EXPLAINED below. Where a round differs it is
played again with fewer and fewer commands until nothing more can be left out, and printed.

Nothing in a round depends on when it runs: deadlines are far away or in the past. What is not an answer of its own (SCAN's
cursors, RANDOMKEY, DBSIZE among expired keys) is compared by what it must say: a whole iteration as a set, a key that is
there, a count after the expired ones have been visited.
"""
import argparse, os, random, socket, subprocess, sys, time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(ROOT, "tests/transcripts"))
sys.dont_write_bytecode = True
from run import Closed, Late, Sockets, TIMEOUT, in_order, quote, render
import bits, geos, hashes, hyperloglog, lists, sets, sorts, streams, txns, zsets

# Families of commands in files of their own. Each has KEYS (added to those below), begin(random) with the first commands of a round, a class Family whose
# methods make commands as those of Stream do, GRAMMAR (rows as below, all about keys) and EXPLAINED (by command: mine as it is to be compared, from both). It
# may have FIXED_KEYS, and ALONE: commands that are played one by one, each by a function that returns both replies if they differ, else None.
FAMILIES = [bits, geos, hashes, hyperloglog, lists, sets, sorts, streams, txns, zsets]

ROUND = 2000
CHUNK = 60
CLIENTS = 3


# ---- explained differences -------------------------------------------------------------------------------------------
# Each rewrites both replies to what must be equal; argv tells for which command.

def near(reply, other, slack):
    """Two integers, not negative, that differ by no more than `slack` are the same."""
    if reply[0] == other[0] == ":" and reply != other and int(reply[1]) >= 0 and int(other[1]) >= 0 and abs(int(reply[1]) - int(other[1])) <= slack:
        return other
    return reply


def without(reply, fields):
    if reply[0] not in "*%":
        return reply
    v = reply[1]
    return reply[0], [x for i in range(0, len(v) - 1, 2) if v[i][1] not in fields for x in (v[i], v[i + 1])]


def shape(reply):
    """The reply with its texts and numbers left out."""
    return (reply[0], [shape(v) for v in reply[1]]) if isinstance(reply[1], list) else (reply[0], b"")


def compare_object(a, b, argv):
    sub = argv[1].upper() if len(argv) > 1 else b""
    if sub == b"IDLETIME":
        if a[0] == b[0] == ":" and abs(int(a[1])) <= 10:   # Redis shares small integers: it may be another key's access that it tells
            return b, b
        return near(a, b, 10), b
    if sub == b"REFCOUNT" and a == (":", b"1") and b[0] == ":":   # Redis shares small integers, and values with what is queued
        return b, b
    if sub == b"HELP" and a[0] == b[0] == "*":
        return a[0], b[0]
    return a, b


def compare_command(a, b, argv):
    newer = len(argv) > 5 and argv[1].upper() == b"GETKEYS" and argv[2].upper() in (b"ZRANK", b"ZREVRANK")
    return (b, b) if newer and b == ("-", b"ERR Invalid number of arguments specified for command") else (a, b)


EXPLAINED = {
    b"TTL": ("time passes", lambda a, b, argv: (near(a, b, 3), b)),
    b"PTTL": ("time passes", lambda a, b, argv: (near(a, b, 3000), b)),
    b"EXPIRETIME": ("a deadline counted from now", lambda a, b, argv: (near(a, b, 3), b)),
    b"PEXPIRETIME": ("a deadline counted from now", lambda a, b, argv: (near(a, b, 3000), b)),
    b"TIME": ("time passes", lambda a, b, argv: (shape(a), shape(b))),
    b"KEYS": ("no order", lambda a, b, argv: (in_order(a), in_order(b))),
    b"SCAN": ("cursors are the server's own; one with a zero byte inside is no cursor", lambda a, b, argv:
              (b, b) if a == ("-", b"ERR invalid cursor") and b"\0" in argv[1] else (a, b) if "-" in (a[0], b[0]) else (a[0], b[0])),
    b"HELLO": ("version and connection's number", lambda a, b, argv: (without(a, (b"version", b"id")), without(b, (b"version", b"id")))),
    b"CLIENT": ("connection's number", lambda a, b, argv: (shape(a), shape(b)) if argv[1:2] and argv[1].upper() == b"ID" else (a, b)),
    b"COMMAND": ("WITHSCORE is newer", compare_command),
    b"OBJECT": ("time passes; the number of references is always 1; help in Kora's own words", compare_object),
}


def same(argv, mine, theirs):
    if mine == theirs:
        return True
    rule = EXPLAINED.get(argv[0].upper()) if argv else None
    if mine is None or theirs is None or not argv:
        return False
    for f in FAMILIES:
        if argv[0].upper() in f.EXPLAINED:
            mine = f.EXPLAINED[argv[0].upper()](mine, theirs, argv)
    a, b = rule[1](mine, theirs, argv) if rule else (mine, theirs)
    return a == b


txns.same = same


# ---- the stream --------------------------------------------------------------------------------------------------------

KEYS = [b"a", b"b", b"c", b"key:1", b"key:2", b"{t}x", b"{t}y", b"\x00\xff\r\n", b"", b"K" * 70]
KEYS += [k for f in FAMILIES for k in f.KEYS]
FIXED_KEYS = {k for f in FAMILIES for k in getattr(f, "FIXED_KEYS", [])}     # what is done to these is never spoiled
ALONE = {name: play for f in FAMILIES for name, play in getattr(f, "ALONE", {}).items()}
NOT_QUEUED = [*ALONE, b"SCAN", b"RANDOMKEY", b"HSCAN", b"SSCAN", b"ZSCAN", b"CLIENT", b"DEBUG"]  # answers that can't be compared without asking again
PATTERNS = [b"*", b"a*", b"key:?", b"[a-c]", b"[^a]", b"key:[0-9]", b"\\a", b"nope", b"*:*", b"", b"{t}*", b"[", b"[a", b"[z-a]", b"K*K", b"??", b"[\\]]", b"\x00*"]
INTS = [b"0", b"1", b"-1", b"2", b"10", b"-7", b"100", b"9999", b"10000", b"9223372036854775807", b"-9223372036854775808", b"9223372036854775806", b"-9223372036854775807", b"4611686018427387904"]
NOT_INTS = [b"9223372036854775808", b"-9223372036854775809", b"1.5", b"abc", b"", b" 1", b"1 ", b"+1", b"01", b"-0", b"0x10", b"1e3", b"18446744073709551615", b"99999999999999999999999999", b"--1", b"1\x00", b"-"]
FLOATS = [b"0.1", b"1.5", b"-2.25", b"3", b"3.0e3", b"1e-5", b"1e17", b"123456789.123456789", b"0.30000000000000004", b"-0.0", b"1e-17", b"12345678901234567890", b"0x1p3", b".5", b"5.", b"1e300", b"2.5e-10"]
NOT_FLOATS = [b"inf", b"-inf", b"nan", b"infinity", b"1e400", b"abc", b"", b" 1.5", b"1.5 ", b"1,5", b"1e5000", b"1..2", b"+1.5", b"1e", b"e5"]
WORDS = [b"", b"x", b"hello", b"Hello World", b"\x00\x01\x02", b"ohmytext", b"mynewtext", b"\xff" * 10, b"v" * 44, b"v" * 45, b"12345678901234567890", b"abcabcabcabc", b"w" * 300]
OPTIONS = [b"NX", b"XX", b"GT", b"LT", b"EX", b"PX", b"GET", b"KEEPTTL", b"PERSIST", b"EXAT", b"DB", b"REPLACE", b"MATCH", b"COUNT", b"IDX", b"LEN", b"FOO", b""]


def number(n):
    return b"%d" % n


class Stream(*[f.Family for f in FAMILIES]):
    """Makes the steps of a round. A step is (client, kind, commands); a command is (argv, has a reply, sent inline)."""

    focus = None # a family that makes most of the commands

    def __init__(self, seed):
        self.r = random.Random(seed)
        rows = [(w * 12, getattr(self, name)) for w, name in self.focus.GRAMMAR] if self.focus else []
        rows = [(w, getattr(self, name)) for w, name in GRAMMAR] + rows
        self.makers, self.weights = [m for _, m in rows], []
        total = 0
        for w, _ in rows:
            total += w
            self.weights.append(total)

    # words

    def key(self):
        return self.r.choice(KEYS)

    def word(self):
        r = self.r
        x = r.random()
        if x < 0.40:
            return r.choice(WORDS)
        if x < 0.60:
            return r.choice(INTS)
        if x < 0.70:
            return r.choice(FLOATS)
        if x < 0.78:
            return r.choice(NOT_INTS)
        if x < 0.82:
            return r.choice(NOT_FLOATS)
        if x < 0.985:
            return bytes(r.choices(b"abc\x00\xff\r\n 1", k=r.randrange(60)))
        return bytes(r.choices(b"ab", k=r.randrange(600)))

    def integer(self):
        r = self.r
        x = r.random()
        return number(r.randrange(-20, 21)) if x < 0.5 else r.choice(INTS) if x < 0.9 else r.choice(NOT_INTS)

    def index(self):
        r = self.r
        return number(r.randrange(-30, 60)) if r.random() < 0.85 else self.integer()

    def case(self, word):
        x = self.r.random()
        return word if x < 0.6 else word.lower() if x < 0.9 else word.capitalize()

    # deadlines: far, or past; two of them counted from now are never so near that the order of two servers' clocks matters
    def span_s(self):
        r = self.r
        x = r.random()
        return number(r.randrange(100_000, 4_000_000_000)) if x < 0.75 else number(r.randrange(-100, 0)) if x < 0.83 else b"0" if x < 0.86 else r.choice(NOT_INTS + INTS[9:])

    def span_ms(self):
        r = self.r
        x = r.random()
        return number(r.randrange(100_000_000, 4_000_000_000_000)) if x < 0.75 else number(r.randrange(-100000, 0)) if x < 0.83 else b"0" if x < 0.86 else r.choice(NOT_INTS + INTS[9:])

    def at_s(self):
        r = self.r
        x = r.random()
        return r.choice([b"4000000000", b"4000000001", b"9000000000"]) if x < 0.75 else r.choice([b"1", b"1000000000", b"1600000000"]) if x < 0.87 else r.choice(NOT_INTS + INTS)

    def at_ms(self):
        r = self.r
        x = r.random()
        return r.choice([b"4000000000000", b"4000000000001", b"4000000001000", b"9000000000999"]) if x < 0.75 else r.choice([b"1", b"1000000000000"]) if x < 0.87 else r.choice(NOT_INTS + INTS)

    def deadline(self):
        r = self.r
        name = r.choice([b"EX", b"PX", b"EXAT", b"PXAT"])
        return [self.case(name), {b"EX": self.span_s, b"PX": self.span_ms, b"EXAT": self.at_s, b"PXAT": self.at_ms}[name]()]

    # commands

    def set_plain(self):
        return [b"SET", self.key(), self.word()]

    def set_flags(self):
        r = self.r
        argv = [b"SET", self.key(), self.word()]
        parts = []
        if r.random() < 0.6:
            parts.append([self.case(r.choice([b"NX", b"XX"]))])
        if r.random() < 0.4:
            parts.append([b"GET"])
        if r.random() < 0.25:
            parts.append([b"KEEPTTL"])
        if r.random() < 0.5:
            parts.append(self.deadline())
        if r.random() < 0.06:
            parts.append([r.choice(OPTIONS)])
        r.shuffle(parts)
        return argv + [w for p in parts for w in p]

    def get(self):
        return [self.r.choice([b"GET", b"GET", b"GET", b"STRLEN", b"GETDEL", b"TYPE"]), self.key()]

    def getex(self):
        r = self.r
        parts = r.choices([self.deadline(), [b"PERSIST"], [r.choice(OPTIONS)], []], weights=[8, 4, 1, 3], k=2 if r.random() < 0.1 else 1)
        return [b"GETEX", self.key()] + [w for p in parts for w in p]

    def getset(self):
        return [self.r.choice([b"GETSET", b"SETNX", b"APPEND"]), self.key(), self.word()]

    def setex(self):
        if self.r.random() < 0.5:
            return [b"SETEX", self.key(), self.span_s(), self.word()]
        return [b"PSETEX", self.key(), self.span_ms(), self.word()]

    def mget(self):
        r = self.r
        return [r.choice([b"MGET", b"MGET", b"DEL", b"UNLINK", b"EXISTS", b"EXISTS", b"TOUCH"])] + [self.key() for _ in range(r.randrange(1, 6))]

    def delete(self):
        return [self.r.choice([b"DEL", b"UNLINK"]), self.key()]

    def mset(self):
        r = self.r
        argv = [r.choice([b"MSET", b"MSETNX"])]
        for _ in range(r.randrange(1, 5)):
            argv += [self.key(), self.word()]
        return argv

    def setrange(self):
        r = self.r
        offset = number(r.randrange(0, 120)) if r.random() < 0.8 else r.choice([b"-1", b"0", b"536870912", b"536870911", b"9223372036854775807", b"abc", b"4294967296", b"-9223372036854775808"])
        return [b"SETRANGE", self.key(), offset, b"" if r.random() < 0.2 else self.word() or b"x"] if offset != b"536870911" else [b"SETRANGE", self.key(), offset, r.choice([b"", b"xy"])]

    def getrange(self):
        return [self.r.choice([b"GETRANGE", b"GETRANGE", b"SUBSTR"]), self.key(), self.index(), self.index()]

    def incr(self):
        r = self.r
        name = r.choice([b"INCR", b"DECR", b"INCRBY", b"DECRBY", b"INCRBY", b"DECRBY"])
        return [name, self.key()] + ([self.integer()] if name.endswith(b"BY") else [])

    def incrbyfloat(self):
        r = self.r
        x = r.random()
        by = r.choice(FLOATS) if x < 0.6 else r.choice(INTS) if x < 0.75 else b"%.*f" % (r.randrange(0, 18), r.uniform(-1e6, 1e6)) if x < 0.9 else r.choice(NOT_FLOATS)
        return [b"INCRBYFLOAT", self.key(), by]

    def set_number(self):
        r = self.r
        return [b"SET", self.key(), r.choice(INTS) if r.random() < 0.5 else r.choice(FLOATS)]

    def lcs(self):
        r = self.r
        argv = [b"LCS", self.key(), self.key()]
        if r.random() < 0.4:
            argv.append(self.case(b"IDX"))
        if r.random() < 0.2:
            argv.append(self.case(b"LEN"))
        if r.random() < 0.3:
            argv += [self.case(b"MINMATCHLEN"), self.integer()]
        if r.random() < 0.3:
            argv.append(b"WITHMATCHLEN")
        if r.random() < 0.03:
            argv.append(r.choice(OPTIONS))
        return argv

    def copy(self):
        r = self.r
        argv = [b"COPY", self.key(), self.key()]
        if r.random() < 0.4:
            argv += [self.case(b"DB"), self.database()]
        if r.random() < 0.4:
            argv.append(self.case(b"REPLACE"))
        if r.random() < 0.04:
            argv.append(r.choice(OPTIONS))
        return argv

    def rename(self):
        return [self.r.choice([b"RENAME", b"RENAMENX"]), self.key(), self.key()]

    def database(self):
        r = self.r
        return number(r.randrange(0, 3)) if r.random() < 0.85 else r.choice([b"15", b"16", b"-1", b"abc", b"", b"99999999999", b"1.0", b"4294967296", b"9223372036854775808"])

    def move(self):
        r = self.r
        x = r.random()
        return [b"MOVE", self.key(), self.database()] if x < 0.5 else [b"SELECT", self.database()] if x < 0.85 else [b"SWAPDB", self.database(), self.database()]

    def expire(self):
        r = self.r
        name = r.choice([b"EXPIRE", b"PEXPIRE", b"EXPIREAT", b"PEXPIREAT"])
        when = {b"EXPIRE": self.span_s, b"PEXPIRE": self.span_ms, b"EXPIREAT": self.at_s, b"PEXPIREAT": self.at_ms}[name]()
        argv = [name, self.key(), when]
        while r.random() < 0.4:
            argv.append(self.case(r.choice([b"NX", b"XX", b"GT", b"LT"])))
        if r.random() < 0.02:
            argv.append(r.choice(OPTIONS))
        return argv

    def ttl(self):
        return [self.r.choice([b"TTL", b"PTTL", b"EXPIRETIME", b"PEXPIRETIME", b"PERSIST"]), self.key()]

    def object(self):
        r = self.r
        x = r.random()
        if x < 0.95:
            return [b"OBJECT", self.case(r.choices([b"ENCODING", b"REFCOUNT", b"IDLETIME", b"FREQ", b"FOO"], weights=[16, 2, 2, 2, 1])[0]), self.key()]
        return r.choice([[b"OBJECT", b"HELP"], [b"OBJECT"], [b"OBJECT", b"ENCODING"], [b"OBJECT", b"HELP", b"x"]])

    def keys(self):
        return [b"KEYS", self.r.choice(PATTERNS)]

    def bad_scan(self):
        r = self.r
        return [b"SCAN", r.choice([b"0", b"abc", b"-1", b"18446744073709551616", b"", b" 0"])] + r.choice(
            [[], [b"COUNT", b"0"], [b"COUNT", b"-5"], [b"COUNT", b"abc"], [b"COUNT"], [b"MATCH"], [b"TYPE"], [b"TYPE", b"nope"], [b"FOO", b"1"], [b"COUNT", b"1", b"FOO"], [b"MATCH", b"*", b"COUNT", b"9223372036854775808"]])

    def connection(self):
        r = self.r
        w = self.word()
        return r.choice([[b"PING"], [b"PING", w], [b"ECHO", w], [b"CLIENT", b"SETNAME", r.choice([b"n", b"", b"a b", b"x\n", b"name:1"])], [b"CLIENT", b"GETNAME"],
            [b"CLIENT", b"ID"], [b"CLIENT", b"NO-EVICT", r.choice([b"on", b"off", b"x"])], [b"CLIENT", b"UNPAUSE"], [b"CLIENT", b"FOO"], [b"CLIENT"], [b"TIME"], [b"CLIENT", b"REPLY", b"FOO"],
            [b"CLIENT", b"KILL", r.choice([b"1.2.3.4:5", b"x"])], [b"CLIENT", b"KILL", b"ID", r.choice([b"abc", b"0", b"99999999"])], [b"CLIENT", b"KILL", b"TYPE", b"nope"], [b"CLIENT", b"KILL", b"FOO", b"x"],
            [b"CLIENT", b"PAUSE", r.choice([b"abc", b"-1"])], [b"CLIENT", b"PAUSE", b"0", b"NOPE"], [b"CLIENT", b"LIST", b"TYPE", b"nope"], [b"CLIENT", b"LIST", b"ID", b"abc"], [b"CLIENT", b"LIST", b"FOO"],
            [b"AUTH", w], [b"AUTH", b"default", w], [b"AUTH", b"nobody", w], [b"AUTH", b"a", b"b", b"c"], [b"RESET"],
            [b"HELLO"], [b"HELLO", r.choice([b"2", b"3"])], [b"HELLO", r.choice([b"1", b"4", b"abc", b""])], [b"HELLO", b"3", b"SETNAME", r.choice([b"me", b"a b"])], [b"HELLO", b"2", b"AUTH", b"default", b"x"],
            [b"HELLO", b"3", b"FOO"], [b"HELLO", b"3", b"AUTH", b"x"], [b"HELLO", b"2", b"SETNAME"]])

    def about(self):
        r = self.r
        return r.choice([[b"COMMAND", b"GETKEYS"] + self.plain(), [b"COMMAND", b"GETKEYS"], [b"COMMAND", b"FOO"], [b"COMMAND", b"COUNT", b"x"], [b"COMMAND", b"INFO", b"nope"], [b"COMMAND", b"DOCS", b"nope"],
            [b"COMMAND", b"LIST", b"FILTERBY", b"FOO", b"x"], [b"CONFIG", b"GET"], [b"CONFIG", b"FOO"], [b"CONFIG", b"SET", b"maxclients"], [b"CONFIG", b"SET", b"nope", b"1"], [b"CONFIG", b"SET", b"timeout", b"abc"],
            [b"CONFIG", b"GET", b"nope*"], [b"CONFIG", b"RESETSTAT", b"x"], [b"CONFIG", b"GET", b"requirepass"], [b"CONFIG", b"SET", b"timeout", b"0", b"timeout", b"0"], [b"CONFIG"],
            [b"DEBUG"], [b"DEBUG", b"SLEEP", b"0"], [b"DEBUG", b"OBJECT", self.key()], [b"DEBUG", b"SET-ACTIVE-EXPIRE", b"1"], [b"CONFIG", b"REWRITE"], [b"CONFIG", b"RESETSTAT"], [b"INFO", b"nosuchsection"], [b"NOSUCH", self.key(), self.word()], [b"nosuch"] + [self.word()[:80] for _ in range(r.randrange(0, 12))], [b""], [b"get ", self.key()], [b"GET\x00", self.key()]])

    def flush(self):
        r = self.r
        return r.choice([[b"FLUSHDB"], [b"FLUSHDB", b"ASYNC"], [b"FLUSHDB", b"SYNC"], [b"FLUSHALL"], [b"FLUSHALL", b"FOO"], [b"FLUSHDB", b"SYNC", b"ASYNC"]])

    def plain(self):
        """A command that is about keys."""
        x = self.r.random() * self.weights[PLAIN - 1]
        for i, w in enumerate(self.weights):
            if x < w:
                return self.makers[i]()
        return self.get()

    def command(self):
        r = self.r
        argv = r.choices(self.makers, cum_weights=self.weights)[0]()
        x = r.random()
        if x < 0.05 and not FIXED_KEYS.intersection(argv) and argv[0].upper() != b"WATCH":   # spoil it
            if x < 0.02:
                argv = argv[:-1] or argv
            elif x < 0.03:
                argv = argv + [r.choice(OPTIONS) if r.random() < 0.5 else self.key()]
            elif len(argv) > 1:
                argv = list(argv)
                argv[r.randrange(1, len(argv))] = r.choice(OPTIONS + NOT_INTS)
        if unanswered(argv):
            return [b"PING"]
        argv = [self.case(argv[0])] + argv[1:]
        return argv

    def step(self, client):
        r = self.r
        x = r.random()
        if x < 0.004:
            return client, "scan", [([b"SCAN", self.r.choice([[], [b"MATCH", r.choice(PATTERNS)], [b"COUNT", r.choice([b"1", b"3", b"1000"])], [b"TYPE", r.choice([b"string", b"list"])]])], True, False)]
        if x < 0.006:
            return client, "randomkey", [([b"RANDOMKEY"], True, False)]
        if x < 0.009:
            return client, "dbsize", [([b"DBSIZE"], True, False)]
        if x < 0.010:
            return client, "cmd", [([b"CLIENT", b"REPLY", b"OFF"], False, False), (self.set_plain(), False, False), ([b"GET", self.key()], False, False), ([b"CLIENT", b"REPLY", b"ON"], True, False)]
        if x < 0.011:
            return client, "cmd", [([b"CLIENT", b"REPLY", b"SKIP"], False, False), (self.set_plain(), False, False), ([b"GET", self.key()], True, False)]
        if x < 0.0115:
            return client, "raw", [([self.malformed()], True, False)]
        if x < 0.030:
            return client, "cmd", [(argv, True, False) for argv in self.transaction(NOT_QUEUED)]
        argv = self.command()
        if argv[0].upper() in ALONE:
            return client, "alone", [(argv, True, False)]
        inline = r.random() < 0.02 and all(w and all(33 <= c < 127 and c not in b"\"'\\" for c in w) for w in argv)
        return client, "cmd", [(argv, True, inline)]

    def malformed(self):
        good = encode([b"PING"])
        return self.r.choice([b"*1000000000\r\n", b"*2147483648\r\n", b"*1\r\n$99999999999\r\n", b"*1\r\n" * 100, b"*-1\r\n" + good, b"*0\r\n" + good, b"*1\r\n$-1\r\n", b"*1\r\n$abc\r\n", b"*abc\r\n", b"*1\r\nPING\r\n",
            b"*1\r\n+PING\r\n", b"\r\n\r\n" + good, b"*1\r\n$4\r\nPINGxx" + good, good + b"*3\r\n$3\r\nSET\r\n$1\r\nq\r\n", b"PING\r\nPING x\r\n", b"PING \"a\r\n", b"PING 'a b' \r\n", b"*\r\n", b"$4\r\nPING\r\n", b"*1\r\n$\r\n",
            b"*1\n$4\nPING\n", b"PING\n", b"*10000000000000000000000\r\n", b"*1\r\n$9223372036854775808\r\n", b"*-2147483649\r\n" + good, b"*1\r\n$536870913\r\n", b"PING \"\\x41\\n\"\r\n", b"*1\r\n$04\r\nPING\r\n", b"*+1\r\n$4\r\nPING\r\n",
            b"QUIT\r\n", encode([b"QUIT"]) + good, encode([b"quit", b"x"]) + good, encode([b"CLIENT", b"REPLY", b"OFF"]) + good, encode([b"CLIENT", b"REPLY", b"SKIP"]) + good + good])

    def steps(self, count):
        out, client, left = [(0, "cmd", [(argv, True, False)]) for f in FAMILIES for argv in f.begin(self.r)], 0, 0
        while len(out) < count:
            if not left:
                client, left = self.r.randrange(CLIENTS), self.r.randrange(1, 100)
            left -= 1
            out.append(self.step(client))
        return out


# weight, method; the first PLAIN rows are about keys
GRAMMAR = [(14, "set_plain"), (10, "set_flags"), (10, "get"), (6, "getex"), (6, "getset"), (4, "setex"), (5, "mget"), (1, "delete"), (4, "mset"), (6, "setrange"), (6, "getrange"), (6, "incr"), (5, "incrbyfloat"), (4, "set_number"),
           (3, "lcs"), (4, "copy"), (4, "rename"), (8, "expire"), (7, "ttl"), (5, "object"), (4, "move"), (2, "keys"), (1, "bad_scan"), (3, "connection"), (2, "about"), (0.05, "flush")]
PLAIN = 20
GRAMMAR = [row for f in FAMILIES for row in f.GRAMMAR] + GRAMMAR
PLAIN += sum(len(f.GRAMMAR) for f in FAMILIES)


def unanswered(argv):
    """Spoiling a command must not make one that stops or silences the connection, or that answers with what the server alone knows."""
    name, sub = argv[0].upper(), argv[1].upper() if len(argv) > 1 else b""
    return (name == b"CLIENT" and (sub in (b"REPLY", b"LIST", b"INFO", b"PAUSE", b"KILL") and len(argv) > 2 and argv[2].upper() in (b"OFF", b"SKIP", b"") or sub in (b"LIST", b"INFO", b"KILL", b"PAUSE") and len(argv) == 2)
            or name == b"CLIENT" and sub == b"LIST" and len(argv) == 3 and argv[2] == b"ID"
            or name == b"CLIENT" and sub == b"PAUSE" and argv[2:3] != [b"abc"] and argv[2:3] != [b"-1"] and argv[3:] != [b"NOPE"]
            or name == b"COMMAND" and sub == b"DOCS" and argv[2:] != [b"nope"]                                     # summaries in Kora's own words
            or name in (b"COMMAND", b"CONFIG") and (len(argv) == 1 or sub in (b"COUNT", b"DOCS", b"INFO", b"LIST") and len(argv) == 2 or sub == b"GET" and b"*" in argv[2:] or sub == b"HELP")
            or name == b"INFO" and argv[1:] != [b"nosuchsection"]
            or name == b"HELLO" and b"SETNAME" in argv[2:4] and len(argv) > 4      # Redis keeps the name though HELLO fails
            or name == b"XADD" and b"*" in argv                                   # an id from the clock
            or name == b"QUIT" or name == b"DEBUG" and sub == b"SLEEP" and argv[2:] != [b"0"])


def encode(argv):
    return b"*%d\r\n" % len(argv) + b"".join(b"$%d\r\n%b\r\n" % (len(a), a) for a in argv)


# ---- playing a round -----------------------------------------------------------------------------------------------------

def parse(buf, pos):
    """The reply at buf[pos:], as (kind, value), and where it ends; IndexError or ValueError if it is not all there."""
    end = buf.index(b"\r\n", pos)
    kind, rest, pos = chr(buf[pos]), buf[pos + 1:end], end + 2
    if kind in "+-:,#(_":
        return (kind, rest), pos
    n = int(rest)
    if kind in "$=!":
        if n < 0:
            return ("_", b"$"), pos
        if buf[pos + n:pos + n + 2] != b"\r\n":
            raise IndexError
        return (kind, buf[pos:pos + n]), pos + n + 2
    if kind not in "*~>%":
        raise RuntimeError("not RESP: %r" % buf[end - 40:end + 40])
    if n < 0:
        return ("_", b"*"), pos
    out = []
    for _ in range(n * 2 if kind == "%" else n):
        v, pos = parse(buf, pos)
        out.append(v)
    return (kind, out), pos


class Peer:
    """One server, its connections, and possibly a lie that a test tells in its name."""

    def __init__(self, program, args, lie=None):
        self.server, self.lie, self.conns = Sockets(program, args, 2), lie, {}

    def open(self):
        s = socket.create_connection(("127.0.0.1", self.server.port), TIMEOUT)
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        s.settimeout(TIMEOUT)
        return s

    def begin(self, proto):
        self.reset()
        for i in range(CLIENTS):
            self.conns[i] = self.open()
            if proto == 3:
                self.ask(i, [b"HELLO", b"3"])
        self.ask(0, [b"FLUSHALL"])

    def reset(self):
        for s in self.conns.values():
            s.close()
        self.conns = {}

    MARK = b"--end-of-chunk--"

    def send(self, client, data):
        try:
            self.conns[client].sendall(data + encode([b"ECHO", self.MARK]))
        except OSError:
            pass

    def receive(self, client):
        """Everything up to the end of the chunk; less if the connection closes first."""
        mark, parts, tail = b"$%d\r\n%b\r\n" % (len(self.MARK), self.MARK), [], b""
        while True:
            try:
                data = self.conns[client].recv(1 << 18)
            except OSError:
                data = b""
            if not data:
                return b"".join(parts)
            parts.append(data)
            tail = (tail + data)[-len(mark):]
            if tail == mark:
                out = b"".join(parts)
                return out[:-len(mark)]

    def ask(self, client, argv):
        self.send(client, encode(argv))
        data = self.receive(client)
        return parse(data, 0)[0] if data else ("-", b"(connection closed)")

    def raw(self, data):
        s = self.open()
        out = b""
        try:
            s.sendall(data)
            s.shutdown(socket.SHUT_WR)
            while True:
                part = s.recv(1 << 16)
                if not part:
                    break
                out += part
        except OSError as e:
            out += b"(%s)" % type(e).__name__.encode()
        s.close()
        return out


def replies(data, commands, peer):
    """The reply of each command of a chunk, None where there is none."""
    out, pos = [], 0
    for argv, answers, _ in commands:
        if not answers:
            out.append(None)
            continue
        try:
            reply, pos = parse(data, pos)
        except (ValueError, IndexError):
            reply, pos = ("-", b"(no reply, or connection closed)"), len(data)
        if peer.lie:
            reply = peer.lie(argv, reply)
        out.append(reply)
    if pos < len(data):
        out.append(("-", b"(replies too many) " + data[pos:pos + 200]))
    return out


def iterate(peer, client, options):
    """A whole SCAN: (keys as a set, an error or None)."""
    cursor, seen = b"0", set()
    for _ in range(10000):
        kind, value = peer.ask(client, [b"SCAN", cursor] + options)
        if kind != "*":
            return None, (kind, value)
        cursor = value[0][1]
        seen |= {v for _, v in value[1][1]}
        if cursor == b"0":
            return seen, None
    return None, ("-", b"(the iteration does not end)")


class Difference(Exception):
    def __init__(self, index, argv, mine, theirs):
        self.index, self.argv, self.mine, self.theirs = index, argv, mine, theirs


def special(kind, mine, theirs, client, argv, index):
    if kind == "alone":
        differ = ALONE[argv[0].upper()](mine, theirs, client, argv)
        if differ:
            raise Difference(index, argv, *differ)
        return
    if kind == "raw":
        a, b = mine.raw(argv[0]), theirs.raw(argv[0])
        if a != b:
            raise Difference(index, [b"(raw bytes)"] + argv, ("$", a), ("$", b))
        return
    results = []
    for p in (mine, theirs):
        p.ask(client, [b"EXISTS"] + KEYS + OPTIONS)      # those that have expired go: not each server's SCAN removes them
        keys, error = iterate(p, client, argv[1] if kind == "scan" else [])
        results.append(("~", sorted(("$", k) for k in keys)) if error is None else error)
    if results[0] != results[1]:
        raise Difference(index, [b"SCAN (whole)"] + (argv[1] if kind == "scan" else []), *results)
    if kind == "dbsize":
        a, b = mine.ask(client, argv), theirs.ask(client, argv)
        if a != b:
            raise Difference(index, argv, a, b)
    elif kind == "randomkey":
        a, b = mine.ask(client, argv), theirs.ask(client, argv)
        if a[0] != b[0] or (a[0] == "$" and theirs.ask(client, [b"EXISTS", a[1]]) != (":", b"1")):
            raise Difference(index, argv, a, b)


def play(steps, mine, theirs, proto):
    """Plays the steps on both; raises the first Difference. Returns the number of commands."""
    mine.begin(proto)
    theirs.begin(proto)
    i = count = 0
    while i < len(steps):
        client, kind, commands = steps[i]
        if kind != "cmd":
            special(kind, mine, theirs, client, commands[0][0], i)
            i, count = i + 1, count + 1
            continue
        first, chunk, owner = i, [], []
        while i < len(steps) and steps[i][0] == client and steps[i][1] == "cmd" and i - first < CHUNK:
            chunk += steps[i][2]
            owner += [i] * len(steps[i][2])
            i += 1
        data = b"".join(b" ".join(argv) + b"\r\n" if inline else encode(argv) for argv, _, inline in chunk)
        mine.send(client, data)
        theirs.send(client, data)
        a, b = mine.receive(client), theirs.receive(client)
        count += len(chunk)
        if a == b and not mine.lie:
            continue
        left, right = replies(a, chunk, mine), replies(b, chunk, theirs)
        for n in range(max(len(left), len(right))):
            argv = chunk[n][0] if n < len(chunk) else []
            x, y = left[n] if n < len(left) else None, right[n] if n < len(right) else None
            if not same(argv, x, y):
                raise Difference(owner[min(n, len(owner) - 1)], argv, x, y)
    return count


# ---- shrinking and printing ------------------------------------------------------------------------------------------------

def kind_of(d):
    """Differences of one kind have one cause, most likely."""
    def side(r):
        return None if r is None else (r[0], r[1].split(b"'")[0][:60]) if r[0] == "-" else r[0]
    return (d.argv[0].upper() if d.argv else b"", side(d.mine), side(d.theirs))


def differs(steps, mine, theirs, proto):
    try:
        play(steps, mine, theirs, proto)
        return None
    except Difference as d:
        return d


def shrink(steps, found, mine, theirs, proto, seconds):
    """Leaves out what can be left out, halves first, while a difference of the same kind remains."""
    deadline, wanted = time.monotonic() + seconds, kind_of(found)
    steps = steps[:found.index + 1]
    size = max(1, len(steps) // 2)
    while time.monotonic() < deadline:
        i, changed = 0, False
        while i < len(steps) and time.monotonic() < deadline:
            fewer = steps[:i] + steps[i + size:]
            d = differs(fewer, mine, theirs, proto) if fewer else None
            if d and kind_of(d) == wanted:
                steps, found, changed = fewer[:d.index + 1], d, True
            else:
                i += size
        if size == 1 and not changed:
            break
        size = max(1, size // 2)
    return steps, found


def brief(word):
    return quote(word) if len(word) <= 64 else "%s...(%d bytes)" % (quote(word[:24]), len(word))


def show(steps, found, seed, proto, names):
    print("\nDIFFERENCE in round %d, RESP%d (--replay %d --proto %d); the least that shows it:" % (seed, proto, seed, proto))
    for client, kind, commands in steps[-40:]:
        for argv, _, inline in commands:
            words = [argv[0]] + argv[1] if kind == "scan" else argv
            print("    client %s%s: %s" % ("abc"[client], {"scan": ", whole iteration", "raw": ", raw bytes on a new connection"}.get(kind, ", inline" if inline else ""), " ".join(brief(w) for w in words)))
    print("  command  " + " ".join(brief(w) for w in found.argv))
    for name, reply in ((names[0], found.mine), (names[1], found.theirs)):
        lines = ["(none)"] if reply is None else render(reply)
        print("  %-8s %s" % (name, lines[0]))
        for l in lines[1:20]:
            print("           " + l)
    sys.stdout.flush()


def compare(options, mine, theirs, names, rounds):
    """Plays the rounds, an iterable of (seed, protocol). Returns rounds passed, rounds failed, commands, kinds of difference."""
    passed = failed = commands = 0
    kinds = {}
    for seed, proto in rounds:
        steps = Stream(seed * 2 + proto - 2).steps(ROUND)
        d = differs(steps, mine, theirs, proto)
        if d is None:
            passed += 1
            commands += sum(len(s[2]) for s in steps)
            continue
        failed += 1
        kinds.setdefault(kind_of(d), 0)
        kinds[kind_of(d)] += 1
        gone = mine.server.dead() or theirs.server.dead()
        if gone:
            show(steps, d, seed, proto, names)
        elif kinds[kind_of(d)] == 1:
            show(*shrink(steps, d, mine, theirs, proto, options.shrink_s), seed, proto, names)
        if gone:
            print("a server is gone")
            break
        if len(kinds) >= options.max_differences:
            print("%d kinds of difference: that is enough" % len(kinds))
            break
    return passed, failed, commands, kinds


def self_test(options):
    """Redis against itself must agree; a peer that lies must be found out, and what is printed must be short."""
    good = bad = 0
    redis = [options.redis, ["--save", "", "--appendonly", "no"]]
    lies = [
        ("nothing", None),
        ("STRLEN is one more", lambda argv, r: (":", b"%d" % (int(r[1]) + 1)) if argv[0].upper() == b"STRLEN" and r[0] == ":" and r[1] != b"0" else r),
        ("TTL 10 s off", lambda argv, r: (":", number(int(r[1]) + 10)) if argv[0].upper() == b"TTL" and r[0] == ":" and int(r[1]) > 0 else r),
        ("KEYS loses one", lambda argv, r: (r[0], r[1][1:]) if argv[0].upper() == b"KEYS" and r[0] == "*" and len(r[1]) > 1 else r),
        ("an error's text", lambda argv, r: ("-", r[1] + b".") if argv[0].upper() == b"INCRBY" and r[0] == "-" else r)]
    for what, lie in lies:
        peers = Peer(*redis, lie), Peer(*redis)
        found = None
        for seed in range(options.seed, options.seed + (60 if lie else 6)):  # a lie is found as soon as what it is about is asked
            proto = 2 + seed % 2
            steps = Stream(seed * 2 + proto - 2).steps(ROUND)
            found = differs(steps, *peers, proto)
            if found:
                least, found = shrink(steps, found, *peers, proto, 20)
                break
        if found and not lie:
            show(least, found, seed, proto, ("redis 1", "redis 2"))
        ok = (found is None) if not lie else found is not None and len(least) <= 8
        print("%s: %s, %s" % ("ok" if ok else "FAILED", what, "found, %d commands" % len(least) if found else "no difference"))
        good, bad = good + ok, bad + (not ok)
        for p in peers:
            p.reset()
            p.server.end()
    print("%d passed, %d failed" % (good, bad))
    return bad


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--korad", default=os.path.join(ROOT, "build/korad"))
    p.add_argument("--redis", default="redis-server")
    p.add_argument("--commands", type=int, default=100_000)
    p.add_argument("--seed", type=int, default=int(time.time()) % 1_000_000 * 1000)
    p.add_argument("--proto", type=int, choices=(2, 3))
    p.add_argument("--replay", type=int, metavar="ROUND")
    p.add_argument("--shrink-s", type=float, default=20)
    p.add_argument("--max-differences", type=int, default=25, help="stop after so many kinds")
    p.add_argument("--self-test", action="store_true")
    p.add_argument("--focus", choices=[f.__name__ for f in FAMILIES], help="mostly commands of one family")
    options = p.parse_args()
    Stream.focus = next((f for f in FAMILIES if f.__name__ == options.focus), None)
    if options.self_test:
        sys.exit(1 if self_test(options) else 0)
    mine, theirs = Peer(os.path.abspath(options.korad), []), Peer(options.redis, ["--save", "", "--appendonly", "no"])
    protos = [options.proto] if options.proto else [2, 3]
    print("seed %d" % options.seed)
    count = max(1, (options.commands + ROUND - 1) // ROUND)
    rounds = [(options.replay, q) for q in protos] if options.replay is not None else [(options.seed + i, protos[i % len(protos)]) for i in range(count)]
    start = time.monotonic()
    passed, failed, commands, kinds = compare(options, mine, theirs, ("kora", "redis"), rounds)
    for peer in (mine, theirs):
        peer.reset()
        wrong = peer.server.end()
        if wrong:
            failed += 1
            print(wrong)
    for k in sorted(kinds, key=lambda k: -kinds[k]):
        print("%d rounds ended with: %s, %s here, %s there" % (kinds[k], k[0].decode(errors="replace"), k[1], k[2]))
    print("%d commands in %.0f s, in rounds of %d; %d kinds of difference" % (commands, time.monotonic() - start, ROUND, len(kinds)))
    print("%d passed, %d failed" % (passed, failed))
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
