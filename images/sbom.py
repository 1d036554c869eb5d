"""What the binary holds besides its own source, as SPDX 2.3 JSON: sbom.py BUILD_FOLDER [OUTPUT.json].

Nothing is listed by hand: archives come from the linker's map, headers from the compiler's dependency files, embedded
files from the build's inputs, and dpkg says which package each is of. Ends with 1 where a package's licence is not known
here or its name is missing in NOTICE.
"""
import datetime
import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]

# Debian source package: its name in NOTICE, its licence as SPDX writes it.
LICENCES = {
    "ca-certificates": ("Mozilla's CA bundle", "MPL-2.0"),
    "curl": ("curl", "curl"),
    "elfutils": ("elfutils", "LGPL-3.0-or-later OR GPL-2.0-or-later"),
    "fmtlib": ("{fmt}", "MIT"),
    "gcc": ("GCC runtime", "GPL-3.0-or-later WITH GCC-exception-3.1"),
    "glibc": ("glibc", "LGPL-2.1-or-later"),
    "libbpf": ("libbpf", "LGPL-2.1-only OR BSD-2-Clause"),
    "tl-expected": ("tl::expected", "CC0-1.0"),
    "libiberty": ("libiberty", "LGPL-2.0-or-later"),
    "libseccomp": ("libseccomp", "LGPL-2.1-only"),
    "protozero": ("protozero", "BSD-2-Clause AND Apache-2.0"),
    "nlohmann-json3": ("JSON for Modern C++", "MIT"),
    "openssl": ("OpenSSL", "Apache-2.0"),
    "re2": ("RE2", "BSD-3-Clause"),
    "xz-utils": ("XZ Utils", "LicenseRef-public-domain"),
    "zlib": ("zlib", "Zlib"),
}
# Declarations of the kernel's interface: they put no code into a program (Linux-syscall-note).
NO_CODE = {"linux"}


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def linked_archives(build):
    members = re.findall(r"^(/\S+\.a)\(", (build / "sampan.map").read_text(), re.MULTILINE)
    return {os.path.normpath(path) for path in members}


def included_headers(build):
    headers, ours = set(), False
    for line in run("ninja", "-C", str(build), "-t", "deps").splitlines():
        if line and not line.startswith(" "):
            ours = not re.match(r"(tests|bench)/", line)
        elif ours and line.strip().startswith("/usr/include/"):
            headers.add(line.strip())
    return headers


def embedded_files(build):
    inputs = run("ninja", "-C", str(build), "-t", "inputs", "sampan").split("\n")
    return {"/usr/share/ca-certificates/mozilla/ISRG_Root_X1.crt"} if any("ca_bundle" in path for path in inputs) else set()


def packages_of(paths):
    """{binary package: (source package, version)}; a path that no package owns is an error."""
    found = {}
    names = set()
    for start in range(0, len(paths), 500):
        for line in run("dpkg", "-S", *paths[start:start + 500]).splitlines():
            if not line.startswith("diversion by"):
                names.update(name.strip() for name in line.rsplit(": ", 1)[0].split(","))
    query = run("dpkg-query", "-W", "-f", "${binary:Package} ${source:Package} ${Version} ${Architecture}\n", *names)
    for line in query.splitlines():
        package, source, version, architecture = line.split()
        found[package.split(":")[0]] = (re.sub(r"^gcc-\d+$", "gcc", source), version, architecture)
    return found


def linked(build):
    archives = linked_archives(build)
    curl = {path for path in archives if path.endswith("/curl-static/lib/libcurl.a")}
    paths = sorted((archives - curl) | included_headers(build) | embedded_files(build))
    found = {name: what for name, what in packages_of(paths).items() if what[0] not in NO_CODE}
    for archive in curl:
        prefix = pathlib.Path(archive).parents[1]
        recorded = prefix / "debian-version"
        header = (prefix / "include" / "curl" / "curlver.h").read_text()
        version = recorded.read_text().strip() if recorded.exists() else re.search(r'LIBCURL_VERSION "(.*)"', header)[1]
        found["libcurl (built from source)"] = ("curl", version, "source")
    return found


