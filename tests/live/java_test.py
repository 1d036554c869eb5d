"""HotSpot from outside: whole stacks, right names, lines and shares, on every JDK and in each tier that is allowed here."""
import math
import os
import pathlib
import random
import re
import signal
import subprocess
import json
import time

import jdks
import sampan
from sampan import check, skip

SECONDS = 20 if sampan.LONG else 2
KILLS = 200 if sampan.LONG else 12
TIERS = ("ptrace", "ebpf")
MARKED = r"^\[code that changed"


def take(what, load, tier, **params):
    return sampan.take(what, tier, pid=load.pid_of_java, **{"seconds": SECONDS, "rate": 250, **params})


def java_stacks(run, main):
    return [(frames, count) for frames, count in run.stacks() if any(frame.startswith(main) for frame in frames)]


def show_bad(run):
    """A few of the stacks that are not whole, for those who want to better it."""
    bad = [(count, frames) for frames, count in run.stacks() if any(f.startswith(("[truncated]", "[code that changed")) for f in frames)]
    for count, frames in sorted(bad, reverse=True)[:4]:
        print(f"      {count} × …{';'.join(frames)[-200:]}")


def took(load):
    """What Simple says of its three methods' time so far, in nanoseconds."""
    said = lambda: re.findall(r"took (\d+) (\d+) (\d+)\n", load.output())
    sampan.wait_for(said, what="Simple's own figures")
    return [int(number) for number in said()[-1]]


def simple(jdk):
    with jdk.run("Simple", 3600) as load:
        for tier in TIERS:
            before = took(load)
            run = take(f"{jdk.name} simple", load, tier)
            if not run:
                continue
            spent = [after - then for after, then in zip(took(load), before)]
            share, total = jdks.whole(run)
            check(share >= 0.995 and total > 0, f"{jdk.name} simple, {tier}: {share:.2%} of {total} stacks whole (99.5 % wanted)")
            stacks = java_stacks(run, "Simple.main")
            check(sampan.share(stacks, r"^Simple\.step \(Simple\.java:(28|30|32)\)") > 0.9, f"{jdk.name} simple, {tier}: names and lines")
            steps = [s for s in stacks if any(f.startswith("Simple.step") for f in s[0])]
            count = sum(c for _, c in steps)
            if tier == "ptrace" and not sampan.LONG:
                # A thread that waits for a busy machine's processor is seen at one place many times over.
                continue
            for method, line, wanted in zip(("hot", "warm", "cool"), (28, 30, 32), (part / sum(spent) for part in spent)):
                # Calls that were inlined and those that were not: the line of the call tells.
                got = sampan.share(steps, rf"^Simple\.step \(Simple\.java:{line}\)")
                allowed = max(0.02, 4 * math.sqrt(wanted * (1 - wanted) / max(count, 1)))
                check(abs(got - wanted) <= allowed, f"{jdk.name} simple, {tier}: {method} {got:.1%} of {count} ({wanted:.1%} by its own clock ± {allowed:.1%})")


def diverse(jdk):
    with jdk.run("Diverse", 3600) as load:
        for tier in TIERS:
            run = take(f"{jdk.name} diverse", load, tier, seconds=SECONDS * 2, group_by=["thread"])
            if not run:
                continue
            share, total = jdks.whole(run)
            check(share >= 0.99, f"{jdk.name} diverse, {tier}: {share:.2%} of {total} stacks whole (99 % wanted)")
            show_bad(run)
            stacks = run.stacks()
            # Code that was compiled just now, seen for the first time by a sample that waited: on a busy machine, more.
            allowed = 0.02 if sampan.LONG else 0.06
            check(sampan.share(stacks, MARKED) <= allowed, f"{jdk.name} diverse, {tier}: {sampan.share(stacks, MARKED):.2%} with a frame in doubt")
            check(sampan.share(stacks, r"^Diverse\.main \(Diverse\.java:\d+\)$") > 0.2, f"{jdk.name} diverse, {tier}: main is there with lines")
            check(any(re.match(r"main\b", frames[0]) for frames, _ in stacks), f"{jdk.name} diverse, {tier}: the JVM's name of its main thread")
            if jdk.major >= 21:
                virtual = [frames for frames, _ in stacks if any(f.startswith("Diverse.virtualWork") for f in frames)
                           and not any(f.startswith(("[code that changed", "[truncated")) for f in frames)]
                reached = [f for f in virtual if any(x.startswith("jdk/internal/vm/Continuation.run") for x in f)]
                check(len(reached) == len(virtual), f"{jdk.name} diverse, {tier}: {len(reached)} of {len(virtual)} virtual threads' stacks go on to the carrier's")


