"""Runs that show little or nothing say why; numbers that are no process, and programs that cannot be sampled, get one true
sentence and the right exit code."""
import os
import pathlib
import struct
import subprocess
import sys
import tempfile
import threading
import time

import sampan
from sampan import check

FOLDER = pathlib.Path(tempfile.mkdtemp(prefix="sampan-why-"))
TIERS = ("memory", "ptrace", "ebpf")

NATIVE_THREAD = """
#include <pthread.h>
static volatile unsigned long sink;
static void *spin(void *unused) { for (;;) sink++; return unused; }
void go(void) { pthread_t thread; pthread_create(&thread, 0, spin, 0); pthread_setname_np(thread, "blas"); }
"""


def idle():
    with sampan.Workload([sys.executable, "-c", "import time; print('up', flush=True); time.sleep(99)"], ready=lambda w: w.says("up")) as load:
        run = sampan.profile(pid=load.pid, seconds=1)
    check(run.code == 0 and run.result["samples"] == 0 and "0.0 s of processor time" in run.result["sentence"], "idle: exit %d: %s" % (run.code, run.result["sentence"]))


def children():
    busy = "import subprocess, sys; print('up', flush=True); subprocess.run([sys.executable, '-c', 'while True: pass'])"
    with sampan.Workload([sys.executable, "-c", busy], ready=lambda w: w.says("up")) as load:
        run = sampan.profile(pid=load.pid, seconds=3, children=False)
    check(run.code == 0 and "is not sampled: name it" in run.result["sentence"], "its child works: exit %d: %s" % (run.code, run.result["sentence"]))


def without_the_interpreter():
    """A C thread that Python knows nothing of: on a processor, without a Python frame."""
    if not sampan.need("gcc", "a C thread in a Python process"):
        return
    (FOLDER / "native.c").write_text(NATIVE_THREAD)
    subprocess.run(["gcc", "-D_GNU_SOURCE", "-O1", "-shared", "-fPIC", "-pthread", FOLDER / "native.c", "-o", FOLDER / "native.so"], check=True)
    program = "import ctypes, time; ctypes.CDLL('%s').go(); print('up', flush=True); time.sleep(99)" % (FOLDER / "native.so")
    with sampan.Workload([sys.executable, "-c", program], ready=lambda w: w.says("up")) as load:
        for tier in TIERS:
            run = sampan.profile(pid=load.pid, seconds=2, tier=tier)
            if run.code == 4:
                sampan.skip("a C thread, %s" % tier, run.result["sentence"])
                continue
            share = sampan.share(run.stacks(), r"^\[thread blas without python frames\]")
            check(run.code == 0 and share > 0.95 and run.result["samples"] > 10 and run.result["quality"]["frameless"] > 10 and '"native": true' in run.result["sentence"],
                  "%s: %s samples, %.0f %% of them the C thread's: %s" % (tier, run.result["samples"], 100 * share, run.result["sentence"]))


def numbers():
    program = "import threading, time; threading.Thread(target=time.sleep, args=(99,)).start(); print('up', flush=True)"
    with sampan.Workload([sys.executable, "-c", program], ready=lambda w: w.says("up")) as load:
        tid = next(int(t) for t in os.listdir("/proc/%d/task" % load.pid) if int(t) != load.pid)
        for mode in ("profile", "dump"):
            run = sampan.profile(pid=tid, seconds=1, mode=mode)
            check(run.code == 3 and "give pid %d" % load.pid in run.result["sentence"], "a thread's id, %s: exit %d: %s" % (mode, run.code, run.result["sentence"]))
    run = sampan.profile(pid=load.pid, seconds=1)
    check(run.code == 3 and "no process has the pid" in run.result["sentence"], "one that has ended: exit %d: %s" % (run.code, run.result["sentence"]))
    zombie = os.posix_spawn("/bin/true", ["true"], {})
    os.waitid(os.P_PID, zombie, os.WEXITED | os.WNOWAIT)
    run = sampan.profile(pid=zombie, seconds=1)
    check(run.code == 6 and "zombie" in run.result["sentence"], "a zombie: exit %d: %s" % (run.code, run.result["sentence"]))
    os.waitpid(zombie, 0)
    if pathlib.Path("/proc/2/comm").read_text() == "kthreadd\n" if os.path.exists("/proc/2/comm") else False:
        run = sampan.profile(pid=2, seconds=1)
        check(run.code == 5 and "kernel thread" in run.result["sentence"], "a kernel thread: exit %d: %s" % (run.code, run.result["sentence"]))


