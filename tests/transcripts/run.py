#!/usr/bin/python3
"""Runs transcripts: commands with the replies they must get.

    run.py [options] [file.t or directory ...]        (default: every *.t beside this script)

Each file is run on an empty database of its own, three times: through a socket in RESP2, through a socket in RESP3, and
through kora_exec in-process (which answers in RESP3). With --oracle redis-server takes korad's place, to prove the
expectations themselves. --record prints the files with the replies that were got, for writing new transcripts.

THE FORMAT

    # comment                        lines of # and blank lines between commands mean nothing
    > SET k "a\\x00b" EX 10          a command: words, "with \\n \\r \\t \\\\ \\" \\xHH" or 'single quotes', as in redis-cli
    OK                               its reply, up to the next blank line, command or directive
    > GET k
    "a\\x00b"

Replies are written as redis-cli writes them, without its ambiguities. Everything but printable ASCII is \\xHH.

    OK                  status                      (true) (false)      booleans
    "text"              bulk string                 (double) 1.5        double, as it was sent
    (integer) 1         integer                     (bignum) 123        big number
    (error) ERR ...     error                       (verbatim txt) "x"  verbatim string
    (nil)               null: $-1 or RESP3's _      1) "a"              array; elements of an element are indented by three:
    (nil array)         *-1; in RESP3 also _        1)                     1) holds an aggregate; its lines follow
                                                       1) "b"     (spaces at the end of a line do not count)
    (empty array) (empty set) (empty map) (empty push)
    1~ "a"              set                         1# "k" => "v"       map; an aggregate as value: `1# "k" =>` and its lines
    1> "a"              push message

    (no reply)          nothing may come within 50 ms; the next reply belongs to the next command
    (closed)            the server closes the connection

Lines of a reply may also be

    ~ regex             matches one line of the reply as a whole; a named group (?P<x>...) is kept: ${x} in later commands
    ...                 any lines, up to the end of the reply
    resp2:  resp3:      the lines up to the next label are for this protocol only (kora_exec counts as RESP3)

Text in commands and replies: %{ab*1000} is ab repeated 1000 times.

Directives, on lines of their own:

    proto 2 | 3 | any             the commands from here on run with this protocol only
    on socket | exec | all        the commands from here on run only there
    client NAME                   the commands from here on come from this connection; the first is "a". `a> PING` and
                                  `client a: > PING` do it for one command
    sleep MS
    sorted                        before a command: arrays and sets of plain values, and maps, are sorted before comparing
    ! "raw bytes\\r\\n"             sends bytes as they are (sockets only); the reply follows
    <                             waits for one more reply or push message without sending; the reply follows
    since 7.2                     before a command: the oracle skips it if it is older. `all since 7.2`: the whole file
    differs REASON                before a command: an explained difference; the oracle skips it. `all differs`: the whole file
    start --name value ...        at the top: options for the server that runs this file
    close                         closes the current client's connection; the next command opens a new one
"""
import argparse, glob, os, re, select, socket, subprocess, sys, tempfile, time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
TIMEOUT = float(os.environ.get("KORA_TEST_TIMEOUT", "10"))


# ---- bytes as text -------------------------------------------------------------------------------------------------

NAMED = {10: "\\n", 13: "\\r", 9: "\\t", 7: "\\a", 8: "\\b", 34: '\\"', 92: "\\\\"}
UNNAMED = {"n": 10, "r": 13, "t": 9, "a": 7, "b": 8}


def printable(b, quoted):
    return "".join((NAMED[c] if quoted or c not in (34, 92) else chr(c)) if c in NAMED else chr(c) if 32 <= c < 127 else "\\x%02x" % c for c in b)


def quote(b):
    return '"' + printable(b, True) + '"'


def repeat(text):
    return re.sub(r"%\{(.*?)\*(\d+)\}", lambda m: m.group(1) * int(m.group(2)), text)


