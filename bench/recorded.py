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
import ast, copy, difflib, io, json, pathlib, pprint, random, sys, textwrap, tokenize, warnings
import xml.dom.minidom
from lib2to3 import refactor
warnings.simplefilter("ignore")
sys.setrecursionlimit(10000)
random.seed(3)
files = sorted(pathlib.Path(ast.__file__).parent.rglob("*.py"))
random.shuffle(files)
tool = refactor.RefactoringTool(refactor.get_fixers_from_package("lib2to3.fixes"))
print("ready", flush=True)
while True:
    for path in files:
        if "bad" in path.name or path.stat().st_size > 60000: continue
        try:
            text = path.read_text()
            tree = ast.parse(text)
        except (SyntaxError, ValueError): continue
        ast.unparse(copy.deepcopy(tree))
        list(tokenize.generate_tokens(io.StringIO(text).readline))
        pprint.pformat([ast.dump(node) for node in tree.body[:20]], width=60)
        json.dumps([ast.dump(node, indent=1) for node in tree.body[:5]], indent=2)
        try: tool.refactor_string(text + "\n", path.name)
        except Exception: pass
'''


def recorded(sampan, seconds):
    """Lines of (stack, samples), sorted as Sampan writes them; none where this place does not let it look."""
    program = subprocess.Popen([sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE)
    try:
        program.stdout.readline()
        with tempfile.TemporaryDirectory() as folder:
            params = {"pid": program.pid, "seconds": seconds, "rate": 1000, "formats": ["folded"], "output_dir": folder, "group_by": [],
                      "max_cpu_percent": 100}
            subprocess.run([sampan], env=dict(os.environ, params=json.dumps(params)), capture_output=True, check=False)
            found = list(pathlib.Path(folder).glob("*.folded"))
            return [line.rsplit(" ", 1) for line in found[0].read_text().splitlines()] if found else []
    finally:
        program.kill()
        program.wait()


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
