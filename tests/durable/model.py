"""Writers with a model each: what a database of theirs must hold after what was acknowledged, and after what may have come through besides.

A writer has a numbered database of its own, so that FLUSHDB is one of its commands; its keys are spread over all stripes.
"""
import itertools, random, threading

from server import Error

KEYS = 6
FAR_MS = 4102444800000
SEQUENCE = itertools.count(1)


def key(kind, i):
    return "%s%d" % (kind, i)


class Data(dict):
    """key -> (type, value), and expiries apart."""

    def __init__(self, of=None):
        super().__init__((k, (t, v.copy() if hasattr(v, "copy") else v)) for k, (t, v) in (of or {}).items())
        self.at = dict(of.at) if of else {}

    def get_as(self, name, kind, empty):
        if name not in self:
            self[name] = (kind, empty)
        return self[name][1]

    def put(self, name, kind, value, at=None):
        self.drop(name)
        if value or kind in ("string", "stream"):
            self[name] = (kind, value)
            if at:
                self.at[name] = at

    def drop(self, name):
        self.pop(name, None)
        self.at.pop(name, None)

    def changed(self, name):
        """A collection that is empty is gone."""
        if name in self and self[name][0] not in ("string", "stream") and not self[name][1]:
            self.drop(name)

    def same(self, other):
        return dict(self) == dict(other) and self.at == other.at


# Each makes (argv, function that does it to a Data).
def some_set(r, n):
    k, v = key("s", r.randrange(KEYS)), "v%d-%s" % (n, "x" * r.choice((1, 5, 30, 300, 9000)))
    if r.random() < 0.2:
        return ["SET", k, v, "PXAT", FAR_MS + n], lambda d: d.put(k, "string", v, FAR_MS + n)
    return ["SET", k, v], lambda d: d.put(k, "string", v)


def some_append(r, n):
    k, v = key("s", r.randrange(KEYS)), "+%d" % n

    def do(d):
        d[k] = ("string", (d[k][1] if k in d else "") + v)
    return ["APPEND", k, v], do


def some_incr(r, n):
    k, by = key("i", r.randrange(KEYS)), r.randrange(1, 9)

    def do(d):
        d[k] = ("string", str(int(d[k][1] if k in d else "0") + by))
    return ["INCRBY", k, by], do


def some_mset(r, n):
    names = r.sample(range(KEYS), 4)

    def do(d):
        for i in names:
            d.put(key("m", i), "string", "m%d" % n)
    return ["MSET"] + [a for i in names for a in (key("m", i), "m%d" % n)], do


def some_del(r, n):
    names = [key(r.choice("simltzhx"), r.randrange(KEYS)) for _ in range(3)]

    def do(d):
        for k in names:
            d.drop(k)
    return ["DEL"] + names, do


def some_rename(r, n):
    kind = r.choice("simltzhx")
    a, b = r.sample(range(KEYS), 2)
    a, b = key(kind, a), key(kind, b)
    copy = r.random() < 0.4

    def do(d):
        if a not in d:
            return
        kind, value = d[a]
        at = d.at.get(a)
        if not copy:
            d.drop(a)
        d.put(b, kind, value.copy() if hasattr(value, "copy") else value, at)
    return ["COPY", a, b, "REPLACE"] if copy else ["RENAME", a, b], do


def some_push(r, n):
    k, left = key("l", r.randrange(KEYS)), r.random() < 0.5
    items = ["%d.%d" % (n, i) for i in range(r.choice((1, 2, 5)))]

    def do(d):
        l = d.get_as(k, "list", [])
        for x in items:
            l.insert(0 if left else len(l), x)
    return ["LPUSH" if left else "RPUSH", k] + items, do


def some_pop(r, n):
    k, left, count = key("l", r.randrange(KEYS)), r.random() < 0.5, r.randrange(1, 4)

    def do(d):
        if k in d:
            l = d[k][1]
            for _ in range(min(count, len(l))):
                l.pop(0 if left else -1)
            d.changed(k)
    return ["LPOP" if left else "RPOP", k, count], do