def unloading(jdk):
    """Whatever the memory of unloaded classes is used for next: one stack, one number."""
    with jdk.run("Unload", 3600) as load:
        for tier in TIERS:
            run = take(f"{jdk.name} unloading", load, tier, rate=1000)
            if not run:
                continue
            numbered = wrong = 0
            for frames, count in run.stacks():
                numbers = {n for frame in frames for n in re.findall(r"(?:\$T|outer|inner)(\d{6})", frame)}
                numbered += count if numbers else 0
                wrong += count if len(numbers) > 1 else 0
            doubtful = sampan.share(run.stacks(), MARKED)
            check(numbered + doubtful * jdks.whole(run)[1] > 20 and wrong == 0,
                  f"{jdk.name} unloading, {tier}: {wrong} wrong names in {numbered} stacks, {doubtful:.1%} of all in doubt and marked")


def late(jdk):
    """A launcher that waits for its arguments is a program like any other, until it maps the VM."""
    pipe = pathlib.Path(jdk.root, "tmp", "late-arguments")
    pipe.unlink(missing_ok=True)
    os.mkfifo(pipe)
    jdk.place()
    command = ["python3", jdks.HERE / "in_root.py", jdk.root, jdk.java, "@/tmp/late-arguments"]
    try:
        with sampan.Workload(command, ready=lambda w: "late-arguments" in pathlib.Path(f"/proc/{w.pid}/cmdline").read_text()
                             and "in_root" not in pathlib.Path(f"/proc/{w.pid}/cmdline").read_text()) as load:
            def write():
                with open(pipe, "w") as text:   # blocks until it is read
                    text.write("-cp /opt/workloads Simple 3600\n")
            params = json.dumps({"pid": load.pid, "seconds": 5, "max_cpu_percent": 100, "output_dir": "/tmp", "formats": ["folded"]})
            agent = subprocess.Popen([sampan.BINARY], env=dict(os.environ, params=params), stdout=subprocess.PIPE, text=True)
            events = []
            for line in agent.stdout:
                events.append(json.loads(line))
                if events[-1].get("stage") == "sample":
                    write()
            agent.wait()
        processes = [(p.get("runtime"), p.get("tier")) for p in events[-1]["processes"]]
        with open(events[-1]["files"][0]["path"]) as text:
            got = sampan.share(sampan.parse_folded(text.read()), r"^Simple\.(main|step)")
        check(processes[0][0] == "native" and processes[-1][0] == "java" and got > 0.3, f"{jdk.name} late: {processes}, {got:.0%} in Simple")
    finally:
        pipe.unlink()


def many_threads(jdk):
    """2,000 threads that wait: all of them seen, in bounded time, none stopped."""
    count = 2000
    with jdk.run("ManyThreads", 3600, count) as load:
        started = time.monotonic()
        run = take(f"{jdk.name} {count} threads", load, "ptrace", rate=10, seconds=3, event="wall", group_by=["thread"])
        if not run:
            return
        check(time.monotonic() - started < 60, f"{jdk.name} {count} threads: done in {time.monotonic() - started:.1f} s")
        stacks = run.stacks()
        names = {re.match(r"a-waiting-thread-number-\d+", frames[0]) for frames, _ in stacks}
        names = {match.group(0) for match in names if match}
        check(len(names) >= count * 0.99, f"{jdk.name} {count} threads: {len(names)} of them seen, under the JVM's names")
        waiting = [frames for frames, _ in stacks if frames[0].startswith("a-waiting") and any("Object.wait" in f for f in frames)]
        rooted = [f for f in waiting if any(x.startswith("java/lang/Thread.run") for x in f)]
        check(len(rooted) >= len(waiting) * 0.99 and waiting, f"{jdk.name} {count} threads: {len(rooted)} of {len(waiting)} sleeping stacks whole")
        run = take(f"{jdk.name} {count} threads", load, "ptrace", rate=50, seconds=2)
        if run:
            check(sampan.share(run.stacks(), r"^ManyThreads\.busy") > 0.8, f"{jdk.name} {count} threads: the running ones found among them")


def closed_container(jdk):
    """No root, nothing writable, no attach: profiled all the same."""
    if not jdk.root:
        return
    with jdk.run("Simple", 3600, options=["-XX:+DisableAttachMechanism"], container=["--user", "65534", "--read-only", "--pids"]) as load:
        for tier in TIERS:
            run = take(f"{jdk.name} closed container", load, tier)
            if run:
                share, total = jdks.whole(run)
                got = sampan.share(run.stacks(), r"^Simple\.main")
                check(share >= 0.99 and got > 0.9, f"{jdk.name} closed container, {tier}: {share:.2%} of {total} whole, {got:.0%} in Simple.main")


