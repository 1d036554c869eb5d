"""Programs of tests/workloads/native, built once into a folder of the run's own."""
import atexit
import pathlib
import shutil
import subprocess
import tempfile

import sampan

SOURCES = sampan.WORKLOADS / "native"
FOLDER = pathlib.Path(tempfile.mkdtemp(prefix="sampan-native-"))
atexit.register(shutil.rmtree, FOLDER, ignore_errors=True)

BUILDS = {
    "split": ["g++", "-O2", "-fomit-frame-pointer", SOURCES / "split.cpp", "-o"],
    "split_stripped": ["gcc", "-O2", "-fomit-frame-pointer", "-s", "-x", "c++", SOURCES / "split.cpp", "-lstdc++", "-o"],
    "split_go": ["go", "build", "-o"],
    "server_go": ["go", "build", "-ldflags=-s -w", "-o"],
    "cgo": ["go", "build", "-o"],
    "split_rust": ["rustc", "-O", SOURCES / "split.rs", "-o"],
    "plugin": ["gcc", "-O2", "-fomit-frame-pointer", SOURCES / "plugin.c", "-ldl", "-o"],
    "plugin.so": ["gcc", "-O2", "-fomit-frame-pointer", "-DPLUGIN", "-shared", "-fPIC", SOURCES / "plugin.c", "-o"],
    "beat": ["gcc", "-O2", SOURCES / "beat.c", "-o"],
    "named": ["gcc", "-O1", "-static", "-no-pie", SOURCES / "named.c", "-o"],
    "two_threads": ["gcc", "-O1", "-pthread", SOURCES / "two_threads.c", "-o"],
    "waits": ["gcc", "-O2", "-pthread", SOURCES / "waits.c", "-o"],
}
AFTER = {"split_go": [SOURCES / "split.go"], "server_go": [SOURCES / "server.go"],
         "cgo": [SOURCES / "cgo.go"]}


def build(name):
    """The built program's path; None, with a visible skip, where its compiler is missing."""
    target = FOLDER / name
    if target.exists():
        return target
    command = [str(word) for word in [*BUILDS[name], target, *AFTER.get(name, [])]]
    if not sampan.need(command[0], name):
        return None
    done = subprocess.run(command, capture_output=True, text=True, cwd=FOLDER)
    if done.returncode != 0:
        raise RuntimeError("%s: %s" % (name, done.stderr[-500:]))
    return target


def start(*command):
    """A workload that has said `ready`."""
    return sampan.Workload(command, ready=lambda load: load.says("ready"))

