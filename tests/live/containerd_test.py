"""containerd of Debian with cgroupfs and runc, its paths and mounts as a kubelet sets them: by id, by pod, by name; names that
are not nice; the agent in a container of its own beside the target, in the host's PID namespace and in the target's."""
import json
import os
import pathlib
import shutil
import subprocess
import tarfile
import tempfile
import uuid

import sampan
from archive import archive
from sampan import check, share

# Becomes a process of another name: the command line is its owner's own text.
SPIN = """#include <unistd.h>
volatile unsigned long x;
__attribute__((noinline)) void hot(void) { for (unsigned i = 0; i < 100000; i++) x = x * 31 + i; }
int main(int argc, char **argv) {
  if (argc > 1) { char *name[] = {argv[1], 0}; return execv("/spin", name); }
  for (;;) hot();
}
"""
TITLE = "arya-python3-2255_uWSGI worker 1"
ODD = "odd name\n{\"event\":\"result\",\"code\":0};frame 1\n\033[2J" + "x" * 4096


class Containerd:
    def __init__(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="sampan-containerd-"))
        self.tasks, self.pods = [], []
        (self.directory / "config.toml").write_text(
            'version = 2\nroot = "{0}/root"\nstate = "{0}/state"\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]\n'
            '[grpc]\naddress = "{0}/socket"\n'.format(self.directory))
        self.daemon = sampan.Workload(["containerd", "--config", self.directory / "config.toml"],
                                      ready=lambda _: self.ctr("version").returncode == 0)

    def ctr(self, *arguments):
        return subprocess.run(["ctr", "--address", self.directory / "socket", "-n", "k8s.io", *map(str, arguments)],
                              capture_output=True, text=True, timeout=120)

    def must(self, *arguments):
        done = self.ctr(*arguments)
        if done.returncode != 0:
            raise RuntimeError("ctr %s: %s" % (arguments[0], done.stderr[-400:]))
        return done.stdout

    def load(self):
        (self.directory / "spin.c").write_text(SPIN)
        subprocess.run(["gcc", "-O1", "-static", "-o", self.directory / "spin", self.directory / "spin.c"], check=True)
        with tarfile.open(self.directory / "layer.tar", "w") as layer:
            layer.add(self.directory / "spin", "spin")
        self.must("images", "import", archive(self.directory / "spin.tar", "docker.io/library/spin:test", self.directory / "layer.tar"))
        (self.directory / "agent" / "var" / "run").mkdir(parents=True)
        shutil.copy(sampan.BINARY, self.directory / "agent" / "sampan")

    def target(self, title, name):
        """A container with a pod's cgroup path and a kubelet's termination log: its id, pod UID and pid."""
        identifier, pod = os.urandom(32).hex(), str(uuid.uuid4())
        log = self.directory / "pods" / pod / "containers" / name / "0a1b2c3d"
        log.parent.mkdir(parents=True)
        log.touch()
        self.tasks.append(identifier)
        self.pods.append(pod)
        self.must("run", "-d", "--read-only", "--cgroup", "/kubepods/besteffort/pod%s/%s" % (pod, identifier), "--mount",
                  "type=bind,src=%s,dst=/dev/termination-log,options=rbind:rw" % log, "docker.io/library/spin:test", identifier, "/spin", title)
        pid = next(int(line.split()[1]) for line in self.must("tasks", "ls").splitlines() if line.startswith(identifier))
        return identifier, pod, pid

    def agent(self, namespace_of=None, **params):
        """The binary alone with SYS_PTRACE alone and a writable /var/run, in the host's PID namespace or in a process's."""
        output = pathlib.Path(tempfile.mkdtemp(prefix="sampan-test-"))
        spec = json.loads(self.must("oci", "spec"))
        spec["root"] = {"path": str(self.directory / "agent"), "readonly": True}
        spec["process"].update(args=["/sampan"], capabilities={kind: ["CAP_SYS_PTRACE"] for kind in ("bounding", "effective", "permitted")},
                               env=["params=" + json.dumps(dict({"seconds": 1, "formats": ["folded"]}, **params))])
        spec["mounts"].append({"destination": "/var/run", "type": "bind", "source": str(output), "options": ["rbind", "rw"]})
        spaces = [space for space in spec["linux"]["namespaces"] if space["type"] != "pid"]
        spec["linux"]["namespaces"] = spaces + ([{"type": "pid", "path": "/proc/%d/ns/pid" % namespace_of}] if namespace_of else [])
        (output / "spec.json").write_text(json.dumps(spec))
        done = self.ctr("run", "--rm", "--config", output / "spec.json", "agent-" + os.urandom(4).hex())
        return sampan.Run(done.returncode, done.stdout, done.stderr, output)

    def stop(self):
        for task in self.tasks:
            self.ctr("tasks", "delete", "-f", task)
            self.ctr("containers", "delete", task)
        self.daemon.process.terminate()
        self.daemon.process.wait()
        for pod in self.pods:
            for folder in [*pathlib.Path("/sys/fs/cgroup").glob("**/kubepods/besteffort/pod" + pod)]:
                for empty in (folder, folder.parent, folder.parent.parent):
                    try:
                        empty.rmdir()
                    except OSError:
                        break
        shutil.rmtree(self.directory, ignore_errors=True)


