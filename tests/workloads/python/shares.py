"""Three functions that take 60, 30 and 10 % of each thread's own processor time. shares.py SECONDS THREADS"""
import sys
import threading
import time

CLOCK = getattr(time, "thread_time", None) or getattr(time, "process_time", None) or time.clock


def spend(seconds):
    end = CLOCK() + seconds
    while CLOCK() < end:
        for _ in range(20): pass


def sixty(): spend(0.006)


def thirty(): spend(0.003)


def ten(): spend(0.001)


def work(end):
    while time.time() < end:
        sixty()
        thirty()
        ten()


def main():
    end = time.time() + float(sys.argv[1])
    threads = [threading.Thread(target=work, args=(end,)) for _ in range(int(sys.argv[2]) - 1)]
    for thread in threads:
        thread.start()
    print("ready")
    sys.stdout.flush()
    work(end)


def application(environ, start_response):
    """The same as a uWSGI application: 10 ms of work a request."""
    for _ in range(3):
        sixty()
        thirty()
        ten()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"done"]


if __name__ == "__main__":
    main()
