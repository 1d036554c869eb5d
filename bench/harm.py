#!/usr/bin/env python3
"""What profiling costs a busy uWSGI application: requests answered with and without a profiler, in alternating
windows of one run, as the median of the pairs' ratios. Usage: harm.py [PAIRS] [WINDOW_SECONDS]"""
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tests" / "live"))
import sampan  # noqa: E402

PAIRS = int(sys.argv[1]) if len(sys.argv) > 1 else 10
WINDOW = float(sys.argv[2]) if len(sys.argv) > 2 else 3
WORKERS = 4


def requests(port, seconds):
    done = subprocess.run(["wrk", "-t1", "-c8", "-d%ds" % seconds, "http://127.0.0.1:%d/" % port], capture_output=True, text=True)
    return float(re.search(r"Requests/sec:\s+([\d.]+)", done.stdout).group(1))


class Watch(threading.Thread):
    """Looks for a stopped state in any of the target's threads as often as it can."""

    def __init__(self, pids):
        super().__init__(daemon=True)
        self.pids, self.seen, self.looks, self.end = pids, 0, 0, False

    def run(self):
        while not self.end:
            for pid in self.pids:
                try:
                    text = pathlib.Path("/proc/%d/stat" % pid).read_bytes()
                except OSError:
                    continue
                self.looks += 1
                self.seen += text.rpartition(b") ")[2][:1] in b"Tt"
            time.sleep(0.005)


def workers(master):
    return [int(p) for p in subprocess.run(["pgrep", "-P", str(master)], capture_output=True, text=True).stdout.split()]


def with_agent(rate):
    def start():
        params = {"procname_prefix": "bench_uWSGI worker", "rate": rate, "seconds": WINDOW + 2, "formats": ["folded"],
                  "tier": os.environ.get("SAMPAN_TIER", "auto"), "output_dir": tempfile.mkdtemp(prefix="sampan-bench-")}
        return subprocess.Popen([sampan.BINARY], env=dict(os.environ, params=json.dumps(params)),
                                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    return start


def main():
    if not sampan.need("wrk", "harm") or not sampan.need("uwsgi", "harm"):
        return
    with sampan.uwsgi(workers=WORKERS, prefix="bench_", threads=2) as server:
        watch = Watch(workers(server.pid))
        watch.start()
        requests(server.port, 2)
        print("uWSGI %d x 2, windows of %g s, %d pairs; ratio = requests with / without" % (WORKERS, WINDOW, PAIRS))
        for rate in (100, 1000):
            ratios = []
            for pair in range(PAIRS):
                def measure():
                    agent = with_agent(rate)()
                    agent.stdout.readline()   # the first event: it is there
                    figure = requests(server.port, WINDOW)
                    agent.terminate()
                    agent.communicate()
                    return figure
                if pair % 2:
                    with_it = measure()
                    without = requests(server.port, WINDOW)
                else:
                    without = requests(server.port, WINDOW)
                    with_it = measure()
                ratios.append(with_it / without)
            ratios.sort()
            print("sampan at %4d Hz: median ratio %.4f (%.4f - %.4f)" % (rate, statistics.median(ratios), ratios[0], ratios[-1]))
        watch.end = True
        print("stopped state (T or t) seen: %d times in %d looks" % (watch.seen, watch.looks))


main()
