"""A stopped reference that owes nothing to the agent: SIGSTOP, CPython's own remote reader (3.14 on), SIGCONT.

Run by the version that it reads. python_reference.py PID SECONDS"""
import _remote_debugging
import collections
import os
import random
import signal
import sys
import time

pid, seconds = int(sys.argv[1]), float(sys.argv[2])
unwinder, seen, end = _remote_debugging.RemoteUnwinder(pid), collections.Counter(), time.monotonic() + seconds
state = open("/proc/%d/stat" % pid)
while time.monotonic() < end:
    time.sleep(random.uniform(0, 0.0005))
    os.kill(pid, signal.SIGSTOP)
    try:
        while os.pread(state.fileno(), 512, 0).rpartition(b") ")[2][:1] != b"T":
            pass
        trace = unwinder.get_stack_trace()
    finally:
        os.kill(pid, signal.SIGCONT)
    for part in trace:
        for thread in getattr(part, "threads", [part]):
            seen[";".join(frame.funcname for frame in reversed(thread.frame_info))] += 1
for stack, count in seen.items():
    print(stack, count)
