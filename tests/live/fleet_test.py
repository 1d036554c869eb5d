"""A node with thirty containers of six runtimes in three namespaces, on a containerd of the test's own with a kubelet's paths,
mounts and log folders: every container its own result with its labels and its program's known shares, nothing foreign; what is
excluded is not read; the whole node in one picture; a series a container at Pyroscope, a resource a container at a collector."""
import collections
import http.server
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import urllib.parse
import uuid

import native_programs
import nodes
import otlp
import runtimes_test
import sampan
from sampan import check

LOGS = pathlib.Path("/var/log/pods")
EACH = 5
SECONDS = 20
# runtime: (its folder as root, its command, frames of 60, 30 and 10 %; how far a compiler may shift them)
SIXTY = (r"\bsixty\b", r"\bthirty\b", r"\bten\b")


def programs():
    yield "python", "/", [shutil.which("python3", path="/usr/bin:/bin") or "python3", sampan.WORKLOADS / "python" / "shares.py", 900, 1], SIXTY, 0.03
    for runtime, root, words in (("ruby", sampan.CACHE / "rubies" / "3.1", runtimes_test.ruby()), ("php", sampan.CACHE / "phps" / "8.2", runtimes_test.php())):
        if words:
            names = (r"\bhot\b", r"\bwarm\b", r"\bcold\b")
            yield runtime, root, ["/usr/bin/" + words[2], *(900 if word == 60 else word for word in words[3:])], names, 0.03
    node = list(nodes.fetch(["22.23.3"]).values())
    if node:
        yield "node", "/", [node[0], sampan.WORKLOADS / "node" / "shares.js", 900], (r"^hot ", r"^warm ", r"^cool "), 0.08
    for runtime, name in (("go", "split_go"), ("native", "split")):
        program = native_programs.build(name)
        if program:
            yield runtime, "/", [program, 900], SIXTY, 0.03


class Node:
    def __init__(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="sampan-fleet-"))
        self.containers, self.mounts, self.logs = [], {}, []
        self.made_logs = not LOGS.exists()
        (self.directory / "config.toml").write_text(
            'version = 2\nroot = "{0}/root"\nstate = "{0}/state"\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]\n'
            '[grpc]\naddress = "{0}/socket"\n'.format(self.directory))
        self.daemon = sampan.Workload(["containerd", "--config", self.directory / "config.toml"], ready=lambda _: self.ctr("version").returncode == 0)

    def ctr(self, *arguments):
        return subprocess.run(["ctr", "--address", self.directory / "socket", "-n", "k8s.io", *map(str, arguments)], capture_output=True, text=True, timeout=120)

    def root(self, folder):
        """A bind mount: runc takes no / as a container's root."""
        if folder not in self.mounts:
            place = self.directory / ("root-%d" % len(self.mounts))
            place.mkdir()
            subprocess.run(["mount", "--bind", folder, place], check=True)
            self.mounts[folder] = place
        return self.mounts[folder]

    def start(self, runtime, folder, command, namespace, pod, name):
        identifier, uid = os.urandom(32).hex(), str(uuid.uuid4())
        log = self.directory / "pods" / uid / "containers" / name / "0a1b2c3d"
        log.parent.mkdir(parents=True)
        log.touch()
        self.logs.append(LOGS / ("%s_%s_%s" % (namespace, pod, uid)))
        self.logs[-1].mkdir(parents=True)
        done = self.ctr("run", "-d", "--rootfs", "--cgroup", "/kubepods/burstable/pod%s/%s" % (uid, identifier), "--mount",
                        "type=bind,src=%s,dst=/dev/termination-log,options=rbind:rw" % log, self.root(folder), identifier, *command)
        if done.returncode != 0:
            raise RuntimeError("ctr run: %s" % done.stderr[-400:])
        one = {"id": identifier, "uid": uid, "namespace": namespace, "pod": pod, "container": name, "runtime": runtime}
        self.containers.append(one)
        return one

    def pids(self):
        found = {}
        for line in self.ctr("tasks", "ls").stdout.splitlines()[1:]:
            identifier, pid, _ = line.split()
            found[identifier] = int(pid)
        return found

    def stop(self):
        for one in self.containers:
            self.ctr("tasks", "delete", "-f", one["id"])
            self.ctr("containers", "delete", one["id"])
        self.daemon.process.terminate()
        self.daemon.process.wait()
        for place in self.mounts.values():
            subprocess.run(["umount", place], capture_output=True)
        for folder in self.logs:
            folder.rmdir()
        if self.made_logs and LOGS.exists():
            LOGS.rmdir()
        for one in self.containers:
            for empty in pathlib.Path("/sys/fs/cgroup").glob("**/kubepods/burstable/pod" + one["uid"]):
                try:
                    empty.rmdir()
                except OSError:
                    pass
        if not any(os.path.ismount(place) for place in self.mounts.values()):
            shutil.rmtree(self.directory, ignore_errors=True)


