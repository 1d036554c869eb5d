"""The agent's life as a Job on a real node: Completed, retried, failed, evicted, out of memory, deleted in mid-run; and as an
ephemeral container. What is applied is the manifests' own, with the test's upload address and the host's network."""
import contextlib
import hashlib
import json
import pathlib
import re
import signal
import subprocess
import tempfile
import time

import chaos
import node
import sampan
from archive import archive
from control_plane import plane_or_none
from fault_server import FaultServer
from sampan import check, wait_for

MANIFESTS = sampan.ROOT / "manifests"
PREFIX = "arya-python3-2255_"


class Stage:
    """The control plane, one real node and one that is an object only, the application under load, and where profiles go."""

    def __init__(self, plane):
        self.plane, self.server = plane, FaultServer()
        plane.must("apply", "-k", MANIFESTS / "namespace")
        plane.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}})
        plane.add_node("elsewhere")
        self.node = node.Node(plane)
        self.load_images()
        begun = time.monotonic()
        self.node.begin()
        print("the node is ready after %.1f s" % (time.monotonic() - begun))
        self.port = sampan.free_port()
        plane.apply(self.application())
        wait_for(lambda: sampan.answers(self.port), 120, "the application")
        self.load = sampan.Workload(["python3", sampan.WORKLOADS / "uwsgi" / "load.py", self.port, 400, 2])

    def load_images(self):
        folder = self.node.directory
        self.node.load(node.pause(folder))
        self.node.load(archive(folder / "arya.tar", "docker.io/library/arya:test", sampan.CACHE / "root-bullseye.tar"))
        subprocess.run(["sh", sampan.ROOT / "images" / "oci.sh", sampan.BINARY, folder / "sampan.tar"], check=True, capture_output=True)
        self.node.load(folder / "sampan.tar")

    def application(self):
        return self.pod("arya-0", "uwsgi", ["uwsgi", "--plugin", "python3", "--http-socket", "127.0.0.1:%d" % self.port, "--wsgi-file", "/w/app.py",
                                            "--master", "--processes", "2", "--uid", "33", "--enable-threads", "--auto-procname",
                                            "--procname-prefix", PREFIX])

    def pod(self, name, workloads, command):
        """A pod of the other Debian on the real node, with a folder of workloads at /w."""
        return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "shop", "labels": {"app": "arya"}}, "spec": {
            "hostNetwork": True, "nodeName": self.node.name, "automountServiceAccountToken": False, "terminationGracePeriodSeconds": 1,
            "tolerations": [{"operator": "Exists"}], "volumes": [{"name": "w", "hostPath": {"path": str(sampan.WORKLOADS / workloads)}}],
            "containers": [{"name": "app", "image": "arya:test", "imagePullPolicy": "Never", "command": command,
                            "volumeMounts": [{"name": "w", "mountPath": "/w", "readOnly": True}]}]}}

    def start(self, name, change=None, **params):
        """Applies overlays/python under a name of its own; `change(spec)` may patch the Job's spec. Results go to /NAME.FORMAT."""
        job = json.loads(self.plane.must("create", "--dry-run=client", "-o", "json", "-k", MANIFESTS / "overlays" / "python"))
        job["metadata"]["name"] = name
        pod = job["spec"]["template"]["spec"]
        pod["hostNetwork"] = True
        variable = next(v for v in pod["containers"][0]["env"] if v["name"] == "params")
        given = dict(json.loads(variable["value"]), upload={"url": self.server.url("/%s.{format}" % name)}, **params)
        variable["value"] = json.dumps(given)
        if change:
            change(job["spec"])
        self.plane.apply(job)

    def pods(self, name):
        found = self.plane.get("pods", "-n", "sampan", "-l", "job-name=" + name)["items"]
        return sorted(found, key=lambda pod: pod["metadata"]["creationTimestamp"])

    def condition(self, name):
        """The Job's end: (`Complete` or `Failed`, reason), or None."""
        for one in self.plane.get("job", name, "-n", "sampan").get("status", {}).get("conditions", []):
            if one["type"] in ("Complete", "Failed") and one["status"] == "True":
                return one["type"], one.get("reason", "")
        return None

    def ends(self, name, timeout=90):
        wait_for(lambda: self.condition(name), timeout, "%s to end" % name)
        return self.condition(name)

    def terminated(self, name):
        """What the kubelet says of each of the Job's containers that ended."""
        states = [status.get("state", {}).get("terminated") for pod in self.pods(name) for status in pod["status"].get("containerStatuses", [])]
        return [state for state in states if state]

    def samples_now(self, name):
        """Waits until the agent samples; the name of its pod."""
        wait_for(lambda: '"sample"' in self.plane.kubectl("logs", "-n", "sampan", "job/" + name).stdout, 60, "%s to sample" % name)
        time.sleep(1)   # so that there is something to deliver
        return self.pods(name)[-1]["metadata"]["name"]

    def delivered(self, name):
        """The picture that the destination got, once."""
        got = self.server.of("/%s.svg" % name)
        return got[0].body.decode() if len(got) == 1 else None

    def unharmed(self):
        """No thread of the application is stopped, and it answers."""
        workers = subprocess.run(["pgrep", "-x", "uwsgi"], capture_output=True, text=True).stdout.split()
        stopped = [pid for pid in workers if any(state in "tT" for state, _ in chaos.states(int(pid)))]
        return workers and not stopped and sampan.answers(self.port)

    def stop(self):
        if hasattr(self, "load"):
            self.load.stop()
        self.node.stop()


