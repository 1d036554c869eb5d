"""A target whose file system is a trap: links to the host's files, pipes, devices, magic links, huge files, damaged code.
Every file that the agent opens is seen by strace: it lies in the target's own file system, or it is the agent's own."""
import os
import pathlib
import random
import re
import shutil
import socket
import stat
import subprocess
import sys
import tempfile

import chaos
import sampan
from chaos import judge
from sampan import check

LOOP = bytes([0x48, 0xC7, 0xC1, 0x80, 0x84, 0x1E, 0x00, 0x48, 0xFF, 0xC9, 0x75, 0xFB, 0xC3])
MARK = "planted_secret_of_the_host"
SECONDS = 3 if sampan.LONG else 1
DAMAGED = 24
OWN = ("/", "/dev", "/proc", "/etc/localtime", "/usr/lib/ssl/openssl.cnf", "/etc/ssl/openssl.cnf")   # what libc and OpenSSL look for


def damaged(elf, seed):
    """A real ELF file with bytes overwritten, most of them in its headers and tables, and the loop at its second page."""
    dice = random.Random(seed)
    data = bytearray(elf)
    for _ in range(dice.choice([1, 4, 16, 64])):
        where = dice.choice([dice.randrange(64), dice.randrange(64, 1024), dice.randrange(len(data)), len(data) - 1 - dice.randrange(4096)])
        size = dice.choice([1, 2, 4, 8])
        data[where:where + size] = dice.choice([bytes(size), b"\xff" * size, dice.randbytes(size)])[:max(0, len(data) - where)]
    data[:4] = b"\x7fELF"
    data[4096:4096 + len(LOOP)] = LOOP
    return bytes(data)


class Root:
    """A file system of its own (so that its device number tells it), with the traps."""

    def __init__(self):
        self.path = pathlib.Path(tempfile.mkdtemp(prefix="sampan-root-", dir=chaos.FOLDER))
        self.mounted = subprocess.run(["mount", "-t", "tmpfs", "tmpfs", self.path], capture_output=True).returncode == 0

    def fill(self, trap, elf):
        self.device = os.stat(self.path).st_dev
        for folder in ("etc", "tmp", "usr/lib/debug/.build-id", "code/.debug"):
            (self.path / folder).mkdir(parents=True)
        shutil.copy(trap, self.path / "trap")
        names = []
        for seed in range(DAMAGED):
            # Some bear the names by which runtimes are known.
            name = ["damaged-%d.so", "libpython3.11-%d.so.1.0", "libjvm.so", "libruby-3.1.so.3.1.%d", "libphp-%d.so", "php-%d"][seed % 6]
            name = "code/" + (name % seed if "%" in name else name)
            (self.path / name).write_bytes(damaged(elf, seed))
            names.append("/" + name)
        return names

    def remove(self):
        subprocess.run(["umount", "-l", self.path], capture_output=True)


def traps(secret):
    """name → how it is laid at a path of the target."""
    def device(path):
        os.mknod(path, 0o666 | stat.S_IFCHR, os.makedev(1, 5))   # /dev/zero: it never ends

    def huge(path):
        with open(path, "wb") as file:
            file.truncate(1 << 40)

    def listening(path):
        socket.socket(socket.AF_UNIX).bind(str(path))

    def lines(path):
        path.write_text("7f0000000000 fffffffffff %s\n" % ("long" * 5000) * 2000)

    return {
        "a link to the host's file": lambda path: path.symlink_to(secret),
        "a link by ..": lambda path: path.symlink_to("../" * 20 + secret.lstrip("/")),
        "a magic link": lambda path: path.symlink_to("/proc/1/root" + secret),
        "a link to itself": lambda path: path.symlink_to(path.name),
        "a pipe": os.mkfifo, "a device": device, "a socket": listening, "a folder": os.mkdir, "a huge file": huge,
        "endless lines": lines,
    }


def loaded():
    """What the loader opens for the agent: nothing where it is static, the sanitizer's libraries else."""
    said = subprocess.run(["ldd", sampan.BINARY], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, universal_newlines=True).stdout
    libraries = re.findall(r"(/\S+) \(0x", said)
    return set(libraries + ["/etc/ld.so.cache"] if libraries else [])


LOADED = loaded()


def allowed(path, output):
    return path in LOADED or path.startswith(("/proc/", "/sys/", "/dev/null", "/dev/termination-log", output)) or path in OWN or path.startswith("/usr/share/zoneinfo/")


