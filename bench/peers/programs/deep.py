"""Processes that are alike, each with one thread that computes at a known depth: deep.py SECONDS DEPTH PROCESSES BUSY

BUSY of the processes compute, the others wait. All are of one process group and end with the first."""
import ctypes
import os
import signal
import sys
import time

sys.setrecursionlimit(20000)
DEPTH, PROCESSES, BUSY = (int(word) for word in sys.argv[2:5])
END = time.monotonic() + float(sys.argv[1])


def down(depth, busy):
    if depth > 1:
        return down(depth - 1, busy)
    while time.monotonic() < END:
        if busy:
            for _ in range(10000): pass
        else:
            time.sleep(5)


number = 0
while number < PROCESSES - 1:
    number += 1
    if os.fork() == 0:
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)   # PR_SET_PDEATHSIG
        down(DEPTH, number < BUSY)
        os._exit(0)
print("ready", flush=True)
down(DEPTH, BUSY > 0)
