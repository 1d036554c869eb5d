"""The bill of materials: complete by the linker's own map, valid SPDX, and refused where NOTICE misses a name."""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
CACHE = pathlib.Path(os.environ.get("SAMPAN_CACHE") or pathlib.Path.home() / ".cache" / "sampan")
VALIDATOR = CACHE / "manifest-validator" / "bin" / "pyspdxtools"


def sbom(root, build, output):
    return subprocess.run([sys.executable, root / "images" / "sbom.py", build, output], capture_output=True, text=True)


def main():
    build = pathlib.Path(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        output = folder / "sampan.spdx.json"
        done = sbom(ROOT, build, output)
        assert done.returncode == 0, done.stderr
        print(done.stdout)
        names = {package["name"] for package in json.loads(output.read_text())["packages"]}
        assert {"sampan", "libc6-dev", "libstdc++-12-dev", "nlohmann-json3-dev"} <= names, names
        if VALIDATOR.exists():
            valid = subprocess.run([VALIDATOR, "-i", output], capture_output=True, text=True)
            assert valid.returncode == 0, valid.stderr
        else:
            print("SKIP: SPDX validation: no validator (tests/live/get_manifest_validator.sh)")
        # The same tree with a NOTICE that forgot one library, and then with one too many.
        (folder / "images").mkdir()
        shutil.copy(ROOT / "images" / "sbom.py", folder / "images")
        shutil.copy(ROOT / "CMakeLists.txt", folder)
        notice = (ROOT / "NOTICE").read_text().splitlines(keepends=True)
        (folder / "NOTICE").write_text("".join(line for line in notice if not line.startswith("  glibc ")))
        done = sbom(folder, build, output)
        assert done.returncode == 1 and "NOTICE does not name glibc" in done.stderr, (done.returncode, done.stderr)
        (folder / "NOTICE").write_text("".join(notice) + "\n  bzip2 (libbz2)  bzip2-1.0.6\n")
        done = sbom(folder, build, output)
        assert done.returncode == 1 and "bzip2, which is not linked in" in done.stderr, (done.returncode, done.stderr)


main()
