"""A real node: containerd and a kubelet on loopback, in PID and mount namespaces of their own, so that all that runs there
ends with them. `hostPID` means this node's processes, as in kind. Pods use the host's network: no CNI plugin is set up."""
import json
import os
import pathlib
import shutil
import subprocess
import tarfile
import tempfile

import sampan
from archive import archive
from control_plane import find

PROGRAMS = ["kubelet", "containerd", "ctr", "runc"]
CNI = pathlib.Path("/usr/lib/cni")
# What the kubelet sets for a whole machine: put back at the end.
SYSCTLS = ["vm/overcommit_memory", "vm/panic_on_oom", "kernel/panic", "kernel/panic_on_oops", "kernel/keys/root_maxkeys",
           "kernel/keys/root_maxbytes"]

CONTAINERD = """version = 2
root = "{0}/containerd"
state = "{0}/state"
[grpc]
  address = "{0}/socket"
[plugins."io.containerd.grpc.v1.cri"]
  restrict_oom_score_adj = true
  sandbox_image = "pause:test"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{1}"
    conf_dir = "{0}/cni"
"""

# Paths of shims, device plugins and pods' logs are fixed: an overlay and a tmpfs keep them apart from the machine's own.
INSIDE = """set -e
mount -t overlay overlay -o "lowerdir=/var,upperdir=$1/upper,workdir=$1/work" /var
mount -t tmpfs tmpfs /run
"$2" --config "$1/containerd.toml" > "$1/containerd.log" 2>&1 &
until [ -S "$1/socket" ]; do sleep 0.1; done
until [ -e "$1/images" ]; do sleep 0.1; done
"$3" --config "$1/kubelet.json" --kubeconfig "$4" --root-dir "$1/kubelet" --cert-dir "$1/pki" --hostname-override "$5" -v=2 \\
  > "$1/kubelet.log" 2>&1 &
wait
"""


class Node:
    def __init__(self, plane, name="localhost"):
        self.plane, self.name = plane, name
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="sampan-node-"))
        self.sysctls = {key: open("/proc/sys/" + key).read() for key in SYSCTLS if os.path.exists("/proc/sys/" + key)}
        for folder in ("upper", "work", "cni"):
            (self.directory / folder).mkdir()
        (self.directory / "containerd.toml").write_text(CONTAINERD.format(self.directory, CNI))
        (self.directory / "cni" / "none.conf").write_text('{"cniVersion": "0.4.0", "name": "none", "type": "loopback"}')
        (self.directory / "kubelet.json").write_text(json.dumps(self.configuration()))
        self.process = sampan.Workload(
            ["unshare", "--pid", "--mount", "--fork", "--kill-child", "--mount-proc", "sh", "-c", INSIDE, "sh", self.directory,
             find(plane.folder, "containerd"), find(plane.folder, "kubelet"), plane.config, name])
        sampan.wait_for(lambda: self.ctr("version").returncode == 0, 30, "containerd")

    def configuration(self):
        return {
            "apiVersion": "kubelet.config.k8s.io/v1beta1", "kind": "KubeletConfiguration",
            "containerRuntimeEndpoint": "unix://%s/socket" % self.directory, "cgroupDriver": "cgroupfs", "failCgroupV1": False,
            "oomScoreAdj": 0, "makeIPTablesUtilChains": False, "failSwapOn": False, "resolvConf": "", "address": "127.0.0.1",
            "port": sampan.free_port(), "healthzPort": 0, "authentication": {"anonymous": {"enabled": True}, "webhook": {"enabled": False}},
            "authorization": {"mode": "AlwaysAllow"}, "imageGCHighThresholdPercent": 100, "volumeStatsAggPeriod": "5s",
            "evictionHard": {"memory.available": "10Mi", "nodefs.available": "0%", "imagefs.available": "0%", "nodefs.inodesFree": "0%"}}

    def ctr(self, *arguments):
        return subprocess.run(["ctr", "--address", self.directory / "socket", "-n", "k8s.io", *map(str, arguments)],
                              capture_output=True, text=True, timeout=180)

    def load(self, archive):
        done = self.ctr("images", "import", archive)
        if done.returncode != 0:
            raise RuntimeError("ctr images import: " + done.stderr[-500:])

    def begin(self):
        """Lets the kubelet start, once the images are there; waits until the node is ready."""
        (self.directory / "images").touch()

        def ready():
            done = self.plane.kubectl("get", "node", self.name, "-o", "jsonpath={.status.conditions[?(@.type=='Ready')].status}")
            return done.stdout == "True"
        sampan.wait_for(ready, 90, "the node to be ready")

    def log(self, program):
        return (self.directory / (program + ".log")).read_text(errors="replace")

    def stop(self):
        self.process.stop()
        for folder in pathlib.Path("/sys/fs/cgroup").glob("**/kubepods"):
            for path, _, _ in os.walk(folder, topdown=False):
                try:
                    os.rmdir(path)
                except OSError:
                    pass
        for key, value in self.sysctls.items():
            if open("/proc/sys/" + key).read() != value:
                with open("/proc/sys/" + key, "w") as file:
                    file.write(value)
        shutil.rmtree(self.directory, ignore_errors=True)


def pause(folder):
    """The image that holds a pod's namespaces: a program that waits."""
    (folder / "pause.c").write_text("#include <unistd.h>\nint main() { for (;;) pause(); }\n")
    subprocess.run(["gcc", "-static", "-Os", "-o", folder / "pause", folder / "pause.c"], check=True)
    with tarfile.open(folder / "pause-layer.tar", "w") as layer:
        layer.add(folder / "pause", "pause")
    return archive(folder / "pause.tar", "docker.io/library/pause:test", folder / "pause-layer.tar", Entrypoint=["/pause"])
