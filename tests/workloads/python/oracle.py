"""leafN is only ever called by midN, midN only by topN: any other stack is impossible. oracle.py SECONDS SPINS THREADS

SPINS is the work of a leaf: 8 is about a microsecond, 1200 about a hundred. Runs on Python 2.7 and later."""
import sys
import threading
import time

KINDS = 6
SOURCE = """
def leaf{n}(spins):
    for _ in range(spins):
        pass


def mid{n}(spins):
    leaf{n}(spins)
    leaf{n}(spins)
    leaf{n}(spins)


def top{n}(spins):
    mid{n}(spins)
    mid{n}(spins)
"""
for number in range(KINDS):
    exec(compile(SOURCE.format(n=number), "oracle%d.py" % number, "exec"))
TOPS = [globals()["top%d" % number] for number in range(KINDS)]


def work(end, spins):
    while time.time() < end:
        for _ in range(max(1, 2000 // spins)):
            for top in TOPS:
                top(spins)


def main():
    end = time.time() + float(sys.argv[1])
    others = [threading.Thread(target=work, args=(end, int(sys.argv[2]))) for _ in range(int(sys.argv[3]) - 1)]
    for thread in others:
        thread.start()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    work(end, int(sys.argv[2]))


main()
