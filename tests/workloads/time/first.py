"""What runs from its first moment on: as long as the argument says."""
import sys
import time

begun = time.time()
print("begun %.6f" % begun, flush=True)


def first_work(until):
    while time.time() < until:
        sum(range(500))


def later_work():
    while True:
        sum(range(500))


first_work(begun + float(sys.argv[1]))
print("later %.6f" % time.time(), flush=True)
later_work()