def split_words(text):
    """Words of a command line, as bytes; ValueError if the quotes do not balance."""
    words, i, n = [], 0, len(text)
    while True:
        while i < n and text[i].isspace():
            i += 1
        if i >= n:
            return words
        word = bytearray()
        quote_char = text[i] if text[i] in "\"'" else None
        i += 1 if quote_char else 0
        while True:
            if i >= n:
                if quote_char:
                    raise ValueError("unbalanced quotes")
                break
            c = text[i]
            if quote_char == '"' and c == "\\" and i + 1 < n:
                if text[i + 1] == "x" and re.match(r"[0-9a-fA-F]{2}", text[i + 2:i + 4]):
                    word.append(int(text[i + 2:i + 4], 16))
                    i += 4
                    continue
                word += bytes([UNNAMED[text[i + 1]]]) if text[i + 1] in UNNAMED else text[i + 1].encode()
                i += 2
                continue
            if quote_char == "'" and text[i:i + 2] == "\\'":
                word += b"'"
                i += 2
                continue
            if quote_char and c == quote_char:
                i += 1
                if i < n and not text[i].isspace():
                    raise ValueError("closing quote must end a word")
                break
            if not quote_char and c.isspace():
                break
            word += c.encode()
            i += 1
        words.append(bytes(word))


# ---- RESP ------------------------------------------------------------------------------------------------------------

class Closed(Exception):
    pass


class Late(Exception):
    pass


class Reader:
    """Reads replies from a file descriptor as (kind, value): kind is RESP's first byte."""

    def __init__(self, fd):
        self.fd, self.buf, self.pos = fd, b"", 0

    def fill(self, timeout):
        if not select.select([self.fd], [], [], timeout)[0]:
            raise Late()
        try:
            data = os.read(self.fd, 1 << 16)
        except ConnectionError:
            data = b""
        if not data:
            raise Closed()
        self.buf = self.buf[self.pos:] + data
        self.pos = 0

    def line(self):
        while True:
            end = self.buf.find(b"\r\n", self.pos)
            if end >= 0:
                out = self.buf[self.pos:end]
                self.pos = end + 2
                return out
            self.fill(TIMEOUT)

    def exactly(self, n):
        while len(self.buf) - self.pos < n:
            self.fill(TIMEOUT)
        out = self.buf[self.pos:self.pos + n]
        self.pos += n
        return out

    def reply(self):
        line = self.line()
        kind, rest = chr(line[0]) if line else "?", line[1:]
        if kind in "+-:,#(_":
            return kind, rest
        if kind in "$=!":
            if int(rest) < 0:
                return "_", b"$"
            data = self.exactly(int(rest) + 2)
            if data[-2:] != b"\r\n":
                raise ValueError("bulk string without CRLF")
            return kind, data[:-2]
        if kind in "*~>":
            return ("_", b"*") if int(rest) < 0 else (kind, [self.reply() for _ in range(int(rest))])
        if kind in "%|":
            pairs = [self.reply() for _ in range(2 * int(rest))]
            return self.reply() if kind == "|" else (kind, pairs)
        raise ValueError("not RESP: %r" % line)

    def quiet(self, seconds):
        """True if nothing comes within this time."""
        if self.pos < len(self.buf):
            return False
        return not select.select([self.fd], [], [], seconds)[0]


def in_order(reply):
    """The reply with its arrays and sets of plain values, and its maps, sorted."""
    kind, value = reply
    if kind in "*~>":
        value = [in_order(v) for v in value]
        if all(k not in "*~>%" for k, _ in value):
            value.sort()
    elif kind == "%":
        pairs = sorted((in_order(value[i]), in_order(value[i + 1])) for i in range(0, len(value), 2))
        value = [v for p in pairs for v in p]
    return kind, value


AGGREGATE = {"*": ("array", ")"), "~": ("set", "~"), ">": ("push", ">"), "%": ("map", "#")}


