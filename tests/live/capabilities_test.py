"""The README's table of rights, proven: with each one taken away, the exit code, and the sentence that names it."""
import json
import subprocess
import tempfile
import time

import containers
import sampan
from engine import engine_or_none, own_image, run_agent
from podman import podman_or_none
from sampan import check, share

UNCONFINED = "--security-opt=apparmor=unconfined"
GIVEN = ["--pid=host", "--cap-add=SYS_PTRACE", UNCONFINED]

# name, flags, parameters, exit code, what the sentence must name
TABLE = [
    ("all that is needed", GIVEN, {}, 0, None),
    ("no SYS_PTRACE", ["--pid=host", UNCONFINED], {}, 4, "SYS_PTRACE"),
    ("no host pids", ["--cap-add=SYS_PTRACE", UNCONFINED], {}, 3, "hostPID"),
    ("another user without the capability", ["--pid=host", UNCONFINED, "--user=1000:1000"], {}, 4, "SYS_PTRACE"),
    ("a capability, but not uid 0", [*GIVEN, "--user=1000:1000"], {}, 4, "runAsUser: 0"),
    ("tier ebpf without BPF and PERFMON", GIVEN, {"tier": "ebpf"}, 4, "BPF"),
    ("no such process", GIVEN, {"cmdline_regex": "^no-such-program"}, 3, "no-such-program"),
    ("a misspelt key", GIVEN, {"second": 1}, 2, "seconds"),
]


def sentence(run):
    return run.result.get("sentence", "") + " " + " ".join(e.get("sentence", "") for e in run.events if e.get("level") == "warning")


def table(engine, image, target):
    for name, flags, params, code, names in TABLE:
        run = run_agent(engine, image, flags, dict({"cmdline_regex": target, "seconds": 1}, **params))
        check(run.code == code and (names is None or names in sentence(run)),
              "%s: exit %d (wanted %d), names %s | %s" % (name, run.code, code, names, sentence(run)[:300]))


def output_not_writable(engine, image, target):
    run = run_agent(engine, image, GIVEN, {"cmdline_regex": target, "seconds": 1}, write=False)
    check(run.code == 7 and "/var/run" in sentence(run), "a read-only root and no volume: exit %d | %s" % (run.code, sentence(run)[:200]))


def restricted(engine, image, target):
    """What the running agent has given up, as the host's /proc says."""
    agent = engine.start("--network=none", "--tmpfs=/var/run", "--cap-add=NET_ADMIN", "--cap-add=SYS_ADMIN", *GIVEN, "-e",
                         "params=" + json.dumps({"cmdline_regex": target, "seconds": 60}), image)
    pid = engine.must("inspect", "-f", "{{.State.Pid}}", agent)
    sampan.wait_for(lambda: '"sample"' in engine.docker("logs", agent).stdout, 30, "the agent to sample")
    status = dict(line.split(":\t") for line in open("/proc/%s/status" % pid).read().splitlines())
    kept = int(status["CapPrm"], 16)
    ptrace, override = 1 << 19, 1 << 1
    check(kept & ~override == ptrace and int(status["CapEff"], 16) == kept and status["CapBnd"] == status["CapPrm"],
          "of SYS_ADMIN, NET_ADMIN and Docker's own set only SYS_PTRACE stays: %x" % kept)
    check(status["NoNewPrivs"].strip() == "1" and status["Seccomp"].strip() == "2" and "Max core file size        0" in
          open("/proc/%s/limits" % pid).read(), "no new privileges, a system-call filter, no core dumps")
    stopped = time.monotonic()
    engine.must("kill", "-s", "TERM", agent)
    code = engine.must("wait", agent)
    check(code == "0" and time.monotonic() - stopped < 10, "SIGTERM as PID of its own container: exit %s" % code)


# Every right that the ebpf tier needs, and what only adds to it. podman 4.3's own filter refuses bpf() and
# perf_event_open() to all but SYS_ADMIN; newer runtimes' go by BPF and PERFMON.
BPF = ["--cap-add=SYS_PTRACE", "--cap-add=BPF", "--cap-add=PERFMON"]
FREE = "--security-opt=seccomp=unconfined"
BPF_TABLE = [
    ("SYS_PTRACE, BPF, PERFMON", [FREE, *BPF], 0, None),
    ("no BPF", [FREE, BPF[0], BPF[2]], 4, "BPF"),
    ("no PERFMON", [FREE, BPF[0], BPF[1]], 4, "PERFMON"),
    ("no SYS_PTRACE", [FREE, BPF[1], BPF[2]], 4, "SYS_PTRACE"),
    ("a runtime's filter that forbids bpf", BPF, 4, "seccomp"),
]


def kernel_names(podman):
    """The kernel tells its own names to a BPF program: /proc/kallsyms, which is empty without SYSLOG, is not needed."""
    with sampan.Workload(["dd", "if=/dev/zero", "of=/dev/null", "bs=64k"]) as target:
        run = podman.agent([FREE, *BPF], {"pid": target.pid, "tier": "ebpf"})
        inside = share(run.stacks(), r"^(vfs_read|ksys_read|__x64_sys_read)_\[k\]$")
        check(inside > 0.5, "without SYSLOG kernel frames have names: %.0f %% of dd is inside the kernel's read" % (100 * inside))


def bpf_table():
    podman = podman_or_none()
    if podman is None:
        return
    with tempfile.TemporaryDirectory() as folder:
        program = folder + "/split"
        subprocess.run(["g++", "-O1", "-o", program, sampan.WORKLOADS / "native" / "split.cpp"], check=True)
        with sampan.Workload([program], ready=lambda w: w.says("ready")) as target:
            for name, flags, code, names in BPF_TABLE:
                run = podman.agent(flags, {"pid": target.pid, "tier": "ebpf"})
                check(run.code == code and (names is None or names in sentence(run)),
                      "ebpf, %s: exit %d (wanted %d), names %s | %s" % (name, run.code, code, names, sentence(run)[:300]))
                if code == 0:
                    check(run.result.get("tier") == "ebpf" and share(run.stacks(), "split::sixty") > 0.4,
                          "and sees the hot function under the agent's own filter")
            kernel_names(podman)
            run = podman.agent([FREE, BPF[0]], {"pid": target.pid})
            check(run.code == 0 and run.result.get("tier") == "ptrace", "auto without BPF and PERFMON: tier %s, %s"
                  % (run.result.get("tier"), run.result.get("tier_sentence")))
    podman.stop()


def main():
    bpf_table()
    engine = engine_or_none()
    if not engine:
        return
    image = own_image(engine)
    if containers.start(engine, "ruby") is None:
        return
    target = "^/usr/bin/ruby2"   # anchored: the engine's own command line holds the parameters
    table(engine, image, target)
    output_not_writable(engine, image, target)
    restricted(engine, image, target)


main()
sampan.finish()
