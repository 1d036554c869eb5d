"""Real kernels, booted under qemu from Debian's packages: the static binary on each, every tier, known stacks and shares.

kernels_test.py [GUEST…]                          those guests alone, every cell (without a name: what the ordinary run has)
kernels_test.py --cell REGEX [GUEST…]             those cells alone; `unit tests` is one
kernels_test.py --shell-script FILE GUEST…        runs FILE as a shell script in the guest and prints what it prints; the functions
                                                  of init.sh (start, cell, with, container) and all workloads in /t are there
kernels_test.py --put HOST=GUEST …                further files or folders for the guest
"""
import argparse
import base64
import gzip
import io
import itertools
import json
import math
import pathlib
import re
import sys
import tarfile
import tempfile
import time

import cells as table
import machine
import programs
from sampan import LONG, Run, check, finish, parse_folded, skip, at_least

TRUE = (0.6, 0.3, 0.1)
DOUBT = "[code that changed since]"


def files_of(guest, names):
    files = {"/t/sampan": machine.binary(guest.architecture)}
    for name in names:
        program = table.PROGRAMS[name]
        folder = "/%s/t/" % program.root if program.root else "/t/"
        for file in program.files:
            path = machine.ROOT / "tests" / "workloads" / file
            files[folder + path.name] = path
        if program.build:
            files[folder + program.build] = programs.build(program.build, guest.architecture)
    return files


def rights_of(guest, cell):
    return cell.rights + guest.rights if cell.rights == table.THREE else cell.rights.rstrip(",")


def script(guest, chosen, units):
    """The guest's run: one line a cell, a workload started where it changes, settings where they change."""
    lines = ["groups " + guest.groups, "echo 2 > /proc/sys/kernel/perf_event_paranoid"] + ["unit " + name for name in units]
    program = paranoid = None
    for number, cell in enumerate(chosen):
        if cell.before:
            lines.append(cell.before)
        if cell.paranoid != paranoid:
            paranoid = cell.paranoid
            lines.append("echo %d > /proc/sys/kernel/perf_event_paranoid" % paranoid)
        if cell.program != program:
            program = cell.program
            command = table.PROGRAMS[program].command.replace("ARCH", guest.architecture)
            lines.append(command if command.startswith("container ") else "start " + command)
        lines.append("cell %d %s '%s'" % (number, rights_of(guest, cell), json.dumps(cell.params).replace('"@PID"', "@PID")))
        if cell.after:
            lines.append(cell.after)
    return "\n".join(lines) + "\n"


def unit_tests(guest):
    """The unit tests that are run in this guest: {path in the guest: file}, with the data that they read at their own paths."""
    if guest.name != table.UNIT_GUEST:
        return {}
    built = {"/t/" + path.name: path for path in sorted((machine.ROOT / "build" / "arm64" / "tests").glob("*_tests"))}
    if not built:
        skip("%s: unit tests" % guest.name, "they are not built (sh images/arm64.sh %s)" % " ".join(table.UNIT_TESTS))
        return {}
    return built


def judge_unit(guest, line):
    _, name, code, packed = line.split(" ")
    text = gzip.decompress(base64.b64decode(packed)).decode(errors="replace")
    ran = re.search(r"(\d+) tests? from .* ran", text)
    failed = re.findall(r"^\[  FAILED  \] (\S+?),? ", text, re.M)
    skipped = len(set(re.findall(r"^\[  SKIPPED \] (\S+)", text, re.M)))
    if not check(code == "0" and ran, "%s: %s: %s unit tests ran, %d of them skipped, failed: %s" % (
            guest.name, name, ran and ran[1], skipped, ", ".join(sorted(set(failed))) or "none")):
        print(text[-3000:])


def unpack(line, folder):
    """(number, finished run) of a line that init.sh's `cell` printed."""
    _, number, packed = line.split(" ")
    where = pathlib.Path(folder) / ("cell-" + number)
    with tarfile.open(fileobj=io.BytesIO(base64.b64decode(packed)), mode="r:gz") as archive:
        archive.extractall(where)
    text = lambda name: (where / name).read_text(errors="replace")
    return int(number) if number.isdigit() else number, Run(int(text("code")), text("out"), text("err"), where)


