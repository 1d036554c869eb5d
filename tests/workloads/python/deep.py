"""A recursion of 10,000 frames that then works at its bottom, in a thread with room for it. deep.py SECONDS"""
import sys
import threading
import time

DEPTH = 10000


def bottom(end):
    while time.time() < end:
        sum(range(1000))


def descend(left, end):
    if left:
        return descend(left - 1, end)
    return bottom(end)


def begin():
    print("ready")
    sys.stdout.flush()
    descend(DEPTH, time.time() + float(sys.argv[1]))


sys.setrecursionlimit(DEPTH + 1000)
threading.stack_size(512 << 20)
worker = threading.Thread(target=begin)
worker.start()
worker.join()
