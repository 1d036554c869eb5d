#!/usr/bin/env python3
"""Process 1 of a PID namespace with few ids: reuse_pid.py AGENT PARAMS CHAOS…: a target ends while it is sampled and
another program gets its id at once. PARAMS has PID for the target's. Prints the agent's output; ends with its code."""
import json
import os
import signal
import subprocess
import sys
import time

agent, params, first, second = sys.argv[1], sys.argv[2], json.loads(sys.argv[3]), json.loads(sys.argv[4])


def start(words):
    pid = os.fork()
    if pid == 0:
        os.dup2(2, 1)
        os.execv(words[0], words)
    return pid


def start_as(wanted, words):
    """Forks until the wanted id comes round again."""
    for _ in range(4000):
        pid = os.fork()
        if pid == 0:
            if os.getpid() == wanted:
                os.dup2(2, 1)
                os.execv(words[0], words)
            os._exit(0)
        if pid == wanted:
            return pid
        os.waitpid(pid, 0)
    sys.exit("the id %d did not come again" % wanted)


with open("/proc/sys/kernel/pid_max", "w") as file:
    file.write("350")
burnt = 0
while burnt < 305:   # ids below 300 are given once only
    burnt = os.fork()
    if burnt == 0:
        os._exit(0)
    os.waitpid(burnt, 0)
target = start(first)
time.sleep(0.5)
environment = dict(os.environ, params=params.replace('"PID"', str(target)))
process = subprocess.Popen([agent], env=environment)
time.sleep(1.5)
os.kill(target, signal.SIGKILL)
os.waitpid(target, 0)
again = start_as(target, second)
print(json.dumps({"reused": again == target}), flush=True)
code = process.wait()
os.kill(again, signal.SIGKILL)
sys.exit(code)
