"""Delivery to real servers: nginx (WebDAV, HTTP and TLS), an S3-compatible server, a proxy, Pyroscope's contract."""
import hashlib
import hmac
import http.server
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

import sampan
from sampan import check

FOLDED = "main;work;leaf 60\nmain;work;other 30\nmain;rest 10\n"
WORK = pathlib.Path(tempfile.mkdtemp(prefix="sampan-delivery-"))


def render(upload, environment=None, **params):
    """Draws a small folded file and delivers it: all of delivery, without a second of sampling."""
    source = WORK / "in.folded"
    source.write_text(FOLDED)
    with sampan.environment(environment or {}):
        return sampan.profile(mode="render", inputs=str(source), upload=upload, **params)


def openssl(*arguments):
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True, cwd=WORK)


def make_certificates():
    """Two authorities; a server's certificate of the first, the same expired, and a client's."""
    for name in ("ca", "other"):
        openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", 10, "-subj", "/CN=" + name, "-keyout", name + ".key", "-out", name + ".pem")
    (WORK / "san").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
    for name, days in (("server", 10), ("expired", -1), ("client", 10)):
        openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=" + name, "-keyout", name + ".key", "-out", name + ".csr")
        if days > 0:
            openssl("x509", "-req", "-in", name + ".csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", days, "-extfile", "san", "-out", name + ".pem")
        else:
            expire(name)


def expire(name):
    """A certificate whose time is over: `openssl ca` takes dates."""
    (WORK / "index").write_text("")
    (WORK / "serial").write_text("1000\n")
    (WORK / "ca.conf").write_text("[ca]\ndefault_ca=x\n[x]\ndatabase=index\nserial=serial\nnew_certs_dir=.\ndefault_md=sha256\npolicy=p\n[p]\ncommonName=supplied\n")
    openssl("ca", "-batch", "-config", "ca.conf", "-cert", "ca.pem", "-keyfile", "ca.key", "-in", name + ".csr", "-out", name + ".pem",
            "-startdate", "20200101000000Z", "-enddate", "20210101000000Z", "-extfile", "san", "-notext")


class Nginx:
    def __init__(self):
        self.http, self.tls, self.old, self.mutual = (sampan.free_port() for _ in range(4))
        (WORK / "stored").mkdir()
        (WORK / "body").mkdir()
        server = "server { listen 127.0.0.1:%d %s; root " + str(WORK / "stored") + "; client_max_body_size 1m; %s\n" \
            "location / { dav_methods PUT DELETE; create_full_put_path on; }\n" \
            "location /post { client_body_in_file_only on; proxy_pass http://127.0.0.1:" + str(self.http) + "/taken; }\n" \
            "location /taken { return 201; }\n" \
            "location /private { auth_basic x; auth_basic_user_file " + str(WORK / "users") + "; dav_methods PUT; create_full_put_path on; } }\n"
        certificate = "ssl_certificate %s/{0}.pem; ssl_certificate_key %s/{0}.key;" % (WORK, WORK)
        mutual = certificate.format("server") + " ssl_client_certificate %s/ca.pem; ssl_verify_client on;" % WORK
        (WORK / "users").write_text("me:" + subprocess.run(["openssl", "passwd", "-apr1", "hunter2"], capture_output=True, text=True, check=True).stdout)
        (WORK / "nginx.conf").write_text(
            "daemon off; user root; pid %s/nginx.pid; error_log stderr; events {} http { access_log off; client_body_temp_path %s/body;\n" % (WORK, WORK)
            + "proxy_temp_path %s/p; fastcgi_temp_path %s/f; uwsgi_temp_path %s/u; scgi_temp_path %s/s;\n" % ((WORK,) * 4)
            + server % (self.http, "", "") + server % (self.tls, "ssl", certificate.format("server"))
            + server % (self.old, "ssl", certificate.format("expired")) + server % (self.mutual, "ssl", mutual) + "}\n")
        self.server = sampan.Workload(["nginx", "-c", WORK / "nginx.conf", "-e", "stderr"], ready=lambda _: sampan.answers(self.mutual))

    def stored(self, path):
        file = WORK / "stored" / path
        return file.read_bytes() if file.exists() else None


