#!/usr/bin/env python3
"""What profiling costs a busy uWSGI application, in alternating windows of one run: requests answered with and without
the agent, and the workers' own processor time a request. Then a look for stopped states while the agent samples.
Usage: harm.py [PAIRS] [WINDOW_SECONDS] [RATE...]"""
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tests" / "live"))
import sampan  # noqa: E402

PAIRS = int(sys.argv[1]) if len(sys.argv) > 1 else 10
WINDOW = int(sys.argv[2]) if len(sys.argv) > 2 else 3
RATES = [int(rate) for rate in sys.argv[3:]] or [100, 1000]
WORKERS, PREFIX = 4, "bench_"
TICK = os.sysconf("SC_CLK_TCK")


def workers():
    """The pids of the application's workers, by the name that uWSGI gives them."""
    found = []
    for entry in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            if (entry / "cmdline").read_bytes().startswith(PREFIX.encode() + b"uWSGI worker"): found.append(int(entry.name))
        except OSError:
            pass
    return found if len(found) == WORKERS else []


def processor_seconds(pids):
    fields = [pathlib.Path("/proc/%d/stat" % pid).read_bytes().rpartition(b") ")[2].split() for pid in pids]
    return sum(int(f[11]) + int(f[12]) for f in fields) / TICK


class Agent:
    """An agent that samples; its start and its end lie outside of what is measured."""

    def __init__(self, rate):
        params = {"procname_prefix": PREFIX + "uWSGI worker", "rate": rate, "seconds": 600, "formats": ["folded"],
                  "tier": os.environ.get("SAMPAN_TIER", "auto"), "output_dir": tempfile.mkdtemp(prefix="sampan-bench-")}
        self.process = subprocess.Popen([sampan.BINARY], env=dict(os.environ, params=json.dumps(params)), stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL, text=True)
        for line in self.process.stdout:
            if '"stage":"sample"' in line: break
        time.sleep(0.2)

    def end(self):
        """The quality figures of its result."""
        self.process.terminate()
        events = [json.loads(line) for line in self.process.communicate()[0].splitlines() if line.startswith("{")]
        return next((e for e in events if e.get("event") == "result"), {})


def window(port, pids, agent):
    """Requests a second, the workers' processor microseconds a request, the agent's percent of a core."""
    watched = [agent.process.pid] if agent else []
    own, theirs = processor_seconds(watched), processor_seconds(pids)
    done = subprocess.run(["wrk", "-t1", "-c8", "-d%ds" % WINDOW, "http://127.0.0.1:%d/" % port], capture_output=True, text=True).stdout
    own, theirs = processor_seconds(watched) - own, processor_seconds(pids) - theirs
    count = int(re.search(r"(\d+) requests in", done).group(1))
    return float(re.search(r"Requests/sec:\s+([\d.]+)", done).group(1)), 1e6 * theirs / count, 100 * own / WINDOW


def pair(port, pids, rate, agent_first):
    def sampled():
        agent = Agent(rate)
        figures = window(port, pids, agent)
        agent.end()
        return figures
    if agent_first: return sampled(), window(port, pids, None)
    without = window(port, pids, None)
    return sampled(), without


def spread(values):
    values = sorted(values)
    return "%.4f (%.4f - %.4f)" % (statistics.median(values), values[0], values[-1])


def stopped_states(pids, rate, seconds=5):
    """How often a thread of the target was seen stopped, and of how many looks."""
    agent = Agent(rate)
    states = [os.open(path, os.O_RDONLY) for pid in pids for path in pathlib.Path("/proc/%d/task" % pid).glob("*/stat")]
    seen, looks, end = 0, 0, time.monotonic() + seconds
    while time.monotonic() < end:
        for descriptor in states:
            looks += 1
            seen += os.pread(descriptor, 512, 0).rpartition(b") ")[2][:1] in b"Tt"
    agent.end()
    return seen, looks


def main():
    if not sampan.need("wrk", "harm") or not sampan.need("uwsgi", "harm"): return
    with sampan.uwsgi(workers=WORKERS, prefix=PREFIX, threads=2) as server:
        sampan.wait_for(workers, 10, "the workers to bear their names")
        pids = workers()
        window(server.port, pids, None)
        print("uWSGI %d x 2, windows of %d s, %d pairs; ratios with / without the agent: median (least - most)" % (WORKERS, WINDOW, PAIRS))
        for rate in RATES:
            pairs = [pair(server.port, pids, rate, i % 2 == 1) for i in range(PAIRS)]
            print("%5d Hz: requests %s; processor time a request %s; the agent itself %.1f %% of a core" % (
                rate, spread(w[0] / o[0] for w, o in pairs), spread(w[1] / o[1] for w, o in pairs),
                statistics.median(w[2] for w, _ in pairs)), flush=True)
        load = subprocess.Popen(["wrk", "-t1", "-c8", "-d8s", "http://127.0.0.1:%d/" % server.port], stdout=subprocess.DEVNULL)
        print("stopped state (T or t) seen %d times in %d looks" % stopped_states(pids, RATES[0]))
        load.wait()


main()
