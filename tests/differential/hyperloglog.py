"""HyperLogLogs, for diff.py: see FAMILIES there.

They have names of their own, or nearly all commands would meet another string. OBJECT ENCODING is not asked of these: reading a short one makes it "raw"
in Redis."""

KEYS = []
HLL_KEYS = [b"hll:1", b"hll:2", b"{t}hll"]
LIMITS = [b"3000", b"3000", b"3000", b"100", b"0", b"20000", b"1kb"]
# Too short, of no known encoding, dense and sparse of the wrong length (without any register: of a part of them PFADD could change some before it fails, and
# Redis leaves that); then good ones.
HLLS = [b"HYLL", b"HYLL\x02" + b"\0" * 60, b"HYLL\x00" + b"\0" * 60, b"HYLL\x01" + b"\0" * 9, b"HYLL\x01" + b"\0" * 10 + b"\x80", b"hyll" + b"\0" * 40,
        b"HYLL\x01" + b"\0" * 10 + b"\x80" + b"\x80\x84" * 20 + b"\x7f\xd7", b"HYLL\0" + b"\0" * 10 + b"\x80" + b"\x41\x10\x04" * 4096]
GRAMMAR = [(2, "pfadd"), (1, "pfcount"), (0.6, "pfmerge"), (1, "pfother")]


def begin(r):
    """Commands at the start of a round."""
    return [[b"CONFIG", b"SET", b"hll-sparse-max-bytes", r.choice(LIMITS)]]


def compare_keys(a, b, argv):
    return b if len(argv) == 4 and argv[2].upper() == b"PFMERGE" else a    # 7.0 refuses to find the key of a PFMERGE that has only one


EXPLAINED = {b"COMMAND": compare_keys}


class Family:
    def hll_key(self):
        r = self.r
        return r.choice(HLL_KEYS) if r.random() < 0.9 else self.key()

    def pfadd(self):
        r = self.r
        if r.random() < 0.06:
            first = r.randrange(0, 5000)
            return [b"PFADD", self.hll_key()] + [b"e%d" % i for i in range(first, first + r.choice([100, 300, 300, 700, 1500]))]
        few = r.random() < 0.3
        return [b"PFADD", self.hll_key()] + [b"e%d" % r.randrange(20 if few else 100000) if r.random() < 0.9 else self.word() for _ in range(r.choice([0, 1, 1, 2, 5, 20]))]

    def pfcount(self):
        r = self.r
        return [b"PFCOUNT"] + [self.hll_key() for _ in range(r.choice([1, 1, 1, 2, 3, 6]))]

    def pfmerge(self):
        r = self.r
        return [b"PFMERGE"] + [self.hll_key() for _ in range(r.choice([1, 2, 2, 3]))]

    def pfother(self):
        """Whole strings, and what users may have written: too short, of no kind, with runs that end too early, dense of the wrong length."""
        r = self.r
        k = self.hll_key()
        x = r.random()
        if x < 0.35:
            return [b"GET", k]
        if x < 0.55:
            return [r.choice([b"STRLEN", b"DEL", b"DEL"]), k]
        # OBJECT ENCODING is not asked of these: reading a short one makes it "raw" in Redis
        k, other = r.choice(HLL_KEYS), r.choice(HLL_KEYS)
        if x < 0.65:
            return [b"COPY", k, other, b"REPLACE"]
        if x < 0.75:
            return [b"SET", k, r.choice(HLLS)]
        if x < 0.9:
            return [b"DEL"] + HLL_KEYS[:r.choice([1, 2, 3])]
        return [r.choice([b"PFADD", b"PFCOUNT", b"PFMERGE"]), k, b"a", b"b"]