def complaints(found):
    notice = (ROOT / "NOTICE").read_text()
    for source in sorted({source for source, _, _ in found.values()}):
        if source not in LICENCES:
            yield "%s is linked in, and its licence is not known to images/sbom.py" % source
        elif not re.search(r"^  %s " % re.escape(LICENCES[source][0]), notice, re.MULTILINE):
            yield "%s is linked in, and NOTICE does not name %s" % (source, LICENCES[source][0])
    named = {LICENCES[source][0] for source, _, _ in found.values() if source in LICENCES}
    listed = re.findall(r"^  (\S.*?)(?:  | \()", notice, re.MULTILINE)
    yield from ("NOTICE names %s, which is not linked in" % name for name in listed if name not in named)


def document(binary, found):
    data = binary.read_bytes()
    digest = hashlib.sha256(data).hexdigest()
    version = re.search(r"project\(sampan VERSION (\S+)", (ROOT / "CMakeLists.txt").read_text())[1]
    # SOURCE_DATE_EPOCH, as reproducible builds name it; else a fixed day, so that the same binary has the same document.
    created = datetime.datetime.fromtimestamp(int(os.environ.get("SOURCE_DATE_EPOCH", 0)), datetime.timezone.utc)
    none = "NOASSERTION"
    packages = [{
        "SPDXID": "SPDXRef-sampan", "name": "sampan", "versionInfo": version, "downloadLocation": none,
        "filesAnalyzed": False, "licenseConcluded": "Apache-2.0", "licenseDeclared": "Apache-2.0", "copyrightText": none,
        "primaryPackagePurpose": "APPLICATION", "checksums": [{"algorithm": "SHA256", "checksumValue": digest}]}]
    relationships = [{"spdxElementId": "SPDXRef-DOCUMENT", "relationshipType": "DESCRIBES",
                      "relatedSpdxElement": "SPDXRef-sampan"}]
    for name, (source, source_version, architecture) in sorted(found.items()):
        identifier = "SPDXRef-" + re.sub(r"[^A-Za-z0-9.-]+", "-", name).strip("-")
        purl = "pkg:deb/debian/%s@%s?arch=source" % (source, source_version.replace("+", "%2B")) \
            if architecture == "source" else "pkg:deb/debian/%s@%s?arch=%s" % (
                name, source_version.replace("+", "%2B"), architecture)
        licence = LICENCES[source][1]
        packages.append({
            "SPDXID": identifier, "name": name, "versionInfo": source_version, "supplier": "Organization: Debian",
            "sourceInfo": "Debian source package " + source, "downloadLocation": none, "filesAnalyzed": False,
            "licenseConcluded": licence, "licenseDeclared": licence, "copyrightText": none, "externalRefs": [{
                "referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": purl}]})
        relationships.append({"spdxElementId": "SPDXRef-sampan", "relationshipType": "CONTAINS",
                              "relatedSpdxElement": identifier})
    return {
        "spdxVersion": "SPDX-2.3", "dataLicense": "CC0-1.0", "SPDXID": "SPDXRef-DOCUMENT", "name": "sampan-" + version,
        "documentNamespace": "https://spdx.org/spdxdocs/sampan-%s-%s" % (version, digest),
        "creationInfo": {"created": created.strftime("%Y-%m-%dT%H:%M:%SZ"), "creators": ["Tool: sampan-images-sbom"]},
        "packages": packages, "relationships": relationships, "hasExtractedLicensingInfos": [{
            "licenseId": "LicenseRef-public-domain", "name": "Public domain",
            "extractedText": "XZ Utils' liblzma is in the public domain."}]}


def main():
    build = pathlib.Path(sys.argv[1])
    found = linked(build)
    errors = list(complaints(found))
    if errors:
        sys.exit("\n".join(errors))
    output = pathlib.Path(sys.argv[2] if len(sys.argv) > 2 else build / "sampan.spdx.json")
    output.write_text(json.dumps(document(build / "sampan", found), indent=1) + "\n")
    for name, (source, version, _) in sorted(found.items()):
        print("%-28s %-28s %s" % (name, version, LICENCES[source][1]))


main()
