"""Node.js where it lives: workers of a cluster by their titles, beside a primary and an npm that wait; what the event loop waits
for; WebAssembly; `dump`; scripts that are as large and as many as can be."""
import json
import pathlib
import re
import shutil
import sys
import tempfile
import time

import nodes
import sampan
from sampan import check, skip, take

SECONDS = 6 if sampan.LONG else 2
PROGRAMS = sampan.WORKLOADS / "node"
TOIL = r"^toil \(.*cluster\.js:\d+\)"


def cluster(version, node):
    """Each worker by the name that it gave itself; the primary only waits."""
    with sampan.Workload([node, PROGRAMS / "cluster.js"], ready=lambda w: w.says("ready")) as load:
        workers = [int(p) for p in pathlib.Path(f"/proc/{load.pid}/task/{load.pid}/children").read_text().split()]
        sampan.wait_for(lambda: all(nodes.cpu_seconds(p) > 2 for p in workers), what="the workers' code to be optimised")
        for tier in ("ptrace", "ebpf"):
            run = take(f"node {version} cluster", tier, cmdline_regex="^shop-7_worker [01]$", seconds=SECONDS, rate=200)
            if run:
                mine = [(f, c) for f, c in run.stacks() if any(f"(pid {pid})" in f[0] for pid in workers)]
                names = {f[0] for f, _ in mine}
                # V8's DoubleToI saves registers and takes no frame: its caller's frame must not be taken for its own.
                # It is called out of line, where the position before it in the code is another inlined function's (popAsyncContext's).
                lost = sum(c for f, c in mine if f[-1].startswith("Builtins_DoubleToI") and not any(x.startswith("toil (") for x in f))
                check(lost == 0, f"node {version}, {tier}: {lost} samples of a helper without its caller")
                others = sampan.share(mine, r"^popAsyncContext \(")
                check(others < 0.03, f"node {version}, {tier}: {others:.1%} of the samples are popAsyncContext's, which only takes from a stack")
                check(len(names) == 2 and sampan.share(mine, TOIL) > 0.7, f"node {version}, {tier}: {sorted(names)}, {sampan.share(mine, TOIL):.0%} of their samples at work")
            run = take(f"node {version} primary", tier, pid=load.pid, children=False, seconds=SECONDS, rate=100)
            if run:
                quality = run.result["quality"]
                check(quality["taken"] <= 0.05 * 100 * SECONDS, f"node {version}, {tier}: the primary waits: {quality['taken']} samples, {quality['idle']} idle looks")


def npm(version, node):
    """`npm run` stays as the parent of what it runs, and waits."""
    found = shutil.which("npm")
    if not found:
        return skip("npm as a parent", "npm is not installed")
    folder = pathlib.Path(tempfile.mkdtemp(prefix="sampan-npm-"))
    (folder / "package.json").write_text(json.dumps({"private": True, "scripts": {"busy": f"exec {node} {PROGRAMS / 'shares.js'} 3600"}}))
    with sampan.Workload([found, "run", "busy"], cwd=folder, ready=lambda w: w.says("ready")) as load:
        used = [0.0, -1.0]

        def quiet():   # it looks for a newer npm and the like after it has started its child
            used[:] = used[1:] + [nodes.cpu_seconds(load.pid)]
            time.sleep(0.5)
            return used[0] == used[1]

        sampan.wait_for(quiet, what="npm to wait")
        for tier in ("ptrace", "ebpf"):
            run = take(f"node {version} under npm", tier, pid=load.pid, children=True, seconds=SECONDS, rate=200)
            if run:
                parents = sum(c for f, c in run.stacks() if f"(pid {load.pid})" in f[0])
                total = sum(c for _, c in run.stacks())
                check(total > parents and parents <= 0.02 * 200 * SECONDS, f"node {version}, {tier}: npm itself has {parents} of {total} samples")


def waits(version, node):
    """An idle loop is idle on the processor; by wall and off-CPU time it waits in its poll."""
    with sampan.Workload([node, PROGRAMS / "waits.js"], ready=lambda w: w.says("ready")) as load:
        run = take(f"node {version} idle", "ptrace", pid=load.pid, seconds=SECONDS, rate=100)
        if run:
            check(run.result["quality"]["taken"] <= 0.1 * 100 * SECONDS, f"node {version}: an idle server has {run.result['quality']['taken']} samples of processor time")
        for event in ("wall", "offcpu"):
            run = take(f"node {version} {event}", "ebpf", pid=load.pid, seconds=SECONDS, rate=50, event=event, group_by=["thread"])
            if run:
                main = [(f, c) for f, c in run.stacks() if any("uv_run" in x for x in f)]
                polls = sampan.share(main, r"epoll_p?wait|uv__io_poll")
                check(main and polls > 0.9, f"node {version}, {event}: the loop waits in its poll in {polls:.0%} of {sum(c for _, c in main)}")


