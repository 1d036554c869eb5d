"""Every runtime in every tier that takes it, a few seconds each: whole stacks from the program's root, nothing foreign, and its
hot function. The quick run's live test; what a runtime can do in depth is its own tests' matter. Arguments: names of runtimes."""
import re
import shutil
import sys

import jdks
import native_programs
import nodes
import sampan
from sampan import CACHE, WORKLOADS


def python():
    return ["python3", WORKLOADS / "python" / "shares.py", 60, 1]


def ruby():
    return in_root(CACHE / "rubies" / "3.1", "ruby", "truth.rb", ["ruby3.1", "/tmp/truth.rb", 60, 1, 1])


def php():
    return in_root(CACHE / "phps" / "8.2", "php", "truth.php", ["php8.2", "-n", "/tmp/truth.php", 60])


def in_root(root, folder, program, command):
    if not (root / ".complete").exists():
        return sampan.skip(folder, "%s is not there (tests/live/get_%s.sh)" % (root, root.parent.name))
    shutil.copy(WORKLOADS / folder / program, root / "tmp" / program)
    return ["chroot", root, *command]


def java():
    if not sampan.need("java", "java"):
        return None
    return ["java", "-cp", jdks.classes(), "Simple", 60]


def node():
    found = list(nodes.fetch(["22.23.3"]).values())
    return found and [*found, WORKLOADS / "node" / "shares.js", 60]


def built(name):
    program = native_programs.build(name)
    return program and [program]


# runtime: (its program, the outermost frame, a frame that most samples hold, the tiers that take it)
ROWS = {
    "python": (python, r"^<module> \(.*shares\.py:\d+\)$", r"^sixty \(.*shares\.py", ("memory", "ptrace", "ebpf")),
    "ruby": (ruby, r"^<main> \(.*truth\.rb:\d+\)$", r"Basket#hot", ("memory", "ptrace", "ebpf")),
    "php": (php, r"^\{main\} \(.*truth\.php:\d+\)$", r"Basket::hot", ("memory", "ptrace", "ebpf")),
    "java": (java, r"^Simple\.main \(|^clone3?$|^start_thread$|^_start$", r"^Simple\.spin", ("ptrace", "ebpf")),
    "node": (node, r"^(_start|clone3?|start_thread)\b", r"^hot \(.*shares\.js:\d+\)", ("ptrace", "ebpf")),
    "go": (lambda: built("split_go"), r"^runtime\.|^main\.|^_rt0", r"main\.sixty", ("ptrace", "ebpf")),
    "native": (lambda: built("split"), r"^_start$", r"split::sixty\(\)", ("ptrace", "ebpf")),
}
SECONDS = 2


def judge(runtime, tier, pid, root, hot):
    run = sampan.profile(pid=pid, seconds=SECONDS, rate=100, tier=tier)
    what = "%s, %s tier" % (runtime, tier)
    if run.code == 4:
        return sampan.skip(what, run.result.get("sentence"))
    stacks, quality = run.stacks(), run.result.get("quality", {})
    total = sum(count for _, count in stacks)
    names = {p["runtime"] for p in run.result.get("processes", [])}
    sampan.check(run.code == 0 and names == {runtime}, "%s: known as %s, exit code %d" % (what, names, run.code))
    rooted = sum(count for frames, count in stacks if len(frames) > 1 and re.search(root, frames[1]))
    torn = quality.get("truncated", 0) + quality.get("suspect", 0)
    sampan.check(total > 20 and rooted + torn >= total, "%s: %d of %d stacks begin at the program's root (%d are marked torn): %s"
                 % (what, rooted, total, torn, sorted({frames[1] for frames, _ in stacks if len(frames) > 1})[:5]))
    foreign = [frames[0] for frames, _ in stacks if not frames[0].endswith("(pid %d)" % pid)]
    sampan.check(not foreign, "%s: nothing foreign %s" % (what, foreign[:3]))
    share = sampan.share(stacks, hot)
    sampan.check(sampan.at_least(share * total, total, 0.45), "%s: its hot function is in %.0f %% of the samples" % (what, 100 * share))


def main():
    for runtime, (command, root, hot, tiers) in ROWS.items():
        if sys.argv[1:] and runtime not in sys.argv[1:]:
            continue
        words = command()
        if not words:
            continue
        with sampan.Workload(words, ready=lambda load: load.says("ready"), timeout=60) as load:
            for tier in tiers:
                judge(runtime, tier, load.pid, root, hot)
    sampan.finish()


if __name__ == "__main__":
    main()
