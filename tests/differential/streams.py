"""Streams, for diff.py: see FAMILIES there.

Ids are named, not taken from a clock; idle times are either about nothing or of hours, so that both servers see them on the same side of every limit.
"""

KEYS = [b"x1", b"x2", b"{t}x3"]
GROUPS = [b"g1", b"g2", b"g\x00"]
CONSUMERS = [b"alice", b"bob", b"", b"c" * 40]
FIELDS = [b"a", b"b", b"name", b"12", b"", b"long" * 20]
IDS = [b"0", b"0-0", b"0-1", b"1", b"5-5", b"18446744073709551615-18446744073709551615", b"18446744073709551615", b"18446744073709551614-18446744073709551615", b"-", b"+", b"(1", b"(5-5", b"(0-0", b"(-", b"(+",
       b"(18446744073709551615-18446744073709551615", b"01-02", b" 3", b"+3", b"3-"]
BAD_IDS = [b"", b"abc", b"1-2-3", b"-1", b"1--1", b"$", b">", b"**", b"1-*", b"18446744073709551616", b"1.5", b"x-1", b"(", b"1-abc", b"9" * 130]
HOUR, LONG_AGO = b"3600000", b"7200000"


def begin(r):
    """Commands at the start of a round."""
    return [[b"CONFIG", b"SET", b"stream-node-max-entries", r.choice([b"0", b"1", b"2", b"3", b"5", b"9", b"100", b"150"])],
            [b"CONFIG", b"SET", b"stream-node-max-bytes", r.choice([b"0", b"1", b"60", b"200", b"1000", b"4096", b"4096"])]]


def with_(reply, change):
    return (reply[0], change(reply[1])) if isinstance(reply[1], list) else reply


def pairs(reply, change):
    """A map in either protocol: `change` is told each name, and returns the value that is to be compared; None: not at all."""
    def items(flat):
        out = []
        for i in range(0, len(flat) - 1, 2):
            v = change(flat[i][1], flat[i + 1])
            if v is not None:
                out += [flat[i], v]
        return out
    return with_(reply, items)


def near(reply):
    """A time or a span of it: hours or none."""
    return (":", b"hours" if int(reply[1]) > 1_000_000 else b"none") if reply[0] == ":" else reply


def compare_pending(a, b, argv):
    if len(argv) < 4 or a[0] != "*" or b[0] != "*":
        return a
    def plain(reply):
        return [with_(one, lambda v: v[:2] + [near(v[2])] + v[3:]) for one in reply[1]]
    return b if plain(a) == plain(b) else a


def plain_info(name, v):
    if name in (b"radix-tree-nodes", b"inactive", b"active-time"):   # the shape of another tree; Redis 7.2 has the others
        return None
    if name == b"idle":
        return near(v)
    if name == b"seen-time":
        return (":", b"now")
    if name == b"pending" and v[0] == "*":
        return with_(v, lambda ps: [with_(p, lambda x: x[:-2] + [(":", b"past" if int(x[-2][1]) < 10**11 else b"now")] + x[-1:]) for p in ps])
    if name in (b"groups", b"consumers") and v[0] == "*":
        return with_(v, lambda many: [pairs(one, plain_info) for one in many])
    return v


def compare_info(a, b, argv):
    def plain(reply):
        if len(argv) > 1 and argv[1].upper() in (b"GROUPS", b"CONSUMERS"):
            return with_(reply, lambda many: [pairs(one, plain_info) for one in many])
        return pairs(reply, plain_info)
    if len(argv) > 1 and argv[1].upper() == b"HELP" and a[0] == b[0]:
        return b
    return b if a[0] == b[0] and a[0] != "-" and plain(a) == plain(b) else a


def compare_read(a, b, argv):
    """+ is newer."""
    return b if b"+" in argv and b == ("-", b"ERR Invalid stream ID specified as stream command argument") else a


