"""Ruby and PHP by the tiers that see a stack as it stood: methods of 50 ns without an impossible stack, shares as when stopped;
where they wait and for how long; who holds Ruby's lock."""
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


# Adds up what each of two functions waited, by its own clock, and tells it.
WAITS = {
    "ruby": ["ruby", "-e", """
def long; sleep 0.03; end
def short; sleep 0.01; end
def now; Process.clock_gettime(Process::CLOCK_MONOTONIC); end
$stdout.sync = true
waited = [0.0, 0.0]
loop do
  began = now; long; waited[0] += now - began
  began = now; short; waited[1] += now - began
  puts "waited #{waited.join(' ')}"
end"""],
    "php": ["php", "-n", "-r", r"""
function long() { usleep(30000); }
function short() { usleep(10000); }
$waited = [0.0, 0.0];
while (true) {
    $began = microtime(true); long(); $waited[0] += microtime(true) - $began;
    $began = microtime(true); short(); $waited[1] += microtime(true) - $began;
    echo "waited $waited[0] $waited[1]\n";
}"""],
}
# One thread computes, another compresses outside the lock.
LOCK = ["ruby", "-rzlib", "-e", """
TEXT = 'hello world ' * 500_000
def computes; loop { 1000.times {} }; end
def compresses; loop { Zlib::Deflate.deflate(TEXT, 9) }; end
Thread.new { computes }
$stdout.sync = true
puts 'ready'
compresses"""]


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


def too_few(what, tier, total):
    """On a busy machine a thread comes to its stop late, and its moments pass: what the tier says is judged where it says something."""
    if tier != "ptrace" or total >= 30:
        return False
    sampan.skip(what, "the machine is too busy: %d samples" % total)
    return True


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
    if too_few("%s, %s tier" % (what, tier), tier, total):
        return
    wrong = [(frames, count) for frames, count in stacks if not possible(language, frames)]
    count = sum(count for _, count in wrong)
    sampan.check(total >= 10 and count == 0, "%s, %s tier: %d of %d stacks impossible %s" % (what, tier, count, total, wrong[:3]))
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


def waits(language, command):
    def told():
        line = [line for line in load.output().splitlines(True) if line.startswith("waited ") and line.endswith("\n")][-1]
        return [float(word) for word in line.split()[1:]]

    with sampan.Workload(command, ready=lambda load: load.output().count("waited") > 1) as load:
        before = told()
        run = sampan.take("%s, off-CPU" % language, "ebpf", pid=load.pid, seconds=SECONDS + 1, event="offcpu", group_by=[], lines=False)
        own = [after - then for after, then in zip(told(), before)]
    if not run:
        return
    stacks = run.stacks()
    total = sum(count for _, count in stacks)
    long, short = (sampan.share(stacks, r"^(Object#)?%s\b" % name) for name in ("long", "short"))
    inner = {frames[-1].split(" (")[0] for frames, _ in stacks}
    sampan.check(inner == {{"ruby": "Kernel#sleep", "php": "usleep"}[language]}, "%s waits in its function: %s" % (language, inner))
    shares = [100 * one / max(one + other, 1e-9) for one, other in ((long, short), own)]
    sampan.check(abs(shares[0] - shares[1]) < 5 and total > 0.5e9 * (SECONDS + 1), "%s: %.1f %% of %.2f s of waits in one function, %.1f by its own clock"
                 % (language, shares[0], total / 1e9, shares[1]))


def lock():
    with sampan.Workload(LOCK, ready=lambda load: load.says("ready")) as load:
        for tier in TIERS["ruby"]:
            with_lock, all_cpu = (sampan.take("Ruby's lock, event %s" % event, tier, pid=load.pid, seconds=SECONDS, rate=200, event=event, group_by=[], lines=False)
                                  for event in ("gil", "cpu"))
            if not with_lock or not all_cpu:
                continue
            holds, runs = ([sampan.share(run.stacks(), name) for name in ("computes", "compresses")] for run in (with_lock, all_cpu))
            sampan.check(holds[0] > 0.9 and holds[1] < 0.1 and runs[1] > max(0.03, 1.5 * holds[1]), "%s tier: who computes holds the lock in %.0f %%, who compresses in %.0f %%; of all time they take %.0f and %.0f %%"
                         % (tier, *(100 * share for share in holds), *(100 * share for share in runs)))


def called(frames):
    return [frame.split(" (")[0] for frame in frames]