def over_nginx(nginx):
    run = render({"url": "http://127.0.0.1:%d/a/{app_name}/{name}" % nginx.http}, app_name="shop", version_id=7, formats=["svg", "folded", "speedscope", "pprof"])
    good = all(nginx.stored("a/shop/" + f["name"]) == pathlib.Path(f["path"]).read_bytes() for f in run.result["files"])
    check(run.code == 0 and good and len(run.result["files"]) == 4, "PUT: the very bytes of four files: exit %d" % run.code)
    check(all(hashlib.sha256(pathlib.Path(f["path"]).read_bytes()).hexdigest() == f["sha256"] for f in run.result["files"]), "the result's sha256 are the files'")

    run = render({"url": "http://127.0.0.1:%d/post" % nginx.http, "method": "POST"})
    bodies = [p.read_bytes() for p in (WORK / "body").iterdir()]
    check(run.code == 0 and run.file("folded").read_bytes() in bodies, "POST: the very bytes: exit %d" % run.code)

    run = render({"url": "http://127.0.0.1:%d/private/x" % nginx.http})
    check(run.code == 8 and run.file("folded") and "401" in run.result["sentence"], "refused without credentials: exit %d, file kept" % run.code)
    basic = {"url": "http://127.0.0.1:%d/private/x" % nginx.http, "headers_from_env": {"Authorization": "TEST_BASIC"}}
    run = render(basic, {"TEST_BASIC": "Basic bWU6aHVudGVyMg=="})
    check(run.code == 0 and nginx.stored("private/x"), "a header from a variable: exit %d" % run.code)
    check("bWU6aHVudGVyMg" not in run.out + run.err, "and it is in no event")
    big = WORK / "big.folded"
    big.write_text("".join("main;%s%06d 1\n" % ("x" * 200, i) for i in range(10_000)))
    run = sampan.profile(mode="render", inputs=str(big), upload={"url": "http://127.0.0.1:%d/big" % nginx.http})
    check(run.code in (7, 8) and run.file("folded"), "too large for nginx (413): exit %d, file kept" % run.code)


def over_tls(nginx):
    good, old, mutual = ("https://localhost:%d/t/{name}" % port for port in (nginx.tls, nginx.old, nginx.mutual))
    run = render({"url": good})
    check(run.code == 8 and "certificate" in run.result["sentence"], "an authority that is not trusted: exit %d: %s" % (run.code, run.result["sentence"][:160]))
    run = render({"url": good, "ca_file": str(WORK / "ca.pem")})
    check(run.code == 0 and nginx.stored("t/" + run.result["files"][0]["name"]), "ca_file: exit %d" % run.code)
    run = render({"url": good}, {"SSL_CERT_FILE": str(WORK / "ca.pem")})
    check(run.code == 0, "SSL_CERT_FILE: exit %d" % run.code)
    run = render({"url": good, "ca_file": str(WORK / "other.pem")}, {"SSL_CERT_FILE": str(WORK / "ca.pem")})
    check(run.code == 8, "a wrong ca_file wins over SSL_CERT_FILE: exit %d" % run.code)
    run = render({"url": old, "ca_file": str(WORK / "ca.pem")})
    check(run.code == 8 and "expired" in run.result["sentence"], "an expired certificate: exit %d" % run.code)
    run = render({"url": good.replace("localhost", "127.0.0.2"), "ca_file": str(WORK / "ca.pem"), "retry_seconds": 1})
    check(run.code in (7, 8), "another name than the certificate's: exit %d" % run.code)
    run = render({"url": mutual, "ca_file": str(WORK / "ca.pem")})
    check(run.code == 8, "a client certificate is wanted: exit %d" % run.code)
    run = render({"url": mutual, "ca_file": str(WORK / "ca.pem"), "cert_file": str(WORK / "client.pem"), "key_file": str(WORK / "client.key")})
    check(run.code == 0, "a client certificate is shown: exit %d: %s" % (run.code, run.result["sentence"]))
    run = render({"url": good, "ca_file": str(WORK / "none.pem")})
    check(run.code == 2 and "none.pem" in run.result["sentence"], "a ca_file that is not there: exit %d before anything else" % run.code)
    run = render({"url": good.replace("https", "http"), "retry_seconds": 1})
    check(run.code == 8, "plain HTTP to a TLS port (400): exit %d" % run.code)
    run = render({"url": "https://127.0.0.1:%d/x" % nginx.http, "retry_seconds": 1})
    check(run.code == 7, "TLS to a plain port: exit %d" % run.code)


