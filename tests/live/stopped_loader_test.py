"""A runtime that is looked at too early is looked at again: the loader is stopped when it has mapped the interpreter's
library and not yet relocated it, the profile starts, and only then does the loader go on."""
import os
import pathlib
import signal
import subprocess
import tempfile
import threading

import sampan
from sampan import check

FOLDER = pathlib.Path(tempfile.mkdtemp(prefix="sampan-loader-"))
AUDIT = FOLDER / "stop_loader.so"


def state(pid):
    return pathlib.Path("/proc/%d/stat" % pid).read_text().rpartition(")")[2].split()[0]


def commands():
    if sampan.need("java", "a JVM that is being loaded"):
        subprocess.run(["javac", "-d", str(FOLDER), str(sampan.WORKLOADS / "java" / "Simple.java")], check=True)
        yield "java", "/libjvm.so", ["java", "-Xint", "-cp", str(FOLDER), "Simple", "3600"], r"^Simple\.|\(Simple\.java", ("ebpf", "ptrace")
    loop = "def work_here():\n  while True: sum(i*i for i in range(7000))\nwork_here()"
    shared = next(iter(sorted(pathlib.Path.home().glob(".pyenv/versions/3.1*/bin/python3.1?"))), None)
    if shared:
        yield "python", ".so.1.0", [str(shared), "-c", loop], r"^work_here ", ("memory", "ptrace", "ebpf")
    else:
        sampan.skip("a libpython that is being loaded", "no Python here has one")
    if sampan.need("ruby", "a libruby that is being loaded"):
        yield "ruby", "libruby-3.1.so.3.1", ["ruby", "-e", "def work_here() = loop { (1..7000).sum { |i| i * i } }\nwork_here"], r"work_here", ("memory",)
    if sampan.need("php", "PHP that is being loaded"):
        yield "php", "libxml2.so.2", ["php", "-r", "function work_here() { while (true) { for ($i = 0, $x = 0; $i < 7000; $i++) $x += strlen('a'); } } work_here();"], "work_here", ("memory",)


def profile_of(load, tier, into):
    # What waits for a processor counts too: a machine may be busy elsewhere.
    into.append(sampan.profile(pid=load.pid, tier=tier, seconds=10, rate=100, group_by=[], event="wall" if tier == "ptrace" else "cpu"))


def tried(name, stop_at, command, pattern, tier):
    environment = dict(os.environ, LD_AUDIT=str(AUDIT), STOP_AT=stop_at)
    with sampan.Workload(command, env=environment) as load:
        try:
            sampan.wait_for(lambda: state(load.pid) == "T", 20, "%s to be stopped by its loader" % name)
        except (TimeoutError, FileNotFoundError):
            return sampan.skip("%s, %s" % (name, tier), "its loader did not stop at %s" % stop_at)
        got = []
        runner = threading.Thread(target=profile_of, args=(load, tier, got))
        runner.start()
        # Until the agent has looked at it: it holds the process's root or its memory, or has refused it once.
        runner.join(1.5)
        os.kill(load.pid, signal.SIGCONT)
        runner.join()
    result = got[0]
    if result.code == 4:
        return sampan.skip("%s, %s" % (name, tier), result.result.get("sentence", ""))
    every = sum(n for _, n in result.stacks())
    own = round(every * sampan.share(result.stacks(), pattern))   # a JVM has many threads more, which wait
    check(own >= 50, "%s, %s: looked at while its loader stood: %d of %d samples show its own frames (exit %d)"
          % (name, tier, own, every, result.code))


subprocess.run(["gcc", "-shared", "-fPIC", "-O1", str(sampan.WORKLOADS / "hostile" / "stop_loader.c"), "-o", str(AUDIT)], check=True)
for name, stop_at, command, pattern, tiers in commands():
    for each in tiers:
        tried(name, stop_at, command, pattern, each)
sampan.finish()
