#!/usr/bin/env python3
"""Python exact and mixed with native, beside py-spy and CPython's own profiler (Tachyon, 3.15), in one run each.

    python_exact.py oracle [SECONDS]   frames of 50 ns: impossible stacks, dropped samples, leaf share beside a stopped reference
    python_exact.py mixed [SECONDS]    C below Python: numpy, zlib, json, sqlite3, Cython, C++
    python_exact.py harm [PAIRS]       uWSGI 4 x 2 and 3.15 in 4 x 2: throughput, the target's own CPU a request, cost
    python_exact.py kernel [SECONDS]   the in-kernel walk: time a sample and a frame, instructions that the verifier went through

$SAMPAN_CACHE/peers is a virtual environment with py-spy, numpy, Cython and setuptools."""
import concurrent.futures
import math
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

BENCH = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(BENCH.parent / "tests" / "live"))
import python_harm  # noqa: E402
import pythons  # noqa: E402
import sampan  # noqa: E402

PEERS = sampan.CACHE / "peers" / "bin"
PROGRAMS = sampan.WORKLOADS / "python"
ROUNDS = 3


def total(stacks):
    return sum(count for _, count in stacks)


def bare(frame):
    """A function's name alone, in the folded output of any of the profilers."""
    frame = re.sub(r"^(.*\.pyx?):(.+):\d+$", r"\2", frame)
    return frame.split(" (")[0].split(".")[-1]


class Taken:
    """What one profiler brought: stacks of bare names, samples it asked for, samples it dropped."""

    def __init__(self, name, stacks, wanted, dropped, note=""):
        self.name, self.stacks, self.wanted, self.dropped, self.note = name, stacks, wanted, dropped, note
        self.beside = None   # the reference that was taken meanwhile


def agent(load, tier, rate, seconds, **more):
    run = sampan.profile(pid=load.pid, tier=tier, rate=rate, seconds=seconds, group_by=[], lines=False, max_cpu_percent=100, **more)
    quality = run.result["quality"]
    dropped = quality["failed"] + quality["lost"] + quality["suspect"]
    note = "ticks late: %d" % quality["late"] if quality["late"] else ""
    return Taken("Sampan, %s" % tier, run.stacks(), rate * seconds, dropped, note)


def py_spy(load, rate, seconds, *options):
    if not (PEERS / "py-spy").exists():
        return None
    out = tempfile.mktemp(prefix="sampan-pyspy-")
    done = subprocess.run([PEERS / "py-spy", "record", "-p", str(load.pid), "-r", str(rate), "-d", str(seconds), "-f", "raw", "-o", out,
                           "--nolineno", *options], capture_output=True, text=True)
    text = done.stdout + done.stderr
    told = re.search(r"Samples: (\d+) Errors: (\d+)", text)
    behind = re.search(r"([\d.]+)s behind", text)
    stacks = sampan.parse_folded(pathlib.Path(out).read_text()) if os.path.exists(out) else []
    return Taken("py-spy" + "".join(" " + o for o in options), stacks, rate * seconds, int(told[2]) if told else None,
                 "%s s behind" % behind[1] if behind else "")


def tachyon(python, load, rate, seconds, *options):
    out = tempfile.mktemp(prefix="sampan-tachyon-")
    done = subprocess.run([python.command, "-m", "profiling.sampling", "attach", "-a", "-r", str(rate), "-d", str(seconds), "--no-gc",
                           "--collapsed", "-o", out, *options, str(load.pid)], capture_output=True, text=True)
    captured, errors = (re.search(pattern, done.stdout) for pattern in (r"Captured ([\d,]+)", r"Error rate: ([\d.]+)"))
    stacks = sampan.parse_folded(pathlib.Path(out).read_text()) if os.path.exists(out) else []
    stacks = [([frame for frame in frames if not frame.startswith("tid:")], count) for frames, count in stacks]
    asked = int(captured[1].replace(",", "")) if captured else 0
    return Taken("Tachyon" + "".join(" " + o for o in options), stacks, rate * seconds,
                 round(asked * float(errors[1]) / 100) if errors else None)


def reference(python, load, seconds):
    done = subprocess.run([python.command, str(BENCH / "python_reference.py"), str(load.pid), str(seconds)], capture_output=True, text=True)
    stacks = sampan.parse_folded(done.stdout)
    return Taken("stopped reference", stacks, total(stacks), 0)


