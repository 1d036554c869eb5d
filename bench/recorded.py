"""Folded stacks recorded by Sampan itself, of a real program: pure-Python tools of the standard library at work on it.

recorded(sampan, seconds) profiles the program; grown() makes of that what several hosts and minutes would have recorded.
"""
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile

PROGRAM = r'''
import ast, copy, io, json, pathlib, pprint, random, sys, tokenize, warnings
warnings.simplefilter("ignore")
from lib2to3 import refactor
sys.setrecursionlimit(10000)
random.seed(int(sys.argv[1]))
files = [path for path in pathlib.Path(ast.__file__).parent.rglob("*.py") if "bad" not in path.name and path.stat().st_size < 40000]
tool = refactor.RefactoringTool(refactor.get_fixers_from_package("lib2to3.fixes"))

def plain(node):
    if isinstance(node, ast.AST): return {name: plain(value) for name, value in ast.iter_fields(node)}
    return [plain(one) for one in node] if isinstance(node, list) else repr(node)

tasks = [lambda text, tree: ast.unparse(tree), lambda text, tree: copy.deepcopy(tree), lambda text, tree: ast.dump(tree, indent=1),
         lambda text, tree: pprint.pformat(plain(tree.body[:6]), width=60), lambda text, tree: json.dumps(plain(tree), indent=1),
         lambda text, tree: ast.NodeTransformer().visit(copy.deepcopy(tree)),
         lambda text, tree: list(tokenize.generate_tokens(io.StringIO(text).readline)),
         lambda text, tree: tool.refactor_string(text[:3000] + "\n", "file")]
print("ready", flush=True)
while True:
    try:
        text = random.choice(files).read_text()
        tree = ast.parse(text)
        random.choice(tasks)(text, tree)
    except Exception: pass
'''


def recorded(sampan, seconds):
    """Lines of (stack, samples), sorted as Sampan writes them; none where this place does not let it look."""
    programs = [subprocess.Popen([sys.executable, "-c", PROGRAM, str(seed)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) for seed in range(3)]
    try:
        for program in programs: program.stdout.readline()
        with tempfile.TemporaryDirectory() as folder:
            params = {"pid": [program.pid for program in programs], "seconds": seconds, "rate": 1000, "formats": ["folded"], "output_dir": folder, "group_by": [],
                      "max_cpu_percent": 100}
            subprocess.run([sampan], env=dict(os.environ, params=json.dumps(params)), capture_output=True, check=False)
            found = list(pathlib.Path(folder).glob("*.folded"))
            return [line.rsplit(" ", 1) for line in found[0].read_text().splitlines()] if found else []
    finally:
        for program in programs: program.kill()
        for program in programs: program.wait()


def grown(lines, megabytes, way, out):
    """`thin`: every so many-th stack; `minutes`: the same program on and on, each minute with most of its stacks and
    other weights; `shuffled`: these in any order; `hosts`: every host's stacks apart, under its name."""
    rng, limit, size, hosts = random.Random(1), megabytes * 1e6, 0, 0
    if way == "thin":
        whole = sum(len(stack) + 5 for stack, _ in lines)
        lines = lines[::max(round(whole / limit), 1)]
        limit = 1
    written = []
    while size < limit:
        hosts += 1
        prefix = "host-%d;" % hosts if way == "hosts" else ""
        for stack, count in lines:
            if way != "thin" and rng.random() < 0.1: continue
            line = "%s%s %d\n" % (prefix, stack, int(count) + int(rng.expovariate(0.5)))
            size += len(line)
            written.append(line)
    if way == "shuffled": rng.shuffle(written)
    out.writelines(written)
