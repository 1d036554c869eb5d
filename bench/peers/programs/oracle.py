"""leafN only ever below midN below topN: any other stack is impossible. Counts its turns in the file $COUNTER.

oracle.py SECONDS SPINS: the work of a leaf; 0 makes frames of some 50 ns, 8 of about a microsecond."""
import mmap
import os
import sys
import time

COUNTER = memoryview(mmap.mmap(os.open(os.environ["COUNTER"], os.O_RDWR), 32768)).cast("Q")
SOURCE = """
def leaf{n}(): {work}
def mid{n}(): leaf{n}(); leaf{n}()
def top{n}(): mid{n}(); mid{n}(); mid{n}()
"""
SPINS = int(sys.argv[2])
for number in range(6):
    body = "\n    for _ in range(%d): pass" % SPINS if SPINS else "pass"
    exec(compile(SOURCE.format(n=number, work=body), "oracle%d.py" % number, "exec"))
TOPS = [globals()["top%d" % number] for number in range(6)]


def main():
    end = time.monotonic() + float(sys.argv[1])
    print("ready", flush=True)
    while time.monotonic() < end:
        for _ in range(1 + 200 // (1 + SPINS)):
            for top in TOPS:
                top()
        COUNTER[0] += 1


main()
