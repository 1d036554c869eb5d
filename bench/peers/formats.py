"""The peers' outputs, read into stacks of Frames."""
import re

from judge import Frame

PLACED = re.compile(r"(.*) \((.*?)(?::(\d+))?\)$")   # func (file.py:12)
SPELT = re.compile(r"(.*\.(?:py|rb)):(.*?):(\d+)$")  # file.py:func:12
RUBY = re.compile(r"(.*) - (.*):(\d+)$")             # func - file.rb:12


def frame_of(text):
    placed = PLACED.match(text)
    if placed:
        return Frame(placed[1], placed[2], int(placed[3] or 0))
    spelt = SPELT.match(text)
    if spelt:
        return Frame(spelt[2], spelt[1], int(spelt[3]))
    ruby = RUBY.match(text)
    return Frame(ruby[1], ruby[2], int(ruby[3])) if ruby else Frame(re.sub(r"_\[.\]$", "", text), "", 0)


def folded(text):
    """`a;b;c 42` a line; lines that are none are passed over."""
    stacks = []
    for line in text.splitlines():
        stack, _, count = line.rpartition(" ")
        if stack and count.isdigit():
            stacks.append(([frame_of(word) for word in stack.split(";")], int(count)))
    return stacks


def perf_script(text):
    """`perf script -F ip,sym`: a block a sample, innermost frame first."""
    stacks = []
    for block in text.split("\n\n"):
        names = [line.strip().split(" ", 1)[-1] for line in block.splitlines() if line.strip()]
        if names:
            stacks.append(([Frame(re.sub(r"\(.*|\+0x.*", "", name), "", 0) for name in reversed(names)], 1))
    return stacks
