"""A php-fpm pool of 8 behind nginx, found by its title and by its container: hot functions, idle workers, respawned ones."""
import os
import shutil
import signal
import tempfile
import threading

import containers
import sampan
from engine import engine_or_none
from load import Load
from sampan import CACHE, WORKLOADS, check, share

ROOT = CACHE / "phps" / "8.2"
PREFIX = "php-fpm: pool www"
HOT = r"^Catalogue::search \(/(tmp|w)/index.php:16\)$"
POOL = """[global]
error_log = /tmp/fpm.log
daemonize = no
[www]
listen = /tmp/fpm.socket
listen.mode = 0666
pm = static
pm.max_children = 8
pm.max_requests = %d
"""
SITE = """daemon off; pid %(dir)s/nginx.pid; error_log %(dir)s/nginx.log;
events { }
http { access_log off; client_body_temp_path %(dir)s/b; fastcgi_temp_path %(dir)s/f; proxy_temp_path %(dir)s/p; uwsgi_temp_path %(dir)s/u;
  scgi_temp_path %(dir)s/s;
  server { listen 127.0.0.1:%(port)d; location / { include /etc/nginx/fastcgi_params;
    fastcgi_param SCRIPT_FILENAME %(script)s; fastcgi_pass %(pass)s; } } }
"""


def workers():
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/%s/cmdline" % pid, "rb") as file:
                if file.read().startswith(PREFIX.encode()):
                    found.append(int(pid))
        except OSError:
            pass
    return set(found)


def pool(requests, *arguments):
    (ROOT / "tmp" / "fpm.conf").write_text(POOL % requests)
    return sampan.Workload(["chroot", ROOT, "php-fpm8.2", "-n", *arguments, "-R", "-y", "/tmp/fpm.conf", "-c", "/tmp"],
                           ready=lambda _: len(workers()) == 8 and (ROOT / "tmp" / "fpm.socket").exists())


def under_load(url, what, seconds=4, **target):
    load = Load(url, 6)
    run = sampan.profile(**(target or {"procname_prefix": PREFIX}), seconds=seconds, group_by=["process"])
    load.stop()
    stacks = sampan.with_frames(run.stacks())
    hot = share(stacks, HOT)
    check(run.code == 0 and load.done > 5 and hot > 0.8, "%s: %.0f %% in the hot functions, %d requests (%d failed)"
          % (what, 100 * hot, load.done, load.failed))
    return run, load


def web_server(socket, script):
    """nginx before the pool that listens there; its port is in `.port`."""
    directory = tempfile.mkdtemp(prefix="sampan-fpm-")
    os.chmod(directory, 0o755)
    port = sampan.free_port()
    with open(directory + "/nginx.conf", "w") as file:
        file.write("user root; " + SITE % {"dir": directory, "port": port, "script": script, "pass": socket})
    server = sampan.Workload(["nginx", "-c", directory + "/nginx.conf"], ready=lambda _: sampan.answers(port))
    server.port = port
    return server


def contained():
    engine = engine_or_none()
    if not engine:
        return
    containers.import_root(engine, ROOT, "fpm:test")
    port = sampan.free_port()
    folder = tempfile.mkdtemp(prefix="sampan-fpm-")
    os.chmod(folder, 0o755)
    shutil.copy(WORKLOADS / "php" / "index.php", folder)
    with open(folder + "/fpm.conf", "w") as file:
        file.write((POOL % 0).replace("/tmp/fpm.socket", "127.0.0.1:%d" % port).replace("[www]", "[www]\nuser = 33\ngroup = 33"))
    container = engine.start("--network=host", "--read-only", "--tmpfs=/tmp", "-v", "%s:/w:ro" % folder, "fpm:test",
                             "php-fpm8.2", "-n", "-y", "/w/fpm.conf", "-c", "/w")
    sampan.wait_for(lambda: len(workers()) == 8 and sampan.answers(port), 60, "the pool in a container")
    with web_server("127.0.0.1:%d" % port, "/w/index.php") as server:
        run, _ = under_load("http://127.0.0.1:%d/?work=200" % server.port, "pool in a container, by its id", container_id=container[:12])
        found = len(run.result.get("processes", []))
        check(found == 9, "by its container: %d processes (8 workers and their master)" % found)
    engine.remove(container)


def main():
    if not (ROOT / ".complete").exists():
        return sampan.skip("php-fpm", "not fetched (tests/live/get_phps.sh)")
    if not sampan.need("nginx", "php-fpm behind nginx"):
        return
    shutil.copy(WORKLOADS / "php" / "index.php", ROOT / "tmp" / "index.php")
    with web_server("unix:%s/tmp/fpm.socket" % ROOT, "/tmp/index.php") as server:
        url = "http://127.0.0.1:%d/?work=200" % server.port
        with pool(0):
            for tier in ("memory", "ebpf"):   # the kernel samples what runs alone
                idle = sampan.take("8 idle workers", tier, procname_prefix=PREFIX, seconds=2)
                quality = idle.result.get("quality", {}) if idle else {}
                check(not idle or (quality.get("taken") == 0 and (tier == "ebpf" or quality.get("wanted", 0) > 500)),
                      "8 idle workers, %s tier: %s of %s samples" % (tier, quality.get("taken"), quality.get("wanted")))
            run, _ = under_load(url, "pool of 8")
            check(len({frames[0] for frames, _ in run.stacks()}) >= 6, "the workers share the load")

            victim = min(workers())
            timer = threading.Timer(1, os.kill, (victim, signal.SIGKILL))
            timer.start()
            run, _ = under_load(url, "with one killed", 5)
            timer.join()
            pids = {process["pid"] for process in run.result.get("processes", [])}
            check(len(workers()) == 8 and workers() <= pids, "the worker that replaces a killed one is followed")
        with pool(0, "-d", "zend_extension=opcache", "-d", "opcache.jit_buffer_size=32M", "-d", "opcache.jit=tracing"):
            under_load(url, "with opcache and its JIT")
    contained()


main()
sampan.finish()
