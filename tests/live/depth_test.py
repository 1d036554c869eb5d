"""Half of the work lies below thousands of calls, half below none: half of the samples each, in the tier that reads while the
target runs. On a slow processor (a CPU quota of the agent's) a look at the deep half outlasts ticks: were they lost after just
those, the deep half would be the rarer."""
import shutil

import pythons
import sampan
from chaos import Cgroup
from sampan import check

PHASES = 800000   # rounds of work in each half: much longer than a look


def below(result, name):
    return sum(n for frames, n in result.stacks() if any(f.startswith((name + " ", "Object#" + name + " ")) for f in frames))


def halves(what, command, depth, rounds, group, quota):
    if group and (group.path / "cpu.max").exists():
        group.write("cpu.max", "%d 100000" % quota)
    elif group:
        group.write("cpu.cfs_quota_us", quota)   # of 100 ms
    with sampan.Workload([*command, depth, rounds], ready=lambda load: load.says("ready")) as load:
        result = sampan.profile(pid=load.pid, tier="memory", seconds=60 if sampan.LONG else 20, rate=100, group_by=[], max_cpu_percent=100,
                                _prefix=group.enter() if group else ())
    quality = result.result.get("quality", {})
    one, other = below(result, "deep"), below(result, "shallow")
    share = one / (one + other) if one + other else 0
    sigma = 0.5 / max(one + other, 1) ** 0.5
    check(one + other >= 40 and abs(share - 0.5) <= 0.06 + 3 * sigma, "%s, %d calls deep%s: %.1f %% of %d samples there, true are 50 (%.0f Hz achieved, lowered to %d; %d failed, %d suspect)"
          % (what, depth, ", %d %% of a processor" % (quota // 1000) if group else "", 100 * share, one + other, quality.get("achieved_rate", 0),
             quality.get("lowered_rate", 0), quality.get("failed", 0), quality.get("suspect", 0)))


def commands():
    for python in pythons.all_pythons():
        if python.version in ((3, 8), (3, 13)) and python.kind == "%d.%d" % python.version:
            yield "Python %d.%d" % python.version, [python.command, sampan.WORKLOADS / "python" / "deep_shares.py"], 2000, PHASES
    if sampan.need("ruby", "deep stacks of Ruby"):
        yield "Ruby", [shutil.which("ruby"), sampan.WORKLOADS / "ruby" / "deep_shares.rb"], 5000, 4 * PHASES
    if sampan.need("php", "deep stacks of PHP"):
        yield "PHP", [shutil.which("php"), sampan.WORKLOADS / "php" / "deep_shares.php"], 9000, 16 * PHASES


quota = Cgroup("cpu", "cpu.cfs_quota_us") or Cgroup("cpu", "cpu.max")
if not quota:
    sampan.skip("deep stacks on a slow processor", "no cpu cgroup can be written here")
for each in commands():
    if sampan.LONG or not quota:   # without a quota: python_reports_test
        halves(*each, None, 0)
    if quota:
        halves(*each, quota, 5000)
if quota:
    quota.remove()
sampan.finish()