def start_all(node):
    wanted = {}
    for at, (runtime, folder, command, names, slack) in enumerate(programs()):
        for i in range(EACH):
            namespace = ("shop", "bank", "kube-system")[(at + i) % 3]
            one = node.start(runtime, folder, command, namespace, "%s-%d" % (runtime, i), "app" if i % 2 else runtime)
            wanted[one["id"]] = dict(one, names=names, slack=slack)
    return wanted


class Pyroscope(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.seen.append(urllib.parse.parse_qs(urllib.parse.urlparse(self.path).query))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass


def judge_shares(one, stacks):
    total = sum(count for _, count in stacks)
    for wanted, name in zip((0.6, 0.3, 0.1), one["names"]):
        hits = sum(count for frames, count in stacks if any(re.search(name, frame) for frame in frames))
        chance = 4 * (wanted * (1 - wanted) / max(total, 1)) ** 0.5
        if abs(hits / max(total, 1) - wanted) > chance + one["slack"]:
            return "%s: %d of %d samples hold %s, %.0f %% are true" % (one["pod"], hits, total, name, 100 * wanted)
    return ""


def a_result_a_container(wanted):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Pyroscope)
    server.seen = []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    collector = otlp.Collector() if otlp.have() else None
    uploads = [{"url": "http://127.0.0.1:%d" % server.server_port, "pyroscope": {"name": "fleet"}}] + ([{"url": collector.url, "otlp": {}}] if collector else [])
    run = sampan.profile(all_containers=True, split_by=["container"], seconds=SECONDS, rate=100, max_cpu_percent=100, formats=["folded", "pprof", "otlp"],
                         labels={"cluster": "$(SAMPAN_TEST_CLUSTER)"}, upload=uploads, _timeout=300)
    server.shutdown()
    check(run.code == 0, "all_containers, split_by container: exit %d: %s" % (run.code, run.result.get("sentence", "")[:200]))
    files = [f for f in run.result["files"] if f["format"] == "folded"]
    ours = {f["labels"]["container_id"]: f for f in files if f["labels"].get("container_id") in wanted}
    check(set(ours) == set(wanted), "%d of %d containers have a result of their own" % (len(ours), len(wanted)))
    wrong, shares, foreign, total = [], [], [], 0
    pids = {p["container_id"]: p["pid"] for p in run.result["processes"] if "container_id" in p and "tier" in p}
    for identifier, file in ours.items():
        one, labels = wanted[identifier], file["labels"]
        if any(labels.get(key) != one[key] for key in ("namespace", "pod", "container", "runtime")) or labels.get("pod_uid") != one["uid"] or labels.get("cluster") != "test" or not labels.get("node"):
            wrong.append((one, labels))
        stacks = sampan.parse_folded(pathlib.Path(file["path"]).read_text(errors="surrogateescape"))
        total += sum(count for _, count in stacks)
        shares.append(judge_shares(one, stacks))
        foreign += [frames[0] for frames, _ in stacks if not frames[0].endswith("(pid %d)" % pids[identifier])]
    check(not wrong, "namespace, pod, container, ids, runtime, node and the user's own label of each %s" % wrong[:1])
    check(not any(shares), "60, 30 and 10 %% in each within chance; %d samples in all %s" % (total, [s for s in shares if s][:4]))
    check(not foreign, "nothing foreign in any %s" % foreign[:3])
    check(sum(1 for _ in files) == len({f["name"] for f in files}), "each file a name of its own")
    series = {urllib.parse.unquote(query["name"][0]) for query in server.seen}
    by_id = {re.search(r"container_id=([0-9a-f]{64})", name).group(1): name for name in series if "container_id=" in name}
    check(set(wanted) <= set(by_id) and all(name.startswith("fleet{") and "namespace=%s" % wanted[i]["namespace"] in name and "pod=%s," % wanted[i]["pod"] in name
                                            for i, name in by_id.items() if i in wanted), "Pyroscope: a series a container: %s" % next(iter(by_id.values()), None))
    check(not any(re.search(r"\b(pid|tid|thread)=", name) for name in series), "process and thread ids are no labels")
    if collector:
        with collector:
            sampan.wait_for(lambda: collector.path.exists(), 20, "the collector's file")
            resources = {p["resource"].get("container.id"): p for p in collector.profiles()}
        good = [i for i in wanted if i in resources and resources[i]["resource"].get("k8s.pod.name") == wanted[i]["pod"]
                and resources[i]["resource"].get("k8s.namespace.name") == wanted[i]["namespace"] and resources[i]["resource"].get("k8s.container.name") == wanted[i]["container"]
                and sum(s["value"] for s in resources[i]["samples"]) == sum(c for _, c in sampan.parse_folded(pathlib.Path(ours[i]["path"]).read_text(errors="surrogateescape")))]
        check(len(good) == len(wanted), "the collector has %d of %d containers with their attributes and totals" % (len(good), len(wanted)))


