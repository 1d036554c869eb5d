"""60, 30 and 10 % of each thread's processor time in three functions; counts its work in the file $COUNTER.

shares.py SECONDS BUSY IDLE: threads that compute and threads that wait. As a uWSGI application: 10 ms a request."""
import mmap
import os
import sys
import threading
import time

CLOCK = time.thread_time
COUNTER = memoryview(mmap.mmap(os.open(os.environ["COUNTER"], os.O_RDWR), 32768)).cast("Q")
SLOTS = {}


def slot():
    me = (os.getpid(), threading.get_ident())
    return SLOTS.setdefault(me, (me[0] % 500) * 8 + len(SLOTS) % 8)


def spend(seconds):
    end, mine = CLOCK() + seconds, slot()
    while CLOCK() < end:
        for _ in range(20): pass
        COUNTER[mine] += 1


def sixty():
    spend(0.006)


def thirty():
    spend(0.003)


def ten():
    spend(0.001)


def turn():
    sixty()
    thirty()
    ten()


def work(end):
    while time.monotonic() < end:
        turn()


def main():
    end = time.monotonic() + float(sys.argv[1])
    for _ in range(int(sys.argv[3])):
        threading.Thread(target=threading.Event().wait, daemon=True).start()
    for _ in range(int(sys.argv[2]) - 1):
        threading.Thread(target=work, args=(end,), daemon=True).start()
    print("ready", flush=True)
    work(end)


def application(environ, start_response):
    turn()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"done"]


if __name__ == "__main__":
    main()
