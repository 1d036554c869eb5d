"""A run's life: events, partial results at signals and at any moment, disks that are full, series, secrets."""
import json
import os
import pathlib
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree

import sampan
from sampan import check

SPIN = "import sys\ndef work():\n    while True: sum(range(200))\nprint('up', flush=True)\nwork()\n"
TIMES = 100 if sampan.LONG else 25


def target(*words, **options):
    return sampan.Workload([sys.executable, "-c", SPIN, *words], ready=lambda w: w.says("up"), **options)


def start(params, prefix=(), environment=None):
    environment = dict(environment or os.environ, params=json.dumps(params))
    return subprocess.Popen([*prefix, sampan.BINARY], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def finished(process, directory, timeout=30):
    out, err = process.communicate(timeout=timeout)
    return sampan.Run(process.returncode, out.decode(), err.decode(), directory)


def events_follow_the_schema(pid):
    run = sampan.profile(pid=pid, seconds=6, tier="memory", formats=["svg", "folded", "speedscope", "pprof"])
    names = [e["event"] for e in run.events]
    check(run.code == 0 and names[-1] == "result" and names.count("result") == 1, "one result, last: exit %d" % run.code)
    check([e["seq"] for e in run.events] == list(range(len(names))), "seq counts from 0 without a gap")
    check(names.count("progress") >= 2, "a heartbeat every five seconds")
    check([e["stage"] for e in run.events if e["event"] == "stage"] == ["discover", "sample", "render", "deliver"], "the stages, in order")
    quality, cost = run.result["quality"], run.result["cost"]
    check(500 <= quality["wanted"] + 100 * quality["late"] / 100 <= 610 and 80 <= quality["achieved_rate"] <= 101, "figures: %s" % quality)
    check(0 < cost["cpu_seconds"] < 3 and 1 << 20 < cost["rss_bytes"] < 64 << 20, "own cost: %s" % cost)
    check(quality["taken"] == run.result["samples"] == sum(c for _, c in run.stacks()), "taken = the profile's samples = the folded file's")
    every_format_is_whole(run)
    runs = [run, sampan.profile(pid=pid, mode="dump"), sampan.profile(mode="doctor"), sampan.profile(pid=4194304), sampan.profile(x=1),
            sampan.profile(pid=pid, mode="top", seconds=6)]
    try:
        import jsonschema
    except ImportError:
        return sampan.skip("events against their schema", "python3-jsonschema is not installed")
    schema = json.loads(subprocess.run([sampan.BINARY, "--events-schema"], capture_output=True, check=True).stdout)
    validator = jsonschema.Draft202012Validator(schema)
    events = [e for r in runs for e in r.events]
    wrong = [e for e in events if not validator.is_valid(e)]
    check(not wrong and len({e["event"] for e in events}) == 7, "%d events of 7 kinds follow the schema %s" % (len(events), wrong[:1]))


def every_format_is_whole(run):
    xml.etree.ElementTree.fromstring(run.file("svg").read_bytes())
    json.loads(run.file("speedscope.json").read_text())
    done = subprocess.run(["gzip", "-t"], stdin=run.file("pb.gz").open("rb"))
    check(done.returncode == 0, "svg, speedscope and pprof are whole")


def signals_end_it(pid):
    for name in (signal.SIGTERM, signal.SIGINT):
        directory = tempfile.mkdtemp(prefix="sampan-test-")
        process = start({"pid": pid, "seconds": 60, "formats": ["folded", "svg"], "output_dir": directory})
        process.stdout.readline()
        time.sleep(1.5)
        begun = time.monotonic()
        process.send_signal(name)
        run = finished(process, directory)
        took = time.monotonic() - begun
        check(run.code == 0 and run.result["partial"] and run.result["ended"] == "signal" and took < 2, "%s: exit %d, partial, after %.2f s" % (name.name, run.code, took))
        check(len(run.stacks()) > 0 and "Partial" in run.file("svg").read_text(), "%s: what was sampled is there" % name.name)


def signals_at_any_moment(pid):
    """Whatever the moment: valid files or none, nothing hidden left behind, and an end within the grace."""
    random.seed(7)
    codes, longest, left = {}, 0.0, []
    for _ in range(TIMES):
        directory = tempfile.mkdtemp(prefix="sampan-test-")
        process = start({"pid": pid, "seconds": 1, "formats": ["svg", "folded"], "output_dir": directory})
        time.sleep(random.uniform(0, 1.3))
        begun = time.monotonic()
        process.send_signal(signal.SIGTERM)
        run = finished(process, directory)
        longest = max(longest, time.monotonic() - begun)
        codes[run.code] = codes.get(run.code, 0) + 1
        for file in pathlib.Path(directory).iterdir():
            try:
                if file.suffix == ".svg":
                    xml.etree.ElementTree.fromstring(file.read_bytes())
                elif file.suffix != ".folded":
                    left.append(file.name)
            except xml.etree.ElementTree.ParseError as error:
                left.append("%s: %s" % (file.name, error))
    # Before its handlers stand the process dies of the signal as any does.
    check(set(codes) <= {0, -signal.SIGTERM} and codes.get(0, 0) > TIMES / 2, "SIGTERM at %d random moments: exits %s" % (TIMES, codes))
    check(not left and longest < 3, "valid files or none: %s; the slowest end took %.2f s" % (left, longest))


def as_process_1():
    """PID 1 ignores signals that it has no handler for. The target is its child, in the same PID namespace."""
    unshare = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"]
    if subprocess.run([*unshare, "true"], capture_output=True).returncode != 0:
        return sampan.skip("as PID 1", "unshare is not allowed here")
    directory = tempfile.mkdtemp(prefix="sampan-test-")
    script = '"$0" -c "$1" session-pid-1 >&2 & exec "$2"'
    environment = dict(os.environ, params=json.dumps({"cmdline_regex": "session-pid-1$", "seconds": 60, "formats": ["folded"], "output_dir": directory}))
    process = subprocess.Popen([*unshare, "bash", "-c", script, sys.executable, SPIN, sampan.BINARY], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    while b'"stage":"sample"' not in (line := process.stdout.readline()):
        if not line:
            return check(False, "PID 1 does not sample: %s" % process.communicate()[1][-300:])
    time.sleep(1)
    child = int(subprocess.run(["pgrep", "-P", str(process.pid)], capture_output=True, text=True).stdout.split()[0])
    os.kill(child, signal.SIGTERM)
    run = finished(process, directory)
    check(run.code == 0 and run.result["partial"] and run.stacks(), "SIGTERM as PID 1: exit %d, partial" % run.code)


def a_slow_destination_and_a_signal(pid):
    """The second signal gives up delivery; the file stays."""
    import fault_server
    server = fault_server.FaultServer()
    server.script["/"] = [fault_server.status(503)]
    directory = tempfile.mkdtemp(prefix="sampan-test-")
    process = start({"pid": pid, "seconds": 1, "formats": ["folded"], "output_dir": directory, "upload": {"url": server.url("/"), "method": "POST", "retry_seconds": 600}})
    sampan.wait_for(lambda: server.requests, 20, "the first try")
    process.send_signal(signal.SIGTERM)
    time.sleep(0.5)
    process.send_signal(signal.SIGTERM)
    begun = time.monotonic()
    run = finished(process, directory)
    check(run.code == 7 and run.file("folded") and time.monotonic() - begun < 2, "two signals while delivering: exit %d, file kept" % run.code)


def full_and_missing_disks(pid):
    directory = tempfile.mkdtemp(prefix="sampan-test-")
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", directory], capture_output=True).returncode != 0:
        return sampan.skip("a full disk", "a tmpfs cannot be mounted here")
    try:
        (pathlib.Path(directory) / "filler").write_bytes(b"x" * 60_000)
        run = sampan.profile(pid=pid, seconds=1, formats=["svg"], output_dir=directory)
        names = sorted(p.name for p in pathlib.Path(directory).iterdir())
        check(run.code == 7 and names == ["filler"] and "No space" in run.result["sentence"], "a full disk: exit %d, nothing half: %s" % (run.code, names))
        subprocess.run(["mount", "-o", "remount,ro", directory], check=True)
        run = sampan.profile(pid=pid, seconds=1, output_dir=directory)
        check(run.code == 7 and "output_dir" in run.result["sentence"] and run.result["seconds"] == 0, "a read-only disk: exit %d before sampling" % run.code)
        import fault_server
        server = fault_server.FaultServer()
        run = sampan.profile(pid=pid, seconds=1, output_dir=directory, upload={"url": server.url("/only")})
        check(run.code == 0 and server.of("/only"), "a read-only disk and an upload: exit %d" % run.code)
    finally:
        subprocess.run(["umount", directory])
    missing = directory + "/a/b"
    run = sampan.profile(pid=pid, seconds=1, output_dir=missing)
    check(run.code == 0 and run.file("folded"), "a missing folder is made: exit %d" % run.code)


def series(pid):
    run = sampan.profile(pid=pid, seconds=1, every=2, count=3)
    results = [e for e in run.events if e["event"] == "result"]
    files = sorted(p.name for p in run.directory.iterdir())
    times = [int(re.search(r"-(\d+)\.folded", name).group(1)) for name in files]
    check(run.code == 0 and len(results) == 3 and len(files) == 3, "three profiles: exit %d, %s" % (run.code, files))
    check([b - a for a, b in zip(times, times[1:])] == [2, 2], "on a grid of two seconds")
    run = sampan.profile(pid=pid, seconds=1, every=1, count=3)
    times = sorted(int(re.search(r"-(\d+)\.folded", p.name).group(1)) for p in run.directory.iterdir())
    check(len(times) == 3 and times[-1] - times[0] <= 3, "a second every second: one right after the other, %s" % [t - times[0] for t in times])
    import fault_server
    server = fault_server.FaultServer()
    run = sampan.profile(pid=pid, seconds=1, every=1, count=2, upload={"url": server.url("/s/{time}")})
    check(run.code == 0 and len(server.requests) == 2 and not list(run.directory.iterdir()), "delivered ones do not stay in a series")
    directory = tempfile.mkdtemp(prefix="sampan-test-")
    process = start({"pid": pid, "seconds": 1, "every": 60, "formats": ["folded"], "output_dir": directory})
    sampan.wait_for(lambda: list(pathlib.Path(directory).glob("profile-*")), 20, "the first profile")
    time.sleep(0.5)
    process.send_signal(signal.SIGTERM)
    run = finished(process, directory, 5)
    check(run.code == 0, "a signal between two profiles: exit %d" % run.code)


def the_governor(pid):
    run = sampan.profile(pid=pid, seconds=4, rate=10000, max_cpu_percent=1, tier="memory")
    check(run.code == 0 and 0 < run.result["quality"]["lowered_rate"] < 5000, "max_cpu_percent lowers the rate to %d" % run.result["quality"]["lowered_rate"])
    check(any(e["event"] == "log" and e["level"] == "warning" and "lowered" in e["sentence"] for e in run.events), "and says so")


def merge_and_diff(pid):
    first = sampan.profile(pid=pid, seconds=1)
    import fault_server
    server = fault_server.FaultServer()
    server.script["/in.folded"] = [fault_server.status(200, body=b"main;other 50\n")]
    run = sampan.profile(mode="merge", inputs=[str(first.file("folded")), server.url("/in.folded")], formats=["folded", "svg"])
    check(run.code == 0 and run.result["samples"] == first.result["samples"] + 50, "merge of a file and a URL: exit %d, %d samples" % (run.code, run.result["samples"]))
    run = sampan.profile(mode="diff", inputs=[str(first.file("folded")), str(run.file("folded"))], formats=["svg"])
    check(run.code == 0 and run.file("svg"), "diff: exit %d" % run.code)
    run = sampan.profile(mode="render", inputs="/no/such.folded")
    check(run.code == 2 and "/no/such.folded" in run.result["sentence"], "an input that is not there: exit %d" % run.code)
    server.script["/404"] = [fault_server.status(404)]
    run = sampan.profile(mode="render", inputs=server.url("/404"))
    check(run.code == 8, "an input that is refused: exit %d" % run.code)


def no_secret_anywhere():
    """Planted in the target's command line, in headers, in the URL, in variables and files: found nowhere."""
    planted = ["plantedpassword1", "plantedtoken22", "plantedheader33", "plantedfile444", "plantedquery5555", "planteduser66", "plantedenv777", "planteddb888"]
    import fault_server
    server = fault_server.FaultServer()
    formats = ["svg", "folded", "speedscope"]
    server.script = {"/%s?X-Amz-Signature=plantedquery5555" % f: [fault_server.status(403, body=b"no plantedheader33 here")] for f in formats}
    file = tempfile.NamedTemporaryFile("w")
    file.write("plantedfile444")
    file.flush()
    environment = dict(os.environ, SAMPAN_DEBUG="1", TEST_SECRET="Bearer plantedenv777")
    with target("--password=plantedpassword1", "--api-token", "plantedtoken22", "mysql://me:planteddb888@db/x") as program:
        directory = tempfile.mkdtemp(prefix="sampan-test-")
        url = server.url("/{format}").replace("http://", "http://me:planteduser66@") + "?X-Amz-Signature=plantedquery5555"
        upload = {"url": url, "headers": {"X-Key": "plantedheader33"}, "headers_from_env": {"Authorization": "TEST_SECRET"}, "headers_from_file": {"X-File": file.name}}
        run = finished(start({"pid": program.pid, "seconds": 1, "formats": formats, "output_dir": directory, "upload": upload}, environment=environment), directory)
        nobody = finished(start({"procname_prefix": "planted-nobody", "output_dir": directory}, environment=environment), directory)
        dump = finished(start({"pid": program.pid, "mode": "dump", "output_dir": directory}, environment=environment), directory)
    received = str([r.headers for r in server.requests])
    check(run.code == 8 and "plantedenv777" in received and "plantedfile444" in received and "plantedheader33" in received, "the destination gets them: exit %d" % run.code)
    texts = [r.out + r.err for r in (run, nobody, dump)] + [p.read_text(errors="replace") for p in pathlib.Path(directory).iterdir()]
    found = [(secret, text[max(0, text.find(secret) - 60):][:90]) for secret in planted for text in texts if secret in text]
    check(not found and len(texts) >= 6, "no planted secret in %d outputs and files %s" % (len(texts), found[:2]))


with target("session-test") as program:
    events_follow_the_schema(program.pid)
    signals_end_it(program.pid)
    signals_at_any_moment(program.pid)
    as_process_1()
    a_slow_destination_and_a_signal(program.pid)
    full_and_missing_disks(program.pid)
    series(program.pid)
    the_governor(program.pid)
    merge_and_diff(program.pid)
no_secret_anywhere()
sampan.finish()
