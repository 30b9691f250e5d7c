"""Sets, for diff.py: see FAMILIES there."""

KEYS = [b"s:1", b"s:2", b"s:3", b"{t}s", b"s:{t}x"]
MEMBERS = [b"%d" % n for n in range(-3, 14)] + [b"a", b"b", b"c", b"", b"01", b"+1", b"1.0", b"member", b"\x00\xff", b"32767", b"32768", b"-32769", b"2147483648", b"9223372036854775807",
           b"-9223372036854775808", b"9223372036854775808", b"m" * 40, b"m" * 41, b"m" * 300]
PATTERNS = [b"*", b"1*", b"m*", b"?", b"a*", b"[a-c]", b"[^a]", b"[0-9]", b"\\a", b"nope", b"", b"[", b"\x00*"]
COUNTS = [b"9223372036854775807", b"9223372036854775808", b"1000", b"-9223372036854775808", b"abc", b"", b"1.5", b" 1", b"01", b"-0"]


def begin(r):
    """Commands at the start of a round."""
    return [[b"CONFIG", b"SET", b"set-max-intset-entries", r.choice([b"0", b"1", b"3", b"8", b"8", b"512"])],
            [b"CONFIG", b"SET", b"set-max-listpack-entries", r.choice([b"0", b"1", b"3", b"10", b"10", b"128"])],
            [b"CONFIG", b"SET", b"set-max-listpack-value", r.choice([b"0", b"3", b"40", b"64", b"1000"])]]


def compare_all(a, b, argv):
    """No order."""
    return b if a[0] == b[0] and a[0] in "*~" and sorted(a[1]) == sorted(b[1]) else a


def compare_scan(a, b, argv):
    """No order; a member may be told twice. (A cursor with a zero byte inside is no cursor.)"""
    if a == ("-", b"ERR invalid cursor") and b"\0" in argv[2]:
        return b
    if a[0] != "*" or b[0] != "*":
        return a
    if argv[2:5] != [b"0", b"COUNT", b"1000"]:
        return b # each has cursors of its own
    return b if a[1][0] == b[1][0] and set(a[1][1][1]) == set(b[1][1][1]) else a


def compare_encoding(a, b, argv):
    # Small sets are packed since 7.2. It looks at how many members a SADD names, too (duplicates as well), to choose for a new set.
    return b if argv[1:2] and argv[1].upper() == b"ENCODING" and a[1] in (b"listpack", b"hashtable") and b[1] in (b"hashtable", b"intset") else a


def compare_config(a, b, argv):
    return b if len(argv) == 4 and argv[2].startswith(b"set-max-listpack-") else a # 7.0 has no such settings


def take_random(mine, theirs, client, argv):
    """What chance has chosen here must be what it might have chosen there; what was taken here is taken there, too. (mine, theirs) if they differ."""
    a = mine.ask(client, argv)
    if a[0] in "-_" or a[1] == []:
        b = theirs.ask(client, argv)
        return None if a == b else (a, b)
    pop, key, members = argv[0].upper() == b"SPOP", argv[1], [v for _, v in a[1]] if a[0] in "*~" else [a[1]]
    count = int(argv[2]) if len(argv) > 2 else None
    there = theirs.ask(client, [b"SCARD", key])
    size = int(there[1]) if there[0] == ":" else 0
    wanted = 1 if count is None else -count if count < 0 else min(count, size)
    kind = "$" if count is None else a[0] if pop and a[0] in "*~" else "*"
    known = theirs.ask(client, [b"SMISMEMBER", key] + members)
    twice = (count is None or count > 0) and len(set(members)) < len(members)
    if a[0] != kind or len(members) != wanted or twice or known != ("*", [(":", b"1")] * len(members)):
        return a, theirs.ask(client, [b"SMEMBERS", key])
    if pop:
        theirs.ask(client, [b"SREM", key] + members)
    return None


