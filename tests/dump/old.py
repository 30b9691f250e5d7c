"""Payloads of DUMP as older and newer versions of Redis write them, made by hand: plain tables, zipmaps, ziplists, packed lists, fields that expire."""
import struct

POLY = 0x95ac9329ac4bc9b5   # reflected
TABLE = []
for byte in range(256):
    crc = byte
    for _ in range(8):
        crc = crc >> 1 ^ (POLY if crc & 1 else 0)
    TABLE.append(crc)


def footer(payload, version=10):
    payload += struct.pack("<H", version)
    crc = 0
    for b in payload:
        crc = TABLE[(crc ^ b) & 255] ^ crc >> 8
    return payload + struct.pack("<Q", crc)


def length(n):
    if n < 1 << 6:
        return bytes([n])
    if n < 1 << 14:
        return struct.pack(">H", n | 0x4000)
    return b"\x80" + struct.pack(">I", n) if n < 1 << 32 else b"\x81" + struct.pack(">Q", n)


def string(s):
    n = integer(s)
    if n is not None and -1 << 31 <= n < 1 << 31:
        return b"\xc0" + struct.pack("<b", n) if -128 <= n < 128 else b"\xc1" + struct.pack("<h", n) if -1 << 15 <= n < 1 << 15 else b"\xc2" + struct.pack("<i", n)
    return length(len(s)) + s


def compressed(s):
    """LZF without any matches: runs of up to 32 bytes as they are."""
    packed = b"".join(bytes([len(s[i:i + 32]) - 1]) + s[i:i + 32] for i in range(0, len(s), 32))
    return b"\xc3" + length(len(packed)) + length(len(s)) + packed


def integer(s):
    """What Redis would keep as an integer, or None."""
    if not 0 < len(s) <= 20 or s.strip(b"-0123456789") or s.count(b"-") > 1 or b"-" in s[1:]:
        return None
    if s == b"-" or s.lstrip(b"-")[:1] == b"0" and s != b"0":
        return None
    n = int(s)
    return n if -1 << 63 <= n < 1 << 63 else None


def ziplist(elements):
    out, before, last = b"", 0, 10
    for s in elements:
        last = 10 + len(out)
        e = bytes([before]) if before < 254 else b"\xfe" + struct.pack("<I", before)
        n = integer(s)
        if n is None:
            e += (bytes([len(s)]) if len(s) < 64 else struct.pack(">H", len(s) | 0x4000) if len(s) < 1 << 14 else b"\x80" + struct.pack(">I", len(s))) + s
        elif 0 <= n <= 12:
            e += bytes([0xf1 + n])
        else:
            for code, size in ((0xfe, 1), (0xc0, 2), (0xf0, 3), (0xd0, 4), (0xe0, 8)):
                if -1 << 8 * size - 1 <= n < 1 << 8 * size - 1:
                    e += bytes([code]) + n.to_bytes(size, "little", signed=True)
                    break
        out += e
        before = len(e)
    return struct.pack("<IIH", 11 + len(out), last, min(len(elements), 65535)) + out + b"\xff"


def listpack(elements):
    out = b""
    for s in elements:
        n = integer(s)
        if n is None:
            e = (bytes([0x80 | len(s)]) if len(s) < 64 else bytes([0xe0 | len(s) >> 8, len(s) & 255]) if len(s) < 4096 else b"\xf0" + struct.pack("<I", len(s))) + s
        elif 0 <= n < 128:
            e = bytes([n])
        elif -4096 <= n < 4096:
            e = bytes([0xc0 | (n & 0x1fff) >> 8, n & 255])
        else:
            for code, size in ((0xf1, 2), (0xf2, 3), (0xf3, 4), (0xf4, 8)):
                if -1 << 8 * size - 1 <= n < 1 << 8 * size - 1:
                    e = bytes([code]) + n.to_bytes(size, "little", signed=True)
                    break
        out += e + backwards(len(e))
    return struct.pack("<IH", 7 + len(out), min(len(elements), 65535)) + out + b"\xff"


def backwards(n):
    """The length behind an element: seven bits a byte, the highest first; all but the first byte are marked."""
    groups = []
    while True:
        groups.append(n & 127)
        n >>= 7
        if not n:
            break
    groups.reverse()
    return bytes([groups[0]] + [g | 0x80 for g in groups[1:]])


