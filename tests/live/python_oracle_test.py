"""The oracle: leafN is only ever below midN below topN. What a read of running memory does to shares and stacks, beside
the ptrace tier, which reads the same while the thread stands still."""
import re

import pythons
import sampan

SECONDS = 30 if sampan.LONG else 8
SHORT, LONG = 50, 6000   # spins: about a microsecond and more than a hundred a leaf
KINDS = ("2.7", "3.8", "3.10", "3.11", "3.12", "3.13", "3.14", "3.15") if sampan.LONG else ("3.11", "3.14")


def possible(frames):
    """top, mid and leaf in their order, all of one number, below them nothing else."""
    called = [re.match(r"(top|mid|leaf)(\d)\b", frame) for frame in frames]
    first = next((index for index, match in enumerate(called) if match), len(called))
    below = called[first:]
    if not all(below) or [match.group(1) for match in below] != ["top", "mid", "leaf"][:len(below)]:
        return False
    return len({match.group(2) for match in below}) <= 1 and frames[0].startswith("<module>")


def figures(run):
    stacks = run.stacks()
    total = max(1, sum(count for _, count in stacks))
    wrong = sum(count for frames, count in stacks if not possible(frames))
    share = {kind: 100 * sampan.leaf_share(stacks, "^" + kind) for kind in ("leaf", "mid", "top")}
    return total, 100.0 * wrong / total, share, run.result.get("quality", {})


def tier(name, load):
    return figures(sampan.profile(pid=load.pid, rate=1000, seconds=SECONDS, tier=name, group_by=[], lines=False, max_cpu_percent=100))


def text(found):
    total, wrong, share, quality = found
    return "%d samples, impossible %.2f %%, leaf %.1f mid %.1f top %.1f %%, suspect %d, failed %d" % (
        total, wrong, share["leaf"], share["mid"], share["top"], quality.get("suspect", 0), quality.get("failed", 0))


def judge(python, spins):
    with sampan.Workload([python.command, sampan.WORKLOADS / "python" / "oracle.py", 200, spins, 1]) as load:
        sampan.wait_for(lambda: load.says("ready"), 60, "%s to be ready" % python)
        memory, stopped = tier("memory", load), tier("ptrace", load)
    what = "%s, leaf of %d spins" % (python, spins)
    print("       %s: memory: %s" % (what, text(memory)))
    print("       %s: stopped: %s" % (what, text(stopped)))
    strict = python.version >= (3, 11)   # up to 3.10 frames are scattered: the figures are told, not judged
    most = 4.0 if spins == SHORT else 0.1
    off = {kind: abs(memory[2][kind] - stopped[2][kind]) for kind in memory[2]}
    # 1.5 points are asked for, beside three sigma of the difference: what chance makes of so few samples.
    sigma = {kind: 100 * (share / 100 * (1 - share / 100) * (1 / memory[0] + 1 / stopped[0])) ** 0.5 for kind, share in stopped[2].items()}
    worst = max(off, key=lambda kind: off[kind] - 3 * sigma[kind])
    allowed = 1.5 + 3 * sigma[worst]
    if strict:
        sampan.check(memory[1] <= most, "%s: impossible stacks %.2f %% (%.1f %% allowed)" % (what, memory[1], most))
        sampan.check(off[worst] <= allowed, "%s: shares within %.2f points of the stopped reference (%.2f allowed)" % (what, off[worst], allowed))
        sampan.check(memory[3].get("failed", 0) <= 0.001 * memory[0], "%s: nothing dropped (%d)" % (what, memory[3].get("failed", 0)))
    sampan.check(stopped[1] == 0, "%s: a stopped thread never shows an impossible stack (%.2f %%)" % (what, stopped[1]))


def main():
    for python in pythons.newest(pythons.all_pythons(), *KINDS):
        judge(python, SHORT)
        judge(python, LONG)
    sampan.finish()


if __name__ == "__main__":
    main()
