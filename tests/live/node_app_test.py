"""Real JavaScript applications: the distance to V8's own profiler, which runs inside beside us; what sampling costs them."""
import contextlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

import nodes
import sampan
from sampan import check, skip

APPS = ("typescript", "terser", "fastify")
SECONDS = 60 if sampan.LONG else 6
GC = re.compile(r"v8::internal::(Heap::(CollectGarbage|PerformGarbageCollection|Scavenge)|ScavengerCollector|MarkCompactCollector|IncrementalMarking|MinorMarkSweep)")
PLACE = re.compile(r"^(.*) \((/.*|node:.*):\d+\)$")
# V8's profiler does not see functions that are inlined (known_shares shows it), so that the applications run without; nor whoever
# calls a helper that takes no frame (an inline cache's look-up, a call's adaptor; not a look-up in a Map or a Set): it gives that to
# the next caller.
OPTIONS = ("--no-turbo-inlining", "--no-maglev-inlining")
# While a function waits (for memory, for another thread), V8's profiler counts the same place again every half millisecond; none of
# these applications' works as long as that on end.
MOST_IN_A_ROW = 10
HELPER = re.compile(r"^Builtins_(?!FindOrderedHash)")


def ours(run):
    """{function: samples} by the innermost JavaScript function that has a file, as V8's profiler counts; what no such function did is left out."""
    return ours_and_kernels(run)[0]


def ours_and_kernels(run):
    """The same, and how many of each function's were in the kernel."""
    found, kernel = {}, {}
    for stack, count in run.stacks():
        if any(GC.search(f) for f in stack):
            continue
        frames = [f for f in stack[1:] if not f.endswith("_[k]")]
        places = [(i, m) for i, m in ((i, PLACE.match(f)) for i, f in enumerate(frames)) if m]
        if len(places) > 1 and places[-1][0] == len(frames) - 2 and HELPER.match(frames[-1]):
            places.pop()
        if places:
            key = (places[-1][1].group(1), places[-1][1].group(2))
            found[key] = found.get(key, 0) + count
            kernel[key] = kernel.get(key, 0) + (count if stack[-1].endswith("_[k]") else 0)
    return found, kernel


def theirs(path):
    """The same of a .cpuprofile: the hits of a node count for the nearest function above it that has a file."""
    profile = json.loads(pathlib.Path(path).read_text())
    by_id = {n["id"]: n for n in profile["nodes"]}
    parent = {child: n["id"] for n in profile["nodes"] for child in n.get("children", ())}
    found = {}
    last = row = 0
    for sample in profile["samples"]:
        row = row + 1 if sample == last else 1
        last = sample
        if row > MOST_IN_A_ROW:
            continue
        node = by_id[sample]
        if node["callFrame"]["functionName"] in ("(garbage collector)", "(idle)"):
            continue
        while node and not node["callFrame"]["url"]:
            node = by_id.get(parent.get(node["id"]))
        if node:
            frame = node["callFrame"]
            key = (frame["functionName"] or "(anonymous)", frame["url"].removeprefix("file://"))
            found[key] = found.get(key, 0) + 1
    return found


def distance(a, b, most=50):
    """Half of what the shares of the first `most` functions of b differ by, in points, and what chance alone makes of it."""
    total_a, total_b = sum(a.values()), sum(b.values())
    top = sorted(b, key=b.get, reverse=True)[:most]
    apart = chance = 0.0
    for key in top:
        p, q = a.get(key, 0) / total_a, b[key] / total_b
        apart += abs(p - q)
        chance += (2 / 3.14159 * q * (1 - q) * (1 / total_a + 1 / total_b)) ** 0.5
    return 50 * apart, 50 * chance, [(f"{k[0]} {a.get(k, 0) / total_a:.1%} / {b[k] / total_b:.1%}") for k in top[:5]]


