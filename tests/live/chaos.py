"""What chaos tests share: agents that are watched while a fault befalls their targets, and what must hold afterwards."""
import atexit
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import xml.etree.ElementTree

import sampan
from sampan import check

FOLDER = pathlib.Path(tempfile.mkdtemp(prefix="sampan-chaos-"))
atexit.register(shutil.rmtree, FOLDER, ignore_errors=True)
SPIN = "import sys\ndef spin_here():\n    while True: sum(range(200))\nprint('ready', flush=True)\nspin_here()\n"
SLOW = bool(os.environ.get("SAMPAN_SLOW"))   # a sanitizer's build: its set-up and its memory are not judged
TIERS = [t for t in os.environ.get("SAMPAN_CHAOS_TIERS", "memory,ptrace,ebpf").split(",") if t]


def program():
    """The built chaos workload; None, with a visible skip, where there is no compiler."""
    binary = FOLDER / "chaos"
    if not binary.exists():
        if not sampan.need("gcc", "native targets of chaos"):
            return None
        source = sampan.WORKLOADS / "hostile" / "chaos.c"
        subprocess.run(["gcc", "-O1", "-g", "-pthread", source, "-o", binary], check=True)
    return binary


def native(*words, **options):
    return sampan.Workload([program(), *words], ready=lambda w: w.says("ready"), **options)


def python(*words, **options):
    return sampan.Workload([sys.executable, "-c", SPIN, *words], ready=lambda w: w.says("ready"), **options)


class Agent:
    """A running agent whose descriptors and memory are looked at until it ends."""

    def __init__(self, seconds, prefix=(), limit=60, **params):
        self.seconds, self.limit = seconds, limit
        self.directory = tempfile.mkdtemp(prefix="sampan-test-", dir=FOLDER)
        params = {"formats": ["svg", "folded"], "output_dir": self.directory, "seconds": seconds, **params}
        self.begun = time.monotonic()
        self.out, self.err = tempfile.TemporaryFile(), tempfile.TemporaryFile()
        self.process = subprocess.Popen([*map(str, prefix), sampan.BINARY], env=dict(os.environ, params=json.dumps(params)),
                                        stdout=self.out, stderr=self.err)
        self.files, self.most_files, self.rss, self.ended = set(), 0, 0, None
        self.watcher = threading.Thread(target=self.watch)
        self.watcher.start()

    def watch(self):
        place = "/proc/%d" % self.process.pid
        while self.process.poll() is None:
            try:
                names = os.listdir(place + "/fd")
                self.most_files = max(self.most_files, len(names))
                for name in names[:64] + names[-64:]:
                    self.files.add(os.readlink(place + "/fd/" + name))
                self.rss = max(self.rss, int(pathlib.Path(place + "/statm").read_text().split()[1]) * 4096)
            except (OSError, IndexError):
                pass
            time.sleep(0.05)
        self.ended = time.monotonic()

    def said(self, file):
        return os.pread(file.fileno(), 1 << 26, 0).decode(errors="replace")

    def wait_until_it_samples(self):
        sampan.wait_for(lambda: '"stage":"sample"' in self.said(self.out) or self.process.poll() is not None, 30, "the agent to sample")

    def finish(self):
        """The finished Run, with `took` seconds; one that does not end is killed and is a failure."""
        killer = threading.Timer(self.limit, self.process.kill)
        killer.start()
        self.process.wait()
        killer.cancel()
        self.watcher.join()
        run = sampan.Run(self.process.returncode, self.said(self.out), self.said(self.err), self.directory)
        run.took = self.ended - self.begun
        run.strange = sorted(f for f in self.files if self.is_strange(f))
        run.rss, run.most_files = self.rss, self.most_files
        return run

    def is_strange(self, file):
        """What is neither the agent's own, nor /proc, nor code of a target (or its debug information)."""
        own = ("pipe:", "socket:", "anon_inode:", "/proc/", "/memfd:", "/dev/null", "/dev/pts/", str(FOLDER), "/sys/kernel/btf", "/sys/fs/cgroup/", "/usr/share/zoneinfo/", "/etc/localtime")
        code = (".so", "/usr/lib/", "/usr/bin/", "/lib/", "/root/.pyenv/", str(sampan.CACHE), "/usr/local/", "/tmp/perf-")
        return not (file in ("/", "/proc") or file.startswith(own) or ".so" in file or file.startswith(code) or " (deleted)" in file)


