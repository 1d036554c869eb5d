"""What a real control plane makes of the manifests: taken strictly, placed beside the target, retried or failed by exit code.
Nodes are objects only: what a kubelet would say of a pod is said by the test."""
import copy
import json

import sampan
from control_plane import plane_or_none
from sampan import check, wait_for

MANIFESTS = sampan.ROOT / "manifests"
TOLERATE = [{"operator": "Exists"}]


def taken_strictly(plane):
    for folder in sorted(path.parent for path in MANIFESTS.rglob("kustomization.yaml")):
        if folder.name in ("base", "namespace"):
            continue
        done = plane.kubectl("apply", "--dry-run=server", "--validate=strict", "-k", folder)
        check(done.returncode == 0, "the API server takes %s %s" % (folder.relative_to(MANIFESTS), done.stderr[-300:]))
    wrong = json.loads(plane.must("create", "--dry-run=client", "-o", "json", "-k", MANIFESTS / "overlays" / "python"))
    spec = wrong["spec"]["template"]["spec"]
    spec["hostPid"] = spec.pop("hostPID")
    done = plane.kubectl("apply", "--dry-run=server", "--validate=strict", "-f", "-", input=json.dumps(wrong))
    check(done.returncode != 0 and "hostPid" in done.stderr, "and refuses hostPid")


def pod_security(plane):
    job = json.loads(plane.must("create", "--dry-run=client", "-o", "json", "-k", MANIFESTS / "overlays" / "python"))
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "agent", "namespace": "shop"}, "spec": job["spec"]["template"]["spec"]}
    done = plane.kubectl("apply", "--dry-run=server", "-f", "-", input=json.dumps(pod))
    check(done.returncode != 0 and "PodSecurity" in done.stderr, "a baseline namespace refuses the agent")
    allowed = copy.deepcopy(pod)
    allowed["metadata"]["namespace"] = "sampan"
    done = plane.kubectl("apply", "--dry-run=server", "-f", "-", input=json.dumps(allowed))
    check(done.returncode == 0, "the namespace sampan takes it %s" % done.stderr[-200:])


def target(name, node):
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "shop", "labels": {"app": "arya"}},
            "spec": {"nodeName": node, "tolerations": TOLERATE, "containers": [{"name": "app", "image": "arya"}]}}


def pods_of(plane, job):
    return plane.get("pods", "-n", "sampan", "-l", "job-name=" + job)["items"]


def nodes_of(plane, job):
    return sorted(pod["spec"].get("nodeName", "") for pod in pods_of(plane, job))


def placement(plane):
    plane.apply(target("arya-0", "node-b"))
    plane.must("apply", "-k", MANIFESTS / "overlays" / "python")
    wait_for(lambda: nodes_of(plane, "sampan-python") == ["node-b"], 60, "the agent to be placed beside its target")
    check(True, "podAffinity: the agent goes to the node of the target, named nowhere")
    plane.apply(target("arya-1", "node-a"), target("arya-2", "node-c"))
    plane.must("apply", "-k", MANIFESTS / "overlays" / "fleet")
    wait_for(lambda: nodes_of(plane, "sampan-fleet") == ["node-a", "node-b", "node-c"], 60, "one agent a node")
    check(True, "the fleet: one agent on each of the three nodes")


def ends_with(plane, job, code):
    """Tells the control plane, as a kubelet would, that the Job's newest pod ended with this exit code."""
    pod = max(pods_of(plane, job), key=lambda one: one["metadata"]["creationTimestamp"])
    ended = {"exitCode": code, "reason": "Error", "startedAt": "2026-01-01T00:00:00Z", "finishedAt": "2026-01-01T00:00:01Z"}
    plane.must("patch", "pod", pod["metadata"]["name"], "-n", "sampan", "--subresource=status", "--type=merge", "-p", json.dumps({
        "status": {"phase": "Failed", "containerStatuses": [{
            "name": "sampan", "image": "sampan", "imageID": "", "ready": False, "restartCount": 0, "state": {"terminated": ended}}]}}))


def condition(plane, job):
    conditions = plane.get("job", job, "-n", "sampan").get("status", {}).get("conditions", [])
    return next((one.get("reason") for one in conditions if one["type"] == "Failed" and one["status"] == "True"), None)


def failure_policy(plane):
    for language, code in (("java", 2), ("go", 4), ("ruby", 8)):
        job = "sampan-" + language
        plane.must("apply", "-k", MANIFESTS / "overlays" / language)
        wait_for(lambda: pods_of(plane, job), 60, "the pod of " + job)
        ends_with(plane, job, code)
        wait_for(lambda: condition(plane, job), 60, "%s to fail" % job)
        check(condition(plane, job) == "PodFailurePolicy" and len(pods_of(plane, job)) == 1,
              "exit %d fails the Job at once: %s" % (code, condition(plane, job)))
    plane.must("apply", "-k", MANIFESTS / "overlays" / "php")
    wait_for(lambda: pods_of(plane, "sampan-php"), 60, "the pod of sampan-php")
    ends_with(plane, "sampan-php", 7)
    wait_for(lambda: len(pods_of(plane, "sampan-php")) == 2, 60, "a second try")
    check(condition(plane, "sampan-php") is None, "exit 7 is tried again")


def main():
    plane = plane_or_none()
    if plane is None:
        return
    try:
        plane.must("apply", "-k", MANIFESTS / "namespace")
        plane.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {
            "name": "shop", "labels": {"pod-security.kubernetes.io/enforce": "baseline"}}})
        for node in ("node-a", "node-b", "node-c"):
            plane.add_node(node)
        taken_strictly(plane)
        pod_security(plane)
        placement(plane)
        failure_policy(plane)
    finally:
        plane.stop()


main()
sampan.finish()