@contextlib.contextmanager
def given_params(spec):
    """The Job's `params`, to be changed in place."""
    variable = next(v for v in spec["template"]["spec"]["containers"][0]["env"] if v["name"] == "params")
    given = json.loads(variable["value"])
    yield given
    variable["value"] = json.dumps(given)


def completed(stage):
    output = pathlib.Path(tempfile.mkdtemp(prefix="sampan-test-"))

    def kept(spec):   # an emptyDir goes with its pod
        volume = spec["template"]["spec"]["volumes"][0]
        del volume["emptyDir"]
        volume["hostPath"] = {"path": str(output)}
    begun = time.monotonic()
    stage.start("life", kept, seconds=5, formats=["svg", "folded"])
    kind = stage.ends("life")[0]
    check(kind == "Complete", "the Job is %s %.1f s after `kubectl apply`, 5 of them sampling" % (kind, time.monotonic() - begun))
    pod = stage.pods("life")[0]
    check(pod["spec"]["nodeName"] == stage.node.name, "podAffinity: of two nodes the application's: %s" % pod["spec"]["nodeName"])
    text = stage.plane.must("get", "pod", "-n", "sampan", "-l", "job-name=life", "-o",
                            "jsonpath={.items[-1:].status.containerStatuses[0].state.terminated.message}")
    message = json.loads(text)
    check(message["code"] == 0 and not message["partial"] and message["samples"] > 50 and len(text) <= 4096,
          "the termination message, %d bytes: %d samples, tier %s" % (len(text), message["samples"], message["tier"]))
    check(all(p["why"] and p.get("pod_uid") and p.get("container_id") for p in message["processes"]), "names each process's pod: %s" % message["processes"][:1])
    folded = stage.server.of("/life.folded")
    check("search" in (stage.delivered("life") or "") and len(folded) == 1, "the picture and the folded file were delivered, once each")
    share = sampan.share(sampan.parse_folded(folded[0].body.decode()), r"search \(.*app\.py")
    check(share > 0.3, "%.0f %% in the hot function" % (100 * share))
    digests = {hashlib.sha256(file.read_bytes()).hexdigest() for file in output.iterdir()}
    check(digests == {file["sha256"] for file in message["files"]}, "the volume holds the result's files by their sha256")
    log = stage.plane.must("logs", "-n", "sampan", pod["metadata"]["name"]).splitlines()
    check(json.loads(log[-1])["event"] == "result", "`kubectl logs` ends with the result")


