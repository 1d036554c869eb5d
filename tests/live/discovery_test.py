"""Discovery while sampling: workers that come and go, exec, reused names, other PID namespaces."""
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import threading
import time

import sampan
from engine import engine_or_none
from sampan import check, share

PREFIX = "discovery-test_uWSGI worker"
SPIN = "import sys\ndef %s():\n    while True: sum(range(200))\n%s()\n"


def titled(title, function, extra=()):
    """A Python program whose command line begins with a title."""
    return sampan.Workload(["bash", "-c", 'exec -a "$0" %s -c "$1" "${@:2}"' % sys.executable, title, SPIN % (function, function), *extra])


def in_background(**params):
    """Starts the agent; the Run is in the list when it has ended."""
    result = []
    thread = threading.Thread(target=lambda: result.append(sampan.profile(**params)))
    thread.start()
    return thread, result


def workers_come_and_go():
    first = titled(PREFIX + " 1", "first")
    sampan.wait_for(lambda: "first" in pathlib.Path("/proc/%d/cmdline" % first.pid).read_text(), 10)
    thread, result = in_background(procname_prefix=PREFIX, seconds=6)
    time.sleep(2)   # so that the first has been sampled for a known while
    first.stop()
    second = titled(PREFIX + " 2", "second")
    thread.join()
    second.stop()
    run = result[0]
    stacks = run.stacks()
    check(run.code == 0, "exit %d: %s" % (run.code, run.result["sentence"]))
    check(0.15 < share(stacks, "first") < 0.6, "what was sampled of the first worker stays: %.0f %%" % (100 * share(stacks, "first")))
    check(share(stacks, "second") > 0.3, "the new worker is taken: %.0f %%" % (100 * share(stacks, "second")))
    taken = [e for e in run.events if e.get("event") == "log" and str(second.pid) in e["sentence"]]
    check(len(taken) == 1, "and once")
    pids = {p["pid"] for p in run.result["processes"]}
    check(pids == {first.pid, second.pid}, "both are in the result")


def uwsgi_respawns():
    if not sampan.need("uwsgi", "respawning workers"):
        return
    with sampan.uwsgi(workers=2, prefix="discovery-respawn_"):
        def workers():
            return [int(p) for p in subprocess.run(["pgrep", "-f", "^discovery-respawn_uWSGI worker"], capture_output=True, text=True).stdout.split()]
        sampan.wait_for(lambda: len(workers()) == 2, 10, "two workers")
        old = workers()
        thread, result = in_background(procname_prefix="discovery-respawn_uWSGI worker", seconds=6, exclude_idle=False)
        time.sleep(1.5)
        os.kill(old[0], signal.SIGKILL)
        sampan.wait_for(lambda: len(set(workers()) - set(old)) == 1, 10, "the new worker")
        thread.join()
        pids = {p["pid"] for p in result[0].result["processes"]}
        check(len(pids) == 3 and set(old) < pids, "a worker that uWSGI respawned is taken: %d processes" % len(pids))
        check(result[0].code == 0 and not result[0].result["partial"], "exit %d" % result[0].code)


def exec_is_another_program():
    """A shell of the same pid becomes another Python program: its old walker must not read the new memory."""
    script = tempfile.NamedTemporaryFile("w", suffix=".py")
    script.write("import os, sys, time\ndef before():\n    end = time.time() + 3\n    while time.time() < end: sum(range(200))\nbefore()\n"
                 "os.execv(%r, ['discovery-exec 2', '-c', %r])\n" % (sys.executable, SPIN % ("after", "after")))
    script.flush()
    program = sampan.Workload(["bash", "-c", 'exec -a "discovery-exec 1" %s "$0"' % sys.executable, script.name])
    with program:
        sampan.wait_for(lambda: pathlib.Path("/proc/%d/cmdline" % program.pid).read_text().startswith("discovery-exec"), 10)
        run = sampan.profile(procname_prefix="discovery-exec", seconds=7)
    stacks = run.stacks()
    check(share(stacks, "before") > 0.1 and share(stacks, "after") > 0.05, "exec: %.0f %% before, %.0f %% after" % (100 * share(stacks, "before"), 100 * share(stacks, "after")))
    check(not any("before" in " ".join(f) and "after" in " ".join(f) for f, _ in stacks), "and never mixed")