def some_lmove(r, n):
    a, b = key("l", r.randrange(KEYS)), key("l", r.randrange(KEYS))

    def do(d):
        if a in d:
            x = d[a][1].pop(0)
            d.changed(a)
            d.get_as(b, "list", []).append(x)
    return ["LMOVE", a, b, "LEFT", "RIGHT"], do


def some_sadd(r, n):
    k, items = key("t", r.randrange(KEYS)), [str(r.randrange(30)) if r.random() < 0.5 else "e%d" % r.randrange(30) for _ in range(3)]
    if r.random() < 0.3:
        def rem(d):
            if k in d:
                d[k][1].difference_update(items)
                d.changed(k)
        return ["SREM", k] + items, rem
    return ["SADD", k] + items, lambda d: d.get_as(k, "set", set()).update(items)


def some_smove(r, n):
    a, b, x = key("t", r.randrange(KEYS)), key("t", r.randrange(KEYS)), str(r.randrange(30))

    def do(d):
        if a in d and x in d[a][1] and a != b:
            d[a][1].remove(x)
            d.changed(a)
            d.get_as(b, "set", set()).add(x)
    return ["SMOVE", a, b, x], do


def some_zadd(r, n):
    k, items = key("z", r.randrange(KEYS)), {"e%d" % r.randrange(20): float(r.randrange(100)) for _ in range(2)}
    if r.random() < 0.3:
        def rem(d):
            if k in d:
                for x in items:
                    d[k][1].pop(x, None)
                d.changed(k)
        return ["ZREM", k] + list(items), rem
    return ["ZADD", k] + [a for x, s in items.items() for a in (int(s), x)], lambda d: d.get_as(k, "zset", {}).update(items)


def some_hset(r, n):
    k, f = key("h", r.randrange(KEYS)), "f%d" % r.randrange(12)
    how = r.random()
    if how < 0.2:
        def rem(d):
            if k in d:
                d[k][1].pop(f, None)
                d.changed(k)
        return ["HDEL", k, f], rem
    if how < 0.5:
        def add(d):
            h = d.get_as(k, "hash", {})
            h["n"] = str(int(h.get("n", "0")) + n % 7)
        return ["HINCRBY", k, "n", n % 7], add
    return ["HSET", k, f, "v%d" % n], lambda d: d.get_as(k, "hash", {}).update({f: "v%d" % n})


def some_xadd(r, n):
    k, i = key("x", r.randrange(KEYS)), "%d-%d" % (n, next(SEQUENCE))
    return ["XADD", k, i, "f", "v%d" % n], lambda d: d.get_as(k, "stream", []).append([i, ["f", "v%d" % n]])


def some_expire(r, n):
    k = key(r.choice("siltzhx"), r.randrange(KEYS))
    if r.random() < 0.4:
        return ["PERSIST", k], lambda d: d.at.pop(k, None)

    def do(d):
        if k in d:
            d.at[k] = FAR_MS + n
    return ["PEXPIREAT", k, FAR_MS + n], do


def some_flush(r, n):
    return ["FLUSHDB"], lambda d: (d.clear(), d.at.clear())


SINGLE = [some_set] * 3 + [some_append, some_incr, some_mset, some_mset, some_del, some_rename, some_push, some_push, some_pop, some_lmove, some_sadd, some_smove,
                           some_zadd, some_hset, some_xadd, some_expire]
COUNTED = ["c-string", "c-list", "c-set", "c-zset", "c-hash", "c-stream"]  # of the transactions: all of one length


