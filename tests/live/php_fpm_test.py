"""A php-fpm pool of 8 behind nginx, found by its title: hot functions, idle workers, respawned ones."""
import os
import shutil
import signal
import tempfile
import threading

import sampan
from load import Load
from sampan import CACHE, WORKLOADS, check, share

ROOT = CACHE / "phps" / "8.2"
PREFIX = "php-fpm: pool www"
HOT = r"^Catalogue::search \(/tmp/index.php:16\)$"
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
    fastcgi_param SCRIPT_FILENAME /tmp/index.php; fastcgi_pass unix:%(root)s/tmp/fpm.socket; } } }
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


def under_load(url, what, seconds=4):
    load = Load(url, 6)
    run = sampan.profile(procname_prefix=PREFIX, seconds=seconds, group_by=["process"])
    load.stop()
    stacks = run.stacks()
    hot = share(stacks, HOT)
    check(run.code == 0 and load.done > 5 and hot > 0.8, "%s: %.0f %% in the hot functions, %d requests (%d failed)"
          % (what, 100 * hot, load.done, load.failed))
    return run, load


def main():
    if not (ROOT / ".complete").exists():
        return sampan.skip("php-fpm", "not fetched (tests/live/get_phps.sh)")
    if not sampan.need("nginx", "php-fpm behind nginx"):
        return
    for program in ("index.php",):
        shutil.copy(WORKLOADS / "php" / program, ROOT / "tmp" / program)
    directory = tempfile.mkdtemp(prefix="sampan-fpm-")
    os.chmod(directory, 0o755)
    port = sampan.free_port()
    with open(directory + "/nginx.conf", "w") as file:
        file.write("user root; " + SITE % {"dir": directory, "port": port, "root": ROOT})
    with sampan.Workload(["nginx", "-c", directory + "/nginx.conf"], ready=lambda _: sampan.answers(port)):
        url = "http://127.0.0.1:%d/?work=200" % port
        with pool(0):
            idle = sampan.profile(procname_prefix=PREFIX, seconds=2)
            quality = idle.result.get("quality", {})
            check(idle.code == 0 and quality.get("taken") == 0 and quality.get("wanted", 0) > 500,
                  "8 idle workers: %s of %s samples" % (quality.get("taken"), quality.get("wanted")))
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


main()
sampan.finish()
