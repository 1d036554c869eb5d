"""What the agent costs is what it says: memory that the kernel charges to its control group, processor time of its programs
in the kernel; and a big build that starts thousands of processes stays inside its budget and is sampled to the end."""
import json
import os
import pathlib
import subprocess
import threading
import time

import chaos
import sampan
from chaos import Cgroup
from sampan import check

MIB = 1 << 20
STATISTICS = pathlib.Path("/proc/sys/kernel/bpf_stats_enabled")


class Watch:
    """Calls `look` often until it is left."""

    def __init__(self, look):
        self.look, self.over = look, False
        self.thread = threading.Thread(target=self.run)

    def run(self):
        while not self.over:
            self.look()
            time.sleep(0.05)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over = True
        self.thread.join()


def charged(group):
    """Bytes that the group is charged for and that nobody else's need frees: without the page cache."""
    names = ("memory.usage_in_bytes", "total_cache") if (group.path / "memory.usage_in_bytes").exists() else ("memory.current", "file")
    stat = dict(line.split() for line in (group.path / "memory.stat").read_text().splitlines())
    return int((group.path / names[0]).read_text()) - int(stat[names[1]])


def memory_group():
    return Cgroup("memory", "memory.usage_in_bytes") or Cgroup("memory", "memory.current")


def limit(group, mib):
    group.write("memory.limit_in_bytes" if (group.path / "memory.limit_in_bytes").exists() else "memory.max", mib * MIB)


def ebpf(load):
    """Whether the tier may be had here."""
    run = sampan.profile(pid=load.pid, tier="ebpf", seconds=1)
    if run.code == 4:
        sampan.skip("the ebpf tier's cost", run.result.get("sentence", ""))
    return run.code == 0


def what_is_charged(load):
    group = memory_group()
    if not group:
        return sampan.skip("what the kernel charges", "no memory cgroup can be written here")
    most = [0]
    agent = chaos.Agent(4, prefix=group.enter(), tier="ebpf", pid=load.pid, rate=200)
    agent.wait_until_it_samples()
    with Watch(lambda: most.append(max(most.pop(), charged(group)))):
        run = agent.finish()
    cost = run.result["cost"]
    said = cost["rss_bytes"] + cost["kernel_bytes"]
    # What is resident holds the program's own file too, for which no group is charged twice: more is said than charged.
    check(cost["kernel_bytes"] >= 8 * MIB and said >= most[0] - 4 * MIB,
          "charged %.1f MiB, said %.1f MiB: %.1f resident, %.1f in the kernel" % (most[0] / MIB, said / MIB, cost["rss_bytes"] / MIB, cost["kernel_bytes"] / MIB))
    limit(group, 64)
    run = chaos.Agent(3, prefix=group.enter(), tier="ebpf", pid=load.pid, rate=200).finish()
    check(run.code == 0 and run.result["ended"] == "time", "in a cgroup of 64 MiB: exit %d, ended %s" % (run.code, run.result.get("ended")))
    group.remove()


def spent_in_the_kernel():
    """(nanoseconds, runs) of the tier's program that the kernel counted."""
    done = subprocess.run(["bpftool", "-j", "prog", "show"], capture_output=True, text=True)
    found = [p for p in json.loads(done.stdout or "[]") if p.get("name") == "sample" and "run_cnt" in p]
    return max(((p["run_time_ns"], p["run_cnt"]) for p in found), default=(0, 0))


