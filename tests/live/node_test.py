"""Node.js from outside: whole stacks, right names, order and lines, on every V8 that has a row and in each tier that is allowed here."""
import math
import re
import shutil
import subprocess
import sys

import nodes
import sampan
from sampan import check, skip

SECONDS = 10 if sampan.LONG else 2
TIERS = ("ptrace", "ebpf")


def take(what, pid, tier, **params):
    return sampan.take(what, tier, pid=pid, **{"seconds": SECONDS, "rate": 400, **params})


def judge(what, pid, answers):
    for tier in TIERS:
        run = take(what, pid, tier)
        if not run:
            continue
        got = nodes.Figures(run, answers)
        where = f"{what}, {tier}"
        check(run.result["processes"][0]["runtime"] == "node", f"{where}: known as node")
        check(sampan.at_least(got.whole, got.seen, 0.99) and got.seen >= (500 if sampan.LONG else 40), f"{where}: {got}")
        # At a function's very first instructions its caller is lost once in a thousand.
        check(got.user > 0.8 * got.seen and sampan.at_least(got.names, got.user, 0.999), f"{where}: {got.user - got.names} of {got.user} with a wrong name or order")
        check(got.callers == got.names, f"{where}: {got.names - got.callers} with a wrong line of a call")
        check(sampan.at_least(got.leaves, got.callers, 0.98), f"{where}: {got.callers - got.leaves} with a wrong line of the innermost")
        for text, count in got.shown:
            print(f"      {count} × {text}")


def shapes(version, node):
    with sampan.Workload([node, nodes.SHAPES, 3600]) as load:
        sampan.wait_for(lambda: nodes.cpu_seconds(load.pid) > 1, what="node %s to be warm" % version)
        judge(f"node {version}", load.pid, nodes.Answers(nodes.SHAPES))


def shares(version, node):
    """60/30/10 of the same work, worker threads by their names where the system has them."""
    with sampan.Workload([node, sampan.WORKLOADS / "node" / "shares.js", 3600, "workers"], ready=lambda w: w.says("ready")) as load:
        sampan.wait_for(lambda: nodes.cpu_seconds(load.pid) > 1, what="node %s to be warm" % version)
        for tier in TIERS:
            run = take(f"node {version} shares", load.pid, tier, seconds=2 * SECONDS, group_by=["thread"])
            if not run:
                continue
            stacks = [(f, c) for f, c in run.stacks() if any(re.match(r"(hot|warm|cool) \(.*shares\.js", x) for x in f)]
            if int(version.split(".")[0]) >= 26:
                named = {f[0].split(" (tid")[0] for f, _ in stacks}
                check({"worker-0", "worker-1"} <= named, f"node {version}, {tier}: threads {sorted(named)}")
            count = sum(c for _, c in stacks)
            if tier == "ptrace" and not sampan.LONG:
                continue   # a thread that waits for a busy machine's processor is seen at one place many times over
            for name, wanted in ("hot", 0.6), ("warm", 0.3), ("cool", 0.1):
                got = sampan.share(stacks, rf"^{name} \(.*shares\.js:\d+\)")
                allowed = max(0.015, 4 * math.sqrt(wanted * (1 - wanted) / max(count, 1)))
                check(abs(got - wanted) <= allowed, f"node {version}, {tier}: {name} {got:.1%} of {count} ({wanted:.0%} of the work ± {allowed:.1%})")


def churn(version, node):
    """Functions made of strings and dropped, code that moves: each function's name and what it calls bear one number."""
    options = ["--max-semi-space-size=1", "--stress-compaction"] if sampan.LONG else ["--max-semi-space-size=1"]
    with sampan.Workload([node, "--expose-gc", *options, sampan.WORKLOADS / "node" / "churn.js", 3600], ready=lambda w: w.says("ready")) as load:
        for tier in TIERS:
            run = take(f"node {version} churn", load.pid, tier, rate=1000)
            if not run:
                continue
            numbered = wrong = 0
            for frames, count in run.stacks():
                numbers = {n for frame in frames for n in re.findall(r"\b(?:outer|inner)_(\d+)", frame)}
                numbered += count if numbers else 0
                wrong += count if len(numbers) > 1 else 0
            quality = run.result["quality"]
            check(numbered > 20 and wrong == 0, f"node {version} churn, {tier}: {wrong} wrong names in {numbered} stacks, {quality['suspect']} of {quality['taken']} in doubt")


def write_word(pid, address, value):
    with open(f"/proc/{pid}/mem", "r+b", buffering=0) as memory:
        memory.seek(address)
        memory.write(value.to_bytes(4, "little"))


def symbol(node, name):
    text = subprocess.run(["readelf", "--dyn-syms", "-W", node], capture_output=True, text=True).stdout
    return next(int(line.split()[1], 16) for line in text.splitlines() if line.endswith(" " + name))


def unknown(version, node):
    """A V8 that no row knows, and one with compressed pointers: one sentence that names it, native frames, no name of JavaScript's."""
    for name, value, wanted in (("_ZN2v88internal7Version6minor_E", 77, r"V8 \d+\.77\.\d+ is not known yet"),
                                ("v8dbg_TaggedSize", 4, r"V8 [\d.]+ is built with pointer compression")):
        with sampan.Workload([node, sampan.WORKLOADS / "node" / "shares.js", 3600], ready=lambda w: w.says("ready")) as load:
            write_word(load.pid, symbol(node, name), value)
            run = take(f"node {version} unknown", load.pid, TIERS[0], seconds=1)
            said = [e["sentence"] for e in run.events if e.get("level") == "warning"]
            check(sum(bool(re.search(wanted, s)) for s in said) == 1, f"node {version}: {said}")
            check(run.stacks() and sampan.share(run.stacks(), r"^(hot|warm|cool|loop)\b") == 0, f"node {version}: native frames alone")


def shared_library(major):
    """Debian's node is a small program and a libnode without its symbol table."""
    root = sampan.CACHE / "nodes" / f"debian{major}"
    if not (root / ".complete").exists():
        subprocess.run(["sh", nodes.HERE / "get_nodes.sh", root.name], timeout=900, check=False)
    if not (root / ".complete").exists():
        return skip(f"Debian's node {major}", "it could not be fetched")
    shutil.copy(nodes.SHAPES, root / "tmp" / "shapes.js")
    load = sampan.Workload(["python3", nodes.HERE / "in_root.py", root, "/usr/bin/node", "/tmp/shapes.js", 3600])
    try:
        sampan.wait_for(lambda: nodes.cpu_seconds(load.pid) > 1.5, what="Debian's node to be warm")
        judge(f"Debian's node {major}", load.pid, nodes.Answers(nodes.SHAPES, "/tmp/shapes.js"))
    finally:
        load.stop()


def main():
    versions = sys.argv[1:] or (nodes.USUAL + nodes.OTHERS if sampan.LONG else nodes.USUAL)
    found = nodes.fetch(versions)
    for version, node in found.items():
        shapes(version, node)
    for version, node in found.items() if sampan.LONG else list(found.items())[-1:]:
        shares(version, node)
        churn(version, node)
    for version, node in list(found.items())[-1:]:
        unknown(version, node)
    if not sys.argv[1:]:
        for major in (18, 20):
            shared_library(major)


main()
sampan.finish()
