"""Prints what a run of ctest skipped and why. In CI a skip that tests/may_skip.txt does not name is a failure.
skips.py BUILD-FOLDER"""
import os
import pathlib
import re
import sys

HERE = pathlib.Path(__file__).resolve().parent
build = pathlib.Path(sys.argv[1])
allowed = [re.compile(line.split("  #")[0].strip()) for line in (HERE / "may_skip.txt").read_text().splitlines()
           if line.strip() and not line.startswith("#")]

told = sorted({line for line in (build / "Testing/Temporary/LastTest.log").read_text(errors="replace").splitlines() if line.startswith("SKIP:")})
# A test that skipped whole, a unit test included: ctest marks it in its own list.
whole = sorted({found[1] for found in re.finditer(r"Test +#\d+: (\S+) \.*\*\*\*Skipped", (build / "ctest.log").read_text(errors="replace"))})
lines = told + ["SKIP: %s: the whole test" % name for name in whole]
print("\n".join(lines) or "nothing")
unexpected = [line for line in lines if not any(pattern.search(line) for pattern in allowed)]
if unexpected and os.environ.get("CI"):
    print("FAILED: these must run here (tests/may_skip.txt names what need not):\n" + "\n".join(unexpected))
    sys.exit(1)
