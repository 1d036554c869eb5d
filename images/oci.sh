#!/bin/sh
# The image without a Docker engine: oci.sh BINARY OUTPUT.tar [BINARY…], an OCI layout whose one index holds an image for each
# binary's architecture (its ELF header tells it), and which `docker load` and `podman load` take too. The same binaries give
# the same bytes.
set -eu
exec python3 - "$@" <<'PYTHON'
import gzip, hashlib, io, json, struct, sys, tarfile

first, output, *others = sys.argv[1:]
ARCHITECTURES = {62: "amd64", 183: "arm64"}   # e_machine: EM_X86_64, EM_AARCH64
LABELS = {
    "org.opencontainers.image.title": "sampan",
    "org.opencontainers.image.description": "Sampling profiler for Kubernetes: params in, a flame graph out",
    "org.opencontainers.image.licenses": "Apache-2.0",
}
blobs = {}   # path in the archive → bytes

def tar(entries):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for name, data, mode in entries:
            info = tarfile.TarInfo(name)
            info.size, info.mode, info.mtime = len(data), mode, 0
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()

def digest(data):
    return hashlib.sha256(data).hexdigest()

def text(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()

def blob(data):
    path = "blobs/sha256/" + digest(data)
    blobs[path] = data
    return path

def descriptor(kind, data, **more):
    blob(data)
    return {"mediaType": "application/vnd.oci.image." + kind, "digest": "sha256:" + digest(data), "size": len(data), **more}

def image(path):
    """(descriptor of the manifest, Docker's own entry, lines to print) for one binary."""
    binary = open(path, "rb").read()
    architecture = ARCHITECTURES[struct.unpack_from("<H", binary, 18)[0]]
    layer = tar([("sampan", binary, 0o755)])
    packed = gzip.compress(layer, 9, mtime=0)
    config = text({
        "architecture": architecture, "os": "linux",
        "config": {"Entrypoint": ["/sampan"], "Labels": LABELS},
        "rootfs": {"type": "layers", "diff_ids": ["sha256:" + digest(layer)]},
        "history": [{"created_by": "images/oci.sh"}],
    })
    manifest = text({
        "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": descriptor("config.v1+json", config),
        "layers": [descriptor("layer.v1.tar+gzip", packed)],
    })
    tag = "sampan:latest" if path == first else "sampan:" + architecture   # `docker load` knows no index
    docker = {"Config": blob(config), "RepoTags": [tag], "Layers": [blob(packed)]}
    lines = "%s layer sha256:%s\n%s manifest sha256:%s" % (architecture, digest(packed), architecture, digest(manifest))
    return descriptor("manifest.v1+json", manifest, platform={"architecture": architecture, "os": "linux"}), docker, lines

images = [image(path) for path in (first, *others)]
index = text({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [each for each, _, _ in images]})
layout = text({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [descriptor(
    "index.v1+json", index,
    annotations={"org.opencontainers.image.ref.name": "latest", "io.containerd.image.name": "docker.io/library/sampan:latest"})]})
archive = tar([
    ("oci-layout", text({"imageLayoutVersion": "1.0.0"}), 0o644), ("index.json", layout, 0o644),
    ("manifest.json", text([docker for _, docker, _ in images]), 0o644), *((path, data, 0o644) for path, data in blobs.items()),
])
with open(output, "wb") as file:
    file.write(archive)
for _, _, lines in images:
    print(lines)
print("index sha256:%s" % digest(index))
PYTHON
