"""The agent's own bad days: ids reused, other clocks, little memory, little processor, a crowd of targets, a long series."""
import json
import os
import pathlib
import re
import resource
import subprocess
import sys
import tempfile
import time

import chaos
import sampan
from chaos import Cgroup, judge, native, python
from sampan import check, share

ROUNDS = 10 if sampan.LONG else 1
NEW_IDS = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"]


def reused_ids():
    """By id and by name, in each tier: what was sampled of the first stays, and no frame of the second is taken for its."""
    if subprocess.run([*NEW_IDS, "sh", "-c", "echo 350 > /proc/sys/kernel/pid_max"], capture_output=True).returncode != 0:
        return sampan.skip("reused process ids", "this kernel has no pid_max of a namespace's own (6.14 has)")
    code = "def %s():\n    while True: sum(range(200))\n%s()\n"
    snakes = [[sys.executable, "-c", code % (name, name), "reused-id"] for name in ("before", "after")]
    rocks = [[str(chaos.program()), "spin"]] * 2
    for tier in chaos.TIERS:
        first, second = snakes if tier == "memory" else rocks
        for by in ("pid", "name") * ROUNDS if sampan.LONG or tier == "memory" else ("pid",):
            directory = tempfile.mkdtemp(prefix="sampan-test-", dir=chaos.FOLDER)
            target = {"pid": "PID"} if by == "pid" else {"cmdline_regex": "reused-id$" if tier == "memory" else "chaos spin$"}
            params = json.dumps({**target, "tier": tier, "seconds": 4, "formats": ["svg", "folded"], "output_dir": directory})
            script = pathlib.Path(__file__).with_name("reuse_pid.py")
            begun = time.monotonic()
            done = subprocess.run([*NEW_IDS, sys.executable, script, sampan.BINARY, params, json.dumps(first), json.dumps(second)], capture_output=True, timeout=60)
            run = sampan.Run(done.returncode, done.stdout.decode(), done.stderr.decode(), directory)
            run.took, run.strange = time.monotonic() - begun, []
            judge(run, "a reused id, by %s, %s" % (by, tier), 4, least=20, spare=3)
            stacks = run.stacks()
            mixed = [f for f, _ in stacks if any("before" in x for x in f[1:]) and any("after" in x for x in f[1:])]
            good = '{"reused": true}' in run.out and not mixed
            if by == "pid":
                good = good and run.result["ended"] == "targets_gone" and len(run.result["processes"]) == 1
                good = good and (tier != "memory" or share(stacks, "^after ") == 0)
            else:
                good = good and len(run.result["processes"]) == 2 and (tier != "memory" or share(stacks, "^after ") > 0.2)
            check(good, "by %s, %s: %s, %d process(es), none mixed" % (by, tier, run.result.get("ended"), len(run.result.get("processes", ()))))


def other_clocks():
    """Time namespaces: the boot and monotonic clocks of the agent, or of its target, are days off."""
    for name, shift in (("ten days ahead", 864000), ("an hour behind", -3600)) if sampan.LONG else (("ten days ahead", 864000),):
        clock = ["unshare", "--time", "--fork", "--kill-child", "--boottime", str(shift), "--monotonic", str(shift)]
        if subprocess.run([*clock, "true"], capture_output=True).returncode != 0:
            sampan.skip("a clock %s" % name, "no such time namespace can be made here")
            continue
        with python("other-clock") as snake, native("spin") as rock:
            runs = {tier: chaos.Agent(2, prefix=clock, tier=tier, pid=rock.pid if tier != "memory" else snake.pid) for tier in chaos.TIERS}
            for tier, agent in runs.items():
                judge(agent.finish(), "the agent's clock %s, %s" % (name, tier), 2, least=20, spare=1)
        with sampan.Workload([*clock, sys.executable, "-c", chaos.SPIN, "other-clock"], ready=lambda w: w.says("ready")):
            judge(chaos.Agent(2, cmdline_regex="^[^ ]*python[^ ]* -c.*other-clock$").finish(), "the target's clock %s" % name, 2, least=20, spare=1)


GROW = """
import time
def build(base, depth):
    code = "def last_%d():\\n    end = time.perf_counter() + 0.004\\n    while time.perf_counter() < end: pass\\n" % base
    names = ["n%d_%d_%s" % (base, i, "x" * 900) for i in range(depth)]
    for i, name in enumerate(names):
        code += "def %s():\\n    %s()\\n" % (name, names[i + 1] if i + 1 < depth else "last_%d" % base)
    space = {"time": time}
    exec(compile(code, "/grow/%d.py" % base, "exec"), space)
    space[names[0]]()
print("ready", flush=True)
n = 0
while True:
    build(n, 150)
    n += 1
"""


def little_memory():
    """A target that shows ever new names: the agent ends the sampling at its budget and delivers, with and without a cgroup."""
    with sampan.Workload([sys.executable, "-c", GROW], ready=lambda w: w.says("ready")) as load:
        run = chaos.Agent(60, tier="memory", pid=load.pid, rate=500, max_cpu_percent=100, max_memory_mb=48).finish()
        judge(run, "max_memory_mb", 30, least=20)
        check(run.result["ended"] == "memory" and run.result["partial"] and "max_memory_mb" in run.result["sentence"] and run.rss < 64 << 20,
              "max_memory_mb 48: %d MiB at most, says: %s" % (run.rss >> 20, run.result["sentence"][:80]))
        group = Cgroup("memory", "memory.limit_in_bytes") or Cgroup("memory", "memory.max")
        if not group:
            return sampan.skip("the agent under a memory limit", "no memory cgroup can be written here")
        group.write("memory.limit_in_bytes" if (group.path / "memory.limit_in_bytes").exists() else "memory.max", 64 << 20)
        run = chaos.Agent(60, prefix=group.enter(), tier="memory", pid=load.pid, rate=500, max_cpu_percent=100).finish()
        judge(run, "a memory limit of 64 MiB", 30, least=20)
        check(run.result["ended"] == "memory", "in a cgroup of 64 MiB: ended %s at %d MiB, not killed" % (run.result["ended"], run.rss >> 20))
        group.remove()
        run = sampan.profile(pid=load.pid, tier="memory", seconds=1, _prefix=["prlimit", "--data=3000000"])
    check(run.code in (0, 5, 70) and (run.code == 0 or "memory" in run.result.get("sentence", "") or "bad_alloc" in run.err),
          "hardly any memory: exit %d: %s" % (run.code, run.result.get("sentence", run.err)[-80:]))