def threads_of(pid):
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        try:
            text = (task / "status").read_text()
        except OSError:
            continue
        yield re.search(r"State:\s+(\S)", text).group(1), int(re.search(r"TracerPid:\s+(\d+)", text).group(1))


def killed(jdk):
    """The agent dies at any moment: the JVM goes on."""
    chance = random.Random(7)
    with jdk.run("Simple", 3600) as load:
        pid = load.pid_of_java
        stuck = 0
        for _ in range(KILLS):
            params = json.dumps({"pid": pid, "tier": "ptrace", "rate": 2000, "seconds": 60, "max_cpu_percent": 100, "output_dir": "/tmp", "formats": ["folded"]})
            agent = subprocess.Popen([sampan.BINARY], env=dict(os.environ, params=params), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
            agent.stdout.readline()   # its first event: it has begun
            time.sleep(chance.uniform(0.02, 0.25))
            agent.send_signal(signal.SIGKILL)
            agent.wait()
            before = sum(int(x) for x in pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[11:13])

            def goes_on():
                now = sum(int(x) for x in pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[11:13])
                return now > before and all(state not in "tT" and tracer == 0 for state, tracer in threads_of(pid))
            try:
                sampan.wait_for(goes_on, 10, "the JVM to go on")
            except TimeoutError:
                stuck += 1
        check(stuck == 0 and load.process.poll() is None, f"{jdk.name}: the agent killed {KILLS} times, the JVM stuck {stuck} times")


def collectors(jdk):
    """Collectors and modes that change what the walk meets."""
    every = ["-XX:+UseZGC", "-XX:+UseParallelGC", "-Xint", "-XX:TieredStopAtLevel=1", "-XX:-UseCompressedOops", "-XX:+UseSerialGC"]
    if jdk.major >= 17:
        every.append("-XX:+UseShenandoahGC")
    if jdk.major >= 24:
        every.append("-XX:+UseCompactObjectHeaders -XX:+UnlockExperimentalVMOptions")
    chosen = every if sampan.LONG else every[:1] + every[2:3]
    for option in chosen:
        words = sorted(option.split(), key=lambda word: "Unlock" not in word)
        with jdk.run("Diverse", 3600, options=words) as load:
            run = take(f"{jdk.name} {option}", load, "ptrace", group_by=["thread"])
            if run:
                share, total = jdks.whole(run)
                check(share >= 0.985, f"{jdk.name} {option}: {share:.2%} of {total} stacks whole")
                check(any(re.match(r"main\b", frames[0]) for frames, _ in run.stacks()), f"{jdk.name} {option}: thread names")


def tail(jdk):
    """C1 records no place behind a method's last call: what runs there has the last one's line, and is no frame of its own."""
    with jdk.run("Tail", 3600, options=["-XX:TieredStopAtLevel=1", "-XX:CompileCommand=dontinline,Tail.seed", "-XX:CompileCommand=dontinline,Tail.tail"]) as load:
        for tier in TIERS:
            run = take(f"{jdk.name} tail", load, tier)
            if not run:
                continue
            found = [(frame, count) for frames, count in run.stacks() for frame in frames if frame.startswith("Tail.tail")]
            total, lined = sum(c for _, c in found), sum(c for f, c in found if re.fullmatch(r"Tail\.tail \(Tail\.java:(2[7-9]|3[0-9])\)", f))
            check(lined == total > 100, f"{jdk.name}, {tier}: {total - lined} of {total} samples of a method's tail have no line")


if not jdks.classes():
    skip("Java", "javac is not installed")
    sampan.finish()
if os.geteuid() != 0:
    skip("Java", "roots of their own need root")
    sampan.finish()
only = os.environ.get("SAMPAN_ONLY", "").split()   # names of the functions to run, for who works on one
if only:
    for one in [*jdks.unpacked([int(v) for v in os.environ.get("SAMPAN_JDKS", "25").split()])]:
        for name in only:
            globals()[name](one)
    sampan.finish()
found = [*jdks.unpacked([8, 11, 17, 21, 25, 26] if sampan.LONG else [8, 17, 21, 26]), *(jdks.temurin() if sampan.LONG else [])]
for jdk in found:
    simple(jdk)
    diverse(jdk)
newest = [jdk for jdk in found if jdk.root][-1:]
for jdk in found if sampan.LONG else newest:
    unloading(jdk)
    collectors(jdk)
    closed_container(jdk)
    tail(jdk)
for jdk in newest:
    many_threads(jdk)
    late(jdk)
    killed(jdk)
sampan.finish()
