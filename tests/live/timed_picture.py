"""Pictures that carry time, written by hand: what `mode: render` reads back and the browser tests look at."""
import base64
from xml.sax.saxutils import escape


def _numbers(values):
    out = bytearray()
    for value in values:
        while value >= 0x80:
            out.append(value & 0x7f | 0x80)
            value >>= 7
        out.append(value)
    return base64.b64encode(bytes(out)).decode()


class Tree:
    """Stacks of `<kind><label>` names, as the data layer's names are: `yf (a.py:3)` is Python, `pweb (pid 7)` a process."""

    def __init__(self):
        self.children, self.self = [{}], [0]

    def node(self, stack):
        at = 0
        for name in stack:
            if name not in self.children[at]:
                self.children[at][name] = len(self.children)
                self.children.append({})
                self.self.append(0)
            at = self.children[at][name]
        return at


def picture(tree, lanes, rate=100, start_ms=1_764_252_000_000, length_ms=None, beside=""):
    """lanes: {(process, thread): [(tick, node), ...]}, by time. Each sample is counted in the tree too."""
    for samples in lanes.values():
        for _, node in samples:
            tree.self[node] += 1
    names, values, place, before = ["aall"], [], {}, 0
    of_name = {}
    todo = [(0, 0, 0)]
    while todo:
        node, name, depth = todo.pop()
        place[node] = len(place)
        values += [(before - depth) * 2 + (tree.self[node] > 0), name]
        if tree.self[node]:
            values.append(tree.self[node])
        before = depth + 1
        for child in reversed(tree.children[node]):
            if child not in of_name:
                of_name[child] = len(names)
                names.append(child)
            todo.append((tree.children[node][child], of_name[child], depth + 1))
    stacks = sorted({node for samples in lanes.values() for _, node in samples}, key=lambda node: -tree.self[node])
    rank = {node: at for at, node in enumerate(stacks)}
    times = [len(stacks)] + [place[node] for node in stacks]
    last = 0
    for samples in lanes.values():
        times.append(len(samples))
        at = 0
        for tick, node in samples:
            times += [0 if tick - at == 1 else 1, rank[node]] + ([] if tick - at == 1 else [tick - at])
            at = tick
        last = max(last, at)
    tick = round(1e6 / rate)
    return ('<?xml version="1.0" encoding="UTF-8"?>\n<svg xmlns="http://www.w3.org/2000/svg"><metadata>'
            '<profile xmlns="urn:sampan:profile" version="1" title="timed" unit="samples" frames="%d">\n<names>%s</names>\n<tree>%s</tree>\n'
            '<threads>%s</threads>\n<time start="%d" tick="%d" samples="%d" length="%d" rate="%g">%s</time>\n%s</profile></metadata></svg>\n' % (
                len(place), escape("\n".join(names)), _numbers(values), escape("\n".join("\t".join(lane) for lane in lanes)), start_ms, tick,
                sum(map(len, lanes.values())), length_ms or (last + 1) * tick // 1000, rate, _numbers(times), beside))


def burst():
    """Four threads for six seconds: render_page, but json.dumps from 3.0 to 3.4 s in one and from 4.1 to 4.5 s in another."""
    tree, process = Tree(), "pshop worker (pid 812)"
    path = [process, "ymain (app.py:3)", "yhandle (app.py:40)"]
    page, dumps = tree.node(path + ["yrender_page (views.py:12)"]), tree.node(path + ["yjson.dumps (json/__init__.py:231)"])
    collector = tree.node(path + ["yrender_page (views.py:12)", "u[garbage collection]"])
    lanes = {}
    for thread in range(4):
        bursts = {1: range(300, 340), 2: range(410, 450)}.get(thread, range(0))
        lanes[process[1:], "worker-%d (tid %d)" % (thread, 900 + thread)] = [
            (tick, dumps if tick in bursts else collector if tick % 97 == 5 else page) for tick in range(600) if thread != 3 or tick % 3 == 0]
    return picture(tree, lanes, beside="<marks>3.000\tprocess 813 `shop worker` ended\n5.500\tprocess 820 came</marks>\n"
                   "<gauges>throttled\t%s\nmemory of limit\t%s</gauges>\n" % (
                       " ".join("40" if 6 <= at < 9 else "0" for at in range(12)), " ".join(str(50 + at) for at in range(12))))


def large(frames, samples, threads=8, depth=30, seed=5):
    import random
    rng, tree = random.Random(seed), Tree()
    root = tree.node(["pweb (pid 7)"])
    paths = [["pweb (pid 7)"]]
    while len(tree.children) < frames:
        path = paths[rng.randrange(len(paths))]
        path = path[:rng.randrange(1, len(path) + 1)]
        while len(path) < depth and len(tree.children) < frames:
            path = path + ["yfunction_%d (m.py:%d)" % (rng.randrange(1500), rng.randrange(1, 900))]
            tree.node(path)
        paths.append(path)
    nodes = [tree.node(path) for path in paths] + [root]
    lanes = {("web (pid 7)", "worker-%d (tid %d)" % (t, 100 + t)): [
        (tick, nodes[min(int(rng.expovariate(0.01)) + tick // 500 * 37, len(nodes) - 1)]) for tick in range(samples // threads)] for t in range(threads)}
    return picture(tree, lanes)
