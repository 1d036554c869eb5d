# -*- coding: utf-8 -*-
"""Threads with names of every kind, each busy in a function of its own. Says which function runs in which thread by a line
`THREAD FUNCTION` each, then `ready`, and starts ever new ones, `born-N`, until it is ended. named_threads.py SECONDS"""
from __future__ import print_function
import sys
import threading
import time

END = time.time() + float(sys.argv[1])


def rest():
    while time.time() < END: time.sleep(0.05)


def short(): rest()


def longer(): rest()


def foreign(): rest()


def unnamed(): rest()


def subclass(): rest()


def renamed(): rest()


def slotted(): rest()


def born():
    for _ in range(20): time.sleep(0.02)


def main():
    number = 0
    while time.time() < END:
        number += 1
        thread = threading.Thread(target=born, name="born-%d" % number)
        thread.daemon = True
        thread.start()
        time.sleep(0.02)


class Worker(threading.Thread):
    """With attributes of its own, more than share a table of keys, and a dict that somebody has looked at."""
    def __init__(self, name):
        threading.Thread.__init__(self, name=name)
        for number in range(40):
            setattr(self, "field_%d" % number, number)
        self.__dict__["more"] = 1

    def run(self): subclass()


class Slotted(threading.Thread):
    __slots__ = ("one", "two")

    def run(self): slotted()


def start(thread, function):
    thread.daemon = True
    thread.start()
    say(thread.name, function)
    return thread


def say(name, function): print("%s\t%s" % (name, function))


FOREIGN = u"Arbeiter-größe-測定"
if sys.version_info[0] == 2:
    FOREIGN = FOREIGN.encode("utf-8")
else:
    sys.stdout = open(sys.stdout.fileno(), "w", encoding="utf-8", closefd=False)
start(threading.Thread(target=short, name="pool-1"), "short")
start(threading.Thread(target=longer, name="a name that is longer than the system's fifteen bytes"), "longer")
start(threading.Thread(target=foreign, name=FOREIGN), "foreign")
start(threading.Thread(target=unnamed), "unnamed")
start(Worker("worker with a dict"), "subclass")
start(Slotted(name="worker with slots"), "slotted")
changed = threading.Thread(target=renamed, name="before")
changed.daemon = True
changed.start()
changed.name = "after"
say("after", "renamed")
say(threading.current_thread().name, "main")
print("ready")
sys.stdout.flush()
main()
