"""What `auto` takes where the kernel's tier cannot be had: memory, which stops nothing; and ptrace from the moment on at which what
memory sees of a process is in doubt, since its frames are shorter than a read."""
import re
import subprocess
import sys

import sampan
from sampan import check

WITHOUT_BPF = ["setpriv", "--bounding-set=-bpf,-perfmon,-sys_admin", "--inh-caps=-bpf,-perfmon,-sys_admin"]
ORACLE = sampan.WORKLOADS / "python" / "oracle.py"
SECONDS = 4


def look(spins, **params):
    with sampan.Workload([sys.executable, ORACLE, 120, spins, 1], ready=lambda load: load.says("ready")) as load:
        run = sampan.profile(pid=load.pid, seconds=SECONDS, rate=200, _prefix=WITHOUT_BPF, **params)
    process = next(iter(run.result.get("processes", [])), {})
    quality = run.result.get("quality", {})
    return run, process, quality


def judge_move(run, process, taken, suspect):
    told = run.result.get("tier_sentence", run.err[-300:])
    check(run.code == 0 and process.get("tier") == "ptrace", "frames of 50 ns: sampled by %s in the end" % process.get("tier"))
    check(re.search("more than a twentieth", process.get("note", "")) and re.search("1 process came to it from the memory tier", told), "it says so: %s; %s" % (process.get("note"), told))
    check(taken > SECONDS * 50 and 0 < suspect < 0.15 * taken, "few samples are suspect, those from before: %d of %d" % (suspect, taken))


def main():
    if subprocess.run([*WITHOUT_BPF, "true"], capture_output=True).returncode:
        sampan.skip("auto without BPF", "setpriv is not allowed here")
        sampan.finish()
    run, process, quality = look(1)
    taken, suspect = quality.get("taken", 0), quality.get("suspect", 0)
    if process.get("tier") == "memory" and suspect * 12 <= taken:   # a twentieth, and three sigma of as many samples
        sampan.skip("frames of 50 ns", "the machine never let the program run while it was read: %d of %d suspect" % (suspect, taken))
    else:
        judge_move(run, process, taken, suspect)
    run, process, quality = look(1, tier="memory")
    check(process.get("tier") == "memory" and not process.get("note"), "memory that was asked for stays: %s" % process.get("tier"))
    run, process, quality = look(1200)
    check(process.get("tier") == "memory" and not process.get("note"), "frames of a hundred microseconds: %s to the end, %d of %d suspect"
          % (process.get("tier"), quality.get("suspect", 0), quality.get("taken", 0)))
    sampan.finish()


if __name__ == "__main__":
    main()
