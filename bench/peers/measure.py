"""One profiler beside its target for some seconds: what it cost the target, what it cost itself, what it brought."""
import os
import pathlib
import resource
import shutil
import signal
import subprocess
import tempfile
import time

import judge

SETTLE, BEFORE_END = 1.0, 0.4   # seconds left out of the window at either end: starting and writing


def cpu_clock(pid):
    """Processor seconds of a process, its ended threads included."""
    try:
        return time.clock_gettime((~pid << 3) | 2)
    except OSError:
        return None


def peak_mb(pid):
    try:
        status = pathlib.Path("/proc/%d/status" % pid).read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmHWM:")), 0)


def reading_cpu():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


class Window:
    """Work, processor time and the clock at two moments."""

    def __init__(self, target, pid=None):
        self.target, self.pid = target, pid
        self.begin = self.look()

    def look(self):
        return self.target.counter.value(), time.monotonic(), cpu_clock(self.pid) if self.pid else None

    def close(self):
        end = self.look()
        self.seconds = end[1] - self.begin[1]
        self.speed = (end[0] - self.begin[0]) / self.seconds
        self.cpu = end[2] - self.begin[2] if self.pid and end[2] and self.begin[2] is not None else None
        return self


def alone(target, seconds):
    window = Window(target)
    time.sleep(seconds)
    return window.close().speed


class Job:
    """What a peer is asked to do."""

    def __init__(self, target, rate, seconds):
        self.target, self.rate, self.seconds = target, rate, seconds
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="sampan-peers-"))
        self.out = self.folder / "out"


def watch(process, peer, target, seconds, launched):
    """Waits for the profiler's end: the window in the middle of its run, and its peak memory in MB."""
    window, peak = None, 0
    while os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        now = time.monotonic() - launched
        if window is None and now >= SETTLE:
            window = Window(target, process.pid)
        if window and not hasattr(window, "speed") and now >= seconds - BEFORE_END:
            window.close()
        if now > seconds + 6 + peer.patience:
            process.send_signal(signal.SIGKILL if now > seconds + 10 + peer.patience else signal.SIGINT)
        peak = max(peak, peak_mb(process.pid))
        time.sleep(0.02)
    return window, peak


def beside(peer, target, rate, seconds):
    """Runs the peer; a dict of figures, or of why there are none."""
    job = Job(target, rate, seconds)
    command, environment = peer.command(job)
    launched = time.monotonic()
    with open(job.folder / "stdout", "wb") as out, open(job.folder / "stderr", "wb") as err:
        process = subprocess.Popen([str(word) for word in command], stdout=out, stderr=err, stdin=subprocess.DEVNULL,
                                   env=dict(os.environ, **environment), cwd=job.folder)
    try:
        window, peak = watch(process, peer, target, seconds, launched)
    except BaseException:
        process.kill()
        raise
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    lasted = time.monotonic() - launched
    text = {name: (job.folder / name).read_text(errors="replace") for name in ("stdout", "stderr")}
    figures = {"command": " ".join(map(str, command)), "code": process.returncode, "lasted": lasted, "peak_mb": peak,
               "cpu_whole": usage.ru_utime + usage.ru_stime}
    before = reading_cpu()
    try:
        stacks = peer.parse(job, text)
    except (OSError, ValueError, KeyError) as error:
        stacks = []
        figures["failed"] = "%s %s" % (error, text["stderr"].strip()[-200:])
    figures["cpu_whole"] += reading_cpu() - before   # what its own tools cost afterwards (perf script)
    if not stacks:
        figures.setdefault("failed", (text["stderr"] + text["stdout"]).strip()[-300:] or "no samples")
    figures.update(value(job, window, stacks, launched, lasted))
    figures.update(peer.tally(job, text, figures))
    shutil.rmtree(job.folder, ignore_errors=True)
    return figures


def value(job, window, stacks, launched, lasted):
    """What can be said of any peer's stacks and of the window."""
    target, figures = job.target, {"taken": judge.total(stacks)}
    if window is not None and hasattr(window, "speed"):
        figures.update(speed=window.speed, window_cpu=window.cpu, window=window.seconds)
    if target.truth and stacks:
        figures["distance"] = judge.distance(stacks, target.truth)
    if target.source and stacks:
        figures["lines"] = judge.exact_lines(stacks, target.source)
    if target.root and stacks:
        figures["whole"] = judge.whole(stacks, target.root)
    if target.oracle and stacks:
        figures["impossible"] = judge.impossible(stacks)
    if target.name.startswith("clock"):
        figures["first_ms"] = judge.first_seen(stacks, int(launched * 1000))
    return figures