class Family:
    def set_key(self):
        return self.r.choice(KEYS) if self.r.random() < 0.97 else self.key()

    def set_member(self):
        return self.r.choice(MEMBERS) if self.r.random() < 0.95 else self.word()

    def set_members(self):
        return [self.set_member() for _ in range(self.r.choice([1, 1, 1, 1, 2, 3, 5, 5, 20]))]

    def set_add(self):
        return [self.r.choice([b"SADD", b"SADD", b"SADD", b"SREM"]), self.set_key()] + self.set_members()

    def set_read(self):
        r = self.r
        name = r.choice([b"SMEMBERS", b"SCARD", b"SISMEMBER", b"SMISMEMBER", b"OBJECT", b"TYPE"])
        if name == b"OBJECT":
            return [name, b"ENCODING", self.set_key()]
        return [name, self.set_key()] + ([self.set_member()] if name == b"SISMEMBER" else self.set_members() if name == b"SMISMEMBER" else [])

    def set_scan(self):
        r = self.r
        argv = [b"SSCAN", self.set_key(), b"0", b"COUNT", b"1000"]
        x = r.random()
        if x < 0.5:
            argv += [self.case(b"MATCH"), r.choice(PATTERNS)]
        elif x < 0.6:
            argv = argv[:2] + [r.choice([b"abc", b"-", b"", b"18446744073709551616"])]
        elif x < 0.7:
            argv[-1] = r.choice([b"0", b"-5", b"abc", b"9223372036854775808"])
        elif x < 0.75:
            argv += r.choice([[b"TYPE", b"set"], [b"FOO"], [b"MATCH"]])
        return argv

    def set_random(self):
        r = self.r
        x = r.random()
        count = [] if x < 0.4 else [b"%d" % r.randrange(0, 12)] if x < 0.75 else [b"%d" % r.randrange(-30, 0)] if x < 0.9 else [r.choice(COUNTS)]
        return [r.choice([b"SPOP", b"SRANDMEMBER"]), self.set_key()] + count

    def set_move(self):
        return [b"SMOVE", self.set_key(), self.set_key(), self.set_member()]

    def set_algebra(self):
        r = self.r
        keys = [self.set_key() for _ in range(r.choice([1, 2, 2, 2, 3, 4, 9, 20]))]
        name = r.choice([b"SINTER", b"SUNION", b"SDIFF"])
        return [name + b"STORE", self.set_key()] + keys if r.random() < 0.5 else [name] + keys

    def set_intercard(self):
        r = self.r
        keys = [self.set_key() for _ in range(r.choice([1, 2, 2, 3]))]
        count = b"%d" % len(keys) if r.random() < 0.93 else self.integer()
        limit = [] if r.random() < 0.4 else [self.case(b"LIMIT"), b"%d" % r.randrange(0, 8) if r.random() < 0.9 else self.integer()]
        return [b"SINTERCARD", count] + keys + limit

    def set_key_command(self):
        r = self.r
        a, b = r.choice(KEYS), r.choice(KEYS)
        return r.choice([[b"DEL", a], [b"RENAME", a, b], [b"RENAMENX", a, b], [b"COPY", a, b], [b"COPY", a, b, b"REPLACE"], [b"PEXPIREAT", a, b"9000000000000"], [b"PERSIST", a], [b"MOVE", a, b"1"]])


GRAMMAR = [(12, "set_add"), (8, "set_read"), (2, "set_scan"), (5, "set_random"), (3, "set_move"), (8, "set_algebra"), (3, "set_intercard"), (2, "set_key_command")]
EXPLAINED = {b"SMEMBERS": compare_all, b"SINTER": compare_all, b"SUNION": compare_all, b"SDIFF": compare_all, b"SSCAN": compare_scan, b"OBJECT": compare_encoding,
             b"CONFIG": compare_config}
ALONE = {b"SPOP": take_random, b"SRANDMEMBER": take_random}
