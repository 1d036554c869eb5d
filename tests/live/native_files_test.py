"""Native programs as compilers, distributions, packers and run-time compilers leave them, in both capture tiers: without
section headers, without unwind information (musl), with text in anonymous memory, Go linked by an outer linker, debug
information shared by dwz or split into .dwo, perf maps of processes that have ended, snapshots of file systems."""
import os
import pathlib
import shutil
import subprocess
import sys
import threading

import sampan
from native_programs import FOLDER, SOURCES, start
from sampan import check

TIERS = [t for t in ("ebpf", "ptrace") if t in (sys.argv[1:] or ("ebpf", "ptrace"))]
ENOUGH = 60


def compiled(name, *command):
    """FOLDER/name, built by `command`, in which {out} stands for it; None with a visible skip where that fails."""
    target = FOLDER / name
    if not target.exists():
        done = subprocess.run([str(word).replace("{out}", str(target)) for word in command], capture_output=True, text=True, cwd=FOLDER)
        if done.returncode:
            return sampan.skip(name, done.stderr.strip()[-200:])
    return target


def run(load, tier, **params):
    return sampan.profile(pid=load.pid, tier=tier, rate=200, seconds=3 if sampan.LONG else 2, group_by=[], **params)


def figures(result):
    quality = result.result.get("quality", {})
    return quality.get("taken", 0), quality.get("truncated", 0), quality.get("inferred", 0)


def check_whole(what, tier, result, least=0.95):
    taken, truncated, inferred = figures(result)
    share = (taken - truncated) / taken if taken else 0
    return check(taken >= ENOUGH and share >= least, "%s, %s: %.1f %% of %d stacks whole, %d of them inferred"
                 % (what, tier, 100 * share, taken, inferred))


def without_rows(tier):
    program = compiled("false_root", "gcc", "-O1", "-fomit-frame-pointer", "-fno-asynchronous-unwind-tables", "-fno-unwind-tables",
                       SOURCES / "false_root.c", "-o", "{out}")
    for mode in ("leaf", "bare") if program else ():
        with start(program, mode) as load:
            result = run(load, tier)
        check_whole("no rows, %s" % mode, tier, result)
        stacks = result.stacks()
        spin = sum(n for frames, n in stacks if "spin" in frames[-1:])
        right = sum(n for frames, n in stacks if frames[-1:] == ["spin"] and frames.count("level") >= 20 and "main" in frames and (mode == "bare" or "leaf" in frames))
        check(right >= 0.99 * spin > 0, "no rows, %s, %s: %d of %d samples in the leaf show all 20 callers" % (mode, tier, right, spin))
    made = compiled("jit", "gcc", "-O2", SOURCES / "jit.c", "-o", "{out}")
    if made:
        with start(made, 0, "bare") as load:
            result = run(load, tier)
        taken, truncated, inferred = figures(result)
        inside = sum(n for frames, n in result.stacks() if frames[-1] == "made_here")
        check(taken >= ENOUGH and truncated >= 0.9 * inside > 0 and inferred >= inside, "made code that clears rbp, %s: %d of %d samples in it, "
              "%d truncated, %d inferred: none is called whole" % (tier, inside, taken, truncated, inferred))


def headers(tier):
    plain = compiled("split_plain", "g++", "-O2", "-fomit-frame-pointer", "-rdynamic", SOURCES / "split.cpp", "-o", "{out}")
    if not plain or not sampan.need("llvm-objcopy", "programs without section headers"):
        return
    bare = compiled("split_bare", "llvm-objcopy", "--strip-sections", plain, "{out}")
    with start(bare) as load:
        result = run(load, tier)
    check_whole("no section headers", tier, result, 0.99)
    share = sampan.share(result.stacks(), r"^split::Descent::run")
    check(share > 0.9, "no section headers, %s: %.1f %% of the samples named by the dynamic symbols" % (tier, 100 * share))


def musl(tier):
    if not sampan.need("musl-gcc", "musl"):
        return
    for name, flags in (("musl_dynamic", []), ("musl_static", ["-static"]), ("musl_stripped", ["-static", "-s"])):
        program = compiled(name, "musl-gcc", "-O2", *flags, SOURCES / "libc_calls.c", "-o", "{out}")
        if program:
            with start(program) as load:
                check_whole(name, tier, run(load, tier))


