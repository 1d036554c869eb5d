#!/bin/sh
# The image without a Docker engine: oci.sh BINARY OUTPUT.tar [ARCHITECTURE], an archive that `docker load` and
# `podman load` take and that holds an OCI layout too. The same binary gives the same bytes.
set -eu
binary=$1 output=$2 architecture=${3:-amd64}
exec python3 - "$binary" "$output" "$architecture" <<'PYTHON'
import gzip, hashlib, io, json, sys, tarfile

binary, output, architecture = sys.argv[1:]

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

layer = tar([("sampan", open(binary, "rb").read(), 0o755)])
packed = gzip.compress(layer, 9, mtime=0)
labels = {
    "org.opencontainers.image.title": "sampan",
    "org.opencontainers.image.description": "Sampling profiler for Kubernetes: params in, a flame graph out",
    "org.opencontainers.image.licenses": "Apache-2.0",
}
config = text({
    "architecture": architecture, "os": "linux",
    "config": {"Entrypoint": ["/sampan"], "Labels": labels},
    "rootfs": {"type": "layers", "diff_ids": ["sha256:" + digest(layer)]},
    "history": [{"created_by": "images/oci.sh"}],
})

def descriptor(kind, data, **more):
    return {"mediaType": kind, "digest": "sha256:" + digest(data), "size": len(data), **more}

manifest = text({
    "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
    "config": descriptor("application/vnd.oci.image.config.v1+json", config),
    "layers": [descriptor("application/vnd.oci.image.layer.v1.tar+gzip", packed)],
})
index = text({"schemaVersion": 2, "manifests": [descriptor(
    "application/vnd.oci.image.manifest.v1+json", manifest,
    annotations={"org.opencontainers.image.ref.name": "latest", "io.containerd.image.name": "docker.io/library/sampan:latest"},
    platform={"architecture": architecture, "os": "linux"})]})
blob = lambda data: "blobs/sha256/" + digest(data)
docker = text([{"Config": blob(config), "RepoTags": ["sampan:latest"], "Layers": [blob(packed)]}])

archive = tar([
    ("oci-layout", text({"imageLayoutVersion": "1.0.0"}), 0o644), ("index.json", index, 0o644),
    ("manifest.json", docker, 0o644),
    (blob(config), config, 0o644), (blob(manifest), manifest, 0o644), (blob(packed), packed, 0o644),
])
with open(output, "wb") as file:
    file.write(archive)
print("layer sha256:%s" % digest(packed))
print("manifest sha256:%s" % digest(manifest))
PYTHON
