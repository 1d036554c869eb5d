"""Python by the ebpf tier wherever it runs: every version in one run, in uWSGI's forked workers (libpython shared, and
embedded in uwsgi itself), in a PID namespace of its own; each with every file, line and name, and no impossible stack."""
import pathlib
import re
import subprocess
import sys
import tempfile

import python_matrix_test as matrix
import pythons
import sampan

SECONDS = 30 if sampan.LONG else 6
SHARES = sampan.WORKLOADS / "python" / "shares.py"
TRUTH = {"sixty": 60.0, "thirty": 30.0, "ten": 10.0}
EMBEDDED = ("3.8", "3.10", "3.12", "3.13") if sampan.LONG else ("3.12",)


def linked(python):
    """How a Python's executable has its interpreter: `shared` or `static`."""
    real = subprocess.run([python.command, "-c", "import sysconfig; print(sysconfig.get_config_var('Py_ENABLE_SHARED'))"], capture_output=True, text=True)
    return "shared" if real.stdout.strip() == "1" and "pyenv" in python.name else "static"


def versions(found):
    """tests/workloads/python/matrix.py on each, all sampled in one run; free-threaded ones are another test's."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="sampan-places-"))
    program = folder / "matrix.py"
    program.write_bytes((sampan.WORKLOADS / "python" / "matrix.py").read_bytes())
    running = []
    for python in found:
        out = folder / (python.name + ".json")
        running.append((python, sampan.Workload([python.command, program, out, 400], cwd=folder), out))
    try:
        for python, load, _ in running:
            sampan.wait_for(lambda: load.says("ready") or load.process.poll() is not None, 120, "%s to be ready" % python)
        run = sampan.profile(pid=[load.pid for _, load, _ in running], seconds=3 * SECONDS, rate=500, tier="ebpf", max_cpu_percent=100, _timeout=200)
        sampan.check(run.code == 0, "one run samples %d interpreters in the kernel (exit %d) %s" % (len(running), run.code, run.err[-300:]))
        seen = matrix.by_pid(run.stacks())
        for python, load, out in running:
            samples, impossible = matrix.judge("%s (%s)" % (python, linked(python)), seen[load.pid], *matrix.expected(out))
            sampan.check(impossible == 0, "%s: %d of %d stacks impossible" % (python, impossible, samples))
    finally:
        for _, load, _ in running:
            load.stop()
    quality = run.result["quality"]
    sampan.check(quality["failed"] + quality["lost"] + quality["suspect"] == 0, "nothing dropped or suspect: %s" % quality)


def judge(what, run):
    """shares.py's three functions, within their own sampling error."""
    seen = {name: sum(n for frames, n in run.stacks() if any(f.startswith(name + " (") for f in frames)) for name in TRUTH}
    every = sum(seen.values())
    if not sampan.check(run.code == 0 and run.result.get("tier") == "ebpf" and every >= 200, "%s: %d samples (exit %d) %s" % (what, every, run.code, run.err[-300:])):
        return
    off = max(abs(100 * count / every - TRUTH[name]) for name, count in seen.items())
    allowed = 1 + 3 * 100 * (0.24 / every) ** 0.5
    quality = run.result["quality"]
    sampan.check(off <= allowed and quality["failed"] + quality["lost"] == 0, "%s: %s %% of %d samples (off by %.2f points, %.2f allowed), %s" % (
        what, " ".join("%.1f" % (100 * count / every) for count in seen.values()), every, off, allowed, quality))


def workers(what, server):
    with server, sampan.Workload(["python3", sampan.WORKLOADS / "uwsgi" / "load.py", server.port, SECONDS + 30, 8]):
        run = sampan.profile(procname_prefix="places_uWSGI worker", tier="ebpf", rate=500, seconds=SECONDS, max_cpu_percent=100)
    seen = sorted({frames[0] for frames, _ in run.stacks()})
    sampan.check(len(seen) == 4, "%s: four workers are seen: %s" % (what, seen))
    judge(what, run)


