#!/usr/bin/env python3
"""Native stacks beside `perf record --call-graph dwarf` and bcc's `profile`, on one C++ program without frame pointers
(46 frames deep): whole stacks, own CPU, time to the first sample, cost of a sample. Usage: native_peers.py [SECONDS]
Peers: linux-perf, bpfcc-tools, linux-headers-amd64 (of any version: bcc's profile needs headers to compile itself)."""
import glob
import json
import os
import pathlib
import resource
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tests" / "live"))
import native_programs  # noqa: E402
import sampan  # noqa: E402

SECONDS = int(sys.argv[1]) if __name__ == "__main__" and len(sys.argv) > 1 else 10
RATE = 99
FOLDER = native_programs.FOLDER


class Spent:
    """CPU seconds that this process's ended children used, and seconds by the clock."""

    def __enter__(self):
        self.before, self.start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
        return self

    def __exit__(self, *_):
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        self.cpu = after.ru_utime + after.ru_stime - self.before.ru_utime - self.before.ru_stime
        self.seconds = time.monotonic() - self.start


def bpf_statistics(name):
    """Total nanoseconds and runs of a loaded program (kernel.bpf_stats_enabled must be 1)."""
    done = subprocess.run(["bpftool", "-j", "prog", "show"], capture_output=True, text=True)
    for program in json.loads(done.stdout or "[]"):
        if program.get("name") == name and "run_cnt" in program:
            return program["run_time_ns"], program["run_cnt"]
    return 0, 0


def with_sampan(load, tier):
    directory = tempfile.mkdtemp(dir=FOLDER)
    params = {"pid": load.pid, "tier": tier, "rate": RATE, "seconds": SECONDS, "formats": ["folded"], "output_dir": directory, "group_by": []}
    with Spent() as spent:
        agent = subprocess.Popen([sampan.BINARY], env=dict(os.environ, params=json.dumps(params)), stdout=subprocess.PIPE, text=True)
        first = None
        kernel = (0, 0)
        start = time.monotonic()
        for line in agent.stdout:
            event = json.loads(line)
            if event.get("stage") == "sample":
                first = time.monotonic() - start
            if event.get("event") == "progress" and tier == "ebpf":
                kernel = max(kernel, bpf_statistics("sample"), key=lambda k: k[1])
            if event.get("event") == "result":
                result = event
        agent.wait()
    quality = result["quality"]
    # The program runs for every tick of every processor; only the target's cost more than the look that says no.
    per_sample = kernel[0] / quality["taken"] / 1000 if kernel[0] and quality["taken"] else None
    return {"samples": quality["taken"], "whole": 1 - quality["truncated"] / max(1, quality["taken"]), "cpu": spent.cpu + result["cost"].get("kernel_seconds", 0),
            "first": first, "kernel_us": per_sample, "total": spent.seconds}


def with_perf(load):
    data = FOLDER / "perf.data"
    with Spent() as spent:
        subprocess.run([str(w) for w in ("perf", "record", "-q", "-e", "cpu-clock", "-F", RATE, "--call-graph", "dwarf,65528", "-p",
                                        load.pid, "-o", data, "--", "sleep", SECONDS)], check=True, capture_output=True)
        text = subprocess.run(["perf", "script", "-i", str(data), "-F", "ip,sym"], capture_output=True, text=True).stdout
    stacks = [block for block in text.split("\n\n") if block.strip()]
    whole = sum(" _start" in block for block in stacks)
    return {"samples": len(stacks), "whole": whole / max(1, len(stacks)), "cpu": spent.cpu, "first": None, "kernel_us": None, "total": spent.seconds}


def headers_of_any_version():
    """bcc wants one tree; Debian ships two: a tree of links to both."""
    common, own = glob.glob("/usr/src/linux-headers-*-common"), glob.glob("/usr/src/linux-headers-*-amd64")
    if not common or not own:
        return None
    tree = FOLDER / "headers"
    if not tree.exists():
        shutil.copytree(common[0], tree, copy_function=os.symlink)
        subprocess.run(["cp", "-rsf", own[0] + "/.", str(tree)], capture_output=True)
    return tree


def bcc_environment():
    """What bcc's tools need to compile themselves here; None where there are no kernel headers at all."""
    version = os.uname().release.split("-")[0].split(".")
    code = (int(version[0]) << 16) + (int(version[1]) << 8)
    if os.path.exists("/lib/modules/%s/build" % os.uname().release):
        return {}
    tree = headers_of_any_version()
    return {"BCC_KERNEL_SOURCE": str(tree), "BCC_LINUX_VERSION_CODE": str(code)} if tree else None


def with_bcc(load):
    more = bcc_environment()
    if more is None:
        return None
    environment = dict(os.environ, **more)
    with Spent() as spent:
        done = subprocess.run([str(w) for w in ("profile-bpfcc", "-p", load.pid, "-F", RATE, "-f", SECONDS)], env=environment,
                              capture_output=True, text=True)
    lines = [line for line in done.stdout.splitlines() if ";" in line and line.rpartition(" ")[2].isdigit()]
    samples = sum(int(line.rpartition(" ")[2]) for line in lines)
    whole = sum(int(line.rpartition(" ")[2]) for line in lines if "_start;" in line)
    return {"samples": samples, "whole": whole / max(1, samples), "cpu": spent.cpu, "first": spent.seconds - SECONDS, "kernel_us": None,
            "total": spent.seconds}


def row(name, figures):
    if not figures:
        return print("| %s | not available here |" % name)
    shown = lambda value, form: form % value if value is not None else "–"  # noqa: E731
    print("| %s | %d | %.1f %% | %.2f s | %.2f ms | %s | %s | %.1f s |" % (
        name, figures["samples"], 100 * figures["whole"], figures["cpu"], 1000 * figures["cpu"] / max(1, figures["samples"]),
        shown(figures["first"], "%.2f s"), shown(figures["kernel_us"], "%.1f µs"), figures["total"]), flush=True)


def main():
    program = native_programs.build("split")
    statistics = pathlib.Path("/proc/sys/kernel/bpf_stats_enabled")
    before = statistics.read_text() if statistics.exists() else "0"
    print("| profiler | samples | whole stacks | own CPU | own CPU a sample | start-up | in the kernel a sample | until the result (%d s) |" % SECONDS)
    print("|---|---|---|---|---|---|---|---|")
    try:
        statistics.write_text("1")
        with native_programs.start(program) as load:
            row("sampan, ebpf", with_sampan(load, "ebpf"))
            row("sampan, ptrace", with_sampan(load, "ptrace"))
            row("perf record --call-graph dwarf", with_perf(load) if shutil.which("perf") else None)
            row("bcc profile", with_bcc(load) if shutil.which("profile-bpfcc") else None)
    finally:
        statistics.write_text(before)


if __name__ == "__main__":
    main()
