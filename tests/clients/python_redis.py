#!/usr/bin/python3
"""redis-py: pipelines, transactions with watch, locks, iterators, pub/sub in threads, a pool of connections.

Locks are those that people build of SET NX and WATCH: redis.lock itself gives back its locks by scripts."""
import sys, threading, time, traceback

import redis
from redis.backoff import ConstantBackoff
from redis.retry import Retry

PORT = int(sys.argv[-1])
PATIENCE_S = 15
BYTES = bytes(range(256)) + b"\r\n\0\xff"
TRIES = []


def attempt(f):
    TRIES.append(f)
    return f


def connect(**options):
    again = {"retry": Retry(ConstantBackoff(0.05), 5), "retry_on_error": [redis.ConnectionError]}
    return redis.Redis(host="127.0.0.1", port=PORT, **{"db": 3, "decode_responses": True, "socket_timeout": PATIENCE_S, **again, **options})


def equal(got, wanted):
    assert got == wanted, "got %.300r, wanted %.300r" % (got, wanted)


def until(condition):
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end, "never"
        time.sleep(0.002)


def error_of(kind, call, *args, **named):
    try:
        call(*args, **named)
    except kind as e:
        return str(e)
    raise AssertionError("no %s" % kind.__name__)


def in_threads(n, body):
    wrong = []

    def run(i):
        try:
            body(i)
        except Exception as e:
            wrong.append("%s: %s" % (type(e).__name__, e))

    threads = [threading.Thread(daemon=True, target=run, args=(i,)) for i in range(n)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    equal(wrong, [])


r = connect(client_name="scenario")


@attempt
def hello():
    assert r.ping()
    equal(r.client_getname(), "scenario")
    own = [c for c in r.client_list() if c["name"] == "scenario"][0]
    equal((own["db"], own["id"], own["cmd"]), ("3", str(r.client_id()), "client|list"))
    info = r.info()
    for field in ("redis_version", "used_memory", "connected_clients", "uptime_in_seconds", "total_commands_processed", "role", "maxmemory",
                  "keyspace_hits", "expired_keys", "mem_fragmentation_ratio", "used_cpu_sys"):
        assert field in info, field
    r.set("k", "v", ex=100)
    keyspace = r.info("keyspace")["db3"]
    equal((keyspace["keys"], keyspace["expires"]), (1, 1))
    equal(r.echo("x"), "x")
    equal(r.config_get("databases"), {"databases": "16"})
    assert r.config_set("timeout", 0)
    equal(r.execute_command("HELLO", 2)[0:2], ["server", "redis"])
    equal(r.command_getkeys("MSET", "a", "1", "b", "2"), ["a", "b"])
    equal((r.command()["get"]["arity"], r.command()["get"]["first_key_pos"]), (2, 1))
    assert r.flushdb() and r.dbsize() == 0
    assert abs(r.time()[0] - time.time()) < 60


@attempt
def strings():
    assert r.set("s", "one") and r.get("s") == "one" and r.get("none") is None
    equal(r.set("s", "two", nx=True), None)
    equal(r.set("s", "two", px=100000, get=True), "one")
    equal(r.append("s", "!"), 4)
    equal(r.incr("n", 5), 5)
    equal(r.incrbyfloat("n", 0.5), 5.5)
    assert r.mset({"a": 1, "b": 2})
    equal(r.mget("a", "none", "b"), ["1", None, "2"])
    equal(r.getrange("s", 1, 2), "wo")
    equal(r.setrange("s", 1, "WO"), 4)
    equal(r.setbit("bits", 7, 1), 0)
    equal(r.bitpos("bits", 1), 7)
    equal(r.bitfield("bits").set("u8", "#1", 255).incrby("u8", "#1", 1).execute(), [0, 0])
    equal(r.getdel("s"), "tWO!")
    equal(r.pfadd("hll", "a", "b"), 1)
    equal(r.exists("a", "b", "none"), 2)
    equal(r.type("hll"), "string")
    assert r.copy("a", "c") and r.rename("c", "d")
    equal(r.dump("none"), None)
    raw = connect(decode_responses=False)
    equal(raw.restore("restored", 0, raw.dump("a")), b"OK")
    equal(r.get("restored"), "1")


@attempt
def hashes():
    equal(r.hset("h", mapping={"f": "v", "g": 2}), 2)
    equal(r.hgetall("h"), {"f": "v", "g": "2"})
    equal(r.hincrby("h", "g", 3), 5)
    equal(r.hmget("h", "f", "x"), ["v", None])
    assert r.hexists("h", "f") and r.hlen("h") == 2
    equal(sorted(r.hrandfield("h", 5)), ["f", "g"])
    equal(r.hdel("h", "f", "x"), 1)


@attempt
def lists():
    equal(r.rpush("l", "a", "b", "c"), 3)
    equal(r.lpos("l", "c"), 2)
    equal(r.linsert("l", "before", "b", "x"), 4)
    equal(r.lmove("l", "m", "LEFT", "RIGHT"), "a")
    equal(r.lmpop(2, "none", "l", direction="LEFT", count=2), ["l", ["x", "b"]])
    assert r.ltrim("l", 0, 0)
    equal(r.sort("l", alpha=True), ["c"])


@attempt
def sets():
    equal(r.sadd("set", "a", "b", "c"), 3)
    equal(r.smembers("set"), {"a", "b", "c"})
    r.sadd("other", "b", "c", "d")
    equal(r.sinter("set", "other"), {"b", "c"})
    equal(r.sdiffstore("diff", "set", "other"), 1)
    equal(r.smismember("set", "a", "z"), [1, 0])
    equal(r.sintercard(2, ["set", "other"], limit=1), 1)


@attempt
def sorted_sets():
    equal(r.zadd("z", {"a": 1, "b": 2.5, "c": float("-inf")}), 3)
    equal(r.zrange("z", 0, -1, withscores=True), [("c", float("-inf")), ("a", 1.0), ("b", 2.5)])
    equal(r.zincrby("z", 2, "a"), 3.0)
    equal(r.zadd("z", {"a": 1}, gt=True, ch=True), 0)
    equal(r.zrevrangebyscore("z", "+inf", 0, start=0, num=1), ["a"])
    equal(r.zpopmin("z"), [("c", float("-inf"))])
    equal(r.zunionstore("u", {"z": 2, "set": 1}), 3)
    equal(r.zmscore("z", ["a", "none"]), [3.0, None])
    r.geoadd("geo", (13.361389, 38.115556, "Palermo", 15.087269, 37.502669, "Catania"))
    equal(r.geosearch("geo", longitude=15, latitude=37, radius=200, unit="km", sort="ASC"), ["Catania", "Palermo"])


@attempt
def streams():
    equal(r.xadd("x", {"f": "v"}, id="1-1"), "1-1")
    equal(r.xadd("x", {"f": "w"}, id="1-2"), "1-2")
    assert r.xgroup_create("x", "g", id="0")
    assert "already exists" in error_of(redis.ResponseError, r.xgroup_create, "x", "g")
    equal(r.xreadgroup("g", "me", {"x": ">"}, count=1), [["x", [("1-1", {"f": "v"})]]])
    equal(r.xpending("x", "g"), {"pending": 1, "min": "1-1", "max": "1-1", "consumers": [{"name": "me", "pending": 1}]})
    equal([e["message_id"] for e in r.xpending_range("x", "g", "-", "+", 10)], ["1-1"])
    equal(r.xclaim("x", "g", "you", 0, ["1-1"]), [("1-1", {"f": "v"})])
    equal(r.xautoclaim("x", "g", "me", 0)[1], [("1-1", {"f": "v"})])
    equal(r.xack("x", "g", "1-1"), 1)
    info = r.xinfo_stream("x")
    equal((info["length"], info["first-entry"]), (2, ("1-1", {"f": "v"})))
    equal(r.xinfo_groups("x")[0]["lag"], 1)
    equal(sorted(c["name"] for c in r.xinfo_consumers("x", "g")), ["me", "you"])
    got = []
    reader = threading.Thread(daemon=True, target=lambda: got.extend(connect().xread({"x": "$"}, block=PATIENCE_S * 900)))
    reader.start()
    until(lambda: r.info("clients")["blocked_clients"] == 1)
    r.xadd("x", {"f": "late"}, id="2-0")
    reader.join()
    equal(got, [["x", [("2-0", {"f": "late"})]]])


@attempt
def pipelines():
    with r.pipeline(transaction=False) as p:
        p.set("p", 1).incr("p").lpush("p", "x").get("p")
        out = p.execute(raise_on_error=False)
    equal((out[0], out[1], type(out[2]), out[3]), (True, 2, redis.ResponseError, "2"))
    with r.pipeline(transaction=False) as p:
        for i in range(5000):
            p.set("many:%d" % i, i)
        equal(p.execute(), [True] * 5000)


@attempt
def blocking_pops():
    waiter = connect()
    got = []
    thread = threading.Thread(daemon=True, target=lambda: got.append(waiter.blpop(["none", "q"])))
    thread.start()
    until(lambda: r.info("clients")["blocked_clients"] == 1)
    r.rpush("q", "job")
    thread.join()
    equal(got, [("q", "job")])
    r.zadd("zq", {"m": 7})
    equal(waiter.bzpopmin("zq", timeout=5), ("zq", "m", 7.0))
    r.rpush("q", "a", "b")
    equal(waiter.brpoplpush("q", "r", timeout=5), "b")
    equal(waiter.blmove("q", "r", 5, "LEFT", "RIGHT"), "a")
    equal(waiter.blmpop(5, 1, "r", direction="LEFT"), ["r", ["b"]])


@attempt
def iterators():
    equal(len(set(r.scan_iter("many:*", count=300))), 5000)
    equal(set(r.scan_iter("many:*", _type="list")), set())
    fields = {"f%d" % i: "v%d" % i for i in range(1000)}
    r.hset("big", mapping=fields)
    equal(dict(r.hscan_iter("big")), fields)
    r.sadd("sbig", *fields)
    equal(set(r.sscan_iter("sbig", match="f99*")), {f for f in fields if f.startswith("f99")})
    r.zadd("zbig", {f: i for i, f in enumerate(fields)})
    equal(sum(score for _, score in r.zscan_iter("zbig")), 499500.0)
    keys = list(r.scan_iter("many:*"))
    equal(r.unlink(*set(keys)), 5000)


@attempt
def expiry():
    r.set("e", "v", px=30)
    assert r.pttl("e") <= 30
    until(lambda: r.get("e") is None)
    r.set("e", "v")
    assert r.expire("e", 100, nx=True) and not r.expire("e", 200, nx=True)
    equal(r.ttl("e"), 100)
    assert r.persist("e")
    equal((r.ttl("e"), r.ttl("none")), (-1, -2))
    assert r.expireat("e", int(time.time()) + 1000) and r.expiretime("e") > time.time()
    equal(r.getex("e", persist=True), "v")


@attempt
def transactions():
    r.set("t", 1)
    with r.pipeline() as p:
        equal(p.incr("t").get("t").rpush("tl", "a").lrange("tl", 0, -1).execute(), [2, "2", 1, ["a"]])
        p.incr("t").lpush("t", "x").incr("t")
        assert "Command # 2" in error_of(redis.ResponseError, p.execute)
        equal(r.get("t"), "4")
        p.incr("t").execute_command("NOSUCH")
        assert "unknown command" in error_of(redis.ResponseError, p.execute)
        equal(r.get("t"), "4")


@attempt
def watch():
    with r.pipeline() as p:
        p.watch("t")
        r.set("t", 10)
        p.multi()
        p.set("t", 20)
        error_of(redis.WatchError, p.execute)
    equal(r.get("t"), "10")

    def add(i):
        own = connect()
        for _ in range(25):
            own.transaction(lambda p: (lambda n: (p.multi(), p.set("sum", n + 1)))(int(p.get("sum") or 0)), "sum")

    in_threads(4, add)
    equal(r.get("sum"), "100")


@attempt
def locks():
    inside, most = [], []

    def work(i):
        own, token = connect(), "token %d" % i
        for _ in range(5):
            while not own.set("lock", token, nx=True, px=PATIENCE_S * 1000):
                time.sleep(0.001)
            inside.append(i)
            most.append(len(inside))
            inside.pop()

            def give_back(p):
                mine = p.get("lock") == token
                p.multi()
                if mine:
                    p.delete("lock")

            equal(own.transaction(give_back, "lock"), [1])

    in_threads(4, work)
    equal((max(most), len(most), r.exists("lock")), (1, 20, 0))
    mine = r.lock("second", timeout=10, blocking=False)
    assert mine.acquire() and not r.lock("second", blocking=False).acquire()


@attempt
def pub_sub_in_threads():
    got = {"message": [], "pmessage": []}

    def put(m):
        got[m["type"]].append((m["channel"], m["data"]))

    p = r.pubsub()
    p.subscribe(c1=put, c2=put)
    p.psubscribe(**{"c[12]": put})
    thread = p.run_in_thread(sleep_time=0.01)
    until(lambda: dict(r.pubsub_numsub("c1", "c2")) == {"c1": 1, "c2": 1} and r.pubsub_numpat() == 1)
    equal(sorted(r.pubsub_channels()), ["c1", "c2"])
    equal((r.publish("c1", "hello"), r.publish("other", "lost")), (2, 0))
    for i in range(500):
        r.publish("c2", i)
    until(lambda: len(got["message"]) == 501 and len(got["pmessage"]) == 501)
    equal(got["message"], [("c1", "hello")] + [("c2", str(i)) for i in range(500)])
    equal(got["pmessage"], got["message"])
    thread.stop()
    thread.join()
    until(lambda: r.pubsub_numpat() == 0)


@attempt
def subscriber_by_hand():
    raw = connect(decode_responses=False)
    p = raw.pubsub()
    p.subscribe("bin")
    equal(p.get_message(timeout=5), {"type": "subscribe", "pattern": None, "channel": b"bin", "data": 1})
    raw.publish("bin", BYTES)
    equal(p.get_message(timeout=5)["data"], BYTES)
    p.ping()
    equal(p.get_message(timeout=5)["type"], "pong")
    p.unsubscribe()
    equal(p.get_message(timeout=5), {"type": "unsubscribe", "pattern": None, "channel": b"bin", "data": 0})
    p.close()


@attempt
def keyspace_notifications():
    r.config_set("notify-keyspace-events", "Exe$")
    p = r.pubsub()
    p.psubscribe("__keyevent@3__:*")
    equal(p.get_message(timeout=5)["type"], "psubscribe")
    r.set("note", 1, px=20)
    equal([p.get_message(timeout=5)["channel"] for _ in range(2)], ["__keyevent@3__:set", "__keyevent@3__:expired"])
    r.config_set("notify-keyspace-events", "")
    p.close()


@attempt
def monitor():
    with connect().monitor() as m:
        r.set("seen", "a b")
        said = m.next_command()
        while not said["command"].startswith("SET "):
            said = m.next_command()
        equal((said["db"], said["command"], said["client_address"]), (3, "SET seen a b", "127.0.0.1"))


@attempt
def binary():
    raw = connect(decode_responses=False)
    assert raw.set(BYTES, BYTES)
    equal(raw.get(BYTES), BYTES)
    raw.hset("hb", BYTES, BYTES)
    equal(raw.hgetall("hb"), {BYTES: BYTES})
    raw.set("long", b"x" * 3000000)
    equal(len(raw.get("long")), 3000000)
    assert raw.set("", "empty") and raw.get("") == b"empty"


@attempt
def errors():
    r.set("str", "v")
    equal(error_of(redis.ResponseError, r.lpush, "str", "x"), "WRONGTYPE Operation against a key holding the wrong kind of value")
    equal(error_of(redis.ResponseError, r.execute_command, "NOSUCH", "a").rstrip(), "unknown command 'NOSUCH', with args beginning with: 'a'")
    equal(error_of(redis.ResponseError, r.execute_command, "GET"), "wrong number of arguments for 'get' command")
    equal(error_of(redis.ResponseError, r.incr, "str"), "value is not an integer or out of range")
    equal(error_of(redis.ResponseError, connect(db=999).ping), "DB index is out of range")
    assert "without any password configured" in error_of(redis.ResponseError, connect(password="wrong").ping)


@attempt
def clients():
    other = connect(client_name="victim")
    other.ping()
    victim = [c for c in r.client_list() if c["name"] == "victim"][0]
    equal(r.client_kill_filter(_id=victim["id"]), 1)
    assert other.ping()  # on a new connection
    got = []
    thread = threading.Thread(daemon=True, target=lambda: got.append(connect(client_name="blocked").blpop("nothing")))
    thread.start()
    until(lambda: r.info("clients")["blocked_clients"] == 1)
    blocked = [c for c in r.client_list() if c["name"] == "blocked"][0]
    equal(blocked["flags"], "b")
    assert r.client_unblock(blocked["id"])
    thread.join()
    equal(got, [None])


@attempt
def tools():
    equal(r.object("encoding", "str"), "embstr")
    assert r.memory_usage("str") > 0
    r.config_set("slowlog-log-slower-than", 0)
    r.get("str")
    assert any(e["command"] == b"GET str" for e in r.slowlog_get(10))
    r.config_set("slowlog-log-slower-than", 10000)
    assert r.slowlog_reset()
    equal(r.execute_command("ROLE")[0], "master")
    equal(r.wait(0, 10), 0)
    assert r.lastsave()


@attempt
def pool():
    shared = redis.Redis(connection_pool=redis.BlockingConnectionPool(max_connections=4, timeout=PATIENCE_S, host="127.0.0.1", port=PORT, db=3))

    def work(i):
        for j in range(50):
            assert shared.set("pool:%d" % i, j) and shared.get("pool:%d" % i) == b"%d" % j

    in_threads(8, work)


@attempt
def reconnect():
    p = r.pubsub()
    p.subscribe("again")
    p.get_message(timeout=5)
    print("restart", flush=True)
    sys.stdin.readline()
    assert r.set("after", "v")
    equal((r.client_getname(), r.get("after")), ("scenario", "v"))
    deadline = time.monotonic() + PATIENCE_S
    data = None
    while data != "here" and time.monotonic() < deadline:
        try:
            r.publish("again", "here")
            data = (p.get_message(timeout=0.05) or {}).get("data")
        except redis.ConnectionError:
            pass  # the subscriber says so once, and subscribes anew at the next call
    equal(data, "here")
    p.close()


def main():
    failed = 0
    for f in TRIES:
        try:
            f()
            print("ok " + f.__name__, flush=True)
        except Exception as e:
            failed += 1
            at = traceback.extract_tb(e.__traceback__)
            line = [t.lineno for t in at if t.filename == __file__]
            print("not ok %s: line %s: %s: %s" % (f.__name__, line[-1] if line else "?", type(e).__name__, " / ".join(str(e).splitlines())), flush=True)
    print("done", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
