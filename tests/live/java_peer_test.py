"""Beside async-profiler, in one run on one JVM: the same methods, the same shares; ours has inlined frames and lines too.

SAMPAN_LONG=1 takes enough samples for the figures, in both tiers; SAMPAN_TIER names one.
"""
import collections
import math
import os
import re
import shutil
import subprocess

import jdks
import sampan
from sampan import check, skip

SECONDS = 45 if sampan.LONG else 6
RATE = 500


def method(frame):
    """`java/lang/Thread.run`: no line, no address of a hidden class."""
    frame = re.sub(r"( \(.*\)|_\[.\])$", "", frame)
    return re.sub(r"[/+.]0x[0-9a-f]+(?=\.)", "", frame)


def shares(stacks, main):
    """Of each method the share of the samples in which it is the innermost Java method, under a main method."""
    counts = collections.Counter()
    for frames, count in stacks:
        names = [method(frame) for frame in frames]
        if main not in names:
            continue
        java = [name for name in names[names.index(main):] if re.fullmatch(r"[\w/$]+\.[\w$<>]+", name) and ".so" not in name]
        counts[java[-1]] += count
    total = sum(counts.values())
    return {name: count / total for name, count in counts.items()}, total


def compare(root, java, main, event, tiers):
    """The first of the tiers that is allowed here."""
    library = "/opt/workloads/libasyncProfiler.so"
    command = ["python3", jdks.HERE / "in_root.py", root, java, "-cp", "/opt/workloads:/opt/workloads/async-profiler.jar",
               "PeerMain", library, SECONDS, main, 3600, event]
    with sampan.Workload(command, ready=lambda w: w.says("profiling"), timeout=90) as load:
        for tier in tiers:
            run = sampan.profile(pid=load.pid, tier=tier, rate=RATE, seconds=SECONDS, max_cpu_percent=100)
            if run.code == 0:
                break
            skip(f"{main} in the {tier} tier", run.result.get("sentence", run.err[-200:]))
        if not check(run.code == 0, f"{main}: profiled beside async-profiler ({tier})"):
            return
        sampan.wait_for(lambda: load.says("done"), 90, "async-profiler's file")
        with open(f"{root}/tmp/peer.txt", errors="replace") as text:
            theirs, their_total = shares(sampan.parse_folded(text.read()), f"{main}.main")
    ours, our_total = shares(run.stacks(), f"{main}.main")
    top = sorted(theirs, key=theirs.get, reverse=True)[:50]
    distance = sum(abs(theirs[name] - ours.get(name, 0)) for name in top) / 2
    # What two samples of one distribution differ by chance, three times over.
    noise = sum(math.sqrt(2 / math.pi * p * (1 - p) * (1 / our_total + 1 / their_total)) for p in (theirs[n] for n in top)) / 2
    what = f"{main}, {tier}: {distance:.1%} from async-profiler over {len(top)} methods, {our_total} and {their_total} samples"
    if noise > 0.03:
        skip(what, f"chance alone makes {noise:.1%} of so few samples: SAMPAN_LONG=1 on an idle machine takes more")
    else:
        check(distance <= 0.03 + noise, f"{what} (3 % + {noise:.1%} of chance allowed)")
    quality = run.result["quality"]
    print("     ", {key: quality[key] for key in ("wanted", "taken", "idle", "late", "suspect", "truncated", "failed", "p99_stop_us", "longest_stop_us")})
    for name in sorted(set(top) | set(ours), key=lambda n: -abs(theirs.get(n, 0) - ours.get(n, 0)))[:9]:
        print(f"      {name}: async-profiler {theirs.get(name, 0):.1%}, here {ours.get(name, 0):.1%}")
    under = [stack for stack in run.stacks() if any(frame.startswith(f"{main}.main") for frame in stack[0])]
    lines = sampan.share(under, rf"^{main}\.\w+ \({main}\.java:\d+\)$")
    check(lines > 0.95, f"{main}: {lines:.0%} of the stacks have lines of {main}.java, async-profiler's none")


peer = sampan.CACHE / "jdks" / "async-profiler"
if not jdks.classes() or os.geteuid() != 0:
    skip("async-profiler", "javac and root are needed")
    sampan.finish()
done = subprocess.run(["sh", jdks.HERE / "suite_root.sh", "sid", peer, "libasync-profiler-java"], capture_output=True, text=True)
libraries, jars = [*peer.rglob("libasyncProfiler.so")], [*peer.rglob("async-profiler-*.jar")]
if done.returncode != 0 or not libraries or not jars:
    skip("async-profiler", f"it could not be unpacked: {done.stderr[-200:]}")
    sampan.finish()
# Debian's version walks by the VM's structures, its most exact way, on JDK 21 but not on 25.
for jdk in jdks.unpacked([21]):
    jdk.place()
    shutil.copy(libraries[0], f"{jdk.root}/opt/workloads/libasyncProfiler.so")
    shutil.copy(jars[0], f"{jdk.root}/opt/workloads/async-profiler.jar")
    for main in os.environ.get("SAMPAN_ONLY", "Simple Diverse").split():
        if os.environ.get("SAMPAN_TIER") or sampan.LONG:
            for tier in os.environ.get("SAMPAN_TIER", "ebpf ptrace").split():
                compare(jdk.root, jdk.java, main, "cpu", [tier])
        else:
            compare(jdk.root, jdk.java, main, "cpu", ["ebpf", "ptrace"])
sampan.finish()
