"""Delivery to a server that misbehaves: the right retries and exit code, the file kept, nothing twice, nothing lost."""
import concurrent.futures
import pathlib
import socket
import tempfile
import time

import fault_server
import sampan
from fault_server import FaultServer, before_body, drip, in_seconds, raw, status
from sampan import check

FOLDED = "main;work;leaf 60\nmain;work;other 30\nmain;rest 10\n"


def text_of(size):
    """Folded text of about so many bytes that stays so big when it is written again."""
    return "".join("main;%s%07d 1\n" % ("f" * 100, i) for i in range(size // 115)) or FOLDED


class Case:
    def __init__(self, name, steps, code, attempts, stored=None, check=None, size=0, **upload):
        self.name, self.steps, self.code, self.attempts = name, steps, code, attempts
        self.stored = stored          # requests that the server read whole; None: as many as attempts
        self.check, self.size, self.upload = check, size, upload


def waited(least, most):
    """The pause between the first two requests, in seconds."""
    def verify(case, requests, run):
        pause = requests[1].time - requests[0].time
        return least <= pause <= most, "waited %.1f s" % pause
    return verify


def one_key(case, requests, run):
    keys = {r.headers.get("idempotency-key") for r in requests}
    return len(keys) == 1 and len(keys.pop() or "") == 32, "one idempotency key"


def says(text):
    return lambda case, requests, run: (text in run.result["sentence"], "says `%s`" % text)


OK = status(200)
CASES = [
    Case("200", [OK], 0, 1),
    Case("201 with a body", [status(201, body=b"created")], 0, 1),
    Case("204", [raw(b"HTTP/1.1 204 No Content\r\n\r\n")], 0, 1),
    Case("HTTP/1.0 without a length", [raw(b"HTTP/1.0 200 OK\r\n\r\nthanks")], 0, 1),
    Case("100 Continue first", [raw(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")], 0, 1),
    Case("reset before reading", [fault_server.reset_unread, OK], 0, 2, stored=1, size=1 << 20),
    Case("reset in the middle of the body", [fault_server.reset_in_body, OK], 0, 2, stored=1, size=8 << 20),
    Case("reset after reading, POST", [fault_server.reset, OK], 0, 2, check=one_key, method="POST"),
    Case("closed without an answer", [fault_server.close, OK], 0, 2),
    Case("closed in the middle of the status line", [raw(b"HTTP/1."), OK], 0, 2),
    Case("closed in the middle of the headers, after 200", [raw(b"HTTP/1.1 200 OK\r\nContent-"), OK], 0, 1),
    Case("no HTTP at all", [raw(b"SSH-2.0-OpenSSH\r\n")], 7, None, retry_seconds=1),
    Case("stalls once", [fault_server.stall, OK], 0, 2, timeout_seconds=1),
    Case("stalls in the body once", [fault_server.stall_in_body, OK], 0, 2, stored=1, size=8 << 20, timeout_seconds=1),
    Case("stalls for ever", [fault_server.stall], 7, None, timeout_seconds=1, retry_seconds=2, check=says("kept: /")),
    Case("answers slowly", [status(200, delay=3)], 0, 1, timeout_seconds=10),
    Case("drips its answer", [drip(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 2)], 0, 1, timeout_seconds=10),
    Case("500 twice", [status(500), status(500), OK], 0, 3),
    Case("500 for ever", [status(500)], 7, None, retry_seconds=2, check=says("500")),
    Case("502 503 504", [status(502), status(503), status(504), OK], 0, 4),
    Case("408 once", [status(408), OK], 0, 2),
    Case("425 once", [status(425), OK], 0, 2),
    Case("429 with Retry-After in seconds", [status(429, [("Retry-After", "2")]), OK], 0, 2, check=waited(2, 4)),
    Case("429 with Retry-After as a date", [in_seconds(3), OK], 0, 2, check=waited(1.5, 5)),
    Case("429 with a date that is past", [in_seconds(-100), OK], 0, 2, check=waited(0.05, 2)),
    Case("429 asks for an hour", [status(429, [("Retry-After", "3600")])], 7, 1, check=says("asks to wait 3600 s")),
    Case("429 with nonsense", [status(429, [("Retry-After", "soon")]), OK], 0, 2),
    Case("503 asks for a second", [status(503, [("Retry-After", "1")]), OK], 0, 2, check=waited(1, 3)),
    Case("no retries wanted", [status(503)], 7, 1, retry_seconds=0),
    Case("400", [status(400, body=b"bad things")], 8, 1, check=says("bad things")),
    Case("401", [status(401)], 8, 1),
    Case("403", [status(403)], 8, 1, check=says("kept: /")),
    Case("404", [status(404)], 8, 1),
    Case("405", [status(405)], 8, 1),
    Case("411", [status(411)], 8, 1),
    Case("413", [status(413)], 8, 1),
    Case("413 in the middle of the body", [fault_server.refuse_in_body], (7, 8), None, stored=0, size=8 << 20, retry_seconds=0),
    Case("501", [status(501)], 8, 1),
    Case("505", [status(505)], 8, 1),
    Case("an answer cut short", [status(200, body=b"abc", claim=100)], 0, 1),
    Case("an answer whose chunks break off", [raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab")], 0, 1),
    Case("an answer that never ends", [fault_server.endless], 0, 1, timeout_seconds=20),
    Case("headers of a megabyte", [raw(b"HTTP/1.1 200 OK\r\n" + b"".join(b"X-%d: %s\r\n" % (i, b"y" * 1000) for i in range(1000)) + b"\r\n")], (7, 8, 0), None, retry_seconds=0),
    Case("redirect 307 to the same host", [status(307, [("Location", "/end-307")])], 0, 1),
    Case("redirect 308 to the same host", [status(308, [("Location", "/end-308")])], 0, 1),
    Case("redirect 302 of a PUT keeps the method", [status(302, [("Location", "/end-302")])], 0, 1),
    Case("302 of a POST means a GET", [status(302, [("Location", "/login")])], 8, 1, method="POST", check=says("which stores no file")),
    Case("303 of a POST means a GET", [status(303, [("Location", "/login")])], 8, 1, method="POST", check=says("which stores no file")),
    Case("303 of a PUT means a GET", [status(303, [("Location", "/login")])], 8, 1, check=says("which stores no file")),
    Case("redirect in a loop", [status(307, [("Location", "?")])], 8, 6, check=says("more than 5 redirects")),
    Case("redirect without a place", [status(302)], 8, 1),
    Case("redirect to a file", [status(302, [("Location", "file:///etc/passwd")])], 8, 1),
    Case("exists already", [status(412)], 0, 1, headers={"If-None-Match": "*"}),
    Case("412 without a condition", [status(412)], 8, 1),
    Case("conflict, then written", [status(409), OK], 0, 2, headers={"If-None-Match": "*"}),
    Case("conflict without a condition", [status(409)], 8, 1),
]


def run_case(server, number, case):
    path = "/case/%d" % number
    steps = case.steps
    if case.name == "redirect in a loop":
        steps = [status(307, [("Location", path)])]
    server.script[path] = steps
    source = pathlib.Path(tempfile.mkdtemp(prefix="sampan-test-")) / "in.folded"
    source.write_text(text_of(case.size))
    upload = dict({"url": server.url(path), "retry_seconds": 30}, **case.upload)
    run = sampan.profile(mode="render", inputs=str(source), upload=upload)
    requests = server.of(path)
    codes = case.code if isinstance(case.code, tuple) else (case.code,)
    problems = []
    if run.code not in codes:
        problems.append("exit %d" % run.code)
    if case.attempts is not None and server.attempts.get(path) != case.attempts:
        problems.append("%s attempts" % server.attempts.get(path))
    stored = case.attempts if case.stored is None else case.stored
    if stored is not None and len(requests) != stored:
        problems.append("%d requests read whole" % len(requests))
    kept = run.file("folded")
    if not kept:
        problems.append("no file kept")
    elif any(r.body != kept.read_bytes() for r in requests):
        problems.append("other bytes than the file's")
    if case.check:
        good, what = case.check(case, requests, run)
        if not good:
            problems.append("not: " + what)
    return case, problems, run


def redirects_to_another_host(server):
    """The file follows a redirect; what may be a credential does not."""
    other = FaultServer()
    server.script["/foreign"] = [status(307, [("Location", "http://localhost:%d/taken" % other.port)])]
    source = pathlib.Path(tempfile.mkdtemp(prefix="sampan-test-")) / "in.folded"
    source.write_text(FOLDED)
    headers = {"Authorization": "Bearer secretsecret", "X-Api-Key": "secretsecret", "Cookie": "secretsecret"}
    run = sampan.profile(mode="render", inputs=str(source), upload={"url": server.url("/foreign"), "headers": headers})
    taken = other.of("/taken")
    check(run.code == 0 and len(taken) == 1 and taken[0].body == run.file("folded").read_bytes(), "another host gets the file: exit %d" % run.code)
    check(taken and "secretsecret" not in str(taken[0].headers), "another host gets no header of the destination's")
    asked = server.of("/foreign")[0].headers
    check(asked["authorization"] == "Bearer secretsecret" and asked["x-api-key"] == "secretsecret", "the host asked for gets them")


def nobody_there():
    source = pathlib.Path(tempfile.mkdtemp(prefix="sampan-test-")) / "in.folded"
    source.write_text(FOLDED)
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))   # bound and not listening
        url = "http://127.0.0.1:%d/" % unused.getsockname()[1]
        run = sampan.profile(mode="render", inputs=str(source), upload={"url": url, "retry_seconds": 1})
    check(run.code == 7 and run.file("folded"), "connection refused: exit %d" % run.code)
    run = sampan.profile(mode="render", inputs=str(source), upload={"url": "http://no-such-host.invalid/", "retry_seconds": 1})
    check(run.code == 7 and "resolve" in run.result["sentence"], "no such host: exit %d" % run.code)


def destinations_are_independent(server):
    server.script["/refuses"] = [status(403)]
    server.script["/slow"] = [status(200, delay=1)]
    source = pathlib.Path(tempfile.mkdtemp(prefix="sampan-test-")) / "in.folded"
    source.write_text(FOLDED)
    begun = time.monotonic()
    run = sampan.profile(mode="render", inputs=str(source), formats=["folded", "svg"], upload=[
        {"url": server.url("/refuses"), "formats": ["svg"]}, {"url": server.url("/slow"), "formats": ["folded"]},
        {"url": server.url("/good/{name}")}])
    took = time.monotonic() - begun
    good = [r for r in server.requests if r.path.startswith("/good/")]
    check(run.code == 8 and len(good) == 2 and len(server.of("/slow")) == 1, "one of three destinations refuses: exit %d, the others have all" % run.code)
    check(took < 2.5, "side by side: %.1f s" % took)
    check([d["delivered"] for d in run.result["deliveries"]].count(True) == 3, "the result tells each delivery")


def main():
    server = FaultServer()
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for case, problems, run in pool.map(lambda item: run_case(server, *item), enumerate(CASES)):
            check(not problems, "%s%s" % (case.name, ": " + ", ".join(problems) + " | " + run.result.get("sentence", run.out[-300:] + run.err) if problems else ""))
    print("%d cases" % len(CASES))
    redirects_to_another_host(server)
    nobody_there()
    destinations_are_independent(server)


main()
sampan.finish()
