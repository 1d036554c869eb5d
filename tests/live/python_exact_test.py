"""Python by the ebpf tier: frames of 50 ns without an impossible stack, shares as when stopped; mixed stacks; waits; the lock."""
import re

import pythons
import sampan

SECONDS = 10 if sampan.LONG else 2
WALKED = ("3.8", "3.10", "3.11", "3.12", "3.13", "3.15") + (("2.7", "3.6", "3.7", "3.9", "3.14") if sampan.LONG else ())

MIXED_PROGRAM = """
import json, sqlite3, sys, time, zlib
DATA, OBJECT = b"hello world " * 20000, {"a": list(range(3000))}
DATABASE = sqlite3.connect(":memory:")
DATABASE.execute("create table t(a)")
DATABASE.executemany("insert into t values(?)", [(i,) for i in range(2000)])
def press(): zlib.compress(DATA, 6)
def dump(): json.dumps(OBJECT)
def query(): DATABASE.execute("select sum(a * a) from t where a % 7 = 3").fetchall()
sys.stdout.write("ready\\n"); sys.stdout.flush()
end = time.time() + float(sys.argv[1])
while time.time() < end:
    press(); dump(); query()
"""

WAITING_PROGRAM = """
import sys, threading, time, zlib
DATA = b"hello world " * 100000
lock = threading.Lock()
lock.acquire()
def waits_for_lock(): lock.acquire()
def sleeps():
    while True: time.sleep(0.05)
def computes():
    while True: sum(range(1000))
def frees_lock():
    while True: zlib.compress(DATA, 6)
for work in (waits_for_lock, sleeps, computes, computes, frees_lock):
    thread = threading.Thread(target=work); thread.daemon = True; thread.start()
sys.stdout.write("ready\\n"); sys.stdout.flush()
time.sleep(float(sys.argv[1]))
"""


def possible(frames):
    called = [re.match(r"(top|mid|leaf)(\d)$", frame) for frame in frames]
    first = next((index for index, match in enumerate(called) if match), len(called))
    below = called[first:]
    if not all(below) or [match.group(1) for match in below] != ["top", "mid", "leaf"][:len(below)]:
        return False
    return len({match.group(2) for match in below}) <= 1 and frames[0] == "<module>" and bare(frames)[:first] == OUTER[:first]


OUTER = ["<module>", "main", "Worker.turn"]


def bare(frames):
    return [frame.split(" (")[0] for frame in frames]


def run(pid, tier, **more):
    return sampan.profile(pid=pid, seconds=SECONDS, tier=tier, group_by=[], lines=False, max_cpu_percent=100, **more)


def total_of(stacks):
    return sum(count for _, count in stacks)


def exact(python):
    with sampan.Workload([python.command, sampan.WORKLOADS / "python" / "tiny.py", 200], ready=lambda load: load.says("ready")) as load:
        walked, stopped = (run(load.pid, tier, rate=1000) for tier in ("ebpf", "ptrace"))
    if not sampan.check(walked.code == 0 and walked.result.get("tier") == "ebpf", "%s: the kernel walks it (exit %d) %s" % (python, walked.code, walked.err[-300:])):
        return
    stacks = [(bare(frames), count) for frames, count in walked.stacks()]
    total, quality = total_of(stacks), walked.result["quality"]
    wrong = [(frames, count) for frames, count in stacks if not possible(frames)]
    sampan.check(total >= 100 and total_of(wrong) == 0, "%s: %d of %d stacks impossible %s" % (python, total_of(wrong), total, wrong[:2]))
    dropped = quality.get("failed", 0) + quality.get("suspect", 0) + quality.get("lost", 0)
    sampan.check(dropped == 0, "%s: nothing dropped or suspect (%s)" % (python, quality))
    reference = [(bare(frames), count) for frames, count in stopped.stacks()]
    shares = [[100 * sampan.leaf_share(of, "^" + kind) for kind in ("leaf", "mid", "top", "Worker")] for of in (stacks, reference)]
    off = max(abs(a - b) for a, b in zip(*shares))
    allowed = max(0.5, 4 * 100 * (0.25 * (1 / total + 1 / max(1, total_of(reference)))) ** 0.5)
    sampan.check(off <= allowed, "%s: shares %s, stopped %s: within %.2f points (%.2f allowed)" % (
        python, *(" ".join("%.1f" % share for share in each) for each in shares), off, allowed))


