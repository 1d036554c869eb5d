"""What a profile is worth: distance from a known split, stacks that cannot be, frames that show the line they are at.

A stack is ([Frame], count), outermost first; a Frame is (name, file, line) with line 0 where none is told."""
import ast
import re
from collections import namedtuple

Frame = namedtuple("Frame", "name file line")


def total(stacks):
    return sum(count for _, count in stacks)


def bare(frame):
    """The function's own name, whatever qualifies it."""
    return re.split(r"[.:#]", re.sub(r"\(.*\)$", "", frame.name))[-1]


def distance(stacks, truth):
    """The largest error, in points, of the shares of the functions in `truth` {name: percent}; None without samples."""
    seen = dict.fromkeys(truth, 0)
    for frames, count in stacks:
        for name in {bare(frame) for frame in frames} & truth.keys():
            seen[name] += count
    every = sum(seen.values())
    return max(abs(100 * seen[name] / every - truth[name]) for name in truth) if every else None


def whole(stacks, root):
    """Percent of the stacks that reach the function where the program begins."""
    return 100 * sum(count for frames, count in stacks if root in map(bare, frames)) / max(1, total(stacks))


def impossible(stacks):
    """Percent of the stacks that the oracle program can never have."""
    wrong = 0
    for frames, count in stacks:
        called = [re.fullmatch(r"(top|mid|leaf)(\d)", bare(frame)) for frame in frames]
        first = next((index for index, match in enumerate(called) if match), len(called))
        below = called[first:]
        while below and not below[-1] and frames[first + len(below) - 1].file == "":
            below.pop()   # what a profiler adds of its own below Python's frames
        chain = all(below) and [match.group(1) for match in below] == ["top", "mid", "leaf"][:len(below)]
        if not chain or len({match.group(2) for match in below}) > 1:
            wrong += count
    return 100 * wrong / max(1, total(stacks))


def call_lines(source):
    """{(caller, callee): lines of its calls} and {function: its lines} of a Python source."""
    calls, bodies = {}, {}
    for function in ast.walk(ast.parse(source)):
        if not isinstance(function, ast.FunctionDef):
            continue
        bodies[function.name] = range(function.lineno, function.end_lineno + 1)
        for node in ast.walk(function):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                calls.setdefault((function.name, node.func.id), set()).update(range(node.lineno, node.end_lineno + 1))
    return calls, bodies


def exact_lines(stacks, source):
    """Percent of the frames that call another function of the source which show the line of that call."""
    calls, _ = call_lines(source)
    right = every = 0
    for frames, count in stacks:
        for caller, callee in zip(frames, frames[1:]):
            lines = calls.get((bare(caller), bare(callee)))
            if lines:
                every += count
                right += count * (caller.line in lines)
    return 100 * right / every if every else None


def first_seen(stacks, launched_ms):
    """Milliseconds from the launch to the first sample, by the functions at_N of a clock program."""
    found = (re.fullmatch(r"at_(\d{4})", bare(frame)) for frames, _ in stacks for frame in frames)
    return min(((int(match.group(1)) - launched_ms) % 4096 for match in found if match), default=None)
