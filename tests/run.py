#!/usr/bin/python3
"""Runs every test, and adds up: the last line is `N passed, N failed`; the exit status is 0 only if none failed.

    run.py [--build DIR] [--variant asan|ubsan|tsan|valgrind] [--jobs N] [WORD ...]     (WORDs: only suites with one in their name)

A suite is one process: a script of tests/tidy (one test each), a program BUILD/check/<folder>/test_*, a runner
tests/<folder>/run.py or run.sh (called with --korad BUILD/korad; `clients` only if it is one of the WORDs), or
tests/install.sh. It says what it did in cmocka's words or in a line `N passed, N failed`. Silence, a crash, a time-out or a
sanitizer's report (also one of a server that the suite started) is a failure. What it wrote is in BUILD/test-logs/, and is shown
if something failed.

In the environment: KORA_TEST_LONG=1 for the long forms; suites find KORA_BUILD, the build folder. Each has a TMPDIR of its own: what
it leaves there counts as a failure.
"""
import argparse, concurrent.futures, glob, os, re, shutil, signal, subprocess, sys, tempfile, threading, time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
LONG = os.environ.get("KORA_TEST_LONG", "") not in ("", "0")
SLOWER = {"": 1, "asan": 4, "ubsan": 2, "tsan": 8, "valgrind": 20}
TIMEOUT_S = {"tidy": 60, "program": 60, "runner": 240}
VALGRIND = ["valgrind", "-q", "--error-exitcode=99", "--leak-check=full", "--show-leak-kinds=definite,indirect"]
# Not under valgrind, whose long double has 64 bits: it computes other digits than the processor.
LONG_DOUBLE = ("tests/unit/test_base.c", "tests/transcripts/counter.t", "tests/transcripts/hash.t")


class Suite:
    def __init__(self, kind, name, argv):
        self.kind, self.name, self.argv = kind, name, argv
        self.passed = self.failed = self.skipped = 0
        self.why = ""


def find_suites(build, variant, words):
    """The suites in the order in which they run: quick ones first."""
    korad = os.path.join(build, "korad")
    if variant == "valgrind":
        korad = wrap_korad(build)
    suites = []
    if not variant:
        for path in sorted(glob.glob("tests/tidy/*.sh")):
            if not os.path.basename(path).startswith("_"):
                suites.append(Suite("tidy", "tidy/" + os.path.basename(path)[:-3], [path]))
    for path in sorted(glob.glob("tests/*/test_*.c")):
        name = path[len("tests/"):-len(".c")]
        if variant != "valgrind" or path not in LONG_DOUBLE:
            suites.append(Suite("program", name, [os.path.join(build, "check", name)]))
    for path in sorted(glob.glob("tests/*/run.py") + glob.glob("tests/*/run.sh")):
        folder = path.split("/")[1]
        if variant and folder == "lease" or variant == "valgrind" and folder not in ("transcripts", "server"):
            continue  # a model has nothing to sanitize; what loads a server would take hours under valgrind
        if folder == "clients" and folder not in words:
            continue  # it wants packages of five languages: make test-clients
        argv = (["/usr/bin/python3"] if path.endswith(".py") else []) + [path, "--korad", korad]
        if folder == "transcripts":
            argv += ["--exec", os.path.join(build, "check/transcripts/exec")]
            if variant == "valgrind":
                argv += [t for t in sorted(glob.glob("tests/transcripts/*.t")) if t not in LONG_DOUBLE]
        suites.append(Suite("runner", folder, argv))
    if LONG and not variant:
        suites.append(Suite("runner", "lease-mutants", ["tests/lease/mutants.sh"]))
        suites.append(Suite("runner", "log-mutants", ["tests/log/mutants.sh"]))
    if not variant:
        suites.append(Suite("runner", "install", ["tests/install.sh"]))
    return suites


def wrap_korad(build):
    path = os.path.join(build, "korad-valgrind")
    with open(path, "w") as f:
        f.write("#!/bin/sh\nexec %s --log-file='%s.%%p' '%s' \"$@\"\n" % (" ".join(VALGRIND), report_path(build), os.path.join(build, "korad")))
    os.chmod(path, 0o755)
    return path


def report_path(build):
    return os.path.join(build, "test-logs/report")


def environment(build, variant):
    env = dict(os.environ, KORA_BUILD=build, CMOCKA_MESSAGE_OUTPUT="stdout", LC_ALL="C.UTF-8")
    for name in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL"):  # suites that call make are not part of the make that called us
        env.pop(name, None)
    if variant in ("asan", "ubsan", "tsan"):
        # Reports go to files, so that those of a server that a suite starts are seen too.
        log = "log_path=" + report_path(build)
        env["ASAN_OPTIONS"] = log + ":detect_leaks=1:allocator_may_return_null=1"
        env["UBSAN_OPTIONS"] = log + ":print_stacktrace=1"
        env["TSAN_OPTIONS"] = log + ":second_deadlock_stack=1"
        if os.path.exists("tests/tsan.supp"):
            env["TSAN_OPTIONS"] += ":suppressions=" + os.path.join(ROOT, "tests/tsan.supp")
    return env


