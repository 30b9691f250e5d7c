"""What the writers do: each function here makes one operation from a random source, as commands and as what they do to a World.

A key's first letter says its type (model.READ), the second, if it is none of a number, what it is for besides: lb, ld, zb, xb are those that somebody waits for.
"""
import time

from encodings_of import geo_score, register_of
from model import FAR_MS, FIELDS, STREAM_KEPT, Stream, id_order

KEYS = 6
NEAR = "se"  # strings that expire soon; their names are those of no other family
FAMILIES = "simbfpltzghx"
ANY = "sltzghx"


class Operation:
    """`argvs` are one transaction, if they are several. `learn(reply)`, `guess(world, there)`: what only the server knows, by its reply, or by what has come of it."""

    def __init__(self, argvs, do, learn=None, guess=None, alone=False):
        self.argvs, self.do, self.learn, self.guess, self.alone = argvs, do, learn, guess, alone

    def commands(self):
        return self.argvs if len(self.argvs) == 1 else [["MULTI"], *self.argvs, ["EXEC"]]


def op(argv, do, **more):
    return Operation([argv], do, **more)


def key(kind, r):
    return "%s%d" % (kind, r.randrange(KEYS))


def two(kind, r):
    a, b = r.sample(range(KEYS), 2)
    return "%s%d" % (kind, a), "%s%d" % (kind, b)


def far(r):
    return FAR_MS + r.randrange(1000)


# ---- strings ---------------------------------------------------------------------------------------------------------------------------

