"""What HyperLogLogs and geo members are kept as, computed here: registers and scores."""
import functools

MASK = (1 << 64) - 1
REGISTERS = 1 << 14


def murmur64a(data, seed=0xadc83b19):
    m = 0xc6a4a7935bd1e995
    h = seed ^ (len(data) * m & MASK)
    for i in range(0, len(data) // 8 * 8, 8):
        k = int.from_bytes(data[i:i + 8], "little") * m & MASK
        k = (k ^ k >> 47) * m & MASK
        h = (h ^ k) * m & MASK
    rest = data[len(data) // 8 * 8:]
    if rest:
        h = (h ^ int.from_bytes(rest, "little")) * m & MASK
    h = (h ^ h >> 47) * m & MASK
    return h ^ h >> 47


@functools.lru_cache(None)
def register_of(element):
    """Its number, and what this element makes of it."""
    h = murmur64a(element.encode())
    bits = h >> 14 | 1 << 50
    return h % REGISTERS, (bits & -bits).bit_length()


def registers(hll):
    """Those that are not 0."""
    b = hll.encode("latin1")
    assert b[:4] == b"HYLL", b[:16]
    found = {}
    if b[4] == 0:
        bits = int.from_bytes(b[16:], "little")
        for i in range(REGISTERS):
            if bits & 63:
                found[i] = bits & 63
            bits >>= 6
        return found
    at, i = 0, 16
    while i < len(b):
        if b[i] & 0x80:
            n, value = (b[i] & 3) + 1, (b[i] >> 2 & 31) + 1
            found.update((at + j, value) for j in range(n))
        elif b[i] & 0x40:
            n = ((b[i] & 63) << 8 | b[i + 1]) + 1
            i += 1
        else:
            n = (b[i] & 63) + 1
        at += n
        i += 1
    assert at == REGISTERS, at
    return found


@functools.lru_cache(None)
def geo_score(longitude, latitude):
    def part(value, low, high):
        return int((value - low) / (high - low) * (1 << 26))
    x, y = part(longitude, -180.0, 180.0), part(latitude, -85.05112878, 85.05112878)
    return float(sum((y >> i & 1) << 2 * i | (x >> i & 1) << 2 * i + 1 for i in range(26)))