def final_codes(stage):
    stage.start("bad-params", second=1)
    check(stage.ends("bad-params") == ("Failed", "PodFailurePolicy"), "exit 2 fails the Job at once: %s" % (stage.condition("bad-params"),))
    ended = stage.terminated("bad-params")
    check(len(ended) == 1 and ended[0]["exitCode"] == 2 and "seconds" in ended[0]["message"], "one pod; its message: %s" % ended[0]["message"][:160])

    def no_right(spec):
        spec["template"]["spec"]["containers"][0]["securityContext"]["capabilities"]["add"] = []
    stage.start("no-right", no_right)
    check(stage.ends("no-right") == ("Failed", "PodFailurePolicy"), "exit 4 too: %s" % (stage.condition("no-right"),))
    ended = stage.terminated("no-right")
    check(ended[0]["exitCode"] == 4 and "SYS_PTRACE" in ended[0]["message"], "its message: %s" % json.loads(ended[0]["message"])["sentence"][:200])


def tried_again(stage):
    stage.server.script["/again.svg"] = [lambda c: None]   # takes the file, answers nothing

    def short(spec):
        with given_params(spec) as given:
            given["upload"]["retry_seconds"] = 1
    stage.start("again", short, seconds=1)
    check(stage.ends("again") == ("Failed", "BackoffLimitExceeded"), "exit 7 is tried again, then the Job fails: %s" % (stage.condition("again"),))
    codes = [state["exitCode"] for state in stage.terminated("again")]
    check(codes == [7, 7], "two pods, exits %s" % codes)
    message = json.loads(stage.terminated("again")[0]["message"])
    check("/var/run/profile-" in json.dumps(message["files"]), "the message names the file that stays: %s" % message["sentence"][:160])


def deleted(stage):
    stage.start("deleted", seconds=120)
    stage.samples_now("deleted")
    begun = time.monotonic()
    stage.plane.must("delete", "job", "deleted", "-n", "sampan", "--wait=false")
    wait_for(lambda: stage.delivered("deleted"), 30, "the partial result")
    took = time.monotonic() - begun
    check("Partial" in stage.delivered("deleted") and "search" in stage.delivered("deleted"), "`kubectl delete` in mid-run: a partial result after %.1f s" % took)
    wait_for(lambda: not stage.pods("deleted"), 40, "the pod to be gone")
    check(time.monotonic() - begun < 30 and stage.unharmed(), "gone after %.1f s, inside the grace; the application is unharmed" % (time.monotonic() - begun))


def deadline(stage):
    stage.start("deadline", lambda spec: spec.update(activeDeadlineSeconds=5), seconds=120)
    check(stage.ends("deadline") == ("Failed", "DeadlineExceeded"), "activeDeadlineSeconds: %s" % (stage.condition("deadline"),))
    wait_for(lambda: stage.delivered("deadline"), 30, "the partial result")
    check("Partial" in stage.delivered("deadline"), "and a partial result")


def evicted(stage):
    stage.start("evicted", seconds=120)
    pod = stage.samples_now("evicted")
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod, "namespace": "sampan"}}
    stage.plane.must("create", "--raw", "/api/v1/namespaces/sampan/pods/%s/eviction" % pod, "-f", "-", input=json.dumps(eviction))
    wait_for(lambda: stage.delivered("evicted"), 30, "the partial result")
    check("Partial" in stage.delivered("evicted"), "evicted through the API, as `kubectl drain` does: a partial result")
    print("the Job: %s" % (stage.ends("evicted", 60),))
    stage.plane.must("delete", "job", "evicted", "-n", "sampan", "--wait=true")

    def little_room(spec):
        """The first profile is too much for the volume: the agent is evicted while it takes the next."""
        with given_params(spec) as given:
            del given["upload"]   # so that files stay
        spec["template"]["spec"]["volumes"][0]["emptyDir"]["sizeLimit"] = "8Ki"   # an empty folder takes four
        spec["backoffLimit"] = 0
    stage.start("too-full", little_room, seconds=20, every=20, count=0)
    kind = stage.ends("too-full", 180)
    ended = stage.terminated("too-full")[0]
    why = json.loads(ended["message"] or "{}").get("ended")
    evicted = "evicted successfully" in stage.node.log("kubelet")
    check(evicted and kind[0] == "Complete" and ended["exitCode"] == 0 and why == "signal",
          "evicted by the kubelet (%s), it ends well in the one second that it is given: %s, exit %d, %s" % (evicted, kind, ended["exitCode"], why))
    stage.plane.must("delete", "job", "too-full", "-n", "sampan", "--wait=true")
    check(stage.unharmed(), "the application is unharmed")


