"""Credentials as clusters have them, against servers that check them: a projected token changed for keys by STS, the container's
credentials endpoint, both renewed before they expire and read from rotating files; Google's and Azure's signed URLs as plain PUT."""
import base64
import datetime
import hashlib
import hmac
import http.server
import json
import os
import pathlib
import tempfile
import threading
import time
import urllib.parse

import sampan
from sampan import check

WORK = pathlib.Path(tempfile.mkdtemp(prefix="sampan-cloud-"))
FOLDED = "main;work;leaf 60\nmain;rest 10\n"
ACCESS, SECRET = "PROFILERKEY", "very/secret+key0123456789"


def served(handle):
    """A server whose every request goes to `handle(method, path, headers, body)` -> (status, text)."""
    class Handler(http.server.BaseHTTPRequestHandler):
        def answer(self):
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, text = handle(self.command, self.path, {k.lower(): v for k, v in self.headers.items()}, body)
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())

        do_GET = do_PUT = do_POST = answer

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return "http://127.0.0.1:%d" % server.server_port


def render(upload, environment=None, **params):
    source = WORK / "in.folded"
    source.write_text(FOLDED)
    with sampan.environment(environment or {}):
        return sampan.profile(mode="render", inputs=str(source), upload=upload, **params)


def expiration(seconds):
    return (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def mac(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def temporary_store(expected):
    """A store that takes temporary keys: SigV4 by its specification, and `expected()` as session token. Versity's gateway, which
    judges the keys themselves, knows no session tokens."""
    stored = {}

    def store(method, path, headers, body):
        scheme, _, rest = headers["authorization"].partition(" ")
        parts = dict(part.strip().split("=", 1) for part in rest.split(","))
        access, date, region, service, last = parts["Credential"].split("/")
        names = parts["SignedHeaders"].split(";")
        request = "\n".join([method, path, "", "".join("%s:%s\n" % (name, headers[name].strip()) for name in names), parts["SignedHeaders"], hashlib.sha256(body).hexdigest()])
        text = "\n".join([scheme, headers["x-amz-date"], "/".join((date, region, service, last)), hashlib.sha256(request.encode()).hexdigest()])
        key = mac(mac(mac(mac(b"AWS4" + SECRET.encode(), date), region), service), last)
        good = access == ACCESS and "x-amz-security-token" in names and headers["x-amz-security-token"] == expected() and mac(key, text).hex() == parts["Signature"]
        if good:
            stored[path] = body
        return (200, "") if good else (403, "<Error><Code>SignatureDoesNotMatch</Code></Error>")

    return served(store), lambda key: ("/profiles/" + key) in stored


def web_identity():
    token, asked = WORK / "identity", []
    token.write_text("header.first.signature")
    endpoint, stored = temporary_store(lambda: "session-token-of-sts")

    def sts(method, path, headers, body):
        form = {k: v[0] for k, v in urllib.parse.parse_qs(body.decode()).items()}
        asked.append(form)
        if form.get("Action") != "AssumeRoleWithWebIdentity" or form.get("RoleArn") != "arn:aws:iam::1:role/profiles" or form.get("WebIdentityToken") != token.read_text():
            return 403, "<ErrorResponse><Error><Code>AccessDenied</Code></Error></ErrorResponse>"
        return 200, ("<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult><Credentials><SessionToken>session-token-of-sts</SessionToken><SecretAccessKey>%s</SecretAccessKey>"
                     "<Expiration>%s</Expiration><AccessKeyId>%s</AccessKeyId></Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>" % (SECRET, expiration(6), ACCESS))

    environment = {"AWS_WEB_IDENTITY_TOKEN_FILE": str(token), "AWS_ROLE_ARN": "arn:aws:iam::1:role/profiles", "AWS_ENDPOINT_URL_STS": served(sts)}
    sink = {"url": "s3://profiles/sts", "s3": {"region": "us-east-1", "endpoint": endpoint}}
    run = render(sink, environment)
    check(run.code == 0 and stored("sts"), "web identity: STS' keys sign the request: exit %d: %s" % (run.code, run.result["sentence"][:160]))
    check(len(asked) == 1, "asked once, kept until they expire: %d" % len(asked))
    told = run.out + run.err
    check(not any(secret in told for secret in (SECRET, "session-token-of-sts", "header.first.signature")), "and no secret is in an event")
    # Keys live six seconds, the token rotates meanwhile: a series needs both anew.
    with sampan.Workload(["python3", sampan.WORKLOADS / "python" / "shares.py", 60, 1], ready=lambda w: w.says("ready")) as load:
        asked.clear()
        threading.Timer(4, lambda: token.write_text("header.second.signature")).start()
        os.environ.update(environment)
        run = sampan.profile(pid=load.pid, seconds=1, every=2, count=6, upload=dict(sink, url="s3://profiles/series/{name}"))
        for name in environment:
            del os.environ[name]
    good = [event["code"] for event in run.events if event["event"] == "result"]
    tokens = {form["WebIdentityToken"] for form in asked}
    check(run.code == 0 and good == [0] * 6 and len(tokens) == 2 and 2 <= len(asked) <= 6, "a series beyond their life: results %s, STS asked %d times, with %d tokens" % (good, len(asked), len(tokens)))
    token.write_text("header.third.signature")
    run = render(sink, dict(environment, AWS_ROLE_ARN="arn:aws:iam::1:role/other"))
    check(run.code in (2, 8) and "AccessDenied" in run.result["sentence"], "STS refuses: exit %d: %s" % (run.code, run.result["sentence"][:160]))
    run = render(dict(sink, retry_seconds=1), dict(environment, AWS_ENDPOINT_URL_STS="http://127.0.0.1:1"))
    check(run.code == 7 and "STS" in run.result["sentence"] and run.file("folded"), "STS is away: exit %d, file kept: %s" % (run.code, run.result["sentence"][:120]))


def container_endpoint():
    token, asked = WORK / "pod-identity", []
    endpoint, stored = temporary_store(lambda: "session-token-of-pod")
    token.write_text("pod.identity.token\n")

    def agent(method, path, headers, body):
        asked.append(headers.get("authorization"))
        if path != "/v1/credentials" or headers.get("authorization") != "pod.identity.token":
            return 400, "{}"
        return 200, json.dumps({"AccessKeyId": ACCESS, "SecretAccessKey": SECRET, "Token": "session-token-of-pod", "Expiration": expiration(3600)})

    url = served(agent)
    environment = {"AWS_CONTAINER_CREDENTIALS_FULL_URI": url + "/v1/credentials", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": str(token)}
    sink = {"url": "s3://profiles/pod", "s3": {"region": "us-east-1", "endpoint": endpoint}}
    run = render(sink, environment)
    check(run.code == 0 and stored("pod") and len(asked) == 1, "the container's endpoint (EKS Pod Identity, ECS): exit %d: %s" % (run.code, run.result["sentence"][:160]))
    check("session-token-of-pod" not in run.out + run.err and "pod.identity.token" not in run.out + run.err, "and no secret is in an event")
    run = render(sink, dict(environment, AWS_CONTAINER_CREDENTIALS_FULL_URI="http://192.0.2.1/v1/credentials"))
    check(run.code == 2 and "neither HTTPS" in run.result["sentence"], "a token goes to no other machine without TLS: exit %d" % run.code)


def over_s3():
    """A real gateway takes keys that came from a container's endpoint."""
    gateway = sampan.CACHE / "s3" / "versitygw-1.8.0"
    if not gateway.exists():
        return sampan.skip("S3 credentials at a gateway", "no S3-compatible server (tests/live/get_s3_server.sh)")
    folder = WORK / "s3"
    (folder / "profiles").mkdir(parents=True)
    port = sampan.free_port()
    keys = served(lambda *_: (200, json.dumps({"AccessKeyId": ACCESS, "SecretAccessKey": SECRET})))
    with sampan.Workload([gateway, "--port", "127.0.0.1:%d" % port, "--access", ACCESS, "--secret", SECRET, "posix", "--nometa", folder], ready=lambda _: sampan.answers(port)):
        environment = {"AWS_CONTAINER_CREDENTIALS_FULL_URI": keys, "AWS_REGION": "us-east-1", "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:%d" % port}
        run = render({"url": "s3://profiles/keys", "s3": {"region": "us-east-1", "endpoint": environment["AWS_ENDPOINT_URL_S3"]}}, environment)
        check(run.code == 0 and (folder / "profiles" / "keys").exists(), "Versity's gateway takes them: exit %d: %s" % (run.code, run.result["sentence"][:160]))
        merge_from(folder / "profiles", environment)


def merge_from(bucket, environment):
    """`merge` of what lies below a prefix, listed page by page."""
    count, hosts = (2000, 40) if sampan.LONG else (1200, 40)
    (bucket / "runs" / "deep").mkdir(parents=True)
    for i in range(count):
        text = "".join("main;host%d;f%d;g%d %d\n" % (i % hosts, k % 50, k, 1 + (i + k) % 3) for k in range(5000 if sampan.LONG else 60))
        (bucket / "runs" / ("a b" if i % 2 else "deep") ).mkdir(exist_ok=True)
        (bucket / "runs" / ("a b" if i % 2 else "deep") / ("%04d.folded" % i)).write_text(text)
    (bucket / "runs" / "deep" / "notes.txt").write_text("no profile")
    with sampan.environment(environment):
        begun = time.monotonic()
        from_store = sampan.profile(mode="merge", inputs=["s3://profiles/runs/deep/*.folded", "s3://profiles/runs/a b/"], _timeout=500)
        took = time.monotonic() - begun
        none = sampan.profile(mode="merge", inputs=["s3://profiles/nothing/"])
    files = sorted(str(path) for path in (bucket / "runs").rglob("*.folded"))
    begun = time.monotonic()
    from_disk = sampan.profile(mode="merge", inputs=files, _timeout=500)
    disk = time.monotonic() - begun
    memory = [run.result["cost"]["rss_bytes"] / 2**20 for run in (from_store, from_disk)]
    check(from_store.code == 0 and sorted(from_store.stacks()) == sorted(from_disk.stacks()) and from_store.result["samples"] > 0,
          "merge of %d objects: the same as of the files: %.1f s and %.0f MiB, from disk %.1f s and %.0f MiB: exit %d %s"
          % (count, took, memory[0], disk, memory[1], from_store.code, from_store.result["sentence"][:160] if from_store.code else ""))
    check(none.code == 2 and "no object matches" in none.result["sentence"], "a prefix with nothing below it: exit %d" % none.code)


def google():
    """A V4 signed URL (HMAC key) as cloud.google.com/storage/docs/access-control/signing-urls-manually makes it."""
    key_id, key, stored = "GOOGEXAMPLE", b"google-hmac-secret", {}

    def signature(host, path, query, headers):
        canonical = "&".join("%s=%s" % (urllib.parse.quote(k, ""), urllib.parse.quote(v, "")) for k, v in sorted(query.items()))
        signed = query["X-Goog-SignedHeaders"].split(";")
        request = "\n".join(["PUT", path, canonical, "".join("%s:%s\n" % (name, headers[name]) for name in signed), query["X-Goog-SignedHeaders"], "UNSIGNED-PAYLOAD"])
        _, date, region, service, last = query["X-Goog-Credential"].split("/")
        text = "\n".join(["GOOG4-HMAC-SHA256", query["X-Goog-Date"], "/".join((date, region, service, last)), hashlib.sha256(request.encode()).hexdigest()])
        derived = mac(mac(mac(mac(b"GOOG4" + key, date), region), service), last)
        return mac(derived, text).hex()

    def store(method, path, headers, body):
        url = urllib.parse.urlparse(path)
        query = dict(urllib.parse.parse_qsl(url.query))
        given = query.pop("X-Goog-Signature", "")
        try:
            good = method == "PUT" and hmac.compare_digest(given, signature(headers["host"], url.path, query, headers))
        except KeyError:
            good = False
        if good:
            stored[url.path] = body
        return (200, "") if good else (403, "<Error><Code>SignatureDoesNotMatch</Code></Error>")

    base = served(store)
    host, headers = base[7:], {"content-type": "text/plain", "x-goog-content-length-range": "0,10485760"}
    now = datetime.datetime.now(datetime.timezone.utc)
    query = {"X-Goog-Algorithm": "GOOG4-HMAC-SHA256", "X-Goog-Credential": "%s/%s/auto/storage/goog4_request" % (key_id, now.strftime("%Y%m%d")), "X-Goog-Date": now.strftime("%Y%m%dT%H%M%SZ"),
             "X-Goog-Expires": "600", "X-Goog-SignedHeaders": "content-type;host;x-goog-content-length-range"}
    query["X-Goog-Signature"] = signature(host, "/profiles/a.folded", query, dict(headers, host=host))
    url = base + "/profiles/a.folded?" + urllib.parse.urlencode(query, quote_via=urllib.parse.quote)
    run = render({"url": url, "headers": {"Content-Type": "text/plain", "x-goog-content-length-range": "0,10485760"}})
    check(run.code == 0 and stored.get("/profiles/a.folded") == run.file("folded").read_bytes(), "Google's signed URL: exit %d: %s" % (run.code, run.result["sentence"][:160]))
    check(query["X-Goog-Signature"] not in run.out + run.err, "its signature is in no event")
    run = render({"url": url, "headers": {"Content-Type": "text/plain"}})
    check(run.code == 8, "without a header that was signed: exit %d" % run.code)


def azure():
    """A service SAS (sv 2022-11-02) as learn.microsoft.com/rest/api/storageservices/create-service-sas makes it; a blob's PUT needs its type."""
    account, key, stored = "profiles", b"azure-account-key", {}

    def signature(path, q):
        text = "\n".join([q["sp"], q.get("st", ""), q["se"], "/blob/%s%s" % (account, path), q.get("si", ""), q.get("sip", ""), q.get("spr", ""), q["sv"], q["sr"], "", "", "", "", "", "", ""])
        return base64.b64encode(mac(key, text)).decode()

    def store(method, path, headers, body):
        url = urllib.parse.urlparse(path)
        query = dict(urllib.parse.parse_qsl(url.query))
        if not hmac.compare_digest(query.get("sig", ""), signature(url.path, query)) or query["se"] < expiration(0):
            return 403, "<Error><Code>AuthenticationFailed</Code></Error>"
        if headers.get("x-ms-blob-type") != "BlockBlob":
            return 400, "<Error><Code>MissingRequiredHeader</Code></Error>"
        stored[url.path] = body
        return 201, ""

    query = {"sp": "cw", "se": expiration(600), "sv": "2022-11-02", "sr": "b"}
    query["sig"] = signature("/results/a.folded", query)
    url = served(store) + "/results/a.folded?" + urllib.parse.urlencode(query)
    run = render({"url": url, "headers": {"x-ms-blob-type": "BlockBlob"}})
    check(run.code == 0 and stored.get("/results/a.folded") == run.file("folded").read_bytes(), "Azure's SAS URL: exit %d: %s" % (run.code, run.result["sentence"][:160]))
    check(query["sig"] not in run.out + run.err and urllib.parse.quote(query["sig"], "") not in run.out + run.err, "its signature is in no event")
    run = render({"url": url})
    check(run.code == 8 and "MissingRequiredHeader" in run.result["sentence"], "without the blob's type: exit %d" % run.code)


web_identity()
container_endpoint()
over_s3()
google()
azure()
sampan.finish()
