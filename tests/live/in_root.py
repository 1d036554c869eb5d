#!/usr/bin/env python3
"""Runs a command in a root of its own, as a container would: in_root.py [--user UID] [--read-only] [--pids] ROOT command…

As root. The mount namespace is its own and pivoted, so that /proc/PID/maps shows the paths of the new root.
"""
import argparse
import ctypes
import os
import signal
import sys

libc = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNS, CLONE_NEWPID = 0x20000, 0x20000000
MS_RDONLY, MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE, MNT_DETACH = 1, 32, 4096, 16384, 1 << 18, 2
PR_SET_PDEATHSIG = 1


def check(result, what):
    if result != 0:
        sys.exit(f"{what}: {os.strerror(ctypes.get_errno())}")


def mount(source, target, flags, kind=None):
    check(libc.mount(source.encode(), target.encode(), kind, flags, None), f"mount {target}")


def enter(root, read_only, fresh_proc):
    check(libc.unshare(CLONE_NEWNS), "unshare")
    mount("none", "/", MS_REC | MS_PRIVATE)
    mount(root, root, MS_BIND | MS_REC)
    for place in ("proc", "dev", "tmp"):
        os.makedirs(f"{root}/{place}", exist_ok=True)
    if fresh_proc:
        mount("proc", f"{root}/proc", 0, b"proc")
    else:
        mount("/proc", f"{root}/proc", MS_BIND | MS_REC)
    mount("/dev", f"{root}/dev", MS_BIND | MS_REC)
    if read_only:
        mount("none", root, MS_BIND | MS_REMOUNT | MS_RDONLY)
    os.chdir(root)
    number = 155 if os.uname().machine == "x86_64" else 41   # pivot_root
    check(libc.syscall(number, b".", b"."), "pivot_root")
    check(libc.umount2(b".", MNT_DETACH), "umount")
    os.chdir("/")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--user", type=int, default=0)
    parser.add_argument("--read-only", action="store_true")
    parser.add_argument("--pids", action="store_true", help="a PID namespace of its own: the command is this process's child")
    parser.add_argument("root")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    wanted = parser.parse_args()
    if wanted.pids:
        check(libc.unshare(CLONE_NEWPID), "unshare")
        child = os.fork()
        if child:
            _, status = os.waitpid(child, 0)
            sys.exit(os.waitstatus_to_exitcode(status) & 255)
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    enter(wanted.root, wanted.read_only, wanted.pids)
    if wanted.user:
        os.setgroups([])
        os.setgid(wanted.user)
        os.setuid(wanted.user)
    os.execv(wanted.command[0], wanted.command)


main()