def little_processor():
    """A quota of a tenth of a core, one for each agent: late ticks are counted, the end comes in time."""
    group = Cgroup("cpu", "cpu.cfs_quota_us") or Cgroup("cpu", "cpu.max")
    if not group:
        return sampan.skip("the agent under a CPU quota", "no cpu cgroup can be written here")
    if (group.path / "cpu.max").exists():
        group.write("cpu.max", "10000 100000")
    else:
        group.write("cpu.cfs_period_us", 100000), group.write("cpu.cfs_quota_us", 10000)
    with python("little-processor") as snake, native("spin") as rock:
        for tier in chaos.TIERS if sampan.LONG else chaos.TIERS[:2]:
            run = chaos.Agent(6, prefix=group.enter(), tier=tier, pid=snake.pid if tier == "memory" else rock.pid).finish()
            judge(run, "0.1 core, %s" % tier, 6, least=50, spare=4)
        chaos.left_alone(rock.pid, "after agents of 0.1 core")
    group.remove()


CROWD = """
import os, threading, time
def work():
    while True:
        time.sleep(1 + os.getpid() % 100 / 100)
        sum(range(30000))
for _ in range(COUNT - 1):
    if os.fork() == 0: break
for _ in range(15): threading.Thread(target=work).start()
print("ready", flush=True)
work()
"""


def crowd():
    """512 processes of 16 threads, native and Python; and with hardly any descriptors."""
    count = 512 if sampan.LONG else 64
    seconds = 10 if sampan.LONG else 3
    limit = 4096 if sampan.LONG else 512   # two a thread are more
    few = ["prlimit", "--nofile=%d:%d" % (limit, limit)]
    said = ", %d descriptors" % limit
    with native("crowd", count, 16) as load:
        sampan.wait_for(lambda: load.output().count("ready") == count, 60, "the crowd")
        for tier, prefix in (("ptrace", ()), ("ptrace", few), ("ebpf", ())):
            if tier not in chaos.TIERS:
                continue
            run = chaos.Agent(seconds, prefix=prefix, tier=tier, cmdline_regex="chaos crowd", max_processes=count, limit=120).finish()
            judge(run, "%d processes of 16 threads, %s%s" % (count, tier, said if prefix else ""), seconds, least=count // 16)
            taken = sum(1 for p in run.result["processes"] if not p.get("failure"))
            check(taken == count, "all %d taken; %d descriptors, %d MiB, %.1f Hz" % (taken, run.most_files, run.rss >> 20, run.result["quality"]["achieved_rate"]))
        chaos.left_alone(load.pid, "the crowd")
    with sampan.Workload([sys.executable, "-c", CROWD.replace("COUNT", str(count))], ready=lambda w: w.output().count("ready") == count, timeout=120):
        for prefix in ((), few) if sampan.LONG else (few,):
            run = chaos.Agent(seconds, prefix=prefix, tier="memory", cmdline_regex="python[^ ]* -c.*os.fork", max_processes=count, limit=120).finish()
            judge(run, "%d Pythons of 16 threads%s" % (count, said if prefix else ""), seconds, least=count // 16, spare=2)
            taken = sum(1 for p in run.result["processes"] if not p.get("failure"))
            check(taken == count, "all %d taken; %d descriptors, %d MiB" % (taken, run.most_files, run.rss >> 20))


def series():
    """Profile after profile in one process: descriptors and memory stay what they were (a day's worth: tests/agent/day_test.cpp)."""
    count = 60 if sampan.LONG else 12
    with python("series") as snake, native("spin") as rock:
        agent = chaos.Agent(1, tier="ptrace", pid=[snake.pid, rock.pid], every=1, count=count, limit=2 * count + 30)
        place, seen = pathlib.Path("/proc/%d" % agent.process.pid), []
        while agent.process.poll() is None:
            try:
                seen.append((len(os.listdir(place / "fd")), int((place / "status").read_text().split("RssAnon:")[1].split()[0])))
            except (OSError, IndexError):   # it has just ended
                pass
            time.sleep(0.02)
        run = agent.finish()
        judge(run, "%d profiles in a series" % count, count, spare=2)
        third = max(1, len(seen) // 3)   # in the first one caches and the allocator's pools fill up
        # At the most of descriptors, the least of memory: what it holds between two profiles, whatever one of them happens to meet.
        early, late = [(max(files), min(kib)) for files, kib in (zip(*part) for part in (seen[third:-third], seen[-third:]))]
        check(late[0] <= early[0] and late[1] <= early[1] + 1024, "descriptors %d → %d, memory of its own %d → %d KiB" % (early[0], late[0], early[1], late[1]))


def main():
    if not chaos.program():
        return
    reused_ids()
    other_clocks()
    little_memory()
    little_processor()
    crowd()
    series()


main()
sampan.finish()
