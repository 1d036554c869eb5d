"""What profiling Python costs: its target's throughput and processor time a request, its own, the kernel's walk."""
import json
import os
import pathlib
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tests" / "live"))
import pythons  # noqa: E402
import sampan  # noqa: E402

PEERS = sampan.CACHE / "peers" / "bin"
WINDOW = 2   # wrk takes whole seconds
RATES = (100, 1000)


def cpu(pids):
    """Processor seconds that the processes have used."""
    return sum(time.clock_gettime((~pid << 3) | 2) for pid in pids)


def children(pid):
    return [int(word) for word in pathlib.Path("/proc/%d/task/%d/children" % (pid, pid)).read_text().split()]


class Server:
    """A server of 4 x 2 with its load: requests a second and processor time a request, in windows."""

    def __init__(self, load, port, skip):
        self.load, self.port = load, port
        self.skip = skip
        sampan.wait_for(lambda: len(self.workers()) == 4, 30, "four workers")
        self.pids = self.workers()

    def workers(self):
        found = [(pid, pathlib.Path("/proc/%d/cmdline" % pid).read_bytes()) for pid in children(self.load.pid)]
        return [pid for pid, line in found if not self.skip or b"worker" in line]

    def load_for(self, seconds):
        return subprocess.Popen(["wrk", "-t1", "-c8", "-d%ds" % seconds, "http://127.0.0.1:%d/" % self.port], stdout=subprocess.PIPE, text=True)

    def window(self, profilers=()):
        before, own, start = cpu(self.pids), cpu(profilers), time.monotonic()
        output = self.load_for(WINDOW).communicate()[0]
        used, seconds = cpu(self.pids) - before, time.monotonic() - start
        requests = int(re.search(r"(\d+) requests in", output)[1])
        return {"speed": float(re.search(r"Requests/sec:\s+([\d.]+)", output)[1]), "request": used / requests,
                "own": (cpu(profilers) - own) / seconds}


class Agent:
    def __init__(self, tier):
        self.name, self.tier = "Sampan, " + tier, tier

    def start(self, server, rate):
        params = {"pid": server.pids, "rate": rate, "seconds": 60, "formats": ["folded"], "tier": self.tier, "max_cpu_percent": 100,
                  "output_dir": tempfile.mkdtemp(prefix="sampan-bench-")}
        process = subprocess.Popen([sampan.BINARY], env=dict(os.environ, params=json.dumps(params)), stdout=subprocess.PIPE,
                                   stderr=subprocess.DEVNULL, text=True)
        while json.loads(process.stdout.readline()).get("stage") != "sample":
            pass
        return [process]


class PySpy:
    def __init__(self, *options):
        self.name, self.options = " ".join(("py-spy", *options)), options

    def start(self, server, rate):
        commands = [[PEERS / "py-spy", "record", "-p", str(pid), "-r", str(rate), "-d", "60", "-f", "raw", "-t", "-o",
                     tempfile.mktemp(prefix="sampan-pyspy-"), *self.options] for pid in server.pids]
        return [subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for command in commands]


