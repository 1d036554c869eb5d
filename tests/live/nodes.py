"""Node.js of many versions, and what every stack of tests/workloads/node/shapes.js must look like."""
import collections
import os
import pathlib
import re
import subprocess

import sampan

HERE = pathlib.Path(__file__).resolve().parent
SHAPES = sampan.WORKLOADS / "node" / "shapes.js"
USUAL = ("16.20.2", "18.20.8", "20.20.2", "22.23.3", "24.11.1", "24.21.0", "25.9.0", "26.12.1")
OTHERS = ("16.0.0", "17.9.1", "18.0.0", "20.0.0", "21.7.3", "22.0.0", "24.0.0", "26.0.0")
DYNAMIC = {"(anonymous)", "evaluated"}   # made of strings: they have no file
ROOTS = {"(anonymous)", "main", "later", "asynchronous"}   # a continuation starts with its async function


def fetch(versions):
    """{version: path of its node}; a visible skip for what cannot be had."""
    subprocess.run(["sh", HERE / "get_nodes.sh", *versions], timeout=900, check=False)
    found = {}
    for version in versions:
        node = sampan.CACHE / "nodes" / version / "bin" / "node"
        if node.exists():
            found[version] = str(node)
        else:
            sampan.skip("node %s" % version, "it could not be fetched")
    return found


def cpu_seconds(pid):
    """Processor time that a process has used."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Answers:
    """A source whose comments say which lines a function has and whom each line may call."""

    def __init__(self, path, seen_as=None):
        self.path = str(seen_as or path)
        self.ranges, self.calls = collections.defaultdict(list), {}
        open_ = []
        for number, line in enumerate(pathlib.Path(path).read_text().splitlines(), 1):
            if "//{ " in line:
                open_.append((line.split("//{ ")[1], number))
            if "//> " in line:
                self.calls[number] = set(line.split("//> ")[1].split(" ")) | {w for w in [line.split("//> ")[1]] if " " in w}
            if line.endswith("//}"):
                name, start = open_.pop()
                self.ranges[name].append((start, number))

    def user_frames(self, frames):
        """[(name, line)] of the program's own frames; of what strings were made into, line 0."""
        found = []
        for frame in frames:
            match = re.match(r"^(.*) \((.*?)(?::(\d+))?\)$", frame)
            if match and match.group(2) == self.path:
                found.append((match.group(1), int(match.group(3) or 0)))
            elif frame in DYNAMIC:
                found.append((frame, 0))
        return found

    def inside(self, name, line):
        return name == "(anonymous)" or any(start <= line <= end for start, end in self.ranges.get(name, ()))

    def judge(self, user):
        """What is wrong with a stack: None, "names", "caller line" or "leaf line"."""
        if user[0][0] not in ROOTS:
            return "names"
        for (name, line), (callee, _) in zip(user, user[1:]):
            if line == 0:
                if callee != "burn":
                    return "names"
                continue
            called = {"made": "(anonymous)"}
            allowed = {called.get(c, c) for c in self.calls.get(line, ())}
            if callee not in allowed:
                known = any(callee in {called.get(c, c) for c in targets} and self.inside(name, at) for at, targets in self.calls.items())
                return "caller line" if known and (name == "(anonymous)" or name in self.ranges) else "names"
            if not self.inside(name, line):
                return "caller line"
        name, line = user[-1]
        if line and name != "(anonymous)" and name not in self.ranges:
            return "names"
        return None if (line == 0 and name in DYNAMIC) or self.inside(name, line) else "leaf line"


class Figures:
    """Counts of a run's samples by what is true of them."""

    def __init__(self, run, answers, show=4):
        quality = run.result["quality"]
        self.total = quality["taken"] + quality["failed"]
        bad = {"[code that changed while it was read]"}
        self.whole = self.user = self.names = self.callers = self.leaves = self.suspect = self.seen = 0
        shown = collections.Counter()
        for frames, count in run.stacks():
            self.seen += count
            whole = "[truncated]" not in frames and not bad & set(frames)
            self.whole += count if whole else 0
            doubt = "[unknown function]" in frames
            self.suspect += count if doubt else 0
            user = answers.user_frames(frames)
            if not user or not whole or doubt:
                if not whole or doubt:
                    shown["not whole: …" + ";".join(frames)[-300:]] += count
                continue
            self.user += count
            wrong = answers.judge(user)
            self.names += count if wrong != "names" else 0
            self.callers += count if wrong not in ("names", "caller line") else 0
            self.leaves += count if wrong is None else 0
            if wrong:
                shown["%s: %s" % (wrong, " ".join("%s:%d" % f for f in user))] += count
        self.shown = shown.most_common(show)

    def __str__(self):
        return "%d stops, whole %d, in doubt %d, with the program's frames %d, names and order right %d, callers' lines %d, all lines %d" % (
            self.seen, self.whole, self.suspect, self.user, self.names, self.callers, self.leaves)