def of_32_bits():
    """The smallest i386 program that there is: one loop."""
    place = 0x08048000
    header = b"\x7fELF\x01\x01\x01" + bytes(9) + struct.pack("<HHIIIIIHHHHHH", 2, 3, 1, place + 84, 52, 0, 0, 52, 32, 1, 0, 0, 0)
    segment = struct.pack("<IIIIIIII", 1, 0, place, place, 86, 86, 5, 4096)
    program = FOLDER / "thirty-two"
    program.write_bytes(header + segment + b"\xeb\xfe")
    program.chmod(0o755)
    try:
        load = sampan.Workload([program])
    except OSError as error:
        return sampan.skip("a 32-bit program", str(error))
    with load:
        for tier in TIERS:
            run = sampan.profile(pid=load.pid, seconds=1, tier=tier)
            if run.code == 4:
                sampan.skip("a 32-bit program, %s" % tier, run.result["sentence"])
                continue
            check(run.code == 5 and "32-bit program" in run.result["sentence"], "32 bits, %s: exit %d: %s" % (tier, run.code, run.result["sentence"]))


def lookalikes():
    """A program by the name of PyPy: what runs it is what counts, and the sentence says so."""
    program = FOLDER / "pypy3.11-c"
    program.write_bytes(pathlib.Path("/bin/sleep").read_bytes())
    program.chmod(0o755)
    with sampan.Workload([program, "99"]) as load:
        run = sampan.profile(pid=load.pid, seconds=1, language="python")
        check(run.code == 5 and "it runs PyPy" in run.result["sentence"], "asked for as Python: exit %d: %s" % (run.code, run.result["sentence"]))
        run = sampan.profile(pid=load.pid, seconds=1)
        check(run.code == 0 and "PyPy" in run.result["processes"][0].get("note", ""), "as it is: exit %d: %s" % (run.code, run.result["processes"]))


def the_rate_is_the_samples():
    """Progress says what the result says, in every tier and at every moment."""
    with sampan.Workload([sys.executable, "-c", "print('up', flush=True)\nwhile True: pass"], ready=lambda w: w.says("up")) as load:
        for tier in TIERS:
            run = sampan.profile(pid=load.pid, seconds=7, tier=tier)
            if run.code == 4:
                sampan.skip("the achieved rate, %s" % tier, run.result["sentence"])
                continue
            said = [e["achieved_rate"] for e in run.events if e["event"] == "progress" and e["elapsed"] > 1]
            last = run.result["quality"]["achieved_rate"]
            check(said and all(abs(rate - last) < 0.25 * last for rate in said) and last > (60 if tier == "ebpf" else 5), "%s: %s Hz in progress, %.0f in the result" % (tier, [round(r) for r in said], last))


def used(pid):
    """Seconds of processor time."""
    fields = pathlib.Path("/proc/%d/stat" % pid).read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def on_a_processor():
    """Four busy programs on one processor: each has a quarter of it, and as many samples, in every tier."""
    pinned = ["taskset", "-c", "0", sys.executable, "-c", "print('up', flush=True)\nwhile True: pass"]
    loads = [sampan.Workload(pinned, ready=lambda w: w.says("up")) for _ in range(4)]
    seconds = 20 if sampan.LONG else 8
    for tier in TIERS:
        before = used(loads[0].pid)
        run = sampan.profile(pid=loads[0].pid, seconds=seconds, tier=tier, rate=200)
        took = used(loads[0].pid) - before
        if run.code == 4:
            sampan.skip("samples on a processor, %s" % tier, run.result["sentence"])
            continue
        # Late ticks are missed; those of the ptrace tier while the thread waits, when it would not count.
        least, most = took * run.result["quality"]["achieved_rate"], took * 200
        check(0.6 * least - 20 < run.result["samples"] < 1.4 * most + 20, "%s: %d samples of %.2f s on a processor in %.1f s: %.0f to %.0f expected" %
              (tier, run.result["samples"], took, run.result["seconds"], least, most))
    for load in loads:
        load.stop()


idle()
children()
without_the_interpreter()
numbers()
of_32_bits()
lookalikes()
the_rate_is_the_samples()
on_a_processor()
sampan.finish()
