"""Python by the ebpf tier: frames of 50 ns without an impossible stack, shares as when stopped; mixed stacks; waits; the lock."""
import concurrent.futures
import os
import pathlib
import re
import struct
import tempfile
import time

import pythons
import sampan

SECONDS = 10 if sampan.LONG else 2
WAIT_SECONDS = 10 if sampan.LONG else 4
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

# Each thread adds up what it waited, by its own clock, where the test can read it: lock, socket, sleep.
WAITING_PROGRAM = """
import mmap, socket, struct, sys, threading, time
file = open(sys.argv[1], "r+b")
board = mmap.mmap(file.fileno(), 4096)
now = time.perf_counter
gate, (near, far) = threading.Lock(), socket.socketpair()
gate.acquire()
def add(slot, since): struct.pack_into("d", board, slot * 8, struct.unpack_from("d", board, slot * 8)[0] + now() - since)
def work(seconds):
    end = now() + seconds
    while now() < end: pass
def waits_for_lock():
    since = now(); gate.acquire(); add(0, since)
def waits_for_socket():
    since = now(); near.recv(1); add(1, since)
def sleeps():
    since = now(); time.sleep(0.03); add(2, since)
def opens():
    while True:
        time.sleep(0.025)
        if gate.locked(): gate.release()
def sends():
    while True: time.sleep(0.035); far.send(b"x")
def turns(wait, seconds):
    while True: wait(); work(seconds)
for work_of in ((turns, waits_for_lock, 0.004), (turns, waits_for_socket, 0.004), (turns, sleeps, 0.004), (opens,), (sends,)):
    threading.Thread(target=work_of[0], args=work_of[1:], daemon=True).start()
print("ready", flush=True)
time.sleep(200)
"""

# Two threads want the lock all the time, a third lets go of it for as long as it compresses.
LOCK_PROGRAM = """
import sys, threading, time, zlib
DATA = b"hello world " * 100000
def computes():
    while True: sum(range(1000))
def frees_lock():
    while True: zlib.compress(DATA, 6)
def start(work, *also):
    thread = threading.Thread(target=work); thread.daemon = True; thread.start()
for work in (computes, computes) + ((frees_lock,) if len(sys.argv) > 1 else ()): start(work)
sys.stdout.write("ready\\n"); sys.stdout.flush()
time.sleep(200)
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


def run_of(pid, tier, **more):
    return sampan.profile(pid=pid, seconds=SECONDS, tier=tier, group_by=[], lines=False, max_cpu_percent=100, **more)


def total_of(stacks):
    return sum(count for _, count in stacks)


def exact(python):
    with sampan.Workload([python.command, sampan.WORKLOADS / "python" / "tiny.py", 200], ready=lambda load: load.says("ready")) as load:
        walked, stopped = (run_of(load.pid, tier, rate=1000) for tier in ("ebpf", "ptrace"))
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
        with concurrent.futures.ThreadPoolExecutor() as both:   # at once, so that both see the same work
            native, plain = both.map(lambda with_native: run_of(load.pid, "ebpf", rate=500, native=with_native), (True, False))
    stacks = [(bare(frames), count) for frames, count in native.stacks()]
    total = total_of(stacks)
    loops = total_of([s for s in stacks if any("EvalFrameDefault" in frame for frame in s[0])])
    rooted = total_of([s for s in stacks if "[truncated]" not in s[0]])
    sampan.check(total >= 50 and sampan.at_least(rooted, total, 0.99), "%s, native: %d of %d stacks whole" % (python, rooted, total))
    sampan.check(sampan.at_least(total - loops, total, 0.99), "%s, native: the loop itself shows in %d of %d" % (python, loops, total))
    for function, below in (("press", r"^(deflate|compress|longest_match|crc|adler|zlib|.*zlib)"), ("query", r"sqlite|pysqlite"), ("dump", None)):
        mine = [(frames[frames.index(function) + 1:], count) for frames, count in stacks if function in frames]
        hits = total_of([s for s in mine if any(re.search(below, frame) for frame in s[0])] if below else [s for s in mine if s[0]])
        sampan.check(sampan.at_least(hits, total_of(mine), 0.8), "%s, native: %s has its C below it (%d of %d)" % (python, function, hits, total_of(mine)))
    shares = [[100 * sampan.share(of, "^%s( |$)" % name) for name in ("press", "dump", "query")] for of in (native.stacks(), plain.stacks())]
    off = max(abs(a - b) for a, b in zip(*shares))
    allowed = 4 * 100 * (0.25 * (1 / max(1, total) + 1 / max(1, total_of(plain.stacks())))) ** 0.5
    sampan.check(off <= allowed, "%s: time in C counts to its Python caller: %.2f points apart (%.2f allowed)" % (python, off, allowed))


DEEP_PROGRAM = """
import sys
sys.setrecursionlimit(3000)
def bottom():
    while True: sum(range(100))
