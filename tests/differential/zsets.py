"""Sorted sets, for diff.py: see FAMILIES there."""

KEYS = [b"z1", b"z2", b"{t}z", b"z3"]
LEX_KEYS = FIXED_KEYS = [b"zl1", b"zl2"]     # all scores are equal in these
SETS = [b"s1", b"s2"]           # sources of unions that are sets
MEMBERS = [b"", b"a", b"b", b"c", b"ab", b"1", b"-1", b"127", b"128", b"4096", b"9223372036854775807", b"1.0", b"01", b"x" * 4, b"y" * 9, b"z" * 63, b"z" * 64, b"z" * 65, b"w" * 300, b"\x00\xff"]
SCORES = [b"0", b"-0.0", b"1", b"-1", b"2", b"3", b"1.5", b"-2.25", b"0.1", b"0.2", b"0.30000000000000004", b"1e-5", b"1e17", b"123456789012345678", b"4611686018427387904", b"9007199254740993",
          b"1e300", b"-1e300", b"5e-324", b"inf", b"-inf", b"+inf", b"infinity", b"0x10", b"3.0", b"1e22", b"12345678.9", b"-1234567890.5", b"99999999999999990", b"-4611686018427387905"]
BAD_SCORES = [b"nan", b"abc", b"", b" 1", b"1 ", b"1e400", b"1e-400", b"(1", b"1\x00"]
BOUNDS = [b"-inf", b"+inf", b"inf", b"(1", b"(0", b"(-inf", b"(inf", b"1", b"2", b"(2", b"0", b"1.5", b"(1.5", b"0.1", b"(0.1", b"-5", b"100", b"1e400", b" 1", b"", b"("]
BAD_BOUNDS = [b"nan", b"abc", b"[1", b"1 ", b"((1", b"(nan"]
LEX = [b"-", b"+", b"[a", b"(a", b"[b", b"(b", b"[ab", b"(c", b"[", b"(", b"[1", b"(zz", b"[x", b"(\x00"]
BAD_LEX = [b"a", b"", b"--", b"+a", b"1", b"{a"]


def begin(r):
    """Commands at the start of a round."""
    return [[b"CONFIG", b"SET", b"zset-max-listpack-entries", r.choice([b"0", b"1", b"2", b"3", b"5", b"9", b"16", b"128"])],
            [b"CONFIG", b"SET", b"zset-max-listpack-value", r.choice([b"0", b"3", b"8", b"64", b"64", b"1000"])]]


def compare_random(a, b, argv):
    """Chance, but as many."""
    return b if a[0] == b[0] == "$" or a[0] == b[0] == "*" and len(a[1]) == len(b[1]) else a


def compare_scan(a, b, argv):
    """No order."""
    if a[0] != "*" or b[0] != "*":
        return a
    if argv[2:5] != [b"0", b"COUNT", b"1000"]:
        return b # each has cursors of its own
    def pairs(reply):
        flat = reply[1][1][1]
        return reply[1][0], sorted(zip(flat[::2], flat[1::2]))
    return b if pairs(a) == pairs(b) else a


def compare_rank(a, b, argv):
    """WITHSCORE is newer."""
    return b if len(argv) > 3 and b[0] == "-" and b[1].startswith(b"ERR wrong number of arguments") else a


