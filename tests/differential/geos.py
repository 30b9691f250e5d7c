"""Geo commands, for diff.py: see FAMILIES there."""

KEYS = [b"g1", b"g2", b"{t}g"]
MEMBERS = [b"m%d" % i for i in range(40)] + [b"1", b"2", b"-7", b"", b"x" * 70]
UNITS = [b"m", b"km", b"ft", b"mi"]


def begin(r):
    """Commands at the start of a round."""
    return []


def compare_search(a, b, argv):
    """No order among equal distances: where many are as far, which of them are found first, or stored, is each server's own."""
    words = {w.upper() for w in argv}
    if a[0] == b[0] == "*" and len(a[1]) == len(b[1]) and words & {b"ASC", b"DESC", b"COUNT"}:
        if b"WITHDIST" in words:
            return b if [x[1][1] for x in a[1]] == [x[1][1] for x in b[1]] else a
        return b if b"COUNT" in words or sorted(a[1], key=repr) == sorted(b[1], key=repr) else a
    return a


class Family:
    def geo_key(self):
        return self.key() if self.r.random() < 0.05 else self.r.choice(KEYS)

    def geo_member(self):
        return self.r.choice(MEMBERS)

    def geo_number(self, limit):
        r = self.r
        x = r.random()
        return b"%.*f" % (r.randrange(0, 12), r.uniform(-limit, limit)) if x < 0.93 else r.choice([b"0", b"180", b"-180", b"85.05112878", b"-85.05112878"]) if x < 0.98 else r.choice([b"181", b"86", b"-1e3", b"x", b"nan", b"inf", b""])

    def geo_place(self):
        r = self.r
        if r.random() < 0.5:
            return [b"%.6f" % (13 + r.gauss(0, 0.3)), b"%.6f" % (38 + r.gauss(0, 0.3))]
        return [self.geo_number(180), self.geo_number(85)]

    def geo_length(self):
        r = self.r
        x = r.random()
        return b"%.*f" % (r.randrange(0, 4), 10 ** r.uniform(-1, 4.5)) if x < 0.95 else r.choice([b"0", b"1e9", b"-1", b"abc", b"nan", b"inf"])

    def geo_unit(self):
        return self.case(self.r.choice(UNITS)) if self.r.random() < 0.98 else b"yd"

    def geo_add(self):
        r = self.r
        argv = [b"GEOADD", self.geo_key()]
        for word, chance in ((b"NX", 0.1), (b"XX", 0.1), (b"CH", 0.2)):
            if r.random() < chance:
                argv.append(self.case(word))
        for _ in range(1 if r.random() < 0.3 else r.randrange(1, 12)):
            argv += self.geo_place() + [self.geo_member()]
        return argv

    def geo_look(self):
        r = self.r
        x = r.random()
        if x < 0.3:
            return [b"GEODIST", self.geo_key(), self.geo_member(), self.geo_member()] + ([self.geo_unit()] if r.random() < 0.5 else [])
        return [r.choice([b"GEOPOS", b"GEOHASH"]), self.geo_key()] + [self.geo_member() for _ in range(r.randrange(0, 5))]

    def geo_options(self, stores):
        r = self.r
        parts = []
        for word in (b"WITHDIST", b"WITHHASH", b"WITHCOORD"):
            if r.random() < (0.03 if stores else 0.3):
                parts.append([self.case(word)])
        if r.random() < 0.5:
            parts.append([self.case(r.choice([b"ASC", b"DESC"]))])
        if r.random() < 0.3 and not stores:     # what is found first among equals would be stored
            parts.append([self.case(b"COUNT"), b"%d" % r.randrange(1, 12) if r.random() < 0.95 else self.integer()] + ([self.case(b"ANY")] if r.random() < 0.2 else []))
        return parts

    def geo_search(self):
        r = self.r
        stores = r.random() < 0.25
        argv = [b"GEOSEARCHSTORE", self.geo_key(), self.geo_key()] if stores else [b"GEOSEARCH", self.geo_key()]
        parts = self.geo_options(stores)
        if r.random() < 0.98:
            parts.append([self.case(b"FROMMEMBER"), self.geo_member()] if r.random() < 0.4 else [self.case(b"FROMLONLAT")] + self.geo_place())
        if r.random() < 0.98:
            parts.append([self.case(b"BYRADIUS"), self.geo_length(), self.geo_unit()] if r.random() < 0.5 else [self.case(b"BYBOX"), self.geo_length(), self.geo_length(), self.geo_unit()])
        if r.random() < (0.4 if stores else 0.01):
            parts.append([self.case(b"STOREDIST")])
        r.shuffle(parts)
        return argv + [w for p in parts for w in p]

    def geo_radius(self):
        r = self.r
        stores = r.random() < 0.25
        member = r.random() < 0.4
        argv = [b"GEORADIUSBYMEMBER" if member else b"GEORADIUS", self.geo_key()] + ([self.geo_member()] if member else self.geo_place()) + [self.geo_length(), self.geo_unit()]
        if not stores and r.random() < 0.3:
            argv[0] += b"_RO"
        parts = self.geo_options(stores)
        if stores or r.random() < 0.01:
            parts.append([self.case(r.choice([b"STORE", b"STOREDIST"])), self.geo_key()])
        r.shuffle(parts)
        return argv + [w for p in parts for w in p]

    def geo_about(self):
        r = self.r
        return [b"ZRANGE", self.geo_key(), b"0", b"-1", b"WITHSCORES"] if r.random() < 0.6 else [b"ZREM", self.geo_key(), self.geo_member()]


GRAMMAR = [(6, "geo_add"), (4, "geo_look"), (6, "geo_search"), (4, "geo_radius"), (2, "geo_about")]
EXPLAINED = {name: compare_search for name in (b"GEOSEARCH", b"GEORADIUS", b"GEORADIUS_RO", b"GEORADIUSBYMEMBER", b"GEORADIUSBYMEMBER_RO")}
