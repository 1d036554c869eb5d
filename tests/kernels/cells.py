"""What is run where, as data: guests, programs with what their stacks must be, cells, and what is known to be missing."""
import dataclasses
import re


@dataclasses.dataclass(frozen=True)
class Guest:
    name: str
    architecture: str
    kernel: str               # a folder of the cache, see tests/live/get_kernels.sh
    usual: bool = False       # in the ordinary run
    groups: str = "v2"
    options: str = ""         # of the kernel's command line
    rights: str = ""          # what the ebpf tier needs there beside its three capabilities


RESOURCE = ",+sys_resource"                      # before 5.11 BPF maps count to RLIMIT_MEMLOCK

# 5.15 and 6.6 are in no registry that this project may use: Debian has neither.
GUESTS = [
    Guest("amd64-5.10", "amd64", "5.10", groups="v1", rights=RESOURCE),
    Guest("amd64-6.1", "amd64", "6.1", usual=True),
    Guest("amd64-6.12", "amd64", "6.12", groups="v1"),
    Guest("amd64-7", "amd64", "7", usual=True),
    Guest("arm64-5.10", "arm64", "5.10", rights=RESOURCE),
    Guest("arm64-6.1", "arm64", "6.1", groups="v1"),
    Guest("arm64-6.12", "arm64", "6.12", usual=True),
    Guest("arm64-7", "arm64", "7"),
    Guest("arm64-7-16k", "arm64", "7-16k"),
]


UNIT_GUEST = "arm64-6.12"                         # all unit tests of arm64, none left out
UNIT_TESTS = ("flamegraph_tests", "samplers_tests", "agent_tests")
UNIT_DATA = ("tests/agent/target/recorded", "tests/workloads/native")


@dataclasses.dataclass(frozen=True)
class Program:
    command: str              # in the guest (ARCH: its architecture); it says `ready`
    chain: str                # a whole stack, as a regular expression of the frames joined by `;`
    shares: tuple             # of the frames that take 60, 30 and 10 % of the time: regular expressions; or of the one that takes nearly all
    files: tuple = ()         # of tests/workloads, copied to /t
    build: str = ""           # a row of BUILDS below, put at /t/<that name>
    root: str = ""            # the cached root file system that it runs in
    usual: bool = False       # in the ordinary run
    only: str = ""            # the architecture that it is for
    aside: str = r"(?!)"      # whole stacks that are the runtime's own threads', not the program's: no part of its shares


KERNEL = r"(;[^;]*_\[k\])*"                       # whatever the kernel did below
MIX = (r"\bsixty\b", r"\bthirty\b", r"\bten\b")
LIBC = r"_start;__libc_start_main;(__libc_start_call_main|libc\.so\.6!0x[0-9a-f]+);"    # Debian's libc has no names for its own
RUN = r"split::Descent::run\(int\)"
SPLIT = LIBC + "main((;%s){0,41}|(;%s){41};split::(sixty|thirty|ten)\\(\\))" % (RUN, RUN) + KERNEL
# One chain of Python's own frames, each below the one that called it; what is above and below it are native frames.
PYTHON = r"<module> \(/t/rounds.py\)(;main \(/t/rounds.py\)(;(sixty|thirty|ten) \(/t/rounds.py\)(;rounds \(/t/rounds.py\))?)?)?"
RUBY = (r"<main> \(/t/rounds.rb\);Object#main \(/t/rounds.rb\);Kernel#loop(;block in Object#main \(/t/rounds.rb\)"
        r"(;Shop::Basket#(sixty|thirty|ten) \(/t/rounds.rb\)(;Shop::Basket#rounds \(/t/rounds.rb\)(;Integer#[^;]*)?)?)?)?(;\[garbage collection\])?")
PHP = (r"\{main\} \(/t/rounds.php\);Shop\\Basket::main \(/t/rounds.php\)"
       r"(;Shop\\Basket::(sixty|thirty|ten) \(/t/rounds.php\)(;Shop\\Basket::rounds \(/t/rounds.php\))?)?")

# The one goroutine; or a thread's own stack, on which the runtime works for itself.
GO_OWN = r"runtime[./](?!goexit)[^;]*(;(runtime|internal)[./][^;]*)*(;(__vdso_)?clock_gettime)?" + KERNEL
GO = (r"(runtime\.goexit[^;]*;runtime\.main[^;]*;main\.main[^;]*(;main\.[^;]*)*(;runtime[./][^;]*)*"
      r"(;(__vdso_)?clock_gettime)?" + KERNEL + "|" + GO_OWN + ")")