def over_proxy(nginx):
    if not sampan.need("tinyproxy", "a proxy"):
        return
    port = sampan.free_port()
    log = WORK / "proxy.log"
    (WORK / "proxy.conf").write_text("Port %d\nListen 127.0.0.1\nTimeout 30\nMaxClients 10\nLogFile \"%s\"\nLogLevel Info\nAllow 127.0.0.1\nBasicAuth me hunter2hunter2\n" % (port, log))
    with sampan.Workload(["tinyproxy", "-d", "-c", WORK / "proxy.conf"], ready=lambda _: sampan.answers(port)):
        def asked():
            return log.read_text().count("Request (file descriptor") if log.exists() else 0

        proxy = "http://me:hunter2hunter2@127.0.0.1:%d" % port
        for name, url, variable in (("HTTP", "http://localhost:%d/p/{name}" % nginx.http, "HTTP_PROXY"), ("TLS", "https://localhost:%d/p/{name}" % nginx.tls, "HTTPS_PROXY")):
            before = asked()
            run = render({"url": url, "ca_file": str(WORK / "ca.pem")}, {variable: proxy})
            sampan.wait_for(lambda: asked() > before, 10, "the proxy's log")
            check(run.code == 0 and "hunter2hunter2" not in run.out + run.err, "%s through a proxy with a password: exit %d" % (name, run.code))
            before = asked()
            run = render({"url": url, "ca_file": str(WORK / "ca.pem")}, {variable: proxy, "NO_PROXY": "localhost"})
            check(run.code == 0 and asked() == before, "%s past the proxy by NO_PROXY: exit %d" % (name, run.code))
        run = render({"url": "https://localhost:%d/x" % nginx.tls, "ca_file": str(WORK / "ca.pem"), "retry_seconds": 1}, {"HTTPS_PROXY": "http://me:wrong@127.0.0.1:%d" % port})
        check(run.code in (7, 8), "the proxy refuses: exit %d" % run.code)


