"""What stacks cannot say: a quota's throttling, in the result, the sentence and the strip, against cpu.stat; workers that come and end."""
import re
import os
import signal
import time

import sampan
from chaos import Cgroup
from sampan import check, skip

SOURCES = sampan.WORKLOADS / "time"
SECONDS = 20 if sampan.LONG else 6


def field(group, name):
    return int(re.search(r"^%s (\d+)$" % name, (group.path / "cpu.stat").read_text(), re.M)[1])


def throttled(version, group, quota, unit, name):
    """A program under a quota of 0.2 core. What cpu.stat grows by during the run is the truth."""
    if not group:
        return skip("throttling, cgroup %s" % version, "no such cpu cgroup can be written here")
    group.write(*quota)
    with sampan.Workload([*group.enter(), "python3", SOURCES / "first.py", "0"], ready=lambda load: load.says("later")) as load:
        looked = []

        def look():
            looked.append((time.time(), field(group, name) / unit))
            return looked[-1]

        import threading
        done = threading.Event()
        looker = threading.Thread(target=lambda: [look() for _ in iter(lambda: done.wait(0.02), True)])
        looker.start()
        run = sampan.profile(pid=load.pid, seconds=SECONDS, formats=["svg", "folded"])
        done.set()
        looker.join()
    group.remove()
    if not check(run.code == 0 and "cgroup" in run.result, "%s: delivered (%s)" % (version, run.result.get("sentence", run.err[-300:]))):
        return
    text = run.file("svg").read_text()
    head = re.search(r'<time start="(\d+)"[^>]*length="(\d+)"', text)
    begun, length = int(head[1]) / 1000, int(head[2]) / 1000
    at = lambda moment: max((one for one in looked if one[0] <= moment), default=looked[0])[1]
    truth = at(begun + length) - at(begun)
    told = run.result["cgroup"]["throttled_seconds"]
    check(abs(told - truth) <= 0.05 * truth, "%s: throttled for %.2f s, %.2f s says cpu.stat" % (version, told, truth))
    check(abs(run.result["cgroup"]["cores"] - 0.2) < 1e-9, "%s: of 0.2 cores" % version)
    sentence = re.search(r"<alerts>(.*?)</alerts>", text, re.S)[1]
    said = re.search(r"Throttled by its CPU quota of 0.2 cores: ([\d.]+) s in all", sentence)
    check(said and abs(float(said[1]) - truth) <= 0.05 * truth, "%s: the sentence says so: %s" % (version, sentence))
    values = re.search(r"^throttled\t(.*)$", re.search(r"<gauges>(.*?)</gauges>", text, re.S)[1], re.M)[1].split(" ")
    drawn = sum(float(value) for value in values if value) / 100 * length / len(values)
    check(abs(drawn - truth) <= 0.05 * truth, "%s: the strip's lane adds up to %.2f s" % (version, drawn))


def workers():
    """A worker that ends and one that comes are marks."""
    program = "import os, time, sys\nsys.stdout.write('ready\\n'); sys.stdout.flush()\nwhile True: sum(range(1000))\n"
    name = "sampan-worker-%d" % os.getpid()
    start = lambda: sampan.Workload(["bash", "-c", 'exec -a "$0" python3 -c "$1"', name, program], ready=lambda load: load.says("ready"))
    with start(), start() as second:
        import subprocess, json, tempfile
        folder = tempfile.mkdtemp(prefix="sampan-marks-")
        params = {"procname_prefix": name, "seconds": 5, "formats": ["svg"], "output_dir": folder}
        agent = subprocess.Popen([sampan.BINARY], env=dict(os.environ, params=json.dumps(params)), stdout=subprocess.PIPE, text=True)
        for line in agent.stdout:
            if '"stage":"sample"' in line:
                break
        os.kill(second.pid, signal.SIGKILL)
        second.process.wait()
        ended = second.pid
        with start() as third:
            agent.communicate(timeout=60)
            came = third.pid
    text = next(sampan.pathlib.Path(folder).glob("*.svg")).read_text()
    found = re.search(r"<marks>(.*?)</marks>", text, re.S)[1]
    check(re.search(r"process %d .*ended" % ended, found) and re.search(r"process %d .*came" % came, found), "workers that end and come are marks: " + found)


def main():
    throttled("v1", Cgroup("cpu", "cpu.cfs_quota_us"), ("cpu.cfs_quota_us", 20_000), 1e9, "throttled_time")
    throttled("v2", Cgroup("cpu", "cpu.max"), ("cpu.max", "20000 100000"), 1e6, "throttled_usec")
    workers()


main()
sampan.finish()
