"""etcd, kube-apiserver, kube-controller-manager and kube-scheduler on loopback, from a folder of binaries. Its nodes are
objects only, unless node.py adds a real one."""
import json
import os
import pathlib
import shutil
import subprocess
import tempfile

import sampan

PROGRAMS = ["etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"]


def find(folder, program):
    return shutil.which(program, path="%s:%s" % (folder, os.environ["PATH"]))


def plane_or_none(programs=()):
    """A control plane that answers; None after a visible skip where a program is missing."""
    folder = os.environ.get("SAMPAN_KUBERNETES") or str(sampan.CACHE / "kubernetes" / "1.33.4")
    kubectl = find("%s:%s" % (folder, sampan.CACHE / "manifest-validator" / "bin"), "kubectl")
    missing = [program for program in [*PROGRAMS, *programs] if not find(folder, program)] + ([] if kubectl else ["kubectl"])
    if missing:
        return sampan.skip("Kubernetes", "no %s (sh tests/live/get_kubernetes.sh now; or SAMPAN_KUBERNETES names a folder that holds them)" % ", ".join(missing))
    return ControlPlane(pathlib.Path(folder), kubectl)


class ControlPlane:
    def __init__(self, folder, kubectl):
        self.folder, self.kubectl_path = folder, kubectl
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="sampan-kubernetes-"))
        self.processes = []
        etcd, peers, self.port = sampan.free_port(), sampan.free_port(), sampan.free_port()
        self.run("etcd", "--data-dir", self.directory / "etcd", "--listen-client-urls", "http://127.0.0.1:%d" % etcd,
                 "--advertise-client-urls", "http://127.0.0.1:%d" % etcd, "--listen-peer-urls", "http://127.0.0.1:%d" % peers)
        key = self.directory / "service-account.key"
        subprocess.run(["openssl", "genrsa", "-out", key, "2048"], check=True, capture_output=True)
        (self.directory / "tokens").write_text("token,admin,admin,system:masters\n")
        self.run("kube-apiserver", "--etcd-servers=http://127.0.0.1:%d" % etcd, "--bind-address=127.0.0.1",
                 "--secure-port=%d" % self.port, "--cert-dir=%s" % (self.directory / "certificates"),
                 "--service-cluster-ip-range=10.0.0.0/24", "--endpoint-reconciler-type=none", "--authorization-mode=AlwaysAllow",
                 "--token-auth-file=%s" % (self.directory / "tokens"), "--service-account-issuer=https://kubernetes.default.svc",
                 "--service-account-key-file=%s" % key, "--service-account-signing-key-file=%s" % key,
                 "--disable-admission-plugins=ServiceAccount", "--kubelet-preferred-address-types=Hostname")
        self.write_kubeconfig()
        sampan.wait_for(lambda: self.kubectl("get", "--raw=/readyz").returncode == 0, 120, "the API server")
        for program in PROGRAMS[2:]:
            self.run(program, "--kubeconfig=%s" % self.config, "--leader-elect=false", "--bind-address=127.0.0.1",
                     "--secure-port=%d" % sampan.free_port(), "--cert-dir=%s" % (self.directory / program))

    def run(self, program, *arguments):
        self.processes.append(sampan.Workload([find(self.folder, program), *arguments]))

    def write_kubeconfig(self):
        self.config = self.directory / "kubeconfig"
        self.config.write_text(json.dumps({
            "apiVersion": "v1", "kind": "Config", "current-context": "here",
            "clusters": [{"name": "here", "cluster": {"server": "https://127.0.0.1:%d" % self.port, "insecure-skip-tls-verify": True}}],
            "users": [{"name": "admin", "user": {"token": "token"}}],
            "contexts": [{"name": "here", "context": {"cluster": "here", "user": "admin"}}]}))

    def kubectl(self, *arguments, **options):
        return subprocess.run([self.kubectl_path, "--kubeconfig", self.config, *[str(a) for a in arguments]],
                              capture_output=True, text=True, timeout=60, **options)

    def must(self, *arguments, **options):
        done = self.kubectl(*arguments, **options)
        if done.returncode != 0:
            raise RuntimeError("kubectl %s: %s" % (" ".join(map(str, arguments)), done.stderr))
        return done.stdout

    def apply(self, *things):
        self.must("apply", "-f", "-", input=json.dumps({"apiVersion": "v1", "kind": "List", "items": list(things)}))

    def get(self, *arguments):
        return json.loads(self.must("get", "-o", "json", *arguments))

    def add_node(self, name):
        self.apply({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name}}})
        room = {"cpu": "4", "memory": "8Gi", "pods": "110", "ephemeral-storage": "10Gi"}
        self.must("patch", "node", name, "--subresource=status", "--type=merge", "-p", json.dumps({"status": {
            "capacity": room, "allocatable": room, "conditions": [{"type": "Ready", "status": "True"}]}}))

    def stop(self):
        for process in reversed(self.processes):
            process.stop()
        shutil.rmtree(self.directory, ignore_errors=True)