# The program's own thread, whatever the kernel did below; the virtual machine's threads (compilers, collectors) are its own.
ROUNDS = r"Rounds\.main(;Rounds\.run(;Rounds\.descend){0,21}(;Rounds\.(sixty|thirty|ten)(;Rounds\.rounds)?)?)?(;java/lang/System\.nanoTime)?(;(InterpreterRuntime|Deoptimization|SharedRuntime|OptoRuntime|Runtime1|os)::.*|;(clock_gettime|__kernel_clock_gettime|__vdso_clock_gettime))?" + KERNEL
JVM_OWN = r"(?!.*(Rounds|\[truncated|\[code that)).*"
JAVA = "(" + ROUNDS + "|" + JVM_OWN + ")"
# -Xbatch: once it is ready no compilation is under way beside it.
JAVA_OPTIONS = "-Xmx64m -Xbatch -XX:CompileCommand=quiet -XX:CompileCommand=dontinline,Rounds.rounds -cp /t Rounds"

# From the program's file on its calls in order, above them Node.js's own; threads of V8 and libuv are theirs.
NODE = (LIBC + r"(main;)?node::Start.*;Module\._compile;\(anonymous\)(;loop(;(hot|warm|cool)(;spin)?)?(;((Date\.)?now(;v8::.*)?|(Builtins_|libnode)[^;]*))?)?" + KERNEL)
NODE_OWN = r"(?!.*(\bloop\b|\bspin\b|Module\._compile|\[(truncated|unknown|code that))).*"
NODE = "(" + NODE + "|" + NODE_OWN + ")"

# A copy that goes on in the kernel for long, of a program without unwind information: each frame has a function's name.
IN_KERNEL = r"(?!.*(\[kernel\]|\+0x)).*"

BUILDS = {                                       # the words between the compiler and the sources
    "split": ("g++", "-O2 -fomit-frame-pointer", "native/split.cpp"),
    "split-pac": ("g++", "-O2 -fomit-frame-pointer -mbranch-protection=standard", "native/split.cpp"),
    "split-go": ("go", "build", "native/split.go"),
    "Rounds.class": ("javac", "", "java/Rounds.java"),
}

POD, CONTAINER = "12345678-90ab-cdef-1234-567890abcdef", "c0ffee00" * 8

PROGRAMS = {
    "cpp": Program("/t/split", SPLIT, MIX, build="split", usual=True),
    "cpp-pac": Program("/t/split-pac", SPLIT, MIX, build="split-pac", only="arm64"),
    "go": Program("/t/split-go", GO, MIX, build="split-go", aside=GO_OWN),
    "python": Program("python3.11 /t/rounds.py", PYTHON, MIX, files=("python/rounds.py",), usual=True),
    "python3.9": Program("chroot /py3.9 /usr/bin/python3.9 /t/rounds.py", PYTHON, MIX, files=("python/rounds.py",), root="py3.9"),
    "python3.13": Program("chroot /py3.13 /usr/bin/python3.13 /t/rounds.py", PYTHON, MIX, files=("python/rounds.py",), root="py3.13"),
    "python3.14": Program("chroot /py3.14 /usr/bin/python3.14 /t/rounds.py", PYTHON, MIX, files=("python/rounds.py",), root="py3.14"),
    "contained": Program("container kubepods/burstable/pod%s/%s python3.11 /t/rounds.py" % (POD, CONTAINER), PYTHON, MIX, files=("python/rounds.py",)),
    "java17": Program("chroot /jdk17 /usr/lib/jvm/java-17-openjdk-ARCH/bin/java " + JAVA_OPTIONS, JAVA, MIX, build="Rounds.class", root="jdk17", aside=JVM_OWN),
    "java21": Program("chroot /jdk21 /usr/lib/jvm/java-21-openjdk-ARCH/bin/java " + JAVA_OPTIONS, JAVA, MIX, build="Rounds.class", root="jdk21", aside=JVM_OWN),
    "node20": Program("chroot /node20 /usr/bin/node /t/shares.js", NODE, (r"\bhot\b", r"\bwarm\b", r"\bcool\b"), files=("node/shares.js",),
                      root="node20", aside=NODE_OWN),
    "in the kernel": Program("sh -c 'echo ready; exec dd if=/dev/zero of=/dev/null bs=4M'", IN_KERNEL, (r"(vfs|ksys)_read_\[k\]",)),
    "ruby": Program("ruby3.1 /t/rounds.rb", RUBY, MIX, files=("ruby/rounds.rb",), usual=True),
    "php": Program("php8.2 -n /t/rounds.php", PHP, MIX, files=("php/rounds.php",), usual=True),
}

THREE = "+sys_ptrace,+bpf,+perfmon"