def beside(version, node, app):
    folder = pathlib.Path(tempfile.mkdtemp(prefix="sampan-node-app-"))
    written = folder / "v8.cpuprofile"
    known = subprocess.run([node, "--v8-options"], capture_output=True, text=True).stdout
    options = [o for o in OPTIONS if o.replace("--no-", "--") in known]
    environment = dict(os.environ, NODE_PATH=str(sampan.CACHE / "node-apps" / "node_modules"))
    with sampan.Workload([node, *options, sampan.WORKLOADS / "node" / "app.js", app, 20 * SECONDS, written], env=environment,
                         ready=lambda w: w.says("profiling"), timeout=120) as load:
        run = sampan.profile(pid=load.pid, tier="ebpf", seconds=SECONDS, rate=1000, max_cpu_percent=100, multi_threads=False)
        if run.code == 4:
            return skip(f"{app} beside V8's profiler", run.result.get("sentence"))
        (folder / "v8.cpuprofile.stop").touch()
        sampan.wait_for(lambda: load.says("written"), timeout=120, what="V8's own profile")
    (mine, kernel), v8s = ours_and_kernels(run), theirs(written)
    shutil.rmtree(folder)
    # V8's signal waits for a system call to end, and whoever takes the processor there adds to it: once it gave 23.5 % to two calls
    # of a thread that spent 19.1 % in the kernel at all, by the kernel's own account.
    calls = {key for key, count in kernel.items() if 2 * count > mine[key]}
    mine, v8s = ({key: count for key, count in found.items() if key not in calls} for found in (mine, v8s))
    quality = run.result["quality"]
    what = f"node {version}, {app}"
    torn = quality["suspect"] + quality["truncated"]
    check(run.code == 0 and torn <= 0.02 * quality["taken"], f"{what}: {quality['taken']} stacks, {torn} torn")
    if not check(sum(mine.values()) > 100 and sum(v8s.values()) > 100, f"{what}: {sum(mine.values())} samples of functions, {sum(v8s.values())} of V8's"):
        return None
    apart, chance, top = distance(mine, v8s)
    check(apart <= 3 + 1.5 * chance, f"{what}: {apart:.1f} points from V8's own profiler over 50 functions ({chance:.1f} by chance alone); {top}")
    return None


def known_shares(version, node):
    """Where V8's profiler and this one differ by more than chance, this one is right: a function that is inlined is seen."""
    written = tempfile.mktemp(suffix=".cpuprofile")
    with sampan.Workload([node, sampan.WORKLOADS / "node" / "attributed.js", SECONDS + 2, written], ready=lambda w: w.says("profiling")) as load:
        run = sampan.take(f"node {version} known shares", "ebpf", pid=load.pid, seconds=SECONDS, rate=1000, multi_threads=False)
        sampan.wait_for(lambda: load.says("written"), timeout=60, what="V8's own profile")
    if not run:
        return
    mine, v8s = ours(run), theirs(written)
    os.unlink(written)
    shares = [{name: sum(n for key, n in found.items() if key[0] == name) / max(1, sum(found.values())) for name in ("pop", "walk", "other")} for found in (mine, v8s)]
    allowed = max(0.03, 4 * (0.25 / max(1, sum(mine.values()))) ** 0.5)
    check(abs(shares[0]["pop"] / (shares[0]["pop"] + shares[0]["other"]) - 0.5) <= allowed and shares[0]["walk"] < 0.05,
          f"node {version}: half of the work is pop's, inlined into walk: {shares[0]}; by V8's profiler {shares[1]}")


def main():
    # V8's profiler counts a thread that waits for a processor, ours what runs on one: where nobody else takes it both count the same.
    with contextlib.suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, 0, -20)
    subprocess.run(["sh", nodes.HERE / "get_node_apps.sh"], timeout=900, check=False)
    if not (sampan.CACHE / "node-apps" / ".complete").exists():
        return skip("JavaScript applications", "they could not be fetched (tests/live/get_node_apps.sh)")
    for version, node in nodes.fetch(["22.23.3"] if not sampan.LONG else ["18.20.8", "22.23.3", "26.12.1"]).items():
        known_shares(version, node)
        for app in APPS:
            beside(version, node, app)


main()
sampan.finish()