def render(reply, indent=""):
    """The lines of a reply, as a transcript has them."""
    kind, value = reply
    if kind == "+":
        return [indent + printable(value, False)]
    if kind == "-":
        return [indent + "(error) " + printable(value, False)]
    if kind == "!":
        return [indent + "(error bulk) " + printable(value, False)]
    if kind == ":":
        return [indent + "(integer) " + value.decode()]
    if kind == ",":
        return [indent + "(double) " + value.decode()]
    if kind == "(":
        return [indent + "(bignum) " + value.decode()]
    if kind == "#":
        return [indent + {b"t": "(true)", b"f": "(false)"}[value]]
    if kind == "_":
        return [indent + ("(nil array)" if value == b"*" else "(nil)")]
    if kind == "$":
        return [indent + quote(value)]
    if kind == "=":
        return [indent + "(verbatim %s) %s" % (value[:3].decode(), quote(value[4:]))]
    name, mark = AGGREGATE[kind]
    if not value:
        return [indent + "(empty %s)" % name]
    lines = []
    if kind == "%":
        for i in range(0, len(value), 2):
            head = "%s%d# %s =>" % (indent, i // 2 + 1, " ".join(l.strip() for l in render(value[i])))
            lines += hang(head, value[i + 1], indent)
    else:
        for i, v in enumerate(value):
            lines += hang("%s%d%s" % (indent, i + 1, mark), v, indent)
    return lines


def hang(head, value, indent):
    lines = render(value, indent + "   ")
    return [head] + lines if value[0] in AGGREGATE and value[1] else [head + " " + lines[0].strip()]


# ---- transcripts -----------------------------------------------------------------------------------------------------

class Step:
    """One command with what must come back."""

    def __init__(self, verb, text, line, state):
        self.verb, self.text, self.line = verb, text, line          # verb: send, raw, more, sleep, close
        self.proto, self.place, self.client = state["proto"], state["place"], state["client"]
        self.sorted, self.since, self.differs = state.pop("sorted", False), state.pop("since", None), state.pop("differs", None)
        self.expect = []                                            # (line number, text)
        self.last = line                                            # the last source line that belongs to it

    def runs(self, proto, place):
        return self.proto in (None, proto) and self.place in (None, place)

    def expected(self, proto):
        out, label = [], None
        for number, text in self.expect:
            if text in ("resp2:", "resp3:"):
                label = int(text[4])
            elif label in (None, proto):
                out.append((number, text))
        return out


class Transcript:
    def __init__(self, path):
        self.path, self.steps, self.start, self.all_since, self.all_differs = path, [], [], None, False
        self.source = open(path, encoding="utf-8").read().split("\n")
        if self.source and self.source[-1] == "":
            self.source.pop()
        self.parse()

    def fail(self, number, why):
        raise SystemExit("%s:%d: %s" % (self.path, number, why))

    def parse(self):
        state, step = {"proto": None, "place": None, "client": "a"}, None
        for number, line in enumerate(self.source, 1):
            text = line.rstrip()
            if step and step.verb not in ("sleep", "close") and text and not self.begins(text):
                step.expect.append((number, repeat(text)))
                step.last = number
                continue
            if not text:
                step = None
                continue
            if text.startswith("#"):
                step = None
                continue
            made = self.directive(text, number, state)
            step = made
            if made:
                self.steps.append(made)

    VERBS = re.compile(r"(?:client +(\w+): *)?(?:(\w+)?>|(!)|(<))(?: +(.*))?$")
    WORDS = re.compile(r"(proto (2|3|any)|on (socket|exec|all)|client \w+|sleep \d+|sorted|(all )?since [\d.]+|(all )?differs\b.*|start\b.*|close)$")

    def begins(self, text):
        if text.startswith("#") or self.WORDS.match(text):
            return True
        m = self.VERBS.match(text)
        return bool(m) and not (m.group(2) or "").isdigit()

    def directive(self, text, number, state):
        if self.WORDS.match(text):
            word, _, rest = text.partition(" ")
            if word == "proto":
                state["proto"] = None if rest == "any" else int(rest)
            elif word == "on":
                state["place"] = None if rest == "all" else rest
            elif word == "client":
                state["client"] = rest
            elif word == "sorted":
                state["sorted"] = True
            elif word == "since":
                state["since"] = rest
            elif word == "differs":
                state["differs"] = rest or "differs"
            elif word == "start":
                if self.steps:
                    self.fail(number, "`start` belongs at the top")
                self.start += [w.decode() for w in split_words(rest)]
            elif word == "all":
                word, _, rest = rest.partition(" ")
                if word == "since":
                    self.all_since = rest
                else:
                    self.all_differs = True
            elif word in ("sleep", "close"):
                return Step(word, rest, number, state)
            return None
        m = self.VERBS.match(text)
        if not m or (m.group(2) or "").isdigit():
            self.fail(number, "neither a command nor a directive: " + text)
        here = dict(state)
        state.pop("sorted", None), state.pop("since", None), state.pop("differs", None)
        here["client"] = m.group(1) or m.group(2) or state["client"]
        return Step("raw" if m.group(3) else "more" if m.group(4) else "send", repeat(m.group(5) or ""), number, here)


def match(expected, got, names):
    """None, or the index of the first line that does not fit (len(expected) if lines are missing)."""
    for i, (_, text) in enumerate(expected):
        if text.strip() == "..." and i == len(expected) - 1:
            return None
        if i >= len(got):
            return i
        if text.lstrip().startswith("~ "):
            m = re.fullmatch(text.lstrip()[2:], got[i].lstrip())
            if not m:
                return i
            names.update({k: v for k, v in m.groupdict().items() if v is not None})
        elif text != got[i].rstrip():
            return i
    return None if len(got) == len(expected) else len(expected)


# ---- those that answer -----------------------------------------------------------------------------------------------

class Sockets:
    """A server process and connections to it, one for each client name."""

    def __init__(self, program, args, proto):
        self.proto, self.conns, self.place = proto, {}, "socket"
        self.log = tempfile.TemporaryFile()
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.port = s.getsockname()[1]
        self.dir = tempfile.TemporaryDirectory(prefix="kora-transcript-")
        self.process = subprocess.Popen([program, "--bind", "127.0.0.1", "--port", str(self.port)] + args, cwd=self.dir.name,
                                        stdin=subprocess.DEVNULL, stdout=self.log, stderr=subprocess.STDOUT)
        deadline = time.monotonic() + TIMEOUT * 2
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    self.end()
                    self.log.seek(0)
                    raise SystemExit("%s did not start: %s" % (program, self.log.read().decode(errors="replace")[-2000:]))
                time.sleep(0.005)

    def reader(self, client):
        if client not in self.conns:
            s = socket.create_connection(("127.0.0.1", self.port), TIMEOUT)
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.conns[client] = (s, Reader(s.fileno()))
            if self.proto == 3:
                s.sendall(b"*2\r\n$5\r\nHELLO\r\n$1\r\n3\r\n")
                self.conns[client][1].reply()
        return self.conns[client][1]

    def send_bytes(self, client, data):
        reader = self.reader(client)
        try:
            self.conns[client][0].sendall(data)
        except ConnectionError:
            pass                # the reply says so
        return reader

    def send(self, client, argv):
        return self.send_bytes(client, b"*%d\r\n" % len(argv) + b"".join(b"$%d\r\n%s\r\n" % (len(a), a) for a in argv))

    def close(self, client):
        if client in self.conns:
            self.conns.pop(client)[0].close()

    def dead(self):
        return self.process.poll() is not None

    def end(self):
        """Ends the server; what was wrong with its end, or None."""
        for s, _ in self.conns.values():
            s.close()
        early = self.process.poll()
        if early is None:
            self.process.terminate()
        try:
            code = self.process.wait(TIMEOUT * 2)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            return "the server did not end on SIGTERM"
        if early is not None or code not in (0, -15):
            self.log.seek(0)
            return "the server ended with %d: %s" % (code, self.log.read().decode(errors="replace")[-3000:])
        return None


class InProcess:
    """The program exec.c: sessions of kora_exec, driven over pipes."""

    def __init__(self, program, args):
        self.proto, self.place = 3, "exec"
        self.log = tempfile.TemporaryFile()
        self.process = subprocess.Popen([program] + args, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log)
        self.replies = Reader(self.process.stdout.fileno())

    def reader(self, client):
        return self.replies

    def send(self, client, argv):
        name = client.encode()
        data = b"%s %d\n" % (name, len(argv)) + b"".join(b"%d\n%s\n" % (len(a), a) for a in argv)
        try:
            self.process.stdin.write(data)
            self.process.stdin.flush()
        except BrokenPipeError:
            pass
        return self.replies

    def close(self, client):
        self.send(client, [])

    def dead(self):
        return self.process.poll() is not None

    def end(self):
        try:
            self.process.stdin.close()
        except BrokenPipeError:
            pass
        try:
            code = self.process.wait(TIMEOUT * 2)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            return "the program did not end"
        self.process.stdout.close()
        if code:
            self.log.seek(0)
            return "the program ended with %d: %s" % (code, self.log.read().decode(errors="replace")[-3000:])
        return None


# ---- running ---------------------------------------------------------------------------------------------------------

class Run:
    def __init__(self, options):
        self.options, self.passed, self.failed, self.skipped = options, 0, 0, 0
        self.oracle_version = None
        if options.oracle:
            text = subprocess.run([options.redis, "--version"], stdout=subprocess.PIPE, check=True).stdout.decode()
            self.oracle_version = version(re.search(r"v=([\d.]+)", text).group(1))

    def complain(self, path, line, where, expected, got):
        self.failed += 1
        print("%s:%d: %s" % (os.path.relpath(path), line, where))
        for t in expected:
            print("    expected  " + t)
        for t in got[:60]:
            print("    got       " + t)
        sys.stdout.flush()

    def skip(self, t, step):
        if not self.options.oracle:
            return False
        return bool(step.differs or (step.since and version(step.since) > self.oracle_version))

    def file(self, t):
        if self.options.oracle and (t.all_differs or (t.all_since and version(t.all_since) > self.oracle_version)):
            self.skipped += len(t.steps)
            return
        recorded = {}
        for proto in self.options.protos:
            if any(s.runs(proto, "socket") and s.verb not in ("sleep", "close") for s in t.steps):
                program = self.options.redis if self.options.oracle else self.options.korad
                extra = ["--save", "", "--appendonly", "no"] if self.options.oracle else []
                self.one(t, Sockets(program, extra + t.start, proto), "RESP%d" % proto, recorded)
        if not self.options.oracle and not self.options.no_exec and any(s.runs(3, "exec") for s in t.steps):
            self.one(t, InProcess(self.options.exec, t.start), "kora_exec", recorded)
        if self.options.record:
            self.print_record(t, recorded)

    def one(self, t, peer, where, recorded):
        names = {}
        for step in t.steps:
            if not step.runs(peer.proto, peer.place) or (peer.place == "exec" and step.verb in ("raw", "more")):
                continue
            if self.skip(t, step):
                self.skipped += 1
                continue
            if step.verb == "sleep":
                time.sleep(int(step.text) / 1000)
                continue
            if step.verb == "close":
                peer.close(step.client)
                continue
            got = self.act(t, step, peer, names)
            expected = step.expected(peer.proto)
            if peer.proto == 3:
                expected = [(n, re.sub(r"\(nil array\)$", "(nil)", e)) for n, e in expected]
            bad = match(expected, got, names)
            if self.options.record:
                recorded.setdefault(step, {})[where] = (got, bad is None and bool(expected))
            elif bad is not None:
                line = expected[bad][0] if bad < len(expected) else step.last
                self.complain(t.path, line, "%s: %s" % (where, self.source(t, step)), [e[1] for e in expected] or ["(nothing is written)"], got)
            else:
                self.passed += 1
            if peer.dead() or got[:1] == ["(no answer)"]:
                break
        wrong = peer.end()
        if wrong:
            self.complain(t.path, len(t.source), where, ["a clean end"], wrong.split("\n"))

    def source(self, t, step):
        return t.source[step.line - 1][:200]

    def act(self, t, step, peer, names):
        """Sends and receives; the lines of the reply."""
        text = re.sub(r"\$\{(\w+)\}", lambda m: names.get(m.group(1), m.group(0)), step.text)
        if step.verb != "more":
            try:
                words = split_words(text)
            except ValueError as e:
                t.fail(step.line, str(e))
            if not words:
                t.fail(step.line, "an empty command")
            reader = peer.send_bytes(step.client, b"".join(words)) if step.verb == "raw" else peer.send(step.client, words)
        else:
            reader = peer.reader(step.client)
        expected = [e[1] for e in step.expected(peer.proto)]
        try:
            if expected == ["(no reply)"]:
                if reader.quiet(0.05):
                    return expected
            reply = reader.reply()
            return render(in_order(reply) if step.sorted else reply)
        except Closed:
            peer.close(step.client)
            return ["(closed)"]
        except Late:
            return ["(no answer)"]
        except ValueError as e:
            return ["(not RESP) " + str(e)]

    def print_record(self, t, recorded):
        ends = {s.last: s for s in t.steps}
        hidden = {n for s in t.steps for n, _ in s.expect}
        for number, line in enumerate(t.source, 1):
            step = ends.get(number)
            if number not in hidden:
                print(line)
            if not step or step not in recorded:
                if step:
                    for n, _ in step.expect:
                        print(t.source[n - 1])
                continue
            got = recorded[step]
            if all(ok for _, ok in got.values()):
                for n, _ in step.expect:
                    print(t.source[n - 1])
                continue
            two, three = got.get("RESP2", (None,))[0], got.get("RESP3", got.get("kora_exec", (None,)))[0]
            if two is None or three is None or two == three:
                print("\n".join(two or three))
            elif [l.replace("(nil array)", "(nil)") for l in two] == three:
                print("\n".join(two))
            else:
                print("\n".join(["resp2:"] + two + ["resp3:"] + three))


def version(text):
    return tuple(int(x) for x in text.split("."))


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0], epilog="The format is described at the top of this file.")
    p.add_argument("paths", nargs="*")
    p.add_argument("--korad", default=os.path.join(ROOT, "build/korad"))
    p.add_argument("--exec", default=os.path.join(ROOT, "build/check/transcripts/exec"), help="exec.c, compiled")
    p.add_argument("--no-exec", action="store_true", help="sockets only")
    p.add_argument("--proto", type=int, choices=(2, 3), help="one protocol only")
    p.add_argument("--oracle", action="store_true", help="ask redis-server instead")
    p.add_argument("--redis", default="redis-server")
    p.add_argument("--record", action="store_true", help="print the files with the replies that came")
    options = p.parse_args()
    options.protos = [options.proto] if options.proto else [2, 3]
    options.korad, options.exec = os.path.abspath(options.korad), os.path.abspath(options.exec)
    for program in [] if options.oracle else [options.korad] + ([] if options.no_exec else [options.exec]):
        if not os.access(program, os.X_OK):
            sys.exit("%s is not there" % program)
    files = []
    for path in options.paths or [HERE]:
        files += sorted(glob.glob(os.path.join(path, "*.t"))) if os.path.isdir(path) else [path]
    if not files:
        sys.exit("no transcripts")
    run = Run(options)
    for path in files:
        run.file(Transcript(path))
    if not options.record:
        if run.skipped:
            print("%d commands skipped: newer than the oracle, or an explained difference" % run.skipped)
        print("%d passed, %d failed" % (run.passed, run.failed))
    sys.exit(1 if run.failed else 0)


if __name__ == "__main__":
    main()
