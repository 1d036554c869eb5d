"""A corrupting target for each runtime: random bytes are written over its own structures while it is sampled, until it
crashes and is started again. The agent never crashes, never hangs, and stays within its budgets."""
import ctypes
import os
import pathlib
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

import chaos
import jdks
import native_programs
import nodes
import pythons
import sampan
from chaos import judge
from sampan import CACHE, check

SECONDS = 90 if sampan.LONG else 4
# Another user, who may read (interpreters lie in a home folder) and do nothing else.
NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all,+dac_read_search",
          "--ambient-caps=+dac_read_search", "--bounding-set=-all,+dac_read_search", "--no-new-privs"]
IN_ROOT = [sys.executable, str(pathlib.Path(__file__).with_name("in_root.py")), "--user", "65534"]
MOST_RSS = 512 << 20
SEED = int(os.environ.get("SAMPAN_SEED", "9"))

libc = ctypes.CDLL(None, use_errno=True)


class Iovec(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("size", ctypes.c_size_t)]


def write_memory(pid, address, data):
    local, remote = Iovec(ctypes.cast(ctypes.c_char_p(data), ctypes.c_void_p), len(data)), Iovec(address, len(data))
    return libc.process_vm_writev(pid, ctypes.byref(local), 1, ctypes.byref(remote), 1, 0) == len(data)


def writable(pid):
    """[(start, size, weight)] of a process: the data of files (where the interpreter's own state is) weighs most."""
    found = []
    for line in pathlib.Path("/proc/%d/maps" % pid).read_text().splitlines():
        words = line.split(None, 5)
        start, end = (int(x, 16) for x in words[0].split("-"))
        path = words[5] if len(words) > 5 else ""
        if words[1].startswith("rw") and "stack" not in path and end - start < 1 << 30:
            found.append((start, end - start, 6 if path.startswith("/") or path == "" and end - start < 1 << 20 else 3 if path == "[heap]" else 1))
    return found


class Corruptor(threading.Thread):
    """Keeps one target alive and spoils it: each life is given a while to be sampled whole, then bytes are overwritten."""

    def __init__(self, command, seed, environment):
        super().__init__()
        self.command, self.dice, self.environment = [str(w) for w in command], random.Random(seed), environment
        self.stopping, self.lives, self.crashes, self.writes, self.process = False, 0, 0, 0, None
        self.go = threading.Event()   # until then it lives whole
        self.folder = tempfile.mkdtemp(dir=chaos.FOLDER)
        os.chmod(self.folder, 0o777)
        self.start_target()
        self.start()

    def limits(self):
        # What a spoilt program might do by accident is kept small: no large files, no cores, bounded memory.
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
        resource.setrlimit(resource.RLIMIT_DATA, (2 << 30, 2 << 30))
        resource.setrlimit(resource.RLIMIT_NPROC, (512, 512))

    def start_target(self):
        self.lives += 1
        self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                        cwd=self.folder, env=self.environment, start_new_session=True, preexec_fn=self.limits)

    def bytes(self, regions):
        dice = self.dice
        start, size, _ = dice.choice(regions)
        return dice.choice([dice.randbytes(dice.choice([1, 2, 4, 8, 64])), (start + dice.randrange(size)).to_bytes(8, "little"),
                            dice.randrange(1 << 16).to_bytes(8, "little"), bytes(8), b"\xff" * 8])

    def spoil(self):
        regions = writable(self.process.pid)
        weights = [w for _, _, w in regions]
        for start, size, _ in self.dice.choices(regions, weights, k=self.dice.choice([1, 8, 64, 512])) if regions else ():
            address = start + self.dice.randrange(size) // 8 * 8
            self.writes += write_memory(self.process.pid, address, self.bytes(regions))

    def run(self):
        born = time.monotonic()
        calm = self.dice.uniform(0.3, 0.9)
        while not self.stopping:
            crashed = self.process.poll() is not None
            if crashed or self.go.is_set() and time.monotonic() - born > 3:   # so spoilt that it only spins
                self.crashes += crashed
                self.end_target()
                self.start_target()
                born, calm = time.monotonic(), self.dice.uniform(0.3, 0.9)
            if self.go.is_set() and time.monotonic() - born > calm:
                try:
                    self.spoil()
                except OSError:
                    pass
            time.sleep(0.02)
        self.end_target()

    def end_target(self):
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()

    def stop(self):
        self.stopping = True
        self.join()