def found(run):
    return [(p["pid"], p.get("container_id"), p.get("pod_uid"), p.get("container_name")) for p in run.result.get("processes", [])]


def by_every_key(engine):
    first, second = engine.target(TITLE, "app"), engine.target(TITLE, "sidecar")
    both = sampan.profile(app_name="arya-python3", version_id=2255, seconds=1)
    wanted = {(pid, identifier, pod, name) for (identifier, pod, pid), name in ((first, "app"), (second, "sidecar"))}
    check(set(found(both)) == wanted, "by name alone both; the result names container, pod and container name of each: %s" % found(both))
    for identifier, pod, pid in (first, second):
        name = "app" if pid == first[2] else "sidecar"
        for key, value in (("container_id", "containerd://" + identifier), ("container_id", identifier[:12]), ("pod_uid", pod)):
            run = sampan.profile(app_name="arya-python3", version_id=2255, seconds=1, **{key: value})
            check(run.code == 0 and [f[0] for f in found(run)] == [pid] and share(run.stacks(), "hot") > 0.9,
                  "by %s %s…, one, and not its namesake in the other pod: exit %d" % (key, value[:24], run.code))
        run = sampan.profile(pod_uid=pod, container_name=name, seconds=1)
        check(run.code == 0 and [f[0] for f in found(run)] == [pid], "by pod and container name: exit %d" % run.code)
        why = run.result["processes"][0]["why"]
        check(pod in why or "pod_uid" in why, "and says why: %s" % why)
    run = sampan.profile(pod_uid=first[1], container_name="sidecar", seconds=1)
    check(run.code == 3, "a pod and another pod's container name: exit %d" % run.code)
    return first


def odd_names(engine):
    identifier, _, pid = engine.target(ODD, "odd")
    run = sampan.profile(procname_prefix=ODD.split("\n")[0], seconds=1)
    check(run.code == 0 and [f[1] for f in found(run)] == [identifier], "a name with blanks, newlines, JSON, an escape and 4 KB: exit %d" % run.code)
    lines = run.out.splitlines()
    check(len(run.events) == len(lines) and "\033" not in run.out + run.err, "each of its %d lines is one whole event" % len(lines))
    text = run.file("folded").read_text().splitlines()
    check(all(line.rpartition(" ")[2].isdigit() for line in text) and share(run.stacks(), "^hot$") > 0.9, "and each folded line one stack")
    run = sampan.profile(procname_prefix=ODD[:4000], seconds=1)
    check(run.code == 0 and [f[0] for f in found(run)] == [pid], "4000 bytes of it as prefix: exit %d" % run.code)


def beside_the_target(engine, target):
    identifier, _, pid = target
    run = engine.agent(container_id=identifier)
    check(run.code == 0 and share(run.stacks(), "hot") > 0.9, "the agent under containerd, host's PIDs: exit %d %s" % (run.code, run.err[-200:]))
    run = engine.agent(pid, procname_prefix=TITLE)
    check(run.code == 0 and share(run.stacks(), "hot") > 0.9 and found(run)[0][0] == 1,
          "as an ephemeral container, in the target's PID namespace: exit %d, its pid there is %s %s" % (run.code, found(run)[:1], run.err[-200:]))
    run = engine.agent(pid, mode="dump", procname_prefix=TITLE)
    check(run.code == 0 and any("hot" in " ".join(t["frames"]) for e in run.events if e["event"] == "dump" for p in e["processes"] for t in p["threads"]),
          "and a dump there: exit %d" % run.code)


def main():
    for program in ("containerd", "ctr", "runc", "gcc"):
        if not sampan.need(program, "containerd"):
            return
    engine = Containerd()
    try:
        try:
            engine.load()
            engine.target("trial", "trial")
        except RuntimeError as error:
            return sampan.skip("containerd", "no container starts here: %s" % error)
        target = by_every_key(engine)
        odd_names(engine)
        beside_the_target(engine, target)
    finally:
        engine.stop()


main()
sampan.finish()
