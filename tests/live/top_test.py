"""`top` in a real terminal (tmux) of 80 x 24 and 200 x 60: the table, keys, a resize, and the terminal put back."""
import json
import os
import re
import subprocess
import sys
import tempfile
import time

import sampan
from sampan import check

PROGRAM = """
def hot():
    for _ in range(70): sum(range(300))
def cool():
    for _ in range(30): sum(range(300))
def main():
    while True: hot(); cool()
print('up', flush=True)
main()
"""


class Terminal:
    """A tmux server of the test's own."""

    def __init__(self, columns, lines, command):
        self.socket = tempfile.mktemp(prefix="sampan-tmux-")
        self.tmux("-f", "/dev/null", "new-session", "-d", "-x", columns, "-y", lines, "env PS1=READY. bash --norc --noprofile")
        self.wait(lambda s: "READY" in s[0])
        self.type(command, "Enter")

    def tmux(self, *arguments):
        return subprocess.run(["tmux", "-S", self.socket, *map(str, arguments)], capture_output=True, text=True, check=True).stdout

    def type(self, *keys):
        self.tmux("send-keys", *keys)

    def screen(self):
        return self.tmux("capture-pane", "-p").split("\n")

    def wait(self, condition, timeout=15):
        """The screen, once it is so."""
        found = []

        def good():
            found[:] = self.screen()
            return condition(found)
        sampan.wait_for(good, timeout, "the screen to be so")
        return found

    def close(self):
        self.tmux("kill-server")


def row(screen, function):
    """self %, total %, samples of a function's row."""
    for line in screen:
        match = re.match(r"\s*([\d.]+) %\s+([\d.]+) %\s+(\d+) .* (\S+) \(", line)
        if match and match[4] == function:
            return float(match[1]), float(match[2]), int(match[3])
    return None


def a_table(columns, lines, command):
    terminal = Terminal(columns, lines, command)
    try:
        screen = terminal.wait(lambda s: row(s, "hot") and row(s, "hot")[2] >= 60, 60)
        hot, cool, main = (row(screen, name) for name in ("hot", "cool", "main"))
        check(45 < hot[0] < 95 and 5 < cool[0] < 55 and main[1] > 95, "%d x %d: hot %.0f %%, cool %.0f %%, main %.0f %% in total" % (columns, lines, hot[0], cool[0], main[1]))
        check(len(screen) - 1 == lines and max(map(len, screen)) <= columns and "q quit" in screen[lines - 1], "the screen is filled, the keys stand in its last line")
        check(screen[0].startswith("pid-") and " Hz" in screen[0] and "█" in screen[1], "title, rate and a bar per process: %s" % screen[0])
        order = [i for i, line in enumerate(screen) if re.search(r" (hot|main) \(", line)]
        check("hot" in screen[order[0]], "sorted by own time")
        terminal.type("t")
        screen = terminal.wait(lambda s: "▾total" in s[2])
        check([n for line in screen for n in re.findall(r" (hot|main) \(", line)][0] == "main", "t sorts by total")
        terminal.type("Space")
        paused = terminal.wait(lambda s: "PAUSED" in s[0])
        time.sleep(1.5)
        check([line for line in terminal.screen()[3:]] == paused[3:], "space pauses")
        terminal.type("Space")
        terminal.wait(lambda s: "PAUSED" not in s[0])
        terminal.tmux("set", "window-size", "manual")
        terminal.tmux("resize-window", "-x", columns - 20, "-y", lines - 6)
        screen = terminal.wait(lambda s: len(s) - 1 == lines - 6 and "q quit" in s[lines - 7] and row(s, "hot"))
        check(max(map(len, screen)) <= columns - 20, "a resize is followed")
        terminal.type("q")
        screen = terminal.wait(lambda s: any(line.startswith("READY.") for line in s) and "samples seen" in "\n".join(s))
        check("q quit" not in "\n".join(screen), "q ends it and gives the terminal back")
        terminal.type("echo ec''hoed", "Enter")
        check(terminal.wait(lambda s: "echoed" in s), "which echoes again")
    finally:
        terminal.close()


def without_a_terminal(pid):
    run = sampan.profile(mode="top", pid=pid, seconds=6)
    event = next((e for e in run.events if e["event"] == "top"), {"functions": [{}]})
    check(run.code == 0 and event["functions"][0].get("function", "").startswith("hot ("), "without a terminal: an event every five seconds")
    check(re.search(r"[\d.]+ %.*hot \(", run.err), "and the table as text")


if sampan.need("tmux", "a terminal"):
    with sampan.Workload([sys.executable, "-c", PROGRAM], ready=lambda w: w.says("up")) as program:
        script = tempfile.NamedTemporaryFile("w", suffix=".sh")
        script.write("export LC_ALL=C.UTF-8 params='%s'\nexec %s\n" % (json.dumps({"mode": "top", "pid": program.pid}), sampan.BINARY))
        script.flush()
        os.environ["LC_ALL"] = "C.UTF-8"
        for size in ((80, 24), (200, 60)):
            a_table(*size, "clear; bash %s" % script.name)
        without_a_terminal(program.pid)
sampan.finish()
