"""Mixed stacks by the ptrace tier: C functions below the Python line that called them, the interpreter's loop never shown."""
import re

import pythons
import sampan

SECONDS = 15 if sampan.LONG else 5
RUNS, EACH = 6, 20   # profiles at most, until each function has so many samples
KINDS = ("2.7", "3.6", "3.8", "3.10", "3.11", "3.12", "3.13", "3.14", "3.15") if sampan.LONG else ("3.8", "3.11", "3.13", "3.15")
# What stands somewhere below each Python function; sqlite3's and hashlib's own functions may be stripped.
BELOW = {"press": r"^deflate", "query": r"sqlite3", "digest": r"hash|sha|SHA|EVP|HACL|_hashlib|_sha|libcrypto|python3"}


def names(frames):
    return [frame.split(" (")[0] for frame in frames]


def below(stacks, function, pattern):
    """How many samples there are of a function, and in how many of them something below it matches."""
    mine = [(frames[names(frames).index(function) + 1:], count) for frames, count in stacks if function in names(frames)]
    return sum(count for _, count in mine), sum(count for rest, count in mine if any(re.search(pattern, frame) for frame in rest))


def enough(stacks):
    return all(below(stacks, function, "")[0] >= EACH for function in (*BELOW, "keyed"))


def judge(python):
    path = sampan.WORKLOADS / "python" / "native.py"
    with sampan.Workload([python.command, path, RUNS * SECONDS + 120]) as load:
        sampan.wait_for(lambda: load.says("ready") or load.process.poll() is not None, 60, "%s to be ready" % python)
        if not sampan.check(load.process.poll() is None, "%s runs: %s" % (python, load.output()[-200:])):
            return
        stacks = []
        for _ in range(RUNS):   # a busy machine brings few samples a second: what is judged is judged among enough
            run = sampan.profile(pid=load.pid, seconds=SECONDS, rate=200, tier="ptrace", native=True, group_by=[], max_cpu_percent=100)
            stacks += run.stacks()
            if run.code != 0 or enough(stacks):
                break
    total = sum(count for _, count in stacks)
    sampan.check(run.code == 0 and run.result.get("tier") == "ptrace" and enough(stacks),
                 "%s: native frames are read by the ptrace tier: %d samples (exit %d) %s" % (python, total, run.code, run.err[-200:]))
    rooted = sum(count for frames, count in stacks if re.match(r"_start|__libc_start|main|Py_|python|libpython|libc", frames[0]))
    whole = sum(count for frames, count in stacks if any(name == "<module>" for name in names(frames)) and "[truncated]" not in frames)
    loop = sum(count for frames, count in stacks if any("EvalFrameDefault" in frame or "PyEval_EvalFrameEx" in frame for frame in frames))
    sampan.check(sampan.at_least(rooted, total, 0.99), "%s: %d of %d stacks begin where the thread does" % (python, rooted, total))
    sampan.check(sampan.at_least(whole, total, 0.97), "%s: %d of %d stacks hold the program's module" % (python, whole, total))
    sampan.check(sampan.at_least(total - loop, total, 0.99), "%s: the interpreter's loop shows in %d of %d" % (python, loop, total))
    for function, pattern in BELOW.items():
        every, hits = below(stacks, function, pattern)
        sampan.check(sampan.at_least(hits, every, 0.5), "%s: %s has its C functions below it (%d of %d)" % (python, function, hits, every))
    keyed = [(names(frames), count) for frames, count in stacks if any(name.endswith("<lambda>") for name in names(frames))]
    every = sum(count for _, count in keyed)
    good = sum(count for called, count in keyed
               if called.index("keyed") + 1 < next(i for i, name in enumerate(called) if name.endswith("<lambda>")))
    sampan.check(sampan.at_least(good, every, 0.8), "%s: the sort in C stands between `keyed` and its key function (%d of %d)" % (python, good, every))


def main():
    for python in pythons.newest(pythons.all_pythons(), *KINDS):
        judge(python)
    sampan.finish()


if __name__ == "__main__":
    main()
