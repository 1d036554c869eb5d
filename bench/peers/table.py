"""The peers, a row each: how to get it, what it is started with, how its output is read. A row that cannot be had says why."""
import json
import pathlib
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from typing import Callable

import formats
from targets import HERE, sampan

VENV = sampan.CACHE / "bench-venv"
ASYNC_PROFILER = "4.1"
PYPI = ("py-spy", "austin-dist", "austin-python", "matplotlib")


class Missing(Exception):
    """Why a peer is not there."""


def _told(*command, pattern=r"\d[\w.]*"):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=60)
    found = re.search(pattern, done.stdout + done.stderr)
    return found.group(0) if found else "?"


def _installed(program, package):
    path = shutil.which(program)
    if not path:
        raise Missing("%s is not installed (Debian: %s)" % (program, package))
    return path


def from_pypi(program):
    if not (VENV / "bin" / program).exists():
        if not (VENV / "bin" / "pip").exists():
            subprocess.run(["python3", "-m", "venv", VENV], check=False, capture_output=True)
        subprocess.run([VENV / "bin" / "pip", "install", "-q", *PYPI], check=False, capture_output=True, timeout=300)
    if not (VENV / "bin" / program).exists():
        raise Missing("%s cannot be had from its registry" % program)
    return VENV / "bin" / program


def python_of(kind):
    """An interpreter by its version."""
    pyenv = sorted((sampan.CACHE.parents[1] / ".pyenv" / "versions").glob(kind + ".*"))
    suite = sorted((sampan.CACHE / "pythons" / "bin").glob(kind + "-*"))
    if not pyenv and not suite:
        subprocess.run(["sh", HERE.parents[1] / "tests" / "live" / "get_pythons.sh"], capture_output=True, timeout=900)
        suite = sorted((sampan.CACHE / "pythons" / "bin").glob(kind + "-*"))
    if not pyenv and not suite:
        raise Missing("no Python %s on this machine" % kind)
    return pyenv[-1] / "bin" / "python3" if pyenv else suite[-1]


@dataclass
class Peer:
    name: str
    find: Callable                                  # -> its path; raises Missing
    version: Callable                               # path -> text
    arguments: Callable                             # (path, job) -> command
    read: Callable = lambda job, text: formats.folded(job.out.read_text(errors="replace"))
    tally: Callable = lambda job, text, figures: {}  # what it says itself: rate achieved (0-1), lost, errors
    environment: Callable = lambda job: {}
    patience: float = 4                             # seconds it may take beyond its run
    where: Callable = lambda target: None           # why it cannot do this target
    path: object = field(default=None)

    def ready(self):
        self.path = self.find()
        return self.version(self.path)

    def command(self, job):
        return self.arguments(self.path, job), self.environment(job)

    def parse(self, job, text):
        return self.read(job, text)


# Sampan itself ---------------------------------------------------------------------------------------------------------

def _sampan(tier, **more):
    def environment(job):
        params = dict(job.target.params, rate=job.rate, seconds=job.seconds, tier=tier, formats=["folded"], max_cpu_percent=100,
                      output_dir=str(job.folder), **more)
        return {"params": json.dumps(params)}

    def tally(job, text, figures):
        events = [json.loads(line) for line in text["stdout"].splitlines() if line.startswith("{")]
        result = next((event for event in events if event.get("event") == "result"), {})
        quality = result.get("quality", {})
        # What its programs in the kernel take, no account of its process shows.
        kernel = result.get("cost", {}).get("kernel_seconds", 0)
        share = figures["window"] / result["seconds"] if figures.get("window") and result.get("seconds") else 0
        return {"achieved": quality.get("achieved_rate", 0) / job.rate, "lost": quality.get("lost", 0) + quality.get("failed", 0),
                "suspect": quality.get("suspect", 0), "cpu_whole": figures["cpu_whole"] + kernel,
                **({"window_cpu": figures["window_cpu"] + kernel * share} if share else {})}

    return Peer("sampan, %s tier" % tier, lambda: sampan.BINARY, lambda path: _told(path, "--version"), lambda path, job: [path],
                lambda job, text: formats.folded(next(job.folder.glob("profile-*.folded")).read_text(errors="replace")), tally, environment)


# Python ----------------------------------------------------------------------------------------------------------------

def _spied(job, text, figures):
    """py-spy goes on until it has its number of ticks: behind, it takes longer."""
    told = re.search(r"Samples: (\d+) Errors: (\d+)", text["stdout"] + text["stderr"])
    return {"achieved": min(1.0, job.seconds / max(figures["lasted"] - 0.3, 0.1)), "lost": int(told[2]) if told else 0}


def _up_to_314(target):
    return "it knows CPython up to 3.14" if target.python == "3.15" else None


def _py_spy(*options):
    return Peer("py-spy" + "".join(" " + option for option in options), lambda: from_pypi("py-spy"), lambda path: _told(path, "--version"),
                lambda path, job: [path, "record", *options, "-p", job.target.pid, *(["-s"] if job.target.family else []),
                                   "-r", job.rate, "-d", job.seconds, "-f", "raw", "-o", job.out], tally=_spied, where=_up_to_314)


def _tachyon(*options):
    def tally(job, text, figures):
        everything = text["stdout"] + text["stderr"]
        rate = re.search(r"([\d.,]+) samples/sec", everything)
        errors = re.search(r"Error rate: ([\d.]+)", everything)
        achieved = float(rate[1].replace(",", "")) / job.rate if rate else None
        return {"achieved": min(achieved, 1.0) if achieved else None, "lost_percent": float(errors[1]) if errors else None}

    return Peer("Tachyon" + "".join(" " + option for option in options), lambda: python_of("3.15"),
                lambda path: "CPython " + _told(path, "--version"),
                lambda path, job: [path, "-m", "profiling.sampling", "attach", *(["-a"] if job.target.threads > 1 else []), *options,
                                   "-r", job.rate, "-d", job.seconds, "--collapsed", "-o", job.out, job.target.pid], tally=tally,
                where=lambda target: None if target.python == "3.15" else "it samples its own version only")


