"""OTLP profiles: what a real OpenTelemetry collector took and what opentelemetry-proto reads of our file equal the folded text of the
same run: stacks, totals, threads, moments. The protocol's answers: partial success, throttling, errors."""
import collections
import http.server
import pathlib
import re
import subprocess
import tempfile
import threading
import time

import otlp
import sampan
from sampan import check

WORK = pathlib.Path(tempfile.mkdtemp(prefix="sampan-otlp-"))
HELD = "main;work;leaf 60\nmain;work;other 30\nmain;rest 10\n"


def stacks_of(profile):
    """Folded stacks of one decoded profile, without process and thread."""
    found = collections.Counter()
    for sample in profile["samples"]:
        found[sample["stack"]] += sample["value"]
    return found


def folded_of(run, groups):
    found = collections.Counter()
    for frames, count in run.stacks():
        found[";".join(frames[groups:])] += count
    return found


def same_as_folded(run, profile, what, groups=2):
    ours, theirs = folded_of(run, groups), stacks_of(profile)
    check(ours == theirs and sum(ours.values()) == run.result["samples"], "%s: %d samples in %d stacks, the same as in folded text%s"
          % (what, sum(theirs.values()), len(theirs), "" if ours == theirs else "; they differ: %s" % (list((ours - theirs).items())[:3] + list((theirs - ours).items())[:3])))


def threads_and_moments(run, profile, begun, ended):
    by_thread = collections.Counter()
    for frames, count in run.stacks():
        name, tid = re.match(r"(.*) \(tid (\d+)\)$", frames[1]).groups()
        by_thread[name, int(tid)] += count
    theirs = collections.Counter()
    for sample in profile["samples"]:
        theirs[sample["thread.name"], sample["thread.id"]] += sample["value"]
    check(by_thread == theirs and len(theirs) >= 2, "thread names and ids with their samples: %s" % dict(theirs))
    times = [t / 1e9 for sample in profile["samples"] for t in sample["times"]]
    check(len(times) == run.result["samples"] and begun <= min(times) and max(times) <= ended, "each of %d samples has its timestamp, all inside the run" % len(times))
    gaps = sorted(b - a for a, b in zip(sorted(times), sorted(times)[1:]))
    check(gaps[-1] < 1, "and they are spread over it: the longest gap is %.3f s" % gaps[-1])
    check(abs(profile["time"] / 1e9 - begun) < 5 and 1e9 < profile["duration"] < 60e9, "time %.1f s after the start, duration %.1f s"
          % (profile["time"] / 1e9 - begun, profile["duration"] / 1e9))


def in_the_moment_of(run, profile, load):
    """The program tells when its work was `work_b`: the samples' timestamps agree."""
    spans = [(float(a), float(b)) for a, b in re.findall(r"^b \d \S*?([\d.]+) ([\d.]+)$", load.output(), re.M)]
    inside = outside = 0
    for sample in profile["samples"]:
        if "work_b" not in sample["stack"]:
            continue
        for at in sample["times"]:
            near = any(a - 0.02 <= at / 1e9 <= b + 0.02 for a, b in spans)
            inside, outside = inside + near, outside + (not near)
    # The last one may still be under way when the run ends.
    check(inside > 8 and outside <= 0.25 * inside, "timestamps of work_b: %d in the %d spans that the program told, %d not (told later)" % (inside, len(spans), outside))


def through_the_collector():
    with otlp.Collector() as collector, sampan.Workload(["python3", sampan.WORKLOADS / "time" / "phases.py"], ready=lambda w: w.says("ready")) as load:
        begun = time.time()
        run = sampan.profile(pid=load.pid, seconds=6, rate=100, group_by=["process", "thread"], formats=["folded", "otlp"], labels={"team": "a b"},
                             upload={"url": collector.url, "otlp": {}})
        ended = time.time()
        check(run.code == 0 and run.result["deliveries"][0]["status"] == 200, "delivered to the collector: exit %d %s" % (run.code, run.result.get("sentence")))
        sampan.wait_for(lambda: collector.path.exists() and collector.path.stat().st_size > 0, 20, "the collector's file")
        taken, own = collector.profiles(), otlp.decoded(run.file("otlp.gz"))
        check(len(taken) == 1 and len(own) == 1, "one profile")
        for profile, what in ((own[0], "our file, read by opentelemetry-proto"), (taken[0], "the collector's file exporter")):
            same_as_folded(run, profile, what)
        profile = taken[0]
        threads_and_moments(run, profile, begun, ended)
        in_the_moment_of(run, profile, load)
        check(profile["sample_type"] == ["samples", "count"] and profile["period_type"] == ["cpu", "nanoseconds"] and profile["period"] == 10_000_000,
              "types and period: %s %s %d" % (profile["sample_type"], profile["period_type"], profile["period"]))
        resource = profile["resource"]
        check(resource.get("service.name") and resource.get("k8s.node.name") and resource.get("process.runtime.name") == "python" and resource.get("team") == "a b",
              "the resource: %s" % resource)
        pids = {sample["process.pid"] for sample in profile["samples"]}
        types = {t for sample in profile["samples"] for t in sample["types"]}
        check(pids == {load.pid} and types == {"cpython"}, "process.pid %s, profile.frame.type %s" % (pids, types))


