"""What sampling does to a JVM: its results stay the same under collectors at work, its throughput close to what it was.

SAMPAN_LONG=1: ten minutes at 1,000 Hz. SAMPAN_HARM=ebpf (or ptrace): the throughput alone, on an idle machine.
"""
import json
import os
import pathlib
import re
import signal
import statistics
import subprocess
import tempfile
import time

import jdks
import sampan
from sampan import check, skip

COLLECTORS = ("-XX:+UseZGC", "-XX:+UseG1GC", "-XX:+UseParallelGC")
EACH = 150            # seconds of a long run, per collector and tier: with the quicker collectors at least ten minutes in all
PAIRS, WINDOW = 15, 4


def progress(text):
    """(rounds, nanoseconds) of each round that is printed."""
    return [(int(number), int(time_ns)) for number, time_ns in re.findall(r"^round (\d+) (\d+)$", text, re.M)]


def result(jdk, rounds, options, tier=None):
    """What a whole run prints at its end, sampled at 1,000 Hz throughout or not at all; and the profiles' results."""
    started = time.monotonic()
    with jdk.run("Churn", rounds, options=options) as load:
        runs = []
        while load.process.poll() is None:
            if tier:
                run = sampan.profile(pid=load.pid_of_java, tier=tier, rate=1000, seconds=30 if sampan.LONG else 2, max_cpu_percent=100, _timeout=200)
                if run.code == 4:
                    skip(f"the {tier} tier", run.result.get("sentence", ""))
                    return None
                runs += [run] if run.code == 0 else []
            elif time.monotonic() - started > 500:
                break
            else:
                time.sleep(0.05)
        text = load.output()
        found = re.search(r"^result .*$", text, re.M)
        return (found.group(0) if found else text[-300:]), runs, time.monotonic() - started


def under_stress(jdk):
    rounds = 600
    if sampan.LONG:
        _, _, seconds = result(jdk, 1000, ["-XX:+UseZGC", "-Xmx512m"])
        rounds = int(1000 * EACH / seconds)
    alone, _, _ = result(jdk, rounds, ["-XX:+UseParallelGC", "-Xmx512m"])
    for collector in COLLECTORS if sampan.LONG else COLLECTORS[:1]:
        for tier in ("ptrace", "ebpf"):
            sampled = result(jdk, rounds, [collector, "-Xmx512m"], tier)
            if not sampled:
                continue
            text, runs, seconds = sampled
            taken = sum(run.result["quality"]["taken"] for run in runs)
            longest = max((run.result["quality"]["longest_stop_us"] for run in runs), default=0)
            check(text == alone and text.startswith("result") and taken > 0,
                  f"{jdk.name} {collector}, {tier} at 1,000 Hz for {seconds:.0f} s: the same result ({len(runs)} profiles, {taken} samples, "
                  f"longest stop {longest:.0f} µs)")


def window(load, seconds):
    """Rounds a second of the wall clock, between the first and the last round that end in a window from now on."""
    start = time.monotonic_ns()
    time.sleep(seconds)
    inside = [item for item in progress(load.output()) if item[1] >= start]
    (first, begin), (last, end) = inside[0], inside[-1]
    return (last - first) / ((end - begin) / 1e9)


def processors():
    """(seconds that all processors were busy, seconds that another guest took) since boot."""
    values = [int(word) for word in pathlib.Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    return (sum(values) - values[3] - values[4]) / os.sysconf("SC_CLK_TCK"), values[7] / os.sysconf("SC_CLK_TCK")


class Agent:
    """Samples from before the window until after it."""

    def __init__(self, pid, tier):
        params = {"pid": pid, "tier": tier, "rate": 100, "seconds": 600, "max_cpu_percent": 100, "formats": ["folded"],
                  "output_dir": tempfile.mkdtemp(prefix="sampan-test-")}
        self.process = subprocess.Popen([sampan.BINARY], env=dict(os.environ, params=json.dumps(params)), stdout=subprocess.PIPE, text=True)
        for line in self.process.stdout:
            if json.loads(line).get("stage") == "sample":
                break
        time.sleep(1)   # what it reads once at first is no part of the window

    def stop(self):
        stat = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        self.cpu = (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK")
        self.process.send_signal(signal.SIGTERM)
        events = [json.loads(line) for line in self.process.communicate(timeout=60)[0].splitlines()]
        return next(event for event in events if event["event"] == "result")


def throughput(jdk, tier, allowed):
    """One thread and one collector's, so that the agent has a processor; windows in turns: with, without, without, with."""
    options = ["-XX:+UseSerialGC", "-Xmx256m", "-Xms256m"]
    with jdk.run("Churn", 10_000_000, 1, options=options) as load:
        sampan.wait_for(lambda: len(progress(load.output())) > 400, 120, "the JVM to be warm")
        time.sleep(5)
        losses, stops, started = [], [], time.monotonic()
        busy, stolen = processors()
        for pair in range(PAIRS):
            rates = {}
            for sampled in (True, False) if pair % 2 == 0 else (False, True):
                agent = Agent(load.pid_of_java, tier) if sampled else None
                if not agent:
                    time.sleep(1)
                rates[sampled] = window(load, WINDOW)
                if agent:
                    stops.append(agent.stop())
            losses.append(1 - rates[True] / rates[False])
        loss, error = statistics.mean(losses), statistics.stdev(losses) / len(losses) ** 0.5
        took = time.monotonic() - started
        print(f"      {(processors()[0] - busy) / took:.2f} processors busy, {(processors()[1] - stolen) / took:.1%} stolen; median {statistics.median(losses):+.2%}")
        print("      pairs:", " ".join(f"{one:+.2%}" for one in losses), f"; {rates[False]:.1f} rounds a second")
        check(loss <= allowed + error, f"{jdk.name} throughput at 100 Hz, {tier}: {loss:+.2%} ± {error:.2%} over {PAIRS} pairs (allowed {allowed:.0%})")
        quality = [one["quality"] for one in stops]
        if tier == "ptrace":
            p99 = statistics.median(q["p99_stop_us"] for q in quality)
            check(p99 <= 1000, f"{jdk.name}, ptrace: a stop takes {p99:.0f} µs or less in 99 %, {max(q['longest_stop_us'] for q in quality):.0f} µs at most, "
                               f"of {sum(q['taken'] for q in quality)}")


if not jdks.classes() or os.geteuid() != 0:
    skip("Java", "javac and root are needed")
    sampan.finish()
harm = os.environ.get("SAMPAN_HARM")
for jdk in jdks.unpacked([25]):
    if harm:
        throughput(jdk, harm, 0.01 if harm == "ebpf" else 0.02)
    else:
        under_stress(jdk)
        skip("throughput", "SAMPAN_HARM=ebpf or ptrace on an idle machine measures it")
sampan.finish()
