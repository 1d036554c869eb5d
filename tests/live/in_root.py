#!/usr/bin/env python3
"""Runs a command in a root of its own, as a container would: in_root.py ROOT command…; as root.

The mount namespace is its own and pivoted, so that /proc/PID/maps shows the paths of the new root.
"""
import ctypes
import os
import sys

libc = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNS, MS_BIND, MS_REC, MS_PRIVATE, MNT_DETACH, SYS_pivot_root = 0x20000, 4096, 16384, 1 << 18, 2, 155


def check(result, what):
    if result != 0:
        sys.exit(f"{what}: {os.strerror(ctypes.get_errno())}")


def mount(source, target, flags):
    check(libc.mount(source.encode(), target.encode(), None, flags, None), f"mount {target}")


def enter(root):
    check(libc.unshare(CLONE_NEWNS), "unshare")
    mount("none", "/", MS_REC | MS_PRIVATE)
    mount(root, root, MS_BIND | MS_REC)
    for place in ("proc", "dev", "tmp"):
        os.makedirs(f"{root}/{place}", exist_ok=True)
    mount("/proc", f"{root}/proc", MS_BIND | MS_REC)
    mount("/dev", f"{root}/dev", MS_BIND | MS_REC)
    os.chdir(root)
    number = SYS_pivot_root if os.uname().machine == "x86_64" else 41
    check(libc.syscall(number, b".", b"."), "pivot_root")
    check(libc.umount2(b".", MNT_DETACH), "umount")
    os.chdir("/")


if __name__ == "__main__":
    enter(sys.argv[1])
    os.execv(sys.argv[2], sys.argv[2:])
