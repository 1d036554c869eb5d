"""`pid` with `children` (the default): the whole tree below it is sampled, what is there and what comes, in every tier and
mode; with `children: false` that one process."""
import sys

import sampan
from sampan import check

PARENT = """
import multiprocessing, os, sys, time
def inside_child(seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end: sum(i * i for i in range(7000))
def grandparent(seconds):
    multiprocessing.get_context("fork").Process(target=inside_child, args=(seconds,)).start()
if __name__ == "__main__":
    print("ready", flush=True)
    context = multiprocessing.get_context("fork")
    time.sleep(float(sys.argv[1]))
    for _ in range(2): context.Process(target=inside_child, args=(60,)).start()
    context.Process(target=grandparent, args=(60,)).start()
    time.sleep(60)
"""


def started(late):
    return sampan.Workload(["python3", "-c", PARENT, late], ready=lambda load: load.says("ready"))


def inside(result):
    return sum(n for frames, n in result.stacks() if any("inside_child" in f for f in frames))


def processes_of(result):
    return {p["pid"] for p in result.result.get("processes", []) if p.get("tier")}


def followed(tier):
    # The ptrace tier counts as on a processor what ran when it was looked at: on a busy machine these seldom do.
    event = "wall" if tier == "ptrace" else "cpu"
    for what, late, seconds in (("there from the start", 0, 3), ("started in mid-run", 2.5, 7)):
        with started(late) as load:
            result = sampan.profile(pid=load.pid, tier=tier, seconds=seconds, rate=50, group_by=[], event=event)
            alone = sampan.profile(pid=load.pid, tier=tier, seconds=1, rate=50, group_by=[], event=event, children=False)
        if result.code == 4:
            return sampan.skip("children in the %s tier" % tier, result.result.get("sentence", ""))
        check(inside(result) >= 10 and len(processes_of(result)) >= 4, "children %s, %s: %d samples in them, %d processes"
              % (what, tier, inside(result), len(processes_of(result))))
        check(inside(alone) == 0 and processes_of(alone) == {load.pid}, "children: false, %s: that process alone" % tier)


def dumped():
    with started(0) as load:
        try:
            sampan.wait_for(lambda: inside_dump(load) >= 3, 20, "the children in the dump")
            seen = True
        except TimeoutError:
            seen = False
        check(seen, "mode dump shows the tree below the pid")


def inside_dump(load):
    result = sampan.profile(pid=load.pid, mode="dump")
    dump = next((e for e in result.events if e.get("event") == "dump"), {"processes": []})
    return sum(any("inside_child" in f for t in p.get("threads", []) for f in t.get("frames", [])) for p in dump["processes"])



for each in sys.argv[1:] or ("memory", "ptrace", "ebpf"):
    followed(each)
dumped()
sampan.finish()
