"""Truth: functions that take 60, 30 and 10 % of the processor time, in 1, 4 and 16 threads and in uWSGI workers."""
import os
import re

import pythons
import sampan

# Ten seconds at 500 Hz bring the statistical error (one sigma) below half a point; the long run is 30 s at 100 Hz too.
TRUTH = {"sixty": 60.0, "thirty": 30.0, "ten": 10.0}
POINTS = 1.5


def shares(stacks):
    total = {name: 0 for name in TRUTH}
    for frames, count in stacks:
        for frame in frames:
            name = frame.split(" (")[0]
            if name in total:
                total[name] += count
    every = sum(total.values())
    return {name: 100.0 * count / max(every, 1) for name, count in total.items()}, every


def judge(what, stacks):
    found, every = shares(stacks)
    worst = max(abs(found[name] - TRUTH[name]) for name in TRUTH)
    # Where few samples could be had, three sigma of theirs are allowed beyond the limit; with the usual thousands none is.
    allowed = max(POINTS, 3 * 100 * (0.24 / max(every, 1)) ** 0.5)
    sampan.check(every >= 500 and worst <= allowed, "%s: %s of %d samples (off by %.2f points, %.2f allowed)" % (
        what, ", ".join("%s %.1f %%" % (name, found[name]) for name in TRUTH), every, worst, allowed))


def threads(found):
    program = sampan.WORKLOADS / "python" / "shares.py"
    programs = [(python, count) for python in (pythons.newest(found, "3.8", "3.11", "3.13", "3.15") if sampan.LONG else pythons.newest(found, "3.11", "3.15"))
                for count in (1, 4, 16)]
    # As many as there are processors: of a thread that waits for one, sample after sample would be the same.
    at_once = os.cpu_count()
    for first in range(0, len(programs), at_once):
        beside(program, programs[first:first + at_once])


def beside(program, programs):
    loads = [(python, count, sampan.Workload([python.command, program, 300, count])) for python, count in programs]
    try:
        for python, count, load in loads:
            sampan.wait_for(lambda: load.says("ready"), 60, "%s to be ready" % python)
        for rate, seconds in ((500, 10), (100, 30)) if sampan.LONG else ((500, 10),):
            run = sampan.profile(pid=[load.pid for _, _, load in loads], rate=rate, seconds=seconds, tier="memory")
            print("       %s" % run.result.get("quality"))
            for python, count, load in loads:
                judge("%s, %d threads, %d Hz" % (python, count, rate),
                      [(frames, n) for frames, n in run.stacks() if re.search(r"\(pid %d\)$" % load.pid, frames[0])])
    finally:
        for _, _, load in loads:
            load.stop()


def uwsgi():
    if not sampan.need("uwsgi", "shares in uWSGI workers"):
        return
    with sampan.uwsgi(workers=4, wsgi_file=sampan.WORKLOADS / "python" / "shares.py") as server:
        idle = sampan.profile(app_name="arya-python3", version_id=2255, rate=100, seconds=2, tier="memory")
        # uWSGI's workers wake once a second to look around: a sample may meet that.
        quality = idle.result.get("quality", {})
        sampan.check(idle.code == 0 and quality.get("taken", 1) <= 0.01 * quality.get("wanted", 0), "an idle uWSGI: four workers that hold the lock and do nothing: %s" % idle.result.get("quality"))
        with sampan.Workload(["python3", sampan.WORKLOADS / "uwsgi" / "load.py", server.port, 60, 8]):
            run = sampan.profile(app_name="arya-python3", version_id=2255, rate=500, seconds=10, tier="memory")
        workers = {frames[0] for frames, _ in run.stacks()}
        sampan.check(len(workers) == 4, "all four uWSGI workers are seen: %s" % sorted(workers))
        stacks = sampan.with_frames(run.stacks())
        rooted = sum(n for frames, n in stacks if frames[1].startswith("application (")) / max(1, sum(n for _, n in stacks))
        sampan.check(rooted >= 0.999, "uWSGI: %.2f %% of the stacks begin at the application" % (100 * rooted))
        judge("uWSGI, 4 workers, 500 Hz", run.stacks())


def main():
    threads(pythons.all_pythons())
    uwsgi()
    sampan.finish()


if __name__ == "__main__":
    main()
