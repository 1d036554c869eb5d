"""Targets in containers, each with the libc and the interpreter of its own: what the container tests profile."""
import pathlib
import shutil
import subprocess
import tempfile

import sampan

# One language: the root file system (below the cache folder; `None` is an empty one), the program, and what burns there.
# The roots come from tests/live/get_*.sh. Static and musl programs bring all that they need.
LANGUAGES = {
    "ruby": ("rubies/2.7", ["/usr/bin/ruby2.7", "/w/ruby/truth.rb", "300"], r"hot"),
    "php": ("phps/7.4", ["/usr/bin/php7.4", "/w/php/truth.php", "300"], r"hot"),
    "java": ("jdks/11", ["/usr/lib/jvm/java-11-openjdk-amd64/bin/java", "/w/java/Simple.java", "300"], r"Simple\.hot"),
    "go": (None, ["/go"], r"main\.hot"),
    "cpp": (None, ["/cpp"], r"split::sixty"),
    "musl": (None, ["/musl"], r"\bhot\b"),
}

GO = """package main

import "fmt"

var sink uint64

//go:noinline
func hot(n uint64) (x uint64) {
	for i := uint64(0); i < n; i++ {
		x = x*6364136223846793005 + i
	}
	return x
}

func main() {
	fmt.Println("ready")
	for {
		sink += hot(100000)
	}
}
"""

C = """#include <stdio.h>
volatile unsigned long sink;
__attribute__((noinline)) void hot(unsigned long n) { for (unsigned long i = 0; i < n; i++) sink = sink * 31 + i; }
int main(void) { puts("ready"); fflush(stdout); for (;;) hot(100000); }
"""


def compiled(language):
    """A root that holds nothing but the program (and musl's loader); None where it cannot be built, after a visible skip."""
    root = pathlib.Path(tempfile.mkdtemp(prefix="sampan-root-"))
    program = root / language
    if language == "cpp":
        source = sampan.WORKLOADS / "native" / "split.cpp"
        command = ["g++", "-O1", "-static", "-o", program, source]
    elif language == "go":
        (root / "main.go").write_text(GO)
        command = ["go", "build", "-o", program, root / "main.go"]
    else:
        (root / "main.c").write_text(C)
        command = ["musl-gcc", "-O1", "-o", program, root / "main.c"]
    if not sampan.need(command[0], "%s in a container" % language):
        return None
    subprocess.run(command, check=True, capture_output=True, cwd=root)
    if language == "musl":
        (root / "lib").mkdir()
        shutil.copy("/usr/lib/x86_64-linux-musl/libc.so", root / "lib" / "ld-musl-x86_64.so.1")
    return root


def root_of(language):
    folder = LANGUAGES[language][0]
    if folder is None:
        return compiled(language)
    if (sampan.CACHE / folder / "usr").exists():
        return sampan.CACHE / folder
    sampan.skip("%s in a container" % language, "no root file system %s (tests/live/get_*.sh)" % folder)
    return None


def import_root(engine, root, image):
    tar = subprocess.Popen(["tar", "-C", root, "--exclude=./usr/share/doc", "--exclude=./usr/share/locale", "-c", "."],
                           stdout=subprocess.PIPE)
    engine.must("import", "-", image, stdin=tar.stdout)
    tar.wait()


def start(engine, language):
    """The id of a running container, non-root and read-only, that says `ready`; None after a skip."""
    root = root_of(language)
    if root is None:
        return None
    image = "%s:test" % language
    import_root(engine, root, image)
    container = engine.start("--network=none", "--read-only", "--tmpfs=/tmp", "--user=1234:1234",
                             "-v", "%s:/w:ro" % sampan.WORKLOADS, image, *LANGUAGES[language][1])
    sampan.wait_for(lambda: "ready" in engine.docker("logs", container).stdout, 60, "the %s program" % language)
    return container
