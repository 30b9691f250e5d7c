#!/usr/bin/python3
"""redis-cli in its modes, and redis-benchmark with all its tests: what they print must be what is in the server."""
import re, subprocess, sys, tempfile, time

PORT = sys.argv[-1]
PATIENCE_S = 30
TRIES = []


def attempt(f):
    TRIES.append(f)
    return f


def equal(got, wanted):
    assert got == wanted, "got %.300r, wanted %.300r" % (got, wanted)


def found(pattern, text):
    m = re.search(pattern, text, re.M)
    assert m, "no %s in %.600r" % (pattern, text)
    return m.groups()


def run(*words, input=None):
    done = subprocess.run(words, input=input, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=PATIENCE_S)
    out = done.stdout.decode(errors="replace")
    assert done.returncode == 0, "status %d: %.300s" % (done.returncode, out)
    return out


def cli(*words, **options):
    return run("redis-cli", "-p", PORT, *words, **options)


@attempt
def commands():
    equal(cli("SET", "k", "v w"), "OK\n")
    equal(cli("GET", "k"), "v w\n")
    equal(cli("--no-raw", "RPUSH", "l", "a", "b"), "(integer) 2\n")
    equal(cli("--no-raw", "LRANGE", "l", "0", "-1"), '1) "a"\n2) "b"\n')
    equal(cli("--json", "HGETALL", "none"), "{}\n")
    equal(cli("-3", "--no-raw", "ZRANGE", "none", "0", "-1", "WITHSCORES"), "(empty array)\n")
    equal(cli("-n", "5", "-x", "SET", "from input", input=b"\0bytes"), "OK\n")
    equal(cli("-n", "5", "STRLEN", "from input"), "6\n")
    equal(cli(input=b"MULTI\nINCR n\nINCR n\nEXEC\n"), "OK\nQUEUED\nQUEUED\n1\n2\n")
    equal(cli("-r", "3", "INCR", "n"), "3\n4\n5\n")
    found("^redis_version:7", cli("INFO"))


@attempt
def pipe():
    data = b"".join(b"*3\r\n$3\r\nSET\r\n$%d\r\nbulk:%d\r\n$1\r\nx\r\n" % (len("bulk:%d" % i), i) for i in range(20000))
    equal(found(r"errors: (\d+), replies: (\d+)", cli("--pipe", input=data)), ("0", "20000"))


@attempt
def scan():
    equal(len(set(cli("--scan", "--pattern", "bulk:*").split())), 20000)
    equal(cli("--scan", "--pattern", "l*").split(), ["l"])


@attempt
def bigkeys():
    cli("RPUSH", "long list", *map(str, range(1000)))
    cli("HSET", "h", "f", "v")
    cli("SADD", "s", *map(str, range(50)))
    cli("ZADD", "z", "1", "a")
    cli("XADD", "x", "*", "f", "v")
    cli("SET", "large", "y" * 10000)
    out = cli("--bigkeys")
    found(r'Biggest +list found .*long list.* has 1000 items', out)
    found(r'Biggest string found .*large.* has 10000 bytes', out)
    found(r'Biggest +set found .*"s".* has 50 members', out)
    found(r"^\d+ streams with 1 entries", out)
    equal(found(r"^Sampled (\d+) keys", out)[0], cli("DBSIZE").strip())


@attempt
def memkeys():
    out = cli("--memkeys")
    assert int(found(r'Biggest string found .*large.* has (\d+) bytes', out)[0]) >= 10000
    assert int(found(r'Biggest +list found .*long list.* has (\d+) bytes', out)[0]) >= 1000


@attempt
def hotkeys():
    cli("CONFIG", "SET", "maxmemory-policy", "allkeys-lfu")
    cli("SET", "hot", "v")
    cli("-r", "3000", "GET", "hot")
    found(r'hot key found with counter: \d+\s+keyname: "?hot"?$', cli("--hotkeys"))
    cli("CONFIG", "SET", "maxmemory-policy", "noeviction")


