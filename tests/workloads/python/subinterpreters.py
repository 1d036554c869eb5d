"""Two threads, each of which works in an interpreter of its own, called from the main one. subinterpreters.py SECONDS

They sleep now and then: up to 3.11 a thread of one interpreter never lets one of another have the lock otherwise."""
import os
import sys
import threading
import time

try:
    import _interpreters as interpreters
except ImportError:
    import _xxsubinterpreters as interpreters

SCRIPT = """
import os, time
os.write(%d, b"x")
def within%d():
    while time.time() < %f:
        for _ in range(200000): pass
        time.sleep(0.001)
within%d()
"""


def enter(number, end):
    interpreter = interpreters.create()
    getattr(interpreters, "exec", getattr(interpreters, "run_string", None))(interpreter, SCRIPT % (writer, number, end, number))


reader, writer = os.pipe()
end = time.time() + float(sys.argv[1])
threads = [threading.Thread(target=enter, args=(number, end)) for number in (1, 2)]
for thread in threads:
    thread.start()
for _ in threads:
    os.read(reader, 1)
print("ready")
sys.stdout.flush()
while time.time() < end:
    time.sleep(0.1)