def remapped(tier):
    program = compiled("remap", "gcc", "-O2", "-fomit-frame-pointer", SOURCES / "remap.c", "-o", "{out}")
    with start(program) as load:
        result = run(load, tier)
    check_whole("text in anonymous memory", tier, result, 0.99)
    share = sampan.share(result.stacks(), "^moved_level$")
    check(share > 0.95, "text in anonymous memory, %s: %.1f %% of the samples named" % (tier, 100 * share))


def old_go():
    """A Go of 1.25 or older: the system's, else one that the Go command fetches as a module."""
    for command, environment in ((["/usr/lib/go-1.19/bin/go"], {}), (["go"], {"GOTOOLCHAIN": "go1.24.9"})):
        if shutil.which(command[0]):
            told = subprocess.run([*command, "version"], env=dict(os.environ, **environment), capture_output=True, text=True)
            if told.returncode == 0:
                return command, environment
    return None


def go_by_outer_linker(tier):
    found = old_go()
    if not found:
        return sampan.skip("Go linked by an outer linker", "no Go of 1.25 or older")
    command, environment = found
    for name, flags in (("go_pie", ""), ("go_pie_stripped", "-s -w ")):
        target = FOLDER / name
        if not target.exists():
            done = subprocess.run([*command, "build", "-buildmode=pie", "-ldflags=%s-linkmode=external" % flags, "-o", target, SOURCES / "split.go"],
                                  env=dict(os.environ, GO111MODULE="off", CGO_ENABLED="1", **environment), capture_output=True, text=True)
            if done.returncode:
                return sampan.skip(name, done.stderr.strip()[-200:])
        with start(target) as load:
            result = run(load, tier)
        check_whole(name, tier, result, 0.97)
        runtime = result.result.get("processes", [{}])[0].get("runtime")
        share = sampan.share(result.stacks(), r"^main\.main")
        check(runtime == "go" and share > 0.9, "%s, %s: runtime %s, %.1f %% of the samples below main.main" % (name, tier, runtime, 100 * share))


def shown_inlined(load, tier):
    result = run(load, tier)
    return sampan.share(result.stacks(), "Mixer::innermost"), result


def debug_elsewhere(tier):
    """Inlined calls whose names lie in another file come from the target's root, and nothing else is opened for them."""
    split = compiled("split_dwarf", "g++", "-g", "-O2", "-gsplit-dwarf", SOURCES / "inlined.cpp", "-o", "{out}")
    if split:
        with start(split) as load:
            share, result = shown_inlined(load, tier)
            check(share > 0.5, "-gsplit-dwarf, %s: inlined calls in %.1f %% of %d samples" % (tier, 100 * share, figures(result)[0]))
    packed = compiled("packed", "g++", "-g", "-gdwarf-4", "-O2", "-gsplit-dwarf", SOURCES / "inlined.cpp", "-o", "{out}") if sampan.need("dwp", "a DWARF package") else None
    if packed:
        package = packed.with_name(packed.name + ".dwp")
        if not package.exists():   # Debian 12's packers end in a crash (dwp) or never (llvm-dwp) with GCC's DWARF 5
            subprocess.run(["dwp", "-e", str(packed), "-o", str(package)], check=True, cwd=FOLDER, timeout=60)
            for each in FOLDER.glob(packed.name + "*.dwo"):
                each.unlink()
        with start(packed) as load:
            share, result = shown_inlined(load, tier)
            check(share > 0.5, "a DWARF package, %s: inlined calls in %.1f %% of %d samples" % (tier, 100 * share, figures(result)[0]))
    plain = compiled("dwz_a", "g++", "-g", "-O2", SOURCES / "inlined.cpp", "-o", "{out}")
    if not plain or not sampan.need("dwz", "debug information shared by dwz"):
        return
    common = FOLDER / "dwz_common.debug"
    if not common.exists():
        shutil.copy(plain, FOLDER / "dwz_b")
        done = subprocess.run(["dwz", "-m", str(common), "-M", str(common), str(plain), str(FOLDER / "dwz_b")], capture_output=True, text=True)
        if done.returncode or not common.exists():
            return sampan.skip("debug information shared by dwz", done.stderr.strip()[-200:])
    with start(plain) as load:
        share, result = shown_inlined(load, tier)
        check(share > 0.5, "dwz, %s: inlined calls in %.1f %% of %d samples" % (tier, 100 * share, figures(result)[0]))
        # The same path as a FIFO: nobody waits for a writer there.
        kept = common.rename(FOLDER / "kept.debug")
        os.mkfifo(common)
        try:
            opens = FOLDER / ("opens-" + tier)
            trace = ["strace", "-f", "-e", "trace=open,openat,openat2", "-o", str(opens)] if shutil.which("strace") else []
            result = sampan.profile(pid=load.pid, tier=tier, rate=100, seconds=2, group_by=[], _timeout=40, _prefix=trace)
            check(result.code == 0 and figures(result)[0] > 0, "dwz, %s: a FIFO in the shared file's place: exit %d, %d samples" % (tier, result.code, figures(result)[0]))
            if trace:
                lines = [line for line in opens.read_text(errors="replace").splitlines() if "dwz_common" in line]
                other = [line for line in lines if "openat2(" not in line or "RESOLVE_IN_ROOT" not in line]
                check(not other, "dwz, %s: its path is opened by openat2 in the target's root alone (%d times)%s" % (tier, len(lines), "".join("\n  " + o for o in other[:3])))
        finally:
            common.unlink()
            kept.rename(common)


