"""Every thread's stack, once: uWSGI workers, the lock's holder, native programs, the time it takes."""
import sys
import time

import sampan
from sampan import check

PROGRAM = """
import threading, time
def busy():
    while True: sum(range(100))
def waits(): time.sleep(999)
def outer(): waits()
for name in ('sleeper-a', 'sleeper-b'): threading.Thread(target=outer, name=name, daemon=True).start()
for _ in range(2): threading.Thread(target=busy, daemon=True).start()
print('up', flush=True)
busy()
"""


def dump(**params):
    run = sampan.profile(mode="dump", **params)
    event = next((e for e in run.events if e["event"] == "dump"), {"processes": []})
    return run, event["processes"]


def threads_and_the_lock():
    holders = running = 0
    looks = 30
    with sampan.Workload([sys.executable, "-c", PROGRAM], ready=lambda w: w.says("up")) as program:
        for _ in range(looks):
            run, processes = dump(pid=program.pid)
            threads = processes[0]["threads"]
            holders += sum(t["lock"] for t in threads) == 1
            running += sum(t["running"] for t in threads)
            sleeping = [t for t in threads if t["frames"] and t["frames"][-1].startswith("waits (")]
            if len(threads) != 5 or len(sleeping) != 2 or any(t["running"] or t["lock"] for t in sleeping):
                return check(False, "five threads, two of them sleep: %s" % threads)
        check(True, "%d times: five threads, the two that sleep are idle and hold no lock" % looks)
        check(holders == looks, "exactly one of the others holds the lock: %d of %d times" % (holders, looks))
        check(running >= looks, "running threads are told: %d" % running)
        check(sleeping[0]["frames"][-2].startswith("outer ("), "the stack is whole, outermost first: %s" % sleeping[0]["frames"])
    text = run.err
    check("holds the lock" in text, "the text names the holder")
    check(text.index("waits (") < text.index("outer ("), "the text has the innermost frame first")


def uwsgi_in_a_tenth_of_a_second():
    if not sampan.need("uwsgi", "uWSGI workers"):
        return
    with sampan.uwsgi(workers=4, threads=2, prefix="dump-test_") as server:
        load = sampan.Workload(["python3", sampan.WORKLOADS / "uwsgi" / "load.py", server.port, 30, 8])
        sampan.wait_for(lambda: len(dump(procname_prefix="dump-test_uWSGI worker")[1]) == 4, 20, "four workers")
        stacks, busy, rest = 0, [], []
        for _ in range(10):
            begun = time.monotonic()
            run, processes = dump(procname_prefix="dump-test_uWSGI worker")
            busy.append(time.monotonic() - begun)
            stacks += sum(1 for p in processes for t in p["threads"] if t["frames"])
        load.stop()
        for _ in range(10):
            begun = time.monotonic()
            dump(procname_prefix="dump-test_uWSGI worker")
            rest.append(time.monotonic() - begun)
    check(run.code == 0 and len(processes) == 4 and all(len(p["threads"]) >= 2 for p in processes), "4 workers x 2 threads: exit %d" % run.code)
    check(stacks > 0, "%d stacks in ten dumps" % stacks)
    for name, times in (("under load", busy), ("at rest", rest)):
        check(min(times) <= 0.1, "%s, from start to end: %.0f ms at best, %.0f ms in the middle, %.0f ms at worst"
              % (name, 1000 * min(times), 1000 * sorted(times)[5], 1000 * max(times)))


def nobody():
    run, _ = dump(procname_prefix="dump-test-nobody")
    check(run.code == 3, "no target: exit %d" % run.code)


threads_and_the_lock()
uwsgi_in_a_tenth_of_a_second()
nobody()
sampan.finish()