def some_multi(r, n):
    """A counter in every family, at keys of different stripes: they are equal, always."""
    argvs = [["INCR", "c-string"], ["RPUSH", "c-list", n], ["SADD", "c-set", n], ["ZADD", "c-zset", n, n], ["HSET", "c-hash", n, n], ["XADD", "c-stream", "%d-1" % n, "n", n]]
    more = [r.choice(SINGLE)(r, n) for _ in range(2)]

    def do(d):
        d["c-string"] = ("string", str(int(d["c-string"][1] if "c-string" in d else "0") + 1))
        d.get_as("c-list", "list", []).append(str(n))
        d.get_as("c-set", "set", set()).add(str(n))
        d.get_as("c-zset", "zset", {})[str(n)] = float(n)
        d.get_as("c-hash", "hash", {})[str(n)] = str(n)
        d.get_as("c-stream", "stream", []).append(["%d-1" % n, ["n", str(n)]])
        for _, f in more:
            f(d)
    return [["MULTI"], *argvs, *[a for a, _ in more], ["EXEC"]], do


def read(c, db):
    """What the database holds."""
    c("SELECT", db)
    d = Data()
    for k in c("KEYS", "*"):
        kind = c("TYPE", k)
        if kind == "string":
            v = c("GET", k)
        elif kind == "list":
            v = c("LRANGE", k, 0, -1)
        elif kind == "set":
            v = set(c("SMEMBERS", k))
        elif kind == "zset":
            l = c("ZRANGE", k, 0, -1, "WITHSCORES")
            v = {l[i]: float(l[i + 1]) for i in range(0, len(l), 2)}
        elif kind == "hash":
            l = c("HGETALL", k)
            v = {l[i]: l[i + 1] for i in range(0, len(l), 2)}
        else:
            v = c("XRANGE", k, "-", "+")
        d[k] = (kind, v)
        at = c("PEXPIRETIME", k)
        if at > 0:
            d.at[k] = at
    return d


class Writer:
    """Goes on until its connection ends. Then `models` are what its database may hold, the first of them what was acknowledged."""

    def __init__(self, server, db, seed):
        self.server, self.db, self.n = server, db, 0
        self.r = random.Random(seed)
        self.model = Data()
        self.flight = []
        self.acknowledged = 0
        self.wrong = None

    def start(self):
        self.c = self.server.client()
        self.c("SELECT", self.db)
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def one(self):
        self.n += 1
        if self.r.random() < 0.004:
            return some_flush(self.r, self.n)
        return self.r.choice(SINGLE + [some_multi] * 2)(self.r, self.n)

    def run(self):
        try:
            while True:
                calls = [self.one() for _ in range(self.r.choice((1, 1, 1, 4, 16)))]
                self.flight = [do for _, do in calls]
                sent = [a if isinstance(a[0], list) else [a] for a, _ in calls]
                self.c.s.sendall(b"".join(self.c.encode(a) for argvs in sent for a in argvs))
                for argvs in sent:
                    reply = [self.c.value() for _ in argvs][-1]
                    bad = [x for x in (reply if isinstance(reply, list) else [reply]) if isinstance(x, Error) and "no such key" not in x]
                    if bad:
                        self.wrong = "%r: %r" % (argvs, bad)
                        return
                    self.flight.pop(0)(self.model)
                    self.acknowledged += 1
        except (OSError, EOFError):
            pass

    def check(self, c):
        """After the restart. What has come through becomes the model."""
        self.thread.join()
        self.c.__exit__()
        if self.wrong:
            raise AssertionError(self.wrong)
        is_there = read(c, self.db)
        model = self.model
        tried = 0
        while not model.same(is_there):
            if tried == len(self.flight):
                raise AssertionError("database %d, %d acknowledged, %d in flight: %s" % (self.db, self.acknowledged, tried, difference(self.model, is_there)))
            model = Data(model)
            self.flight[tried](model)
            tried += 1
        self.model = model
        self.flight = []


def difference(model, is_there):
    parts = []
    for k in sorted(set(model) | set(is_there)):
        if model.get(k) != is_there.get(k) or model.at.get(k) != is_there.at.get(k):
            parts.append("%s: acknowledged %.120r %s, there %.120r %s" % (k, model.get(k), model.at.get(k), is_there.get(k), is_there.at.get(k)))
    return "; ".join(parts[:4])