def short(stack):
    """A stack to be read: a frame that follows itself is written once, with how often."""
    return ";".join(frame + (" ×%d" % n if n > 1 else "") for frame, n in ((f, len(list(same))) for f, same in itertools.groupby(stack.split(";"))))


def judge(cell, run):
    """(right, sentence): the exit code and its sentence, or whole stacks with nothing foreign in them and the known shares."""
    sentence = run.result.get("sentence") or run.err[-300:].strip()
    if run.code != cell.code or not re.search(cell.says, sentence):
        counted = {key: value for key, value in run.result.get("quality", {}).items() if value}
        return False, "exit %d (wanted %d%s): %s %s" % (run.code, cell.code, cell.says and ", naming " + cell.says, sentence, counted or "")
    if run.code != 0:
        return True, "exit %d: %s" % (run.code, sentence)
    program = table.PROGRAMS[cell.program]
    stacks = [(";".join(frames), count) for frames, count in run.stacks()]
    every = sum(count for _, count in stacks)
    inside = r"(.*;)?%s(;.*)?" if cell.params.get("native") else "%s"
    whole = sum(count for stack, count in stacks if re.fullmatch(inside % program.chain, stack))
    truncated = sum(count for stack, count in stacks if stack.startswith("[truncated]"))
    # A JVM that warms up replaces code before a sample is named: such a stack says so, and few may.
    doubted = sum(count for stack, count in stacks if DOUBT in stack)
    strange = [stack for stack, _ in stacks if DOUBT not in stack and not stack.startswith("[truncated]") and not re.fullmatch(inside % program.chain, stack)]
    counts = [sum(count for stack, count in stacks if re.search(pattern, stack)) for pattern in program.shares]
    work = sum(counts)
    own = every - sum(count for stack, count in stacks if re.fullmatch(program.aside, stack))
    # Of n samples a share strays by sqrt(p (1 - p) / n): four of those beside one point and a half. A virtual processor that waits
    # for a real one is seen at one place several times over: a third of the samples counts. (Wall time counts nanoseconds.)
    samples = min(work, run.result["quality"]["taken"]) / 3 or 1
    near = len(counts) == 1 or all(abs(got / max(work, 1) - true) <= 0.015 + 4 * math.sqrt(true * (1 - true) / samples) for got, true in zip(counts, TRUE))
    # The memory tier reads while the target goes on: one stack in a hundred may mix two moments of the program's own functions.
    torn = run.result.get("tier") == "memory" and all(re.fullmatch(r"([^;]+ \(/t/[^;]*\);?)+", stack) for stack in strange)
    foreign = 0 if torn and sum(count for stack, count in stacks if stack in strange) <= 0.01 * every else len(strange)
    right = at_least(whole, every - doubted, 0.99) and doubted <= 0.05 * every and not foreign and near and work >= 0.8 * own
    said = "%d samples by %s, %d of %d whole, %d truncated, %d in doubt, %s %%" % (
        run.result["quality"]["taken"], run.result.get("tier"), whole, every, truncated, doubted, " / ".join("%.1f" % (100 * c / max(work, 1)) for c in counts))
    cut = [stack for stack, _ in stacks if stack.startswith("[truncated]")]
    if cut and not right:
        said += ", cut short: " + " | ".join(short(stack)[:400] for stack in cut[:3])
    return right, said + (", foreign: " + " | ".join(short(stack)[-400:] for stack in strange[:3]) if strange else "")


def judge_doctor(cell, run, runs):
    """Doctor's word on the ebpf tier is what a run with the same rights then does."""
    word = next((event.get("state") for event in run.events if event.get("name") == "ebpf tier"), None)
    same = [done for other, done in runs if other.params.get("tier") == "ebpf" and other.program == "cpp" and not other.before and
            "event" not in other.params and (other.rights, other.paranoid) == (cell.rights, cell.paranoid)]
    codes = {done.code for done in same}
    return word is not None and codes and (word == "ok") == (codes == {0}), "doctor says %s, the tier ended with exit %s" % (word, sorted(codes))


