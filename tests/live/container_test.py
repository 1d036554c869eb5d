"""The scratch image profiles applications in other containers: other libc, other interpreter, not root, read-only."""
import containers
import sampan
from engine import engine_or_none, own_image, run_agent
from sampan import check, share

PREFIX = "arya-python3-2255_"
PTRACE = ["--cap-add=SYS_PTRACE", "--security-opt=apparmor=unconfined"]
HOST_PID = ["--pid=host", *PTRACE]


def python(engine, image):
    root = sampan.CACHE / "root-bullseye.tar"
    if not root.exists():
        return sampan.skip("python in a container", "no root file system of another Debian (tests/live/get_container_roots.sh)")
    engine.must("import", root, "bullseye:test")
    port = sampan.free_port()
    application = engine.start(
        "--network=host", "-v", "%s:/w:ro" % (sampan.WORKLOADS / "uwsgi"), "bullseye:test", "uwsgi", "--plugin", "python3",
        "--http-socket", "127.0.0.1:%d" % port, "--wsgi-file", "/w/app.py", "--master", "--processes", "2", "--uid", "33",
        "--enable-threads", "--auto-procname", "--procname-prefix", PREFIX)
    sampan.wait_for(lambda: sampan.answers(port), 60, "the application in the container")
    load = sampan.Workload(["python3", sampan.WORKLOADS / "uwsgi" / "load.py", port, 300, 4])
    target = {"app_name": "arya-python3", "version_id": "2255"}

    run = run_agent(engine, image, HOST_PID, target)
    hot = share(run.stacks(), r"search \(.*app\.py")
    check(run.code == 0 and hot > 0.3, "python 3.9 of Debian 11, uWSGI: exit %d, %.0f %% in the hot function %s"
          % (run.code, 100 * hot, run.err[-300:] if run.code else ""))

    run = run_agent(engine, image, HOST_PID, {"container_id": application[:12]})
    check(run.code == 0 and share(run.stacks(), "search") > 0.3, "by container id: exit %d" % run.code)

    # As an ephemeral container has it: the target's own pid namespace and nothing of the host's.
    run = run_agent(engine, image, ["--pid=container:" + application, *PTRACE], target)
    check(run.code == 0 and share(run.stacks(), "search") > 0.3, "in the target's own pid namespace: exit %d" % run.code)

    run = run_agent(engine, image, PTRACE, target)
    check(run.code == 3 and "hostPID" in run.out + run.err, "without --pid=host: exit %d, says so" % run.code)
    load.stop()
    engine.remove(application)


def other(engine, image, language):
    container = containers.start(engine, language)
    if container is None:
        return
    hot = containers.LANGUAGES[language][2]
    run = run_agent(engine, image, HOST_PID, {"container_id": container[:12]})
    got = share(run.stacks(), hot)
    check(run.code == 0 and got > 0.3, "%s: exit %d, %.0f %% below %s, tier %s %s" % (
        language, run.code, 100 * got, hot, run.result.get("tier"), run.out[-600:] if got <= 0.3 else ""))
    engine.remove(container)


def main():
    engine = engine_or_none()
    if not engine:
        return
    image = own_image(engine)
    python(engine, image)
    for language in containers.LANGUAGES:
        other(engine, image, language)


main()
sampan.finish()