def mixed(python):
    with sampan.Workload([python.command, "-c", MIXED_PROGRAM, 200], ready=lambda load: load.says("ready")) as load:
        native, plain = (run(load.pid, "ebpf", rate=500, native=with_native) for with_native in (True, False))
    stacks = [(bare(frames), count) for frames, count in native.stacks()]
    total = total_of(stacks)
    loops = total_of([s for s in stacks if any("EvalFrameDefault" in frame for frame in s[0])])
    rooted = total_of([s for s in stacks if "[truncated]" not in s[0]])
    sampan.check(total >= 50 and rooted >= 0.99 * total, "%s, native: %d of %d stacks whole" % (python, rooted, total))
    sampan.check(loops <= 0.01 * total, "%s, native: the loop itself shows in %d of %d" % (python, loops, total))
    for function, below in (("press", r"^(deflate|compress|longest_match|crc|adler|zlib|.*zlib)"), ("query", r"sqlite|pysqlite"), ("dump", None)):
        mine = [(frames[frames.index(function) + 1:], count) for frames, count in stacks if function in frames]
        hits = total_of([s for s in mine if any(re.search(below, frame) for frame in s[0])] if below else [s for s in mine if s[0]])
        sampan.check(mine and hits >= 0.8 * total_of(mine), "%s, native: %s has its C below it (%d of %d)" % (python, function, hits, total_of(mine)))
    shares = [[100 * sampan.share(of, "^%s( |$)" % name) for name in ("press", "dump", "query")] for of in (native.stacks(), plain.stacks())]
    off = max(abs(a - b) for a, b in zip(*shares))
    allowed = 4 * 100 * (0.25 * (1 / max(1, total) + 1 / max(1, total_of(plain.stacks())))) ** 0.5
    sampan.check(off <= allowed, "%s: time in C counts to its Python caller: %.2f points apart (%.2f allowed)" % (python, off, allowed))


def waits(python):
    with sampan.Workload([python.command, "-c", WAITING_PROGRAM, 200], ready=lambda load: load.says("ready")) as load:
        off, gil, cpu = (run(load.pid, "ebpf", rate=500, event=event) for event in ("offcpu", "gil", "cpu"))
    stacks = off.stacks()
    for function in ("waits_for_lock", "sleeps"):
        seconds = total_of([s for s in stacks if function in bare(s[0])]) / 1e9
        sampan.check(abs(seconds - SECONDS) <= 0.1 * SECONDS, "%s, offcpu: %s waited %.2f s of %d" % (python, function, seconds, SECONDS))
    held, ran = ([100 * sampan.share(of.stacks(), "^%s" % name) for name in ("computes", "frees_lock")] for of in (gil, cpu))
    sampan.check(total_of(gil.stacks()) >= 50 and held[0] >= 90 and held[1] <= 5 and ran[1] >= 15,
                 "%s, gil: of those that hold it %.0f %% compute, %.0f %% are in zlib, which lets go of it; of those that run %.0f and %.0f %%" % (python, *held, *ran))


def main():
    found = pythons.all_pythons()
    doctor = run(1 << 22, "ebpf", rate=1)   # no such process: says whether the tier can be had at all
    if doctor.code == 4:
        sampan.skip("the ebpf tier", doctor.err.strip()[-200:])
        sampan.finish()
    for python in pythons.newest(found, *WALKED):
        exact(python)
    for python in pythons.newest(found, "3.8", "3.11", "3.13", "3.15"):
        mixed(python)
    for python in pythons.newest(found, "3.9", "3.12"):
        waits(python)
    for python in pythons.newest(found, "3.13t", "3.14t"):
        with sampan.Workload([python.command, "-c", "print('ready', flush=True)\nwhile True: pass"], ready=lambda load: load.says("ready")) as load:
            refused = run(load.pid, "ebpf", rate=100)
        sampan.check(refused.code == 5, "%s: refused (exit %d)" % (python, refused.code))
    sampan.finish()


if __name__ == "__main__":
    main()
