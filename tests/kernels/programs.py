"""The workloads that must be compiled, for either architecture, built once into a folder of the run's own."""
import atexit
import os
import pathlib
import shutil
import subprocess
import tempfile

from machine import ROOT, Missing
from cells import BUILDS

FOLDER = pathlib.Path(tempfile.mkdtemp(prefix="sampan-guest-programs-"))
atexit.register(shutil.rmtree, FOLDER, ignore_errors=True)
CROSS = {"amd64": "x86_64-linux-gnu-", "arm64": "aarch64-linux-gnu-"}


def build(name, architecture):
    """The path of a row of BUILDS, built for that architecture."""
    target = FOLDER / (name + "-" + architecture)
    if target.exists():
        return target
    compiler, options, source = BUILDS[name]
    if compiler == "go":
        command, environment = ["go", *options.split(), "-o", target], {"GOARCH": architecture, "CGO_ENABLED": "0"}
    elif compiler == "javac":
        command, environment = ["javac", *options.split(), "-d", FOLDER], {}
    else:
        command, environment = [CROSS[architecture] + compiler, *options.split(), "-o", target], {}
    if not shutil.which(command[0]):
        raise Missing("%s is not installed" % command[0])
    done = subprocess.run([*command, ROOT / "tests" / "workloads" / source], cwd=FOLDER, env=dict(os.environ, **environment),
                          capture_output=True, text=True)
    if done.returncode != 0:
        raise Missing("%s does not build: %s" % (name, done.stderr[-300:]))
    if compiler == "javac":
        (FOLDER / name).rename(target)
    return target
