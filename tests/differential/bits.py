"""Bits of strings, for diff.py: see FAMILIES there."""
import txns

KEYS = []
INTS = [b"0", b"1", b"-1", b"10", b"-7", b"9999", b"9223372036854775807", b"-9223372036854775808", b"9223372036854775806", b"4611686018427387904"]
NOT_INTS = [b"9223372036854775808", b"1.5", b"abc", b"", b" 1", b"+1", b"01", b"-0", b"1e3", b"--1", b"1\x00"]
EXPLAINED = {}
GRAMMAR = [(1, "setbit"), (0.5, "getbit"), (1, "bitcount"), (1, "bitpos"), (1, "bitop"), (2, "bitfield")]


def begin(r):
    return []


def number(n):
    return b"%d" % n


class Family:
    def bit(self):
        r = self.r
        x = r.random()
        return number(r.randrange(0, 80)) if x < 0.7 else number(r.randrange(0, 6000)) if x < 0.94 else r.choice([b"4294967295", b"4294967296", b"9223372036854775807", b"-1", b"100000"] + NOT_INTS)

    def setbit(self):
        r = self.r
        offset = self.bit() if r.random() < 0.97 else b"99999"
        return [b"SETBIT", self.key(), b"70000" if offset == b"4294967295" else offset, r.choice([b"0", b"1"]) if r.random() < 0.95 else r.choice([b"2", b"-1", b"4294967296"] + NOT_INTS)]

    def getbit(self):
        return [b"GETBIT", self.key(), self.bit()]

    def bits_range(self):
        """[start [end [unit]]]"""
        r = self.r
        wide = r.random() < 0.5
        def at():
            return (number(r.randrange(-500, 500)) if wide else number(r.randrange(-40, 40))) if r.random() < 0.94 else self.integer()
        out = [at(), at()][:r.choice([0, 1, 2, 2, 2, 2])]
        if r.random() < 0.6:
            out.append(self.case(r.choice([b"BIT", b"BIT", b"BIT", b"BYTE", b"BYTE", b"FOO"])))
        return out

    def bitcount(self):
        return [b"BITCOUNT", self.key()] + self.bits_range()

    def bitpos(self):
        r = self.r
        return [b"BITPOS", self.key(), r.choice([b"0", b"1"]) if r.random() < 0.95 else r.choice([b"2", b"-1"] + NOT_INTS)] + self.bits_range()

    def bitop(self):
        r = self.r
        op = r.choice([b"AND", b"OR", b"XOR", b"NOT"]) if r.random() < 0.97 else r.choice([b"NAND", b"", b"ANDX"])
        return [b"BITOP", self.case(op), self.key()] + [self.key() for _ in range(1 if op == b"NOT" and r.random() < 0.9 else r.choice([1, 2, 2, 3, 4, 7, 18]))]

    def bitfield_type(self):
        r = self.r
        if r.random() < 0.03:
            return r.choice([b"u64", b"i65", b"i0", b"u0", b"x8", b"u", b"", b"8", b"I8", b"i-1", b"u 8"])
        return r.choice([b"i8", b"u8", b"i5", b"u3", b"i64", b"u63", b"i1", b"u1", b"i33", b"u32", b"i%d" % r.randrange(1, 65), b"u%d" % r.randrange(1, 64)])

    def bitfield_value(self, sat):
        """Redis puts a number far below all that fits on the upper limit under OVERFLOW SAT; Kora on the lower one."""
        r = self.r
        x = r.random()
        n = r.choice(INTS) if x < 0.25 else number(r.randrange(-300, 300)) if x < 0.7 else number(r.randrange(-2**62, 2**63)) if x < 0.97 else r.choice(NOT_INTS)
        return b"-77" if sat and n in INTS and int(n) < -2**62 else n

    def bitfield(self):
        r = self.r
        argv, sat = [r.choice([b"BITFIELD", b"BITFIELD", b"BITFIELD", b"BITFIELD_RO"]), self.key()], False
        gets = argv[0] == b"BITFIELD_RO" and r.random() < 0.8
        for _ in range(r.choice([0, 1, 1, 2, 3, 3, 5, 20])):
            x = r.random()
            # "#n" beyond 64 bits wraps around in Redis
            where = b"#%d" % r.randrange(0, 40) if r.random() < 0.35 else self.bit() if r.random() < 0.95 else r.choice([b"#", b"#-1", b"#x", b"##1", b"#9223372036854775808"])
            if x < 0.3 or gets:
                argv += [self.case(b"GET"), self.bitfield_type(), where]
                continue
            where = b"4000" if where == b"4294967295" else where
            if x < 0.5:
                # The string grows even if nothing is written, of which Redis does not tell who watches it; Kora does.
                rule = r.choice([b"WRAP", b"SAT"] if argv[1] in txns.WATCHED else [b"WRAP", b"SAT", b"FAIL"]) if r.random() < 0.97 else b"FOO"
                sat = rule == b"SAT"
                argv += [self.case(b"OVERFLOW"), self.case(rule)]
            argv += [self.case(r.choice([b"SET", b"INCRBY"])), self.bitfield_type(), where, self.bitfield_value(sat)]
        return argv