def corrupt(name, command, mark, tiers, language, environment=None):
    if len(sys.argv) > 1 and not any(name.startswith(word) for word in sys.argv[1:]):
        return
    target = Corruptor(command, "%s %d" % (name, SEED), environment)
    neighbour = chaos.python("corrupt-neighbour") if language == "python" else None   # what is sampled beside it stays true
    try:
        running = {}
        for tier in tiers:
            params = {"cmdline_regex": mark, "max_memory_mb": 512, "rate": 200}
            if neighbour and tier == "memory":
                params["cmdline_regex"] = "(%s|corrupt-neighbour$)" % mark
            running[tier] = chaos.Agent(SECONDS, tier=tier, limit=3 * SECONDS + 20, **params)
        for agent in running.values():
            agent.wait_until_it_samples()
        target.go.set()
        for tier, agent in running.items():
            run = agent.finish()
            quality = run.result.get("quality", {})
            # Half of what could be had: what runs on a busy machine gets little of its processor, and is seen as seldom.
            least = max(1, min(10, quality.get("wanted", 20) // 2))
            judge(run, "%s spoilt, %s" % (name, tier), SECONDS, least=least, spare=3, inside=(str(native_programs.FOLDER),))
            cost = run.result.get("cost", {}).get("cpu_seconds", 1e9)
            check(chaos.SLOW or run.rss < MOST_RSS and cost < 0.7 * SECONDS + 3, "%s, %s: %d MiB, %.1f s of processor; %s" % (
                name, tier, run.rss >> 20, cost, {k: quality.get(k) for k in ("taken", "suspect", "truncated", "failed")}))
            if neighbour and tier == "memory":
                own = [(f, c) for f, c in run.stacks() if any(x.startswith("spin_here ") for x in f)]
                mixed = [f for f, _ in own if any(x.startswith(("work ", "A.m ")) for x in f)]
                check(sum(c for _, c in own) > 20 * SECONDS and not mixed, "%s: its neighbour is sampled as ever: %d, none mixed %s" % (
                    name, sum(c for _, c in own), mixed[:1]))
    finally:
        target.stop()
        if neighbour:
            neighbour.stop()
    check(target.writes >= 50 * SECONDS and target.lives > 1, "%s: overwritten in %d places, %d crashes in %d lives" % (
        name, target.writes, target.crashes, target.lives))


def all_pythons():
    found = pythons.all_pythons()
    kinds = ("2.7", "3.8", "3.10", "3.11", "3.12", "3.13", "3.14", "3.14t", "3.15") if sampan.LONG else ("3.8", "3.11", "3.14")
    workload = chaos.FOLDER / "spoilt.py"
    workload.write_text("import threading\nclass A(object):\n    def m(self, n): return self.m(n - 1) if n else sum(range(200))\n"
                        "def work():\n    while True: A().m(20)\nfor _ in range(3): threading.Thread(target=work).start()\nwork()\n")
    for python in pythons.newest(found, *kinds):
        tiers = [t for t in ("memory", "ebpf", "ptrace") if t in chaos.TIERS]
        corrupt("Python %s" % python.kind, [*NOBODY, python.command, workload], "^([^ ]*ld-linux[^ ]* .* )?[^ ]*python[^ ]* [^ ]*spoilt.py$", tiers, "python")


def in_root(name, folder, versions, program, *options):
    for version in versions:
        root = folder / version
        if not (root / ".complete").exists():
            sampan.skip("%s %s" % (name, version), "not fetched")
            continue
        shutil.copy(sampan.WORKLOADS / name / program, root / "tmp" / program)
        words = [*IN_ROOT, root, "/usr/bin/" + name + version, *options, "/tmp/" + program, 1000]
        corrupt("%s %s" % (name, version), words, "^/usr/bin/%s%s .*%s 1000" % (name, version, program),
                [tier for tier in ("memory", "ebpf", "ptrace") if tier in chaos.TIERS], name)


def ruby_and_php():
    rubies = ("2.7", "3.1", "3.3", "3.4") if sampan.LONG else ("3.3",)
    phps = ("7.4", "8.2", "8.4", "8.5", "8.6") if sampan.LONG else ("8.4",)
    in_root("ruby", CACHE / "rubies", rubies, "truth.rb", "--disable-gems")
    in_root("php", CACHE / "phps", phps, "truth.php", "-n")


def java():
    if not shutil.which("java") or not jdks.classes():
        return sampan.skip("a spoilt JVM", "no JDK is installed")
    quiet = ["-XX:ErrorFile=/dev/null", "-XX:-CreateCoredumpOnCrash", "-Xmx64m", "-XX:-UsePerfData", "-XX:OnError=true"]
    corrupt("Java", [*NOBODY, shutil.which("java"), *quiet, "-cp", jdks.classes(), "Simple", 1000], "^[^ ]*java .*Simple 1000$",
            [t for t in ("ptrace", "ebpf") if t in chaos.TIERS], "java")


def node():
    versions = ("18.20.8", "22.23.3", "26.12.1") if sampan.LONG else ("22.23.3",)
    for version, program in nodes.fetch(versions).items():
        corrupt("Node %s" % version, [*NOBODY, program, "--max-old-space-size=64", sampan.WORKLOADS / "node" / "churn.js", 1000], "^[^ ]*node .*churn.js 1000$",
                [t for t in ("ptrace", "ebpf") if t in chaos.TIERS], "node")


def native():
    tiers = [t for t in ("ptrace", "ebpf") if t in chaos.TIERS]
    if shutil.which("go"):
        corrupt("Go", [*NOBODY, native_programs.build("split_go")], "^[^ ]*split_go$", tiers, "go")
    program = native_programs.build("split")
    if program:
        corrupt("C++", [*NOBODY, program], "^[^ ]*/split$", tiers, "native")


def main():
    for folder in (chaos.FOLDER, native_programs.FOLDER):
        os.chmod(folder, 0o755)
    if os.getuid() != 0 or not shutil.which("setpriv"):
        return sampan.skip("corrupting targets", "they run as another user: this needs root and setpriv")
    all_pythons()
    ruby_and_php()
    java()
    node()
    native()


main()
sampan.finish()
