"""Code objects that are made, run for 20 ms and freed, over and over at the same addresses. churn.py SECONDS

Function made_N is in made_N.py at line N + 1: a profile that mixes up two of them shows it."""
import gc
import sys
import time

KINDS = 20


def run(number):
    source = "\n" * number + "def made_%d(end, now):\n    while now() < end: pass\n" % number
    space = {}
    exec(compile(source, "made_%d.py" % number, "exec"), space)
    space["made_%d" % number](time.time() + 0.02, time.time)
    space.clear()
    gc.collect()


print("ready")
sys.stdout.flush()
end = time.time() + float(sys.argv[1])
while time.time() < end:
    for number in range(KINDS):
        run(number)