@dataclasses.dataclass(frozen=True)
class Cell:
    name: str
    program: str
    params: dict
    rights: str = THREE       # capabilities, or `all`; of THREE a guest asks for what it needs beside them
    paranoid: int = 2         # perf_event_paranoid; 3 is Debian's default
    code: int | None = 0      # the exit code; None: the doctor's, whose word is held against what the ebpf tier then did
    says: str = ""            # a regular expression that the result's sentence must hold
    usual: bool = True
    only: str = ""            # a regular expression of the guests that it is for
    before: str = ""          # a line of shell
    after: str = ""


def profile(tier, **more):
    params = dict({"pid": "@PID", "tier": tier, "seconds": 2, "rate": 200, "lines": False, "group_by": [], "formats": ["folded"],
                 "output_dir": "/tmp/cell", "max_cpu_percent": 100}, **more)
    return {key: value for key, value in params.items() if value is not None}


def cells():
    for paranoid, rights in ((3, THREE), (3, "all"), (2, THREE), (2, "+sys_ptrace")):
        yield Cell("doctor at paranoid %d, %s" % (paranoid, {THREE: "three capabilities", "all": "all", "+sys_ptrace": "one"}[rights]), "cpp",
                   {"mode": "doctor", "output_dir": "/tmp/cell"}, rights=rights, paranoid=paranoid, code=None)
    yield Cell("ebpf with one capability", "cpp", profile("ebpf"), rights="+sys_ptrace", code=4, says="BPF")
    yield Cell("ebpf with three capabilities alone", "cpp", profile("ebpf"), rights=THREE + ",", code=4, says="SYS_RESOURCE", only=r"-5\.10")
    yield Cell("ebpf at paranoid 3, three capabilities", "cpp", profile("ebpf"), paranoid=3, code=4, says="perf_event_paranoid")
    yield Cell("auto at paranoid 3, three capabilities", "cpp", profile("auto"), paranoid=3, says="")
    yield Cell("ebpf at paranoid 3, all capabilities", "cpp", profile("ebpf"), paranoid=3, rights="all")
    for name, program in PROGRAMS.items():
        if name == "contained":
            continue
        if name == "in the kernel":
            yield Cell("the kernel's names, ebpf", name, profile("ebpf"))
            continue
        interpreter = name.startswith(("python", "ruby", "php"))
        if interpreter:
            yield Cell("%s memory" % name, name, profile("memory"), rights="+sys_ptrace", usual=program.usual)
        yield Cell("%s ptrace" % name, name, profile("ptrace"), rights="+sys_ptrace", usual=program.usual)
        yield Cell("%s ebpf" % name, name, profile("ebpf"), usual=program.usual)
        if name.startswith("python"):
            yield Cell("%s ebpf with native frames" % name, name, profile("ebpf", native=True), usual=program.usual)
    # Another program runs beside the container: none of its frames may be there.
    beside = {"before": "/t/split > /tmp/beside & beside=$!", "after": "kill -9 $beside"}
    by_id = {"pid": None, "container_id": CONTAINER, "language": "python"}
    yield Cell("container by its id, memory", "contained", profile("memory", **by_id), rights="+sys_ptrace", **beside)
    yield Cell("container by its pod, ebpf", "contained", profile("ebpf", **dict(by_id, container_id=None, pod_uid=POD)), **beside)
    yield Cell("wall ebpf", "cpp", profile("ebpf", event="wall"))
    hide, show = "mount -t tmpfs none /sys/kernel/btf", "umount /sys/kernel/btf"
    yield Cell("ebpf without BTF", "cpp", profile("ebpf"), code=4, says="BTF", before=hide, after=show, usual=False)
    # Lockdown can only be raised: these come last.
    yield Cell("ebpf under lockdown integrity", "cpp", profile("ebpf"), before="echo integrity > /sys/kernel/security/lockdown", usual=False)
    yield Cell("ebpf under lockdown confidentiality", "cpp", profile("ebpf"), code=4, says="locked down|lockdown",
               before="echo confidentiality > /sys/kernel/security/lockdown", usual=False)
    yield Cell("memory under lockdown confidentiality", "python", profile("memory"), usual=False)


# Cells that are known to fail, with the reason: guest and cell as regular expressions. A row goes when its fix lands; a cell
# that comes out right in spite of its row says so.
KNOWN_MISSING = [
    (r"^arm64", r"^java17 ebpf", "some samples are in doubt: of code that was replaced a moment before"),
]


def known_missing(guest, cell):
    return next((why for on, which, why in KNOWN_MISSING if re.search(on, guest) and re.search(which, cell)), None)
