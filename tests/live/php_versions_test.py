"""PHP of every suite in every tier: names and lines against PHP's own debug_backtrace, shares against a known answer, in several
workers and, of a thread-safe build, threads; JIT on and off."""
import re
import shutil
import subprocess

import sampan
from sampan import CACHE, LONG, WORKLOADS, check, share

PHPS = CACHE / "phps"
STOPLESS = ("memory", "ebpf")
TIERS = (*STOPLESS, "ptrace")
FEWEST = {"ptrace": 20}   # samples: on a busy machine a thread comes to its stop late, and moments pass
VERSIONS = ("7.4", "8.2", "8.4", "8.5", "8.6")
OPCACHE = ["-d", "zend_extension=opcache", "-d", "opcache.enable_cli=1"]
JIT = [*OPCACHE, "-d", "opcache.jit_buffer_size=64M", "-d", "opcache.jit=tracing"]


def split(frame):
    found = re.fullmatch(r"(.*) \((/.*?)(?::(\d+))?\)", frame)
    return (found[1], int(found[3] or 0)) if found else (frame, 0)


def same(frames, callers):
    """True where the frames above `spin` (outermost first) are those that PHP told (innermost first); of a stack that is deeper
    than the kernel sends, both its ends."""
    cut = next((i for i, frame in enumerate(frames) if frame[0] == "[truncated]"), None)
    if cut is not None and len(callers) > 512:
        inner = len(frames) - cut - 1
        return 500 <= len(frames) < len(callers) and same(frames[:cut], callers[-cut:]) and same(frames[cut + 1:], callers[:inner])
    if len(frames) != len(callers):
        return False
    for (name, line), caller in zip(frames, reversed(callers)):
        told, _, number = caller.rpartition("@")
        # From 8.4 on a closure's name says its class already.
        if line != int(number) or name not in (told, told[told.find("{closure:"):]):
            return False
    return True


def shapes(version, command, what="", folder="/tmp"):
    with sampan.Workload([*command, "%s/shapes.php" % folder, 0.1, "round"], ready=lambda w: w.says("round")) as load:
        runs = sampan.take_all("php %s%s" % (version, what), TIERS, pid=load.pid, seconds=6 if LONG else 3, rate=200, exclude_idle=False)
        told = [line[7:].split("\t") for line in load.output().splitlines() if line.startswith("caller ")]
    for tier, run in runs.items():
        judge_shapes("php %s%s, %s tier" % (version, what, tier), run.stacks(), told, FEWEST.get(tier, 200))


def judge_shapes(what, stacks, told, fewest):
    seen, right, wrong = set(), 0, {}
    for stack, count in stacks:
        frames = [split(frame) for frame in stack[1:]]
        at = next((i for i, frame in enumerate(frames) if frame[0] == "spin"), None)
        if at is None:
            continue   # on its way to the next shape
        match = next((i for i, c in enumerate(told) if same(frames[:at], c)), None)
        if match is not None:
            seen.add(match)
            right += count
        else:
            key = ";".join(stack[1:])[-400:]
            wrong[key] = wrong.get(key, 0) + count
    total = right + sum(wrong.values())
    few = fewest < 100   # to have met each
    if few and total <= fewest and not wrong:
        return sampan.skip(what, "the machine is too busy: %d samples" % total)
    check(total > fewest and right >= 0.999 * total, "%s: %d of %d stacks as PHP tells them %s" % (what, right, total, list(wrong.items())[:3]))
    check(len(told) > 15 and (few or len(seen) == len(told)), "%s: %d of %d shapes of call seen, not %s"
          % (what, len(seen), len(told), [c[:2] for i, c in enumerate(told) if i not in seen]))


