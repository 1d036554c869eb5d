"""CRuby of every suite in every tier: names and lines against what Ruby itself says of the same stacks, shares against a known answer."""
import json
import re
import shutil

import sampan
from sampan import CACHE, LONG, WORKLOADS, check, share

RUBIES = CACHE / "rubies"
STOPLESS = ("memory", "ebpf")
TIERS = (*STOPLESS, "ptrace")
FEWEST = {"ptrace": 20}   # samples: on a busy machine a thread comes to its stop late, and moments pass
VERSIONS = ("2.7", "3.1", "3.3", "3.4")


def bare(name):
    """A name without its class: `block in A::B#c` → `block in c`, as Ruby's labels were before 3.4."""
    return re.sub(r"(?:[\w:]+::)?\w+[#.](?=[^#. ]+$)", "", name)


def split(frame):
    found = re.fullmatch(r"(.*?) \((/[^:]*|<internal:[^>]*>|[^:/ ]+\.rb)(?::(\d+))?\)", frame)
    return (found[1], found[2].rpartition("/")[2], int(found[3] or 0)) if found else (frame, "", 0)


def same(frames, callers, full_names):
    """True where the frames above `spin` (outermost first) are those that Ruby told (innermost first); of a stack that is deeper
    than the kernel sends, both its ends."""
    cut = next((i for i, frame in enumerate(frames) if frame[0] == "[truncated]"), None)
    if cut is not None and len(callers) > 512:
        inner = len(frames) - cut - 1
        return (500 <= len(frames) < len(callers) and same(frames[:cut], callers[-cut:], full_names)
                and same(frames[cut + 1:], callers[:inner], full_names))
    if len(frames) != len(callers):
        return False
    for (name, file, line), (label, path, number) in zip(frames, reversed(callers)):
        defined = label.endswith("<class:Inner>") and name == "Outer::Inner#defined"   # define_method: its block's label
        if not defined and (name if full_names else bare(name)) != label:
            return False
        if file and not file.startswith("<internal") and (file, line) != (path, number):   # C functions bear their caller's
            return False
    return True


def shapes(version, command, ruby_arguments=()):
    what = "ruby %s%s" % (version, " ".join(("", *ruby_arguments)))
    with sampan.Workload([*command, *ruby_arguments, "/tmp/shapes.rb", 20], ready=lambda w: w.output().count("caller") >= 15) as load:
        runs = sampan.take_all(what, TIERS, pid=load.pid, seconds=2, rate=100, exclude_idle=False)
        told = [json.loads(line[7:]) for line in load.output().splitlines() if line.startswith("caller ")]
    for tier, run in runs.items():
        judge_shapes("%s, %s tier" % (what, tier), run.stacks(), told, version >= "3.4", FEWEST.get(tier, 100))


def judge_shapes(what, stacks, told, full_names, fewest):
    seen, right, wrong = set(), 0, {}
    for stack, count in stacks:
        frames = [split(frame) for frame in stack[1:]]
        at = next((i for i, frame in enumerate(frames) if frame[0] == "Object#spin"), None)
        if at is None:
            continue   # not yet, or waiting for the others
        match = next((i for i, c in enumerate(told) if same(frames[:at], c, full_names)), None)
        if match is not None:
            seen.add(match)
            right += count
        else:
            wrong[";".join(stack[1:])[-300:]] = count
    total = right + sum(wrong.values())
    few = fewest < 100   # to have met each
    if few and total <= fewest and not wrong:
        return sampan.skip(what, "the machine is too busy: %d samples" % total)
    # The forked process is one more: it is found only where forks are followed.
    check(total > fewest and right >= 0.995 * total, "%s: %d of %d stacks as Ruby tells them %s" % (what, right, total, list(wrong.items())[:3]))
    check(few or len(seen) >= len(told) - 1, "%s: %d of %d shapes of call seen, not %s"
          % (what, len(seen), len(told), [c[0] for i, c in enumerate(told) if i not in seen]))


def truth(version, command, threads, ruby_arguments=(), workers=1):
    """The process with so many threads, or with several workers the first one and what it forks."""
    seconds, rate = (30, 100) if LONG else (4, 250)
    what = "ruby %s%s, %d worker(s) of %d thread(s)" % (version, " ".join(("", *ruby_arguments)), workers, threads)
    with sampan.Workload([*command, *ruby_arguments, "/tmp/truth.rb", seconds + 8, threads, workers],
                         ready=lambda w: w.output().count("ready") == workers) as load:
        runs = sampan.take_all(what, STOPLESS, cmdline_regex="/tmp/truth.rb %d " % (seconds + 8), seconds=seconds, rate=rate,
                               group_by=["process", "thread"])
    for tier, run in runs.items():
        judge_truth("%s, %s tier" % (what, tier), run.stacks(), workers * threads)


def judge_truth(what, stacks, at_work):
    inside = {line: share(stacks, r"Basket#round \(.*:%d\)" % line) for line in (40, 41, 44)}
    whole = sum(inside.values())
    total = round(whole * sum(count for _, count in stacks))
    # Three standard deviations of a share of so many samples, and the workload's own grain.
    allowed = 0.015 + 3 * (0.24 / max(total, 1)) ** 0.5
    error = max(abs(inside[line] / (whole or 1) - part) for line, part in ((40, 0.6), (41, 0.3), (44, 0.1)))
    check(total > 30 and error <= allowed, "%s: 60/30/10 within %.2f points (%.2f allowed, %d samples in them): %s"
          % (what, 100 * error, 100 * allowed, total, "/".join("%.1f" % (100 * part / (whole or 1)) for part in inside.values())))
    seen = {tuple(frames[:2]) for frames, _ in stacks if any("Basket#hot" in frame for frame in frames)}
    check(len(seen) == at_work, "%s: %d of them seen at work" % (what, len(seen)))
    names = {"hot": r"Shop::Basket#hot \(.*truth.rb:7\)", "warm": r"Shop::Basket\.warm", "block": r"^block in Shop::Basket#hot",
             "function": r"^Integer#times", "main": r"^Object#main", "collector": r"^\[garbage collection\]$"}
    if total < 300:
        del names["collector"]   # a few samples in a hundred: too rare to be asked for on a busy machine
    missing = [name for name, pattern in names.items() if share(stacks, pattern) == 0]
    check(not missing, "%s: qualified names, blocks, C functions, the collector %s" % (what, missing))


def main():
    for version in VERSIONS:
        root = RUBIES / version
        if not (root / ".complete").exists():
            sampan.skip("ruby " + version, "not fetched (tests/live/get_rubies.sh)")
            continue
        for program in ("shapes.rb", "truth.rb"):
            shutil.copy(WORKLOADS / "ruby" / program, root / "tmp" / program)
        command = ["chroot", root, "ruby" + version]
        shapes(version, command)
        truth(version, command, 2)
        if version == "3.1":
            truth(version, command, 3, workers=2)
            truth(version, command, 1, ["--yjit"])
            shapes(version, command, ["--yjit"])


main()
sampan.finish()
