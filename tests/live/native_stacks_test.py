"""Native stacks are whole without frame pointers, in both tiers: C++, stripped C++, signals, PLT, dlopen, clang, Python,
Node, Go, Rust; and known shares of time come out as they are."""
import contextlib
import math
import os
import statistics
import time

import sampan
from native_programs import SOURCES, build, start
from sampan import check

LEAST = {"ebpf": 0.99, "ptrace": 0.97}


def clang_command():
    return ["clang++", "-std=c++20", "-O2", "-c", SOURCES / "compile_me.cpp", "-o", "/dev/null"]


ENOUGH = 150      # samples; a machine that is busy elsewhere needs more than one run for them


class Sum:
    """Several runs as one: more evidence, no second chance."""

    def __init__(self, least, sample):
        self.taken = self.truncated = 0
        self.all = []
        for _ in range(8):
            self.last = sample()
            quality = self.last.result.get("quality", {})
            self.taken += quality.get("taken", 0)
            self.truncated += quality.get("truncated", 0)
            self.all += self.last.stacks()
            if self.last.code not in (0, 6) or self.taken >= least:
                break

    def whole(self):
        return (self.taken - self.truncated) / self.taken if self.taken else 0.0


def run(load, tier):
    return Sum(ENOUGH, lambda: sampan.profile(pid=load.pid, tier=tier, language="native", rate=200, seconds=2, group_by=[]))


def check_whole(what, tier, result):
    if not check(result.taken > 0, "%s, %s: exit %d, %d samples" % (what, tier, result.last.code, result.taken)):
        return print(result.last.err[-500:], result.last.result.get("sentence"))
    depth = statistics.mean(len(frames) for frames, _ in result.all)
    check(sampan.at_least(result.taken - result.truncated, result.taken, LEAST[tier]), "%s, %s: %.2f %% of %d stacks whole, %.0f frames deep"
          % (what, tier, 100 * result.whole(), result.taken, depth))


def programs():
    for name, arguments in (("split", []), ("split", ["signals"]), ("split", ["plt"]), ("split_stripped", []), ("split_rust", [])):
        program = build(name)
        if program:
            yield " ".join([name, *arguments]), [program, *arguments]
    if build("plugin") and build("plugin.so"):
        yield "dlopen", [build("plugin"), build("plugin.so")]
    if build("server_go"):
        yield "a stripped Go server", [build("server_go")]
    if sampan.need("python3", "python"):
        yield "python", ["/usr/bin/python3", SOURCES / "dumps.py"]
    if sampan.need("node", "node"):
        yield "node", ["node", SOURCES / "stringify.js"]


def whole(tier):
    for what, command in programs():
        with start(*command) as load:
            check_whole(what, tier, run(load, tier))
    if sampan.need("clang++", "clang"):
        def compile_once():
            with sampan.Workload(clang_command()):
                # The driver starts the compiler proper: whichever of the two compiles.
                return sampan.profile(cmdline_regex=r"clang.* .*compile_me\.cpp", tier=tier, language="native", rate=200,
                                      seconds=4, group_by=[])
        check_whole("clang", tier, Sum(ENOUGH, compile_once))


# Of n samples a share strays by sqrt(p (1 - p) / n): four of those, or 1.5 points, are granted.
def near(got, true, samples):
    return abs(got - true) <= max(0.015, 4 * math.sqrt(true * (1 - true) / max(samples, 1)))


def truth(tier):
    for name, prefix in (("split", "split::"), ("split_go", r"main\."), ("split_rust", "split::")):
        program = build(name)
        if not program:
            continue
        with start(program) as load:
            # Calls that were inlined count to the function that they were inlined in.
            result = Sum(2000, lambda: sampan.profile(pid=load.pid, tier=tier, rate=1000, seconds=5, lines=False, group_by=[]))
            shares = [sampan.share(result.all, prefix + function + r"\b") for function in ("sixty", "thirty", "ten")]
            work = sum(shares)
            shares = [s / work if work else 0 for s in shares]
            check(work > 0.9 and all(near(got, true, result.taken) for got, true in zip(shares, (0.6, 0.3, 0.1))),
                  "%s, %s: %s of %d samples, true are 60, 30, 10 %%" % (name, tier, ", ".join("%.1f %%" % (100 * s) for s in shares), result.taken))


def in_step(tier):
    """A loop as long as the distance of two samples, as near as can be: samples do not see always the same part of it."""
    program = build("beat")
    if not program:
        return
    for period in (9970, 10000) if sampan.LONG else (9970,):
        with start(program, period) as load:
            result = Sum(600, lambda: sampan.profile(pid=load.pid, tier=tier, rate=100, seconds=8, lines=False, group_by=[]))
            shares = [sampan.share(result.all, r"^%s\b" % function) for function in ("sixty", "thirty", "ten")]
            # Some ten samples at a time are still in step: four sigma of what that leaves (0.02, simulated).
            check(all(abs(got - true) <= 0.08 for got, true in zip(shares, (0.6, 0.3, 0.1))), "a loop of %d us at 100 Hz, %s: %s of %d samples" % (
                period, tier, ", ".join("%.1f %%" % (100 * s) for s in shares), result.taken))


