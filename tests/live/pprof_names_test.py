"""Names as `go tool pprof` shows them: `<module>`, `<lambda>`, `<main>`, Rust's `<A as T>::f` are not cut."""
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

import sampan
from native_programs import build, start
from sampan import check

GO = next((go for go in (shutil.which("go"), "/usr/lib/go-1.19/bin/go") if go and os.path.exists(go)), None)

PYTHON = "work = lambda: sum(i * i for i in range(7000))\nwhile True: work()"
PHP = "<?php function work_here() { for ($i = 0, $x = 0; $i < 7000; $i++) $x += strlen('a'); } while (true) work_here();"
RUBY = "loop { (1..7000).sum { |i| i * i } }"


def loads():
    yield "python", ["python3", "-c", PYTHON], ["<module>", "<lambda>", "<genexpr>"]
    if sampan.need("ruby", "ruby's names"):
        yield "ruby", ["ruby", "-e", RUBY], ["<main>"]
    if sampan.need("php", "PHP's names"):
        script = pathlib.Path(tempfile.mkdtemp(prefix="sampan-names-")) / "names.php"
        script.write_text(PHP)
        yield "php", ["php", script], ["{main}", "work_here"]
    program = build("split_rust")
    if program:
        yield "rust", [program], ["split::sixty"]


def shown(path, view):
    return subprocess.run([GO, "tool", "pprof", view, "-nodecount=200", str(path)], capture_output=True, text=True).stdout


if not GO:
    sampan.skip("pprof's names", "no Go command")
else:
    for name, command, wanted in loads():
        with sampan.Workload(command) as load:
            sampan.wait_for(lambda: os.path.exists("/proc/%d" % load.pid), 10, "the program")
            result = sampan.profile(pid=load.pid, seconds=3, rate=100, group_by=[], formats=["folded", "pprof"])
        file = result.file("pb.gz") or result.file("pprof")
        every = {re.sub(r" \([^()]*\)$", "", frame) for frames, _ in result.stacks() for frame in frames}
        missing = [want for want in wanted if not any(want in frame for frame in every)]
        for view in ("-top", "-traces"):
            text = shown(file, view) if file else ""
            cut = [want for want in wanted if want not in text]
            check(not missing and not cut, "%s, pprof %s: shows %s%s" % (name, view, ", ".join(wanted), "; not: %s of %s" % (missing + cut, sorted(every)[:8]) if missing or cut else ""))
sampan.finish()
