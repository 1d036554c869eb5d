"""What five hundred processes of mixed runtimes cost the agent: memory and processor time at 19 Hz on an idle node, as a curve."""
import os
import subprocess
import tempfile

import native_programs
import runtimes_test
import sampan
from sampan import check

MARK = "sampan-bounds"
MOST_MEMORY = 64 << 20
SECONDS = 20 if sampan.LONG else 8


def commands():
    """Idle programs, in the mix of the whole: (of ten, the command)."""
    python = ["/usr/bin/python3", "-c", "print('ready', flush=True); import time; time.sleep(9999)", MARK]
    yield 4, python
    for words, code in ((runtimes_test.ruby(), ["-e", "STDOUT.sync = true; puts 'ready'; sleep"]), (runtimes_test.php(), ["-n", "-r", "echo \"ready\\n\"; sleep(9999);"])):
        if words:
            yield 2, [*words[:3], *code, "--", MARK] if "ruby" in str(words[2]) else [*words[:3], *code, MARK]
    waits = native_programs.FOLDER / "idle"
    source = native_programs.FOLDER / "idle.c"
    source.write_text('#include <stdio.h>\n#include <unistd.h>\nint main(void) { puts("ready"); fflush(stdout); for (;;) pause(); }\n')
    subprocess.run(["gcc", "-O1", "-o", waits, source], check=True)
    yield 2, [waits, MARK]


def start(count, running):
    rows = [command for share, command in commands() for _ in range(share)]
    while len(running) < count:
        batch = [sampan.Workload(rows[(len(running) + i) % len(rows)]) for i in range(min(20, count - len(running)))]
        for load in batch:
            sampan.wait_for(lambda: load.says("ready") or load.process.poll() is not None, 120, "an idle process")
        running += batch


def measured(count):
    run = sampan.profile(cmdline_regex=MARK + "$", seconds=SECONDS, rate=19, max_processes=1024, formats=["otlp"], _timeout=400)
    sampled = [p for p in run.result.get("processes", []) if "tier" in p]
    cost = run.result["cost"]
    # Taking processes in costs once; what it costs to go on is told by a run twice as long.
    longer = sampan.profile(cmdline_regex=MARK + "$", seconds=2 * SECONDS, rate=19, max_processes=1024, formats=["otlp"], _timeout=400)
    share = (longer.result["cost"]["cpu_seconds"] - cost["cpu_seconds"]) / SECONDS
    print("%4d processes: %5.1f MiB, %.2f s of processor to take them in and %.2f %% of a core to go on" % (len(sampled), cost["rss_bytes"] / 2**20, cost["cpu_seconds"] - share * SECONDS, 100 * share), flush=True)
    return run.code, len(sampled), max(cost["rss_bytes"], longer.result["cost"]["rss_bytes"]), share


def main():
    if not sampan.need("gcc", "idle programs") or not os.path.exists("/usr/bin/python3"):
        return
    running = []
    try:
        for count in (50, 100, 200, 350, 500) if sampan.LONG else (500,):
            start(count, running)
            code, sampled, memory, share = measured(count)
            check(code == 0 and sampled == count, "%d idle processes: all taken: %d, exit %d" % (count, sampled, code))
            check(memory <= MOST_MEMORY, "in %.1f MiB" % (memory / 2**20))
    finally:
        for load in running:
            load.stop()


if __name__ == "__main__":
    main()
    sampan.finish()
