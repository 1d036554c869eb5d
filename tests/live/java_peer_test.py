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


def compare(root, java, main, event, tiers, top=None, options=(), started=None):
    """In the first of the tiers that is allowed here: the stacks under `top`."""
    library = "/opt/workloads/libasyncProfiler.so"
    lines_of = r"[\w/$]+\.[\w$<>]+ \(\w+\.java:\d+\)" if top else rf"{main}\.\w+ \({main}\.java:\d+\)"
    top = top or f"{main}.main"
    command = ["python3", jdks.HERE / "in_root.py", root, java, *options, "-cp", "/opt/workloads:/opt/workloads/async-profiler.jar:/opt/workloads/clinic.jar",
               "PeerMain", library, SECONDS, main, 3600, event]
    with sampan.Workload(command) as load:
        if started:
            started(load)
        sampan.wait_for(lambda: load.says("profiling") or load.process.poll() is not None, 90, "async-profiler to begin")
        for tier in tiers:
            run = sampan.profile(pid=load.pid, tier=tier, rate=RATE, seconds=SECONDS, max_cpu_percent=100)
            if run.code == 0:
                break
            skip(f"{main} in the {tier} tier", run.result.get("sentence", run.err[-200:]))
        if not check(run.code == 0, f"{main}: profiled beside async-profiler ({tier})"):
            return
        sampan.wait_for(lambda: load.says("done"), 90, "async-profiler's file")
        with open(f"{root}/tmp/peer.txt", errors="replace") as text:
            theirs, their_total = shares(sampan.parse_folded(text.read()), top)
    ours, our_total = shares(run.stacks(), top)
    most = sorted(theirs, key=theirs.get, reverse=True)[:50]
    distance = sum(abs(theirs[name] - ours.get(name, 0)) for name in most) / 2
    # By how much two samples of one distribution differ on average.
    noise = sum(math.sqrt(2 / math.pi * p * (1 - p) * (1 / our_total + 1 / their_total)) for p in (theirs[n] for n in most)) / 2
    what = f"{main}, {tier}: {distance:.1%} from async-profiler over {len(most)} methods, {our_total} and {their_total} samples"
    if noise > 0.03:
        skip(what, f"chance alone makes {noise:.1%} of so few samples: SAMPAN_LONG=1 on an idle machine takes more")
    else:
        check(distance <= 0.03 + noise, f"{what} (3 % + {noise:.1%} of chance allowed)")
    quality = run.result["quality"]
    print("     ", {key: quality[key] for key in ("wanted", "taken", "idle", "late", "suspect", "truncated", "failed", "p99_stop_us", "longest_stop_us")})
    for name in sorted(set(most) | set(ours), key=lambda n: -abs(theirs.get(n, 0) - ours.get(n, 0)))[:9]:
        print(f"      {name}: async-profiler {theirs.get(name, 0):.1%}, here {ours.get(name, 0):.1%}")
    under = [stack for stack in run.stacks() if any(frame.startswith(top) for frame in stack[0])]
    lines = sampan.share(under, f"^{lines_of}$")
    check(lines > 0.95, f"{main}: {lines:.0%} of the stacks have lines of its sources, async-profiler's none")


def clinic(jdk, tier):
    """A real application under load: all that its web server's threads do."""
    jar = sampan.CACHE / "java-apps" / "clinic" / "target" / "clinic.jar"
    done = subprocess.run(["sh", jdks.HERE / "get_java_apps.sh"], capture_output=True, text=True)
    if done.returncode != 0:
        skip("the clinic", f"it could not be built: {done.stderr[-200:]}")
        return
    shutil.copy(jar, f"{jdk.root}/opt/workloads/clinic.jar")
    port = sampan.free_port()
    users = []

    def started(load):
        sampan.wait_for(lambda: load.says("ready"), 60, "the clinic to be ready")
        users.append(sampan.Workload(["wrk", "-t", "1", "-c", "2", "-d", "200s", f"http://127.0.0.1:{port}/owners?lastName=Chen"]))
    try:
        compare(jdk.root, jdk.java, "org.springframework.boot.loader.launch.JarLauncher", "cpu", [tier], top="java/lang/Thread.run",
                options=[f"-Dserver.port={port}", "-Dpeer.delay=40000"], started=started)
    finally:
        for user in users:
            user.stop()


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
    if sampan.LONG and "SAMPAN_ONLY" not in os.environ:
        for tier in os.environ.get("SAMPAN_TIER", "ebpf ptrace").split():
            clinic(jdk, tier)
    for main in os.environ.get("SAMPAN_ONLY", "Simple Diverse").split():
        if os.environ.get("SAMPAN_TIER") or sampan.LONG:
            for tier in os.environ.get("SAMPAN_TIER", "ebpf ptrace").split():
                compare(jdk.root, jdk.java, main, "cpu", [tier])
        else:
            compare(jdk.root, jdk.java, main, "cpu", ["ebpf", "ptrace"])
sampan.finish()
