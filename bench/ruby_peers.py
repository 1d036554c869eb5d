#!/usr/bin/env python3
"""CRuby beside rbspy (crates registry: cargo install rbspy; any on PATH or in $RBSPY is taken). Usage: ruby_peers.py [PAIRS] [WINDOW_SECONDS]"""
import os
import re
import shutil
import subprocess
import sys

import beside
import sampan   # beside.py knows where

TRUTH = sampan.WORKLOADS / "ruby" / "truth.rb"
# Work at some depth, counted into a file.
COUNTER = """
def descend(depth, &work) = depth == 0 ? work.call : descend(depth - 1, &work)
def leaf(n)
  sum = 0
  n.times { |i| sum += i % 7 }
  sum
end
count = 0
File.open(ARGV[0], "r+b") do |file|
  loop do
    descend(20) { 100.times { leaf(20) } }
    count += 1
    file.pwrite([count].pack("Q<"), 0)
  end
end
"""


def line_of(text, whole=False):
    return next(number for number, line in enumerate(TRUTH.read_text().splitlines(), 1) if (text == line if whole else text in line))


def expected():
    """Of a stack: the part it is in, and whether every line in the frames around it is the one that calls."""
    calls = {"hot": line_of("spend(0.006)"), "warm": line_of("spend(0.003)"), "cold": line_of("spend(0.001)")}
    fixed = {"spend": line_of("yield while"), "main": line_of("basket.round while"), "<main>": line_of("main(seconds)", whole=True)}

    def judge(frames):
        names = [re.match(r"(?:[\w:]+[#.])?([\w<>]+|block in .*?)(?= - | \(| \[|$)", frame) for frame in frames]
        names = [match[1] if match else "" for match in names]
        part = next((name for name in calls if name in names), None)
        if not part:
            return None, False
        lines = [int(match[1]) if match else 0 for match in (re.search(r"truth\.rb:(\d+)", frame) for frame in frames)]
        right = dict(fixed, round=calls[part])
        return part, all(line == right[name] for name, line in zip(names, lines) if name in right)
    return judge


def rbspy():
    found = os.environ.get("RBSPY") or shutil.which("rbspy") or shutil.which("rbspy", path=str(sampan.CACHE / "rbspy" / "bin"))
    if not found and shutil.which("cargo"):
        print("installing rbspy", flush=True)
        subprocess.run(["cargo", "install", "-q", "rbspy", "--root", str(sampan.CACHE / "rbspy")])
        found = shutil.which("rbspy", path=str(sampan.CACHE / "rbspy" / "bin"))
    if not found:
        return sampan.skip("rbspy", "neither installed nor to be had from the crates registry")
    version = subprocess.run([found, "--version"], capture_output=True, text=True).stdout.strip()

    def profiler(name, *more):
        def command(pid, seconds, file):
            return [found, "record", "--silent", "--pid", pid, "--rate", beside.RATE, "--duration", seconds, "--format", "collapsed",
                    "--raw-file", "%s.raw" % file, "--file", file, *more]
        return beside.Profiler(name, version, command, lambda file: sampan.parse_folded(file.read_text()))
    return [profiler("rbspy"), profiler("rbspy --nonblocking", "--nonblocking")]


def main():
    if not sampan.need("ruby", "ruby peers"):
        return
    counter = beside.FOLDER / "count.rb"
    counter.write_text(COUNTER)
    print(subprocess.run(["ruby", "--version"], capture_output=True, text=True).stdout.strip())
    beside.compare([beside.sampan_profiler(), *(rbspy() or [])], ["ruby", TRUTH], ["ruby", counter], expected(),
                   *(kind(word) for kind, word in zip((int, float), sys.argv[1:])))


main()
