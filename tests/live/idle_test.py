"""Processes that sleep: what the agent spends on them, and that nothing of those that wake after a long sleep is lost."""
import os

import sampan
from sampan import check

SLEEPERS = """
import os, sys, time
count, asleep, awake, seconds = int(sys.argv[1]), *map(float, sys.argv[2:])
def spend(seconds):
    begun = time.thread_time()
    while time.thread_time() - begun < seconds: sum(i * i for i in range(500))
def live(which):
    end = time.monotonic() + seconds
    time.sleep(asleep * (1 + which / count))
    while time.monotonic() < end:
        spend(awake)
        time.sleep(asleep)
for which in range(count):
    if os.fork() == 0:
        live(which)
        os._exit(0)
print("ready", flush=True)
while True:
    try: os.wait()
    except ChildProcessError: break
time.sleep(60)
"""
TIERS = ("memory", "ptrace", "ebpf")


def sleepers(count, asleep, awake, seconds):
    return sampan.Workload(["python3", "-c", SLEEPERS, count, asleep, awake, seconds], ready=lambda load: load.says("ready"))


def spent(run):
    return run.result["cost"]["cpu_seconds"]


def cost_of_sleep(count=250, rate=19):
    """The agent's own processor time between the 6th and the 22nd second: what it takes to watch, not to take them in."""
    with sleepers(count, 1000, 0, 0) as load:
        for tier, first in sampan.take_all("sleepers", TIERS, pid=load.pid, seconds=6, rate=rate).items():
            whole = sampan.take("sleepers", tier, pid=load.pid, seconds=22, rate=rate)
            if not whole:
                continue
            each = (spent(whole) - spent(first)) / 16 / count
            check(each < 0.00008, "%s: %d sleeping processes at %d Hz cost %.4f %% of a core each" % (tier, count, rate, 100 * each))


def cpu_of(pids):
    ticks = 0
    for pid in pids:
        with open(f"/proc/{pid}/stat") as file:
            ticks += sum(map(int, file.read().rpartition(")")[2].split()[11:13]))
    return ticks / os.sysconf("SC_CLK_TCK")


def children_of(pid):
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        return file.read().split()


def nothing_lost(rate=50, seconds=44):
    """Each wakes every 7 s for 0.15 s of processor time: as many samples as that time has ticks."""
    with sleepers(24, 7, 0.15, 1000) as load:
        pids = children_of(load.pid)
        before = cpu_of(pids)
        runs = sampan.take_all("waking processes", TIERS, pid=load.pid, seconds=seconds, rate=rate)
        used = cpu_of(pids) - before
        for tier, run in runs.items():
            seen = sum(n for frames, n in run.stacks() if any("spend" in frame for frame in frames))
            share = seen / (used * rate)
            check(0.75 < share < 1.25, "%s: %d samples of %.1f s that were spent by processes that wake every 7 s: %.2f of them" % (tier, seen, used, share))
            q = run.result["quality"]
            if tier == "memory":
                check(q["wanted"] == q["taken"] + q["idle"] + q["failed"], "%s: every tick of every thread is accounted for: %s" % (tier, q))


cost_of_sleep()
nothing_lost()
sampan.finish()
