"""The CPythons that this machine has: pyenv's, the system's, and those that get_pythons.sh unpacked or built."""
import os
import pathlib
import re
import subprocess

import sampan

WANTED = ["2.7", "3.6", "3.7", "3.8", "3.9", "3.10", "3.11", "3.12", "3.13", "3.14", "3.15", "3.13t", "3.14t", "3.13-musl"]


class Python:
    def __init__(self, name, command):
        self.name, self.command = name, str(command)
        told = subprocess.run([self.command, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"],
                              capture_output=True, timeout=60)
        self.works = told.returncode == 0
        self.version = tuple(int(part) for part in told.stdout.decode().strip().split(".")) if self.works else (0, 0)
        built = re.match(r"3\.\d+(t|-musl)$", name)
        self.kind = "%d.%d%s" % (*self.version, built.group(1) if built else "")

    def __repr__(self):
        return self.name


def fetch():
    """Unpacks what can be had (some minutes on a new machine for the built ones: only where SAMPAN_LONG is set)."""
    wanted = ["free-threaded", "musl"] if sampan.LONG else []
    script = pathlib.Path(__file__).with_name("get_pythons.sh")
    done = subprocess.run(["sh", str(script), *wanted], capture_output=True, timeout=1800)
    for line in (done.stdout + done.stderr).decode(errors="replace").splitlines():
        if line.startswith("SKIP: "):
            sampan.skip(*line[len("SKIP: "):].split(": ", 1))
    if done.returncode:
        sampan.skip("Pythons of newer suites", done.stderr.decode(errors="replace").strip()[-200:])


def all_pythons():
    """Every interpreter that starts, oldest first; each wanted version that is not there is skipped visibly."""
    fetch()
    found = []
    pyenv = pathlib.Path(os.environ.get("PYENV_ROOT") or pathlib.Path.home() / ".pyenv") / "versions"
    for folder in sorted(pyenv.glob("*")):
        if re.fullmatch(r"\d+\.\d+\.\d+t?", folder.name):
            found.append(Python("pyenv-" + folder.name, folder / "bin" / ("python" + ".".join(folder.name.split(".")[:2]))))
    if os.path.exists("/usr/bin/python3"):
        found.append(Python("system", "/usr/bin/python3"))
    found += [Python(path.name, path) for path in sorted((sampan.CACHE / "pythons" / "bin").glob("*"))
              if not path.name.endswith(".new")]
    for python in found:
        if not python.works:
            sampan.skip(python.name, "it does not start")
    found = sorted((python for python in found if python.works), key=lambda python: (python.version, python.name))
    for kind in WANTED:
        if kind not in {python.kind for python in found}:
            why = "built only with SAMPAN_LONG=1" if kind[-1] in "tl" and not sampan.LONG else "not on this machine"
            sampan.skip("Python " + kind, why)
    return found


def newest(found, *kinds):
    """One interpreter of each kind, in the order asked for."""
    by_kind = {python.kind: python for python in found}
    return [by_kind[kind] for kind in kinds if kind in by_kind]
