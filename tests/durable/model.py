"""What the databases of a writer must hold: values, expiries, streams with their groups; and how to read it from a server."""
import time

from encodings_of import registers

FAR_MS = 4102444800000
STREAM_KEPT = 40
FIELDS = ["f%d" % i for i in range(12)] + ["n", "x"]  # those of a hash that may have a time


class Stream:
    def __init__(self):
        self.entries = {}  # id -> [field, value]
        self.last = "0-0"
        self.groups = {}   # name -> [last delivered, {id: [consumer, deliveries]}, {consumer}]

    def copy(self):
        s = Stream()
        s.entries, s.last = dict(self.entries), self.last
        s.groups = {n: [at, {i: list(p) for i, p in pending.items()}, set(consumers)] for n, (at, pending, consumers) in self.groups.items()}
        return s

    def __eq__(self, other):
        return isinstance(other, Stream) and (self.entries, self.last, self.groups) == (other.entries, other.last, other.groups)

    def __repr__(self):
        return "%s %r %r" % (self.last, self.entries, self.groups)


def id_order(i):
    return tuple(map(int, i.split("-")))


class Data(dict):
    """A numbered database: key -> value; and the keys' expiries apart. A hash has field -> (value, expiry or -1)."""

    def __init__(self, of=None):
        super().__init__((k, v.copy() if hasattr(v, "copy") else v) for k, v in (of or {}).items())
        self.at = dict(of.at) if of else {}

    def put(self, name, value, at=None):
        """In place of what is there. A collection that is empty is none."""
        self.drop(name)
        if value or isinstance(value, (str, Stream)) or name[0] == "p":
            self[name] = value
            if at:
                self.at[name] = at

    def drop(self, name):
        self.pop(name, None)
        self.at.pop(name, None)

    def changed(self, name):
        if name in self and not isinstance(self[name], (str, Stream)) and not self[name]:
            self.drop(name)

    def move(self, name, to, as_):
        """Drops it here, if `to` is another place."""
        value, at = self[name], self.at.get(name)
        if self is to and name == as_:
            return
        self.drop(name)
        to.put(as_, value, at)

    def copy_key(self, name, to, as_):
        value = self[name]
        to.put(as_, value.copy() if hasattr(value, "copy") else value, self.at.get(name))


class World:
    """Two databases, and which of them the connection has selected."""

    def __init__(self, of=None):
        self.data = [Data(d) for d in of.data] if of else [Data(), Data()]
        self.selected = of.selected if of else 0

    @property
    def here(self):
        return self.data[self.selected]

    @property
    def there(self):
        return self.data[1 - self.selected]

    def expire(self, now_ms):
        for d in self.data:
            for k in [k for k, at in d.at.items() if at <= now_ms]:
                d.drop(k)
            for k in [k for k in d if k[0] == "h"]:
                for f in [f for f, (_, at) in d[k].items() if 0 < at <= now_ms]:
                    d[k].pop(f)
                d.changed(k)

    def same(self, other):
        return all(dict(a) == dict(b) and a.at == b.at for a, b in zip(self.data, other.data))


# ---- reading ---------------------------------------------------------------------------------------------------------------------------

def pairs(l):
    return {l[i]: l[i + 1] for i in range(0, len(l), 2)}


def as_zset(l):
    return {x: float(s) for x, s in pairs(l).items()}


def as_stream(info):
    s, info = Stream(), pairs(info)
    s.entries = {i: fields for i, fields in info["entries"]}
    s.last = info["last-generated-id"]
    for g in map(pairs, info["groups"]):
        pending = {i: [consumer, count] for i, consumer, _, count in g["pending"]}
        s.groups[g["name"]] = [g["last-delivered-id"], pending, {pairs(c)["name"] for c in g["consumers"]}]
        of_consumers = {i: [c["name"], count] for c in map(pairs, g["consumers"]) for i, _, count in c["pending"]}
        if of_consumers != pending:
            raise AssertionError("pending of the group %r, of its consumers %r" % (pending, of_consumers))
    return s


# The first letter of a key says its type.
READ = {
    **dict.fromkeys("simbf", (lambda k: ["GET", k], str)),
    "p": (lambda k: ["GET", k], registers),
    "l": (lambda k: ["LRANGE", k, 0, -1], list),
    "t": (lambda k: ["SMEMBERS", k], set),
    **dict.fromkeys("zg", (lambda k: ["ZRANGE", k, 0, -1, "WITHSCORES"], as_zset)),
    "h": (lambda k: ["HGETALL", k], pairs),
    "x": (lambda k: ["XINFO", "STREAM", k, "FULL", "COUNT", 0], as_stream),
}


def read_database(c, db):
    d = Data()
    keys = sorted(c.several([["SELECT", db], ["KEYS", "*"]])[1])
    asked = []
    for k in keys:
        asked.append(["PEXPIRETIME", k])
        if k[0] == "h":
            asked.append(["HPEXPIRETIME", k, "FIELDS", len(FIELDS), *FIELDS])
        asked.append(READ[k[0]][0](k))
    replies = iter(c.several(asked))
    for k in keys:
        at, times = next(replies), next(replies) if k[0] == "h" else None
        value = next(replies)
        if at == -2 or value in (None, []) and k[:2] in ("se", "he"):
            continue  # it has expired meanwhile
        value = READ[k[0]][1](value)
        if k[0] == "h":
            times = dict(zip(FIELDS, times or []))
            value = {f: (v, times.get(f, -1)) for f, v in value.items()}
        d[k] = value
        if at > 0:
            d.at[k] = at
    return d


def read_world(c, databases):
    """What is there, and between which times it was."""
    w = World()
    from_ms = int(time.time() * 1000)
    w.data = [read_database(c, db) for db in databases]
    return w, from_ms, int(time.time() * 1000) + 1


def difference(model, there):
    parts = []
    for n, (a, b) in enumerate(zip(model.data, there.data)):
        for k in sorted(set(a) | set(b)):
            if a.get(k) != b.get(k) or a.at.get(k) != b.at.get(k):
                parts.append("%d %s: acknowledged %.300r %s, there %.300r %s" % (n, k, a.get(k), a.at.get(k), b.get(k), b.at.get(k)))
    return "; ".join(parts[:4])