def intset(numbers):
    size = next(s for s in (2, 4, 8) if all(-1 << 8 * s - 1 <= n < 1 << 8 * s - 1 for n in numbers))
    return struct.pack("<II", size, len(numbers)) + b"".join(n.to_bytes(size, "little", signed=True) for n in sorted(numbers))


def zipmap(pairs, r):
    out = bytes([min(len(pairs), 254)])
    for k, v in pairs:
        unused = r.randrange(4)
        for s, free in ((k, b""), (v, bytes([unused]))):
            out += (bytes([len(s)]) if len(s) < 254 else b"\xfe" + struct.pack("<I", len(s))) + free + s
        out += b"\0" * unused
    return out + b"\xff"


# Scores as texts, which old sorted sets have.
SCORES = [b"0", b"1", b"-1", b"1.5", b"0.10000000000000001", b"1e+300", b"-3.25", b"17", b"4611686018427387904", b"inf", b"-inf"]
EARLIEST = 4000000000000


def text_score(s):
    return {b"inf": b"\xfe", b"-inf": b"\xff"}.get(s) or bytes([len(s)]) + s


def list_object(kind, v, r):
    nodes = [v[i:i + 5] for i in range(0, len(v), 5)]
    if kind == 1:
        return length(len(v)) + b"".join(string(e) for e in v)
    if kind == 10:
        return string(ziplist(v))
    if kind == 14:
        return length(len(nodes)) + b"".join(r.choice([string, compressed])(ziplist(n)) for n in nodes)
    return length(len(v)) + b"".join(b"\x01" + string(e) if e and r.random() < 0.5 else b"\x02" + string(listpack([e])) for e in v)


def zset_object(kind, v, scores):
    if kind == 3:
        return length(len(v)) + b"".join(string(e) + text_score(s) for e, s in zip(v, scores))
    if kind == 5:
        return length(len(v)) + b"".join(string(e) + struct.pack("<d", float(s)) for e, s in zip(v, scores))
    pairs = sorted(zip(v, scores), key=lambda p: (float(p[1]), p[0]))
    return string((ziplist if kind == 12 else listpack)([w for p in pairs for w in p]))


def hash_object(kind, v, values, at, r):
    flat = [w for p in zip(v, values) for w in p]
    if kind == 4:
        return length(len(v)) + b"".join(string(e) for e in flat)
    if kind == 9:
        return string(zipmap(list(zip(v, values)), r))
    if kind == 24:
        return struct.pack("<q", EARLIEST) + length(len(v)) + b"".join(length(t - EARLIEST + 1 if t else 0) + string(e) + string(x) for e, x, t in zip(v, values, at))
    if kind == 25:
        return struct.pack("<q", EARLIEST) + string(listpack([w for e, x, t in zip(v, values, at) for w in (e, x, b"%d" % t)]))
    return string((ziplist if kind == 13 else listpack)(flat))


def value(r, elements):
    """(type, object, how it is read, what it holds); elements are what it is made of."""
    kind = r.choice([0, 1, 2, 3, 4, 5, 9, 10, 11, 12, 13, 14, 16, 17, 18, 20, 24, 25])
    v = elements if kind in (1, 10, 14, 18) else list(dict.fromkeys(elements))
    if kind == 0:
        return kind, r.choice([string, compressed])(v[0] or b"x"), "string", v[0] or b"x"
    if kind in (1, 10, 14, 18):
        return kind, list_object(kind, v, r), "list", v
    if kind in (2, 11, 20):
        if kind == 11:
            bits = r.choice([8, 15, 20, 31, 50, 63])
            v = [b"%d" % n for n in {r.randrange(-1 << bits, 1 << bits) for _ in v}]
        packed = intset([int(e) for e in v]) if kind == 11 else listpack(v)
        return kind, string(packed) if kind != 2 else length(len(v)) + b"".join(string(e) for e in v), "set", sorted(v)
    if kind in (3, 5, 12, 17):
        scores = [r.choice(SCORES) for _ in v]
        return kind, zset_object(kind, v, scores), "zset", sorted(((e, float(s)) for e, s in zip(v, scores)), key=lambda p: (p[1], p[0]))
    values = [r.choice(elements) for _ in v]
    at = [r.choice([0, EARLIEST, EARLIEST + 1000, EARLIEST + 99999]) for _ in v]
    return kind, hash_object(kind, v, values, at, r), "hash", sorted(zip(v, values)) if kind < 24 else sorted(zip(v, values, at))
