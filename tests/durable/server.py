"""A korad on a directory, and clients of it."""
import os, signal, socket, subprocess, tempfile, time

PATIENCE_S = 60


class Error(str):
    pass


class Client:
    def __init__(self, path):
        self.s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.s.settimeout(PATIENCE_S)
        try:
            self.s.connect(path)
        except OSError:
            self.s.close()
            raise
        self.f = self.s.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.f.close()
        self.s.close()

    @staticmethod
    def encode(args):
        args = [a if isinstance(a, bytes) else str(a).encode("latin1") for a in args]
        return b"*%d\r\n" % len(args) + b"".join(b"$%d\r\n%s\r\n" % (len(a), a) for a in args)

    def value(self):
        line = self.f.readline()
        if not line.endswith(b"\r\n"):
            raise EOFError
        kind, rest = line[:1], line[1:-2]
        if kind == b"+":
            return rest.decode()
        if kind == b"-":
            return Error(rest.decode())
        if kind == b":":
            return int(rest)
        n = int(rest)
        if kind == b"$":
            if n < 0:
                return None
            bulk = self.f.read(n + 2)
            if len(bulk) < n + 2:
                raise EOFError
            return bulk[:-2].decode("latin1")
        return None if n < 0 else [self.value() for _ in range(n)]

    def __call__(self, *args):
        self.s.sendall(self.encode(args))
        return self.value()


class Server:
    """Started anew on the same directory as often as one likes."""

    def __init__(self, korad, folder=None):
        self.korad = korad
        self.place = tempfile.TemporaryDirectory(prefix="kora-durable-")
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
            time.sleep(0.003)

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
