#!/usr/bin/env python3
"""Renders the same folded files in process: Sampan's library, inferno's and flamegraph.pl. What a user runs, whole processes, is
render_processes.py's.

    python3 bench/render.py RENDER_BENCH [--pairs N] [--only REGEX] [--sampan BINARY] [--folder KEPT [--make]]

RENDER_BENCH is build/release/bench/render_bench. inferno comes from its registry (cargo), flamegraph.pl from Debian's
libdevel-nytprof-perl; what is missing is skipped visibly. Inputs are made by stacks.py and, where BINARY (by default
the one that was built beside) may look at a process, recorded by Sampan itself (recorded.py).

The programs take turns, N times each; each turn is a process of its own that renders so many times and tells the best
CPU milliseconds of parsing and rendering in memory (flamegraph.pl: of the whole process). The table has the median of
the turns and, of the ratios of neighbouring turns, the median and the range. `whole`: a picture with all its data;
`like inferno`: only what inferno draws, frames from 0.01 % of the whole on, without data and script.
"""
import argparse
import json
import os
import pathlib
import re
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile

import recorded

HERE = pathlib.Path(__file__).parent
PERL = "/usr/share/perl5/Devel/NYTProf/flamegraph.pl"
SYNTHETIC = [  # name, arguments of stacks.py, rounds a turn, turns of flamegraph.pl
    ("synthetic 0.65 MB", ["--megabytes", "0.65"], 40, 5),
    ("synthetic 0.65 MB reversed", ["--megabytes", "0.65"], 20, 1),
    ("synthetic 60 MB local", ["--megabytes", "60", "--unique", "12000"], 3, 1),
    ("synthetic 60 MB shuffled", ["--megabytes", "60", "--unique", "12000", "--shuffle"], 3, 0),
    ("synthetic 240 MB 300k stacks", ["--megabytes", "240", "--unique", "300000"], 1, 0),
]
RECORDED = [  # name, megabytes and way of recorded.grown(), rounds a turn, turns of flamegraph.pl
    ("recorded 0.65 MB", (0.65, "thin"), 40, 5),
    ("recorded 60 MB local", (60, "minutes"), 3, 1),
    ("recorded 60 MB shuffled", (60, "shuffled"), 3, 0),
    ("recorded 240 MB many hosts", (240, "hosts"), 1, 0),
]


def build_inferno():
    if not shutil.which("cargo"):
        print("SKIP: inferno: cargo is not installed")
        return None
    cache = os.environ.get("SAMPAN_CACHE") or os.path.expanduser("~/.cache/sampan")
    target = pathlib.Path(cache) / "inferno"
    env = dict(os.environ, CARGO_TARGET_DIR=str(target))
    done = subprocess.run(["cargo", "build", "--release", "--quiet", "--manifest-path", HERE / "inferno/Cargo.toml"], env=env)
    if done.returncode != 0:
        print("SKIP: inferno: cargo could not build it")
        return None
    return target / "release/inferno_bench"


