#!/usr/bin/env python3
"""PHP beside phpspy (no package has it: one on PATH or in $PHPSPY is taken). Usage: php_peers.py [PAIRS] [WINDOW_SECONDS]"""
import os
import re
import shutil
import subprocess
import sys

import beside
import sampan   # beside.py knows where

TRUTH = sampan.WORKLOADS / "php" / "truth.php"
# Work at some depth, counted into a file.
COUNTER = """<?php
function descend($depth, $work) { return $depth === 0 ? $work() : descend($depth - 1, $work); }
function leaf($n) {
    $sum = 0;
    foreach (range(1, $n) as $i) {
        $sum += crc32("$i") % 7;
    }
    return $sum;
}
$file = fopen($argv[1], "r+b");
stream_set_write_buffer($file, 0);
for ($count = 1; ; $count++) {
    descend(20, function () {
        for ($i = 0; $i < 100; $i++) {
            leaf(20);
        }
    });
    rewind($file);
    fwrite($file, pack("P", $count));
}
"""


def line_of(text):
    return next(number for number, line in enumerate(TRUTH.read_text().splitlines(), 1) if text in line)


def expected():
    calls = {"hot": line_of("spend(0.06"), "warm": line_of("spend(0.03"), "cold": line_of("spend(0.01")}
    ends = dict(calls, warm=calls["warm"] + 2)   # a call over several lines bears its first or its last, by release
    fixed = {"spend": line_of("$work();"), "main": line_of("$basket->round();"), "{main}": line_of("main((float) ($argv")}
    fixed["<main>"] = fixed["{main}"]

    def judge(frames):
        names = [re.split(r"::|\\", frame.split(" ")[0])[-1] for frame in frames]
        part = next((name for name in calls if name in names), None)
        if not part:
            return None, False
        lines = [int(match[1]) if match else 0 for match in (re.search(r"truth\.php:(\d+)", frame) for frame in frames)]
        right = all(line == fixed[name] for name, line in zip(names, lines) if name in fixed)
        return part, right and all(calls[part] <= line <= ends[part] for name, line in zip(names, lines) if name == "round")
    return judge


def phpspy():
    found = os.environ.get("PHPSPY") or shutil.which("phpspy")
    if not found:
        return sampan.skip("phpspy", "not installed: no package has it")
    version = subprocess.run([found, "--version"], capture_output=True, text=True).stdout.strip().splitlines()

    def read(file):
        """Its blocks of `depth name file:line`, innermost first."""
        stacks = []
        for number, frame in re.findall(r"^(\d+) (.*)$", file.read_text(errors="replace"), re.M):
            if number == "0":
                stacks.append(([], 1))
            if stacks:
                stacks[-1][0].insert(0, frame)
        return stacks

    def profiler(name, *more):
        def command(pid, seconds, file):
            return [found, "--pid", pid, "--rate-hz", beside.RATE, "--time-limit-ms", int(seconds * 1000), "--output", file, *more]
        return beside.Profiler(name, version[0] if version else "phpspy", command, read)
    return [profiler("phpspy"), profiler("phpspy, pausing", "--pause-process")]


def main():
    if not sampan.need("php", "php peers"):
        return
    counter = beside.FOLDER / "count.php"
    counter.write_text(COUNTER)
    print(subprocess.run(["php", "-n", "--version"], capture_output=True, text=True).stdout.splitlines()[0])
    beside.compare([beside.sampan_profiler(), *(phpspy() or [])], ["php", "-n", TRUTH], ["php", "-n", counter], expected(),
                   *(kind(word) for kind, word in zip((int, float), sys.argv[1:])))


main()
