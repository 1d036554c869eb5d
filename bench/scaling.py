#!/usr/bin/env python3
"""What sampling costs the agent: own processor time per thread-sample and resident memory, from 1 to 64 processes of
8 Python threads at 100 Hz, all idle but one thread of each. Usage: scaling.py [SECONDS]"""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tests" / "live"))
import sampan  # noqa: E402

SECONDS = int(sys.argv[1]) if len(sys.argv) > 1 else 10
THREADS = 8
IDLE = """
import threading
for _ in range(%d): threading.Thread(target=threading.Event().wait, daemon=True).start()
print('ready', flush=True)
threading.Event().wait()
""" % (THREADS - 1)


def main():
    print("processes  threads  us/thread-sample  CPU %  late ticks  rate Hz  RSS MiB")
    for count in (1, 4, 16, 64):
        children = [sampan.Workload([sys.executable, "-c", IDLE + "# scaling-bench"], ready=lambda w: w.says("ready"))
                    for _ in range(count)]
        try:
            run = sampan.profile(cmdline_regex="scaling-bench", seconds=SECONDS, rate=100, tier="memory")
            quality, cost = run.result["quality"], run.result["cost"]
            print("%9d  %7d  %16.2f  %5.1f  %10d  %7.1f  %7.1f" % (
                count, count * THREADS, 1e6 * cost["cpu_seconds"] / max(1, quality["wanted"]),
                100 * cost["cpu_seconds"] / SECONDS, quality["late"], quality["achieved_rate"], cost["rss_bytes"] / 2**20))
        finally:
            for child in children:
                child.stop()


main()