def run(command):
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def perl(path, reverse):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with open(os.devnull, "w") as nothing:
        subprocess.run(["perl", PERL] + (["--reverse"] if reverse else []) + [path], stdout=nothing, stderr=nothing, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * 1e3


def ratio(theirs, ours):
    if not theirs: return "-"
    all = sorted(a / b for a, b in zip(theirs, ours))
    return "%.1fx (%.1f–%.1f)" % (statistics.median(all), all[0], all[-1])


def row(name, path, rounds, pairs, bench, inferno, perl_turns):
    reverse = ["--reverse"] if "reversed" in name else []
    ours, alone, theirs, old = [], [], [], []
    for turn in range(pairs):
        ours.append(run([bench, "--rounds", str(rounds)] + reverse + [path]))
        if inferno: theirs.append(run([inferno] + reverse + [str(rounds), path]))
        alone.append(run([bench, "--alone", "--rounds", str(rounds)] + reverse + [path]))
        if turn < perl_turns and os.path.exists(PERL): old.append(perl(path, bool(reverse)))
    ms = lambda runs: [run["ms"] for run in runs]
    middle = lambda runs, key="ms": statistics.median(run[key] for run in runs) if runs else 0
    drawn = 0
    if inferno:
        with tempfile.NamedTemporaryFile(suffix=".svg") as out:
            run([inferno] + reverse + ["1", path, out.name])
            drawn = len(re.findall(rb"<rect", out.read())) - 2
    return [name, f"{middle(ours):.2f}", f"{middle(ours, 'parse_ms'):.2f}", f"{middle(alone, 'data_ms'):.2f}", f"{ours[0]['bytes'] / 1e6:.2f}",
            f"{alone[0]['frames']:,}", f"{max(r['peak_kb'] for r in ours) / 1024:.0f}",
            f"{middle(alone):.2f}", f"{alone[0]['bytes'] / 1e6:.2f}", f"{alone[0]['drawn']:,}",
            f"{middle(theirs):.1f}", f"{theirs[0]['bytes'] / 1e6:.2f}" if theirs else "-", f"{drawn:,}",
            f"{max((r['peak_kb'] for r in theirs), default=0) / 1024:.0f}",
            ratio(ms(theirs), ms(ours)), ratio(ms(theirs), ms(alone)),
            f"{statistics.median(old):.0f}" if old else "-", ratio(old, ms(ours)), ratio(old, ms(alone))]


def inputs(options, folder):
    """Yields (name, path, rounds, turns of flamegraph.pl); without a folder to keep them in, one file at a time."""
    lines = None
    for name, source, rounds, perl_turns in SYNTHETIC + RECORDED:
        if not re.search(options.only, name): continue
        path = os.path.join(folder, name.replace(" ", "-") + ".folded")
        if not os.path.exists(path) and isinstance(source, list):
            with open(path, "w") as out:
                subprocess.run([sys.executable, HERE / "stacks.py"] + source, stdout=out, check=True)
        elif not os.path.exists(path):
            if lines is None: lines = record(options)
            if not lines: continue
            with open(path, "w") as out:
                recorded.grown(lines, *source, out)
        yield name, path, rounds, perl_turns
        if not options.folder: os.remove(path)


def record(options):
    lines = recorded.recorded(options.sampan, options.seconds) if os.path.exists(options.sampan) else []
    if not lines: print("SKIP: recorded inputs: %s is not built, or may not look at a process here" % options.sampan)
    else: print("recorded: %d stacks, %.1f MB" % (len(lines), sum(len(stack) + len(count) + 2 for stack, count in lines) / 1e6))
    return lines


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("bench")
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--only", default="", help="inputs whose name matches")
    parser.add_argument("--seconds", type=int, default=30, help="of recording")
    parser.add_argument("--sampan", default=str(HERE.parent / "build/release/sampan"))
    parser.add_argument("--folder", help="keeps the inputs there, and takes those that are there")
    parser.add_argument("--keep-memory", action="store_true", help="both allocators keep freed memory between rounds")
    parser.add_argument("--make", action="store_true", help="only makes the inputs")
    options = parser.parse_args()
    if options.make: return [print(name, os.path.getsize(path)) for name, path, *_ in inputs(options, options.folder)]
    if options.keep_memory: os.environ.update(MALLOC_TRIM_THRESHOLD_="4000000000", MALLOC_MMAP_THRESHOLD_="1000000000")
    inferno = build_inferno()
    if not os.path.exists(PERL): print("SKIP: flamegraph.pl: install libdevel-nytprof-perl")
    head = ["input", "whole: ms", "of it reading", "of it data", "MB", "frames", "peak MB", "like inferno: ms", "MB", "frames drawn",
            "inferno: ms", "MB", "frames drawn", "peak MB", "ratio, whole", "ratio, like inferno",
            "flamegraph.pl: ms", "ratio, whole", "ratio, like inferno"]
    print("| " + " | ".join(head) + " |\n|" + "---|" * len(head))
    with tempfile.TemporaryDirectory() as folder:
        folder = options.folder or folder
        for name, path, rounds, perl_turns in inputs(options, folder):
            print("| " + " | ".join(row(name, path, rounds, options.pairs, options.bench, inferno, perl_turns)) + " |", flush=True)


if __name__ == "__main__":
    main()
