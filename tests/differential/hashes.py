"""Hashes, for diff.py: see FAMILIES there. (The expiry of fields is newer than the peer.)"""

KEYS = [b"h1", b"h2", b"{t}h", b"h3"]
FIELDS = [b"", b"a", b"b", b"c", b"ab", b"1", b"-1", b"127", b"128", b"4096", b"9223372036854775807", b"1.0", b"01", b"x" * 4, b"y" * 9, b"z" * 63, b"z" * 64, b"z" * 65, b"w" * 300, b"\x00\xff"]


def begin(r):
    """Commands at the start of a round."""
    return [[b"CONFIG", b"SET", b"hash-max-listpack-entries", r.choice([b"0", b"1", b"2", b"3", b"5", b"9", b"16", b"128"])],
            [b"CONFIG", b"SET", b"hash-max-listpack-value", r.choice([b"0", b"3", b"8", b"64", b"64", b"1000"])]]


def pairs(flat):
    return sorted(zip(flat[::2], flat[1::2]))


def compare_all(a, b, argv):
    """No order."""
    return b if a[0] == b[0] and a[0] in "*%" and pairs(a[1]) == pairs(b[1]) and len(a[1]) == len(b[1]) else a


def compare_half(a, b, argv):
    """No order."""
    return b if a[0] == b[0] == "*" and sorted(a[1]) == sorted(b[1]) else a


def compare_random(a, b, argv):
    """Chance, but as many; those that are asked for all are all."""
    if a[0] == b[0] == "$":
        return b
    if a[0] != "*" or b[0] != "*" or len(a[1]) != len(b[1]):
        return a
    if len(argv) > 2 and argv[2] == b"1000":
        flat = len(argv) > 3 and (not a[1] or a[1][0][0] != "*")
        return b if (pairs(a[1]) == pairs(b[1]) if flat else sorted(map(repr, a[1])) == sorted(map(repr, b[1]))) else a
    return b


def compare_scan(a, b, argv):
    """No order."""
    if a[0] != "*" or b[0] != "*":
        return a
    if argv[2:5] != [b"0", b"COUNT", b"1000"]:
        return b # each has cursors of its own
    return b if a[1][0] == b[1][0] and pairs(a[1][1][1]) == pairs(b[1][1][1]) else a


class Family:
    def hash_key(self):
        return self.key() if self.r.random() < 0.05 else self.r.choice(KEYS)

    def hash_field(self):
        r = self.r
        x = r.random()
        return r.choice(FIELDS[:8]) if x < 0.55 else r.choice(FIELDS) if x < 0.8 else b"%d" % r.randrange(-30, 300) if x < 0.9 else b"f%d" % r.randrange(40)

    def hash_fields(self):
        r = self.r
        return [self.hash_field() for _ in range(r.randrange(1, 4) if r.random() < 0.8 else r.randrange(1, 30))]

    def hash_set(self):
        r = self.r
        argv = [r.choices([b"HSET", b"HMSET", b"HSETNX"], weights=[6, 2, 2])[0], self.hash_key()]
        for f in self.hash_fields()[:1 if argv[0] == b"HSETNX" else 99]:
            argv += [f, self.word()]
        return argv

    def hash_get(self):
        r = self.r
        return [r.choice([b"HGET", b"HGET", b"HEXISTS", b"HSTRLEN"]), self.hash_key(), self.hash_field()]

    def hash_many(self):
        return [self.r.choice([b"HMGET", b"HMGET", b"HDEL", b"HDEL", b"HDEL"]), self.hash_key()] + self.hash_fields()

    def hash_whole(self):
        return [self.r.choice([b"HGETALL", b"HGETALL", b"HKEYS", b"HVALS", b"HLEN", b"HLEN", b"TYPE"]), self.hash_key()]

    def hash_count(self):
        r = self.r
        if r.random() < 0.6:
            return [b"HINCRBY", self.hash_key(), self.hash_field(), self.integer()]
        return [b"HINCRBYFLOAT", self.hash_key(), self.hash_field(), self.incrbyfloat()[2]]

    def hash_number(self):
        r = self.r
        return [b"HSET", self.hash_key(), self.hash_field(), r.choice([b"%d" % r.randrange(-100, 100), b"9223372036854775807", b"-9223372036854775808", b"1.5", b"3.0e3", b"12345678901234567890"])]

    def hash_random(self):
        r = self.r
        argv = [b"HRANDFIELD", self.hash_key()]
        if r.random() < 0.8:
            argv.append(r.choice([b"1000", b"1000", b"1", b"2", b"5", b"0", b"-1", b"-7", b"-40"]) if r.random() < 0.85 else r.choice([b"9223372036854775807", b"9223372036854775808", b"abc", b"", b"-9223372036854775808"]))
            if r.random() < 0.4 and argv[-1][:4] != b"-922":
                argv.append(self.case(b"WITHVALUES"))
        return argv

    def hash_scan(self):
        r = self.r
        argv = [b"HSCAN", self.hash_key(), b"0", b"COUNT", b"1000"]
        x = r.random()
        if x < 0.5:
            argv += [self.case(b"MATCH"), r.choice([b"*", b"a*", b"f?", b"[a-c]", b"", b"nope", b"1*", b"f[0-9]"])]
        elif x < 0.6:
            argv = argv[:2] + [r.choice([b"abc", b"", b"18446744073709551616", b" 0"])]
        elif x < 0.7:
            argv[-1] = r.choice([b"0", b"-5", b"abc", b"1", b"9223372036854775808"])
        elif x < 0.75:
            argv.append(r.choice([b"TYPE", b"MATCH", b"FOO"]))
        return argv

    def hash_object(self):
        return [b"OBJECT", b"ENCODING", self.r.choice(KEYS)]

    def hash_key_command(self):
        r = self.r
        a, b = r.choice(KEYS), r.choice(KEYS)
        return r.choice([[b"DEL", a], [b"RENAME", a, b], [b"COPY", a, b], [b"COPY", a, b, b"REPLACE"], [b"EXISTS", a, b], [b"PEXPIREAT", a, b"9000000000000"], [b"PERSIST", a], [b"MOVE", a, b"1"]])


GRAMMAR = [(10, "hash_set"), (4, "hash_number"), (4, "hash_get"), (5, "hash_many"), (4, "hash_whole"), (4, "hash_count"), (2, "hash_random"), (2, "hash_scan"), (3, "hash_object"), (2, "hash_key_command")]
EXPLAINED = {b"HGETALL": compare_all, b"HKEYS": compare_half, b"HVALS": compare_half, b"HRANDFIELD": compare_random, b"HSCAN": compare_scan}