def embedded(python):
    """uWSGI built with the interpreter in it, from its source on PyPI."""
    folder = sampan.CACHE / "uwsgi" / python.name
    if not (folder / "bin" / "uwsgi").exists():
        subprocess.run([python.command, "-m", "venv", folder], capture_output=True)
        subprocess.run([folder / "bin" / "pip", "install", "-q", "--no-binary", ":all:", "uwsgi"], capture_output=True, timeout=600)
    if not (folder / "bin" / "uwsgi").exists():
        return sampan.skip("uWSGI with %s in it" % python, "it cannot be built here")
    workers("uWSGI built for %s, its forked workers" % python,
            sampan.uwsgi(workers=4, prefix="places_", threads=2, wsgi_file=SHARES, command=(folder / "bin" / "uwsgi",)))


def own_pid_namespace(python):
    unshare = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"]
    if subprocess.run([*unshare, "true"], capture_output=True).returncode != 0:
        return sampan.skip("a PID namespace", "unshare is not allowed here")
    with sampan.Workload([*unshare, python.command, SHARES, 300, 2], ready=lambda load: load.says("ready")) as load:
        inner = int(pathlib.Path("/proc/%d/task/%d/children" % (load.pid, load.pid)).read_text().split()[0])
        judge("%s in a PID namespace of its own" % python, sampan.profile(pid=inner, tier="ebpf", rate=500, seconds=SECONDS, max_cpu_percent=100))


def fallback(python):
    """`auto` where the kernel's tier cannot be had: memory, and one sentence why."""
    places = {"without BPF and PERFMON": (["setpriv", "--bounding-set=-bpf,-perfmon,-sys_admin", "--inh-caps=-bpf,-perfmon,-sys_admin"], r"BPF and PERFMON are missing"),
              "without the kernel's types": (["unshare", "--mount", "sh", "-c", 'mount -t tmpfs none /sys/kernel/btf && exec "$@"', "sh"], r"a kernel with BTF")}
    with sampan.Workload([python.command, SHARES, 300, 1], ready=lambda load: load.says("ready")) as load:
        for what, (prefix, sentence) in places.items():
            if subprocess.run([*prefix, "true"], capture_output=True).returncode != 0:
                sampan.skip(what, "%s is not allowed here" % prefix[0])
                continue
            run = sampan.profile(pid=load.pid, rate=500, seconds=2, _prefix=prefix)
            told = run.result.get("tier_sentence", run.err[-300:])
            sampan.check(run.code == 0 and run.result.get("tier") == "memory" and re.search(sentence, told), "%s: %s" % (what, told))
            refused = sampan.profile(pid=load.pid, rate=500, seconds=2, tier="ebpf", _prefix=prefix)
            sampan.check(refused.code == 4 and re.search(sentence, refused.result.get("sentence", "")), "%s, ebpf asked for: exit %d, %s" % (
                what, refused.code, refused.result.get("sentence")))
        run = sampan.profile(pid=load.pid, rate=500, seconds=2)
        sampan.check(run.result.get("tier") == "ebpf", "allowed: %s" % run.result.get("tier_sentence"))


def main():
    allowed = sampan.profile(pid=1 << 22, tier="ebpf", seconds=1)
    if allowed.code == 4:
        sampan.skip("the ebpf tier", allowed.err.strip()[-200:])
        sampan.finish()
    found = [python for python in pythons.all_pythons() if not re.search(r"\dt$", python.kind)]
    versions(found)
    fallback(found[-1])
    for python in pythons.newest(found, "3.11", "3.15"):
        own_pid_namespace(python)
    if sampan.need("uwsgi", "uWSGI's workers"):
        workers("Debian's uWSGI, shared libpython, its forked workers", sampan.uwsgi(workers=4, prefix="places_", threads=2, wsgi_file=SHARES))
    for python in pythons.newest(found, *EMBEDDED):
        embedded(python)
    sampan.finish()


if __name__ == "__main__":
    sys.exit(main())
