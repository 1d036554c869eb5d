#!/usr/bin/env python3
"""How cost grows with threads, processes, depth, rate and distinct stacks: a table, and a plot as SVG.

    python3 bench/curves.py [--seconds N] [--keep FILE.json] [--plot FILE.svg] [--micro MICRO_BENCH]

Live curves are of Python in the memory and the ebpf tier; that of distinct stacks is of the tree and the picture, by
micro_bench. The plot needs matplotlib, which is taken from its registry into the bench's own environment."""
import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "peers"))
from table import VENV, from_pypi, Missing, python_of  # noqa: E402
from targets import PROGRAMS, Counter, sampan  # noqa: E402

THREADS, PROCESSES = (1, 4, 16, 64, 256, 512), (1, 4, 16, 64, 256)
DEPTHS, RATES = (10, 50, 200, 1000, 5000), (10, 100, 1000, 10000)


def program(python, name, *arguments):
    counter = Counter()
    environment = dict(sampan.os.environ, COUNTER=counter.file.name)
    load = sampan.Workload([python, PROGRAMS / name, 3000, *arguments], ready=lambda w: w.says("ready"), env=environment, timeout=60)
    load.counter = counter
    return load


def point(tier, seconds, rate, threads, **target):
    """What one run cost: microseconds of processor time a thread-sample, share of a core, memory, rate achieved."""
    run = sampan.profile(tier=tier, seconds=seconds, rate=rate, max_cpu_percent=100, max_processes=512, **target)
    if run.code != 0:
        return None
    quality, cost = run.result["quality"], run.result["cost"]
    due = threads * rate * seconds
    return {"us": 1e6 * cost["cpu_seconds"] / due, "cpu": 100 * cost["cpu_seconds"] / seconds, "rss": cost["rss_bytes"] / 2**20,
            "achieved": 100 * quality["achieved_rate"] / rate, "taken": quality["taken"], "late": quality["late"]}


def curves(python, seconds):
    """(curve, x, tier, figures): each program is started once and sampled by each tier."""
    for count in THREADS:
        with program(python, "shares.py", 1, count - 1) as load:
            for tier in ("memory", "ebpf"):
                yield "threads", count, tier, point(tier, seconds, 100, count, pid=load.pid)
    for count in PROCESSES:
        with program(python, "deep.py", 10, count, 1) as load:
            for tier in ("memory", "ebpf"):
                yield "processes", count, tier, point(tier, seconds, 100, count, cmdline_regex="deep.py 3000 10 %d 1" % count)
    for depth in DEPTHS:
        with program(python, "deep.py", depth, 1, 1) as load:
            for tier in ("memory", "ebpf"):
                yield "depth", depth, tier, point(tier, seconds, 100, 1, pid=load.pid)
    with program(python, "deep.py", 10, 1, 1) as load:
        for rate in RATES:
            for tier in ("memory", "ebpf"):
                yield "rate", rate, tier, point(tier, seconds, rate, 1, pid=load.pid)


def distinct(micro):
    """The same cost by distinct stacks: a stack more into the tree, and all of them into the picture."""
    with tempfile.NamedTemporaryFile() as out:
        subprocess.run([micro, "--benchmark_filter=^(insert|render)/", "--benchmark_min_time=0.05", "--benchmark_out=" + out.name],
                       check=True, capture_output=True)
        for one in json.load(open(out.name))["benchmarks"]:
            name, _, count = one["name"].partition("/")
            scale = {"ns": 1e-3, "us": 1, "ms": 1e3}[one["time_unit"]]
            each = 1 if name == "insert" else int(count)
            yield "stacks", int(count), name, {"us": one["cpu_time"] * scale / each}


NAMES = {"threads": ("threads, one of them busy, 100 Hz", "CPU a thread-sample"), "processes": ("processes, one of them busy, 100 Hz", "CPU a process-sample"),
         "depth": ("frames deep, 100 Hz", "CPU a sample"), "rate": ("Hz", "CPU a sample"), "stacks": ("distinct stacks of 30 frames", "CPU a stack")}


def table(curve, rows):
    unit, cost = NAMES[curve]
    print("\n| %s | by | %s | of a core | resident | rate achieved |\n|---|---|---|---|---|---|" % (unit, cost))
    for _, x, tier, figures in rows:
        if figures is None:
            print("| %s | %s | not here | | | |" % (format(x, ","), tier))
            continue
        more = "%.2f %% | %.1f MiB | %.1f %%" % (figures["cpu"], figures["rss"], figures["achieved"]) if "cpu" in figures else "– | – | –"
        print("| %s | %s | %.2f µs | %s |" % (format(x, ","), tier, figures["us"], more), flush=True)


def plot(path, into):
    """Runs in the environment that has matplotlib."""
    import matplotlib
    matplotlib.use("svg")
    from matplotlib import pyplot
    matplotlib.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "sampan", "font.size": 9})
    records = json.load(open(path))
    figure, axes = pyplot.subplots(1, len(NAMES), figsize=(16, 3.2), constrained_layout=True)
    for axis, (curve, (unit, cost)) in zip(axes, NAMES.items()):
        rows = [record for record in records if record[0] == curve and record[3]]
        for tier in dict.fromkeys(record[2] for record in rows):
            mine = [(record[1], record[3]["us"]) for record in rows if record[2] == tier]
            axis.plot(*zip(*mine), marker="o", markersize=3, label=tier)
        axis.set(xscale="log", yscale="log", xlabel=unit, title=cost + ", µs")
        axis.grid(True, which="major", alpha=0.3)
        axis.legend(frameon=False)
    figure.savefig(into, metadata={"Date": None})


def main():
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--seconds", type=int, default=2)
    words.add_argument("--python", default="3.13")
    words.add_argument("--keep", type=pathlib.Path, default=pathlib.Path(tempfile.gettempdir()) / "sampan-curves.json")
    words.add_argument("--plot", type=pathlib.Path)
    words.add_argument("--micro", default=str(HERE.parent / "build/release/bench/micro_bench"))
    words.add_argument("--only-plot", action="store_true")
    arguments = words.parse_args()
    if arguments.only_plot:
        return plot(arguments.keep, arguments.plot)
    records = list(curves(python_of(arguments.python), arguments.seconds))
    if pathlib.Path(arguments.micro).exists():
        records += distinct(arguments.micro)
    else:
        print("SKIP: distinct stacks: build micro_bench first (cmake --build … --target benchmarks)")
    for curve in NAMES:
        table(curve, [record for record in records if record[0] == curve])
    arguments.keep.write_text(json.dumps(records))
    if not arguments.plot:
        return
    try:
        from_pypi("py-spy")   # makes the environment
        subprocess.run([VENV / "bin" / "python", __file__, "--only-plot", "--keep", arguments.keep, "--plot", arguments.plot], check=True)
    except (Missing, subprocess.CalledProcessError) as why:
        print("SKIP: the plot: %s" % why)


if __name__ == "__main__":
    main()