def all_end():
    with titled("discovery-ends", "work") as program:
        sampan.wait_for(lambda: "work" in pathlib.Path("/proc/%d/cmdline" % program.pid).read_text(), 10)
        thread, result = in_background(procname_prefix="discovery-ends", seconds=60, formats=["folded", "svg"])
        time.sleep(2)
        program.stop()
        begun = time.monotonic()
        thread.join()
    run = result[0]
    check(run.code == 0 and run.result["partial"] and run.result["ended"] == "targets_gone", "all targets gone: exit %d, partial" % run.code)
    check(share(run.stacks(), "work") > 0.9 and time.monotonic() - begun < 8, "with what was sampled, after %.1f s" % (time.monotonic() - begun))
    check("Partial" in run.file("svg").read_text(), "the picture says that it is partial")


def an_idle_target_is_a_result():
    with sampan.Workload([sys.executable, "-c", "import time; print('up', flush=True); time.sleep(99)", "discovery-idle"], ready=lambda w: w.says("up")):
        run = sampan.profile(cmdline_regex="discovery-idle$", seconds=2)
    check(run.code == 0 and run.result["samples"] <= 2 and run.file("folded"), "an idle target: exit %d, %d samples" % (run.code, run.result["samples"]))


def none_and_too_many():
    run = sampan.profile(app_name="discovery-nobody", version_id=1, seconds=1)
    check(run.code == 3 and "discovery-nobody-1_uWSGI worker" in run.result["sentence"], "no match: exit %d" % run.code)
    programs = [titled("discovery-many %d" % i, "work") for i in range(4)]
    sampan.wait_for(lambda: all("work" in pathlib.Path("/proc/%d/cmdline" % p.pid).read_text() for p in programs), 10)
    run = sampan.profile(procname_prefix="discovery-many", seconds=2, max_processes=2)
    check(run.code == 0 and len(run.result["processes"]) == 2 and run.result["skipped_processes"] == 2, "max_processes: two taken, two named as skipped")
    for program in programs:
        program.stop()


def other_namespaces():
    """A target in a PID namespace of its own; the agent in one of its own sees nothing and says why."""
    unshare = ["unshare", "--pid", "--fork", "--mount-proc"]
    if subprocess.run([*unshare, "true"], capture_output=True).returncode != 0:
        return sampan.skip("PID namespaces", "unshare is not allowed here")
    with sampan.Workload([*unshare, sys.executable, "-c", SPIN % ("inside", "inside"), "discovery-inside"]):
        run = sampan.profile(cmdline_regex="^[^ ]*python[^ ]* -c.*discovery-inside$", seconds=3)
        check(run.code == 0 and share(run.stacks(), "inside") > 0.9, "a target in another PID namespace: exit %d" % run.code)
    environment = dict(os.environ, params=json.dumps({"procname_prefix": "app", "output_dir": tempfile.mkdtemp()}))
    done = subprocess.run([*unshare, sampan.BINARY], env=environment, capture_output=True, text=True)
    check(done.returncode == 3 and "hostPID: true" in done.stdout, "without the host's processes: exit %d, says so" % done.returncode)


def in_the_targets_own_namespace():
    """As an ephemeral container: the agent beside its target in one PID namespace, not the host's."""
    unshare = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"]
    if subprocess.run([*unshare, "true"], capture_output=True).returncode != 0:
        return sampan.skip("a shared PID namespace", "unshare is not allowed here")
    directory = tempfile.mkdtemp(prefix="sampan-test-")
    environment = dict(os.environ, params=json.dumps({"cmdline_regex": "ephemeral-target$", "seconds": 3, "formats": ["folded"], "output_dir": directory}))
    script = '"$0" -c "$1" ephemeral-target & "$2"; code=$?; kill $!; exit $code'
    done = subprocess.run([*unshare, "bash", "-c", script, sys.executable, SPIN % ("inside", "inside"), sampan.BINARY], env=environment, capture_output=True, text=True)
    run = sampan.Run(done.returncode, done.stdout, done.stderr, directory)
    check(run.code == 0 and share(run.stacks(), "inside") > 0.9, "beside its target in one PID namespace: exit %d %s" % (run.code, run.err[-200:]))


