"""Chromium without a window, driven through its debugging pipe (the DevTools protocol: JSON, each message ended by a zero byte)."""
import base64, json, os, select, shutil, subprocess, tempfile, time

PATIENCE_S = 60


def path():
    return shutil.which("chromium") or shutil.which("chromium-browser")


class Browser:
    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="kora-chromium-")
        to_read, self.to = os.pipe()
        self.of, of_write = os.pipe()

        def setup():  # the browser reads 3 and writes 4
            a, b = os.dup(to_read), os.dup(of_write)
            os.dup2(a, 3)
            os.dup2(b, 4)
        argv = [path(), "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-extensions", "--mute-audio",
                "--disable-background-networking", "--disable-component-update", "--remote-debugging-pipe", "--user-data-dir=" + self.dir, "about:blank"]
        self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, preexec_fn=setup, close_fds=False,
                                        start_new_session=True, env=dict(os.environ, TZ="UTC"))
        os.close(to_read)
        os.close(of_write)
        self.buffer, self.number, self.events = b"", 0, []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            self.send("Browser.close")
            self.process.wait(10)
        except Exception:
            self.process.kill()
            self.process.wait()
        os.close(self.to)
        os.close(self.of)
        for _ in range(100):  # its helpers may end, and write, a little later
            shutil.rmtree(self.dir, ignore_errors=True)
            if not os.path.exists(self.dir):
                break
            time.sleep(0.1)

    def cpu_s(self):
        """Seconds of CPU that what draws pages has taken."""
        ticks = 0
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open("/proc/%s/stat" % pid) as f:
                    words = f.read().rsplit(")", 1)[1].split()
                with open("/proc/%s/cmdline" % pid) as f:
                    drawing = "--type=renderer" in f.read()
            except OSError:
                continue
            if int(words[3]) == self.process.pid and drawing:
                ticks += int(words[11]) + int(words[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    def send(self, method, session=None, **params):
        self.number += 1
        message = {"id": self.number, "method": method, "params": params}
        if session:
            message["sessionId"] = session
        os.write(self.to, json.dumps(message).encode() + b"\0")
        return self.number

    def message(self, seconds):
        while b"\0" not in self.buffer:
            if not select.select([self.of], [], [], seconds)[0]:
                raise AssertionError("the browser says nothing")
            data = os.read(self.of, 1 << 20)
            if not data:
                raise AssertionError("the browser has ended")
            self.buffer += data
        text, self.buffer = self.buffer.split(b"\0", 1)
        return json.loads(text)

    def call(self, method, session=None, **params):
        number = self.send(method, session, **params)
        while True:
            m = self.message(PATIENCE_S)
            if m.get("id") == number:
                if "error" in m:
                    raise AssertionError("%s: %s" % (method, m["error"]))
                return m["result"]
            if "method" in m:
                self.events.append(m)

    def open(self, url, width, height, scale=1, phone=False, dark=False):
        target = self.call("Target.createTarget", url="about:blank", newWindow=True, width=width, height=height)["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        page = Page(self, session)
        for domain in ("Page", "Runtime", "Log", "Network", "Performance"):
            page.call(domain + ".enable")
        page.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale, mobile=phone)
        page.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])
        page.call("Page.navigate", url=url)
        return page


class Page:
    def __init__(self, browser, session):
        self.browser, self.session = browser, session

    def call(self, method, **params):
        return self.browser.call(method, self.session, **params)

    def js(self, expression):
        r = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in r:
            raise AssertionError("%s: %s" % (expression, r["exceptionDetails"]))
        return r["result"].get("value")

    def wait(self, what, expression, seconds=PATIENCE_S):
        end = time.monotonic() + seconds
        while not self.js(expression):
            if time.monotonic() > end:
                raise AssertionError("never: " + what)
            time.sleep(0.1)

    def shot(self, file):
        height = self.js("document.documentElement.scrollHeight")
        width = self.js("innerWidth")
        data = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=True, clip={"x": 0, "y": 0, "width": width, "height": height, "scale": 1})["data"]
        with open(file, "wb") as f:
            f.write(base64.b64decode(data))

    def complaints(self):
        """Errors of scripts, refused loads, and what the page has asked for."""
        self.js("1")
        bad, asked = [], set()
        for e in self.browser.events:
            if e.get("sessionId") != self.session:
                continue
            if e["method"] == "Runtime.exceptionThrown" or e["method"] == "Log.entryAdded" and e["params"]["entry"]["level"] == "error":
                bad.append(e["params"])
            if e["method"] == "Network.requestWillBeSent":
                asked.add(e["params"]["request"]["url"])
        return bad, asked

    def metrics(self):
        return {m["name"]: m["value"] for m in self.call("Performance.getMetrics")["metrics"]}
