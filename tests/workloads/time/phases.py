"""Two threads that work in `work_a`, but for 0.4 s in `work_b`, at moments that they tell: `b THREAD FROM TO` by the wall clock."""
import sys
import threading
import time


def work_a(until):
    while time.time() < until:
        sum(range(300))


def work_b(until):
    while time.time() < until:
        sum(range(300))


def run(thread, offset):
    work_a(time.time() + offset)
    while True:
        work_a(time.time() + 2.2)
        start = time.time()
        work_b(start + 0.4)
        sys.stdout.write("b %d %.6f %.6f\n" % (thread, start, time.time()))
        sys.stdout.flush()


threading.Thread(target=run, args=(2, 1.3), daemon=True).start()
print("ready", flush=True)
run(1, 0)