def mixed(what, command, tier):
    """C below PHP and PHP below C, each where it stands."""
    with sampan.Workload(command, ready=lambda load: load.says("ready")) as load:
        run = sampan.take("%s, native" % what, tier, pid=load.pid, seconds=SECONDS + 1, rate=300, native=True, group_by=[])
    if not run:
        return
    what = "%s, %s tier, native" % (what, tier)
    stacks = [(called(frames), count) for frames, count in run.stacks()]
    total = sum(count for _, count in stacks)
    if too_few(what, tier, total):
        return
    whole = sum(count for frames, count in stacks if frames[0] == "_start" and "{main}" in frames and "[truncated]" not in frames)
    loop = sum(count for frames, count in stacks if any(frame.startswith("execute_ex") for frame in frames))
    sampan.check(total >= 10 and sampan.at_least(whole, total, 0.99), "%s: %d of %d stacks are whole" % (what, whole, total))
    sampan.check(sampan.at_least(total - loop, total, 0.99), "%s: the VM's loop shows in %d" % (what, loop))
    # Of the samples that hold the first: what stands right below it, and somewhere below it.
    for function, right_below, below in (("press", r"gzcompress", r"deflate|libz"), ("digest", r"hash$", r"PHP_SHA256|php"),
                                         ("keyed", r"usort$", r"sort")):
        mine = [(frames[frames.index(function) + 1:], count) for frames, count in stacks if function in frames]
        mine = [(frames, count) for frames, count in mine if frames]
        hits = sum(count for frames, count in mine if re.search(right_below, frames[0]) and re.search(below, " ".join(frames[1:])))
        every = sum(count for _, count in mine)
        sampan.check(every < 5 or sampan.at_least(hits, every, 0.9), "%s: below %s its C (%d of %d)" % (what, function, hits, every))
    # A key function is called by the sort, a conversion by the engine, never by the PHP function above those.
    for name, caller in ((r"\{closure", "usort"), (r"Text::__toString$", "texts")):
        inner = [(frames, next(i for i, frame in enumerate(frames) if re.match(name, frame)), count) for frames, count in stacks if any(re.match(name, frame) for frame in frames)]
        good = sum(count for frames, at, count in inner if caller in frames[:at] and frames.index(caller) + 1 < at)
        every = sum(count for _, _, count in inner)
        sampan.check(every < 5 or sampan.at_least(good, every, 0.97), "%s: C stands between %s and %s (%d of %d)" % (what, caller, name, good, every))


def lines(what, command, tier):
    """The line that runs: the loop's own (6) keeps no place in its frame, and takes about as long as each of the other two."""
    with sampan.Workload(command, ready=lambda load: load.says("ready")) as load:
        run = sampan.take("%s, lines" % what, tier, pid=load.pid, seconds=SECONDS, rate=300, group_by=[])
    if not run:
        return
    stacks = run.stacks()
    total = sum(count for _, count in stacks)
    if too_few("%s, %s tier, lines" % (what, tier), tier, total):
        return
    shares = [sampan.leaf_share(stacks, r"^work \(.*lines\.php:%d\)" % line) for line in (6, 7, 8)]
    sampan.check(total >= 10 and sampan.at_least(shares[0] * total, total, 0.15) and min(shares[1:]) > 0.05 and sampan.at_least(sum(shares) * total, total, 0.95),
                 "%s, %s tier: lines 6, 7 and 8 of its loop take %s %%" % (what, tier, " ".join("%.0f" % (100 * share) for share in shares)))


def natives():
    roots, versions = ROOTS["php"]
    for version in versions:
        if (roots / version / ".complete").exists():
            for program in ("native.php", "lines.php"):
                shutil.copy(WORKLOADS / "php" / program, roots / version / "tmp" / program)
            for tier in TIERS["php"]:
                lines("php " + version, ["chroot", roots / version, "php" + version, "-n", "/tmp/lines.php", 300], tier)
                mixed("php " + version, ["chroot", roots / version, "php" + version, "-n", "/tmp/native.php", 300], tier)


def main():
    for language, command in WAITS.items():
        if sampan.need(command[0], "where %s waits" % language):
            waits(language, command)
    if sampan.need("ruby", "who holds Ruby's lock"):
        lock()
    for language in ROOTS:
        for what, command in commands(language):
            judge(language, what, command)
    natives()
    sampan.finish()


if __name__ == "__main__":
    main()
