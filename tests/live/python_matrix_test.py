"""Every Python at once: a program that calls in every way must show its very stacks, file, line and qualified name."""
import collections
import json
import pathlib
import re
import sys
import tempfile

import pythons
import sampan

SECONDS = 60 if sampan.LONG else 45


def expected(path):
    stacks = json.loads(path.read_bytes())
    # What the calls of `spin` lead through, less its own line: these must all be seen.
    calls = {stack.rpartition(";")[0] for stack in stacks if stack.rpartition(";")[2].startswith("spin (")}
    return set(stacks), calls


def by_pid(stacks):
    """{pid: Counter of stacks}, each without its process frame."""
    found = collections.defaultdict(collections.Counter)
    for frames, count in stacks:
        pid = re.search(r"\(pid (\d+)\)$", frames[0])
        if pid:
            found[int(pid.group(1))][";".join(frames[1:])] += count
    return found


def judge(python, seen, possible, calls):
    total = sum(seen.values())
    impossible = {stack: count for stack, count in seen.items() if stack not in possible}
    missing = calls - {stack.rpartition(";")[0] for stack in seen}
    sampan.check(total >= 100, "%s: %d samples" % (python, total))
    sampan.check(not missing, "%s: %d of %d kinds of call seen with every file, line and name" % (python, len(calls) - len(missing), len(calls)))
    for stack in sorted(missing)[:3]:
        print("        missing: " + stack)
    for stack, count in sorted(impossible.items())[:3]:
        print("        impossible, %d times: %s" % (count, stack))
    return total, sum(impossible.values())


def main():
    folder = pathlib.Path(tempfile.mkdtemp(prefix="sampan-matrix-"))
    program = folder / "matrix.py"
    program.write_bytes((sampan.WORKLOADS / "python" / "matrix.py").read_bytes())
    running = []
    for python in pythons.all_pythons():
        out = folder / (python.name + ".json")
        load = sampan.Workload([python.command, program, out, SECONDS + 120], cwd=folder)
        running.append((python, load, out))
    try:
        for python, load, _ in running:
            sampan.wait_for(lambda: load.says("ready") or load.process.poll() is not None, 90, "%s to be ready" % python)
        run = sampan.profile(pid=[load.pid for _, load, _ in running], seconds=SECONDS, rate=100, tier="memory", _timeout=SECONDS + 60)
        sampan.check(run.code == 0, "one run samples %d interpreters (exit %d) %s" % (len(running), run.code, run.err[-500:]))
        seen = by_pid(run.stacks())
        totals = [judge(python, seen[load.pid], *expected(out)) for python, load, out in running]
    finally:
        for _, load, _ in running:
            load.stop()
    samples, impossible = (sum(column) for column in zip(*totals))
    print("%d samples of %d interpreters, %d impossible (%.3f %%); %s" % (samples, len(totals), impossible,
          100.0 * impossible / max(samples, 1), run.result.get("quality")))
    sampan.check(impossible <= 0.001 * samples, "at least 99.9 % of the samples are stacks that the programs can have")
    sampan.finish()


if __name__ == "__main__":
    sys.exit(main())