def dump(version, node):
    """Every thread's stack at once, with JavaScript's own frames."""
    with sampan.Workload([node, PROGRAMS / "shares.js", 3600], ready=lambda w: w.says("ready")) as load:
        sampan.wait_for(lambda: nodes.cpu_seconds(load.pid) > 0.5, what="node %s to be warm" % version)
        run = sampan.profile(mode="dump", pid=load.pid)
        threads = next((e for e in run.events if e["event"] == "dump"), {"processes": [{"threads": []}]})["processes"][0]["threads"]
        loops = [t for t in threads if any(f.startswith("loop (") and "shares.js:" in f for f in t["frames"])]
        check(run.code == 0 and len(loops) == 1 and len(threads) > 4, f"node {version}: dump of {len(threads)} threads, JavaScript in {len(loops)} ({run.result.get('sentence')})")


def top(version, node):
    """The busiest functions, without a terminal: an event every five seconds."""
    with sampan.Workload([node, PROGRAMS / "shares.js", 3600], ready=lambda w: w.says("ready")) as load:
        run = sampan.profile(mode="top", pid=load.pid, seconds=6)
        functions = [f.get("function", "") for f in next((e for e in run.events if e["event"] == "top"), {"functions": []})["functions"]]
        check(run.code == 0 and any(re.match(r"(spin|hot|warm)\b", f) for f in functions[:3]), f"node {version}: top shows {functions[:3]} ({run.result.get('sentence')})")


def hostile(version, node):
    """Scripts of megabytes that last five milliseconds: the run ends when it should and costs what it may."""
    with sampan.Workload([node, "--max-old-space-size=900", PROGRAMS / "hostile.js"], ready=lambda w: w.says("ready")) as load:
        for tier in ("ptrace", "ebpf"):
            run = take(f"node {version} hostile sources", tier, pid=load.pid, seconds=3 * SECONDS, rate=400, max_cpu_percent=50)
            if run:
                cost, quality = run.result["cost"], run.result["quality"]
                check(quality["taken"] > 5 and cost["cpu_seconds"] < 0.6 * 3 * SECONDS + 2 and cost["rss_bytes"] < 400 << 20,
                      f"node {version}, {tier}: {cost['cpu_seconds']:.1f} s of processor in {3 * SECONDS} s, {cost['rss_bytes'] >> 20} MiB, {quality['taken']} stacks, {quality['suspect']} in doubt")


# Which lines' rows tell where a module keeps its functions; the newer of them inline functions of WebAssembly.
WASM_NAMED, WASM_INLINED = ("16", "17", "18", "20", "21", "22", "24", "25", "26"), ("24", "25", "26")


def in_order(seen, chain):
    """Whether `seen` is of `chain`, some left out perhaps; what has no name may be any."""
    rest = iter(chain)
    return all(any(f in ("(wasm function)", c) for c in rest) for f in seen)


def wasm(version, node):
    """Functions of WebAssembly in each tier of V8: by the module's name section, by their number, never by another's name."""
    chain = ["wasm-function[4]", "outer", "middle"]
    for compiled, options in (("as it comes", []), ("Liftoff", ["--liftoff", "--no-wasm-tier-up"]), ("TurboFan", ["--no-liftoff"])):
        with sampan.Workload([node, *options, PROGRAMS / "wasm.js"], ready=lambda w: w.says("ready")) as load:
            sampan.wait_for(lambda: nodes.cpu_seconds(load.pid) > 0.5, what="node %s to be warm" % version)
            for tier in ("ptrace", "ebpf"):
                what = f"node {version} WebAssembly, {compiled}"
                run = take(what, tier, pid=load.pid, seconds=SECONDS, rate=200, max_cpu_percent=100)
                if not run:
                    continue
                right = unnamed = wrong = 0
                line = version.split(".")[0]
                for frames, count in run.stacks():
                    start = next((i for i, f in enumerate(frames) if f.startswith("drive (")), len(frames))
                    seen = [re.sub(r" \(wasm://wasm/[0-9a-f]+\)$", "", f) for f in frames[start + 1:] if f == "(wasm function)" or "(wasm://" in f]
                    if seen and "[truncated]" not in frames:
                        # The fourth is the loop, or what V8 made to call the imported function by: that bears its number.
                        good = any(in_order(seen, chain + [last]) for last in ("spin", "wasm-function[0]"))
                        if line not in WASM_INLINED and any(f.startswith("back (") for f in frames):
                            good = good and len(seen) == 3
                        named = "(wasm function)" not in seen
                        right, unnamed, wrong = right + count * (good and named), unnamed + count * (good and not named), wrong + count * (not good)
                        if not good:
                            print(f"      {count} × {';'.join(frames[start:])}")
                check(right + unnamed > 0 and wrong == 0, f"{what}, {tier}: {wrong} of {right + unnamed + wrong} with a wrong name or order")
                if line in WASM_NAMED:
                    # Late samples of what was never seen before have no names.
                    check(right > 0 and unnamed <= 15 + 0.1 * right, f"{what}, {tier}: {right} named whole, {unnamed} not")


def main():
    for version, node in nodes.fetch(sys.argv[1:] or (["16.20.2", "22.23.3", "26.12.1"] if sampan.LONG else ["22.23.3"])).items():
        for part in (cluster, npm, waits, wasm, dump, top, hostile):
            part(version, node)


main()
sampan.finish()