def _austin():
    def find():
        path = from_pypi("austin")
        if subprocess.run([path, "--version"], capture_output=True).returncode == 0:
            return path
        # Built against a newer C library than this machine's: by that of the suite that Python 3.15 comes from.
        suite = sampan.CACHE / "pythons" / "sid"
        loader = next(iter(suite.rglob("ld-linux-*.so.*")), None)
        if not loader:
            raise Missing("austin wants a newer C library (tests/live/get_pythons.sh unpacks one)")
        here = VENV / "bin" / "austin-here"
        here.write_text("#!/bin/sh\nexec %s --library-path %s:%s %s \"$@\"\n" % (loader, loader.parent, suite / "lib" / loader.parent.name, path))
        here.chmod(0o755)
        return here

    def read(job, text):
        subprocess.run([from_pypi("mojo2austin"), job.out, job.folder / "text"], capture_output=True, check=True)
        samples = formats.folded((job.folder / "text").read_text(errors="replace"))   # a line a sample, weights in microseconds
        return [(frames, 1) for frames, _ in samples]

    return Peer("austin --cpu", find, lambda path: _told(path, "--version", pattern=r"austin \d[\w.]*"),
                lambda path, job: [path, "-c", "-i", "%dus" % (1000000 // job.rate), "-x", job.seconds, "-o", job.out,
                                   *(["-C"] if job.target.family else []), "-p", job.target.pid], read, where=_up_to_314)


# Native ----------------------------------------------------------------------------------------------------------------

def _perf():
    def read(job, text):
        done = subprocess.run(["perf", "script", "-i", job.out, "-F", "ip,sym"], capture_output=True, text=True)
        return formats.perf_script(done.stdout)

    return Peer("perf record --call-graph dwarf", lambda: _installed("perf", "linux-perf"), lambda path: _told(path, "--version"),
                lambda path, job: [path, "record", "-q", "-e", "cpu-clock", "-F", job.rate, "--call-graph", "dwarf,65528", "-p", job.target.pid,
                                   "-o", job.out, "--", "sleep", job.seconds], read)


def _bcc():
    def find():
        path = _installed("profile-bpfcc", "bpfcc-tools")
        sys.path.insert(0, str(HERE.parent))
        import native_peers   # it knows where kernel headers may come from
        environment = native_peers.bcc_environment()
        if environment is None:
            raise Missing("bcc compiles itself and finds no kernel headers (Debian: linux-headers-amd64)")
        peer.environment = lambda job: environment
        return path

    peer = Peer("bcc profile", find, lambda path: _told("dpkg-query", "-W", "-f", "${Version}", "bpfcc-tools"),
                lambda path, job: [path, "-p", job.target.pid, "-F", job.rate, "-f", job.seconds],
                lambda job, text: formats.folded(text["stdout"]), patience=20)
    return peer


# Java ------------------------------------------------------------------------------------------------------------------

def _async_profiler():
    """The library is loaded into the JVM by jcmd and stopped by it; what it costs there is in the target's slowdown."""
    def find():
        for program in ("jcmd", "mvn"):
            _installed(program, {"jcmd": "openjdk-17-jdk-headless", "mvn": "maven"}[program])
        into = sampan.CACHE / "async-profiler"
        if not list(into.rglob("libasyncProfiler.so")):
            jars = pathlib.Path.home() / ".m2/repository/tools/profiler/async-profiler"
            subprocess.run(["mvn", "-q", "dependency:get", "-Dartifact=tools.profiler:async-profiler:" + ASYNC_PROFILER], capture_output=True, timeout=300)
            for jar in jars.glob("*/async-profiler-*.jar"):
                subprocess.run(["python3", "-m", "zipfile", "-e", jar, into / jar.parent.name], check=False)
        found = [path for path in sorted(into.rglob("libasyncProfiler.so")) if "linux-x64" in str(path)]
        if not found:
            raise Missing("async-profiler %s cannot be had from Maven Central" % ASYNC_PROFILER)
        return found[-1]

    load = "jcmd %d JVMTI.agent_load %s '\"%s\"'"   # jcmd takes quotes of its own: it would split at commas
    return Peer("async-profiler", find, lambda path: path.relative_to(sampan.CACHE / "async-profiler").parts[0],
                lambda path, job: ["sh", "-c", "; ".join([
                    load % (job.target.pid, path, "start,event=cpu,interval=%d" % (1_000_000_000 // job.rate)), "sleep %d" % job.seconds,
                    load % (job.target.pid, path, "stop,collapsed,file=%s" % job.out)])], patience=8)


PYTHON = [_sampan("memory"), _sampan("ebpf"), _sampan("ptrace"), _py_spy(), _py_spy("--nonblocking"), _austin(), _tachyon(), _tachyon("--blocking")]
JAVA = [_sampan("ebpf"), _sampan("ptrace"), _async_profiler()]
NATIVE = [_sampan("ebpf"), _sampan("ptrace"), _perf(), _bcc()]


def present(peers):
    """Those that can be had, each skip said; {name: version} beside them."""
    found, versions = [], {}
    for peer in peers:
        try:
            versions[peer.name] = peer.ready()
            found.append(peer)
        except (Missing, OSError, subprocess.SubprocessError) as why:
            print("SKIP: %s: %s" % (peer.name, why), flush=True)
    return found, versions