def what_is_spent(load):
    try:
        before = STATISTICS.read_text()
        STATISTICS.write_text("1")
    except OSError as error:
        return sampan.skip("the kernel's own count of time", str(error))
    try:
        counted = [(0, 0)]
        agent = chaos.Agent(5, tier="ebpf", pid=load.pid, rate=2000, max_cpu_percent=100)
        agent.wait_until_it_samples()
        with Watch(lambda: counted.append(max(counted.pop(), spent_in_the_kernel()))):
            run = agent.finish()
    finally:
        STATISTICS.write_text(before)
    cost, (nanoseconds, runs) = run.result["cost"], counted[0]
    if not runs:
        return sampan.skip("the kernel's own count of time", "bpftool shows none")
    check(runs * 0.8 <= cost["interrupts"] <= runs * 1.5, "%d interrupts, the kernel counted %d runs a moment before the end" % (cost["interrupts"], runs))
    ratio = (cost["kernel_seconds"] / cost["interrupts"]) / (nanoseconds / 1e9 / runs)
    check(0.6 <= ratio <= 1.4 and cost["kernel_seconds"] < cost["cpu_seconds"], "%.2f µs a run by the programs' own clock, %.2f by the kernel's count; %.0f ms of %.0f ms own cost"
          % (1e6 * cost["kernel_seconds"] / cost["interrupts"], nanoseconds / 1e3 / runs, 1e3 * cost["kernel_seconds"], 1e3 * cost["cpu_seconds"]))


SOURCE = """#include <algorithm>
#include <functional>
#include <iostream>
#include <map>
#include <regex>
#include <string>
#include <unordered_map>
std::map<std::string, std::function<int(int)>> table_%(n)d;
int look_%(n)d(const std::string& text) { return std::regex_search(text, std::regex("(a|b)*%(n)d")) ? table_%(n)d[text](%(n)d) : 0; }
int part_%(n)d;
"""


def big_build():
    """`make -j16` of a C++ project, again and again, with all that it starts."""
    if not sampan.need("make", "a big build") or not sampan.need("g++", "a big build"):
        return
    seconds = 60 if sampan.LONG else 20
    folder = chaos.FOLDER / "project"
    folder.mkdir()
    for n in range(400):
        (folder / ("part%d.cpp" % n)).write_text(SOURCE % {"n": n})
    (folder / "Makefile").write_text("all: $(patsubst %.cpp,%.o,$(wildcard *.cpp))\n%.o: %.cpp\n\tg++ -O1 -c $< -o $@\n")
    group = memory_group()
    if group:
        limit(group, 256)
    with sampan.Workload(["sh", "-c", "echo ready; while :; do make -s -j16 all; rm -f *.o; done"], ready=lambda load: load.says("ready"), cwd=folder) as load:
        agent = chaos.Agent(seconds, prefix=group.enter() if group else (), limit=seconds + 60, tier="ebpf", pid=load.pid, max_processes=1000)
        run = agent.finish()
    if group:
        group.remove()
    result, quality = run.result, run.result.get("quality", {})
    most = 256 * MIB * 4 // 5 if group else 1024 * MIB
    held = result["cost"]["rss_bytes"] + result["cost"]["kernel_bytes"]
    check(run.code == 0 and not result["partial"] and result["ended"] == "time", "make -j16 for %d s: exit %d, ended %s, %d processes" % (
        seconds, run.code, result.get("ended"), len(result.get("processes", []))))
    check(held <= most, "make -j16: %.0f MiB resident and %.0f MiB in the kernel, of %.0f" % (
        result["cost"]["rss_bytes"] / MIB, result["cost"]["kernel_bytes"] / MIB, most / MIB))
    compiled = sampan.share(run.stacks(), r"cc1plus")
    check(quality["taken"] >= 1000 or quality["lost"] == 0, "make -j16: %d samples, %d lost, %d truncated; %.1f %% of them in the compiler" % (
        quality["taken"], quality["lost"], quality["truncated"], 100 * compiled))
    check(quality["lost"] <= 0.02 * (quality["taken"] + quality["lost"]), "make -j16: whole: %d of %d lost" % (quality["lost"], quality["taken"] + quality["lost"]))


if chaos.program():
    with chaos.native("spin") as spinning:
        if ebpf(spinning):
            what_is_charged(spinning)
            what_is_spent(spinning)
            big_build()
sampan.finish()
