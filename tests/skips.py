"""Prints what a run of ctest skipped and why. In CI a test that tests/required.txt names must have run: its skip is a failure.
skips.py BUILD-FOLDER"""
import os
import pathlib
import re
import sys

HERE = pathlib.Path(__file__).resolve().parent
build = pathlib.Path(sys.argv[1])
required = {line.split("#")[0].strip() for line in (HERE / "required.txt").read_text().splitlines()} - {""}

told = sorted({line for line in (build / "Testing/Temporary/LastTest.log").read_text(errors="replace").splitlines() if line.startswith("SKIP:")})
log = (build / "ctest.log").read_text(errors="replace")
whole = sorted({found[1] for found in re.finditer(r"Test +#\d+: (\S+) \.*\*\*\*Skipped", log)})
print("\n".join(told + ["SKIP: %s: the whole test" % name for name in whole]) or "nothing")
ran = {found[1] for found in re.finditer(r"Test +#\d+: (\S+) \.*( +Passed|\*\*\*Failed|\*\*\*Timeout)", log)}
missing = sorted(name for name in required if name in whole or name not in ran)
if missing and os.environ.get("CI"):
    print("FAILED: tests/required.txt names tests that did not run here: " + ", ".join(missing))
    sys.exit(1)
