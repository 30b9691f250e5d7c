"""SORT, SORT_RO, for diff.py: see FAMILIES there."""

# Nothing but these commands is done to these keys: SORT makes a skip list of a packed sorted set, in Redis, which others would see.
KEYS = []
LISTS = [b"o1", b"{t}o"]     # these are lists, if anything
FIXED_KEYS = LISTS + [b"o:z"]
OTHERS = [b"o:s", b"o:z", b"o:a"]
WEIGHTS = [b"w_1", b"w_2", b"w_3", b"w_10", b"w_a", b"w_b", b"w_", b"{t}w_1", b"{t}w_2", b"{t}w_a", b"wh_1->"]
HASHES = [b"wh_1", b"wh_2", b"wh_3", b"wh_a", b"wh_b"]
NUMBERS = [b"1", b"2", b"3", b"10", b"-1", b"0", b"1.5", b"-2.25", b"3.0", b"1e3", b"01", b"-0", b"9007199254740992", b"9007199254740993", b"9223372036854775807", b"-9223372036854775808",
           b"9223372036854775808", b"0.1", b"0.30000000000000004", b"1e-5", b"inf", b"-inf", b"0x10", b" 7", b"", b"5.", b".5", b"+4", b"123456789012345", b"1234567890123.45", b"1\x00z", b"5e-324000"]
TEXTS = [b"a", b"b", b"c", b"ab", b"a\x00b", b"a\x00a", b"\xff", b"\x7f", b"prefix:1", b"prefix:2", b"prefix:10", b"prefix:", b"prefix:1\x00", b"A", b"z" * 100, b"z" * 100 + b"y", b"nan", b"1x", b"1e400", b"5e-324"]
PATTERNS = [b"w_*", b"w_*", b"w_*", b"{t}w_*", b"wh_*->f", b"wh_*->f", b"wh_*->g", b"*", b"wh_*->", b"w*_*", b"nope*", b"w_*\x00", b"*->f", b"wh_*->\x00", b"->*"]
CONSTANT = [b"nosort", b"", b"w_\x00*", b"#", b"w_1"]


def begin(r):
    """Commands at the start of a round."""
    return []


def compare_sorted(a, b, argv):
    """What has no order: a set as it is; equals with ALPHA, where they are not a list's, or with BY and LIMIT."""
    words = [w.upper() for w in argv[2:]]
    if a[0] != "*" or b[0] != "*" or len(a[1]) != len(b[1]) or b"STORE" in words:
        return a
    loose = argv[1] not in LISTS or b"BY" in words and b"LIMIT" in words
    if not loose or b"ALPHA" not in words and b"BY" not in words:
        return a
    return b if b"LIMIT" in words or sorted(a[1]) == sorted(b[1]) else a


def play_sort(mine, theirs, client, argv):
    """Redis takes an ERANGE that some earlier command has left in errno for its own: ZADD sets it to 0 (and changes nothing here). Both are asked, since `mine` may be Redis, too."""
    for peer in (mine, theirs):
        peer.ask(client, [b"ZADD", b"(none)", b"XX", b"1", b"x"])
    a, b = mine.ask(client, argv), theirs.ask(client, argv)
    return None if a == b or compare_sorted(a, b, argv) == b else (a, b)


class Family:
    def sort_word(self):
        r = self.r
        x = r.random()
        return b"%d" % r.randrange(-5, 15) if x < 0.5 else r.choice(NUMBERS[:24]) if x < 0.8 else b"%.*g" % (r.randrange(1, 18), r.uniform(-100, 100)) if x < 0.95 else r.choice(NUMBERS)

    def sort_element(self):
        r = self.r
        x = r.random()
        return r.choice([b"1", b"2", b"3", b"10"]) if x < 0.4 else self.sort_word() if x < 0.96 else r.choice(TEXTS)

    def sort_fill(self):
        r = self.r
        n = r.randrange(1, 6) if r.random() < 0.9 else r.randrange(1, 80)
        words = [r.choice(TEXTS) if r.random() < 0.02 else self.sort_element() for _ in range(n)]
        key = r.choice(LISTS + LISTS + OTHERS)
        if key == b"o:s":
            return [b"SADD", key] + words
        if key == b"o:z":
            return [b"ZADD", key] + [w for i in words for w in (b"%d" % r.randrange(5), i)]
        return [b"RPUSH", key] + words

    def sort_texts(self):
        r = self.r
        return [b"RPUSH", r.choice([b"o:a", r.choice(LISTS)]) if r.random() < 0.3 else b"o:a"] + [r.choice(TEXTS) if r.random() < 0.7 else self.word() for _ in range(r.randrange(1, 6))]

    def sort_drop(self):
        r = self.r
        return [b"DEL", r.choice(LISTS + OTHERS)] if r.random() < 0.6 else [b"LTRIM", r.choice(LISTS + [b"o:a"]), b"0", b"3"]

    def sort_weight(self):
        r = self.r
        x = r.random()
        word = self.sort_word() if r.random() < 0.97 else r.choice(TEXTS)
        if x < 0.45:
            return [b"SET", r.choice(WEIGHTS), word]
        if x < 0.85:
            return [b"HSET", r.choice(HASHES), r.choice([b"f", b"f", b"g"]), word]
        return r.choice([[b"DEL", r.choice(WEIGHTS + HASHES)], [b"PEXPIREAT", r.choice(WEIGHTS + HASHES), b"9000000000000"], [b"APPEND", r.choice(WEIGHTS), b"1"], [b"HDEL", r.choice(HASHES), b"f"]])

    def sort_sort(self):
        r = self.r
        argv = [b"SORT" if r.random() < 0.85 else b"SORT_RO", r.choice(LISTS) if r.random() < 0.5 else r.choice(OTHERS) if r.random() < 0.95 else r.choice(WEIGHTS + HASHES)]
        parts = []
        alpha, by, limit = r.random() < 0.4, r.random() < 0.5, r.random() < 0.4
        loose = alpha and by and (argv[1] not in LISTS or limit)
        if alpha:
            parts.append([self.case(b"ALPHA")])
        if by:
            parts.append([self.case(b"BY"), r.choice(PATTERNS) if r.random() < 0.75 else r.choice(CONSTANT)])
        if limit:
            parts.append([self.case(b"LIMIT")] + [b"%d" % r.randrange(-1, 8) if r.random() < 0.97 else self.integer() for _ in range(2)])
        while r.random() < 0.3:
            parts.append([self.case(b"GET"), r.choice(PATTERNS + [b"#", b"#", b"#\x00x"]) if r.random() < 0.95 else r.choice(CONSTANT)])
        if r.random() < 0.5:
            parts.append([self.case(r.choice([b"ASC", b"DESC", b"DESC"]))])
        if r.random() < 0.25 and not loose:
            parts.append([self.case(b"STORE"), r.choice(LISTS) if r.random() < 0.3 else b"o:a"])
        elif r.random() < 0.02:
            parts.append(r.choice([[b"LIMIT", b"1"], [b"BY"], [b"GET"], [b"FOO"], [b"STORE"]]))
        r.shuffle(parts)
        return argv + [w for p in parts for w in p]

    def sort_look(self):
        return [b"LRANGE", self.r.choice(LISTS + [b"o:a"]), b"0", b"-1"]


GRAMMAR = [(5, "sort_fill"), (2, "sort_texts"), (2.5, "sort_drop"), (5, "sort_weight"), (14, "sort_sort"), (3, "sort_look")]
EXPLAINED = {}
ALONE = {b"SORT": play_sort, b"SORT_RO": play_sort}
