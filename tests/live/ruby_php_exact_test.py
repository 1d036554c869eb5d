"""Ruby and PHP by the tiers that see a stack as it stood: methods of 50 ns without an impossible stack, shares as when stopped."""
import re
import shutil

import sampan
from sampan import CACHE, WORKLOADS

SECONDS = 10 if sampan.LONG else 2
TIERS = {"ruby": ("ebpf", "ptrace"), "php": ("ebpf", "ptrace")}
ROOTS = {"ruby": (CACHE / "rubies", ("2.7", "3.1", "3.3", "3.4")), "php": (CACHE / "phps", ("7.4", "8.2", "8.4", "8.5", "8.6"))}
JIT = ["-d", "zend_extension=opcache", "-d", "opcache.enable_cli=1", "-d", "opcache.jit_buffer_size=64M", "-d", "opcache.jit=tracing"]
MORE = {("ruby", "3.3"): [["--yjit"]], ("php", "8.2"): [JIT]}   # as else without these words
OUTER = {"ruby": ["<main>", "Object#main", "Worker#turn"], "php": ["{main}", "main", "Worker::turn"]}


def named(frame):
    return re.sub(r"^Object#(?=(top|mid|leaf)\d)", "", frame.split(" (")[0])


def possible(language, frames):
    """The program's way down to a leaf, or its first part; C functions may be called by what is above `turn`."""
    outer = OUTER[language]
    names = [named(frame) for frame in frames]
    called = [re.fullmatch(r"(top|mid|leaf)(\d)", name) for name in names]
    first = next((index for index, match in enumerate(called) if match), None)
    if first is None:
        return names[:2] == outer[:min(2, len(names))] and (len(names) < 4)
    below = called[first:]
    right = all(below) and [match.group(1) for match in below] == ["top", "mid", "leaf"][:len(below)]
    return right and names[:first] == outer and len({match.group(2) for match in below}) == 1


def commands(language):
    """(name, command, folder of programs) of each version that is there."""
    roots, versions = ROOTS[language]
    for version in versions:
        root = roots / version
        if not (root / ".complete").exists():
            sampan.skip("%s %s" % (language, version), "not fetched (tests/live/get_%s.sh)" % roots.name)
            continue
        program = "tiny." + {"ruby": "rb", "php": "php"}[language]
        shutil.copy(WORKLOADS / language / program, root / "tmp" / program)
        command = ["chroot", root, language + version] + (["-n"] if language == "php" else [])
        for words in [[], *MORE.get((language, version), [])]:
            yield " ".join([language, version, *words[-1:]]), [*command, *words, "/tmp/" + program, 300]
    root = roots / "zts"
    if language == "php" and (root / ".complete").exists():
        shutil.copy(WORKLOADS / "php" / "tiny.php", root / "tmp" / "tiny.php")
        yield "php zts", [root / "bin" / "php", "-n", root / "tmp" / "tiny.php", 300]


def run_of(pid, tier, rate=1000):
    return sampan.profile(pid=pid, tier=tier, seconds=SECONDS, rate=rate, group_by=[], lines=False, max_cpu_percent=100)


def exact(language, what, load, tier):
    run = run_of(load.pid, tier)
    if run.code == 4:
        return sampan.skip("%s, %s tier" % (what, tier), run.result.get("sentence"))
    if not sampan.check(run.code == 0 and run.result.get("tier") == tier, "%s: the %s tier takes it (exit %d) %s" % (what, tier, run.code, run.err[-300:])):
        return
    stacks, quality = run.stacks(), run.result["quality"]
    total = sum(count for _, count in stacks)
    wrong = [(frames, count) for frames, count in stacks if not possible(language, frames)]
    count = sum(count for _, count in wrong)
    sampan.check(total >= 30 and count == 0, "%s, %s tier: %d of %d stacks impossible %s" % (what, tier, count, total, wrong[:3]))
    dropped = {name: quality.get(name, 0) for name in ("failed", "suspect", "truncated", "lost") if quality.get(name, 0)}
    sampan.check(not dropped, "%s, %s tier: nothing dropped or suspect %s" % (what, tier, dropped))
    return [100 * sampan.leaf_share(stacks, kind) for kind in (r"\bleaf\d", r"\bmid\d", r"\btop\d", r"\bturn")], total


def judge(language, what, command):
    with sampan.Workload(command, ready=lambda load: load.says("ready")) as load:
        shares = [found for found in (exact(language, what, load, tier) for tier in TIERS[language]) if found]
    print("       %s: leaf, mid, top, turn: %s" % (what, "; ".join(" ".join("%.1f" % share for share in each) for each, _ in shares)))
    if len(shares) == 2:
        (walked, count), (stopped, others) = shares
        off = max(abs(a - b) for a, b in zip(walked, stopped))
        allowed = max(0.5, 4 * 100 * (0.25 * (1 / count + 1 / others)) ** 0.5)
        sampan.check(off <= allowed, "%s: the tiers' shares within %.2f points (%.2f allowed)" % (what, off, allowed))


def main():
    for language in ROOTS:
        for what, command in commands(language):
            judge(language, what, command)
    sampan.finish()


if __name__ == "__main__":
    main()
