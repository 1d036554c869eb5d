"""A service that idles, and spikes for 700 ms each time it gets SIGUSR1; tells the moments of each spike."""
import signal
import sys
import time


def idle_tick():
    sum(range(2000))


def spike_work(until):
    while time.time() < until:
        sum(range(500))


def on_signal(*_):
    begun = time.time()
    spike_work(begun + 0.7)
    print("spike %.6f %.6f" % (begun, time.time()), flush=True)


signal.signal(signal.SIGUSR1, on_signal)
print("ready", flush=True)
while True:
    idle_tick()
    time.sleep(0.02)
