"""Puma (2 workers × 5 threads) and Unicorn, found by the prefix of their titles and by their container: hot methods, idle
workers, respawned ones."""
import os
import re
import shutil
import signal
import threading

import containers
import sampan
from engine import engine_or_none
from load import Load
from sampan import CACHE, WORKLOADS, check, share

ROOT = CACHE / "rubies" / "3.1"
HOT = r"^Catalogue#(search|matches\?) \(|^block in Catalogue#(search|matches\?) \("


def workers(prefix):
    """The processes whose title begins so."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/%s/cmdline" % pid, "rb") as file:
                if file.read().decode(errors="replace").startswith(prefix):
                    found.append(int(pid))
        except OSError:
            pass
    return found


def cold(run):
    """The most frequent innermost frames of the other stacks."""
    others = {}
    for frames, count in run.stacks():
        if not any(re.search(HOT, frame) for frame in frames):
            others[";".join(frames[-3:])] = others.get(";".join(frames[-3:]), 0) + count
    return sorted(others.items(), key=lambda item: -item[1])[:4]


def server(name, command, port, prefix, count):
    return sampan.Workload(["chroot", ROOT, *command], timeout=60, env={"PATH": "/usr/bin:/bin:/usr/sbin", "HOME": "/tmp", "PWD": "/"},
                           ready=lambda _: len(workers(prefix)) == count and sampan.answers(port))


def puma():
    port = sampan.free_port()
    prefix = "puma: cluster worker"
    with server("puma", ["puma", "-w", "2", "-t", "5:5", "-b", "tcp://127.0.0.1:%d" % port, "/tmp/config.ru"], port, prefix, 2) as puma:
        for tier in ("memory", "ebpf"):   # the kernel samples what runs alone: 2,000 moments
            idle = sampan.take("puma, no load", tier, procname_prefix=prefix, seconds=2)
            wanted, taken = (idle.result.get("quality", {}).get(key, 0) if idle else 0 for key in ("wanted", "taken"))
            check(not idle or (taken < 0.05 * max(wanted, 2000) and (tier == "ebpf" or wanted > 500)),
                  "puma, no load, %s tier: %d of %d thread samples ran" % (tier, taken, wanted))

        load = Load("http://127.0.0.1:%d/search" % port, 8)
        run = sampan.profile(procname_prefix=prefix, seconds=4, group_by=["process", "thread"])
        stacks = run.stacks()
        hot = share(stacks, HOT)
        threads = {frames[1] for frames, _ in stacks if any("Catalogue#search" in frame for frame in frames)}
        processes = {frames[0] for frames, _ in stacks}
        check(run.code == 0 and hot > 0.7, "puma under load: %.0f %% in the hot methods %s" % (100 * hot, cold(run)))
        check(len(processes) == 2 and len(threads) >= 6, "puma: %d workers, %d serving threads" % (len(processes), len(threads)))

        victim = workers(prefix)[0]
        timer = threading.Timer(1, os.kill, (victim, signal.SIGKILL))
        timer.start()
        run = sampan.profile(procname_prefix=prefix, seconds=8)
        timer.join()
        pids = {process["pid"] for process in run.result.get("processes", [])}
        fresh = [frames for frames, _ in run.stacks() if "(pid %d)" % victim not in frames[0]]
        new = set(workers(prefix)) - {victim}
        followed = new & pids
        check(len(new) == 2 and followed == new, "puma: the worker that replaces a killed one is followed (%s of %s)" % (followed, new))
        check(share([(f, 1) for f in fresh], HOT) > 0.3, "puma: its hot methods too")
        load.stop()


def unicorn():
    port = sampan.free_port()
    prefix = "unicorn worker["
    with server("unicorn", ["unicorn", "-E", "none", "-l", "127.0.0.1:%d" % port, "-c", "/tmp/unicorn.rb", "/tmp/config.ru"], port, prefix, 3):
        load = Load("http://127.0.0.1:%d/search" % port, 4)
        run = sampan.profile(procname_prefix=prefix, seconds=3)
        load.stop()
        hot = share(run.stacks(), HOT)
        check(run.code == 0 and hot > 0.7 and len({frames[0] for frames, _ in run.stacks()}) == 3,
              "unicorn, 3 forked workers: %.0f %% in the hot methods" % (100 * hot))


def contained():
    engine = engine_or_none()
    if not engine:
        return
    containers.import_root(engine, ROOT, "puma:test")
    port = sampan.free_port()
    container = engine.start("--network=host", "--read-only", "--tmpfs=/tmp", "-e", "HOME=/tmp", "-v", "%s:/w:ro" % (WORKLOADS / "ruby"),
                             "puma:test", "puma", "-w", "2", "-t", "5:5", "-b", "tcp://127.0.0.1:%d" % port, "/w/config.ru")
    sampan.wait_for(lambda: len(workers("puma: cluster worker")) == 2 and sampan.answers(port), 60, "puma in a container")
    load = Load("http://127.0.0.1:%d/search" % port, 8)
    run = sampan.profile(container_id=container[:12], seconds=4)
    narrowed = sampan.profile(container_id=container[:12], procname_prefix="puma: cluster worker 1", seconds=2)
    load.stop()
    hot, one = share(run.stacks(), HOT), share(narrowed.stacks(), HOT)
    found, few = (len(r.result.get("processes", [])) for r in (run, narrowed))
    check(run.code == 0 and hot > 0.7 and found == 3, "puma by its container: %.0f %% in the hot methods, %d processes (the workers and their master) %s"
          % (100 * hot, found, cold(run)))
    check(narrowed.code == 0 and one > 0.7 and few == 1, "by its container and a prefix: %d worker, %.0f %% in the hot methods %s"
          % (few, 100 * one, cold(narrowed)))
    engine.remove(container)


def main():
    if not (ROOT / ".complete").exists():
        return sampan.skip("puma and unicorn", "not fetched (tests/live/get_rubies.sh)")
    shutil.copy(WORKLOADS / "ruby" / "config.ru", ROOT / "tmp" / "config.ru")
    (ROOT / "tmp" / "unicorn.rb").write_text("worker_processes 3\n")
    puma()
    unicorn()
    contained()


main()
sampan.finish()
