"""Nothing foreign, exactly: a tenant that takes on another's command line, hostname, token folder, executable's name, mounts and
control group's name, replicas of one program in two containers, and sibling PID namespaces with the same numbers."""
import contextlib
import os
import pathlib
import re
import uuid

import sampan
from sampan import check, skip

GROUPS = pathlib.Path("/sys/fs/cgroup")
VICTIM, TENANT = str(uuid.uuid4()), str(uuid.uuid4())
VICTIMS_ID, TENANTS_ID = uuid.uuid4().hex * 2, uuid.uuid4().hex * 2
# One program, whose hot function bears the name of whom it belongs to; its title is the same for all.
PROGRAM = """
def burn_of_%s():
    while True:
        for _ in range(1000): pass
print("ready", flush=True)
burn_of_%s()
"""


def hierarchies():
    """The folders in which a control group must be made for all of a process's paths to lie in it."""
    if (GROUPS / "cgroup.procs").exists():
        return [GROUPS]
    return [folder for folder in sorted(GROUPS.iterdir()) if (folder / "cgroup.procs").exists() and folder.name != "cpuset" and not folder.is_symlink()]


class Tenants:
    """Processes in control groups as a kubelet lays them, ended and removed with the test."""

    def __init__(self):
        self.groups, self.loads = [], []

    def group(self, path):
        made = []
        for folder in hierarchies():
            deep = folder
            for part in path.split("/"):
                deep = deep / part
                if not deep.exists():
                    deep.mkdir()
                    self.groups.append(deep)
            made.append(deep / "cgroup.procs")
        return made

    def run(self, whose, path, prefix=()):
        procs = self.group(path)
        enter = "; ".join("echo 0 > %s" % file for file in procs) + '; exec "$@"'
        program = PROGRAM % (whose, whose)
        load = sampan.Workload(["sh", "-c", enter, "sh", *prefix, "python3", "-c", program, "app-1_uWSGI worker 1"],
                               ready=lambda w: w.says("ready"))
        self.loads.append(load)
        return load

    def end(self):
        for load in self.loads:
            load.stop()
        for folder in reversed(self.groups):
            with contextlib.suppress(OSError):
                folder.rmdir()


def owners(run):
    """Whose frames are in the result: {name: samples}."""
    found = {}
    for frames, count in run.stacks():
        for name in set(re.findall(r"burn_of_(\w+)", ";".join(frames))) or {"nobody"}:
            found[name] = found.get(name, 0) + count
    return found


LEAST = {"memory": 50, "ebpf": 1, "ptrace": 1}   # a busy machine lets few threads be found running


def exactly(what, whose, tier, **keys):
    run = sampan.profile(seconds=2, rate=500, group_by=[], tier=tier, **keys)
    found = owners(run)
    check(run.code == 0 and set(found) == {whose} and found[whose] >= LEAST[tier], "%s: exit %d, samples %s" % (what, run.code, found))


def nothing(what, says, **keys):
    run = sampan.profile(seconds=1, **keys)
    sentence = run.result.get("sentence", run.err[-300:])
    check(run.code == 3 and re.search(says, sentence), "%s: exit %d: %s" % (what, run.code, sentence[:300]))


def spoofed(tenants):
    victim = tenants.run("victim", "kubepods/burstable/pod%s/%s" % (VICTIM, VICTIMS_ID))
    # The tenant's control group may be written by the tenant: it names a child as the victim's pod and container.
    tenants.run("tenant", "kubepods/pod%s/%s/pod%s/%s" % (TENANT, TENANTS_ID, VICTIM, VICTIMS_ID))
    # In a mount namespace of its own it lays what a kubelet and an engine mount, and the files that name a pod.
    lay = ("mount -t tmpfs none /mnt && mkdir -p /mnt/pods/%s/containers/web /mnt/containers/%s && echo victim > /mnt/pods/%s/containers/web/0 && "
           "mount --bind /mnt/pods/%s/containers/web/0 /etc/hostname && mount --bind /mnt/containers/%s /srv && exec \"$@\""
           % (VICTIM, VICTIMS_ID, VICTIM, VICTIM, VICTIMS_ID))
    tenants.run("mounter", "kubepods/pod%s/%s" % (TENANT, uuid.uuid4().hex * 2), ["unshare", "-m", "--propagation", "private", "sh", "-c", lay, "sh"])
    for tier in ("memory", "ptrace"):
        exactly("by pod_uid, %s" % tier, "victim", tier, pod_uid=VICTIM)
        exactly("by container_id, %s" % tier, "victim", tier, container_id=VICTIMS_ID)
        exactly("by pod_uid and a command line that all have, %s" % tier, "victim", tier, pod_uid=VICTIM, cmdline_regex="app-1_uWSGI worker")
        exactly("the tenant's own container, with what it lays below it, %s" % tier, "tenant", tier, container_id=TENANTS_ID)
    nothing("by the pod name that a tenant's hostname claims", "pod_uid or container_id|no process matches", pod_name="victim")
    victim.stop()
    nothing("by pod_uid, the victim ended", "says so only below the control group of container " + TENANTS_ID[:12], pod_uid=VICTIM)
    nothing("by container_id, the victim ended", "says so only below", container_id=VICTIMS_ID)


def siblings():
    """Two PID namespaces of one program with the same numbers, the agent inside the first."""
    def one(whose):
        return sampan.Workload(["unshare", "-p", "-f", "-m", "--mount-proc", "--kill-child", "python3", "-c", PROGRAM % (whose, whose)],
                               ready=lambda w: w.says("ready"))
    with one("first") as first, one("second"):
        children = pathlib.Path("/proc/%d/task/%d/children" % (first.pid, first.pid)).read_text().split()
        inside = ["nsenter", "-t", children[0], "-p", "-m"]
        for tier in ("memory", "ptrace", "ebpf"):
            run = sampan.profile(_prefix=inside, pid=1, tier=tier, seconds=2, rate=500, group_by=[])
            if run.code == 4:
                skip("sibling PID namespaces, %s" % tier, run.result.get("sentence"))
                continue
            found = owners(run)
            check(run.code == 0 and set(found) <= {"first"} and found.get("first", 0) >= LEAST[tier], "sibling PID namespaces, %s: exit %d, samples %s" % (tier, run.code, found))


def main():
    tenants = Tenants()
    try:
        tenants.group("kubepods")
    except OSError as error:
        skip("control groups of several tenants", str(error))
    else:
        try:
            spoofed(tenants)
        finally:
            tenants.end()
    if os.geteuid() == 0:
        siblings()


if __name__ == "__main__":
    main()
    sampan.finish()
