"""Says in its stack what time it is: at_N runs in millisecond N (modulo 4096) of the monotonic clock. So a profile tells
when its first sample was taken, whoever took it. clock.py SECONDS"""
import sys
import time

NOW = time.monotonic_ns
FUNCTIONS = []
for n in range(4096):
    exec("def at_%04d(end):\n    while NOW() < end: pass\nFUNCTIONS.append(at_%04d)" % (n, n))


def main():
    print("ready", flush=True)
    last = NOW() + int(sys.argv[1]) * 1_000_000_000
    while NOW() < last:
        now = NOW() // 1_000_000
        FUNCTIONS[now % 4096]((now + 1) * 1_000_000)


main()