def compare_group(a, b, argv):
    """Help in Kora's own words."""
    return b if len(argv) > 1 and argv[1].upper() == b"HELP" and a[0] == b[0] else a


class Family:
    last_ms = 1

    def stream_key(self):
        return self.key() if self.r.random() < 0.04 else self.r.choice(KEYS)

    def stream_id(self):
        """One that may well be there."""
        r = self.r
        x = r.random()
        return b"%d-%d" % (r.randrange(max(1, self.last_ms - 30), self.last_ms + 2), r.randrange(3)) if x < 0.85 else b"%d" % r.randrange(1, self.last_ms + 3) if x < 0.93 else r.choice(IDS) if x < 0.99 else r.choice(BAD_IDS)

    def stream_bound(self):
        x = self.r.random()
        return (b"(" if x < 0.15 else b"") + self.stream_id() if x < 0.6 else self.r.choice([b"-", b"+", b"0", b"+"])

    def stream_group(self):
        return self.r.choice(GROUPS[:1] * 4 + GROUPS + ([b"none"] if self.r.random() < 0.1 else []))

    def stream_consumer(self):
        return self.r.choice(CONSUMERS[:2] * 3 + CONSUMERS)

    def stream_count(self):
        return [self.case(b"COUNT"), b"%d" % self.r.randrange(-1, 8) if self.r.random() < 0.97 else self.integer()]

    def stream_trim_words(self):
        r = self.r
        out = [self.case(b"MAXLEN")] if r.random() < 0.6 else [self.case(b"MINID")]
        bound = b"%d" % r.randrange(0, 25) if out[0].upper() == b"MAXLEN" else self.stream_id()
        sign = r.choice([[], [b"="], [b"~"], [b"~"]])
        out += sign + [bound if r.random() < 0.97 else self.integer()]
        if r.random() < (0.4 if sign == [b"~"] else 0.03):
            out += [self.case(b"LIMIT"), b"%d" % r.randrange(-1, 30) if r.random() < 0.9 else self.integer()]
        return out

    def stream_add(self):
        r = self.r
        argv = [b"XADD", self.stream_key()]
        if r.random() < 0.1:
            argv.append(self.case(b"NOMKSTREAM"))
        if r.random() < 0.12:
            argv += self.stream_trim_words()
        x = r.random()
        if x < 0.5:
            self.last_ms += r.randrange(2)
            argv.append(b"%d-*" % self.last_ms)
        elif x < 0.9:
            self.last_ms += 1
            argv.append(b"%d-%d" % (self.last_ms, r.randrange(3)))
        else:
            argv.append(self.stream_id())
        names = FIELDS[:2] if r.random() < 0.7 else r.choices(FIELDS, k=r.randrange(1, 5))
        for f in names:
            argv += [f, self.word()]
        return argv if r.random() < 0.99 else argv[:-1]

    def stream_range(self):
        r = self.r
        argv = [b"XRANGE", self.stream_key(), self.stream_bound(), self.stream_bound()]
        if r.random() < 0.5:
            argv[2:] = [b"-", b"+"]
        if r.random() < 0.5:
            argv[0], argv[2], argv[3] = b"XREVRANGE", argv[3], argv[2]
        for _ in range(r.choice([0, 0, 1, 1, 1, 2])):
            argv += self.stream_count()
        return argv

    def stream_read(self):
        r = self.r
        argv = [b"XREAD"]
        parts = [self.stream_count()] if r.random() < 0.6 else []
        if r.random() < 0.06:
            parts.append([self.case(b"BLOCK"), b"1" if r.random() < 0.8 else r.choice([b"-1", b"abc", b"1.5", b"9223372036854775808"])])
        if r.random() < 0.02:
            parts.append([b"NOACK"] if r.random() < 0.5 else [b"GROUP", b"g1", b"alice"])
        r.shuffle(parts)
        n = r.choice([1, 1, 1, 2, 2, 3])
        argv += [w for p in parts for w in p] + [self.case(b"STREAMS")] + [self.stream_key() for _ in range(n)]
        return argv + [self.stream_id() if r.random() < 0.8 else r.choice([b"0", b"0", b"$", b">"]) for _ in range(n if r.random() < 0.99 else n - 1)]

    def stream_read_group(self):
        r = self.r
        parts = [[self.case(b"GROUP"), self.stream_group(), self.stream_consumer()]] if r.random() < 0.99 else []
        if r.random() < 0.7:
            parts.append(self.stream_count())
        if r.random() < 0.12:
            parts.append([self.case(b"NOACK")])
        if r.random() < 0.03:
            parts.append([self.case(b"BLOCK"), b"1"])
        r.shuffle(parts)
        n = r.choice([1, 1, 1, 1, 2])
        argv = [b"XREADGROUP"] + [w for p in parts for w in p] + [self.case(b"STREAMS")] + [self.stream_key() for _ in range(n)]
        return argv + [b">" if r.random() < 0.7 else self.stream_id() if r.random() < 0.5 else b"0" if r.random() < 0.95 else b"$" for _ in range(n)]

    def stream_group_command(self):
        r = self.r
        x = r.random()
        at = r.choice([b"0", b"$", b"$", self.stream_id()])
        read = [self.case(b"ENTRIESREAD"), b"%d" % r.randrange(-2, 60) if r.random() < 0.9 else r.choice([b"abc", b"-7", b"4611686018427387904"])] if r.random() < 0.3 else []
        if x < 0.45:
            return [b"XGROUP", self.case(b"CREATE"), self.stream_key(), self.stream_group(), at] + ([self.case(b"MKSTREAM")] if r.random() < 0.4 else []) + read
        if x < 0.65:
            return [b"XGROUP", self.case(b"SETID"), self.stream_key(), self.stream_group(), at] + read
        if x < 0.71:
            return [b"XGROUP", self.case(b"DESTROY"), self.stream_key(), self.stream_group()]
        if x < 0.97:
            return [b"XGROUP", self.case(r.choice([b"CREATECONSUMER", b"DELCONSUMER"])), self.stream_key(), self.stream_group(), self.stream_consumer()]
        return r.choice([[b"XGROUP"], [b"XGROUP", b"FOO", b"x1"], [b"XGROUP", b"HELP"], [b"XGROUP", b"CREATE", b"x1", b"g1"], [b"XGROUP", b"CREATE", b"x1", b"g1", b"0", b"FOO"], [b"XGROUP", b"DESTROY", b"x1", b"g1", b"x"]])

    def stream_ack(self):
        r = self.r
        return [b"XACK", self.stream_key(), self.stream_group()] + [self.stream_id() for _ in range(r.randrange(1, 5))]

    def stream_pending_words(self):
        r = self.r
        argv = [b"XPENDING", self.stream_key(), self.stream_group()]
        if r.random() < 0.3:
            return argv
        if r.random() < 0.3:
            argv += [self.case(b"IDLE"), r.choice([b"0", HOUR, HOUR, b"-1", b"abc"])]
        argv += r.choice([[b"-", b"+"], [self.stream_bound(), self.stream_bound()]]) + [b"%d" % r.randrange(-1, 12) if r.random() < 0.97 else self.integer()]
        return argv + ([self.stream_consumer()] if r.random() < 0.4 else [])

    def stream_claim(self):
        r = self.r
        argv = [b"XCLAIM", self.stream_key(), self.stream_group(), self.stream_consumer(), r.choice([b"0", b"0", HOUR, b"-5", b"abc"] if r.random() < 0.1 else [b"0", HOUR])]
        argv += [self.stream_id() for _ in range(r.randrange(1, 6))]
        parts = [[self.case(b"FORCE")], [self.case(b"JUSTID")], [self.case(b"IDLE"), r.choice([LONG_AGO, b"0", b"-10000000"])], [self.case(b"TIME"), r.choice([b"1", b"-5", b"1000000", b"9000000000000"])],
                 [self.case(b"RETRYCOUNT"), b"%d" % r.randrange(-1, 9)], [self.case(b"LASTID"), self.stream_id()], [b"FOO"], [b"IDLE", b"x"]]
        chosen = r.choices(parts, weights=[6, 3, 3, 3, 3, 2, 0.1, 0.1], k=r.randrange(0, 4))
        return argv + [w for p in chosen for w in p]

    def stream_autoclaim(self):
        r = self.r
        argv = [b"XAUTOCLAIM", self.stream_key(), self.stream_group(), self.stream_consumer(), r.choice([b"0", b"0", HOUR, b"-5"]), r.choice([b"0", b"-", self.stream_bound()])]
        parts = [[self.case(b"JUSTID")], [self.case(b"COUNT"), b"%d" % r.randrange(0, 6) if r.random() < 0.98 else b"abc"], [b"FOO"]]
        return argv + [w for p in r.choices(parts, weights=[3, 6, 0.1], k=r.randrange(0, 3)) for w in p]

    def stream_delete(self):
        r = self.r
        return [b"XDEL", self.stream_key()] + [self.stream_id() for _ in range(r.randrange(1, 4))]

    def stream_trim(self):
        return [b"XTRIM", self.stream_key()] + (self.stream_trim_words() if self.r.random() < 0.98 else [b"LIMIT", b"0"])

    def stream_set_id(self):
        r = self.r
        argv = [b"XSETID", self.stream_key(), b"%d-%d" % (self.last_ms + r.randrange(-3, 2), r.randrange(3)) if r.random() < 0.8 else self.stream_id()]
        if r.random() < 0.4:
            argv += [self.case(b"ENTRIESADDED"), b"%d" % r.randrange(-1, 200)]
        if r.random() < 0.3:
            argv += [self.case(b"MAXDELETEDID"), self.stream_id()]
        return argv

    def stream_info(self):
        r = self.r
        x = r.random()
        key = self.stream_key()
        if x < 0.35:
            return [b"XINFO", self.case(b"STREAM"), key]
        if x < 0.6:
            return [b"XINFO", self.case(b"STREAM"), key, self.case(b"FULL")] + (self.stream_count() if r.random() < 0.6 else [])
        if x < 0.78:
            return [b"XINFO", self.case(b"GROUPS"), key]
        if x < 0.96:
            return [b"XINFO", self.case(b"CONSUMERS"), key, self.stream_group()]
        return r.choice([[b"XINFO"], [b"XINFO", b"FOO", key], [b"XINFO", b"HELP"], [b"XINFO", b"STREAM", key, b"FOO"], [b"XINFO", b"STREAM", key, b"FULL", b"COUNT"], [b"XINFO", b"STREAM", key, b"FULL", b"FOO", b"1"]])

    def stream_about(self):
        r = self.r
        x = r.random()
        key = self.stream_key()
        return [b"XLEN", key] if x < 0.5 else [r.choice([b"DEL", b"TYPE", b"EXISTS", b"PERSIST"]), key] if x < 0.58 else [b"OBJECT", b"ENCODING", key] if x < 0.7 else \
            [b"COPY", key, self.stream_key(), b"REPLACE"] if x < 0.9 else [b"RENAME", key, self.stream_key()]


GRAMMAR = [(30, "stream_add"), (10, "stream_range"), (10, "stream_read"), (14, "stream_read_group"), (8, "stream_group_command"), (6, "stream_ack"), (7, "stream_pending_words"), (7, "stream_claim"),
           (6, "stream_autoclaim"), (7, "stream_delete"), (4, "stream_trim"), (3, "stream_set_id"), (7, "stream_info"), (5, "stream_about")]
EXPLAINED = {b"XPENDING": compare_pending, b"XINFO": compare_info, b"XREAD": compare_read, b"XREADGROUP": compare_read, b"XGROUP": compare_group}
