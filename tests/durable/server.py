"""A korad on a directory, and clients of it."""
import os, signal, socket, subprocess, tempfile, time

PATIENCE_S = 60


class Error(str):
    pass


class Client:
    """Calls one after another; or sends several and takes what has come of their replies, without waiting for it."""

    def __init__(self, path):
        self.s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.s.settimeout(PATIENCE_S)
        self.b, self.at, self.done = b"", 0, []
        try:
            self.s.connect(path)
        except OSError:
            self.s.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.s.close()

    def fileno(self):
        return self.s.fileno()

    @staticmethod
    def encode(args):
        args = [a if isinstance(a, bytes) else str(a).encode("latin1") for a in args]
        return b"*%d\r\n" % len(args) + b"".join(b"$%d\r\n%s\r\n" % (len(a), a) for a in args)

    def parse(self, at):
        """(value, where it ends); IndexError: it is not there yet."""
        b = self.b
        end = b.find(b"\r\n", at)
        if end < 0:
            raise IndexError
        kind = b[at]
        if kind == 36:  # $
            n = int(b[at + 1:end])
            if n < 0:
                return None, end + 2
            at = end + 2 + n
            if at + 2 > len(b):
                raise IndexError
            return b[end + 2:at].decode("latin1"), at + 2
        if kind == 58:  # :
            return int(b[at + 1:end]), end + 2
        if kind == 42:  # *
            n, at = int(b[at + 1:end]), end + 2
            if n < 0:
                return None, at
            values = []
            for _ in range(n):
                value, at = self.parse(at)
                values.append(value)
            return values, at
        text = b[at + 1:end].decode("latin1")
        return text if kind == 43 else Error(text), end + 2

    def receive(self):
        """What has come. At the end: EOFError."""
        more = self.s.recv(1 << 20)
        if not more:
            raise EOFError
        self.b = self.b[self.at:] + more
        self.at = 0

    def receive_all(self):
        try:
            while True:
                self.receive()
        except (EOFError, OSError):
            pass

    def take(self, n):
        """The next n replies, if they have come; else None."""
        try:
            while len(self.done) < n:
                value, self.at = self.parse(self.at)
                self.done.append(value)
        except IndexError:
            return None
        values, self.done = self.done[:n], self.done[n:]
        return values

    def send(self, argvs):
        self.s.sendall(b"".join(map(self.encode, argvs)))

    def several(self, argvs):
        self.send(argvs)
        while True:
            values = self.take(len(argvs))
            if values is not None:
                return values
            self.receive()

    def value(self):
        while True:
            values = self.take(1)
            if values is not None:
                return values[0]
            self.receive()

    def __call__(self, *args):
        self.send([args])
        return self.value()


class Server:
    """Started anew on the same directory as often as one likes."""

    def __init__(self, korad, folder=None):
        self.korad = korad
        self.place = tempfile.TemporaryDirectory(prefix="kora-durable-", dir=os.environ.get("KORA_TEST_DIR"))
        self.dir = folder or os.path.join(self.place.name, "data")
        self.path = os.path.join(self.place.name, "s")
        self.log = open(os.path.join(self.place.name, "log"), "w+")
        self.p = None

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if self.p:
            self.kill()
        if kind:
            print("\n".join("    " + line for line in self.text().splitlines()[-20:]))
        self.log.close()
        self.place.cleanup()

    def text(self):
        with open(self.log.name) as f:
            return f.read()

    def spawn(self, *flags):
        argv = [self.korad, "--port", "0", "--unixsocket", self.path, "--dir", self.dir, "--enable-debug-command", "yes", *map(str, flags)]
        self.p = subprocess.Popen(argv, stdout=self.log, stderr=subprocess.STDOUT)

    def start(self, *flags):
        self.spawn(*flags)
        end = time.monotonic() + PATIENCE_S
        while True:
            try:
                with Client(self.path) as c:
                    if c("PING") == "PONG":
                        return self
            except (OSError, EOFError):
                pass
            if self.p.poll() is not None:
                raise AssertionError("korad ended with %d" % self.p.returncode)
            if time.monotonic() > end:
                raise AssertionError("korad does not listen")
            time.sleep(0.001)

    def client(self):
        return Client(self.path)

    def kill(self):
        self.p.send_signal(signal.SIGKILL)
        self.p.wait()
        self.p = None

    def stop(self):
        self.p.terminate()
        status = self.p.wait(PATIENCE_S)
        self.p = None
        if status != 0:
            raise AssertionError("korad ended with %d" % status)
