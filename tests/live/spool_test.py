"""The spool: a server that is away, an agent that is killed, a disk that is full, a token that rotates, an answer that never comes:
what was handed over arrives exactly once or is counted, and sampling goes on in its rhythm. Health as Prometheus text."""
import collections
import http.server
import json
import os
import pathlib
import re
import signal
import subprocess
import tempfile
import threading
import time

import sampan
from sampan import check

WORK = pathlib.Path(tempfile.mkdtemp(prefix="sampan-spool-"))


class Server:
    """Takes PUTs at a port that stays its own; can be away, hang, ask for a token."""

    def __init__(self):
        self.port = sampan.free_port()
        self.taken, self.refused, self.token, self.hang = [], collections.Counter(), None, False
        self.server = None

    def up(self):
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_PUT(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                while outer.hang:
                    time.sleep(0.05)
                good = outer.token is None or self.headers.get("Authorization") == "Bearer " + outer.token
                if good:
                    outer.taken.append((self.path, body))
                else:
                    outer.refused[self.path] += 1
                self.send_response(200 if good else 401)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def down(self):
        self.server.shutdown()
        self.server.server_close()

    def names(self):
        return collections.Counter(path.rpartition("/")[2] for path, _ in self.taken)


class Agent(sampan.Workload):
    def __init__(self, pid, server, spool, **params):
        self.directory = tempfile.mkdtemp(prefix="sampan-test-")
        upload = {"url": "http://127.0.0.1:%d/{name}" % server.port, "timeout_seconds": 5, **params.pop("upload", {})}
        params = dict({"pid": pid, "seconds": 1, "every": 1, "rate": 50, "formats": ["folded"], "output_dir": self.directory, "spool_dir": str(spool), "upload": upload}, **params)
        super().__init__([sampan.BINARY], env=dict(os.environ, params=json.dumps(params)))

    def events(self):
        return [json.loads(line) for line in self.output().splitlines() if line.startswith("{")]

    def results(self):
        return [event for event in self.events() if event["event"] == "result"]

    def handed_over(self):
        return {file["name"] for result in self.results() for file in result["files"]}

    def after(self, count, timeout=60):
        sampan.wait_for(lambda: len(self.results()) >= count or self.process.poll() is not None, timeout, "%d profiles" % count)
        return self

    def killed(self):
        os.kill(self.pid, signal.SIGKILL)
        self.process.wait()

    def ended(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)
        return self.process.returncode


def waiting(spool):
    return sorted(path.name for path in pathlib.Path(spool).glob("*.spool"))


def away_and_killed(load):
    server, spool = Server(), WORK / "spool"
    told = set()
    for _ in range(2):   # its server is away; killed twice
        agent = Agent(load.pid, server, spool).after(4)
        told |= agent.handed_over()
        agent.killed()
    last = agent.results()[-1]["spool"]
    check(len(told) >= 8 and last["waiting"] >= 8 and last["failed"] >= 1 and last["delivered"] == 0, "server away, agent killed twice: %d profiles, spool: %s" % (len(told), last))
    check(len(waiting(spool)) >= len(told), "the folder holds %d" % len(waiting(spool)))
    check(all("secret" not in (spool / name).read_bytes().decode(errors="replace") for name in waiting(spool)), "and no secret")
    server.up()
    agent = Agent(load.pid, server, spool, metrics_file=str(WORK / "sampan.prom")).after(3)
    sampan.wait_for(lambda: len(server.taken) >= len(told) + 3, 60, "what waited to arrive")
    told |= agent.handed_over()
    code = agent.ended()
    told |= agent.handed_over()
    names = server.names()
    check(code == 0 and told <= set(names), "restarted, server there: all %d arrive: exit %d, missing %s" % (len(told), code, sorted(told - set(names))[:3]))
    check(set(names.values()) == {1}, "each exactly once: %s" % collections.Counter(names.values()))
    order = [path.rpartition("/")[2] for path, _ in server.taken]
    check(order == sorted(order), "oldest first")
    check(not waiting(spool), "and the spool is empty")
    server.down()


def metrics():
    text = (WORK / "sampan.prom").read_text()
    values = dict(re.findall(r"^(sampan_\S+) (\S+)$", text, re.M))
    wanted = ("sampan_profiles_total", "sampan_thread_samples_lost_total", "sampan_thread_samples_suspect_total", "sampan_cpu_seconds_total", "sampan_resident_bytes_max",
              "sampan_spool_files", "sampan_spool_dropped_total", 'sampan_deliveries_total{result="delivered"}', 'sampan_processes{runtime="python",tier="%s"}')
    missing = [name for name in wanted if not any(key.startswith(name.split("%")[0]) for key in values)]
    check(not missing and int(values["sampan_profiles_total"]) >= 3, "metrics_file: %d figures, profiles %s %s" % (len(values), values.get("sampan_profiles_total"), missing))
    shape = r"(# (HELP|TYPE) sampan_\w+ .+|sampan_\w+(\{\w+=\"[^\"]*\"(,\w+=\"[^\"]*\")*\})? [0-9.eE+-]+)"
    check(all(re.fullmatch(shape, line) for line in text.splitlines()), "in Prometheus' text format")
    try:
        import prometheus_client.parser
        names = [family.name for family in prometheus_client.parser.text_string_to_metric_families(text)]
        check(len(names) > 10, "and Prometheus' own parser reads it")
    except ImportError:
        pass


def never_waits(load):
    """A server that takes the bytes and never answers: profiles go on, a second each."""
    server, spool = Server(), WORK / "hung"
    server.up()
    server.hang = True
    agent = Agent(load.pid, server, spool).after(8, 40)
    times = sorted(int(re.search(r"-(\d+)\.folded$", name).group(1)) for name in agent.handed_over())
    gaps = [b - a for a, b in zip(times, times[1:])]
    check(max(gaps) <= 2 and times[-1] - times[0] <= 2 * len(gaps), "a server that never answers delays no profile: seconds between them %s" % gaps)
    server.hang = False
    sampan.wait_for(lambda: len(server.names()) >= 8, 30, "what waited to arrive")
    agent.ended()
    server.down()


def token_rotates(load):
    server, spool, token = Server(), WORK / "token", WORK / "bearer"
    token.write_text("Bearer one\n")
    server.token = "one"
    server.up()
    agent = Agent(load.pid, server, spool, upload={"headers_from_file": {"Authorization": str(token)}}).after(2)
    sampan.wait_for(lambda: len(server.names()) >= 2, 20, "the first two")
    server.token = "two"
    sampan.wait_for(lambda: sum(server.refused.values()) >= 1, 20, "a refusal")
    (WORK / "new").write_text("Bearer two\n")
    os.rename(WORK / "new", token)
    code = agent.after(len(agent.results()) + 2).ended()
    told = agent.handed_over()
    check(code == 0 and told <= set(server.names()), "a token that rotates: read anew, nothing lost (%d refused meanwhile): exit %d" % (sum(server.refused.values()), code))
    check("Bearer" not in agent.output() and "two" not in json.dumps(agent.results()), "and it is in no event")
    server.down()


def full_disk(load):
    spool = WORK / "small"
    spool.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=48k", "tmpfs", spool], capture_output=True).returncode != 0:
        return sampan.skip("a full disk", "no tmpfs can be mounted here")
    try:
        server = Server()
        agent = Agent(load.pid, server, spool).after(16, 90)
        last = agent.results()[-1]["spool"]
        check(last["dropped"] >= 1 and last["waiting"] >= 1, "the disk of the spool is full: the oldest go and are counted: %s" % last)
        server.up()
        code = agent.ended()
        told, state = agent.handed_over(), agent.results()[-1]["spool"]
        arrived = set(server.names())
        check(code == 0 and len(arrived & told) + state["dropped"] == len(told) and max(server.names().values()) == 1,
              "%d handed over = %d arrived + %d dropped: exit %d" % (len(told), len(arrived & told), state["dropped"], code))
        server.down()
    finally:
        subprocess.run(["umount", spool], capture_output=True)


def one_run(load):
    """Without `every`: what could not be sent waits for the next run."""
    server, spool = Server(), WORK / "once"
    upload = {"url": "http://127.0.0.1:%d/{name}" % server.port}
    first = sampan.profile(pid=load.pid, seconds=1, upload=upload, spool_dir=str(spool), _timeout=90)
    check(first.code == 7 and first.result["spool"]["waiting"] == 1, "a single run, server away: exit %d, %s" % (first.code, first.result.get("spool")))
    server.up()
    second = sampan.profile(pid=load.pid, seconds=1, upload=upload, spool_dir=str(spool))
    check(second.code == 0 and len(server.names()) == 2, "the next run sends both: exit %d, %s" % (second.code, dict(server.names())))
    server.down()


with sampan.Workload(["python3", sampan.WORKLOADS / "python" / "shares.py", 600, 1], ready=lambda w: w.says("ready")) as load:
    away_and_killed(load)
    metrics()
    never_waits(load)
    token_rotates(load)
    full_disk(load)
    one_run(load)
sampan.finish()
