"""Threads by the names that Python gives them, on every Python and in every tier: in profiles by thread, dumps and the formats.
Each thread runs one function alone, so each name has exactly one right place."""
import gzip
import json
import re
import sys

import pythons
import sampan
from sampan import check

PROGRAM = sampan.WORKLOADS / "python" / "named_threads.py"
SECONDS = 2


def expected(load):
    """{function: thread's name}, as the program itself says."""
    lines = load.output().split("ready")[0].splitlines()
    return {function: name for name, function in (line.split("\t") for line in lines)}


def named(frames, functions):
    """(the function of ours that a stack runs, the thread's name above it)."""
    called = [frame.split(" (")[0] for frame in frames]
    thread = next((frame for frame in frames if re.search(r"\(tid \d+\)$", frame)), "")
    return next((name for name in called if name in functions), None), thread.rsplit(" (", 1)[0]


def judge_stacks(what, stacks, wanted, at_once):
    seen, born = {}, {True: 0, False: 0}
    for frames in stacks:
        function, thread = named(frames, [*wanted, "born"])
        if function == "born":
            born[bool(re.match(r"born-\d+$", thread))] += 1
        elif function:
            seen.setdefault(function, set()).add(thread)
    check(seen == {function: {name} for function, name in wanted.items()}, "%s: each thread by its own name: %s" % (what, sorted(seen.items())))
    # The ebpf tier reads a sample later, when a thread may have ended, and may meet one before Python has noted it.
    check(born[True] > 0 and (not at_once or not born[False]), "%s: those that begin meanwhile too: %d, and %d by another name" % (what, born[True], born[False]))


def by_tier(python, load, wanted):
    for tier in ("memory", "ptrace", "ebpf"):
        if tier == "ebpf" and python.kind in ("2.7", "3.13t", "3.14t", "3.13-musl"):
            continue   # not walked in the kernel, or in a way that is told elsewhere
        run = sampan.take("%s" % python, tier, pid=load.pid, seconds=SECONDS, rate=50, event="wall", exclude_idle=False, group_by=["process", "thread"])
        if run:
            judge_stacks("%s, %s" % (python, tier), [frames for frames, _ in run.stacks()], wanted, tier != "ebpf")


def in_dump(python, load, wanted):
    run = sampan.profile(mode="dump", pid=load.pid)
    threads = next(e for e in run.events if e["event"] == "dump")["processes"][0]["threads"]
    seen = {}
    for thread in threads:
        function, _ = named(thread["frames"], wanted)
        if function:
            seen[function] = thread["name"]
    check(seen == wanted, "%s, dump: %s" % (python, seen))


def in_formats(python, load, wanted):
    run = sampan.profile(pid=load.pid, seconds=SECONDS, rate=50, tier="memory", event="wall", exclude_idle=False, group_by=["process", "thread"],
                         formats=["speedscope", "firefox", "pprof"])
    wanted = set(wanted.values())
    speedscope = json.loads(run.file("speedscope.json").read_text())
    names = {profile["name"].split(", ", 1)[1].rsplit(" (tid", 1)[0] for profile in speedscope["profiles"]}
    check(wanted <= names, "%s, speedscope: all but %s" % (python, sorted(wanted - names)))
    names = {thread["name"] for thread in json.loads(run.file("firefox.json").read_text())["threads"]}
    check(wanted <= names, "%s, firefox: all but %s" % (python, sorted(wanted - names)))
    strings = gzip.decompress(run.file("pb.gz").read_bytes())
    missing = sorted(name for name in wanted if name.encode() not in strings)
    check(not missing, "%s, pprof: all but %s" % (python, missing))


def main():
    found = [python for python in pythons.all_pythons() if not sys.argv[1:] or python.kind in sys.argv[1:]]
    for python in found:
        with sampan.Workload([python.command, PROGRAM, 120], ready=lambda w: w.says("ready")) as load:
            wanted = expected(load)
            check(len(wanted) == 8, "%s: eight threads" % python)
            by_tier(python, load, wanted)
            in_dump(python, load, wanted)
    if found:
        with sampan.Workload([found[-1].command, PROGRAM, 120], ready=lambda w: w.says("ready")) as load:
            in_formats(found[-1], load, expected(load))
    sampan.finish()


if __name__ == "__main__":
    main()
