"""What every handler of the Python applications does: work of about 5 ms, and how much processor time each has used."""
import time

spent = {"home": 0.0, "cart": 0.0, "pay": 0.0}


def burn(name):
    start, total = time.thread_time(), 0
    while time.thread_time() - start < 0.005:
        for i in range(200):
            total += i * i
    spent[name] += time.thread_time() - start
    return name
