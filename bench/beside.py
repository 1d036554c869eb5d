"""Profilers of one interpreter beside each other, in one run on the same programs: lines and shares against a known answer,
own CPU a sample, the target's slowdown, stops seen. Used by ruby_peers.py and php_peers.py."""
import json
import os
import pathlib
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tests" / "live"))
import sampan  # noqa: E402

RATE = 100
FOLDER = pathlib.Path(tempfile.mkdtemp(prefix="sampan-beside-"))
# The target has a processor of its own where there are two, so that what a profiler does to it is seen and not what it takes from it.
APART = (os.cpu_count() or 1) > 1 and shutil.which("taskset")


def pinned(command, cpu):
    return ["taskset", "-c", str(cpu), *map(str, command)] if APART else [str(word) for word in command]


class Profiler:
    """`command(pid, seconds, file)` is what to run; `read(file)` gives [([frame…], count)], outermost frame first."""

    def __init__(self, name, version, command, read, environment=None):
        self.name, self.version, self.command, self.read, self.environment = name, version, command, read, environment

    def start(self, pid, seconds):
        self.file = FOLDER / ("%s-%d" % (self.name.replace(" ", "-"), time.monotonic_ns()))
        environment = dict(os.environ, **(self.environment(pid, seconds, self.file) if self.environment else {}))
        return subprocess.Popen(pinned(self.command(pid, seconds, self.file), 1), env=environment, stdout=subprocess.DEVNULL,
                                stderr=subprocess.DEVNULL)

    def run(self, pid, seconds):
        """Stacks, and the CPU seconds of the profiler itself."""
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        self.start(pid, seconds).wait()
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        stacks = self.read(self.file) if self.file.exists() else []
        return stacks, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def sampan_profiler():
    def environment(pid, seconds, file):
        file.mkdir()
        return {"params": json.dumps({"pid": pid, "rate": RATE, "seconds": seconds, "formats": ["folded"], "group_by": [],
                                      "tier": os.environ.get("SAMPAN_TIER", "memory"), "output_dir": str(file)})}

    def read(folder):
        files = sorted(folder.glob("*.folded"))
        return sampan.parse_folded(files[-1].read_text()) if files else []
    version = subprocess.run([sampan.BINARY, "--version"], capture_output=True, text=True).stdout.strip() or "sampan"
    return Profiler("sampan", version, lambda *_: [sampan.BINARY], read, environment)


