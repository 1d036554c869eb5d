"""Tables of what was kept: medians over the pairs, the lowest and highest beside them, ratios first."""
import json
import statistics


def _cell(values, form):
    values = sorted(value for value in values if value is not None)
    if not values:
        return "–"
    middle = form % statistics.median(values)
    ends = form % values[0], form % values[-1]
    return middle if len(values) == 1 or ends[0] == ends[1] else "%s (%s – %s)" % (middle, *ends)


def _per_thread_sample(record):
    """Microseconds of the profiler's own for each thread at each tick that it achieved, steady state."""
    if not record.get("window_cpu") or not record.get("window"):
        return None
    achieved = record.get("achieved") or 1
    return 1e6 * record["window_cpu"] / (record["threads"] * record["rate"] * achieved * record["window"])


COLUMNS = [
    ("target slowdown", lambda r: 100 * (1 - r["speed"] / r["alone"]) if r.get("speed") and r.get("alone") else None, "%.2f %%"),
    ("own CPU a thread-sample", _per_thread_sample, "%.2f µs"),
    ("own CPU of a core", lambda r: 100 * r["window_cpu"] / r["window"] if r.get("window_cpu") else None, "%.2f %%"),
    ("CPU in all", lambda r: r.get("cpu_whole"), "%.2f s"),
    ("peak memory", lambda r: r.get("peak_mb"), "%.1f MB"),
    ("rate achieved", lambda r: 100 * r["achieved"] if r.get("achieved") is not None else None, "%.0f %%"),
    ("stacks taken", lambda r: r.get("taken"), "%d"),
    ("lost", lambda r: r.get("lost"), "%d"),
    ("whole stacks", lambda r: r.get("whole"), "%.1f %%"),
    ("from the truth", lambda r: r.get("distance"), "%.2f points"),
    ("impossible stacks", lambda r: r.get("impossible"), "%.3f %%"),
    ("exact call lines", lambda r: r.get("lines"), "%.1f %%"),
    ("start to first sample", lambda r: r.get("first_ms"), "%d ms"),
]


def load(paths):
    records = []
    for path in paths:
        with open(path) as file:
            records += [json.loads(line) for line in file if line.strip()]
    return records


def _table(rows):
    """The columns that any of the rows has something for."""
    names = list(dict.fromkeys(record["profiler"] for record in rows))
    grid = {name: [_cell([value(r) for r in rows if r["profiler"] == name], form) for _, value, form in COLUMNS] for name in names}
    used = [index for index in range(len(COLUMNS)) if any(grid[name][index] != "–" for name in names)]
    yield "| profiler | " + " | ".join(COLUMNS[index][0] for index in used) + " |"
    yield "|---" * (len(used) + 1) + "|"
    for name in names:
        yield "| %s | " % name + " | ".join(grid[name][index] for index in used) + " |"


def show(records):
    versions = {}
    for record in records:
        versions.setdefault(record["profiler"], record["version"])
    print("Versions: " + "; ".join("%s %s" % item for item in versions.items()) + "\n")
    groups = dict.fromkeys((record["suite"], record["target"], record["rate"]) for record in records)
    for suite, target, rate in groups:
        rows = [r for r in records if (r["suite"], r["target"], r["rate"]) == (suite, target, rate)]
        pairs = max(sum(r["profiler"] == name for r in rows) for name in {r["profiler"] for r in rows})
        print("**%s: %s, %s Hz** (%d pairs; median, lowest and highest)\n" % (suite, target, format(rate, ","), pairs))
        print("\n".join(_table(rows)))
        for why in sorted({"%s: %s" % (r["profiler"], r["failed"]) for r in rows if r.get("failed")}):
            print("\nFAILED: " + why.replace("\n", " "))
        print(flush=True)
