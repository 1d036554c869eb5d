"""What a new V8 tells of itself, for its row in samplers/node: v8_bytecodes.py NODE… prints, for each program, its version, the
constants of v8dbg that rows rest on, and the lengths of its bytecodes (bytecode_sizes.hpp). It needs a program with its symbols."""
import re
import struct
import subprocess
import sys

WANTED = (r"frametype_(Entry|ConstructEntry|BuiltinExit|Wasm)Frame|class_JSFunction__shared|class_SharedFunctionInfo__(name_or|script)|class_Code__(flags|"
          r"instruction_s)|class_BytecodeArray__data|CodeKindBaseline|DeoptimizationData|ScopeInfo|TaggedSize$|SmiShiftSize|off_fp_")


def segments(path):
    text = subprocess.run(["readelf", "-lW", path], capture_output=True, text=True, check=True).stdout
    return [[int(n, 16) for n in m] for m in re.findall(r"^\s+LOAD\s+(\S+)\s+(\S+)\s+\S+\s+(\S+)\s+(\S+)", text, re.M)]


def read(path, loaded, address, size):
    for offset, start, in_file, _ in loaded:
        if start <= address < start + in_file:
            with open(path, "rb") as file:
                file.seek(offset + address - start)
                return file.read(size)
    return bytes(size)   # what the program starts with as zeros


def show(path):
    loaded = segments(path)
    symbols = {}
    for line in subprocess.run(["readelf", "-sW", path], capture_output=True, text=True, check=True).stdout.splitlines():
        words = line.split()
        if len(words) == 8 and words[6] not in ("UND", "Ndx"):
            symbols[words[7]] = (int(words[1], 16), int(words[2], 0))
    number = lambda name: struct.unpack("<i", read(path, loaded, symbols[name][0], 4))[0]
    print(path, "V8", *(number("_ZN2v88internal7Version6%s_E" % part) for part in ("major", "minor", "build", "patch")))
    for name in sorted(symbols):
        if name.startswith("v8dbg_") and re.search(WANTED, name):
            print("  %s %d" % (name[6:], number(name)))
    sizes = symbols.get("_ZN2v88internal11interpreter9Bytecodes14kBytecodeSizesE")
    if not sizes:
        return print("  its table of bytecode lengths has no symbol")
    table = read(path, loaded, *sizes)
    for i in range(3):
        print('    "%s",' % "".join(chr(48 + n) for n in table[i * len(table) // 3:(i + 1) * len(table) // 3]))


for program in sys.argv[1:]:
    show(program)