def without_moments():
    source = WORK / "held.folded"
    source.write_text(HELD)
    run = sampan.profile(mode="render", inputs=str(source), formats=["folded", "otlp"])
    profile = otlp.decoded(run.file("otlp.gz"))[0]
    same_as_folded(run, profile, "a folded file, drawn anew", 0)
    check(all(not sample["times"] for sample in profile["samples"]), "values where no moment is known")


class Answers(http.server.BaseHTTPRequestHandler):
    """What a server may say: (status, headers, body), one after the other; notes what came."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.seen.append((time.monotonic(), self.path, dict(self.headers), body))
        status, headers, body = self.server.answers.pop(0) if len(self.server.answers) > 1 else self.server.answers[0]
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def answered(*answers, **upload):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    server.answers, server.seen = list(answers), []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    source = WORK / "in.folded"
    source.write_text(HELD)
    run = sampan.profile(mode="render", inputs=str(source), formats=["folded", "otlp"],
                         upload=dict({"url": "http://127.0.0.1:%d" % server.server_port, "otlp": {}}, **upload))
    server.shutdown()
    return run, server.seen


def protocol():
    run, seen = answered((200, {}, b""), otlp={"tenant": "team-a"}, headers={"Authorization": "Bearer x"})
    _, path, headers, body = seen[0]
    check(run.code == 0 and path == "/v1development/profiles" and body == run.file("otlp.gz").read_bytes(), "the very bytes of the file to %s" % path)
    wanted = {"Content-Type": "application/x-protobuf", "Content-Encoding": "gzip", "OTLP-Profiles-Development-Version": "1", "X-Scope-OrgID": "team-a", "Authorization": "Bearer x"}
    check({name: headers.get(name) for name in wanted} == wanted, "and its headers: %s" % sorted(headers))
    # ExportProfilesServiceResponse{partial_success{rejected_profiles: 1, error_message: "too old"}}
    run, seen = answered((200, {"Content-Type": "application/x-protobuf"}, b"\x0a\x0b\x08\x01\x12\x07too old"))
    check(run.code == 8 and len(seen) == 1 and "rejected 1 profile: too old" in run.result["sentence"], "a partial success is told and not repeated: exit %d: %s" % (run.code, run.result["sentence"][:120]))
    run, seen = answered((200, {}, b"\x0a\x06\x12\x04hint"))
    check(run.code == 0, "a warning without a rejection is a success: exit %d" % run.code)
    run, seen = answered((200, {}, b"\x0a\xff\xff"))
    check(run.code == 0, "an answer that is no protobuf: exit %d" % run.code)
    run, seen = answered((429, {"Retry-After": "2"}, b""), (200, {}, b""))
    check(run.code == 0 and len(seen) == 2 and 1.9 <= seen[1][0] - seen[0][0] < 10, "throttled (429, Retry-After: 2): again after %.1f s" % (seen[-1][0] - seen[0][0]))
    run, seen = answered((503, {}, b""), (504, {}, b""), (200, {}, b""))
    check(run.code == 0 and len(seen) == 3, "503 and 504 are tried again: exit %d after %d" % (run.code, len(seen)))
    for status in (400, 500):
        run, seen = answered((status, {}, b"no"))
        check(run.code == 8 and len(seen) == 1, "%d is final, as OTLP says: exit %d after %d" % (status, run.code, len(seen)))
    run = sampan.profile(mode="render", inputs=str(WORK / "in.folded"), formats=["folded"], upload={"url": "http://127.0.0.1:1", "otlp": {}})
    check(run.code == 2 and "none of the formats" in run.result["sentence"], "without the format otlp: exit %d" % run.code)


protocol()
if otlp.have():
    without_moments()
    through_the_collector()
sampan.finish()