def a_program_that_has_just_begun():
    """Found between its exec and the mapping of its interpreter, it is taken for what it is soon after."""
    if not sampan.need("gcc", "late libraries"):
        return
    source = tempfile.NamedTemporaryFile("w", suffix=".c")
    library = sorted(pathlib.Path("/usr/lib/x86_64-linux-gnu").glob("libpython3.*.so.1.0"))
    if not library:
        return sampan.skip("late libraries", "no shared libpython")
    source.write('''#include <dlfcn.h>
#include <unistd.h>
int main() {
  usleep(1500000);   /* longer than the first look, shorter than the second */
  void *python = dlopen("%s", RTLD_NOW | RTLD_GLOBAL);
  ((void (*)(int))dlsym(python, "Py_InitializeEx"))(0);
  ((int (*)(const char *))dlsym(python, "PyRun_SimpleString"))("def late():\\n    while True: sum(range(200))\\nlate()\\n");
}''' % library[-1])
    source.flush()
    binary = tempfile.mkdtemp() + "/discovery-late"
    subprocess.run(["gcc", "-o", binary, source.name, "-ldl"], check=True)
    with sampan.Workload([binary]) as program:
        run = sampan.profile(pid=program.pid, seconds=8)
    check(run.code == 0 and share(run.stacks(), r"^late \(") > 0.5, "a library mapped late: exit %d, %.0f %% in its function, %s" % (
        run.code, 100 * share(run.stacks(), r"^late \("), [(p["runtime"], p["tier"]) for p in run.result["processes"]]))


def a_spoofed_name_in_another_container():
    """Two containers whose processes bear the same name: where one container is asked for, only its own is taken."""
    if not sampan.need("gcc", "containers"):
        return
    engine = engine_or_none()
    if not engine:
        return
    folder = pathlib.Path(tempfile.mkdtemp())
    (folder / "spin.c").write_text("volatile unsigned long x; int main() { for (;;) x++; }")
    name = "spoofed-1_uWSGI worker 1"
    subprocess.run(["gcc", "-static", "-o", folder / name, folder / "spin.c"], check=True)
    subprocess.run(["tar", "-C", folder, "-cf", folder / "image.tar", name], check=True)
    engine.must("import", folder / "image.tar", "spin:test")
    first, second = (engine.start("--network=none", "spin:test", "/" + name) for _ in range(2))
    pids = [int(engine.must("inspect", "-f", "{{.State.Pid}}", c)) for c in (first, second)]
    both = sampan.profile(procname_prefix="/spoofed-1_uWSGI", seconds=1)
    check({p["pid"] for p in both.result["processes"]} == set(pids), "by name alone, both match: exit %d" % both.code)
    check({p.get("container_id") for p in both.result["processes"]} == {first, second}, "and the result names their containers")
    for container, pid in zip((first, second), pids):
        run = sampan.profile(procname_prefix="/spoofed-1_uWSGI", container_id="docker://" + container[:12], seconds=1)
        check(run.code == 0 and [p["pid"] for p in run.result["processes"]] == [pid], "by name and container, one: exit %d" % run.code)
    run = sampan.profile(procname_prefix="/spoofed-1_uWSGI", container_id="0" * 64, seconds=1)
    check(run.code == 3, "no such container: exit %d" % run.code)


def without_the_capability():
    if not sampan.need("setpriv", "capabilities"):
        return
    with sampan.Workload(["/usr/bin/python3", "-c", SPIN % ("work", "work"), "discovery-caps"], user="nobody"):
        prefix = ["setpriv", "--bounding-set=-sys_ptrace", "--inh-caps=-sys_ptrace"]
        run = sampan.profile(_prefix=prefix, cmdline_regex="discovery-caps$", seconds=1)
    check(run.code == 4 and "SYS_PTRACE" in run.result["sentence"] and "capabilities" in run.result["sentence"],
          "without SYS_PTRACE: exit %d: %s" % (run.code, run.result["sentence"][-160:]))
    run = sampan.profile(_prefix=prefix, mode="doctor")
    missing = [e["name"] for e in run.events if e["event"] == "check" and e["state"] == "missing"]
    check(run.code == 4 and "SYS_PTRACE" in missing, "the doctor names it: %s" % missing)


workers_come_and_go()
uwsgi_respawns()
exec_is_another_program()
all_end()
an_idle_target_is_a_result()
none_and_too_many()
other_namespaces()
in_the_targets_own_namespace()
a_program_that_has_just_begun()
a_spoofed_name_in_another_container()
without_the_capability()
run = sampan.profile(mode="doctor")
check(run.code == 0 and len([e for e in run.events if e["event"] == "check"]) >= 8, "the doctor's table: exit %d" % run.code)
sampan.finish()
