"""The JDKs of a machine for live tests: unpacked ones in roots of their own, and what is installed."""
import glob
import os
import pathlib
import shutil
import subprocess
import tempfile

import sampan

HERE = pathlib.Path(__file__).resolve().parent
_classes = None


def classes():
    """A folder with the compiled workloads, for any JDK from 8 on; None where no javac is installed."""
    global _classes
    if _classes is None and shutil.which("javac"):
        _classes = tempfile.mkdtemp(prefix="sampan-java-")
        os.chmod(_classes, 0o755)
        subprocess.run(["javac", "--release", "8", "-Xlint:none", "-d", _classes, *map(str, (sampan.WORKLOADS / "java").glob("*.java"))],
                       check=True, capture_output=True)
    return _classes


class Jdk:
    """Starts workloads: `name` for people, `major` its version, `root` None where it is installed here."""

    def __init__(self, name, major, java, root=None):
        self.name, self.major, self.java, self.root = name, major, java, root

    def place(self):
        """Copies the workloads into the root, where `-cp /opt/workloads` finds them."""
        place = pathlib.Path(self.root) / "opt" / "workloads"
        shutil.copytree(classes(), place, dirs_exist_ok=True)
        os.chmod(place, 0o755)

    def run(self, main, *args, options=(), container=()):
        if self.root is None:
            command = [self.java, *options, "-cp", classes(), main, *args]
        else:
            self.place()
            command = ["python3", HERE / "in_root.py", *container, self.root, self.java, *options, "-cp", "/opt/workloads", main, *args]
        load = sampan.Workload(command, ready=lambda w: w.says("ready"), timeout=60)
        if "--pids" in container:
            children = pathlib.Path(f"/proc/{load.pid}/task/{load.pid}/children").read_text().split()
            load.pid_of_java = int(children[0])
        else:
            load.pid_of_java = load.pid
        return load


def unpacked(versions):
    subprocess.run(["sh", HERE / "get_jdks.sh", *map(str, versions)], timeout=500, check=False)
    for version in versions:
        root = sampan.CACHE / "jdks" / str(version)
        found = [java for pattern in ("jre/bin/java", "bin/java")
                 for java in sorted(glob.glob(f"{root}/usr/lib/jvm/java-{version}-openjdk-*/{pattern}"))]
        if found:
            yield Jdk(f"JDK {version}", version, found[0][len(str(root)):], str(root))
        else:
            sampan.skip(f"JDK {version}", "it could not be unpacked")


def temurin():
    for home in sorted(glob.glob("/usr/lib/jvm/temurin-*") + glob.glob("/opt/*temurin*") + glob.glob("/root/.sdkman/candidates/java/*-tem")):
        release = pathlib.Path(home, "release")
        if not release.exists():
            continue
        version = next((line.split('"')[1] for line in release.read_text().splitlines() if line.startswith("JAVA_VERSION=")), "0")
        yield Jdk(f"Temurin {version}", int(version.split(".")[0]), f"{home}/bin/java")


def whole(run):
    """The share of samples whose stack reaches the thread's start, and their number; a frame of it may be in doubt."""
    quality = run.result["quality"]
    bad = quality["truncated"] + quality["failed"]
    bad += sum(count for frames, count in run.stacks() if frames[-1] == "[code that changed while it was read]")
    total = quality["taken"] + quality["failed"]
    return (1 - bad / total if total else 0.0), total
