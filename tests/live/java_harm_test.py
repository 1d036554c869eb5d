"""What sampling does to a JVM: its results stay the same under collectors at work, its throughput close to what it was."""
import os
import re
import statistics
import time

import jdks
import sampan
from sampan import check, skip

ROUNDS = 20_000 if sampan.LONG else 150
WINDOWS = 15 if sampan.LONG else 0
WINDOW = 4


def progress(load):
    """(rounds, CPU nanoseconds of the thread that counts them) so far."""
    found = re.findall(r"^round (\d+) (\d+)$", load.output(), re.M)
    return (int(found[-1][0]), int(found[-1][1])) if found else (0, 0)


def result(jdk, options, tier=None):
    """What a whole run prints at its end, sampled at 1,000 Hz throughout or not at all."""
    with jdk.run("Churn", ROUNDS, options=options) as load:
        runs = 0
        while load.process.poll() is None:
            if tier:
                run = sampan.profile(pid=load.pid_of_java, tier=tier, rate=1000, seconds=30 if sampan.LONG else 2, max_cpu_percent=100, _timeout=200)
                if run.code == 4:
                    skip(f"the {tier} tier", run.result.get("sentence", ""))
                    return None
                runs += run.code == 0
            else:
                time.sleep(0.05)
        text = load.output()
        found = re.search(r"^result .*$", text, re.M)
        return (found.group(0) if found else text[-300:]), runs


def same_results(jdk, options):
    what = " ".join(options)
    alone = result(jdk, options)
    for tier in ("ptrace", "ebpf"):
        sampled = result(jdk, options, tier)
        if sampled:
            check(sampled[0] == alone[0] and sampled[0].startswith("result") and sampled[1] > 0,
                  f"{jdk.name} {what}, {tier} at 1,000 Hz: the same result ({sampled[1]} profiles meanwhile)")


def throughput(jdk, tier, allowed):
    """Rounds a second of CPU time, in turns with and without: the machine's other load cancels out."""
    with jdk.run("Churn", 10_000_000, options=["-XX:+UseParallelGC"]) as load:
        sampan.wait_for(lambda: progress(load)[0] > 200, 120, "the JVM to be warm")
        rates = {True: [], False: []}
        for turn in range(WINDOWS * 2):
            sampled = turn % 2 == 1
            before, started = progress(load), time.monotonic()
            if sampled:
                sampan.profile(pid=load.pid_of_java, tier=tier, rate=100, seconds=WINDOW, max_cpu_percent=100)
            else:
                time.sleep(WINDOW)
            after = progress(load)
            rates[sampled].append((after[0] - before[0]) / ((after[1] - before[1]) / 1e9))
        loss = 1 - statistics.median(rates[True]) / statistics.median(rates[False])
        check(loss <= allowed, f"{jdk.name} throughput at 100 Hz, {tier}: {loss:+.1%} (allowed {allowed:.0%})")


if not jdks.classes() or os.geteuid() != 0:
    skip("Java", "javac and root are needed")
    sampan.finish()
for jdk in jdks.unpacked([25]):
    for collector in ("-XX:+UseZGC", "-XX:+UseG1GC", "-XX:+UseParallelGC")[: 3 if sampan.LONG else 1]:
        same_results(jdk, [collector, "-Xmx512m"])
    if WINDOWS:
        throughput(jdk, "ebpf", 0.01)
        throughput(jdk, "ptrace", 0.02)
    else:
        skip("throughput", "SAMPAN_LONG=1 on an idle machine measures it")
sampan.finish()
