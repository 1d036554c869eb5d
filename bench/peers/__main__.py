"""Sampan beside its peers, on the same target at the same rate, in one run with alternating order:

    python3 bench/peers SUITE… [--rate HZ…] [--pairs N] [--seconds N] [--only TEXT] [--keep FILE]
    python3 bench/peers report FILE…

SUITE: python-uwsgi, python-threads, python-oracle, python-start, native, native-start, java, java-start; native-stacks, ruby, php and render run
the benches of those. Every pair is the target alone and beside the profiler, the one first as often as the other; figures
are medians over the pairs, with the lowest and highest. What is missing is skipped visibly."""
import argparse
import json
import os
import pathlib
import re
import signal
import subprocess
import sys

import measure
import report
import table
import targets

ROOT = targets.HERE.parents[1]
BASELINE = 1.2   # seconds of the target alone, each time


def python(make, kind, *more):
    """A target on that interpreter, found when its turn comes."""
    return lambda: make(kind, table.python_of(kind), *more)


# What each suite runs: its peers, its targets, its rates.
SUITES = {
    "python-uwsgi": (table.PYTHON, [targets.uwsgi], [100]),
    "python-threads": (table.PYTHON, [python(targets.threads, "3.13")], [100]),
    "python-oracle": (table.PYTHON, [python(targets.oracle, kind, spins) for kind in ("3.15", "3.13") for spins in (0, 8)], [1000, 10000]),
    "python-start": (table.PYTHON, [python(targets.clock, kind) for kind in ("3.13", "3.15")], [1000]),
    "native": (table.NATIVE, [targets.native], [99]),
    "java": (table.JAVA, [targets.java], [100]),
    "java-start": (table.JAVA, [lambda: targets.java("Clock")], [1000]),
    "native-start": (table.NATIVE, [lambda: targets.native("clock")], [999]),
}
OTHERS = {"native-stacks": ["native_peers.py"], "ruby": ["ruby_peers.py"], "php": ["php_peers.py"], "render": ["render.py", str(ROOT / "build/release/bench/render_bench")]}


def pair(peer, target, arguments, rate, number):
    """The target alone and beside the profiler, in turns of order."""
    alone = None
    steady = target.truth or target.oracle
    if steady and number % 2 == 0:
        alone = measure.alone(target, BASELINE)
    figures = measure.beside(peer, target, rate, arguments.seconds)
    if steady and alone is None:
        alone = measure.alone(target, BASELINE)
    return dict(figures, alone=alone)


def run(suite, peers, make, rate, arguments, versions, keep):
    with make() as target:
        if arguments.target not in target.name:
            return
        wanted = [peer for peer in peers if not peer.where(target)]
        for peer in peers:
            if peer.where(target):
                print("SKIP: %s on %s: %s" % (peer.name, target.name, peer.where(target)), flush=True)
        for number in range(arguments.pairs):
            order = wanted[number % len(wanted):] + wanted[:number % len(wanted)]
            for peer in order:
                figures = pair(peer, target, arguments, rate, number)
                keep(dict(figures, suite=suite, target=target.name, rate=rate, profiler=peer.name, version=versions[peer.name],
                          threads=target.threads))


def keeper(path):
    records = []

    def keep(record):
        records.append(record)
        if path:
            with open(path, "a") as file:
                file.write(json.dumps(record) + "\n")
    return records, keep


def main():
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("suite", nargs="+")
    words.add_argument("--rate", type=int, nargs="+")
    words.add_argument("--pairs", type=int, default=5)
    words.add_argument("--seconds", type=int, default=4)
    words.add_argument("--only", default="", help="profilers whose name this regular expression finds")
    words.add_argument("--target", default="", help="targets whose name has this text")
    words.add_argument("--keep", type=pathlib.Path)
    arguments = words.parse_args()
    if arguments.suite[0] == "report":
        return report.show(report.load(arguments.suite[1:]))
    for suite in arguments.suite:
        if suite in OTHERS:
            script, *more = OTHERS[suite]
            subprocess.run([sys.executable, ROOT / "bench" / script, *more], check=False)
            continue
        peers, makes, rates = SUITES[suite]
        peers, versions = table.present([peer for peer in peers if re.search(arguments.only, peer.name)])
        records, keep = keeper(arguments.keep)
        for make in makes:
            for rate in arguments.rate or rates:
                run(suite, peers, make, rate, arguments, versions, keep)
        report.show(records)


if __name__ == "__main__":
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by a signal; what was measured is kept"))   # targets end too
    main()