def down(left): down(left - 1) if left else bottom()
sys.stdout.write("ready\\n"); sys.stdout.flush()
down(2000)
"""


def deep(python):
    """Deeper than what the kernel sends: both ends are there."""
    with sampan.Workload([python.command, "-c", DEEP_PROGRAM], ready=lambda load: load.says("ready")) as load:
        found = run_of(load.pid, "ebpf", rate=200)
    stacks = [(bare(frames), count) for frames, count in found.stacks()]
    good = [s for s in stacks if s[0][:2] == ["<module>", "down"] and s[0][-1] == "bottom" and s[0].count("[truncated]") == 1
            and s[0][200:300].count("[truncated]") == 1 and len(s[0]) == 513]
    sampan.check(total_of(stacks) >= 50 and total_of(good) == total_of(stacks), "%s: 2,000 frames: both ends in %d of %d, %s" % (
        python, total_of(good), total_of(stacks), [(len(f), f[:3], f[-2:]) for f, _ in stacks[:1]]))


def close(python, what, seconds, truth):
    sampan.check(truth > 0 and abs(seconds - truth) <= 0.05 * truth + 0.005, "%s, offcpu: %s %.3f s of %d, by its own clock %.3f (%+.1f %%)" % (
        python, what, seconds, WAIT_SECONDS, truth, 100 * (seconds / max(truth, 1e-9) - 1)))


def off_cpu(load):
    return sampan.profile(pid=load.pid, seconds=WAIT_SECONDS, tier="ebpf", event="offcpu", group_by=["thread"], lines=False, max_cpu_percent=100)


def waited(stacks, function):
    return total_of([s for s in stacks if function in bare(s[0])]) / 1e9


def waits(python):
    with tempfile.NamedTemporaryFile(prefix="sampan-board-") as board:
        board.truncate(4096)
        look = lambda: (time.monotonic(), *struct.unpack_from("3d", os.pread(board.fileno(), 24, 0)))  # noqa: E731
        with sampan.Workload([python.command, "-c", WAITING_PROGRAM, board.name], ready=lambda load: load.says("ready")) as load:
            before, run, after = look(), off_cpu(load), look()
    # The program's habits do not change: what it waited a second holds for the profile's seconds.
    truths = [WAIT_SECONDS * (after[i] - before[i]) / (after[0] - before[0]) for i in (1, 2, 3)]
    for function, truth in zip(("waits_for_lock", "waits_for_socket", "sleeps"), truths):
        close(python, function + " waited", waited(run.stacks(), function), truth)


def ran(pid):
    """Now, and of all of a process's threads the seconds that they ran and that they waited for a processor."""
    texts = [path.read_text().split() for path in pathlib.Path("/proc/%d/task" % pid).glob("*/schedstat")]
    return time.monotonic(), *(sum(int(text[i]) for text in texts) / 1e9 for i in (0, 1))


def lock(python):
    """Two threads that compute: each waits for the lock whenever it neither runs nor waits for a processor."""
    with sampan.Workload([python.command, "-c", LOCK_PROGRAM], ready=lambda load: load.says("ready")) as load:
        before, run, after = ran(load.pid), off_cpu(load), ran(load.pid)
    wall, used, queued = (after[i] - before[i] for i in range(3))
    # A wait ends when the thread runs again; what it was pre-empted for is none. The kernel's figure of both is one.
    seconds, least, most = waited(run.stacks(), "computes"), WAIT_SECONDS * (2 * wall - used - queued) / wall, WAIT_SECONDS * (2 * wall - used) / wall
    sampan.check(0.95 * least <= seconds <= 1.05 * most, "%s, offcpu: two threads waited for the lock %.3f s, by the scheduler's clocks %.3f to %.3f" % (
        python, seconds, least, most))
    with sampan.Workload([python.command, "-c", LOCK_PROGRAM, "three"], ready=lambda load: load.says("ready")) as load:
        gil, cpu = (run_of(load.pid, "ebpf", rate=500, event=event) for event in ("gil", "cpu"))
    held, on = ([100 * sampan.share(of.stacks(), "^%s" % name) for name in ("computes", "frees_lock")] for of in (gil, cpu))
    total = total_of(gil.stacks())
    sampan.check(sampan.at_least(total * held[0] / 100, total, 0.95) and on[1] >= 15,
                 "%s, gil: of %d that hold it %.1f %% compute, %.1f %% are in zlib, which lets go of it; of those that run %.0f and %.0f %%" % (python, total, *held, *on))


def main():
    found = pythons.all_pythons()
    doctor = run_of(1 << 22, "ebpf", rate=1)   # no such process: says whether the tier can be had at all
    if doctor.code == 4:
        sampan.skip("the ebpf tier", doctor.err.strip()[-200:])
        sampan.finish()
    for python in pythons.newest(found, *WALKED):
        exact(python)
    for python in pythons.newest(found, "3.8", "3.11", "3.13", "3.15"):
        mixed(python)
    for python in pythons.newest(found, "3.8", "3.13"):
        deep(python)
    for python in pythons.newest(found, "3.9", "3.12"):
        waits(python)
        lock(python)
    for python in pythons.newest(found, "3.13t", "3.14t"):
        with sampan.Workload([python.command, "-c", "print('ready', flush=True)\nwhile True: pass"], ready=lambda load: load.says("ready")) as load:
            refused = run_of(load.pid, "ebpf", rate=100)
        sampan.check(refused.code == 5, "%s: refused (exit %d)" % (python, refused.code))
    sampan.finish()


if __name__ == "__main__":
    main()