class Watch(threading.Thread):
    """Looks for a stopped state (T, t) of the target as often as a quarter of a millisecond allows."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.stat, self.seen, self.looks, self.end = os.open("/proc/%d/stat" % pid, os.O_RDONLY), 0, 0, False

    def run(self):
        while not self.end:
            try:
                text = os.pread(self.stat, 512, 0)
            except OSError:
                break
            self.looks += 1
            self.seen += text.rpartition(b") ")[2][:1] in b"Tt"
            time.sleep(0.00025)

    def stop(self):
        self.end = True
        self.join()
        return self.seen / max(1, self.looks)


class Counter:
    """A target that writes how often it has done its work into a file (8 bytes, little endian, at offset 0)."""

    def __init__(self, command):
        self.file = FOLDER / ("count-%d" % time.monotonic_ns())
        self.file.write_bytes(bytes(8))
        self.load = sampan.Workload(pinned([*command, self.file], 0), ready=lambda _: self.count() > 0)
        self.pid = self.load.pid

    def count(self):
        return int.from_bytes(self.file.read_bytes()[:8], "little")

    def speed(self, seconds):
        """Work a second, over so many seconds."""
        first, start = self.count(), time.monotonic()
        time.sleep(seconds)
        last, end = self.count(), time.monotonic()
        return (last - first) / (end - start)


def slowdown(counter, profiler, pairs, window):
    """The lost share of the target's speed: [each pair's], alternating which comes first; and the share of looks that saw it stopped."""
    lost, stopped = [], []

    def measure():
        process = profiler.start(counter.pid, int(window) + 2)
        time.sleep(1.2)   # past its start: reading symbols is no part of a sample's cost
        watch = Watch(counter.pid)
        watch.start()
        speed = counter.speed(window)
        stopped.append(watch.stop())
        process.wait()
        return speed

    def alone():
        watch = Watch(counter.pid)   # it takes as much then
        watch.start()
        speed = counter.speed(window)
        watch.stop()
        return speed
    for pair in range(pairs):
        if pair % 2:
            with_it, without = measure(), alone()
        else:
            without, with_it = alone(), measure()
        lost.append(1 - with_it / without)
    return lost, statistics.mean(stopped)


def known_answer(profiler, pid, seconds, expected):
    """(share of stacks whose lines are all right, error of the shares in points, stacks). `expected(frames)` says of a stack
    which part of the program it is in ("hot", "warm", "cold"; None: none) and whether its lines are right."""
    stacks, _ = profiler.run(pid, seconds)
    parts, right, total, wrong = {"hot": 0, "warm": 0, "cold": 0}, 0, 0, {}
    for frames, count in stacks:
        part, lines = expected(frames)
        if part:
            parts[part] += count
            right += count * lines
            total += count
            if not lines:
                wrong[";".join(frames[:-1])] = wrong.get(";".join(frames[:-1]), 0) + count
    for stack, count in sorted(wrong.items(), key=lambda item: -item[1])[:2]:
        print("%s: %d times %s" % (profiler.name, count, stack))
    error = max(abs(parts[name] / max(1, total) - true) for name, true in (("hot", 0.6), ("warm", 0.3), ("cold", 0.1)))
    return right / max(1, total), 100 * error, sum(count for _, count in stacks)


def compare(profilers, truth, counter, expected, pairs=6, window=3):
    """Prints a row a profiler, the ratios of the peers to the first first."""
    rows = []
    if APART:
        os.sched_setaffinity(0, {1})   # and what watches
    for profiler in profilers:
        print("%s: %s" % (profiler.name, profiler.version))
    print("%d Hz; slowdown: median of %d pairs of %g s, alternating order (smallest - largest)%s"
          % (RATE, pairs, window, "; target and profiler each on a processor of its own" if APART else ""), flush=True)
    with sampan.Workload(pinned([*truth, 600], 0), ready=lambda w: w.says("ready")) as load:
        answers = [known_answer(profiler, load.pid, 10, expected) for profiler in profilers]
        for profiler, (lines, error, samples) in zip(profilers, answers):
            short, short_cpu = profiler.run(load.pid, 1)
            stacks, cpu = profiler.run(load.pid, 11)
            more = sum(c for _, c in stacks) - sum(c for _, c in short)
            rows.append({"lines": 100 * lines, "error": error, "samples": samples, "cpu": 1e6 * (cpu - short_cpu) / max(1, more), "start": 1000 * short_cpu})
    target = Counter(counter)
    try:
        for profiler, row in zip(profilers, rows):
            row["lost"], row["stopped"] = slowdown(target, profiler, pairs, window)
    finally:
        target.load.stop()
    first = rows[0]
    for profiler, row in zip(profilers[1:], rows[1:]):
        print("%s / %s: own CPU a sample x %.1f; wrong lines %.1f %% / %.1f %%; slowdown %.2f %% / %.2f %%; stopped %.2f %% / %.2f %%"
              % (profiler.name, profilers[0].name, row["cpu"] / max(first["cpu"], 1e-9), 100 - row["lines"], 100 - first["lines"],
                 100 * statistics.median(row["lost"]), 100 * statistics.median(first["lost"]), 100 * row["stopped"], 100 * first["stopped"]))
    print("| profiler | samples in 10 s | right lines | 60/30/10 off by | own CPU a sample | start-up CPU | slowdown | seen stopped |")
    print("|---|---|---|---|---|---|---|---|")
    for profiler, row in zip(profilers, rows):
        print("| %s | %d | %.1f %% | %.1f points | %.0f µs | %.0f ms | %.2f %% (%.2f - %.2f) | %.2f %% |"
              % (profiler.name, row["samples"], row["lines"], row["error"], row["cpu"], row["start"], 100 * statistics.median(row["lost"]),
                 100 * min(row["lost"]), 100 * max(row["lost"]), 100 * row["stopped"]))
    shutil.rmtree(FOLDER, ignore_errors=True)
    return rows