@attempt
def latency():
    numbers = cli("-i", "1", "--latency").split()
    assert len(numbers) == 4 and int(numbers[3]) > 10, numbers
    numbers = cli("--csv", "-i", "1", "--latency").strip().split(",")
    assert len(numbers) == 4, numbers


@attempt
def stat():
    tool = subprocess.Popen(["redis-cli", "-p", PORT, "-i", "0.1", "--stat"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    lines = [tool.stdout.readline() for _ in range(5)]
    tool.terminate()
    tool.wait()
    found(r"^keys +mem +clients +blocked +requests +connections", lines[1])
    keys, _, clients = lines[3].split()[:3]
    total = int(cli("DBSIZE")) + int(cli("-n", "5", "DBSIZE"))
    equal(int(keys), total)
    assert int(clients) >= 1, lines[3]


@attempt
def subscribe_and_monitor():
    with tempfile.TemporaryFile("w+") as heard, tempfile.TemporaryFile("w+") as seen:
        tools = [subprocess.Popen(["redis-cli", "-p", PORT, *words], stdout=to, stdin=subprocess.DEVNULL)
                 for words, to in ((["SUBSCRIBE", "news"], heard), (["MONITOR"], seen))]
        end = time.monotonic() + PATIENCE_S

        def said(file):
            file.seek(0)
            return file.read()

        while not said(seen).startswith("OK") and time.monotonic() < end:
            time.sleep(0.01)
        while cli("PUBLISH", "news", "hello") != "1\n" and time.monotonic() < end:
            time.sleep(0.01)
        while ("hello" not in said(heard) or "PUBLISH" not in said(seen)) and time.monotonic() < end:
            time.sleep(0.01)
        for t in tools:
            t.kill()
            t.wait()
        equal(said(heard), "subscribe\nnews\n1\nmessage\nnews\nhello\n")
        found(r'^\d+\.\d{6} \[0 127\.0\.0\.1:\d+\] "PUBLISH" "news" "hello"$', said(seen))


@attempt
def dump_and_restore():
    packed = subprocess.run(["redis-cli", "-p", PORT, "DUMP", "long list"], stdout=subprocess.PIPE).stdout[:-1]
    equal(cli("-x", "RESTORE", "copy", "0", input=packed), "OK\n")
    equal(cli("LLEN", "copy"), "1000\n")


def benchmark(*words):
    out = run("redis-benchmark", "-p", PORT, "-q", *words).replace("\r", "\n")
    assert "rror" not in out and "WARNING" not in out, out[-500:]
    return re.findall(r"^(.+): ([0-9.]+) requests per second, p50=", out, re.M)


@attempt
def benchmark_everything():
    rows = benchmark("-n", "2000", "-c", "20")
    names = " ".join(name for name, _ in rows)
    for name in ("PING_INLINE", "PING_MBULK", "SET", "GET", "INCR", "LPUSH", "RPUSH", "LPOP", "RPOP", "SADD", "HSET", "SPOP", "ZADD", "ZPOPMIN", "LRANGE_100",
                 "LRANGE_600", "MSET"):
        assert name in names, "no %s in %s" % (name, names)
    assert all(float(rate) > 0 for _, rate in rows), rows


@attempt
def benchmark_pipelines_and_threads():
    equal(len(benchmark("-n", "20000", "-P", "16", "-r", "1000", "-t", "set,get,zadd,spop")), 4)
    equal(len(benchmark("-n", "20000", "--threads", "2", "-t", "set,get")), 2)
    equal(len(benchmark("-n", "2000", "-3", "-t", "set,get")), 2)
    equal(len(benchmark("-n", "2000", "-d", "10000", "XADD", "bench", "*", "f", "__data__")), 1)


def main():
    failed = 0
    for f in TRIES:
        try:
            f()
            print("ok " + f.__name__, flush=True)
        except Exception as e:
            failed += 1
            print("not ok %s: %s: %s" % (f.__name__, type(e).__name__, str(e).replace("\n", " / ")[:700]), flush=True)
    print("done", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