def report(guest, cell, run, runs=()):
    right, sentence = judge_doctor(cell, run, runs) if cell.code is None else judge(cell, run)
    missing = table.known_missing(guest.name, cell.name)
    name = "%s: %s" % (guest.name, cell.name)
    if missing and not right:
        return skip(name, "known to be missing: %s [%s]" % (missing, sentence))
    check(right, "%s: %s%s" % (name, sentence, missing and " (its row of KNOWN_MISSING can go)" or ""))


def chosen_cells(guest, arguments):
    for cell in table.cells():
        root = table.PROGRAMS[cell.program].root
        if table.PROGRAMS[cell.program].only not in ("", guest.architecture) or arguments.cell and not re.search(arguments.cell, cell.name):
            continue
        if not re.search(cell.only, guest.name):
            continue
        if not (cell.usual or LONG or arguments.cell or arguments.guests):
            continue
        if root and not machine.cached(guest.architecture, root):
            skip("%s: %s" % (guest.name, cell.name), "its root is missing (sh tests/live/get_kernels.sh %s/%s)" % (guest.architecture, root))
            continue
        yield cell


def run_guest(guest, arguments, extra):
    chosen = list(chosen_cells(guest, arguments))
    own = arguments.shell_script and pathlib.Path(arguments.shell_script).read_text()
    names = list(table.PROGRAMS) if own else sorted({"cpp"} | {cell.program for cell in chosen})   # cpp: what runs beside a container
    names = [name for name in names if not table.PROGRAMS[name].root or not own]
    names = [name for name in names if table.PROGRAMS[name].only in ("", guest.architecture)]
    roots = sorted({table.PROGRAMS[name].root for name in names} - {""})
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="sampan-guest-") as folder:
        units = {} if own or not re.search(arguments.cell or "", "unit tests") else unit_tests(guest)
        data = {str(machine.ROOT / path): machine.ROOT / path for path in table.UNIT_DATA} if units else {}
        run_script = own or script(guest, chosen, [path.name for path in units.values()])
        files = dict(files_of(guest, names), **units, **data, **{"/t/run.sh": run_script}, **extra)
        runs = []
        for line in machine.boot(guest, files, folder, roots, arguments.timeout, open(arguments.log, "a") if arguments.log else None):
            if line.startswith("@@cell "):
                number, run = unpack(line, folder)
                if own:
                    print("%s: exit %d\n%s%s" % (number, run.code, run.out, run.err))
                    continue
                runs.append((chosen[number], run))
                if chosen[number].code is not None:
                    report(guest, chosen[number], run)
            elif line.startswith("@@unit "):
                judge_unit(guest, line)
            elif own or "@@booted" in line or "@@lost" in line or "Kernel panic" in line:   # the firmware ends no line
                print("      %s: %s (%.0f s)" % (guest.name, line.rpartition("@@")[2], time.monotonic() - begun), flush=True)
        for cell, run in runs:
            if cell.code is None:
                report(guest, cell, run, runs)
        if not own:
            check(len(runs) == len(chosen), "%s: %d of %d cells ran, in %.0f s from its start" % (
                guest.name, len(runs), len(chosen), time.monotonic() - begun))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("guests", nargs="*", metavar="GUEST")
    parser.add_argument("--cell")
    parser.add_argument("--shell-script")
    parser.add_argument("--put", action="append", default=[])
    parser.add_argument("--log", help="a file for all that the guests print")
    parser.add_argument("--timeout", type=float, default=1800 if LONG else 600)
    arguments = parser.parse_args()
    extra = {there: pathlib.Path(here) for here, _, there in (put.partition("=") for put in arguments.put)}
    known = {guest.name: guest for guest in table.GUESTS}
    if set(arguments.guests) - set(known):
        parser.error("the guests are: " + " ".join(known))
    for guest in [known[name] for name in arguments.guests] or [g for g in table.GUESTS if g.usual or LONG]:
        try:
            run_guest(guest, arguments, extra)
        except machine.Missing as missing:
            skip(guest.name, missing)
        except TimeoutError as late:
            check(False, "%s: %s" % (guest.name, late))
    finish()


if __name__ == "__main__":
    main()
