"""What live tests share: run the binary, read its results, start workloads and end them, skip visibly."""
import concurrent.futures
import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
WORKLOADS = ROOT / "tests" / "workloads"
BINARY = os.environ.get("SAMPAN", str(ROOT / "build" / "release" / "sampan"))
CACHE = pathlib.Path(os.environ.get("SAMPAN_CACHE") or pathlib.Path.home() / ".cache" / "sampan")
LONG = bool(os.environ.get("SAMPAN_LONG"))   # longer runs, for the figures of a release

failures = []
skipped = []
tested = []


def check(condition, what):
    """Notes a failure and goes on, so that one run shows all of them."""
    print(("ok    " if condition else "FAIL  ") + what, flush=True)
    (tested if condition else failures).append(what)
    return condition


def skip(what, reason):
    print("SKIP: %s: %s" % (what, reason), flush=True)
    skipped.append(what)


def finish():
    """Ends the test: 1 where a check failed, 77 where nothing at all could be tested."""
    print("%d checks passed, %d failed, %d skipped" % (len(tested), len(failures), len(skipped)))
    sys.exit(1 if failures else 0 if tested else 77)


class Run:
    """A finished run: exit code, events, the result event, and the samples of its folded file."""

    def __init__(self, code, out, err, directory):
        self.code, self.out, self.err, self.directory = code, out, err, pathlib.Path(directory)
        self.events = [json.loads(line) for line in out.splitlines() if line.startswith("{")]
        self.result = next((e for e in reversed(self.events) if e.get("event") == "result"), {})

    def file(self, extension):
        found = sorted(self.directory.glob("profile-*." + extension))
        return found[-1] if found else None

    def stacks(self):
        """[(frames, count)], outermost frame first."""
        path = self.file("folded")
        return parse_folded(path.read_text(errors="surrogateescape")) if path else []


def parse_folded(text):
    stacks = []
    for line in text.splitlines():
        stack, _, count = line.rpartition(" ")
        stacks.append((stack.split(";"), int(count)))
    return stacks


@contextlib.contextmanager
def environment(variables):
    """These variables beside this process's own, for what is run inside; afterwards all is as it was."""
    saved = dict(os.environ)
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(saved)


def profile(_binary=BINARY, _timeout=120, _prefix=(), **params):
    """Runs the agent on `params` in a folder of its own and waits for its end."""
    directory = params.setdefault("output_dir", tempfile.mkdtemp(prefix="sampan-test-"))
    params.setdefault("formats", ["folded"])
    environment = dict(os.environ, params=json.dumps(params))
    done = subprocess.run([*_prefix, _binary], env=environment, capture_output=True, timeout=_timeout)
    return Run(done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace"), directory)


denied = set()   # tiers


def take(what, tier, **params):
    """A finished profile by a tier, or None where that is not allowed here (said once) or nothing was delivered (a failure)."""
    if tier in denied:
        return None
    run = profile(tier=tier, **{"max_cpu_percent": 100, **params})
    if run.code == 4:
        denied.add(tier)
        skip(f"the {tier} tier", run.result.get("sentence", run.err[-200:]))
        return None
    return run if check(run.code == 0, f"{what}, {tier}: delivered ({run.result.get('sentence', run.err[-300:])})") else None


def take_all(what, tiers, **params):
    """The same by several tiers at once, so that all see the same work: by tier, less those that gave None."""
    with concurrent.futures.ThreadPoolExecutor() as pool:
        runs = dict(zip(tiers, pool.map(lambda tier: take(what, tier, **params), tiers)))
    return {tier: run for tier, run in runs.items() if run}


def share(stacks, pattern):
    """The share (0–1) of the samples in whose stack a frame matches."""
    total = sum(count for _, count in stacks)
    hits = sum(count for frames, count in stacks if any(re.search(pattern, frame) for frame in frames))
    return hits / total if total else 0.0


def with_frames(stacks):
    """Less the threads that ran no code of their interpreter: a server's own C code, between two requests."""
    return [(frames, count) for frames, count in stacks if not re.search(r"^\[thread .* without .* frames\]$", frames[-1])]


def leaf_share(stacks, pattern):
    """The share (0–1) of the samples whose innermost frame matches."""
    total = sum(count for _, count in stacks)
    return sum(count for frames, count in stacks if re.search(pattern, frames[-1])) / total if total else 0.0


def at_least(hits, every, wanted):
    """False where `hits` of `every` samples prove (three sigma) that the true share is below `wanted`, or where there are none."""
    return every > 0 and hits >= wanted * every - 3 * (wanted * (1 - wanted) * every) ** 0.5


class Workload:
    """A child process that is ended with the test, by its own id and its group's."""

    def __init__(self, command, ready=None, timeout=30, **options):
        self.log = tempfile.TemporaryFile()
        options.setdefault("stdout", self.log)
        options.setdefault("stderr", subprocess.STDOUT)
        self.process = subprocess.Popen([str(word) for word in command], start_new_session=True, **options)
        self.pid = self.process.pid
        if ready:
            wait_for(lambda: self.process.poll() is not None or ready(self), timeout, "%s to be ready" % command[0])
            if self.process.poll() is not None:
                raise RuntimeError("%s ended: %s" % (command, self.output()))

    def output(self):
        # Not by seek: the file's position is the child's too.
        return os.pread(self.log.fileno(), 1 << 24, 0).decode(errors="replace")

    def says(self, text):
        return text in self.output()

    def stop(self):
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def wait_for(condition, timeout=30, what="a condition"):
    end = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError("waited %s s in vain for %s" % (timeout, what))
        time.sleep(0.02)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def answers(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False


def need(program, what):
    """True where a program is there; else a visible skip."""
    if shutil.which(program):
        return True
    skip(what, "%s is not installed" % program)
    return False


def uwsgi(workers=4, prefix="arya-python3-2255_", threads=1, wsgi_file=None, extra=(), command=("uwsgi", "--plugin", "python3")):
    """A real uWSGI application behind 127.0.0.1; its port is in `.port`."""
    port = free_port()
    command = [*command, "--http-socket", "127.0.0.1:%d" % port, "--need-app", "--master",
               "--wsgi-file", wsgi_file or WORKLOADS / "uwsgi" / "app.py", "--processes", workers, "--enable-threads",
               "--threads", threads, "--disable-logging", "--auto-procname", "--procname-prefix", prefix, *extra]
    load = Workload(command, ready=lambda _: answers(port))
    load.port = port
    return load