def outside(log, device, output):
    """Opens in a log of strace that are neither of the target's file system nor the agent's own."""
    wrong, looked, last = [], 0, ("", 0)
    for line in log.splitlines():
        opened = re.search(r'\bopen(?:at)?\((?:AT_FDCWD[^,]*, )?"([^"]*)".* = \d+', line)
        if opened and not allowed(opened.group(1), output):
            wrong.append(line)
        if "openat2(" in line:
            looked += 1
            if "RESOLVE_NO_MAGICLINKS|RESOLVE_IN_ROOT" not in line and "RESOLVE_IN_ROOT|RESOLVE_NO_MAGICLINKS" not in line:
                wrong.append(line)
        # What was found is looked at before it is opened to be read: it is the target's, or it is refused (no reopening follows).
        seen = re.search(r"(?:fstat\(|newfstatat\()(\d+),[^{]*\{st_dev=makedev\((0x[0-9a-f]+|\d+), (0x[0-9a-f]+|\d+)\), st_ino=\d+, st_mode=S_IFREG", line)
        if seen:
            last = (seen.group(1), os.makedev(int(seen.group(2), 0), int(seen.group(3), 0)))
        again = re.search(r'"/proc/self/fd/(\d+)", O_RDONLY', line)
        if again and (last[0] != again.group(1) or last[1] != device):
            wrong.append(line)
    return wrong, looked


def run_agent(load, root, what, **params):
    log = tempfile.NamedTemporaryFile(dir=chaos.FOLDER)
    calls = "trace=open,openat,openat2,fstat,newfstatat,open_by_handle_at"
    strace = ["strace", "-f", "-v", "-s", "4096", "-e", calls, "-o", log.name] if shutil.which("strace") else []
    agent = chaos.Agent(SECONDS, prefix=strace, pid=load.pid_inside, **params)
    run = agent.finish()
    judge(run, what, SECONDS, codes=(0,), least=5, spare=4, inside=("/trap", "/code/", "/tmp/", "/usr/lib/debug"))
    if strace:
        wrong, looked = outside(pathlib.Path(log.name).read_text(errors="replace"), root.device, agent.directory)
        check(not wrong and looked > 0, "%s: %d files looked for in the target's root, 0 opened outside it %s" % (what, looked, wrong[:2]))
    texts = [run.out, run.err] + [p.read_text(errors="replace") for p in run.directory.iterdir()]
    check(not any(MARK in text for text in texts), "%s: nothing of the host's file in the result" % what)
    return run


def start(root, names):
    load = sampan.Workload([sys.executable, pathlib.Path(__file__).with_name("in_root.py"), root.path, "/trap", *names],
                           ready=lambda w: w.says("ready"))
    load.pid_inside = load.pid
    return load


def main():
    if os.uname().machine != "x86_64" or not sampan.need("gcc", "a hostile root"):
        return
    trap = chaos.FOLDER / "trap"
    subprocess.run(["gcc", "-O1", "-static", "-Wl,-z,noseparate-code", sampan.WORKLOADS / "hostile" / "trap.c", "-o", trap], check=True)
    root = Root()
    if not root.mounted:
        return sampan.skip("a hostile root", "a tmpfs cannot be mounted here")
    if not shutil.which("strace"):
        sampan.skip("the opens of the agent, seen by strace", "strace is not installed")
    secret = chaos.FOLDER / "secret"
    names = root.fill(trap, trap.read_bytes())
    with start(root, names) as load:
        check(int(load.output().split()[1]) > DAMAGED // 2, "%s of %d damaged files run as code" % (load.output().split()[1], DAMAGED + 1))
        # What a naive reader would take for names of the code in anonymous memory.
        maps = pathlib.Path("/proc/%d/maps" % load.pid).read_text()
        start_, end = re.search(r"^([0-9a-f]+)-([0-9a-f]+) rwxp", maps, re.M).groups()
        secret.write_text("%s %x %s\n" % (start_, int(end, 16) - int(start_, 16), MARK))
        place, hostname = root.path / "tmp" / ("perf-%d.map" % load.pid), root.path / "etc" / "hostname"
        for name, lay in traps(str(secret)).items():
            lay(place)
            run = run_agent(load, root, "perf map: " + name, tier="ptrace")
            check(sampan.share(run.stacks(), r"anonymous code|\[jit\]|long") > 0, "%s: its code was sampled" % name)
            shutil.rmtree(place) if stat.S_ISDIR(os.lstat(place).st_mode) else place.unlink()
        hostname.write_text("planted\n")   # a target's own word names no pod
        run = sampan.profile(pid=load.pid, seconds=1, pod_name="planted")
        check(run.code == 3, "the target's hostname claims a pod's name: exit %d" % run.code)
        hostname.unlink()
        # The code's own files give way to links after they were mapped.
        for file in (root.path / "code").glob("*.so*"):
            file.unlink()
            file.symlink_to("/etc/shadow")
        (root.path / "trap").unlink()
        os.mkfifo(root.path / "trap")
        run_agent(load, root, "code replaced by links and a pipe", tier="ptrace")
        if "ebpf" in chaos.TIERS:
            run_agent(load, root, "code replaced, ebpf", tier="ebpf")
    root.remove()


main()
sampan.finish()
