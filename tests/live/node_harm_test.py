"""What sampling does to a Node.js program: nothing, whether worker threads come and go or the agent is killed at any moment."""
import json
import os
import random
import re
import subprocess
import sys
import tempfile

import nodes
import sampan
from sampan import check

WORKERS = 1000 if sampan.LONG else 12
KILLS = 200 if sampan.LONG else 8
SEED = int(os.environ.get("SAMPAN_SEED", "9"))


def ended(load):
    found = re.findall(r"ended (\d+)\n", load.output())
    return int(found[-1]) if found else 0


def untouched(load):
    status = open("/proc/%d/status" % load.pid).read()
    return re.search(r"^TracerPid:\t0$", status, re.M) and not re.search(r"^State:\t[tT]", status, re.M)


def workers(load, tier):
    """Threads that start and end while they are sampled."""
    before = ended(load)
    run = sampan.profile(pid=load.pid, tier=tier, seconds=8 if not sampan.LONG else 30, rate=200, max_cpu_percent=100)
    if run.code == 4:
        return sampan.skip("workers, %s tier" % tier, run.result.get("sentence"))
    sampan.wait_for(lambda: ended(load) >= before + WORKERS, timeout=600, what="workers to come and go")
    foreign = [f for frames, _ in run.stacks() for f in frames if re.search(r"workers\.js:\d+\)$", f) and not re.match(r"(toil|work|\(anonymous\)|start) ", f)]
    quality = run.result["quality"]
    check(run.code == 0 and quality["taken"] > 10 and not foreign, "%s: %d stacks of threads that came and went, %d not whole, foreign names %s; %d workers ended" % (
        tier, quality["taken"], quality["suspect"] + quality["truncated"], foreign[:3], ended(load) - before))
    check(load.process.poll() is None and untouched(load), "%s: the program lives on, untraced" % tier)


def kills(load, dice, tier):
    """The agent dies at any moment: the program never stays stopped."""
    for _ in range(KILLS):
        environment = dict(os.environ, params=json.dumps({"pid": load.pid, "tier": tier, "seconds": 60, "rate": 1000, "output_dir": tempfile.mkdtemp()}))
        agent = subprocess.Popen([sampan.BINARY], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            agent.wait(timeout=dice.uniform(0.05, 1.5))
        except subprocess.TimeoutExpired:
            agent.kill()
            agent.wait()
    before = ended(load)
    sampan.wait_for(lambda: load.process.poll() is not None or ended(load) > before + 4, timeout=60, what="the program to go on")
    check(load.process.poll() is None and untouched(load), "%s: it goes on after %d kills of the agent" % (tier, KILLS))


def main():
    dice = random.Random(SEED)
    for version, node in nodes.fetch(sys.argv[1:] or ["22.23.3"]).items():
        with sampan.Workload([node, sampan.WORKLOADS / "node" / "workers.js"], ready=lambda w: w.says("ready")) as load:
            for tier in ("ptrace", "ebpf"):
                workers(load, tier)
                kills(load, dice, tier)


main()
sampan.finish()