def presign(url, access, secret, headers, seconds=600):
    """A presigned PUT (SigV4 in the query), as a platform would hand it out."""
    at = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    scope = at[:8] + "/us-east-1/s3/aws4_request"
    split = urllib.parse.urlsplit(url)
    signed = dict({k.lower(): v for k, v in headers.items()}, host=split.netloc)
    query = urllib.parse.urlencode(sorted({
        "X-Amz-Algorithm": "AWS4-HMAC-SHA256", "X-Amz-Credential": access + "/" + scope, "X-Amz-Date": at,
        "X-Amz-Expires": str(seconds), "X-Amz-SignedHeaders": ";".join(sorted(signed))}.items()), quote_via=urllib.parse.quote, safe="")
    canonical = "\n".join(["PUT", split.path, query, *["%s:%s" % h for h in sorted(signed.items())], "", ";".join(sorted(signed)), "UNSIGNED-PAYLOAD"])
    text = "\n".join(["AWS4-HMAC-SHA256", at, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    key = ("AWS4" + secret).encode()
    for word in [at[:8], "us-east-1", "s3", "aws4_request"]:
        key = hmac.digest(key, word.encode(), "sha256")
    return url + "?" + query + "&X-Amz-Signature=" + hmac.new(key, text.encode(), "sha256").hexdigest()


def over_s3():
    gateway = sampan.CACHE / "s3" / "versitygw-1.8.0"
    if not gateway.exists():
        return sampan.skip("S3", "no S3-compatible server (tests/live/get_s3_server.sh)")
    port = sampan.free_port()
    endpoint = "http://127.0.0.1:%d" % port
    access, secret = "PROFILERKEY", "very/secret+key0123456789"
    folder = WORK / "s3"
    (folder / "profiles").mkdir(parents=True)
    environment = {"AWS_ACCESS_KEY_ID": access, "AWS_SECRET_ACCESS_KEY": secret}

    def stored(key):
        file = folder / "profiles" / key
        return file.read_bytes() if file.exists() else None

    command = [gateway, "--port", "127.0.0.1:%d" % port, "--access", access, "--secret", secret, "posix", "--nometa", folder]
    with sampan.Workload(command, ready=lambda _: sampan.answers(port)):
        run = render({"url": "s3://profiles/{app_name}/{version_id}/{name}", "s3": {"region": "us-east-1", "endpoint": endpoint}}, environment, app_name="shop one", version_id=7, formats=["folded", "svg"])
        good = all(stored("shop one/7/" + f["name"]) == pathlib.Path(f["path"]).read_bytes() for f in run.result["files"])
        check(run.code == 0 and good, "S3, path style, a key with a blank: exit %d: %s" % (run.code, run.result["sentence"][:200]))
        run = render({"url": endpoint + "/profiles/by-url", "s3": {"region": "us-east-1"}}, environment)
        check(run.code == 0 and stored("by-url") == run.file("folded").read_bytes(), "S3 by its URL: exit %d" % run.code)
        big = WORK / "big-s3.folded"
        big.write_text("".join("main;%s%06d 1\n" % ("x" * 200, i) for i in range(20_000)))
        with_key = {"url": endpoint + "/profiles/big", "s3": {"region": "us-east-1"}}
        os.environ.update(environment)
        run = sampan.profile(mode="render", inputs=str(big), upload=with_key)
        for name in environment:
            del os.environ[name]
        check(run.code == 0 and stored("big") == run.file("folded").read_bytes(), "S3, four megabytes: exit %d" % run.code)
        file = WORK / "credentials"
        file.write_text("[default]\naws_access_key_id = no\n[profiler]\naws_access_key_id = %s\naws_secret_access_key = %s\n" % (access, secret))
        run = render({"url": "s3://profiles/by-file", "s3": {"region": "us-east-1", "endpoint": endpoint, "credentials_file": str(file), "credentials_profile": "profiler"}})
        check(run.code == 0 and stored("by-file"), "S3 with credentials from a file: exit %d" % run.code)
        run = render({"url": "s3://profiles/wrong", "s3": {"region": "us-east-1", "endpoint": endpoint}}, dict(environment, AWS_SECRET_ACCESS_KEY="wrong" * 8))
        check(run.code == 8 and not stored("wrong") and "SignatureDoesNotMatch" in run.result["sentence"], "S3 with a wrong secret: exit %d: %s" % (run.code, run.result["sentence"][:200]))
        check("wrong" * 8 not in run.out + run.err and secret not in run.out + run.err, "and no secret is in an event")
        run = render({"url": "s3://no-such-bucket/x", "s3": {"region": "us-east-1", "endpoint": endpoint}}, environment)
        check(run.code == 8 and "NoSuchBucket" in run.result["sentence"], "S3, no such bucket: exit %d" % run.code)
        run = render({"url": "s3://profiles/none", "s3": {"region": "us-east-1", "endpoint": endpoint}})
        check(run.code == 2 and "AWS_ACCESS_KEY_ID" in run.result["sentence"], "S3 without credentials: exit %d before anything else" % run.code)
        headers = {"Content-Type": "text/plain"}
        presigned = presign(endpoint + "/profiles/presigned", access, secret, headers)
        run = render({"url": presigned, "headers": headers})
        check(run.code == 0 and stored("presigned") == run.file("folded").read_bytes(), "presigned PUT: exit %d: %s" % (run.code, run.result["sentence"][:200]))
        check(presigned.rpartition("=")[2] not in run.out + run.err, "its signature is in no event")
        run = render({"url": presigned[:-4] + "0000", "headers": headers})
        check(run.code == 8, "presigned PUT with a wrong signature: exit %d" % run.code)


class Recorder(http.server.BaseHTTPRequestHandler):
    requests = []

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        Recorder.requests.append((self.path, dict(self.headers), body))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass


def over_contracts():
    """Pyroscope's /ingest and a platform's multipart form, as documented, against a server that records."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Recorder)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = "http://127.0.0.1:%d" % server.server_port
    sink = {"url": url, "pyroscope": {"name": "shop.cpu", "labels": {"env": "prod"}, "tenant": "team-a"}}
    run = render(sink, formats=["folded", "svg", "pprof"])
    check(run.code == 0 and len(Recorder.requests) == 1, "Pyroscope gets one file of a profile, its time once: %d, exit %d" % (len(Recorder.requests), run.code))
    taken = [(run, *Recorder.requests[0])]
    run = render(sink, formats=["folded", "svg"])
    check(run.code == 0 and len(Recorder.requests) == 2, "folded where there is no pprof: exit %d" % run.code)
    taken.append((run, *Recorder.requests[1]))
    check(["format=pprof" in taken[0][1], "format=folded" in taken[1][1]] == [True, True], "pprof first")
    for run, path, headers, body in taken:
        query = {k: v[0] for k, v in urllib.parse.parse_qs(urllib.parse.urlsplit(path).query).items()}
        good = path.startswith("/ingest?") and query["name"] == "shop.cpu{env=prod}" and int(query["until"]) >= int(query["from"]) and headers["X-Scope-OrgID"] == "team-a"
        if query["format"] == "folded":
            good = good and body == run.file("folded").read_bytes()
        else:
            good = good and b'name="profile"' in body and run.file("pb.gz").read_bytes() in body
        check(good, "Pyroscope /ingest, %s" % query["format"])

    Recorder.requests.clear()
    token = WORK / "token"
    token.write_text("hunter2hunter2\n")
    run = render({"url": url + "/tasks", "form": {"task": "{app_name}-{version_id}", "attachment": "@file"}, "headers_from_file": {"X-Token": str(token)}}, app_name="shop", version_id=7)
    path, headers, body = Recorder.requests[0]
    boundary = headers["Content-Type"].partition("boundary=")[2].encode()
    parts = [p.partition(b"\r\n\r\n") for p in body.split(b"--" + boundary)[1:-1]]
    names = {head.split(b'name="')[1].split(b'"')[0].decode(): content[:-2] for head, _, content in parts}
    metadata = json.loads(names["metadata"])
    check(run.code == 0 and names["task"] == b"shop-7" and names["attachment"] == run.file("folded").read_bytes(), "multipart: fields and the file: exit %d" % run.code)
    check(metadata["sha256"] == run.result["files"][0]["sha256"] and metadata["app_name"] == "shop", "multipart: the JSON part")
    check(headers["X-Token"] == "hunter2hunter2" and "hunter2" not in run.out + run.err, "a header from a file, in no event")
    check(len(headers["Idempotency-Key"]) == 32, "an idempotency key")


def over_a_series():
    """A server that honours Idempotency-Key keeps every profile of a series; one object for all of them is refused."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Recorder)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = "http://127.0.0.1:%d" % server.server_port
    os.environ["SAMPAN_RUN"] = "job-uid"
    with sampan.Workload([sys.executable, "-c", "print('up', flush=True)\nwhile True: sum(range(1000))"], ready=lambda w: w.says("up")) as busy:
        Recorder.requests.clear()
        run = sampan.profile(pid=busy.pid, seconds=1, every=1, count=3, upload={"url": url + "/{run}", "method": "POST"})
        keys = {headers["Idempotency-Key"] for _, headers, _ in Recorder.requests}
        paths = {path for path, _, _ in Recorder.requests}
        check(run.code == 0 and len(Recorder.requests) == len(keys) == len(paths) == 3,
              "a series of POSTs: %d requests, %d keys, %d runs: exit %d" % (len(Recorder.requests), len(keys), len(paths), run.code))
        run = sampan.profile(pid=busy.pid, seconds=1, every=1, count=3, upload={"url": url + "/{app_name}.{format}"})
        check(run.code == 2 and "{time}" in run.result["sentence"], "a series put to one object: exit %d: %s" % (run.code, run.result["sentence"][:160]))
    del os.environ["SAMPAN_RUN"]


def main():
    if not sampan.need("nginx", "delivery") or not sampan.need("openssl", "delivery"):
        return
    make_certificates()
    nginx = Nginx()
    with nginx.server:
        over_nginx(nginx)
        over_tls(nginx)
        over_proxy(nginx)
    over_contracts()
    over_a_series()
    over_s3()


main()
sampan.finish()