def the_whole_node(wanted):
    run = sampan.profile(all_containers=True, seconds=8, rate=100, max_cpu_percent=100, group_by=["node", "namespace", "pod", "container", "process", "thread"], formats=["folded", "svg"], _timeout=200)
    levels = collections.Counter()
    kinds = (r" \(node\)$", r" \(namespace\)$", r" \(pod\)$", r" \(container\)$", r" \(pid \d+\)$", r" \(tid \d+\)$")
    ours = {one["pod"] for one in wanted.values()}
    seen = set()
    for frames, count in run.stacks():
        if len(frames) > 6 and frames[2][:-6] in ours:
            levels[all(re.search(kind, frame) for kind, frame in zip(kinds, frames))] += count
            seen.add(frames[2][:-6])
    check(run.code == 0 and levels[True] > 0 and not levels[False], "one picture: node, namespace, pod, container, process, thread above each of %d stacks' samples %s" % (levels[True], dict(levels)))
    check(len(seen) == len(ours), "and %d of %d pods in it" % (len(seen), len(ours)))
    check(not any("[" in frame and "kthread" in frame for frames, _ in run.stacks() for frame in frames), "no kernel thread")
    again = sampan.profile(mode="render", inputs=str(run.file("svg")))
    check(sorted(again.stacks()) == sorted(run.stacks()), "the picture read back is the same")


def rules(node, wanted):
    """What is excluded is told by its control group alone: strace sees nothing else opened of it."""
    if not sampan.need("strace", "what is not read"):
        return
    trace = node.directory / "strace"
    run = sampan.profile(_prefix=("strace", "-f", "-qq", "-e", "trace=open,openat,openat2,process_vm_readv,ptrace,readlink,readlinkat", "-o", str(trace)), _timeout=300,
                         all_containers=True, include=[{"namespace": "shop", "rate": 50}, {"namespace": "bank", "pod": "python-*"}], exclude=[{"pod": "native-?"}, {"runtime": "ruby"}],
                         split_by="container", seconds=4, rate=100, max_cpu_percent=100, formats=["folded"])
    def by_name(one): return (one["namespace"] == "shop" or (one["namespace"] == "bank" and one["pod"].startswith("python-"))) and not one["pod"].startswith("native-")
    chosen = {i for i, one in wanted.items() if by_name(one) and one["runtime"] != "ruby"}
    got = {f["labels"].get("container_id") for f in run.result["files"]}
    check(run.code == 0 and got and got <= chosen, "include and exclude: %d results, all of the %d chosen containers" % (len(got), len(chosen)))
    sampled = {p["container_id"] for p in run.result["processes"] if "tier" in p}
    check(sampled == chosen, "sampled are the chosen ones: %d of %d" % (len(sampled), len(chosen)))
    pids = node.pids()
    excluded = {pids[i] for i, one in wanted.items() if not by_name(one)}
    read = collections.Counter()
    for line in trace.read_text(errors="replace").splitlines():
        for pid, file in re.findall(r'"/proc/(\d+)/?([^"]*)"', line):
            if int(pid) in excluded:
                read[file] += 1
        found = re.search(r"process_vm_readv\((\d+)|ptrace\(\w+, (\d+)", line)
        if found and int(found.group(1) or found.group(2)) in excluded:
            read["memory"] += 1
    check(set(read) <= {"stat", "cgroup", "mountinfo", ""}, "of %d excluded processes only the control group, mounts and stat were read: %s" % (len(excluded), dict(read)))


def own_node():
    """Pods' names stand where the node's init sees them. Where this machine does not show its init's root to us, the test is a
    node of its own: process 1 of a PID namespace."""
    if not os.path.exists("/proc/1/root/var/log") and os.getpid() != 1:
        os.execvp("unshare", ["unshare", "--pid", "--fork", "--kill-child", "--mount", "--mount-proc", sys.executable, __file__])


def main():
    for program in ("containerd", "ctr", "runc"):
        if not sampan.need(program, "a node of containers"):
            return
    os.environ["SAMPAN_TEST_CLUSTER"] = "test"
    own_node()
    node = Node()
    try:
        try:
            wanted = start_all(node)
        except RuntimeError as error:
            return sampan.skip("a node of containers", "no container starts here: %s" % error)
        check(len({one["runtime"] for one in wanted.values()}) >= 4, "%d containers of %s" % (len(wanted), sorted({one["runtime"] for one in wanted.values()})))
        a_result_a_container(wanted)
        the_whole_node(wanted)
        rules(node, wanted)
    finally:
        node.stop()


main()
sampan.finish()
