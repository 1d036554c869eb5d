"""What users of other samplers reported of Python: deep stacks, two Pythons in one process, code compiled by Nuitka."""
import os
import pathlib
import re
import subprocess
import tempfile

import pythons
import sampan
from sampan import check

SOURCES = sampan.WORKLOADS / "python"
FOLDER = pathlib.Path(tempfile.mkdtemp(prefix="sampan-reports-"))


def below(result, name):
    return sum(n for frames, n in result.stacks() if any(f.startswith(name + " ") for f in frames))


def deep(python):
    """Half of the work lies below 2,000 calls: half of the samples too, in the tier that reads while it runs."""
    for depth in (200, 2000, 9000) if python.version < (3, 11) else (2000, 9000):
        with sampan.Workload([python.command, SOURCES / "deep_shares.py", depth, 200000], ready=lambda load: load.says("ready")) as load:
            result = sampan.profile(pid=load.pid, tier="memory", seconds=6, rate=100, group_by=[])
        quality = result.result.get("quality", {})
        one, other = below(result, "deep"), below(result, "shallow")
        share = one / (one + other) if one + other else 0
        sigma = 0.5 / max(one + other, 1) ** 0.5
        check(one + other >= 100 and abs(share - 0.5) <= 0.05 + 3 * sigma, "%s, %d calls deep: %.1f %% of %d samples there, true are 50 "
              "(%d failed, %d truncated, %d suspect)" % (python, depth, 100 * share, one + other, quality.get("failed", 0), quality.get("truncated", 0), quality.get("suspect", 0)))


def library_of(python):
    told = subprocess.run([python.command, "-c", "import sys, sysconfig; print(sysconfig.get_config_var('LIBDIR')); print(sysconfig.get_config_var('INSTSONAME')); print(sys.base_prefix)"],
                          capture_output=True, text=True)
    lines = told.stdout.split("\n")
    path = pathlib.Path(lines[0]) / lines[1] if len(lines) >= 3 else pathlib.Path("/nowhere")
    return (path, lines[2]) if path.exists() and ".so" in path.name else None


def two_in_one(every):
    libraries = [(python, library_of(python)) for python in every]
    libraries = [(python, found) for python, found in libraries if found]
    versions = {python.version: (python, found) for python, found in libraries}
    if len(versions) < 2:
        return sampan.skip("two Pythons in one process", "fewer than two shared libpythons on this machine")
    newest, oldest = versions[max(versions)], versions[min(v for v in versions if v >= (3, 6)) if any(v >= (3, 6) for v in versions) else min(versions)]
    host = FOLDER / "two_pythons"
    subprocess.run(["gcc", "-O1", str(SOURCES / "two_pythons.c"), "-o", str(host), "-ldl", "-lpthread"], check=True)
    pair = [str(word) for _, (library, home) in (newest, oldest) for word in (library, home)]
    with sampan.Workload([host, *pair], ready=lambda load: load.says("ready") and load.says("second")) as load:
        for tier in ("memory", "ptrace", "auto"):
            result = sampan.profile(pid=load.pid, tier=tier, seconds=3, rate=50, group_by=[])
            first, second = below(result, "work_first"), below(result, "work_second")
            check(first >= 10 and second >= 10, "Python %s and %s in one process, %s: %d and %d samples" % (newest[0], oldest[0], tier, first, second))


def compiled(python):
    script = pathlib.Path(__file__).with_name("get_nuitka.sh")
    got = subprocess.run(["sh", str(script), python.command], capture_output=True, text=True, timeout=300)
    if got.returncode:
        return sampan.skip("Nuitka with Python %s" % python, got.stderr.strip()[-200:])
    folder = FOLDER / ("nuitka-" + python.name)
    environment = dict(os.environ, PYTHONPATH=got.stdout.strip(), NUITKA_CACHE_DIR=str(sampan.CACHE / "nuitka" / "cache"))
    built = subprocess.run([python.command, "-m", "nuitka", "--assume-yes-for-downloads", "--output-dir=%s" % folder, str(SOURCES / "nuitka_hot.py")],
                           env=environment, capture_output=True, text=True, timeout=900)
    program = folder / "nuitka_hot.bin"
    if built.returncode or not program.exists():
        return sampan.skip("Nuitka with Python %s" % python, (built.stdout + built.stderr).strip()[-300:])
    for tier in ("memory", "ptrace", "ebpf"):
        with sampan.Workload([program], ready=lambda load: load.says("ready")) as load:
            result = sampan.profile(pid=load.pid, tier=tier, seconds=3, rate=100, group_by=[])
        if result.code == 4:
            sampan.skip("Nuitka in the %s tier" % tier, result.result.get("sentence", ""))
            continue
        quality = result.result.get("quality", {})
        hot = below(result, "hot")
        every = quality.get("taken", 0) + quality.get("failed", 0)
        check(hot >= 30 and hot >= 0.9 * every, "Nuitka, Python %s, %s: %d of %d samples in `hot`, %d failed" % (python, tier, hot, every, quality.get("failed", 0)))
        lines = {f for frames, _ in result.stacks() for f in frames if f.startswith("hot ") and re.search(r":\d+\)$", f)}
        check(not lines, "Nuitka, Python %s, %s: no line where the position is not known%s" % (python, tier, "".join(" " + line for line in sorted(lines)[:3])))


def has_headers(python):
    told = subprocess.run([python.command, "-c", "import sysconfig; print(sysconfig.get_path('include'))"], capture_output=True, text=True)
    return (pathlib.Path(told.stdout.strip() or "/nowhere") / "Python.h").exists()


ALL = pythons.all_pythons()
for each in ALL:
    if each.version in ((3, 8), (3, 10), (3, 11), (3, 13)) and each.kind == "%d.%d" % each.version:
        deep(each)
two_in_one(ALL)
with_headers = [each for each in ALL if each.version >= (3, 12) and has_headers(each)]
if with_headers:
    compiled(with_headers[0])
else:
    sampan.skip("Nuitka", "no Python of 3.12 or newer with its headers")
sampan.finish()
