"""Node.js from outside: whole stacks, right names, order and lines, on every V8 that has a row and in each tier that is allowed here."""
import sys

import nodes
import sampan
from sampan import check, skip

SECONDS = 6 if sampan.LONG else 2
TIERS = ("ptrace", "ebpf")
denied = set()


def take(what, pid, tier, **params):
    """A finished profile, or None where the tier is not allowed here."""
    if tier in denied:
        return None
    params.setdefault("seconds", SECONDS)
    params.setdefault("rate", 400)
    run = sampan.profile(pid=pid, tier=tier, max_cpu_percent=100, **params)
    if run.code == 4:
        denied.add(tier)
        skip(f"the {tier} tier", run.result.get("sentence", run.err[-200:]))
        return None
    if not check(run.code == 0, f"{what}, {tier}: delivered ({run.result.get('sentence', run.err[-300:])})"):
        return None
    return run


def shapes(version, node):
    answers = nodes.Answers(nodes.SHAPES)
    load = sampan.Workload([node, nodes.SHAPES, 3600])
    try:
        sampan.wait_for(lambda: nodes.cpu_seconds(load.pid) > 1, what="node %s to be warm" % version)
        for tier in TIERS:
            run = take(f"node {version}", load.pid, tier)
            if not run:
                continue
            got = nodes.Figures(run, answers)
            what = f"node {version}, {tier}"
            check(run.result["processes"][0]["runtime"] == "node", f"{what}: known as node")
            check(sampan.at_least(got.whole, got.seen, 0.99), f"{what}: {got}")
            check(got.user > 0.8 * got.seen and got.names == got.user, f"{what}: {got.user - got.names} of {got.user} with a wrong name or order")
            check(got.callers == got.names, f"{what}: {got.names - got.callers} with a wrong line of a call")
            check(sampan.at_least(got.leaves, got.callers, 0.98), f"{what}: {got.callers - got.leaves} with a wrong line of the innermost")
            for text, count in got.shown:
                print(f"      {count} × {text}")
    finally:
        load.stop()


def main():
    versions = sys.argv[1:] or (nodes.USUAL + nodes.OTHERS if sampan.LONG else nodes.USUAL)
    for version, node in nodes.fetch(versions).items():
        shapes(version, node)


main()
sampan.finish()
