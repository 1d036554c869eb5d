"""One guest: its initramfs from the cached archives and this run's files, qemu, and the lines that it prints."""
import os
import pathlib
import platform
import shutil
import subprocess
import sys
import threading

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "live"))
from sampan import CACHE   # noqa: E402

KERNELS = CACHE / "kernels"
QEMU = {
    "amd64": ["qemu-system-x86_64", "-M", "q35", "-cpu", "max"],
    "arm64": ["qemu-system-aarch64", "-M", "virt", "-cpu", "max,pauth-impdef=on"],
}
# A busy machine lets the emulated timer miss the ticks that a kernel waits for while it starts: it is not to be tried.
OPTIONS = {"amd64": "console=ttyS0 no_timer_check", "arm64": "console=ttyAMA0"}


class Missing(Exception):
    """What a guest needs and this machine lacks, in a sentence."""


def binary(architecture):
    """The agent for that architecture: SAMPAN (amd64) and SAMPAN_ARM64, else those of the build folders."""
    if architecture == "amd64":
        path = os.environ.get("SAMPAN") or ROOT / "build" / "release" / "sampan"
    else:
        path = os.environ.get("SAMPAN_ARM64") or ROOT / "build" / "arm64" / "sampan"
    if not pathlib.Path(path).exists():
        raise Missing("%s is not built (sh images/%s.sh)" % (path, "build" if architecture == "amd64" else "arm64"))
    return pathlib.Path(path)


def archive(files, folder):
    """A cpio archive of {path in the guest: path here or text}; all of it may be executed."""
    tree = pathlib.Path(folder) / "tree"
    for name, source in files.items():
        target = tree / name.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(source, str):
            target.write_text(source)
        elif source.is_dir():
            shutil.copytree(source, target, symlinks=True, dirs_exist_ok=True)
        else:
            shutil.copyfile(source, target)
        target.chmod(0o755)
    names = subprocess.run(["find", "."], cwd=tree, capture_output=True, check=True).stdout
    packed = subprocess.run(["cpio", "--quiet", "-o", "-H", "newc"], input=names, cwd=tree, capture_output=True, check=True).stdout
    shutil.rmtree(tree)
    return packed


def cached(architecture, root):
    """The archive of a root file system, or None where it was not fetched."""
    path = KERNELS / architecture / (root + ".cpio")
    return path if path.exists() else None


def initramfs(architecture, roots, files, folder):
    """The cached root file systems and this run's files, one behind the other, as the kernel takes them."""
    path = pathlib.Path(folder) / "initramfs"
    with open(path, "wb") as out:
        for root in ("root", *roots):
            archived = cached(architecture, root)
            if not archived:
                raise Missing("%s for %s is missing (sh tests/live/get_kernels.sh %s/%s)" % (root, architecture, architecture, root))
            with open(archived, "rb") as source:
                shutil.copyfileobj(source, out)
            out.write(b"\0" * (-out.tell() % 512))
        out.write(archive(files, folder))
    return path


def boot(guest, files, folder, roots=(), timeout=600, log=None):
    """Boots `guest` and yields the lines that it prints, until it powers off; raises Missing, or TimeoutError after `timeout` s."""
    kernel = KERNELS / guest.architecture / guest.kernel / "vmlinuz"
    if not kernel.exists():
        raise Missing("%s is missing (sh tests/live/get_kernels.sh %s/%s)" % (kernel, guest.architecture, guest.kernel))
    qemu = QEMU[guest.architecture]
    if not shutil.which(qemu[0]):
        raise Missing("%s is not installed" % qemu[0])
    files = {"/init": pathlib.Path(__file__).with_name("init.sh"), **files}
    image = initramfs(guest.architecture, roots, files, folder)
    memory = 1024 + 3 * image.stat().st_size // (1 << 20)
    command = [*qemu, "-accel", "tcg,thread=multi", "-smp", "2", "-m", str(memory), "-nodefaults", "-no-user-config", "-nographic",
               "-serial", "stdio", "-no-reboot", "-kernel", kernel, "-initrd", image, "-append",
               "%s panic=-1 quiet mitigations=off %s" % (OPTIONS[guest.architecture], guest.options)]
    process = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    late = threading.Timer(timeout, process.kill)
    late.start()
    ended = False
    try:
        for line in process.stdout:
            line = line.decode(errors="replace").rstrip("\r\n")
            if log:
                log.write(line + "\n")
            ended = ended or line == "@@end"
            yield line
    finally:
        late.cancel()
        process.kill()
        process.wait()
    if not ended:
        raise TimeoutError("the guest ended without its last word (killed after %d s, or its kernel panicked)" % timeout)