def two_threads(tier):
    """Each has the samples of its own processor time, whichever of them the agent displaces when it wakes and whoever else wants the
    processor of one: at most some are lost."""
    program, places = build("two_threads"), sorted(os.sched_getaffinity(0))
    if len(places) < 2 or not program or not sampan.need("taskset", "two busy threads"):
        return sampan.skip("two busy threads", "two processors and a C compiler are needed")
    for agents in places[:2]:
        two_threads_beside(tier, program, places, agents)
    with contextlib.ExitStack() as crowd:
        for _ in range(3):
            crowd.enter_context(sampan.Workload(["taskset", "-c", places[0], "sh", "-c", "while :; do :; done"]))
        # A thread that is stopped loses its turn there: what is seen is more than what is left to it.
        two_threads_beside(tier, program, places, places[1], ", the first crowded", 0.1 if tier == "ptrace" else 0.03)


def ran(pid, tid):
    """Nanoseconds that a thread had on a processor."""
    return int(open("/proc/%d/task/%d/schedstat" % (pid, tid)).read().split()[0])


def two_threads_beside(tier, program, places, agents, said="", off=0.03):
    with start(program) as load:
        tids = [load.pid, *(int(tid) for tid in os.listdir("/proc/%d/task" % load.pid) if int(tid) != load.pid)]   # two, one
        for tid, place in zip(tids, places):
            os.sched_setaffinity(tid, {place})
        before, begun_at = [ran(load.pid, tid) for tid in tids], time.monotonic()
        result = sampan.profile(pid=load.pid, tier=tier, rate=100, seconds=3, group_by=[], _prefix=["taskset", "-c", str(agents)])
        used, passed = [ran(load.pid, tid) - begun for tid, begun in zip(tids, before)], time.monotonic() - begun_at
        seen = [sum(count for frames, count in result.stacks() if name in frames[-1]) for name in ("two", "one")]
        true, total, due = used[0] / sum(used), sum(seen), sum(used) / 1e9 * 3 / passed * 100
        share = seen[0] / total if total else 0
        looks = {key: result.result["quality"][key] for key in ("wanted", "idle", "late")}
        check(total >= 0.7 * due and abs(share - true) <= off + 3 * (true * (1 - true) / max(total, 1)) ** 0.5,
              "two busy threads, %s beside the %s%s: %d and %d samples of %d due, %.1f %% in one of them, which had %.1f %% of the time; %s"
              % (tier, ("first", "second")[places.index(agents)], said, *seen, due, 100 * share, 100 * true, looks))


def among_others(tier):
    """As many samples as its processor time makes due, however many others want a processor and wherever it is moved."""
    program = build("split")
    for others in (1, 3) if program else ():
        with contextlib.ExitStack() as crowd:
            for _ in range(others):
                crowd.enter_context(sampan.Workload(["sh", "-c", "while :; do :; done"]))
            load = crowd.enter_context(start(program))
            before, begun_at = ran(load.pid, load.pid), time.monotonic()
            result = sampan.profile(pid=load.pid, tier=tier, rate=100, seconds=3, group_by=[])
            due = (ran(load.pid, load.pid) - before) / 1e9 / (time.monotonic() - begun_at) * 300
            taken = result.result["quality"]["taken"]
            check(0.75 * due - 10 <= taken <= 1.25 * due + 10, "among %d others, %s: %d samples of %d due; %d idle" % (
                others, tier, taken, due, result.result["quality"]["idle"]))


def joined(tier):
    program = build("cgo")
    if not program:
        return
    with start(program) as load:
        result = Sum(ENOUGH, lambda: sampan.profile(pid=load.pid, tier=tier, rate=200, seconds=3, group_by=[]))
        in_c = [(frames, count) for frames, count in result.all if "burn" in frames]
        samples = sum(count for _, count in in_c)
        both = sum(count for frames, count in in_c if frames[0].startswith("runtime.goexit") and any("main.callC" in f for f in frames))
        check(both >= 0.99 * samples > 0, "cgo, %s: %d of %d stacks in C start at the goroutine's entry" % (tier, both, samples))


def allowed(tier):
    program = build("split")
    if not program:
        return False
    with start(program) as load:
        result = sampan.profile(pid=load.pid, tier=tier, seconds=1)
        if result.code != 4:
            return True
        sampan.skip("the %s tier" % tier, result.result.get("sentence", result.err[-300:]))
        return False


for each in ("ebpf", "ptrace"):
    if allowed(each):
        whole(each)
        truth(each)
        in_step(each)
        two_threads(each)
        among_others(each)
        joined(each)
sampan.finish()
