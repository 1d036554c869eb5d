"""Python's ways to nest work: deep recursion, coroutines, interpreters in one process, code that comes and goes, the
global lock, lines off. On one Python of each frame layout."""
import re

import pythons
import sampan

SECONDS = 10 if sampan.LONG else 3
LAYOUTS = ("2.7", "3.6", "3.8", "3.10", "3.11", "3.12", "3.13", "3.14", "3.15") if sampan.LONG else ("2.7", "3.8", "3.11", "3.13", "3.15")
LAYOUTS += ("3.13t", "3.14t", "3.13-musl")


def sampled(python, program, arguments=(), **params):
    """Samples tests/workloads/python/PROGRAM once it is ready; None where that Python cannot run it."""
    path = sampan.WORKLOADS / "python" / (program + ".py")
    with sampan.Workload([python.command, path, SECONDS + 60, *arguments]) as load:
        sampan.wait_for(lambda: load.says("ready") or load.process.poll() is not None, 60, "%s to run %s" % (python, program))
        if load.process.poll() is not None:
            sampan.check(False, "%s runs %s: %s" % (python, program, load.output()[-300:]))
            return None
        options = dict(pid=load.pid, seconds=SECONDS, rate=100, tier="memory", group_by=[])
        options.update(params)
        run = sampan.profile(**options)
        sampan.check(run.code == 0 and run.stacks(), "%s: %s is sampled (exit %d) %s" % (python, program, run.code, run.err[-300:]))
        return run


def names(frames):
    return [frame.split(" (")[0] for frame in frames]


def deep(python):
    run = sampled(python, "deep")
    whole = 0
    for frames, count in run.stacks() if run else ():
        called = names(frames)
        if "[truncated]" not in called:
            continue
        cut = called.index("[truncated]")
        good = (called[cut - 1] == called[cut + 1] == "descend" and "begin" in called[:6] and called[-1] in ("bottom", "descend") and
                len(called) >= 1000 and not set(called[6:-1]) - {"descend", "[truncated]"})
        whole += count if good else 0
    total = sum(count for frames, count in run.stacks() if "descend" in names(frames)) if run else 0
    sampan.check(total > 0 and whole >= 0.99 * total, "%s: 10,000 frames: both ends with the cut between (%d of %d)" % (python, whole, total))


CHAINS = ("outer middle leaf work", "consumer numbers work", "consumer Manager.__aenter__ work", "consumer Manager.__aexit__ leaf work")


def coroutines(python):
    run = sampled(python, "coroutines", rate=200)
    seen = {chain: 0 for chain in CHAINS}
    broken = 0
    for frames, count in run.stacks() if run else ():
        called = names(frames)
        if called[-1] != "work":
            continue
        text = " ".join(called)
        chain = next((chain for chain in CHAINS if text.endswith(" Handle._run " + chain)), None)
        if chain:
            seen[chain] += count
        elif not text.endswith(" Handle._run consumer work"):
            broken += count
    total = sum(seen.values())
    sampan.check(all(seen.values()), "%s: every await chain below its task: %s" % (python, seen))
    sampan.check(broken <= 0.005 * max(total, 1), "%s: %d of %d await chains broken" % (python, broken, total + broken))


def subinterpreters(python):
    run = sampled(python, "subinterpreters", rate=200)
    stacks = run.stacks() if run else []
    for number in (1, 2):
        good = sum(count for frames, count in stacks if re.search(r"Thread\.run enter <module> within%d$" % number, " ".join(names(frames))))
        every = sum(count for frames, count in stacks if "within%d" % number in names(frames))
        sampan.check(good > 10 and good >= 0.99 * every, "%s: interpreter %d below the call that entered it (%d of %d)" % (python, number, good, every))


def churn(python):
    run = sampled(python, "churn", rate=200)
    seen = {}
    mixed = 0
    for frames, count in run.stacks() if run else ():
        found = re.fullmatch(r"made_(\d+) \(made_(\d+)\.py:(\d+)\)", frames[-1])
        if not found:
            continue
        name, file, line = map(int, found.groups())
        mixed += count if not (name == file and line in (name + 1, name + 2)) else 0
        seen[name] = seen.get(name, 0) + count
    total = sum(seen.values())
    sampan.check(mixed == 0, "%s: code objects at used addresses: %d of %d mixed up" % (python, mixed, total))
    sampan.check(len(seen) == 20 and max(seen.values()) <= 0.15 * total, "%s: each of 20 functions has its share: %s" % (python, sorted(seen.values())))


def without_lines(python):
    run = sampled(python, "churn", lines=False)
    frames = {frame for frames, _ in run.stacks() for frame in frames} if run else set()
    sampan.check(frames and not any(re.search(r":\d+\)$", frame) for frame in frames), "%s: lines off: %d functions" % (python, len(frames)))


def lock(python):
    """Of four threads that compete, the one that holds the lock: never more than one a tick; without a lock, all."""
    run = sampled(python, "shares", [4], event="gil", rate=200)
    quality = run.result["quality"] if run else {}
    ticks = quality.get("wanted", 0) / 4
    taken = quality.get("taken", 0)
    if python.kind.endswith("t"):
        sampan.check(taken > ticks, "%s: no lock, %d samples in %d ticks" % (python, taken, ticks))
    else:
        sampan.check(0 < taken <= 1.05 * ticks, "%s: event gil: %d samples in %d ticks" % (python, taken, ticks))


def main():
    for python in pythons.newest(pythons.all_pythons(), *LAYOUTS):
        deep(python)
        churn(python)
        lock(python)
        if python.version >= (3, 7):
            coroutines(python)
        if python.version >= (3, 8) and not python.kind.endswith("musl"):
            subinterpreters(python)
    without_lines(python)
    sampan.finish()


if __name__ == "__main__":
    main()
