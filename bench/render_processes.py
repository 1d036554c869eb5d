#!/usr/bin/env python3
"""Renders the same folded files as a user would: the binary's `mode: render`, inferno-flamegraph and flamegraph.pl, each a
process from its start to its end, and prints a table.

    python3 bench/render_processes.py [--pairs N] [--only REGEX] [--sampan BINARY] [--folder KEPT]

The programs take turns. Processor milliseconds (user and system), wall time and peak memory are the kernel's own of each
process; the table has medians and, of the ratios of neighbouring turns, median and range. inferno comes from its registry
(cargo install), flamegraph.pl from Debian's libdevel-nytprof-perl; what is missing is skipped visibly.
"""
import argparse
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import tempfile
import time

import render


def install_inferno():
    if not shutil.which("cargo"):
        return print("SKIP: inferno: cargo is not installed")
    root = pathlib.Path(os.environ.get("SAMPAN_CACHE") or pathlib.Path.home() / ".cache" / "sampan") / "inferno-cli"
    program = root / "bin" / "inferno-flamegraph"
    if not program.exists() and subprocess.run(["cargo", "install", "--quiet", "--root", root, "--version", "^0.12", "inferno"]).returncode != 0:
        return print("SKIP: inferno: cargo could not install it")
    return program


def once(command, out=None, **variables):
    """CPU and wall milliseconds and peak MB of one process."""
    start = time.monotonic()
    child = subprocess.Popen([str(word) for word in command], stdout=out or subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=dict(os.environ, **variables))
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        raise SystemExit("%s ended with %d" % (command[0], child.returncode))
    return {"cpu": (usage.ru_utime + usage.ru_stime) * 1e3, "wall": (time.monotonic() - start) * 1e3, "peak": usage.ru_maxrss / 1024}


def turns_of(path, reverse, options, inferno, perl_turns, folder):
    ours, theirs, old = [], [], []
    params = json.dumps({"mode": "render", "inputs": [path], "output_dir": folder, "reverse": reverse})
    flags = ["--reverse"] if reverse else []
    for turn in range(options.pairs):
        ours.append(once([options.sampan], params=params))
        for picture in pathlib.Path(folder).glob("profile-*"):
            picture.unlink()
        with open(os.path.join(folder, "theirs.svg"), "wb") as out:
            if inferno:
                theirs.append(once([inferno, *flags, path], out))
            if turn < perl_turns and os.path.exists(render.PERL):
                old.append(once(["perl", render.PERL, *flags, path], out))
    return ours, theirs, old


def ratio(theirs, ours, key):
    if not theirs:
        return "-"
    every = sorted(a[key] / b[key] for a, b in zip(theirs, ours))
    return "%.1fx (%.1f–%.1f)" % (statistics.median(every), every[0], every[-1])


def cells(runs):
    middle = lambda key: statistics.median(run[key] for run in runs)
    return ["%.1f" % middle("cpu"), "%.1f" % middle("wall"), "%.0f" % middle("peak")] if runs else ["-"] * 3


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--only", default="", help="inputs whose name matches")
    parser.add_argument("--seconds", type=int, default=30, help="of recording")
    parser.add_argument("--sampan", default=str(render.HERE.parent / "build/release/sampan"))
    parser.add_argument("--folder", help="keeps the inputs there, and takes those that are there")
    options = parser.parse_args()
    inferno = install_inferno()
    if not os.path.exists(render.PERL):
        print("SKIP: flamegraph.pl: install libdevel-nytprof-perl")
    head = ["input", "Sampan: CPU ms", "wall ms", "peak MB", "inferno: CPU ms", "wall ms", "peak MB", "flamegraph.pl: CPU ms", "wall ms", "peak MB",
            "inferno to Sampan, CPU", "wall", "flamegraph.pl to Sampan, CPU", "wall"]
    print("| " + " | ".join(head) + " |\n|" + "---|" * len(head))
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory(dir="/dev/shm") as pictures:
        for name, path, _, perl_turns in render.inputs(options, options.folder or folder):
            ours, theirs, old = turns_of(path, "reversed" in name, options, inferno, perl_turns, pictures)
            row = [name, *cells(ours), *cells(theirs), *cells(old), ratio(theirs, ours, "cpu"), ratio(theirs, ours, "wall"), ratio(old, ours, "cpu"), ratio(old, ours, "wall")]
            print("| " + " | ".join(row) + " |", flush=True)


if __name__ == "__main__":
    main()
