"""Faults that befall targets while they are sampled, in every tier: the agent ends in time with what it has seen."""
import os
import pathlib
import signal
import subprocess
import time

import chaos
import sampan
from chaos import Cgroup, agents, judge, left_alone, native, python
from sampan import check, share

ROUNDS = 10 if sampan.LONG else 1
SECONDS = 2


def pair():
    """A Python target and a native one, by tier."""
    snake, rock = python(), native("spin")
    return (snake, rock), {"memory": snake.pid, "ptrace": rock.pid, "ebpf": rock.pid}


def stop(loads):
    for load in loads:
        load.stop()


def exit_during_sampling(round_):
    loads, pids = pair()
    running = agents(pids, 20)
    time.sleep(1 + 0.037 * round_)
    stop(loads)
    died = time.monotonic()
    for tier, agent in running.items():
        run = agent.finish()
        judge(run, "exit during sampling, %s" % tier, 4, least=20)
        check(run.result["ended"] == "targets_gone" and run.result["partial"] and time.monotonic() - died < 4, "%s: partial, at once" % tier)


def exec_again_and_again():
    with native("exec") as rock:
        for tier, agent in agents({"ptrace": rock.pid, "ebpf": rock.pid}, SECONDS, [t for t in chaos.TIERS if t != "memory"]).items():
            judge(agent.finish(), "20 execs a second, %s" % tier, SECONDS, spare=1)
        left_alone(rock.pid, "after its execs")


def storm(what, word, params):
    """1,000 processes (or threads) a second, each of half a millisecond."""
    with native(word, 1000) as load:
        seconds = 10 if sampan.LONG else 3
        running = {tier: chaos.Agent(seconds, tier=tier, **params) for tier in chaos.TIERS if tier != "memory"}
        for tier, agent in running.items():
            run = agent.finish()
            judge(run, "%s, %s" % (what, tier), seconds)
        made = int(load.output().split()[-1]) if "made" in load.output() else 0
        check(made >= 300 * seconds, "%s: %d were made while two agents looked" % (what, made))
        left_alone(load.pid, what)


def frozen(cgroup, freeze, thaw):
    """Frozen in the midst of sampling: the agent ends in time; thawed after its end, the target goes on."""
    loads, pids = pair()
    for load in loads:
        cgroup.add(load.pid)
    running = agents(pids, 3)
    time.sleep(1)
    cgroup.write(*freeze)
    try:
        runs = {tier: agent.finish() for tier, agent in running.items()}
        again = {tier: agent.finish() for tier, agent in agents(pids, 1).items()}   # met frozen from the start
    finally:
        cgroup.write(*thaw)
    for tier, run in runs.items():
        judge(run, "frozen by %s, %s" % (freeze[0], tier), 3, least=20)
        judge(again[tier], "already frozen, %s" % tier, 1, least=0, spare=1)
    for load in loads:
        ticks = lambda: int(pathlib.Path("/proc/%d/stat" % load.pid).read_text().rsplit(")", 1)[1].split()[11])
        before = ticks()
        sampan.wait_for(lambda: ticks() > before, 10, "the thawed target to run")
        left_alone(load.pid, "thawed")
    stop(loads)


def freezers():
    v1, v2 = Cgroup("freezer", "freezer.state"), Cgroup("freezer", "cgroup.freeze")
    for cgroup, on, off in ((v1, ("freezer.state", "FROZEN"), ("freezer.state", "THAWED")), (v2, ("cgroup.freeze", "1"), ("cgroup.freeze", "0"))):
        if not cgroup:
            sampan.skip("the freezer (%s)" % on[0], "no such cgroup hierarchy can be written here")
            continue
        frozen(cgroup, on, off)
        cgroup.remove()


def killed_for_memory():
    group = Cgroup("memory", "memory.limit_in_bytes") or Cgroup("memory", "memory.max")
    if not group:
        return sampan.skip("an OOM-killed target", "no memory cgroup can be written here")
    group.write("memory.limit_in_bytes" if (group.path / "memory.limit_in_bytes").exists() else "memory.max", 64 << 20)
    load = sampan.Workload([*group.enter(), chaos.program(), "eat", 3], ready=lambda w: w.says("ready"))
    tiers = [t for t in chaos.TIERS if t != "memory"]
    for tier, agent in {tier: chaos.Agent(20, tier=tier, pid=load.pid) for tier in tiers}.items():
        judge(agent.finish(), "OOM-killed, %s" % tier, 6, least=20)
    check(load.process.wait(10) == -signal.SIGKILL, "and the kernel did kill it")
    group.remove()