def ended(tier):
    program = compiled("jit", "gcc", "-O2", SOURCES / "jit.c", "-o", "{out}")
    with start(program, 3) as load:
        reap = threading.Thread(target=load.process.wait)
        reap.start()
        result = sampan.profile(pid=load.pid, tier=tier, rate=200, seconds=20, group_by=[])
        reap.join()
    pathlib.Path("/tmp/perf-%d.map" % load.pid).unlink(missing_ok=True)
    share = sampan.share(result.stacks(), "^made_here$")
    check(result.result.get("outcome", result.code) is not None and share > 0.8 and figures(result)[0] > 50,
          "a perf map of a process that ended, %s: %.1f %% of %d samples named" % (tier, 100 * share, figures(result)[0]))


def snapshots(tier):
    """A file and its changed copy in a snapshot: maps tells one device and one inode of both (btrfs)."""
    builds = [compiled("named_" + name, "gcc", "-O1", "-DNAME=" + name, SOURCES / "named_by_build.c", "-o", "{out}") for name in ("work_one", "work_two")]
    image, place = FOLDER / "btrfs.image", FOLDER / "btrfs"
    if not sampan.need("mkfs.btrfs", "files in snapshots"):
        return
    place.mkdir(exist_ok=True)
    with open(image, "wb") as file:
        file.truncate(128 << 20)
    for command in (["mkfs.btrfs", "-q", "-f", image], ["mount", "-o", "loop", image, place]):
        done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
        if done.returncode:
            return sampan.skip("files in snapshots", done.stderr.strip()[-200:])
    try:
        subprocess.run(["btrfs", "-q", "subvolume", "create", str(place / "first")], check=True, stdout=subprocess.DEVNULL)
        shutil.copy(builds[0], place / "first" / "program")
        subprocess.run(["btrfs", "-q", "subvolume", "snapshot", str(place / "first"), str(place / "second")], check=True, stdout=subprocess.DEVNULL)
        (place / "second" / "program").write_bytes(builds[1].read_bytes())   # in place: the inode stays
        with start(place / "first" / "program") as one, start(place / "second" / "program") as two:
            ids = [next(line.split()[3:5] for line in open("/proc/%d/maps" % load.pid) if line.endswith("/program\n")) for load in (one, two)]
            result = sampan.profile(pid=[one.pid, two.pid], tier=tier, rate=200, seconds=3)
            right = [sum(n for frames, n in result.stacks() if str(load.pid) in frames[0] and name in frames) for load, name in ((one, "work_one"), (two, "work_two"))]
            taken = figures(result)[0]
        check(ids[0] == ids[1], "one device and inode of two files: %s" % ids)
        check(min(right) > 0 and sum(right) >= 0.98 * taken, "files in snapshots, %s: %d and %d of %d samples have their own file's names" % (tier, *right, taken))
    finally:
        subprocess.run(["umount", str(place)], check=False)


def allowed(tier):
    program = compiled("jit", "gcc", "-O2", SOURCES / "jit.c", "-o", "{out}")
    with start(program, 0) as load:
        result = sampan.profile(pid=load.pid, tier=tier, seconds=1)
    pathlib.Path("/tmp/perf-%d.map" % load.pid).unlink(missing_ok=True)
    if result.code == 4:
        sampan.skip("the %s tier" % tier, result.result.get("sentence", result.err[-300:]))
    return result.code != 4


for each in TIERS:
    if allowed(each):
        for part in (without_rows, headers, musl, remapped, go_by_outer_linker, debug_elsewhere, ended, snapshots):
            part(each)
sampan.finish()