def with_reference(python, load, tier, rate, seconds):
    """Both at once, so that they see the same: what else runs on the machine moves the shares of frames as short as these."""
    with concurrent.futures.ThreadPoolExecutor() as pool:
        beside = pool.submit(reference, python, load, seconds)
        taken = agent(load, tier, rate, seconds)
        taken.beside = beside.result()
    return taken


def possible(frames):
    """<module>, main, turn, then topN, midN, leafN of one N: as much of it as there is."""
    below = [re.fullmatch(r"(top|mid|leaf)(\d)", frame) for frame in frames[3:]]
    if frames[:3] != ["<module>", "main", "turn"][:len(frames)] or not all(below):
        return False
    return [m[1] for m in below] == ["top", "mid", "leaf"][:len(below)] and len({m[2] for m in below}) <= 1


def oracle_row(rate, taken, of):
    stacks = [([bare(frame) for frame in frames], count) for frames, count in taken.stacks]
    count = total(stacks)
    if not count:
        return print("| %d | %s | no samples |" % (rate, taken.name), flush=True)
    wrong = sum(n for frames, n in stacks if not possible(frames))
    share = sampan.leaf_share(stacks, "^leaf")
    truth, size = of or (share, count)
    error = 100 * math.sqrt(truth * (1 - truth) * (1 / count + (1 / size if of else 0)))
    print("| %s | %s | %d of %d | %s | %d (%.3f %%) | %.2f %% | %+.2f ± %.2f | %s |" % (
        rate or "", taken.name, count, taken.wanted, "?" if taken.dropped is None else taken.dropped, wrong, 100 * wrong / count, 100 * share,
        100 * (share - truth), error, taken.note), flush=True)
    return share, count


def plan(python, load):
    """[(rate, seconds of one round in tenths, how)]: what needs many samples is given more time."""
    remote = python.version >= (3, 14)   # CPython reads itself from then on
    rows = [(0, 30, lambda s: reference(python, load, s) if remote else agent(load, "ptrace", 1000, s))]
    for rate in (1000, 10000):
        rows += [(rate, 25 if rate == 1000 else 5, lambda s, tier=tier, rate=rate: agent(load, tier, rate, s)) for tier in ("ebpf", "ptrace")]
        rows += [(rate, 4, lambda s, rate=rate: agent(load, "memory", rate, s))]
        if remote:
            rows += [(rate, 20 if rate == 1000 else 10, lambda s, rate=rate: with_reference(python, load, "ebpf", rate, s))]
        if python.version >= (3, 15):
            rows += [(rate, 5, lambda s, rate=rate, more=more: tachyon(python, load, rate, s, *more)) for more in ((), ("--blocking",))]
        elif rate == 1000:
            rows += [(rate, 10, lambda s, rate=rate, more=more: py_spy(load, rate, s, *more)) for more in ((), ("--nonblocking",))]
    return rows


def oracle(seconds):
    """Each in turn, in several rounds: what drifts on the machine meets all alike."""
    found = {python.kind: python for python in pythons.all_pythons()}
    for python in [found[kind] for kind in os.environ.get("ONLY", "3.15 3.13").split() if kind in found]:
        with sampan.Workload([python.command, PROGRAMS / "tiny.py", 3000], ready=lambda load: load.says("ready")) as load:
            rows = plan(python, load)
            taken = [[how(max(1, round(tenths * seconds / 10))) for _, tenths, how in rows] for _ in range(ROUNDS)]
        print("\nCPython %s, frames of 50 ns; ± is one standard error of the difference, points\n" % python)
        print("| Hz | profiler | samples | dropped or suspect | impossible | leaf share | off the reference | |\n|---|---|---|---|---|---|---|---|")
        of = None
        for (rate, _, _), parts in zip(rows, zip(*taken)):
            parts = [part for part in parts if part]
            if parts:
                dropped = None if any(p.dropped is None for p in parts) else sum(p.dropped for p in parts)
                row = Taken(parts[0].name, [s for p in parts for s in p.stacks], sum(p.wanted for p in parts), dropped, parts[-1].note)
                beside = [s for p in parts if p.beside for s in p.beside.stacks]
                if beside:
                    with_it = oracle_row(rate, Taken("stopped reference, at the same time", beside, total(beside), 0), None)
                    oracle_row(rate, row, with_it)
                else:
                    of = oracle_row(rate, row, of) if of is None else (oracle_row(rate, row, of), of)[1]


