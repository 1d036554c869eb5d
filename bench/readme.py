#!/usr/bin/env python3
"""Writes the tables of README.md's "Beside others" from those of bench/RESULTS.md: no figure there is written by hand.

    python3 bench/readme.py            # writes README.md
    python3 bench/readme.py --check    # 1 where README.md says other than RESULTS.md does

A cell is named by its section's heading, the table's place in it, the row's first cells and the column; medians are taken,
spreads stay in RESULTS.md. Of several inputs the worst row stands beside the best.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
BEGIN, END = "<!-- from bench/RESULTS.md, by bench/readme.py -->\n", "<!-- end -->\n"

UWSGI = "Python: uWSGI 4 × 2, both cores busy, 100 Hz"
THREADS = "Python 3.13, 159 threads of which one computes, 100 Hz"
SHORT = "Python: frames of 50 ns"
NATIVE = "Native: C++ without frame pointers, 46 frames, 99 Hz"
RUBY = "Ruby 3.1 and PHP 8.2, 100 Hz"
RENDER = "Rendering"
OURS = ("Sampan, memory tier", "Sampan, ebpf tier", "Sampan, ptrace tier")
PEERS = ("py-spy --nonblocking", "py-spy", "austin --cpu")


def tables(text):
    """{(heading, place): [{column: cell}]}, rows in order; the cells of a row are also under their number."""
    found, heading, rows, place = {}, "", [], 0
    for line in text.splitlines() + [""]:
        if line.startswith("## "):
            heading, place = line[3:], 0
        if line.startswith("|"):
            rows.append([cell.strip() for cell in line.strip("|").split("|")])
        elif rows:
            columns, body = rows[0], rows[2:]
            found[heading, place] = [dict(enumerate(row)) | dict(zip(columns, row)) for row in body]
            rows, place = [], place + 1
    return found


def median(cell):
    return re.sub(r" \(.*?\)", "", cell)


class Results:
    def __init__(self, text):
        self.tables = tables(text)

    def cell(self, section, row, column, place=0):
        """The median of a cell; `row` is the first cell, or the first few."""
        wanted = (row,) if isinstance(row, str) else row
        for found in self.tables[section, place]:
            if all(found[i] == cell for i, cell in enumerate(wanted)):
                return median(found[column])
        raise KeyError((section, row, column))

    def range(self, section, rows, column, place=0):
        cells = [self.cell(section, row, column, place) for row in rows]
        number = lambda cell: float(cell.replace("−", "-").split()[0])
        least, most = min(cells, key=number), max(cells, key=number)
        return least if least == most else "%s to %s" % (least.split()[0], most)

    def worst_and_best(self, column, than):
        """Of the inputs of the rendering table, the ones where this ratio is least and most."""
        rows = [row for row in self.tables[RENDER, 0] if row[than] != "-"]
        ratio = lambda row: float(row[column].split("x")[0])
        return min(rows, key=ratio), max(rows, key=ratio)


def by_profiler(results):
    columns = ["target slowdown", "own CPU a thread-sample", "peak memory", "from the truth"]
    lines = ["| uWSGI, 4 workers × 2 threads, both cores busy, 100 Hz | " + " | ".join(columns) + " |", "|---|" + "---|" * len(columns)]
    for row in OURS + PEERS:
        lines.append("| %s | %s |" % (row, " | ".join(results.cell(UWSGI, row, column) for column in columns)))
    return lines


def short_frames(results, profiler):
    row = ("10000", profiler)
    taken = results.cell(SHORT, row, "samples").split()[0]
    return "%s of %s impossible, %s dropped or suspect" % (results.cell(SHORT, row, "impossible").split()[0], taken, results.cell(SHORT, row, "dropped or suspect"))


def side_by_side(results):
    cell, spread = results.cell, results.range
    worst, best = results.worst_and_best("inferno to whole", "inferno to whole")
    drawing = lambda row: "%s: %s ms" % (row["input"], row["whole: ms"])
    beside = lambda row: "inferno %s, flamegraph.pl %s times as long" % (row["inferno to whole"].split("x")[0], median(row["flamegraph.pl to whole"]).rstrip("x").replace("-", "(not run)"))
    rows = [
        ("159 threads of Python, one busy: slowdown", spread(THREADS, OURS, "target slowdown"),
         "py-spy %s, `--nonblocking` %s" % (cell(THREADS, "py-spy", "target slowdown"), cell(THREADS, "py-spy --nonblocking", "target slowdown"))),
        ("CPython 3.15, frames of 50 ns, 10,000 Hz: memory tier", short_frames(results, "Sampan, memory"), "Tachyon " + short_frames(results, "Tachyon")),
        ("the same: ebpf and ptrace tiers", short_frames(results, "Sampan, ebpf") + "; " + short_frames(results, "Sampan, ptrace"),
         "Tachyon `--blocking` " + short_frames(results, "Tachyon --blocking")),
        ("Ruby 3.1: right lines; own CPU a sample", "%s; %s" % (cell(RUBY, "Sampan", "right lines"), cell(RUBY, "Sampan", "own CPU a sample")),
         "rbspy %s; %s" % (cell(RUBY, "rbspy", "right lines"), cell(RUBY, "rbspy", "own CPU a sample"))),
        ("C++ without frame pointers, 30 s: CPU in all, peak memory (ebpf tier)",
         "%s, %s" % (cell(NATIVE, "Sampan, ebpf tier", "CPU in all", 1), cell(NATIVE, "Sampan, ebpf tier", "peak memory", 1)),
         "perf (dwarf) %s, %s" % (cell(NATIVE, "perf record --call-graph dwarf", "CPU in all", 1), cell(NATIVE, "perf record --call-graph dwarf", "peak memory", 1))),
        ("drawing, in process, the worst input", drawing(worst), beside(worst)),
        ("drawing, in process, the best input", drawing(best), beside(best)),
    ]
    return ["| | Sampan | beside |", "|---|---|---|"] + ["| %s | %s | %s |" % row for row in rows]


def main():
    readme = ROOT / "README.md"
    text = readme.read_text()
    results = Results((ROOT / "bench" / "RESULTS.md").read_text())
    made = "\n".join(by_profiler(results)) + "\n\n" + "\n".join(side_by_side(results)) + "\n"
    before, rest = text.split(BEGIN)
    written = before + BEGIN + made + END + rest.split(END, 1)[1]
    if "--check" in sys.argv[1:]:
        if written != text:
            sys.exit("README.md's tables are not those of bench/RESULTS.md: python3 bench/readme.py writes them")
        return
    readme.write_text(written)


main()