class Family:
    def zset_key(self):
        return self.key() if self.r.random() < 0.05 else self.r.choice(KEYS)

    def zset_source(self):
        return self.r.choice(SETS) if self.r.random() < 0.2 else self.zset_key()

    def zset_member(self):
        r = self.r
        x = r.random()
        return r.choice(MEMBERS[:8]) if x < 0.55 else r.choice(MEMBERS) if x < 0.8 else b"%d" % r.randrange(-30, 300) if x < 0.9 else b"m%d" % r.randrange(40)

    def zset_score_word(self):
        r = self.r
        x = r.random()
        return b"%d" % r.randrange(-5, 10) if x < 0.5 else r.choice(SCORES) if x < 0.8 else b"%.*g" % (r.randrange(1, 18), r.uniform(-100, 100)) if x < 0.985 else r.choice(BAD_SCORES)

    def zset_bound(self):
        r = self.r
        x = r.random()
        return r.choice(BOUNDS[:10]) if x < 0.4 else r.choice(BOUNDS) if x < 0.7 else b"%d" % r.randrange(-5, 10) if x < 0.985 else r.choice(BAD_BOUNDS)

    def zset_lex(self):
        r = self.r
        x = r.random()
        return r.choice(LEX[:2]) if x < 0.3 else r.choice(LEX) if x < 0.98 else r.choice(BAD_LEX)

    def zset_rank_word(self):
        r = self.r
        x = r.random()
        return b"%d" % r.randrange(-6, 8) if x < 0.7 else b"%d" % r.randrange(-150, 150) if x < 0.95 else self.integer()

    def zset_limit(self):
        r = self.r
        return [self.case(b"LIMIT"), b"%d" % r.randrange(-1, 6) if r.random() < 0.97 else self.integer(), b"%d" % r.randrange(-1, 8) if r.random() < 0.97 else self.integer()]

    def zset_add(self):
        r = self.r
        argv = [b"ZADD", self.zset_key()]
        incr = r.random() < 0.15
        for word, chance in ((b"NX", 0.08), (b"XX", 0.1), (b"GT", 0.1), (b"LT", 0.1), (b"CH", 0.25), (b"INCR", 1 if incr else 0)):
            if r.random() < chance:
                argv.append(self.case(word))
        x = r.random()
        n = 1 if x < 0.5 or incr and x < 0.97 else r.randrange(1, 8) if x < 0.9 else r.randrange(8, 40)
        for _ in range(n):
            argv += [self.zset_score_word(), self.zset_member()]
        return argv

    def zset_incrby(self):
        return [b"ZINCRBY", self.zset_key(), self.zset_score_word(), self.zset_member()]

    def zset_remove(self):
        r = self.r
        return [b"ZREM", self.zset_key()] + [self.zset_member() for _ in range(r.randrange(1, 4))]

    def zset_look(self):
        r = self.r
        x = r.random()
        if x < 0.25:
            return [b"ZSCORE", self.zset_key(), self.zset_member()]
        if x < 0.4:
            return [b"ZMSCORE", self.zset_key()] + [self.zset_member() for _ in range(r.randrange(1, 30))]
        if x < 0.55:
            return [b"ZCARD", self.zset_key()]
        if x < 0.9:
            return [r.choice([b"ZRANK", b"ZREVRANK"]), self.zset_key(), self.zset_member()]
        return [b"OBJECT", b"ENCODING", self.zset_key()]

    def zset_range(self):
        r = self.r
        x = r.random()
        store = r.random() < 0.15
        if r.random() < 0.4 and not store:
            argv = [r.choice([b"ZRANGE", b"ZREVRANGE"]), self.zset_key()] + ([b"0", b"-1"] if r.random() < 0.5 else [self.zset_rank_word(), self.zset_rank_word()])
        elif r.random() < 0.4 and not store:
            argv = [r.choice([b"ZRANGEBYSCORE", b"ZREVRANGEBYSCORE"]), self.zset_key(), self.zset_bound(), self.zset_bound()]
            if r.random() < 0.3:
                argv += self.zset_limit()
        else:
            argv = ([b"ZRANGESTORE", self.zset_key()] if store else [b"ZRANGE"]) + [self.zset_key()]
            by = r.random() < 0.6
            argv += [self.zset_bound(), self.zset_bound()] if by else [self.zset_rank_word(), self.zset_rank_word()]
            parts = [[self.case(b"BYSCORE")]] if by else []
            if r.random() < 0.3:
                parts.append([self.case(b"REV")])
            if by and r.random() < 0.3 or r.random() < 0.03:
                parts.append(self.zset_limit())
            r.shuffle(parts)
            argv += [w for p in parts for w in p]
        if r.random() < (0.02 if store else 0.5):
            argv.append(self.case(b"WITHSCORES"))
        return argv

    def zset_by_lex(self):
        r = self.r
        key = r.choice(LEX_KEYS)
        x = r.random()
        if x < 0.4:
            return [b"ZADD", key] + [w for _ in range(r.randrange(1, 6)) for w in (b"0", self.zset_member())]
        if x < 0.5:
            return [b"ZLEXCOUNT", key, self.zset_lex(), self.zset_lex()]
        if x < 0.57:
            return [b"ZREMRANGEBYLEX", key, self.zset_lex(), self.zset_lex()]
        if x < 0.6:
            return [b"ZREM", key, self.zset_member()]
        if x < 0.8:
            argv = [r.choice([b"ZRANGEBYLEX", b"ZREVRANGEBYLEX"]), key, self.zset_lex(), self.zset_lex()]
        else:
            argv = ([b"ZRANGE", key] if r.random() < 0.8 else [b"ZRANGESTORE", self.zset_key(), key]) + [self.zset_lex(), self.zset_lex(), self.case(b"BYLEX")]
            if r.random() < 0.4:
                argv.append(self.case(b"REV"))
        if r.random() < 0.3:
            argv += self.zset_limit()
        if r.random() < 0.03:
            argv.append(b"WITHSCORES")
        return argv

    def zset_count(self):
        return [b"ZCOUNT", self.zset_key(), self.zset_bound(), self.zset_bound()]

    def zset_remove_range(self):
        r = self.r
        if r.random() < 0.5:
            return [b"ZREMRANGEBYRANK", self.zset_key(), self.zset_rank_word(), self.zset_rank_word()]
        return [b"ZREMRANGEBYSCORE", self.zset_key(), self.zset_bound(), self.zset_bound()]

    def zset_pop(self):
        r = self.r
        if r.random() < 0.6:
            argv = [r.choice([b"ZPOPMIN", b"ZPOPMAX"]), self.zset_key()]
            return argv + [b"%d" % r.randrange(0, 6) if r.random() < 0.9 else self.integer()] if r.random() < 0.5 else argv
        n = r.randrange(1, 4)
        argv = [b"ZMPOP", b"%d" % n if r.random() < 0.95 else self.integer()] + [self.zset_key() for _ in range(n)] + [self.case(r.choice([b"MIN", b"MAX"])) if r.random() < 0.97 else b"MID"]
        if r.random() < 0.5:
            argv += [self.case(b"COUNT"), b"%d" % r.randrange(0, 6) if r.random() < 0.9 else self.integer()]
        return argv

    def zset_random(self):
        r = self.r
        argv = [b"ZRANDMEMBER", self.zset_key()]
        if r.random() < 0.7:
            argv.append(b"%d" % r.randrange(-40, 60) if r.random() < 0.95 else r.choice([b"abc", b"", b"-9223372036854775808", b"9223372036854775807", b"1.5"]))
            if r.random() < 0.4:
                argv.append(self.case(b"WITHSCORES") if r.random() < 0.95 else b"WITHSCORE")
        return argv

    def zset_scan(self):
        r = self.r
        return [b"ZSCAN", self.zset_key(), b"0", b"COUNT", b"1000"] + ([b"MATCH", r.choice([b"*", b"a*", b"[0-9]*", b"?"])] if r.random() < 0.5 else []) if r.random() < 0.9 else \
            [b"ZSCAN", self.zset_key(), r.choice([b"abc", b"0"]), r.choice([b"COUNT", b"MATCH", b"FOO", b"NOSCORES"])] + ([b"0"] if r.random() < 0.5 else [])

    def zset_algebra(self):
        r = self.r
        op = r.choice([b"ZUNION", b"ZINTER", b"ZDIFF"])
        store = r.random() < 0.4
        n = r.choice([1, 2, 2, 2, 3, 3, 5])
        argv = [op + b"STORE", self.zset_key()] if store else [op]
        argv += [b"%d" % n if r.random() < 0.97 else self.integer()] + [self.zset_source() for _ in range(n)]
        parts = []
        if op != b"ZDIFF" or r.random() < 0.02:
            if r.random() < 0.4:
                parts.append([self.case(b"WEIGHTS")] + [self.zset_score_word() if r.random() < 0.3 else b"%d" % r.randrange(-2, 4) for _ in range(n if r.random() < 0.97 else n - 1)])
            if r.random() < 0.4:
                parts.append([self.case(b"AGGREGATE"), self.case(r.choice([b"SUM", b"MIN", b"MAX"])) if r.random() < 0.97 else b"AVG"])
        if r.random() < (0.02 if store else 0.6):
            parts.append([self.case(b"WITHSCORES")])
        r.shuffle(parts)
        return argv + [w for p in parts for w in p]

    def zset_intercard(self):
        r = self.r
        n = r.randrange(1, 4)
        return [b"ZINTERCARD", b"%d" % n if r.random() < 0.95 else self.integer()] + [self.zset_source() for _ in range(n)] + \
            ([self.case(b"LIMIT"), b"%d" % r.randrange(-1, 5) if r.random() < 0.95 else self.integer()] if r.random() < 0.4 else [])

    def zset_set(self):
        r = self.r
        return [r.choice([b"SADD", b"SADD", b"SREM"]), r.choice(SETS)] + [self.zset_member() for _ in range(r.randrange(1, 4))]

    def zset_about(self):
        r = self.r
        x = r.random()
        return [r.choice([b"DEL", b"TYPE", b"EXISTS", b"PERSIST"]), self.zset_key()] if x < 0.5 else [b"COPY", self.zset_key(), self.zset_key(), b"REPLACE"] if x < 0.8 else [b"RENAME", self.zset_key(), self.zset_key()]


GRAMMAR = [(25, "zset_add"), (6, "zset_incrby"), (7, "zset_remove"), (14, "zset_look"), (16, "zset_range"), (8, "zset_by_lex"), (4, "zset_count"), (4, "zset_remove_range"), (5, "zset_pop"), (2, "zset_random"),
           (2, "zset_scan"), (12, "zset_algebra"), (3, "zset_intercard"), (3, "zset_set"), (4, "zset_about")]
EXPLAINED = {b"ZRANDMEMBER": compare_random, b"ZSCAN": compare_scan, b"ZRANK": compare_rank, b"ZREVRANK": compare_rank}
