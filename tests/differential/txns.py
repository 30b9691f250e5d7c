"""Transactions, for diff.py: see FAMILIES there. Commands of all families, between MULTI and EXEC; and keys of all of them, watched from all connections."""

KEYS = [b"tx:1", b"tx:2", b"{t}tx"]
# Not of streams: Redis does not tell who watches one of what its groups do (XACK, XCLAIM ...), Kora does.
WATCHED = KEYS * 3 + [b"a", b"b", b"key:1", b"{t}x", b"s:1", b"{t}s", b"l1", b"l2", b"z1", b"{t}z", b"h1", b""]
AT_ONCE = (b"MULTI", b"WATCH", b"QUIT")     # not queued

same = None # diff.py puts its own here: whether two replies to a command may be taken as equal


class Exec(list):
    """EXEC, and what it is to run."""
    queued = ()


def begin(r):
    return []


def compare_exec(a, b, argv):
    """Each reply by the rule of its command."""
    queued = getattr(argv, "queued", ())
    if a[0] != "*" or b[0] != "*" or not len(a[1]) == len(b[1]) == len(queued):
        return a
    return "*", [y if same(q, x, y) else x for q, x, y in zip(queued, a[1], b[1])]


class Family:
    def txn_watch(self):
        r = self.r
        return [b"WATCH"] + [r.choice(WATCHED) for _ in range(r.choice([1, 1, 1, 2, 3]))] if r.random() < 0.85 else [b"UNWATCH"]

    def txn_touch(self):
        r = self.r
        k = r.choice(KEYS)
        return r.choice([[b"SET", k, self.word()], [b"DEL", k], [b"APPEND", k, b""], [b"EXPIRE", k, self.span_s()], [b"PERSIST", k], [b"RPUSH", k, b"x"], [b"LTRIM", k, b"0", b"-1"], [b"SADD", k, b"m"],
                         [b"RENAME", k, r.choice(KEYS)], [b"COPY", k, r.choice(KEYS), b"REPLACE"], [b"GET", k], [b"SETNX", k, b"1"], [b"MOVE", k, b"1"], [b"PEXPIREAT", k, b"1"], [b"GETEX", k, b"PERSIST"]])

    def txn_alone(self):
        return [self.r.choice([b"EXEC", b"DISCARD", b"UNWATCH"])]

    def txn_waits(self):
        r = self.r
        k = r.choice([b"l1", b"l2", b"tx:1", b"none"])
        return r.choice([[b"BLPOP", k, b"0"], [b"BRPOP", b"none", k, b"0"], [b"BLMOVE", k, b"l2", b"LEFT", b"RIGHT", b"0"], [b"BRPOPLPUSH", k, b"l1", b"0"], [b"BLMPOP", b"0", b"2", b"none", k, b"LEFT"],
                         [b"BZPOPMIN", b"z1", b"none", b"0"], [b"BZMPOP", b"0", b"1", b"z2", b"MAX"], [b"XREAD", b"BLOCK", b"0", b"STREAMS", b"none", b"0"]])

    def txn_command(self, leave_out):
        while True:
            argv = self.txn_waits() if self.r.random() < 0.05 else [b"SWAPDB", b"0", b"1"] if self.r.random() < 0.01 else self.command()
            if argv[0].upper() in (b"ZRANK", b"ZREVRANK") and len(argv) > 3:   # newer: 7.0 refuses it, and so the whole
                continue
            if argv[0].upper() not in leave_out and argv[0].upper() not in (b"EXEC", b"DISCARD", b"RESET"): # behind which the others would wait
                return argv

    def transaction(self, leave_out):
        """The commands of one, from MULTI to its end."""
        r = self.r
        commands = [self.txn_command(leave_out) for _ in range(r.choice([0, 1, 2, 3, 4, 6, 10, 30]))]
        if r.random() < 0.6:        # most commands that chance makes are not refused, but one of ten is enough
            commands = [c for c in commands if c[0].upper() in (b"SET", b"GET", b"INCR", b"LPUSH", b"RPUSH", b"SADD", b"ZADD", b"HSET", b"MSET", b"DEL", b"RENAME", b"LRANGE", b"TYPE", b"SELECT", b"BLPOP", b"KEYS")]
        end = Exec([b"EXEC"])
        end.queued = [c for c in commands if c[0].upper() not in AT_ONCE]
        if r.random() < 0.05:
            end = [b"DISCARD"]
        return [[b"MULTI"]] + commands + [end]


GRAMMAR = [(5, "txn_watch"), (5, "txn_touch"), (0.3, "txn_alone")]
EXPLAINED = {b"EXEC": compare_exec}