# Below each function of mixed.py: whose C stands there.
BELOW = {"multiply": r"openblas|gemm|multiarray|umath", "order": r"sort|multiarray|umath|simd", "press": r"deflate|longest_match|adler|crc|libz|zlib",
         "dump": r"encode|json|PyUnicode|PyObject|PyList|PyLong|_Py|Py[A-Z]", "query": r"sqlite", "cythonic": r"pyx|sampan_cython|grind_cython",
         "plusplus": r"grind|sampan_plus|std::"}


def mixed_row(taken):
    stacks = [(frames, [bare(frame) for frame in frames], count) for frames, count in taken.stacks]
    count = sum(n for _, _, n in stacks)
    rooted = sum(n for frames, names, n in stacks if "<module>" in names and "[truncated]" not in frames)
    cells = []
    for function, pattern in BELOW.items():
        mine = [(frames[names.index(function) + 1:], n) for frames, names, n in stacks if function in names]
        hits = sum(n for below, n in mine if any(re.search(pattern, frame) for frame in below))
        cells.append("%.0f %% of %d" % (100 * hits / max(1, total(mine)), total(mine)))
    named = sum(n for frames, _, n in stacks if not re.search(r"!0x|\[unknown\]|^0x", frames[-1]))
    print("| %s | %d | %.2f %% | %.1f %% | %s | %s |" % (taken.name, count, 100 * rooted / max(1, count), 100 * named / max(1, count),
          " | ".join(cells), taken.note), flush=True)


def mixed(seconds):
    folder = pathlib.Path(tempfile.mkdtemp(prefix="sampan-mixed-")) / "mixed"
    shutil.copytree(PROGRAMS / "mixed", folder)
    python = str(PEERS / "python3")
    built = subprocess.run([python, "setup.py", "-q", "build_ext", "--inplace"], cwd=folder, capture_output=True, text=True,
                           env=dict(os.environ, CFLAGS="-g0 -O2"))
    if built.returncode:
        return sampan.skip("mixed", built.stderr[-300:])
    environment = dict(os.environ, OPENBLAS_NUM_THREADS="1")
    print("| profiler | samples | from <module> on, whole | leaf has a name | %s | |\n|%s" % (" | ".join(BELOW), "---|" * (5 + len(BELOW))))
    with sampan.Workload([python, folder / "mixed.py", 3000], ready=lambda load: load.says("ready"), env=environment) as load:
        for tier in ("ebpf", "ptrace"):
            mixed_row(agent(load, tier, 500, seconds, native=True))
        mixed_row(py_spy(load, 500, seconds, "--native"))
    uwsgi_mixed(seconds)


def uwsgi_mixed(seconds):
    with sampan.uwsgi(workers=2, prefix="mixed_") as server:
        with sampan.Workload(["python3", sampan.WORKLOADS / "uwsgi" / "load.py", server.port, 3 * seconds + 10, 4]):
            for tier in ("ebpf", "ptrace"):
                run = sampan.profile(procname_prefix="mixed_uWSGI worker", tier=tier, rate=500, seconds=seconds, native=True, group_by=[], max_cpu_percent=100)
                mine = [(frames, count) for frames, count in run.stacks() if any(frame.startswith("application (") for frame in frames)]
                around = sum(n for frames, n in mine if any("uwsgi" in frame.lower() for frame in frames[:[f.startswith("application (") for f in frames].index(True)]))
                truncated = sum(n for frames, n in run.stacks() if "[truncated]" in frames)
                print("uWSGI, %s: %d stacks, %.2f %% whole; uWSGI's own C above `application` in %d of %d; deflate below compress in %.0f %%" % (
                    tier, total(run.stacks()), 100 * (1 - truncated / max(1, total(run.stacks()))), around, total(mine),
                    100 * sampan.share([s for s in run.stacks() if any(f.startswith("compress (") for f in s[0])], r"deflate|longest_match|adler|crc")))


def main():
    which = sys.argv[1] if len(sys.argv) > 1 else "oracle"
    number = int(sys.argv[2]) if len(sys.argv) > 2 else 8
    {"oracle": oracle, "mixed": mixed, "harm": python_harm.harm, "kernel": python_harm.kernel}[which](number)


main()
