"""What is profiled: programs that count their own work in a shared file, so that their speed is known at any moment."""
import os
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "tests" / "live"))
import sampan  # noqa: E402

PROGRAMS = HERE / "programs"
SECONDS = 3000   # longer than any run; the bench ends its targets
SPLIT = {"sixty": 60.0, "thirty": 30.0, "ten": 10.0}


class Counter:
    """A file of 4096 numbers that a target adds to."""

    def __init__(self):
        self.file = tempfile.NamedTemporaryFile(prefix="sampan-counter-")
        self.file.truncate(32768)

    def value(self):
        return sum(memoryview(os.pread(self.file.fileno(), 32768, 0)).cast("Q"))


class Target:
    """One running target: `pid` its root, `threads` how many each tick has to look at, `params` how Sampan finds it."""

    def __init__(self, name, start, threads, truth=None, oracle=False, source=None, family=False, python="", root=None):
        self.counter = Counter()
        self.environment = dict(os.environ, COUNTER=self.counter.file.name)
        self.name, self.threads, self.truth, self.oracle = name, threads, truth, oracle
        self.source, self.family, self.python, self.root = source, family, python, root
        self.loads = []
        self.pid, self.params = start(self)
        sampan.wait_for(lambda: self.counter.value() > 0 or not truth and not oracle, 30, name + " to work")

    def load(self, command, **options):
        load = sampan.Workload(command, env=self.environment, **options)
        self.loads.append(load)
        return load

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for load in reversed(self.loads):
            load.stop()


def _program(*command):
    def start(target):
        load = target.load([str(word) for word in command], ready=lambda w: w.says("ready"), timeout=60)
        return load.pid, {"pid": load.pid}
    return start


def _uwsgi(workers, threads):
    def start(target):
        port, program = sampan.free_port(), PROGRAMS / "shares.py"
        server = target.load(["uwsgi", "--plugin", "python3", "--http-socket", "127.0.0.1:%d" % port, "--need-app", "--master",
                              "--wsgi-file", program, "--processes", workers, "--enable-threads", "--threads", threads,
                              "--disable-logging", "--auto-procname", "--procname-prefix", "bench_"],
                             ready=lambda _: sampan.answers(port))
        target.load(["wrk", "-t1", "-c%d" % (workers * threads), "-d%ds" % SECONDS, "http://127.0.0.1:%d/" % port])
        return server.pid, {"procname_prefix": "bench_uWSGI worker"}
    return start


def uwsgi(workers=4, threads=2):
    """All cores busy: whatever a profiler takes is missing in the target."""
    return Target("uWSGI %d x %d" % (workers, threads), _uwsgi(workers, threads), workers * threads, truth=SPLIT,
                  source=(PROGRAMS / "shares.py").read_text(), family=True, python="3.11")


def threads(kind, path, count=159):
    """One thread that computes among many that wait, on a machine with a core to spare."""
    start = _program(path, PROGRAMS / "shares.py", SECONDS, 1, count - 1)
    return Target("Python %s, %d threads" % (kind, count), start, count, truth=SPLIT, source=(PROGRAMS / "shares.py").read_text(), python=kind)


def oracle(kind, path, spins):
    name = "Python %s, frames of %s" % (kind, "50 ns" if spins == 0 else "1 µs")
    return Target(name, _program(path, PROGRAMS / "oracle.py", SECONDS, spins), 1, oracle=True, python=kind)


def clock(kind, path):
    return Target("clock, Python %s" % kind, _program(path, PROGRAMS / "clock.py", SECONDS), 1, python=kind)


def compiled(name, *flags):
    """A program of programs/, built once a run."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="sampan-peers-"))
    subprocess.run(["g++", "-O2", "-fomit-frame-pointer", *flags, str(PROGRAMS / (name + ".cpp")), "-o", str(folder / name)], check=True)
    return folder / name


def native(name="split"):
    """A C++ program without frame pointers, 46 frames deep; or its clock."""
    split = name == "split"
    return Target("C++, 46 frames" if split else "clock", _program(compiled(name)), 1, truth=SPLIT if split else None,
                  root="main" if split else None)


CLOCK_JAVA = """public class Clock {{
    static long now() {{ return System.nanoTime() / 1_000_000; }}   // the monotonic clock
{methods}
    public static void main(String[] args) {{
        System.out.println("ready");
        while (true) {{
            long time = now();
            switch ((int) (time % 4096) / 64) {{
{blocks}
            }}
        }}
    }}
{switches}
}}
"""


def _clock_java():
    """at_N for each of 4096 milliseconds, called through switches of 64: no method too large to be compiled."""
    methods = "\n".join("    static void at_%04d(long end) { while (now() < end) { } }" % n for n in range(4096))
    blocks = "\n".join("                case %d: block%d(time); break;" % (block, block) for block in range(64))
    switches = "\n".join("    static void block%d(long time) {\n        switch ((int) (time %% 4096)) {\n%s\n        }\n    }" % (
        block, "\n".join("            case %d: at_%04d(time + 1); break;" % (n, n) for n in range(block * 64, block * 64 + 64))) for block in range(64))
    return CLOCK_JAVA.format(methods=methods, blocks=blocks, switches=switches)


def java(name="Shares"):
    """A JVM whose methods are compiled for good; or its clock."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="sampan-peers-"))
    source = folder / (name + ".java")
    source.write_text(_clock_java() if name == "Clock" else (PROGRAMS / (name + ".java")).read_text())
    subprocess.run(["javac", "-d", str(folder), str(source)], check=True)
    return Target("clock, JVM" if name == "Clock" else "JVM, one thread", _program("java", "-cp", folder, name), 1,
                  truth=SPLIT if name == "Shares" else None, root="main" if name == "Shares" else None)
