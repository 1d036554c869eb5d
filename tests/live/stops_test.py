"""The ptrace tier never leaves a thread stopped: targets that are throttled, frozen, stopped, in vfork and in exec, looked at
from outside in every thread's State while agents come and go."""
import os
import pathlib
import random
import signal
import threading
import time

import chaos
import sampan
from chaos import Cgroup, native
from sampan import check

SLACK = 0.05   # seconds: a busy machine may keep an agent from its processor while a thread stands; the result must say so too


class Eye:
    """Looks at the states of all threads of a process as often as it can: the longest time that one stood in `t`, from below."""

    def __init__(self, pid):
        self.pid, self.longest, self.looks, self.over = pid, 0.0, 0, False
        self.thread = threading.Thread(target=self.watch)
        self.thread.start()

    def watch(self):
        since = {}
        while not self.over:
            for tid in self.tids():
                try:
                    task = pathlib.Path("/proc/%d/task/%s" % (self.pid, tid))
                    turns = (task / "schedstat").read_text().split()[2]   # on a processor: one that had another turn was let go between
                    state = (task / "stat").read_text().rpartition(") ")[2][:1]
                except (OSError, IndexError):
                    state, turns = "", 0
                now = time.monotonic()
                self.looks += 1
                if state == "t":
                    if since.setdefault(tid, (turns, now))[0] != turns:
                        since[tid] = (turns, now)
                    self.longest = max(self.longest, now - since[tid][1])
                else:
                    since.pop(tid, None)
            time.sleep(0.0005)

    def tids(self):
        try:
            return os.listdir("/proc/%d/task" % self.pid)
        except OSError:
            return []

    def close(self):
        self.over = True
        self.thread.join()


def watched(what, load, meanwhile=lambda agent: None, code=(0, 6), throttled=0, **params):
    """An agent on a target; what stood longest outside is no longer than the result says, and nothing stands afterwards."""
    eye = Eye(load.pid)
    agent = chaos.Agent(params.pop("seconds", 3), tier="ptrace", pid=load.pid, rate=200, **params)
    agent.wait_until_it_samples()
    meanwhile(agent)
    run = agent.finish()
    after = {s for s, t in chaos.states(load.pid) if s == "t" or t}
    eye.close()
    said = max([e["quality"]["longest_stop_us"] for e in run.events if e["event"] == "result" and "quality" in e], default=0) / 1e6
    check(run.code in code and not after and eye.longest <= said + SLACK and eye.longest < 0.5 + throttled,
          "%s: exit %s, %s samples, %s late; stood %.1f ms at most from outside (%d looks), %.1f ms in the result %s" %
          (what, run.code, run.result.get("samples"), run.result["quality"]["late"], 1e3 * eye.longest, eye.looks, 1e3 * said, after or ""))
    return run


def throttled():
    """CFS quota: a thread is seized while its group may not run, and comes to its stop a period later, between two profiles too."""
    group = Cgroup("cpu", "cpu.cfs_quota_us") or Cgroup("cpu", "cpu.max")
    if not group:
        return sampan.skip("a throttled target", "no cpu cgroup can be written here")
    with native("spin") as load:
        group.add(load.pid)
        for period in (10, 100, 1000):
            quota, length = max(1000, period * 50), period * 1000   # 5 %, in microseconds; a millisecond is the least that there is
            if (group.path / "cpu.max").exists():
                group.write("cpu.max", "%d %d" % (quota, length))
            else:
                group.write("cpu.cfs_quota_us", -1)
                group.write("cpu.cfs_period_us", length)
                group.write("cpu.cfs_quota_us", quota)
            watched("quota of %d ms in %d ms" % (quota // 1000, period), load, throttled=period / 1000)
        # One that is throttled on the way into its stop stands until its group may run again: no longer than it would anyway.
        run = watched("a series", load, throttled=1, seconds=2, every=2, count=3)
        check(sum(e["event"] == "result" for e in run.events) == 3, "of three profiles")
    group.remove()


def frozen():
    group, file, words = Cgroup("freezer", "freezer.state"), "freezer.state", ("FROZEN", "THAWED")
    if not group:
        group, file, words = Cgroup("freezer", "cgroup.freeze"), "cgroup.freeze", ("1", "0")
    if not group:
        return sampan.skip("a frozen target", "no freezer cgroup can be written here")

    def back_and_forth(agent):
        while agent.ended is None and agent.process.poll() is None:
            for word in words:
                group.write(file, word)
                time.sleep(random.uniform(0.005, 0.2))
        group.write(file, words[1])

    with native("spin") as load:
        group.add(load.pid)
        watched("frozen and thawed", load, back_and_forth)
    group.remove()


def signalled():
    def back_and_forth(agent):
        while agent.process.poll() is None:
            os.kill(load.pid, signal.SIGSTOP)
            time.sleep(random.uniform(0.001, 0.05))
            os.kill(load.pid, signal.SIGCONT)
            time.sleep(random.uniform(0.001, 0.05))

    with native("spin") as load:
        watched("SIGSTOP and SIGCONT", load, back_and_forth)


def in_the_kernel():
    for mode in ("vfork", "exec", "exec-by-thread"):
        with native(mode) as load:
            watched(mode, load)


def random_moments():
    """Agents that are asked to end, or killed, at any moment of a throttled target's and their own lives."""
    rounds = 200 if sampan.LONG else 25
    stood, eye = 0, None
    with native("vfork") as load:
        eye = Eye(load.pid)
        for i in range(rounds):
            agent = chaos.Agent(30, tier="ptrace", pid=load.pid, rate=1000)
            time.sleep(random.uniform(0.02, 0.3))
            agent.process.send_signal(signal.SIGKILL if i % 3 == 0 else signal.SIGTERM)
            agent.process.wait()
            agent.watcher.join()
            end = time.monotonic() + 0.2   # a killed agent's tracer dies with it
            while any(t for _, t in chaos.states(load.pid)) and time.monotonic() < end:
                time.sleep(0.001)
            stood += any(s == "t" or t for s, t in chaos.states(load.pid))
        eye.close()
    check(stood == 0 and eye.longest < 0.5, "%d agents ended at random moments: %d left a thread stopped or traced; %.1f ms at most" % (rounds, stood, 1e3 * eye.longest))


if chaos.program():
    throttled()
    frozen()
    signalled()
    in_the_kernel()
    random_moments()
sampan.finish()