class Tachyon:
    def __init__(self, python, *options):
        self.name, self.python, self.options = " ".join(("Tachyon", *options)), python, options

    def start(self, server, rate):
        return [subprocess.Popen([self.python.command, "-m", "profiling.sampling", "attach", "-a", "-r", str(rate), "-d", "60", "--collapsed",
                                  "-o", tempfile.mktemp(prefix="sampan-tachyon-"), *self.options, str(pid)],
                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for pid in server.pids]


def one(server, profiler, rate):
    load = server.load_for(2)   # py-spy finds no interpreter in a worker that waits, and does not say when it begins
    processes = profiler.start(server, rate)
    load.wait()
    ended = [p for p in processes if p.poll() is not None]
    figures = server.window([p.pid for p in processes if p not in ended])
    for process in processes:
        process.send_signal(signal.SIGINT if not isinstance(profiler, Agent) else signal.SIGTERM)
    for process in processes:
        try:
            process.communicate(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    return dict(figures, ended=len(ended))


def table(server, profilers, rounds):
    server.window()
    seen = {(profiler.name, rate): [] for rate in RATES for profiler in profilers}
    before = server.window()
    for _ in range(rounds):
        for rate in RATES:
            for profiler in profilers:
                figures = one(server, profiler, rate)
                after = server.window()
                alone = {key: (before[key] + after[key]) / 2 for key in ("speed", "request")}
                seen[profiler.name, rate].append(dict(figures, slower=100 * (1 - figures["speed"] / alone["speed"]),
                                                      dearer=100 * (figures["request"] / alone["request"] - 1)))
                before = after
    print("| profiler | rate | slowdown | target's CPU a request | own CPU of a core | |\n|---|---|---|---|---|---|")
    for (name, rate), rows in seen.items():
        cell = lambda key: "%+.2f %% (%+.1f – %+.1f)" % (statistics.median(r[key] for r in rows), min(r[key] for r in rows), max(r[key] for r in rows))  # noqa: E731
        print("| %s | %d | %s | %s | %.1f %% | %s |" % (name, rate, cell("slower"), cell("dearer"), 100 * statistics.median(r["own"] for r in rows),
              "%d ended by themselves" % sum(r["ended"] for r in rows) if any(r["ended"] for r in rows) else ""), flush=True)


def harm(rounds):
    if not sampan.need("wrk", "harm") or not sampan.need("uwsgi", "harm"):
        return
    only = os.environ.get("ONLY", "uwsgi prefork").split()
    if "uwsgi" in only:
        print("\nuWSGI 4 x 2 (CPython 3.11), windows of %g s, %d rounds; median (lowest – highest)\n" % (WINDOW, rounds))
        with sampan.uwsgi(workers=4, prefix="bench_", threads=2) as load:
            table(Server(load, load.port, True), [Agent("ebpf"), Agent("ptrace"), Agent("memory"), PySpy(), PySpy("--nonblocking")], rounds)
    python = next(iter(pythons.newest(pythons.all_pythons(), "3.15")), None)
    if python and "prefork" in only:
        print("\nCPython 3.15, 4 processes x 2 threads, windows of %g s, %d rounds\n" % (WINDOW, rounds))
        port = sampan.free_port()
        command = [python.command, sampan.WORKLOADS / "python" / "prefork.py", port, 4, 2, sampan.WORKLOADS / "uwsgi" / "app.py"]
        with sampan.Workload(command, ready=lambda load: load.says("ready")) as load:
            table(Server(load, port, False), [Agent("ebpf"), Agent("ptrace"), Agent("memory"), Tachyon(python), Tachyon(python, "--blocking")], rounds)


DEEP = """
import sys
def bottom():
    n = 0
    while True: n += 1
def down(left):
    if left: down(left - 1)
    else: bottom()
print("ready"); sys.stdout.flush()
down(int(sys.argv[1]))
"""


def programs(pid):
    """Of each BPF program that a process holds: {type: (nanoseconds, runs, instructions verified)}."""
    found = {}
    for entry in pathlib.Path("/proc/%d/fdinfo" % pid).iterdir():
        fields = dict(line.split(":", 1) for line in entry.read_text().splitlines() if ":" in line)
        if "prog_type" in fields and "verified_insns" in fields:
            found[fields["prog_type"].strip(), int(fields["prog_id"])] = tuple(int(fields[key]) for key in ("run_time_ns", "run_cnt", "verified_insns"))
    return found


def walk_cost(python, depth, seconds, native=False, event="cpu"):
    """Nanoseconds of the perf-event program a sample of the target, and what the verifier went through."""
    with sampan.Workload([python.command, "-c", DEEP, depth], ready=lambda load: load.says("ready")) as load:
        params = {"pid": load.pid, "rate": 1000, "seconds": seconds + 1, "formats": ["folded"], "tier": "ebpf", "native": native, "event": event,
                  "output_dir": tempfile.mkdtemp(prefix="sampan-bench-")}
        process = subprocess.Popen([sampan.BINARY], env=dict(os.environ, params=json.dumps(params)), stdout=subprocess.PIPE, text=True)
        while json.loads(process.stdout.readline()).get("stage") != "sample":
            pass
        first, start = programs(process.pid), time.monotonic()
        time.sleep(seconds)
        second, took = programs(process.pid), time.monotonic() - start
        result = json.loads(process.communicate()[0].splitlines()[-1])
    key = next((k for k in second if k[0] == "7"), None)
    if not key:
        return None, second
    rate = result["quality"]["taken"] / result["seconds"]
    return (second[key][0] - first[key][0]) / max(1, took * rate), second


def kernel(seconds):
    statistics_file = pathlib.Path("/proc/sys/kernel/bpf_stats_enabled")
    before = statistics_file.read_text()
    statistics_file.write_text("1")
    try:
        print("| CPython | 4 frames | 104 frames | 404 frames | each frame more |\n|---|---|---|---|---|")
        for python in pythons.newest(pythons.all_pythons(), *os.environ.get("ONLY", "3.8 3.10 3.11 3.12 3.13 3.14 3.15").split()):
            costs = [walk_cost(python, depth, seconds)[0] for depth in (2, 102, 402)]
            print("| %s | %s | %.3f µs |" % (python, " | ".join("%.1f µs" % (cost / 1000) for cost in costs), (costs[2] - costs[0]) / 400000), flush=True)
        for event in ("cpu", "offcpu"):
            _, seen = walk_cost(python, 2, 1, native=True, event=event)
            for (kind, _), (_, _, verified) in sorted(seen.items()):
                print("%s: program type %s: the verifier went through %d instructions (limit 1,000,000)" % (event, kind, verified))
    finally:
        statistics_file.write_text(before)
