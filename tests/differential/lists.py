"""Lists, for diff.py: see FAMILIES there."""

KEYS = [b"l1", b"l2", b"{t}l", b"l3"]
ELEMENTS = [b"", b"a", b"b", b"c", b"1", b"-1", b"127", b"128", b"4095", b"-4096", b"32768", b"8388607", b"2147483648", b"9223372036854775807", b"1.0", b"01", b"x" * 63, b"y" * 64,
            b"z" * 200, b"w" * 4200, b"\x00\xff"]
SIZES = [b"-2", b"-1", b"1", b"2", b"3", b"4", b"7", b"16", b"0", b"100", b"-5", b"-9"]


def begin(r):
    """Commands at the start of a round."""
    return [[b"CONFIG", b"SET", b"list-max-listpack-size", r.choice(SIZES)]]


def compare_encoding(a, b, argv):
    return b if argv[1:2] and argv[1].upper() == b"ENCODING" and a == ("$", b"listpack") and b == ("$", b"quicklist") else a  # 7.0 packs no list


def compare_rank(a, b, argv):
    return b if a[1] == b"ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807" else a  # 7.0 takes it for -1, 7.2 does not


class Family:
    def list_key(self):
        return self.key() if self.r.random() < 0.08 else self.r.choice(KEYS)

    def element(self):
        r = self.r
        return r.choice(ELEMENTS[:8]) if r.random() < 0.6 else r.choice(ELEMENTS) if r.random() < 0.7 else b"%d" % r.randrange(-300, 300)

    def position(self):
        r = self.r
        x = r.random()
        return b"%d" % r.randrange(-8, 8) if x < 0.5 else b"%d" % r.randrange(-80, 80) if x < 0.9 else self.integer()

    def list_end(self):
        return self.case(self.r.choice([b"LEFT", b"RIGHT"])) if self.r.random() < 0.98 else b"UP"

    def list_push(self):
        r = self.r
        n = 1 if r.random() < 0.6 else r.randrange(1, 12) if r.random() < 0.95 else r.randrange(1, 120)
        return [r.choice([b"LPUSH", b"RPUSH", b"LPUSH", b"RPUSH", b"LPUSHX", b"RPUSHX"]), self.list_key()] + [self.element() for _ in range(n)]

    def list_pop(self):
        r = self.r
        argv = [r.choice([b"LPOP", b"RPOP"]), self.list_key()]
        return argv + [self.position() if r.random() < 0.3 else b"%d" % r.randrange(0, 6)] if r.random() < 0.4 else argv

    def list_read(self):
        r = self.r
        x = r.random()
        if x < 0.2:
            return [b"LLEN", self.list_key()]
        if x < 0.5:
            return [b"LINDEX", self.list_key(), self.position()]
        return [b"LRANGE", self.list_key()] + ([b"0", b"-1"] if r.random() < 0.5 else [self.position(), self.position()])

    def list_set(self):
        return [b"LSET", self.list_key(), self.position(), self.element()]

    def list_insert(self):
        return [b"LINSERT", self.list_key(), self.case(self.r.choice([b"BEFORE", b"AFTER"])) if self.r.random() < 0.97 else b"BESIDE", self.element(), self.element()]

    def list_remove(self):
        r = self.r
        return [b"LREM", self.list_key(), b"%d" % r.randrange(-3, 4) if r.random() < 0.9 else self.integer(), self.element()]

    def list_trim(self):
        r = self.r
        if r.random() < 0.4:
            return [b"LTRIM", self.list_key(), b"%d" % r.randrange(0, 3), b"%d" % -r.randrange(1, 4)]
        return [b"LTRIM", self.list_key(), self.position(), self.position()]

    def list_pos(self):
        r = self.r
        argv = [b"LPOS", self.list_key(), self.element()]
        for word in (b"RANK", b"COUNT", b"MAXLEN"):
            if r.random() < 0.35:
                argv += [self.case(word), b"%d" % r.randrange(-3, 5) if r.random() < 0.85 else self.integer()]
        return argv

    def list_move(self):
        r = self.r
        if r.random() < 0.3:
            return [b"RPOPLPUSH", self.list_key(), self.list_key()]
        return [b"LMOVE", self.list_key(), self.list_key(), self.list_end(), self.list_end()]

    def list_mpop(self):
        r = self.r
        n = r.randrange(1, 5)
        argv = [b"LMPOP", b"%d" % n if r.random() < 0.93 else self.integer()] + [self.list_key() for _ in range(n)] + [self.list_end()]
        if r.random() < 0.5:
            argv += [self.case(b"COUNT"), b"%d" % r.randrange(0, 6) if r.random() < 0.85 else self.integer()]
        return argv

    def list_about(self):
        r = self.r
        return [r.choice([b"DEL", b"TYPE", b"EXISTS", b"PERSIST"]), self.list_key()] if r.random() < 0.4 else [b"OBJECT", b"ENCODING", self.list_key()] if r.random() < 0.5 else \
            [b"COPY", self.list_key(), self.list_key(), b"REPLACE"] if r.random() < 0.5 else [b"RENAME", self.list_key(), self.list_key()]


GRAMMAR = [(20, "list_push"), (9, "list_pop"), (12, "list_read"), (5, "list_set"), (7, "list_insert"), (5, "list_remove"), (2, "list_trim"), (5, "list_pos"), (6, "list_move"), (3, "list_mpop"), (4, "list_about")]
EXPLAINED = {b"OBJECT": compare_encoding, b"LPOS": compare_rank}
