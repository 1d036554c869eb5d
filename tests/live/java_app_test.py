"""Real applications: a Spring Boot web application while it starts and under load, and a Maven build of Apache Commons Lang.

SAMPAN_LONG=1 samples each for longer; SAMPAN_JDKS names JDKs.
"""
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import time

import jdks
import sampan
from sampan import check, skip

SECONDS = 20 if sampan.LONG else 5
TIERS = ("ptrace", "ebpf")
APPS = sampan.CACHE / "java-apps"
REQUESTS = """
local paths = {"/owners?lastName=Chen", "/visits?lastName=Dubois", "/owners?lastName=Haddad", "/move?id=7&address=Elsewhere"}
local next = 0
request = function()
  next = next + 1
  local path = paths[next % #paths + 1]
  return wrk.format(path:match("move") and "POST" or "GET", path)
end
"""


def take(what, pid, tier, wanted, **params):
    """A delivered profile of which that share of the stacks is whole; None where the tier is not allowed here."""
    run = sampan.profile(pid=pid, tier=tier, rate=200, max_cpu_percent=100, group_by=["thread"], **params)
    if run.code == 4:
        skip(f"{what} in the {tier} tier", run.result.get("sentence", ""))
        return None
    if not check(run.code == 0, f"{what}, {tier}: delivered ({run.result.get('sentence', run.err[-300:])})"):
        return None
    quality = run.result["quality"]
    share, total = jdks.whole(run)
    bad = round((1 - share) * total)
    doubtful = sampan.share(run.stacks(), r"^\[code that changed")
    check(sampan.at_least(total - bad, total, wanted), f"{what}, {tier}: {total - bad} of {total} stacks whole ({wanted:.1%} wanted), "
          f"{doubtful:.2%} with a frame in doubt, longest stop {quality['longest_stop_us']:.0f} µs")
    for frames, count in run.stacks():
        if bad > total * 0.003 and any(f.startswith(("[truncated]", "[code that changed while")) for f in frames):
            print(f"      {count} × {';'.join(frames)[-220:]}")
    return run


def runs_java(load):
    return os.readlink(f"/proc/{load.pid}/exe").endswith("/java")


def start(jdk, jar):
    """The clinic, as soon as its JVM runs."""
    shutil.copy(jar, pathlib.Path(jdk.root, "opt", "workloads", "clinic.jar"))
    port = sampan.free_port()
    command = ["python3", jdks.HERE / "in_root.py", jdk.root, jdk.java, "-Xmx400m", "-jar", "/opt/workloads/clinic.jar", f"--server.port={port}"]
    load = sampan.Workload(command, ready=runs_java)
    load.port = port
    return load


def clinic(jdk, jar):
    jdk.place()
    for tier in TIERS:
        with start(jdk, jar) as load:
            run = take(f"{jdk.name} clinic's start", load.pid, tier, 0.99, seconds=SECONDS)
            if run:
                starts = sampan.share(run.stacks(), r"^org/springframework/boot/SpringApplication\.run ")
                check(starts > 0.2, f"{jdk.name} clinic's start, {tier}: {starts:.0%} in SpringApplication.run")
            sampan.wait_for(lambda: load.says("ready") or load.process.poll() is not None, 120, "the clinic to be ready")
            if not check(load.process.poll() is None, f"{jdk.name} clinic: it started {load.output()[-500:] if load.process.poll() else ''}"):
                return
            under_load(jdk, load, tier)


def under_load(jdk, load, tier):
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(REQUESTS)
        script.flush()
        url = f"http://127.0.0.1:{load.port}"
        subprocess.run(["wrk", "-t", "1", "-c", "2", "-d", "4s", "-s", script.name, url], capture_output=True, check=True)   # warm
        users = subprocess.Popen(["wrk", "-t", "1", "-c", "2", "-d", f"{SECONDS + 2}s", "-s", script.name, url], stdout=subprocess.PIPE, text=True)
        run = take(f"{jdk.name} clinic under load", load.pid, tier, 0.99, seconds=SECONDS)
        said = users.communicate(timeout=120)[0]
    if not run:
        return
    served = int(re.search(r"(\d+) requests in", said).group(1))
    check(served > 100 and "Non-2xx" not in said and "Socket errors" not in said, f"{jdk.name} clinic under load, {tier}: {served} requests served, none failed")
    requests = [(frames, count) for frames, count in run.stacks() if re.match(r"http-nio-127\.0\.0\.1-\d+-exec-\d+", frames[0])]
    total = sum(count for _, count in requests)
    rooted = sampan.share(requests, r"^java/lang/Thread\.run \(Thread\.java:\d+\)$")
    check(total > 50 and rooted > 0.99, f"{jdk.name} clinic under load, {tier}: {rooted:.1%} of {total} stacks of Tomcat's threads begin in Thread.run")
    own = sampan.share(requests, r"^clinic/OwnerController\.(find|visits|move) \(OwnerController\.java:\d+\)")
    pages = sampan.share(requests, r"^org/thymeleaf/TemplateEngine\.process ")
    query = sampan.share(requests, r"^org/hibernate/")
    check(own > 0.1 and pages > 0.1 and query > 0.2, f"{jdk.name} clinic under load, {tier}: {own:.0%} in the controller, {pages:.0%} in Thymeleaf, {query:.0%} in Hibernate")


def build():
    """Maven's own JVM, from its first moments to its end."""
    for tier in TIERS:
        shutil.rmtree(APPS / "lang3" / "target", ignore_errors=True)
        command = ["mvn", "-o", "-B", f"-Dmaven.repo.local={APPS / 'm2'}", "-f", APPS / "lang3" / "pom.xml", "compile"]
        with sampan.Workload(command, ready=runs_java) as load:
            run = take("Maven's build of Commons Lang", load.pid, tier, 0.99, seconds=60)
            sampan.wait_for(lambda: load.process.poll() is not None, 60, "the build to end")
            built = (APPS / "lang3" / "target" / "classes" / "org" / "apache" / "commons" / "lang3" / "StringUtils.class").exists()
            check(load.process.returncode == 0 and built, f"Maven's build of Commons Lang, {tier}: built")
        if run:
            javac = sampan.share(run.stacks(), r"^com/sun/tools/javac/main/JavaCompiler\.compile ")
            check(javac > 0.1, f"Maven's build of Commons Lang, {tier}: {javac:.0%} in javac, {run.result['quality']['taken']} samples")


if not jdks.classes() or os.geteuid() != 0:
    skip("Java applications", "javac and root are needed")
    sampan.finish()
fetched = subprocess.run(["sh", jdks.HERE / "get_java_apps.sh"], capture_output=True, text=True, timeout=600)
jar = APPS / "clinic" / "target" / "clinic.jar"
if fetched.returncode != 0 or not jar.exists():
    skip("Java applications", f"they could not be built: {(fetched.stdout + fetched.stderr)[-300:]}")
    sampan.finish()
for jdk in jdks.unpacked([int(v) for v in os.environ.get("SAMPAN_JDKS", "17 21 25" if sampan.LONG else "25").split()]):
    clinic(jdk, jar)
build()
sampan.finish()
