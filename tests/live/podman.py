"""podman with runc: the engine of Debian 12 that knows BPF and PERFMON (Docker 20.10 does not). Storage of the test's own."""
import json
import os
import resource
import shutil
import subprocess
import tempfile

import sampan


class Podman:
    def __init__(self):
        self.directory = tempfile.mkdtemp(prefix="sampan-podman-")
        # runc raises no limit that this machine does not allow; the image needs none.
        files = min(1024, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
        self.limits = ["--ulimit=nofile=%d:%d" % (files, files), "--ulimit=nproc=1000:1000"]

    def podman(self, *arguments, **options):
        return subprocess.run(["podman", "--root", self.directory + "/root", "--runroot", self.directory + "/run",
                               *[str(a) for a in arguments]], capture_output=True, text=True, timeout=120, **options)

    def load(self):
        """The scratch image in this storage; the reason where that fails, else None."""
        archive = self.directory + "/sampan.tar"
        subprocess.run(["sh", sampan.ROOT / "images" / "oci.sh", sampan.BINARY, archive], check=True, capture_output=True)
        done = self.podman("load", "-i", archive)
        return None if done.returncode == 0 else done.stderr.strip()[-300:]

    def agent(self, flags, params):
        directory = tempfile.mkdtemp(prefix="sampan-test-")
        params = dict({"seconds": 1, "formats": ["folded"]}, **params)
        done = self.podman("run", "--rm", "--runtime=runc", "--network=none", "--pid=host", "--cap-drop=ALL", "--read-only",
                           *self.limits, "-v", "%s:/var/run" % directory, *flags, "-e", "params=" + json.dumps(params),
                           "sampan:latest")
        return sampan.Run(done.returncode, done.stdout, done.stderr, directory)

    def stop(self):
        subprocess.run(["umount", "-l", self.directory + "/root/overlay"], capture_output=True)
        shutil.rmtree(self.directory, ignore_errors=True)


def podman_or_none():
    if not sampan.need("podman", "BPF and PERFMON in a container") or not sampan.need("runc", "BPF and PERFMON in a container"):
        return None
    engine = Podman()
    reason = engine.load()
    if reason is None:
        tried = engine.agent([], {"mode": "doctor"})
        # 125 to 127 are podman's own; the agent's are below.
        reason = tried.err[-300:] if 125 <= tried.code <= 127 else None
    if reason:
        engine.stop()
        sampan.skip("BPF and PERFMON in a container", "podman starts no container here: " + reason.replace("\n", " "))
        return None
    return engine
