"""Every manifest, rendered, against Kubernetes' own schemas (strict) and against the agent's contract; no cluster."""
import copy
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = os.environ.get("SAMPAN")
MANIFESTS = ROOT / "manifests"
CACHE = pathlib.Path(os.environ.get("SAMPAN_CACHE") or pathlib.Path.home() / ".cache" / "sampan")
VENV = CACHE / "manifest-validator"
VERSIONS = ["1.31", "1.33", "1.37"]
DETERMINISTIC = {2, 4, 5, 8}     # exit codes after which trying again is no use
PRIVILEGED = {"SYS_PTRACE", "BPF", "PERFMON", "DAC_READ_SEARCH", "CHECKPOINT_RESTORE"}

failures = []


def check(condition, what):
    print(("ok    " if condition else "FAIL  ") + what, flush=True)
    if not condition:
        failures.append(what)


def skip(what, reason):
    print("SKIP: %s: %s" % (what, reason))


def kubectl():
    return shutil.which("kubectl", path="%s:%s" % (VENV / "bin", os.environ["PATH"]))


def rendered():
    """{name: objects} of every kustomization, and of the files that are applied as they are."""
    import yaml
    files = {"minimum.yaml": (MANIFESTS / "minimum.yaml").read_text()}
    for kustomization in sorted(MANIFESTS.rglob("kustomization.yaml")):
        folder = kustomization.parent
        files[str(folder.relative_to(MANIFESTS))] = subprocess.run(
            [kubectl(), "kustomize", str(folder)], check=True, capture_output=True, text=True).stdout
    objects = {name: [o for o in yaml.safe_load_all(text) if o] for name, text in files.items()}
    # What `kubectl debug --custom` merges into a pod.
    custom = yaml.safe_load((MANIFESTS / "ephemeral" / "custom.yaml").read_text())
    container = dict({"name": "debugger", "image": "sampan", "targetContainerName": "app"}, **custom)
    objects["ephemeral"] = [{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "target"}, "spec": {
        "containers": [{"name": "app", "image": "app"}], "ephemeralContainers": [container]}}]
    return objects


def error_of(thing, version):
    """The schema's objection, or None. Definitions are found by file, so the whole object is checked."""
    import kubernetes_validate
    try:
        kubernetes_validate.validate(thing, version, strict=True)
    except kubernetes_validate.ValidationError as error:
        return error.message
    return None


def pod_spec(thing):
    if thing["kind"] == "Pod":
        return thing["spec"]
    return thing.get("spec", {}).get("template", {}).get("spec")


def params_of(thing):
    spec = pod_spec(thing) or {}
    for container in spec.get("containers", []) + spec.get("ephemeralContainers", []):
        for variable in container.get("env", []):
            if variable["name"] == "params":
                # The kubelet's expansion: $$ is $, $(X) is another variable's value.
                yield re.sub(r"\$\(\w+\)", "0", variable["value"].replace("$$", "$"))


def check_contract(name, thing):
    """The agent's own rules: params by its schema, exit codes in the failure policy, no more rights than named."""
    for text in params_of(thing):
        params = json.loads(text)
        if BINARY:
            import jsonschema
            schema = subprocess.run([BINARY, "--schema"], capture_output=True, text=True, check=True).stdout
            errors = [e.message for e in jsonschema.Draft202012Validator(json.loads(schema)).iter_errors(params)]
            check(not errors, "%s: params by the agent's schema %s" % (name, errors))
    spec = pod_spec(thing)
    if spec is None or name == "minimum.yaml":
        return
    for container in spec["containers"]:
        if container["name"] != "sampan":
            continue
        security = container["securityContext"]
        check(security["capabilities"]["drop"] == ["ALL"] and security["allowPrivilegeEscalation"] is False
              and security["readOnlyRootFilesystem"] is True and set(security["capabilities"].get("add", [])) <= PRIVILEGED
              and not security.get("privileged") and spec["automountServiceAccountToken"] is False,
              "%s: nothing but %s" % (name, security["capabilities"].get("add", "no capability")))
        check(not any("hostPath" in volume for volume in spec.get("volumes", [])), "%s: no hostPath" % name)
    if thing["kind"] == "Job":
        rules = thing["spec"]["podFailurePolicy"]["rules"]
        codes = {code for rule in rules for code in rule.get("onExitCodes", {}).get("values", [])}
        final = {rule["action"] for rule in rules if "onExitCodes" in rule}
        expected = {2, 8, 9} if name == "overlays/merge" else DETERMINISTIC
        check(codes == expected and final <= {"FailJob", "FailIndex"} and spec["restartPolicy"] == "Never",
              "%s: podFailurePolicy ends at %s only" % (name, sorted(codes)))
        longest = max([json.loads(text).get("seconds", 60) for text in params_of(thing)] or [0])
        check(thing["spec"]["activeDeadlineSeconds"] > longest + spec.get("terminationGracePeriodSeconds", 30) + 60,
              "%s: the deadline leaves time to deliver" % name)


def mistakes(job):
    """What people get wrong; each must be refused, or this test could not fail."""
    def changed(change):
        wrong = copy.deepcopy(job)
        change(wrong, wrong["spec"]["template"]["spec"], wrong["spec"]["template"]["spec"]["containers"][0])
        return wrong
    yield "hostPid", changed(lambda j, s, c: s.update(hostPid=s.pop("hostPID")))
    yield "capability beside capabilities", changed(lambda j, s, c: c["securityContext"].update(capability=["SYS_PTRACE"]))
    yield "backoffLimit as text", changed(lambda j, s, c: j["spec"].update(backoffLimit="1"))
    yield "env value as number", changed(lambda j, s, c: c["env"].append({"name": "RATE", "value": 100}))
    yield "drop: ALL without a list", changed(lambda j, s, c: c["securityContext"]["capabilities"].update(drop="ALL"))
    yield "securityContext.readOnlyRootFileSystem", changed(lambda j, s, c: c["securityContext"].update(readOnlyRootFileSystem=True))


def main():
    sys.path[:0] = [str(p) for p in VENV.glob("lib/python3*/site-packages")]
    try:
        import kubernetes_validate  # noqa: F401
    except ImportError:
        skip("manifests", "no schemas (tests/live/get_manifest_validator.sh)")
        sys.exit(77)
    if not kubectl():
        skip("manifests", "no kubectl that renders kustomizations")
        sys.exit(77)
    objects = rendered()
    for version in VERSIONS:
        bad = {"%s %s" % (name, thing["kind"]): error for name, things in objects.items() for thing in things
               if (error := error_of(thing, version))}
        check(not bad, "Kubernetes %s takes all %d objects, strictly %s" % (version, sum(map(len, objects.values())), bad or ""))
    for name, things in objects.items():
        for thing in things:
            check_contract(name, thing)
    if not BINARY:
        skip("params in manifests", "SAMPAN names no binary")
    job = objects["overlays/python"][0]
    for what, wrong in mistakes(job):
        check(error_of(wrong, VERSIONS[0]), "a mistake is refused: %s" % what)
    print("%d failed" % len(failures))
    sys.exit(1 if failures else 0)


main()