def truth(version, command, what="", folder="/tmp", workers=1, threads=1):
    """The process, or with several workers the processes, that run the program: one profile of all."""
    seconds, rate = (30, 100) if LONG else (4, 250)
    what = "php %s%s, %d worker(s) of %d thread(s)" % (version, what, workers, threads)
    loads = []
    try:
        for _ in range(workers):
            loads.append(sampan.Workload([*command, "%s/truth.php" % folder, seconds + 8], ready=lambda w: w.output().count("ready") == threads))
        runs = sampan.take_all(what, STOPLESS, pid=[load.pid for load in loads], seconds=seconds, rate=rate, group_by=["process", "thread"])
    finally:
        for load in loads:
            load.stop()
    for tier, run in runs.items():
        judge_truth("%s, %s tier" % (what, tier), run.stacks(), workers * threads)


def judge_truth(what, stacks, at_work):
    parts = [share(stacks, r"Basket::%s " % name) for name in ("hot", "warm", "cold")]
    whole = sum(parts)
    # The rest is spent in `clock`: on a busy machine the kernel takes the processor away where a program asks how much it had.
    total = round(whole * sum(count for _, count in stacks))
    allowed = 0.015 + 3 * (0.24 / max(total, 1)) ** 0.5
    error = max(abs(part / (whole or 1) - true) for part, true in zip(parts, (0.6, 0.3, 0.1)))
    check(total > 30 and error <= allowed, "%s: 60/30/10 within %.2f points (%.2f allowed, %d samples in them): %s"
          % (what, 100 * error, 100 * allowed, total, "/".join("%.1f" % (100 * part / (whole or 1)) for part in parts)))
    seen = {tuple(frames[:2]) for frames, _ in stacks if any("Basket::hot" in frame for frame in frames)}
    check(len(seen) == at_work, "%s: %d of them seen at work" % (what, len(seen)))
    names = {"hot": r"^Shop\\Basket::hot \(.*truth.php:1[1-4]\)", "main": r"^Shop\\main \(.*truth.php:77\)", "script": r"^\{main\} \(.*:83\)",
             "several lines": r"Shop\\Basket::warm \(.*:2[2-5]\)", "function": r"^md5$", "closure": r"\{closure.*truth.php:5[6-9]\)"}
    if total < 300:
        del names["function"]   # a few samples in a hundred: too rare to be asked for on a busy machine
    missing = [name for name, pattern in names.items() if share(stacks, pattern) == 0]
    check(not missing, "%s: qualified names, closures, internal functions %s" % (what, missing))


def thread_safe():
    root = PHPS / "zts"
    if not (root / ".complete").exists():
        return sampan.skip("php zts", "not built (tests/live/get_phps.sh zts): Debian has no thread-safe PHP")
    folder = root / "tmp"
    folder.mkdir(exist_ok=True)
    for program in (WORKLOADS / "php").glob("*.php"):
        shutil.copy(program, folder / program.name)
    command = [root / "bin" / "php", "-n"]
    shapes("zts", command, folder=folder)
    truth("zts", command, folder=folder)
    headers = root / "include" / "php"
    includes = ["-I%s" % path for path in (headers, headers / "main", headers / "Zend", headers / "TSRM")]
    subprocess.run(["cc", "-w", *includes, WORKLOADS / "php" / "threads.c", "-o", folder / "threads", "-L%s" % (root / "lib"), "-lphp",
                    "-Wl,-rpath,%s" % (root / "lib"), "-pthread"], check=True)
    truth("zts", [folder / "threads", 3], folder=folder, threads=3)


def main():
    for version in VERSIONS:
        root = PHPS / version
        if not (root / ".complete").exists():
            sampan.skip("php " + version, "not fetched (tests/live/get_phps.sh)")
            continue
        for program in (WORKLOADS / "php").glob("*.php"):
            shutil.copy(program, root / "tmp" / program.name)
        command = ["chroot", root, "php" + version, "-n"]
        shapes(version, command)
        truth(version, command)
        if version == "8.2":
            shapes(version, [*command, *JIT], " with its JIT")
            truth(version, [*command, *JIT], " with its JIT")
            truth(version, [*command, *OPCACHE], " with opcache")
            truth(version, command, workers=3)
    thread_safe()


main()
sampan.finish()
