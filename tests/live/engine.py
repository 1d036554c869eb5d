"""A Docker Engine of the test's own: private socket, no bridge, no firewall rules; containers use the host's network or none."""
import atexit
import json
import os
import pathlib
import shutil
import subprocess
import tempfile

import sampan


class Engine:
    def __init__(self):
        # Not below /tmp/…/long names: a socket's path has at most 107 bytes.
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="sampan-docker-"))
        self.socket = "unix://%s/socket" % self.directory
        self.daemon = sampan.Workload(
            ["dockerd", "--bridge=none", "--iptables=false", "--data-root", self.directory / "data",
             "--exec-root", self.directory / "exec", "--pidfile", self.directory / "pid", "-H", self.socket],
            ready=lambda _: (self.directory / "socket").exists() and self.docker("info").returncode == 0, timeout=60)
        self.containers = []
        atexit.register(self.stop)

    def docker(self, *arguments, **options):
        options.setdefault("timeout", 180)
        return subprocess.run(["docker", "-H", self.socket, *[str(a) for a in arguments]],
                              capture_output=True, text=True, **options)

    def must(self, *arguments, **options):
        done = self.docker(*arguments, **options)
        if done.returncode != 0:
            raise RuntimeError("docker %s: %s" % (" ".join(map(str, arguments[:3])), done.stderr.strip()))
        return done.stdout.strip()

    def start(self, *arguments):
        """docker run -d …; the container's id. It is removed at the end."""
        container = self.must("run", "-d", *arguments)
        self.containers.append(container)
        return container

    def remove(self, container):
        self.docker("rm", "-f", container)
        self.containers.remove(container)

    def stop(self):
        for container in self.containers:
            self.docker("rm", "-f", container)
        self.daemon.process.terminate()
        self.daemon.process.wait()
        # The daemon leaves the host's network namespace mounted for --network=host.
        subprocess.run(["umount", "-l", self.directory / "exec" / "netns" / "default"], capture_output=True)
        shutil.rmtree(self.directory, ignore_errors=True)


def engine_or_none():
    if not sampan.need("dockerd", "containers"):
        return None
    try:
        return Engine()
    except (RuntimeError, TimeoutError) as error:
        sampan.skip("containers", "no Docker Engine starts here: %s" % str(error)[:300].replace("\n", " "))
        return None


def own_image(engine):
    """The scratch image, built without an engine and loaded into this one."""
    archive = engine.directory / "sampan.tar"
    subprocess.run(["sh", sampan.ROOT / "images" / "oci.sh", sampan.BINARY, archive], check=True, capture_output=True)
    engine.must("load", "-i", archive)
    return "sampan:latest"


def run_agent(engine, image, flags, params, write=True):
    """The agent in a container with nothing but `flags`: a finished sampan.Run."""
    directory = tempfile.mkdtemp(prefix="sampan-test-")
    os.chmod(directory, 0o777)   # an agent that is not root writes there too
    params = dict({"seconds": 3, "formats": ["folded"]}, **params)
    done = engine.docker("run", "--rm", "--network=none", "--cap-drop=ALL", "--read-only",
                         *(["-v", "%s:/var/run" % directory] if write else []),
                         *flags, "-e", "params=" + json.dumps(params), image, "profile_task")
    return sampan.Run(done.returncode, done.stdout, done.stderr, directory)
