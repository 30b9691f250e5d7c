"""Writers with a model each. Several run in one thread, so that a cycle costs little: the loop is in killed.py.

A writer has two databases and two connections. One sends operations, some of them at once; with the other it now and then waits for what the first one does.
What was acknowledged is done to the model at once, what is on its way is kept: after a kill, any beginning of that may be there, and nothing else.
"""
import random

from model import World, difference, read_world
from operations import SINGLE, a_flush, a_restore, a_select, a_swap, a_transaction, a_wait, an_spop
from server import Error

EXPECTED = ("no such key", "BUSYGROUP", "NOGROUP", "index out of range", "requires the key to exist")


class Writer:
    def __init__(self, server, databases, seed):
        self.server, self.databases, self.n, self.ids = server, databases, 0, 0
        self.r = random.Random(seed)
        self.model = World()
        self.flight = []
        self.waiting = None   # the second connection's operation
        self.answer = None    # and what it was answered
        self.acknowledged = 0

    # ---- while the server runs -------------------------------------------------------------------------------------------------------

    def connect(self):
        self.c, self.second = self.server.client(), self.server.client()
        self.selected = self.model.selected = 0
        for c in (self.c, self.second):
            c("SELECT", self.databases[0])
        self.send()

    def next_id(self):
        """A stream's, larger than any before."""
        self.ids += 1
        return "%d-1" % self.ids

    def one(self):
        self.n += 1
        p = self.r.random()
        f = a_flush if p < 0.003 else a_swap if p < 0.006 else a_select if p < 0.02 else an_spop if p < 0.04 else a_transaction if p < 0.15 else self.r.choice(SINGLE)
        return f(self.r, self.n, self)

    def restored(self):
        keys = [k for k in self.model.here if k[1:].isdigit()]
        if keys:
            k = self.r.choice(sorted(keys))
            payload = self.c("DUMP", k)
            if payload is not None:
                yield a_restore(k, k[0] + str(self.r.randrange(6)), payload, self.model)

    def send(self, only=None):
        """The next operations; all before are acknowledged."""
        ops = []
        if only:
            self.n += 1
            ops = [only(self.r, self.n, self)]
        elif self.r.random() < 0.1:
            self.n += 1
            wait, serve, before = a_wait(self.r, self.n, self)
            if before:
                ops = [before]
            else:
                ops = [self.r.choice(SINGLE)(self.r, self.n, self) for _ in range(self.r.randrange(3))]
                ops.insert(self.r.randrange(len(ops) + 1), serve)
                self.waiting = wait
                self.second.send([["SELECT", self.databases[self.selected]], *wait.argvs])
        elif self.r.random() < 0.05:
            ops = list(self.restored())
        if not ops:
            for _ in range(self.r.choice((1, 1, 1, 4, 16, 32))):
                ops.append(self.one())
                if ops[-1].alone:
                    break
        self.flight = ops
        argvs = [o.commands() for o in ops]
        self.counts = [len(a) for a in argvs]
        self.c.send([a for l in argvs for a in l])

    def acknowledge(self, op, reply):
        wrong = [x for x in (reply if isinstance(reply, list) else [reply]) if isinstance(x, Error) and not any(e in x for e in EXPECTED)]
        if wrong:
            raise AssertionError("%r: %r" % (op.commands(), wrong))
        if op.learn:
            op.learn(reply)

    def take(self):
        """What has come is done to the model. False: not all of it yet."""
        while self.flight:
            replies = self.c.take(self.counts[0])
            if replies is None:
                break
            self.counts.pop(0)
            op = self.flight.pop(0)
            self.acknowledge(op, replies[-1])
            op.do(self.model)
            self.acknowledged += 1
        if self.waiting and self.answer is None:
            replies = self.second.take(2)
            if replies is not None:
                self.answer = replies[-1]
                self.acknowledge(self.waiting, self.answer)
        if self.flight or self.waiting and self.answer is None:
            return False
        if self.waiting:
            self.waiting.do(self.model)
            self.acknowledged += 1
            self.waiting = self.answer = None
        return True

    def readable(self, c, only=None):
        """True: it has sent something new."""
        c.receive()
        done = self.take()
        if done:
            self.send(only)
        return done

    # ---- after it has been killed ----------------------------------------------------------------------------------------------------

    def drain(self):
        """What it had answered is acknowledged, also if nobody has read it yet."""
        for c in (self.c, self.second):
            c.receive_all()
            c.__exit__()
        self.take()

    def candidates(self, there):
        """Each state that may be there."""
        world = World(self.model)
        for i in range(len(self.flight) + 1):
            if not self.waiting or self.answer is None:
                yield world
            if self.waiting:
                before, served = world, World(world)
                if self.waiting.guess and self.answer is None:
                    self.waiting.guess(served, there)
                self.waiting.do(served)
                if not served.same(before):  # what was answered was there
                    yield served
            if i < len(self.flight):
                world = World(world)
                if self.flight[i].guess:
                    self.flight[i].guess(world, there)
                self.flight[i].do(world)

    def check(self, c):
        """What is there becomes the model."""
        there, from_ms, to_ms = read_world(c, self.databases)
        late = World(there)
        late.expire(to_ms)
        for world in self.candidates(there):
            expected = World(world)
            expected.expire(to_ms)
            if expected.same(late):
                break
        else:
            world = World(self.model)
            world.expire(to_ms)
            raise AssertionError("databases %s, %d acknowledged, %d in flight, waiting %r: %s" % (self.databases, self.acknowledged, len(self.flight),
                                 self.waiting and (self.waiting.argvs, self.answer), difference(world, late)))
        gone = World(there)
        gone.expire(from_ms)
        if not gone.same(there):
            raise AssertionError("what has expired is there: %s" % difference(gone, there))
        self.model = expected
        self.flight, self.waiting, self.answer = [], None, None
