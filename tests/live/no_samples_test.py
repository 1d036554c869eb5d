#!/usr/bin/env python3
"""A busy target without a sample is an error with a sentence, never exit 0; an idle one is a result."""
from sampan import Workload, check, finish, profile

# A thread that Python does not know spins in two bytes of machine code; Python's own thread sleeps.
BUSY = """
import ctypes, mmap, platform, time
code = {"x86_64": b"\\xeb\\xfe", "aarch64": b"\\x00\\x00\\x00\\x14"}[platform.machine()]
page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
page.write(code)
address = ctypes.addressof(ctypes.c_char.from_buffer(page))
thread = ctypes.c_ulong()
if %d: ctypes.CDLL(None).pthread_create(ctypes.byref(thread), None, ctypes.c_void_p(address), None)
print("ready", flush=True)
time.sleep(600)
"""

for tier in ("ebpf", "memory"):
    for busy in (1, 0):
        with Workload(["/usr/bin/python3", "-c", BUSY % busy], ready=lambda load: load.says("ready")) as load:
            run = profile(pid=load.pid, seconds=3, tier=tier)
            sentence = run.result.get("sentence", "")
            if busy:
                check(run.code == 5 and "not one sample" in sentence, "%s, busy: exit %d: %s" % (tier, run.code, sentence))
            else:
                check(run.code == 0, "%s, idle: exit %d: %s" % (tier, run.code, sentence))
finish()
