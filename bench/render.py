#!/usr/bin/env python3
"""Renders the same folded files with Sampan, inferno (as a library) and flamegraph.pl, and prints a table of ratios.

    python3 bench/render.py RENDER_BENCH [--small]

RENDER_BENCH is build/release/bench/render_bench. inferno comes from its registry (cargo), flamegraph.pl from Debian's
libdevel-nytprof-perl; what is missing is skipped visibly. Times are CPU milliseconds of the best of several rounds:
parsing and rendering in the process for Sampan and inferno, the whole process for flamegraph.pl.
"""
import json
import os
import pathlib
import resource
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).parent
PERL = "/usr/share/perl5/Devel/NYTProf/flamegraph.pl"
INPUTS = [  # name, arguments of stacks.py, rounds, whether flamegraph.pl has its turn
    ("0.65 MB", ["--megabytes", "0.65"], 60, True),
    ("0.65 MB reversed", ["--megabytes", "0.65"], 40, True),
    ("60 MB, local", ["--megabytes", "60", "--unique", "12000"], 3, True),
    ("60 MB, shuffled", ["--megabytes", "60", "--unique", "12000", "--shuffle"], 3, False),
    ("240 MB, 300k stacks", ["--megabytes", "240", "--unique", "300000"], 2, False),
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
    if not os.path.exists(PERL): return None
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with open(os.devnull, "w") as nothing:
        subprocess.run(["perl", PERL] + (["--reverse"] if reverse else []) + [path], stdout=nothing, stderr=nothing, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * 1e3


def row(name, path, rounds, bench, inferno, with_perl):
    reverse = ["--reverse"] if "reversed" in name else []
    ours = run([bench, "--rounds", str(rounds)] + reverse + [path])
    theirs = run([inferno] + reverse + [str(max(rounds // 2, 1)), path]) if inferno else None
    old = perl(path, bool(reverse)) if with_perl else None
    cells = [name, f"{ours['ms']:.2f}", f"{ours['bytes'] / 1e6:.2f}", f"{ours['peak_kb'] / 1024:.0f}"]
    if theirs:
        cells += [f"{theirs['ms']:.1f}", f"{theirs['bytes'] / 1e6:.2f}", f"{theirs['peak_kb'] / 1024:.0f}", f"{theirs['ms'] / ours['ms']:.1f}x"]
    else:
        cells += ["-"] * 4
    cells += [f"{old:.0f}", f"{old / ours['ms']:.0f}x"] if old else ["-", "-"]
    return cells


def main():
    bench = sys.argv[1]
    inputs = INPUTS[:2] if "--small" in sys.argv else INPUTS
    inferno = build_inferno()
    if not os.path.exists(PERL): print("SKIP: flamegraph.pl: install libdevel-nytprof-perl")
    head = ["input", "sampan ms", "MB out", "peak MB", "inferno ms", "MB out", "peak MB", "ratio", "perl ms", "ratio"]
    print("| " + " | ".join(head) + " |\n|" + "---|" * len(head))
    with tempfile.TemporaryDirectory() as folder:
        for name, arguments, rounds, with_perl in inputs:
            path = os.path.join(folder, "stacks.folded")
            with open(path, "w") as out:
                subprocess.run([sys.executable, HERE / "stacks.py"] + arguments, stdout=out, check=True)
            print("| " + " | ".join(row(name, path, rounds, bench, inferno, with_perl)) + " |", flush=True)


main()
