"""Draws pictures with the binary and walks through them in Debian's chromium (tests/browser/viewer_test.mjs)."""
import os
import pathlib
import random
import subprocess
import tempfile

import sampan
import timed_picture
from sampan import check


def render(directory, name, inputs, **params):
    run = sampan.profile(mode=params.pop("mode", "render"), inputs=[str(i) for i in inputs], formats=["svg", "speedscope"],
                         output_dir=tempfile.mkdtemp(prefix="sampan-test-"), **params)
    made = sorted(pathlib.Path(run.directory).glob("profile*"))
    check(run.code == 0 and len(made) == 2, "%s is drawn: exit %d %s" % (name, run.code, run.err[-200:]))
    for path in made:
        path.rename((directory / name).with_suffix(".svg" if path.suffix == ".svg" else ".speedscope.json"))


def small():
    return ("web (pid 7);main (app.py:1);load (app.py:10) 30\n"
            "web (pid 7);main (app.py:1);parse (app.py:20);Token.next (lex.py:5) 50\n"
            "web (pid 7);main (app.py:1);parse (app.py:20);lib.so!0x12 15\n"
            "worker (pid 8);main (app.py:1);sleepy samples (app.py:30) 5\n")


def changed():
    return ("web (pid 7);main (app.py:1);load (app.py:10) 10\n"
            "web (pid 7);main (app.py:1);parse (app.py:20);Token.next (lex.py:5) 70\n"
            "web (pid 7);main (app.py:1);fresh (new.py:1) 20\n")


def hostile():
    names = ["]]><script>window.hurt=1</script>", "</script><img src=x onerror=window.hurt=1>", "\"'&<>", "\u202egnp.exe", "n" * 100_000]
    names += ["b%02x" % b + bytes([b]).decode("latin-1") for b in range(256) if bytes([b]) not in b"\n;"]
    return "".join("root;%s 3\n" % name for name in names).encode("utf-8", "surrogateescape") + b"root;\xff\xfe\xc0 4\n"


def deep():
    """A server's stacks: sixty frames, most of which only lead on."""
    packages = ["k8s.io/apiserver/pkg/server/filters.", "k8s.io/apiserver/pkg/endpoints/filters.", "net/http."]
    chain = ["kube-apiserver (pid 7)", "runtime.goexit (/src/runtime/asm_amd64.s:1700)"]
    chain += ["%sWithX%d.func1 (/go/src/k8s.io/apiserver/x.go:%d)" % (packages[i % 3], i, i + 10) for i in range(44)]
    flate, json = "compress/flate.(*compressor).%s (/src/compress/flate/deflate.go:%d)", "encoding/json.%s (/src/encoding/json/encode.go:%d)"
    return "".join("%s %d\n" % (";".join(chain + stack), count) for stack, count in (
        (["compress/gzip.(*Writer).Write (/src/compress/gzip/gzip.go:196)", flate % ("deflate", 393), flate % ("findMatch", 300)], 400),
        (["compress/gzip.(*Writer).Write (/src/compress/gzip/gzip.go:196)", flate % ("deflate", 393)], 120), ([json % ("Marshal", 160)], 310)))


def large(frames):
    """A tree of that many frames, 1,500 functions of four lines each, twenty levels."""
    rng, out, made = random.Random(7), [], 0
    stack = []
    while made < frames:
        del stack[rng.randrange(len(stack) + 1):]
        while len(stack) < 20 and (not stack or rng.random() < 0.8):
            function = int(rng.paretovariate(0.6)) % 1500
            stack.append("function_%d (module_%d.py:%d)" % (function, function % 40, function * 7 % 900 + rng.randrange(4)))
            made += 1
        out.append("%s %d" % (";".join(stack), 1 + int(rng.paretovariate(0.8)) % 10_000))
    return "\n".join(out) + "\n"


def main():
    driver = sampan.CACHE / "browser" / "node_modules" / "puppeteer-core"
    if not sampan.need("chromium", "browser") or not sampan.need("node", "browser"):
        return
    if not driver.is_dir():
        return sampan.skip("browser", "puppeteer-core is not in the cache folder (tests/live/get_browser.sh)")
    directory = pathlib.Path(os.environ.get("SAMPAN_PICTURES") or tempfile.mkdtemp(prefix="sampan-pictures-"))
    directory.mkdir(parents=True, exist_ok=True)
    for name, data in (("small", small()), ("changed", changed()), ("hostile", hostile()), ("large", large(111_000)), ("deep", deep())):
        (directory / (name + ".folded")).write_bytes(data if isinstance(data, bytes) else data.encode())
    render(directory, "small.svg", [directory / "small.folded"], title="A small one", min_width=0)
    render(directory, "diff.svg", [directory / "small.folded", directory / "changed.folded"], mode="diff")
    render(directory, "hostile.svg", [directory / "hostile.folded"])
    render(directory, "deep.svg", [directory / "deep.folded"], title="kube-apiserver")
    render(directory, "large.svg", [directory / "large.folded"])
    for name, text in (("timed", timed_picture.burst()), ("timed-large", timed_picture.large(20_000, 100_000))):
        (directory / (name + ".by-hand")).write_text(text)
        render(directory, name + ".svg", [directory / (name + ".by-hand")], title="shop-v2")
    xml = subprocess.run(["xmllint", "--noout", "--huge", *directory.glob("*.svg")], capture_output=True, text=True)
    check(xml.returncode == 0, "every picture is well-formed XML %s" % xml.stderr[:200])
    done = subprocess.run(["node", sampan.ROOT / "tests" / "browser" / "viewer_test.mjs", directory], capture_output=True, text=True,
                          timeout=300, env=dict(os.environ, NODE_PATH=str(driver.parent), PUPPETEER=str(driver),
                                   SPEEDSCOPE=str(driver.parent / "speedscope/dist/release/index.html")))
    for line in done.stdout.splitlines():
        check(line.startswith("ok "), line[5:]) if line[:5] in ("ok   ", "FAIL ") else print(line)
    check(done.returncode == 0, "the browser test ran to its end %s" % done.stderr[-600:])


main()
sampan.finish()
