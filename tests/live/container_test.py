"""The scratch image profiles an application in another container with another libc and another Python."""
import json
import os
import tempfile

import sampan
from engine import engine_or_none, own_image
from sampan import check, share

PREFIX = "arya-python3-2255_"


def run_agent(engine, image, flags, params):
    directory = tempfile.mkdtemp(prefix="sampan-test-")
    params = dict({"seconds": 4, "formats": ["folded"]}, **params)
    done = engine.docker("run", "--rm", "--network=none", "--cap-drop=ALL", "--read-only", "-v", "%s:/var/run" % directory,
                         *flags, "-e", "params=" + json.dumps(params), image, "profile_task")
    return sampan.Run(done.returncode, done.stdout, done.stderr, directory)


def main():
    root = sampan.CACHE / "root-bullseye.tar"
    engine = engine_or_none()
    if not engine:
        return
    if not root.exists():
        return sampan.skip("containers", "no root file system of another Debian (tests/live/get_container_roots.sh)")
    image = own_image(engine)
    size = int(engine.must("image", "inspect", "-f", "{{.Size}}", image))
    check(size == os.path.getsize(sampan.BINARY), "the image is the binary's size: %d bytes" % size)

    engine.must("import", root, "bullseye:test")
    port = sampan.free_port()
    application = engine.start(
        "--network=host", "-v", "%s:/w:ro" % (sampan.WORKLOADS / "uwsgi"), "bullseye:test", "uwsgi", "--plugin", "python3",
        "--http-socket", "127.0.0.1:%d" % port, "--wsgi-file", "/w/app.py", "--master", "--processes", "2", "--uid", "33",
        "--enable-threads", "--auto-procname", "--procname-prefix", PREFIX)
    sampan.wait_for(lambda: sampan.answers(port), 60, "the application in the container")
    load = sampan.Workload(["python3", sampan.WORKLOADS / "uwsgi" / "load.py", port, 300, 4])
    target = {"app_name": "arya-python3", "version_id": "2255"}
    ptrace = ["--cap-add=SYS_PTRACE", "--security-opt=apparmor=unconfined"]

    run = run_agent(engine, image, ["--pid=host", *ptrace], target)
    hot = share(run.stacks(), r"search \(/w/app\.py")
    check(run.code == 0 and hot > 0.3, "another container, Debian 11 and Python 3.9, non-root: exit %d, %.0f %% in the hot function %s"
          % (run.code, 100 * hot, run.err[-300:]))

    run = run_agent(engine, image, ["--pid=host", *ptrace], {"container_id": application[:12]})
    check(run.code == 0 and share(run.stacks(), "search") > 0.3, "by container id: exit %d" % run.code)

    run = run_agent(engine, image, ["--pid=host"], target)
    check(run.code == 4 and "SYS_PTRACE" in run.out + run.err, "without SYS_PTRACE: exit %d, names it" % run.code)

    run = run_agent(engine, image, ptrace, target)
    check(run.code == 3 and "hostPID" in run.out + run.err, "without --pid=host: exit %d, says so" % run.code)
    load.stop()


main()
sampan.finish()