def out_of_memory(stage):
    """Told that it has more memory than its container may use, and given stacks of which no two are alike: the kernel kills it."""
    def small(spec):
        with given_params(spec) as given:
            for key in ("app_name", "version_id", "upload"):
                del given[key]
            given["cmdline_regex"] = r"many_stacks\.py"
        spec["template"]["spec"]["containers"][0]["resources"] = {"limits": {"memory": "24Mi"}}
        spec["backoffLimit"] = 0
    stage.plane.apply(stage.pod("many-0", "python", ["python3", "/w/many_stacks.py", "400"]))
    wait_for(lambda: "ready" in stage.plane.kubectl("logs", "-n", "shop", "many-0").stdout, 60, "the target")
    stage.start("small", small, seconds=120, rate=1000, max_memory_mb=1024)
    kind = stage.ends("small", 180)
    ended = stage.terminated("small")[0]
    check(kind[0] == "Failed" and ended["reason"] == "OOMKilled" and ended["exitCode"] == 128 + signal.SIGKILL,
          "out of memory it is killed and the Job says so: %s, %s, exit %d" % (kind, ended["reason"], ended["exitCode"]))
    target = stage.plane.get("pod", "many-0", "-n", "shop")["status"]
    check(target["phase"] == "Running" and target["containerStatuses"][0]["restartCount"] == 0 and stage.unharmed(), "its target and the application are unharmed")
    stage.plane.must("delete", "pod", "many-0", "-n", "shop", "--wait=true")


def ephemeral(stage):
    """`kubectl debug`: in the application's own PID namespace, without hostPID."""
    text = (MANIFESTS / "ephemeral" / "custom.yaml").read_text()
    given = re.search(r"value: >-\n((?: {6}.*\n)+)", text)
    params = dict(json.loads(given[1]), seconds=3, upload={"url": stage.server.url("/ephemeral.svg")})
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        file.write(text.replace(given[0], "value: '%s'\n" % json.dumps(params)))
        file.flush()
        stage.plane.must("debug", "-n", "shop", "arya-0", "--image=sampan:latest", "--image-pull-policy=Never", "--target=app",
                         "--profile=general", "--custom=" + file.name, "--container=profiler")

    def ended():
        states = stage.plane.get("pod", "arya-0", "-n", "shop")["status"].get("ephemeralContainerStatuses", [])
        return states and states[0].get("state", {}).get("terminated")
    wait_for(ended, 60, "the ephemeral container to end")
    picture = stage.delivered("ephemeral") or ""
    check(ended()["exitCode"] == 0 and "search" in picture and "Partial" not in picture, "as an ephemeral container: exit %d" % ended()["exitCode"])
    log = stage.plane.must("logs", "-n", "shop", "arya-0", "-c", "profiler")
    check(all(p["pid"] < 100 for p in json.loads(log.splitlines()[-1])["processes"]), "with the container's own pids")


def main():
    if not (sampan.CACHE / "root-bullseye.tar").exists():
        return sampan.skip("a Job's life", "no root file system of another Debian (tests/live/get_container_roots.sh)")
    if not (node.CNI / "loopback").exists():
        return sampan.skip("a Job's life", "containernetworking-plugins is not installed")
    plane = plane_or_none(node.PROGRAMS)
    if plane is None:
        return
    stage = None
    try:
        stage = Stage(plane)
        for part in (completed, final_codes, tried_again, deleted, deadline, evicted, out_of_memory, ephemeral):
            begun = time.monotonic()
            try:
                part(stage)
            except (TimeoutError, RuntimeError, IndexError, KeyError, TypeError) as error:
                check(False, "%s: %s" % (part.__name__, error))
            print("%s took %.0f s" % (part.__name__, time.monotonic() - begun), flush=True)
    finally:
        if stage:
            stage.stop()
        plane.stop()


main()
sampan.finish()
