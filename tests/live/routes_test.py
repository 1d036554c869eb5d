"""Shares of request handlers, told from stacks alone, beside what the handlers themselves counted: web frameworks under a
load of 60, 30 and 10 requests in a hundred."""
import http.client
import json
import os
import pathlib
import subprocess
import tempfile
import threading

import nodes
import sampan
from sampan import CACHE, WORKLOADS, check, skip

HERE = WORKLOADS / "routes"
SECONDS = 30 if sampan.LONG else 5
MIX = ["home"] * 6 + ["cart"] * 3 + ["pay"]


class Requests:
    """One request after another, by the mix; ends with `stop`."""

    def __init__(self, port, suffix):
        self.port, self.suffix, self.ended, self.failed, self.served = port, suffix, threading.Event(), 0, 0
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def get(self, page):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        connection.request("GET", "/" + page)
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        return answer.status, body

    def run(self):
        while not self.ended.is_set():
            status, _ = self.get(MIX[self.served % len(MIX)] + self.suffix)
            self.failed += status != 200
            self.served += 1

    def stop(self):
        self.ended.set()
        self.thread.join()


def told(requests):
    return json.loads(requests.get("spent" + requests.suffix)[1])


def judge(what, handlers, command, suffix="", tier="auto", environment=None, cwd=None):
    """`handlers`: name of the route → how its frame begins."""
    port = sampan.free_port()
    command = [str(word).replace("PORT", str(port)) for word in command]
    with sampan.Workload(command, ready=lambda _: sampan.answers(port), env=dict(os.environ, **(environment or {})), cwd=cwd) as load:
        requests = Requests(port, suffix)
        try:
            sampan.wait_for(lambda: requests.served >= 10, what="ten requests")
            before = told(requests)
            run = sampan.profile(pid=load.pid, seconds=SECONDS, rate=200, group_by=["process", "route"], tier=tier)
            after = told(requests)
        finally:
            requests.stop()
    stacks = run.stacks()
    found = {}
    for frames, count in stacks:
        name = next((n for n, start in handlers.items() if frames[1].startswith(start)), frames[1])
        found[name] = found.get(name, 0) + count
    spent = {name: after[name] - before[name] for name in handlers}
    routed = sum(found.get(name, 0) for name in handlers)
    check(run.code == 0 and requests.failed == 0 and routed >= 50, "%s: %d samples in the handlers, %d requests" % (what, routed, requests.served))
    strange = {name: count for name, count in found.items() if name not in handlers and name != "[no route]"}
    # A middleware's own time is its own, as far as a stack tells; and of PHP, by memory alone, a stack mixes two moments now and then.
    granted = 0.01 * routed
    check(sum(strange.values()) <= granted, "%s: no other route %s" % (what, strange or ""))
    for name in handlers:
        true = spent[name] / sum(spent.values())
        seen = found.get(name, 0) / max(routed, 1)
        # By chance three sigma of the samples; and the window of sampling ends a request apart from the two looks.
        granted = 3 * (true * (1 - true) / max(routed, 1)) ** 0.5 + 0.01
        check(abs(seen - true) <= granted, "%s: %s %.1f %% of %.1f %%" % (what, name, 100 * seen, 100 * true))


python = CACHE / "web-apps" / "venv" / "bin" / "python"
for app, handlers in (("flask", {"home": "home (", "cart": "cart (", "pay": "Pay.get ("}), ("django", {"home": "home (", "cart": "cart (", "pay": "Pay.get ("}),
                      ("fastapi", {"home": "home (", "cart": "cart (", "pay": "pay ("})):
    if not python.exists():
        skip(app, "get_web_apps.sh has not fetched it")
        continue
    judge(app, handlers, [python, HERE / (app + "_app.py"), "PORT"])

with tempfile.TemporaryDirectory() as folder:
    server = os.path.join(folder, "server")
    go = next((g for g in ("/usr/lib/go-1.19/bin/go", "/usr/local/go/bin/go") if os.path.exists(g)), None)
    if go and subprocess.run([go, "build", "-o", server, HERE / "server.go"], env=dict(os.environ, GOFLAGS="-mod=mod", GO111MODULE="off")).returncode == 0:
        judge("net/http", {"home": "main.home (", "cart": "main.cart (", "pay": "main.(*payment).ServeHTTP ("}, [server, "PORT"])
    else:
        skip("net/http", "no Go compiler")

php = CACHE / "phps" / "8.2"
if (php / "usr/bin/php8.2").exists():
    with tempfile.TemporaryDirectory(dir=php / "tmp") as folder:
        for file in HERE.glob("*.[pi][hn]*"):
            (pathlib.Path(folder) / file.name).write_bytes(file.read_bytes())
        inside = "/tmp/" + os.path.basename(folder)
        judge("plain PHP", {name: "%s/%s.php" % (inside, name) for name in set(MIX)},
              ["chroot", php, "php8.2", "-n", "-S", "127.0.0.1:PORT", "-t", inside], suffix=".php", environment={"SPENT": inside})
else:
    skip("plain PHP", "get_phps.sh has not fetched it")

node = nodes.fetch(["20.20.2"]).get("20.20.2")
if node and (CACHE / "node-apps" / "node_modules" / "fastify").exists():
    judge("Fastify", {"home": "home (", "cart": "cart (", "pay": "(anonymous) ("}, [node, HERE / "fastify_app.js", "PORT"],
          environment={"NODE_PATH": str(CACHE / "node-apps" / "node_modules")})
else:
    skip("Fastify", "get_node_apps.sh or get_nodes.sh has not fetched it")

sampan.finish()