def stopped_by_job_control():
    """SIGSTOP before, in the midst of and after sampling: it stays stopped as long as its user wants, no longer."""
    loads, pids = pair()
    running = agents(pids, 3)
    time.sleep(1)
    for load in loads:
        os.kill(load.pid, signal.SIGSTOP)
    for tier, agent in running.items():
        judge(agent.finish(), "SIGSTOP, %s" % tier, 3, least=20)
    for tier, agent in agents(pids, 1, event="wall", exclude_idle=False).items():
        judge(agent.finish(), "stopped from the start, all threads, %s" % tier, 1, least=0, spare=1)
    for load in loads:
        check({s for s, _ in chaos.states(load.pid)} == {"T"}, "it is still stopped, as its user wanted")
        os.kill(load.pid, signal.SIGCONT)
        sampan.wait_for(lambda: {s for s, _ in chaos.states(load.pid)} & {"R", "S"}, 5, "it to go on")
        left_alone(load.pid, "after SIGCONT")
    running = agents(pids, 2)
    for i in range(200):   # and a hundred times back and forth while it is sampled
        for load in loads:
            os.kill(load.pid, signal.SIGSTOP if i % 2 == 0 else signal.SIGCONT)
        time.sleep(0.01)
    for tier, agent in running.items():
        judge(agent.finish(), "200 SIGSTOPs and SIGCONTs, %s" % tier, 2)
    for load in loads:
        os.kill(load.pid, signal.SIGCONT)
        sampan.wait_for(lambda: not {s for s, _ in chaos.states(load.pid)} & {"T", "t"}, 5, "it to go on")
        left_alone(load.pid, "after them")
    stop(loads)


def under_a_debugger():
    if not sampan.need("gdb", "a target under a debugger"):
        return
    loads, pids = pair()
    script = ["-batch", "-nx", "-ex", "set pagination off", "-ex", "continue"]
    debuggers = [sampan.Workload(["gdb", *script, "-p", load.pid], stdin=subprocess.DEVNULL) for load in loads]
    for load, debugger in zip(loads, debuggers):
        sampan.wait_for(lambda: {t for _, t in chaos.states(load.pid)} == {debugger.pid} and {s for s, _ in chaos.states(load.pid)} == {"R"}, 30,
                        "gdb to hold it")
    for tier, agent in agents(pids, SECONDS).items():
        run = agent.finish()
        judge(run, "under gdb, %s" % tier, SECONDS, least=0 if tier == "ptrace" else 20, spare=1)
        if tier == "ptrace":
            check(run.result["quality"]["traced"] > 0 and run.result["samples"] == 0, "ptrace: %d times held by the debugger, said so" % run.result["quality"]["traced"])
    for load, debugger in zip(loads, debuggers):
        check({t for _, t in chaos.states(load.pid)} == {debugger.pid}, "it is still gdb's")
        debugger.stop()
        sampan.wait_for(lambda: {t for _, t in chaos.states(load.pid)} <= {0}, 10, "gdb to let go")
    stop(loads)


def memory_that_never_answers():
    """userfaultfd above the stack: a reader waits for ever. The agent notices, ends with what it has, and lets the target go."""
    if "ptrace" not in chaos.TIERS:
        return
    load = sampan.Workload([chaos.program(), "stuck"], ready=lambda w: w.says("\n"))
    with load:
        if not load.says("ready"):
            return sampan.skip("memory that never answers", "userfaultfd is not allowed here")
        agent = chaos.Agent(10, tier="ptrace", pid=load.pid)
        stood, since = 0, None
        while stood < 0.5 or since:   # the stop of a copy takes microseconds, this one a second
            stopped = any(s == "t" for s, _ in chaos.states(load.pid))
            since = (since or time.monotonic()) if stopped else None
            stood = max(stood, time.monotonic() - since if since else 0)
            if agent.ended:
                break
            time.sleep(0.005)
        drawn = list(pathlib.Path(agent.directory).glob("profile-*"))
        run = agent.finish()
        check(0.5 < stood < 4 and not drawn, "the target is let go before anything is drawn or delivered, after %.2f s %s" % (stood, drawn or ""))
        check(run.result["quality"]["longest_stop_us"] > 0.9e6 * stood, "and the result says so: %.2f s" % (run.result["quality"]["longest_stop_us"] / 1e6))
        judge(run, "memory that never answers", 10, least=50)
        check(run.result["ended"] == "stuck" and "does not answer" in run.result["sentence"], "it says so: %s" % run.result["sentence"][:70])
        sampan.wait_for(lambda: {s for s, _ in chaos.states(load.pid)} == {"R"}, 5, "the target to go on")
        left_alone(load.pid, "after it")
        for signalled in (False, True):
            agent = chaos.Agent(1, tier="ptrace", pid=load.pid, mode="dump")
            sampan.wait_for(lambda: any(s == "t" for s, _ in chaos.states(load.pid)) or agent.ended, 10, "a dump to get stuck")
            if signalled:
                agent.process.send_signal(signal.SIGTERM)
            run = agent.finish()
            check(run.took < 6 and run.code in (0, 5) and "does not answer" in run.result["sentence"], "dump%s: exit %s after %.1f s: %s" %
                  (", SIGTERM" if signalled else "", run.code, run.took, run.result["sentence"]))
            left_alone(load.pid, "after the dump")


def main():
    if not chaos.program():
        return
    for round_ in range(ROUNDS):
        exit_during_sampling(round_)
    exec_again_and_again()
    storm("a fork storm", "storm", {"cmdline_regex": "chaos storm 1000$"})
    storm("a storm of threads", "threads", {"cmdline_regex": "chaos threads 1000$"})
    freezers()
    killed_for_memory()
    stopped_by_job_control()
    under_a_debugger()
    memory_that_never_answers()


main()
sampan.finish()
