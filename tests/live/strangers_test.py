#!/usr/bin/env python3
"""Only the target's samples: other PID namespaces hold the same program under the same number, the agent stands in the
target's. Not one of their stacks may be in the result, in any tier, and nothing that they do may end the target's."""
import json
import os
import shutil
import subprocess
import tempfile
import time

import native_programs
from sampan import BINARY, LONG, WORKLOADS, check, finish, parse_folded, skip

PYTHON = shutil.which("python3.11", path="/usr/bin:/bin") or "/usr/bin/python3"
NEW = ["unshare", "-pf", "--mount-proc", "--kill-child"]
NATIVE = native_programs.build("named")
RATE, SECONDS, ENOUGH = (4000, 30, 20000) if LONG else (1000, 3, 20)


def below_shell(words):
    """The command as number 2 of its namespace: a shell is number 1."""
    return ["sh", "-c", '"$@" & wait', "sh"] + words


def start(words):
    return subprocess.Popen(words, stdout=subprocess.DEVNULL)


def first_inside(process):
    """The pid, seen from here, of the first process of the namespace that `unshare` made; deeper ones are followed."""
    pid = process.pid
    while True:
        # A child that has just been made is still called as its maker: what it becomes is looked at anew each time.
        if pid != process.pid and open("/proc/%d/comm" % pid).read().strip() != "unshare":
            return pid
        found = open("/proc/%d/task/%d/children" % (pid, pid)).read().split()
        if found:
            pid = int(found[0])
        time.sleep(0.01)


def churn(layers, stop):
    """Strangers that come and go under the target's number: numbers 1 and 2 of ever new namespaces."""
    script = 'while [ ! -e %s ]; do unshare -pf sh -c "true & exec true"; done' % stop
    return start(layers + ["sh", "-c", script])


def run_inside(first, inner, tier, **more):
    """The agent in the namespace of process `first`, sampling its number `inner`."""
    out = tempfile.mkdtemp()
    params = dict({"pid": inner, "tier": tier, "seconds": SECONDS, "rate": RATE, "group_by": [], "formats": ["folded"],
                   "output_dir": out, "max_cpu_percent": 100, "lines": False}, **more)
    run = subprocess.run(["nsenter", "-t", str(first), "-p", "-m", BINARY], capture_output=True, text=True,
                         env=dict(os.environ, params=json.dumps(params)))
    events = [json.loads(line) for line in run.stdout.splitlines() if line.startswith("{")]
    result = next((e for e in reversed(events) if e.get("event") == "result"), {})
    files = [f for f in os.listdir(out) if f.endswith(".folded")]
    stacks = parse_folded(open(os.path.join(out, files[0])).read()) if files else []
    shutil.rmtree(out)
    return run.returncode, result, stacks


def judge(name, tier, first, inner, **more):
    code, result, stacks = run_inside(first, inner, tier, **more)
    taken = result.get("quality", {}).get("taken", 0)
    foreign = sum(count for frames, count in stacks if any("theirs" in frame for frame in frames))
    own = sum(count for frames, count in stacks if any("mine" in frame for frame in frames))
    seconds = result.get("seconds", 0)
    what = "%s, %s%s: %d foreign of %d samples" % (name, tier, ", " + more["event"] if more else "", foreign, taken)
    check(code == 0 and foreign == 0 and own > 0 and taken >= (ENOUGH if not more and tier != "ptrace" else 3), what + (
        "" if code == 0 else " (%s)" % result.get("sentence")))
    check(seconds >= SECONDS * 0.9, "%s, %s: sampled to the end (%.1f s)" % (name, tier, seconds))


def arrangement(name, layers, wrap, inner, strangers=3):
    """`layers` of namespaces around one target and its strangers, each a namespace of its own."""
    for program, tiers in (([str(NATIVE)], ("ebpf", "ptrace")), ([PYTHON, str(WORKLOADS / "python" / "named.py")], ("ebpf", "memory"))):
        one_program(name + " of " + os.path.basename(program[0]), layers, wrap, inner, strangers, program, tiers)


def one_program(name, layers, wrap, inner, strangers, program, tiers):
    stop = tempfile.mktemp()
    target = start(layers + NEW + wrap(program + ["mine"]))
    others = [start(layers + NEW + wrap(program + ["theirs"])) for _ in range(strangers)]
    try:
        first = first_inside(target)
        while not os.path.exists("/proc/%d/root/proc/%d/stat" % (first, inner)): time.sleep(0.01)
        while "named" not in open("/proc/%d/root/proc/%d/cmdline" % (first, inner)).read(): time.sleep(0.01)
        for tier in tiers:
            judge(name, tier, first, inner)
        judge(name, "ebpf", first, inner, event="wall")
        passing = churn(layers, stop)
        judge(name + " among strangers that come and go", "ebpf", first, inner)
        open(stop, "w").close()
        passing.wait()
        os.unlink(stop)
    finally:
        for process in [target] + others:
            process.kill()
            process.wait()


def main():
    if os.geteuid() != 0:
        skip("strangers", "PID namespaces need root")
        finish()
    arrangement("siblings", [], below_shell, 2)
    arrangement("nested siblings", NEW, below_shell, 2)
    arrangement("replicas", [], lambda words: words, 1, strangers=6)
    # As an ephemeral container stands: the target's PID namespace, all else its own.
    arrangement("ephemeral", ["unshare", "-m", "-n", "-i", "-u"], lambda words: words, 1)
    finish()


main()