def a_set(r, n, w):
    k, v = key("s", r), "v%d-%s" % (n, "x" * r.choice((1, 5, 30, 300, 9000)))
    how, at = r.choice(("", "", "", "PXAT", "KEEPTTL", "NX", "XX", "GET", "EXAT")), far(r)

    def do(w):
        d = w.here
        if how == "NX" and k in d or how == "XX" and k not in d:
            return
        d.put(k, v, at if how == "PXAT" else at // 1000 * 1000 if how == "EXAT" else d.at.get(k) if how == "KEEPTTL" else None)
    return op(["SET", k, v] + ([how] if how else []) + ([at] if how == "PXAT" else [at // 1000] if how == "EXAT" else []), do)


def a_set_that_expires(r, n, w):
    k, at = key(NEAR, r), int(time.time() * 1000) + r.randrange(-5, 300)
    return op(["SET", k, "v%d" % n, "PXAT", at], lambda w: w.here.put(k, "v%d" % n, at))


def a_change(r, n, w):
    k, how = key("s", r), r.randrange(7)
    if how == 0:
        def do(w):
            w.here[k] = w.here.get(k, "") + "+%d" % n
        return op(["APPEND", k, "+%d" % n], do)
    if how == 1:
        at = r.randrange(40)

        def do(w):
            s = w.here.get(k, "").ljust(at, "\0")
            w.here[k] = s[:at] + "#%d" % n + s[at + len("#%d" % n):]
        return op(["SETRANGE", k, at, "#%d" % n], do)
    if how == 2:
        return op(["GETSET", k, "g%d" % n], lambda w: w.here.put(k, "g%d" % n))
    if how == 3:
        return op(["GETDEL", k], lambda w: w.here.drop(k))
    if how == 4:
        return op(["GETEX", k, "PERSIST"], lambda w: w.here.at.pop(k, None))
    if how == 5:
        return op(["SETNX", k, "n%d" % n], lambda w: k in w.here or w.here.put(k, "n%d" % n))
    at = far(r)

    def do(w):
        if k in w.here:
            w.here.at[k] = at
    return op(["GETEX", k, "PXAT", at], do)


def a_count(r, n, w):
    k, by = key("i", r), r.randrange(1, 9)
    if r.random() < 0.3:
        k = key("f", r)

        def do(w):
            w.here[k] = "%.12g" % (float(w.here.get(k, "0")) + by / 4)
        return op(["INCRBYFLOAT", k, by / 4], do)

    def do(w):
        w.here[k] = str(int(w.here.get(k, "0")) + by)
    return op(["INCRBY", k, by], do) if by % 2 else op(["DECRBY", k, -by], do)


def an_mset(r, n, w):
    names = ["m%d" % i for i in r.sample(range(KEYS), 4)]
    nx = r.random() < 0.2

    def do(w):
        if not (nx and any(k in w.here for k in names)):
            for k in names:
                w.here.put(k, "m%d" % n)
    return op(["MSETNX" if nx else "MSET"] + [a for k in names for a in (k, "m%d" % n)], do)


def a_wide_mset(r, n, w):
    """Of so many stripes that it takes a while."""
    names, v = ["sw%d" % i for i in range(40)], "%d-%s" % (n, "w" * 500)
    return op(["MSET"] + [a for k in names for a in (k, v)], lambda w: [w.here.put(k, v) for k in names])


def bits(r, n, w):
    k, how = key("b", r), r.randrange(3)
    if how == 0:
        at, bit = r.randrange(300), r.randrange(2)

        def do(w):
            s = w.here.get(k, "").ljust(at // 8 + 1, "\0")
            w.here[k] = s[:at // 8] + chr(ord(s[at // 8]) & ~(128 >> at % 8) | (128 >> at % 8) * bit) + s[at // 8 + 1:]
        return op(["SETBIT", k, at, bit], do)
    if how == 1:
        at, value = r.randrange(20), r.randrange(65536)

        def do(w):
            s = w.here.get(k, "").ljust(at + 2, "\0")
            w.here[k] = s[:at] + chr(value >> 8) + chr(value & 255) + s[at + 2:]
        return op(["BITFIELD", k, "SET", "u16", at * 8, value], do)
    a, b = key("b", r), key("b", r)

    def do(w):
        x, y = w.here.get(a, ""), w.here.get(b, "")
        w.here.put(k, "".join(chr(ord(p) ^ ord(q)) for p, q in zip(x.ljust(len(y), "\0"), y.ljust(len(x), "\0"))))
        if not w.here[k]:
            w.here.drop(k)
    return op(["BITOP", "XOR", k, a, b], do)


def merge_registers(d, k, found):
    to = d.setdefault(k, {})
    for i, v in found:
        if v > to.get(i, 0):
            to[i] = v


def hyperloglog(r, n, w):
    k, a = key("p", r), key("p", r)
    if r.random() < 0.7:
        elements = ["e%d" % r.randrange(400) for _ in range(r.choice((1, 3, 20)))]
        return op(["PFADD", k, *elements], lambda w: merge_registers(w.here, k, map(register_of, elements)))
    return op(["PFMERGE", k, a], lambda w: merge_registers(w.here, k, list(w.here.get(a, {}).items())))


# ---- lists -----------------------------------------------------------------------------------------------------------------------------

def push(d, k, items, left=False):
    l = d.setdefault(k, [])
    for x in items:
        l.insert(0 if left else len(l), x)


def pop(d, k, left, count=1):
    l = d.get(k, [])
    got = [l.pop(0 if left else -1) for _ in range(min(count, len(l)))]
    d.changed(k)
    return got


def a_push(r, n, w):
    k, left, items = key("l", r), r.random() < 0.5, ["%d.%d" % (n, i) for i in range(r.choice((1, 2, 5)))]
    if r.random() < 0.2:
        return op(["LPUSHX" if left else "RPUSHX", k, *items], lambda w: k in w.here and push(w.here, k, items, left))
    return op(["LPUSH" if left else "RPUSH", k, *items], lambda w: push(w.here, k, items, left))


def a_pop(r, n, w):
    (a, b), left, count = two("l", r), r.random() < 0.5, r.randrange(1, 4)
    if r.random() < 0.3:
        return op(["LMPOP", 2, a, b, "LEFT" if left else "RIGHT", "COUNT", count], lambda w: pop(w.here, a if a in w.here else b, left, count))
    return op(["LPOP" if left else "RPOP", a, count], lambda w: pop(w.here, a, left, count))


def a_list_move(r, n, w):
    a, b, from_left, to_left = key("l", r), key("l", r), r.random() < 0.5, r.random() < 0.5

    def do(w):
        if a in w.here:
            at = w.here.at.get(a)
            x = pop(w.here, a, from_left)
            push(w.here, b, x, to_left)
            if a == b and at:
                w.here.at[a] = at
    return op(["LMOVE", a, b, "LEFT" if from_left else "RIGHT", "LEFT" if to_left else "RIGHT"], do)


def a_list_change(r, n, w):
    (k, to), how, at = two("l", r), r.randrange(5), r.randrange(-4, 4)
    if how == 0:
        def do(w):
            if k in w.here and -len(w.here[k]) <= at < len(w.here[k]):
                w.here[k][at] = "=%d" % n
        return op(["LSET", k, at, "=%d" % n], do)
    if how == 1:
        def do(w):
            if k in w.here:
                w.here[k][:] = w.here[k][:20]
        return op(["LTRIM", k, 0, 19], do)
    if how == 2:
        def do(w):
            if k in w.here:
                w.here[k][:] = [x for x in w.here[k] if x != "common"]
                w.here.changed(k)
        return op(["LREM", k, 0, "common"], do)
    if how == 3:
        def do(w):
            if k in w.here and "common" in w.here[k]:
                w.here[k].insert(w.here[k].index("common"), "!%d" % n)
        return op(["LINSERT", k, "BEFORE", "common", "!%d" % n], do) if n % 3 else op(["RPUSH", k, "common"], lambda w: push(w.here, k, ["common"]))
    return op(["SORT", k, "ALPHA", "STORE", to], lambda w: w.here.put(to, sorted(w.here.get(k, []))))


# ---- sets ------------------------------------------------------------------------------------------------------------------------------

def member(r):
    return str(r.randrange(30)) if r.random() < 0.5 else "e%d" % r.randrange(30)


def a_set_change(r, n, w):
    k, items = key("t", r), [member(r) for _ in range(3)]
    if r.random() < 0.3:
        def do(w):
            w.here.get(k, set()).difference_update(items)
            w.here.changed(k)
        return op(["SREM", k, *items], do)
    return op(["SADD", k, *items], lambda w: w.here.setdefault(k, set()).update(items))


def a_set_move(r, n, w):
    (a, b), x = two("t", r), member(r)

    def do(w):
        if x in w.here.get(a, ()):
            w.here[a].remove(x)
            w.here.changed(a)
            w.here.setdefault(b, set()).add(x)
    return op(["SMOVE", a, b, x], do)


def a_set_store(r, n, w):
    to, a, b = key("t", r), key("t", r), key("t", r)
    name, f = r.choice((("SINTERSTORE", set.intersection), ("SUNIONSTORE", set.union), ("SDIFFSTORE", set.difference)))
    return op([name, to, a, b], lambda w: w.here.put(to, f(w.here.get(a, set()), w.here.get(b, set()))))


def an_spop(r, n, w):
    k, count, taken = key("t", r), r.choice((1, 2, 1000)), []

    def guess(world, there):
        taken[:] = world.here.get(k, set()) - there.data[world.selected].get(k, set())

    def do(w):
        if k in w.here:
            w.here[k].difference_update(taken)
            w.here.changed(k)
    return op(["SPOP", k, count], do, learn=lambda reply: taken.extend(reply), guess=guess, alone=True)


# ---- sorted sets -----------------------------------------------------------------------------------------------------------------------

def in_order(z):
    return sorted(z, key=lambda x: (z[x], x))


def a_zadd(r, n, w):
    k, items = key("z", r), {"e%d" % r.randrange(20): float(r.randrange(100)) for _ in range(2)}
    flag = r.choice(("", "", "", "NX", "XX", "GT", "LT"))

    def do(w):
        if flag == "XX" and k not in w.here:
            return
        z = w.here.setdefault(k, {})
        for x, s in items.items():
            old = z.get(x)
            if not (flag == "NX" and old is not None or flag == "XX" and old is None or old is not None and (flag == "GT" and s <= old or flag == "LT" and s >= old)):
                z[x] = s
    return op(["ZADD", k] + ([flag] if flag else []) + [a for x, s in items.items() for a in (int(s), x)], do)


def a_zincr(r, n, w):
    k, x, by = key("z", r), "e%d" % r.randrange(20), r.randrange(1, 9) / 4

    def do(w):
        z = w.here.setdefault(k, {})
        z[x] = z.get(x, 0) + by
    return op(["ZINCRBY", k, by, x], do) if n % 2 else op(["ZADD", k, "INCR", by, x], do)


def a_zrem(r, n, w):
    k, how, count = key("z", r), r.randrange(5), r.randrange(1, 4)
    x = "e%d" % r.randrange(20)
    argv, chosen = [(["ZREM", k, x], lambda z: [x] if x in z else []),
                    (["ZPOPMIN", k, count], lambda z: in_order(z)[:count]),
                    (["ZPOPMAX", k, count], lambda z: in_order(z)[-count:]),
                    (["ZREMRANGEBYRANK", k, 0, count - 1], lambda z: in_order(z)[:count]),
                    (["ZREMRANGEBYSCORE", k, "(10", 12], lambda z: [y for y in z if 10 < z[y] <= 12])][how]

    def do(w):
        if k in w.here:
            for y in chosen(w.here[k]):
                w.here[k].pop(y)
            w.here.changed(k)
    return op(argv, do)


def a_zset_store(r, n, w):
    to, a, b, how = key("z", r), key("z", r), key("z", r), r.randrange(4)

    def do(w):
        x, y = w.here.get(a, {}), w.here.get(b, {})
        if how == 0:
            z = {e: x.get(e, 0) + y.get(e, 0) for e in list(x) + list(y)}
        elif how == 1:
            z = {e: max(x[e], y[e]) for e in x if e in y}
        elif how == 2:
            z = {e: s for e, s in x.items() if e not in y}
        else:
            z = {e: x[e] for e in in_order(x)[1:4]}
        w.here.put(to, z)
    return op([["ZUNIONSTORE", to, 2, a, b], ["ZINTERSTORE", to, 2, a, b, "AGGREGATE", "MAX"], ["ZDIFFSTORE", to, 2, a, b], ["ZRANGESTORE", to, a, 1, 3]][how], do)


def geo(r, n, w):
    k, to = two("g", r)
    how = r.random()
    if how < 0.7:
        x, y, m = r.randrange(-1700, 1700) / 10, r.randrange(-800, 800) / 10, "p%d" % r.randrange(15)

        def do(w):
            w.here.setdefault(k, {})[m] = geo_score(x, y)
        return op(["GEOADD", k, x, y, m], do)
    # Everything is nearer than half the way round the world.
    return op(["GEOSEARCHSTORE", to, k, "FROMLONLAT", 0, 0, "BYRADIUS", 30000, "km"], lambda w: w.here.put(to, dict(w.here.get(k, {}))))


# ---- hashes ----------------------------------------------------------------------------------------------------------------------------

def a_hash_change(r, n, w):
    k, f, at, how = key("h", r), FIELDS[r.randrange(12)], far(r), r.randrange(12)

    def value(h, f, empty):
        return h.get(f, (empty, -1))

    def on(change, make=False):
        def do(w):
            if make or k in w.here:
                change(w.here.setdefault(k, {}))
                w.here.changed(k)
        return do

    def timed(h, to):
        if f in h:
            h[f] = (h[f][0], to)

    def increase(h, f, by):
        v, t = value(h, f, "0")
        h[f] = ("%.12g" % (float(v) + by), t)
    if how == 0:
        return op(["HDEL", k, f], on(lambda h: h.pop(f, None)))
    if how == 1:
        return op(["HINCRBY", k, "n", n % 7], on(lambda h: increase(h, "n", n % 7), True))
    if how == 2:
        return op(["HINCRBYFLOAT", k, "x", n % 7 / 4], on(lambda h: increase(h, "x", n % 7 / 4), True))
    if how == 3:
        return op(["HPEXPIREAT", k, at, "FIELDS", 1, f], on(lambda h: timed(h, at)))
    if how == 4:
        return op(["HPERSIST", k, "FIELDS", 1, f], on(lambda h: timed(h, -1)))
    if how == 5:
        return op(["HSETEX", k, "PXAT", at, "FIELDS", 1, f, "x%d" % n], on(lambda h: h.update({f: ("x%d" % n, at)}), True))
    if how == 6:
        return op(["HGETDEL", k, "FIELDS", 1, f], on(lambda h: h.pop(f, None)))
    if how == 7:
        return op(["HSETNX", k, f, "n%d" % n], on(lambda h: h.setdefault(f, ("n%d" % n, -1)), True))
    if how == 8:
        soon, at = key("he", r), int(time.time() * 1000) + r.randrange(20, 300)

        def do(w):
            w.here.setdefault(soon, {})[f] = ("s%d" % n, at)
        return op(["HSETEX", soon, "PXAT", at, "FIELDS", 1, f, "s%d" % n], do)
    g = FIELDS[r.randrange(12)]
    return op(["HSET", k, f, "v%d" % n, g, "w%d" % n], on(lambda h: h.update({f: ("v%d" % n, -1)}) or h.update({g: ("w%d" % n, -1)}), True))


# ---- streams ---------------------------------------------------------------------------------------------------------------------------

def stream_add(d, k, i, fields, most=STREAM_KEPT):
    s = d.setdefault(k, Stream())
    s.entries[i], s.last = fields, i
    while len(s.entries) > most:
        s.entries.pop(next(iter(s.entries)))  # they are in order


def stream_read(d, k, group, consumer, count, acked=False):
    g = d[k].groups[group]
    for i in [i for i in d[k].entries if id_order(i) > id_order(g[0])][:count]:
        g[0] = i
        if not acked:
            g[1][i] = [consumer, 1]


def stream_claim(s, g, ids, consumer):
    for i in ids:
        if i not in s.entries:
            g[1].pop(i, None)
        elif i in g[1]:
            g[1][i] = [consumer, g[1][i][1] + 1]


def an_xadd(r, n, w):
    k, i = key("x", r), w.next_id()
    return op(["XADD", k, "MAXLEN", STREAM_KEPT, i, "f", "v%d" % n], lambda w: stream_add(w.here, k, i, ["f", "v%d" % n]))


def make_group(k, group):
    def do(w):
        s = w.here.setdefault(k, Stream())
        s.groups.setdefault(group, ["0-0", {}, set()])[2].update(("c1", "c2"))
    return Operation([["XGROUP", "CREATE", k, group, 0, "MKSTREAM"], ["XGROUP", "CREATECONSUMER", k, group, "c1"], ["XGROUP", "CREATECONSUMER", k, group, "c2"]], do)


def a_group(r, n, w):
    k, group, c, count, how = key("x", r), r.choice(("g1", "g2")), r.choice(("c1", "c2")), r.randrange(1, 6), r.randrange(12)
    s = w.model.here.get(k)
    ids = r.sample(sorted(s.entries), min(2, len(s.entries))) if isinstance(s, Stream) else []
    ids = ids or ["1-1"]

    def on(change):
        def do(w):
            s = w.here.get(k)
            if s and group in s.groups:
                change(s, s.groups[group])
        return do

    def set_id(s, g):
        g[0] = "0-0"

    def delete_consumer(s, g):
        for i in [i for i, p in g[1].items() if p[0] == c]:
            g[1].pop(i)

    def delete(w):
        for i in ids:
            if k in w.here:
                w.here[k].entries.pop(i, None)
    if how <= 1:
        return make_group(k, group)
    if how <= 4:
        return op(["XREADGROUP", "GROUP", group, c, "COUNT", count, "STREAMS", k, ">"], lambda w: on(lambda s, g: stream_read(w.here, k, group, c, count))(w))
    if how == 5:
        return op(["XREADGROUP", "GROUP", group, c, "COUNT", count, "NOACK", "STREAMS", k, ">"], lambda w: on(lambda s, g: stream_read(w.here, k, group, c, count, True))(w))
    if how == 6:
        return op(["XACK", k, group, *ids], on(lambda s, g: [g[1].pop(i, None) for i in ids]))
    if how == 7:
        return op(["XCLAIM", k, group, c, 0, *ids], on(lambda s, g: stream_claim(s, g, ids, c)))
    if how == 8:
        return op(["XAUTOCLAIM", k, group, c, 0, 0, "COUNT", count], on(lambda s, g: stream_claim(s, g, sorted(g[1], key=id_order)[:count], c)))
    if how == 9:
        return op(["XGROUP", "SETID", k, group, 0], on(set_id))
    if how == 10:
        if n % 4 == 0:
            return op(["XGROUP", "DESTROY", k, group], on(lambda s, g: s.groups.pop(group)))
        return Operation([["XGROUP", "DELCONSUMER", k, group, c], ["XGROUP", "CREATECONSUMER", k, group, c]], on(delete_consumer))
    return op(["XDEL", k, *ids], delete)


# ---- keys ------------------------------------------------------------------------------------------------------------------------------

def a_del(r, n, w):
    names = [key(r.choice(FAMILIES), r) for _ in range(3)]
    return op([r.choice(("DEL", "UNLINK")), *names], lambda w: [w.here.drop(k) for k in names])


def a_rename(r, n, w):
    kind = r.choice(FAMILIES)
    (a, b), how, other = two(kind, r), r.random(), w.databases[1 - w.selected]
    if how < 0.4:
        return op(["RENAME", a, b], lambda w: a in w.here and w.here.move(a, w.here, b))
    if how < 0.5:
        return op(["RENAMENX", a, b], lambda w: a in w.here and b not in w.here and w.here.move(a, w.here, b))
    if how < 0.7:
        return op(["COPY", a, b, "REPLACE"], lambda w: a in w.here and w.here.copy_key(a, w.here, b))
    if how < 0.85:
        return op(["COPY", a, b, "DB", other, "REPLACE"], lambda w: a in w.here and w.here.copy_key(a, w.there, b))
    return op(["MOVE", a, other], lambda w: a in w.here and a not in w.there and w.here.move(a, w.there, a))


def an_expiry(r, n, w):
    k, at, flag = key(r.choice(ANY), r), far(r), r.choice(("", "", "NX", "XX", "GT", "LT"))
    if r.random() < 0.3:
        return op(["PERSIST", k], lambda w: w.here.at.pop(k, None))
    if r.random() < 0.1:
        return op(["PEXPIREAT", k, 1000], lambda w: w.here.drop(k))

    def do(w):
        old = w.here.at.get(k)
        if k in w.here and not (flag == "NX" and old or flag == "XX" and not old or flag == "GT" and not (old and at > old) or flag == "LT" and old and at >= old):
            w.here.at[k] = at
    return op(["PEXPIREAT", k, at] + ([flag] if flag else []), do)


SINGLE = [a_set] * 3 + [a_set_that_expires, a_change, a_change, a_count, an_mset, an_mset, bits, hyperloglog, a_push, a_push, a_pop, a_list_move, a_list_change, a_set_change,
                        a_set_move, a_set_store, a_zadd, a_zincr, a_zrem, a_zset_store, geo, a_hash_change, a_hash_change, an_xadd, an_xadd, a_group, a_group,
                        a_del, a_rename, a_rename, an_expiry]


# ---- several at once -------------------------------------------------------------------------------------------------------------------

def a_transaction(r, n, w):
    """A counter in every family, at keys of different stripes, and more, in both databases: all of it or nothing."""
    i = w.next_id()
    argvs = [["INCR", "s-c"], ["RPUSH", "l-c", n], ["SADD", "t-c", n], ["ZADD", "z-c", n, n], ["HSET", "h-c", n, n], ["XADD", "x-c", i, "n", n]]
    more = [r.choice(SINGLE)(r, n, w) for _ in range(2)]
    other = r.choice(SINGLE)(r, n, w) if r.random() < 0.3 else None
    numbers = w.databases if w.selected == 0 else w.databases[::-1]

    def do(w):
        d, text = w.here, str(n)
        d["s-c"] = str(int(d.get("s-c", "0")) + 1)
        push(d, "l-c", [text])
        d.setdefault("t-c", set()).add(text)
        d.setdefault("z-c", {})[text] = float(n)
        d.setdefault("h-c", {})[text] = (text, -1)
        stream_add(d, "x-c", i, ["n", text], 1 << 30)
        for o in more:
            o.do(w)
        if other:
            w.selected = 1 - w.selected
            other.do(w)
            w.selected = 1 - w.selected
    for o in more:
        argvs += o.argvs
    if other:
        # Names of a database by its number would be the wrong one in the other.
        if any(str(a[0]) in ("MOVE", "COPY") for a in other.argvs):
            other = None
        else:
            argvs += [["SELECT", numbers[1]], *other.argvs, ["SELECT", numbers[0]]]
    return Operation(argvs, do)


def a_flush(r, n, w):
    return op(["FLUSHDB"], lambda w: (w.here.clear(), w.here.at.clear()))


def a_swap(r, n, w):
    return op(["SWAPDB", *w.databases], lambda w: w.data.reverse())


def a_select(r, n, w):
    w.selected = 1 - w.selected

    def do(w):
        w.selected = 1 - w.selected
    return op(["SELECT", w.databases[w.selected]], do)


def a_restore(k, to, payload, model):
    value, at = model.here[k], model.here.at.get(k)
    value = value.copy() if hasattr(value, "copy") else value
    return op(["RESTORE", to, at or 0, payload, "REPLACE", "ABSTTL"],
              lambda w: w.here.put(to, value.copy() if hasattr(value, "copy") else value, at))


# ---- what somebody waits for -----------------------------------------------------------------------------------------------------------

def a_wait(r, n, w):
    """(what a second connection asks for, what serves it, None or what must be there before). Nothing else is done to these keys, so that the order of the two does not matter."""
    at, how, k = w.selected, r.randrange(6), key("lb", r)
    item = "b%d" % n

    def data(w):
        return w.data[at]
    lists = op(["RPUSH", k, item], lambda w: push(w.here, k, [item]))
    if n % 3 == 0:
        lists = Operation([["SET", "sb", item], ["RPUSH", k, item]], lambda w: (w.here.put("sb", item), push(w.here, k, [item])))
    if how == 0:
        return op(["BLPOP", "lb-never", k, 0], lambda w: pop(data(w), k, True)), lists, None
    if how == 1:
        return op(["BLMOVE", k, "ld", "LEFT", "RIGHT", 0], lambda w: push(data(w), "ld", pop(data(w), k, True)) if k in data(w) else None), lists, None
    if how == 2:
        taken = [0]
        several = op(["RPUSH", k, item, item + "-2", item + "-3"], lambda w: push(w.here, k, [item, item + "-2", item + "-3"]))

        def guess(world, there):
            taken[0] = min(2, len(data(world).get(k, [])) - len(data(there).get(k, [])))

        def learn(reply):
            taken[0] = len(reply[1])
        return op(["BLMPOP", 0, 2, "lb-never", k, "LEFT", "COUNT", 2], lambda w: pop(data(w), k, True, taken[0]), learn=learn, guess=guess), several, None
    if how == 3:
        k = "zb%d" % r.randrange(3)

        def least(w):
            z = data(w).get(k)
            if z:
                z.pop(in_order(z)[0])
                data(w).changed(k)
        wait = ["BZPOPMIN", k, 0] if n % 2 else ["BZMPOP", 0, 1, k, "MIN"]
        return op(wait, least), op(["ZADD", k, n, item], lambda w: w.here.setdefault(k, {}).update({item: float(n)})), None

    def read(w):
        s = data(w).get("xb")
        if s and "g" in s.groups:
            stream_read(data(w), "xb", "g", "c1", 1, n % 2)
    s = w.model.here.get("xb")
    if not s or "g" not in s.groups:
        return None, None, make_group("xb", "g")
    i = w.next_id()
    wait = ["XREADGROUP", "GROUP", "g", "c1", "COUNT", 1, "BLOCK", 0] + (["NOACK"] if n % 2 else []) + ["STREAMS", "xb", ">"]
    return op(wait, read), op(["XADD", "xb", i, "b", item], lambda w: stream_add(w.here, "xb", i, ["b", item], 1 << 30)), None