def count(suite, text, status):
    """Fills in passed, failed and skipped from what a suite wrote; distrusts it where the two do not agree."""
    if suite.kind == "tidy":
        suite.passed, suite.failed = int(status == 0), int(status != 0)
        return
    for word, number in re.findall(r"^\[  (PASSED|FAILED|SKIPPED) +\] (?:.*: )?(\d+) test\(s\)", text, re.M):
        setattr(suite, word.lower(), getattr(suite, word.lower()) + int(number))
    lines = re.findall(r"^(\d+) passed, (\d+) failed", text, re.M)
    if lines:
        suite.passed += int(lines[-1][0])
        suite.failed += int(lines[-1][1])
    if status != 0 and suite.failed == 0:
        suite.failed, suite.why = 1, "exit status %d" % status if status > 0 else "ended by " + signal.Signals(-status).name
    elif suite.passed + suite.failed + suite.skipped == 0:
        suite.failed, suite.why = 1, "tested nothing"


def run(suite, build, variant, env):
    argv = suite.argv
    if variant == "valgrind" and suite.kind == "program":
        # Leaks of the programs are LeakSanitizer's to find: to valgrind a forked child, without the parent's pages, is full of them.
        argv = VALGRIND + ["--errors-for-leak-kinds=none"] + argv
    log = os.path.join(build, "test-logs", suite.name.replace("/", "-") + ".log")
    limit = TIMEOUT_S[suite.kind] * SLOWER[variant] * (20 if LONG else 1)
    start = time.monotonic()
    folder = tempfile.mkdtemp(prefix="kora-tests-")
    with open(log, "wb") as out:
        try:
            child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, env=dict(env, TMPDIR=folder), start_new_session=True)
        except OSError as e:
            suite.failed, suite.why = 1, str(e)
            os.rmdir(folder)
            return suite, log, 0.0
        try:
            status = child.wait(limit)
        except subprocess.TimeoutExpired:
            status = None
        try:
            os.killpg(child.pid, signal.SIGKILL)  # also what a suite has left behind
        except ProcessLookupError:
            pass
        child.wait()
    with open(log, errors="replace") as f:
        text = f.read()
    count(suite, text, 1 if status is None else status)
    left = sorted(os.listdir(folder))
    shutil.rmtree(folder, ignore_errors=True)
    if status is None:  # one that is killed cannot clear up
        suite.failed, suite.why = max(suite.failed, 1), "no end after %d s" % limit
    elif left:
        suite.failed, suite.why = suite.failed + 1, "%d things left in TMPDIR: %s" % (len(left), " ".join(left[:4]))
    return suite, log, time.monotonic() - start


def take_reports(build, suite, log):
    """Reports that sanitizers or valgrind have left since the last look."""
    for path in glob.glob(report_path(build) + ".*"):
        with open(path, errors="replace") as f:
            text = f.read()
        os.remove(path)
        if text.strip():
            suite.failed, suite.why = suite.failed + 1, "a report"
            with open(log, "a") as f:
                f.write(text)


def tell(suite, log, took):
    word = "ok  " if suite.failed == 0 else "FAIL"
    skipped = ", %d skipped" % suite.skipped if suite.skipped else ""
    why = " (%s)" % suite.why if suite.why else ""
    print("%s %-32s %5d passed, %d failed%s, %.1f s%s" % (word, suite.name, suite.passed, suite.failed, skipped, took, why))
    if suite.failed and os.path.exists(log):
        with open(log, errors="replace") as f:
            lines = f.read().splitlines()
        if len(lines) > 60:
            print("    | ... (all of it: %s)" % log)
        for line in lines[-60:]:
            print("    | " + line)
    sys.stdout.flush()


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--build", default="build")
    p.add_argument("--variant", default="", choices=sorted(SLOWER))
    p.add_argument("--jobs", type=int, default=os.cpu_count())
    p.add_argument("words", nargs="*")
    args = p.parse_args()
    os.chdir(ROOT)
    build = os.path.abspath(args.build)
    logs = os.path.join(build, "test-logs")
    shutil.rmtree(logs, ignore_errors=True)
    os.makedirs(logs)

    suites = [s for s in find_suites(build, args.variant, args.words) if not args.words or any(w in s.name for w in args.words)]
    env = environment(build, args.variant)
    lock = threading.Lock()

    def step(suite):
        done = run(suite, build, args.variant, env)
        with lock:
            take_reports(build, *done[:2])
            tell(*done)

    # Suites that start servers and load them are run one by one; the others share the machine.
    start = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(max(1, args.jobs)) as pool:
        list(pool.map(step, [s for s in suites if s.kind != "runner"]))
    for suite in [s for s in suites if s.kind == "runner"]:
        step(suite)

    skipped = sum(s.skipped for s in suites)
    print("\n%d suites, %.0f s%s" % (len(suites), time.monotonic() - start, ", %d tests SKIPPED" % skipped if skipped else ""))
    for s in [s for s in suites if s.failed]:
        print("failed: " + s.name)
    passed, failed = sum(s.passed for s in suites), sum(s.failed for s in suites)
    if not suites:
        failed = 1
    print("%d passed, %d failed" % (passed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