def judge(run, what, seconds, codes=(0,), least=1, spare=0.0, inside=()):
    """All that must hold of an agent whatever befell its target. `spare`: seconds of set-up that are granted on top;
    `inside`: where files of the target's own root lie."""
    sane, samples = True, 0
    spare += 8 if SLOW else 0
    run.strange = [file for file in run.strange if not file.startswith(inside or "\0")]
    if run.code == 0:
        try:
            xml.etree.ElementTree.fromstring(run.file("svg").read_bytes())
            samples = sum(count for _, count in run.stacks())
            sane = samples == run.result["samples"] >= least
        except (xml.etree.ElementTree.ParseError, AttributeError, KeyError) as error:
            sane = repr(error)
    good = run.code in codes and run.took <= 2 * seconds + spare and sane is True and not run.strange and run.result.get("code") == run.code
    detail = "" if good else " %s %s %s %s" % (sane, run.strange[:3], run.result.get("sentence"), run.err[-300:])
    return check(good, "%s: exit %d after %.1f s of %g, %d samples%s%s" % (
        what, run.code, run.took, seconds, samples, ", partial" if run.result.get("partial") else "", detail))


def states(pid):
    """{(state letter, tracer)} of every thread of a process."""
    found = set()
    for task in pathlib.Path("/proc/%d/task" % pid).glob("*"):
        try:
            text = (task / "status").read_text()
            words = {line.split(":")[0]: line.split(":")[1].split() for line in text.splitlines() if ":" in line}
            found.add((words["State"][0], int(words["TracerPid"][0])))
        except OSError:
            pass
    return found


def left_alone(pid, what):
    """A target goes on and nobody traces it."""
    good = {(s, t) for s, t in states(pid) if s in "Tt" or t != 0}
    check(not good and os.path.exists("/proc/%d" % pid), "%s: the target goes on untraced %s" % (what, good or ""))


def agents(pid_of, seconds, tiers=None, **params):
    """One agent a tier on one target: memory on Python's pid, the others on the native one's."""
    running = {tier: Agent(seconds, tier=tier, pid=pid_of[tier], **params) for tier in tiers or TIERS}
    for agent in running.values():
        agent.wait_until_it_samples()
    return running


class Cgroup:
    """A cgroup of the test's own in a v1 hierarchy (`freezer`, `memory`, `cpu`) or in v2's; None-like where it cannot be made."""

    def __init__(self, controller, file):
        self.path = None
        for mount in ("/sys/fs/cgroup/" + controller, "/sys/fs/cgroup", "/sys/fs/cgroup/unified"):
            folder = pathlib.Path(mount) / ("sampan-chaos-%d" % os.getpid())
            try:
                folder.mkdir()
            except OSError:
                continue
            if (folder / file).exists():
                self.path = folder
                return
            folder.rmdir()

    def __bool__(self):
        return self.path is not None

    def write(self, file, value):
        (self.path / file).write_text(str(value))

    def add(self, pid):
        self.write("cgroup.procs", pid)

    def enter(self):
        """For a child between fork and exec."""
        return ["sh", "-c", 'echo $$ > "$0/cgroup.procs" && exec "$@"', str(self.path)]

    def remove(self):
        def gone():
            try:
                self.path.rmdir()
                return True
            except OSError:
                return not self.path.exists()
        sampan.wait_for(gone, 10, "the cgroup to be empty")
