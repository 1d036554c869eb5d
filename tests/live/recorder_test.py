"""The flight recorder: a spike in a service that idles, with the seconds before it; each of its conditions; what it costs while
nothing happens; and a target that is waited for."""
import contextlib
import json
import os
import re
import signal
import subprocess
import tempfile
import time

import sampan
from chaos import Cgroup
from sampan import check, skip

SOURCES = sampan.WORKLOADS / "time"
ROUNDS, BEFORE = (20, 10) if sampan.LONG else (3, 10)


class Agent:
    """An agent that runs on; its events so far."""

    def __init__(self, **params):
        self.folder = params.setdefault("output_dir", tempfile.mkdtemp(prefix="sampan-recorder-"))
        params.setdefault("formats", ["svg"])
        self.log = tempfile.TemporaryFile()
        self.process = subprocess.Popen([sampan.BINARY], env=dict(os.environ, params=json.dumps(params)), stdout=self.log, stderr=subprocess.STDOUT)

    def events(self, name):
        text = os.pread(self.log.fileno(), 1 << 24, 0).decode(errors="replace")
        return [event for event in (json.loads(line) for line in text.splitlines() if line.startswith("{") and line.endswith("}")) if event["event"] == name]

    def samples(self):
        return any(event["stage"] == "sample" for event in self.events("stage"))

    def results(self):
        return self.events("result")

    def cpu_ns(self):
        """Of the agent and the process beside it that samples."""
        pids = [self.process.pid, *map(int, open("/proc/%d/task/%d/children" % (self.process.pid, self.process.pid)).read().split())]
        return sum(int(open("/proc/%d/schedstat" % pid).read().split()[0]) for pid in pids)

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def iso(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + ("%.6fZ" % (seconds % 1))[1:]


def picture_of(result):
    return next(file["path"] for file in result["files"] if file["format"] == "svg")


def length_of(picture):
    head = re.search(r'<time start="(\d+)"[^>]*length="(\d+)"', open(picture).read())
    return int(head[1]) / 1000, int(head[2]) / 1000


def service():
    return sampan.Workload(["python3", SOURCES / "spikes.py"], ready=lambda load: load.says("ready"))


def spike(load):
    """Lets it spike; the moments of that."""
    before = load.output().count("spike ")
    os.kill(load.pid, signal.SIGUSR1)
    sampan.wait_for(lambda: load.output().count("spike ") > before, 20, "the spike's end")
    return [float(word) for word in load.output().splitlines()[-1].split()[1:]]


def spikes():
    """The one that is over before anybody clicks."""
    caught = 0
    with service() as load, Agent(pid=load.pid, when={"cpu_percent": 50, "for_seconds": 0.3}, before=BEFORE, after=1, count=ROUNDS, cooldown=1) as agent:
        for number in range(ROUNDS):
            sampan.wait_for(lambda: sum(event["stage"] == "sample" for event in agent.events("stage")) > number, 30, "recording")
            time.sleep(BEFORE + 0.5)   # what is to be kept has to pass
            begun, ended = spike(load)
            sampan.wait_for(lambda: len(agent.results()) > number, 30, "the recording")
            result = agent.results()[number]
            start, length = length_of(picture_of(result))
            window = sampan.profile(mode="render", inputs=[picture_of(result)], **{"from": iso(begun + 0.02), "to": iso(ended - 0.02)})
            share, samples = sampan.share(window.stacks(), "spike_work"), sum(count for _, count in window.stacks())
            whole = begun - start >= BEFORE - 1.5 and result["fired"] and abs(result["fired"]["seconds"] - BEFORE) < 0.2
            right = result["code"] == 0 and not result["partial"] and whole and share > 0.95 and samples >= 20 and start + length > ended
            caught += right
            if not right:
                print("   ", number, result["sentence"], result.get("fired"), begun - start, length, share, samples, flush=True)
        check(caught == ROUNDS, "a spike of 700 ms is caught with the %d s before it: %d of %d" % (BEFORE, caught, ROUNDS))
        check("% of a core" in agent.results()[-1]["fired"]["why"], "it says why: " + agent.results()[-1]["fired"]["why"])
        check(agent.process.wait(20) == 0, "and ends after `count` of them")
        text = open(picture_of(agent.results()[-1])).read()
        check("Recorded since the targets used" in text and "<marks>" in text, "the picture says so too")


def conditions():
    folder = tempfile.mkdtemp(prefix="sampan-recorder-")
    with service() as load:
        with Agent(pid=load.pid, when=[{"file": folder + "/now"}, {"signal": "USR2"}], before=1, after=0, count=2, cooldown=0) as agent:
            sampan.wait_for(agent.samples, 20, "recording")
            open(folder + "/now", "w").close()
            sampan.wait_for(lambda: len(agent.results()) == 1, 20, "a recording")
            check("now appeared" in agent.results()[0]["fired"]["why"], "a file: " + agent.results()[0]["fired"]["why"])
            sampan.wait_for(lambda: sum(event["stage"] == "sample" for event in agent.events("stage")) == 2, 20, "recording")
            agent.process.send_signal(signal.SIGUSR2)
            check(agent.process.wait(20) == 0 and "SIGUSR2" in agent.results()[1]["fired"]["why"], "a signal: " + agent.results()[1]["fired"]["why"])
        with Agent(pid=load.pid, when={"cpu_percent": 90}, before=2) as agent:
            sampan.wait_for(agent.samples, 20, "recording")
            spike_soon = time.time() + 1
            sampan.wait_for(lambda: time.time() > spike_soon, 5)
            agent.end()
            result = agent.results()[-1]
            check(result["code"] == 0 and result["partial"] and result["fired"] is None and result["ended"] == "signal",
                  "asked to end, it delivers what it has: %s" % result["sentence"])
    throttled_condition()
    oom_condition()


def throttled_condition():
    group = Cgroup("cpu", "cpu.cfs_quota_us")
    if not group:
        return skip("throttled_percent", "no cpu cgroup (v1) can be written here")
    group.write("cpu.cfs_quota_us", 20_000)
    with sampan.Workload([*group.enter(), "python3", SOURCES / "first.py", "1"], ready=lambda load: load.says("begun")) as load:
        with Agent(pid=load.pid, when={"throttled_percent": 50, "for_seconds": 1}, before=2, after=1) as agent:
            check(agent.process.wait(40) == 0, "throttled_percent: %s" % agent.results()[-1]["fired"])
            check("throttled in" in agent.results()[-1]["fired"]["why"], "and why: " + agent.results()[-1]["fired"]["why"])
    group.remove()


def oom_condition():
    group = Cgroup("memory", "memory.limit_in_bytes")
    if not group:
        return skip("oom_kill", "no memory cgroup (v1) can be written here")
    group.write("memory.limit_in_bytes", 48 << 20)
    with contextlib.suppress(OSError):
        group.write("memory.swappiness", 0)
    grow = "import time\nprint('ready', flush=True)\nheld = []\nfor _ in range(400):\n  held.append(bytearray(1 << 20))\n  time.sleep(0.05)\n"
    with sampan.Workload([*group.enter(), "python3", "-c", grow], ready=lambda load: load.says("ready")) as load:
        with Agent(pid=load.pid, when={"oom_kill": True}, before=2, after=0, event="wall") as agent:
            code = agent.process.wait(60)
            result = agent.results()[-1]
            if "does not count kills" in json.dumps(agent.events("log")):
                skip("oom_kill", "this kernel's memory cgroups do not count them")
            else:
                check(code == 0 and result["fired"] and "want of memory" in result["fired"]["why"], "oom_kill: %s" % result["sentence"])
    group.remove()


def idle_cost():
    """Beside a plain run of the same target, while nothing happens."""
    def cost(length, **params):
        with Agent(pid=load.pid, **params) as agent:
            sampan.wait_for(agent.samples, 20, "sampling")
            time.sleep(1)
            begun = agent.cpu_ns()
            time.sleep(length)
            return agent.cpu_ns() - begun

    seconds, rounds = (10, 5) if sampan.LONG else (4, 3)
    with service() as load:
        pairs = [(cost(seconds, seconds=60), cost(seconds, when={"cpu_percent": 1000}, before=BEFORE)) for _ in range(rounds)]
    plain, recorder = (sorted(pair[i] for pair in pairs)[rounds // 2] for i in (0, 1))
    check(recorder <= 1.1 * plain + 2e6 * seconds, "idle cost: %.2f ms a second, a plain run's %.2f" % (recorder / seconds / 1e6, plain / seconds / 1e6))


def waits():
    """Start-up is what people want to see and always miss."""
    name = "sampan-awaited-%d" % os.getpid()
    with Agent(procname_prefix=name, wait_seconds=60, seconds=3, rate=200, formats=["svg"]) as agent:
        sampan.wait_for(lambda: any("waiting up to" in event["sentence"] for event in agent.events("log")), 20, "waiting")
        time.sleep(2)
        check(agent.process.poll() is None and not agent.samples(), "a target that is not there yet is waited for")
        with sampan.Workload(["bash", "-c", 'exec -a "$0" python3 "$1" 1', name, SOURCES / "first.py"], ready=lambda load: load.says("begun")) as load:
            check(agent.process.wait(60) == 0, "and sampled when it comes: " + (agent.results()[-1]["sentence"] if agent.results() else "no result"))
            begun, later = (float(re.search(word + r" ([\d.]+)", load.output())[1]) for word in ("begun", "later"))
        picture = picture_of(agent.results()[-1])
        start, _ = length_of(picture)
        run = sampan.profile(mode="render", inputs=[picture], **{"from": iso(max(begun, start)), "to": iso(later)})
        share = sampan.share(run.stacks(), "first_work")
        check(start - begun < 0.5 and share > 0.9, "from its first moments on: %.0f ms after its first line, %.0f %% of them seen as what they are" % (
            1000 * (start - begun), 100 * share))
    run = sampan.profile(procname_prefix=name, wait_seconds=2)
    check(run.code == 3, "one that never comes: exit %d" % run.code)


def main():
    spikes()
    conditions()
    idle_cost()
    waits()


main()
sampan.finish()
