#!/bin/sh
# One binary gives one image, whoever builds it and when: digest_test.sh SOURCE BINARY
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp "$2" "$work/sampan"
first=$(sh "$1/images/oci.sh" "$2" "$work/first.tar")
touch -d 2001-01-01 "$work/sampan"
chmod 700 "$work/sampan"
second=$(cd / && umask 077 && TZ=Asia/Tokyo sh "$1/images/oci.sh" "$work/sampan" "$work/second.tar")
cmp "$work/first.tar" "$work/second.tar"
[ "$first" = "$second" ]
# And another binary gives another one, or this test could not fail.
printf x >> "$work/sampan"
other=$(sh "$1/images/oci.sh" "$work/sampan" "$work/other.tar")
[ "$first" != "$other" ]
# Two architectures: one index, the same bytes again, each image for the machine that its ELF header names.
cp "$2" "$work/arm64"
printf '\267\000' | dd of="$work/arm64" bs=1 seek=18 conv=notrunc status=none   # EM_AARCH64
both=$(sh "$1/images/oci.sh" "$2" "$work/both.tar" "$work/arm64")
sh "$1/images/oci.sh" "$2" "$work/again.tar" "$work/arm64" > /dev/null
cmp "$work/both.tar" "$work/again.tar"
mkdir "$work/layout"
tar -xf "$work/both.tar" -C "$work/layout"
python3 - "$work/layout" <<'PYTHON'
import hashlib, json, pathlib, sys
root = pathlib.Path(sys.argv[1])
def blob(descriptor):
    data = (root / "blobs" / "sha256" / descriptor["digest"].removeprefix("sha256:")).read_bytes()
    assert len(data) == descriptor["size"] and "sha256:" + hashlib.sha256(data).hexdigest() == descriptor["digest"]
    return json.loads(data)
(top,) = json.loads((root / "index.json").read_text())["manifests"]
found = {}
for manifest in blob(top)["manifests"]:
    config = blob(blob(manifest)["config"])
    assert config["architecture"] == manifest["platform"]["architecture"]
    found[config["architecture"]] = blob(manifest)["layers"][0]["digest"]
assert sorted(found) == ["amd64", "arm64"] and len(set(found.values())) == 2, found
PYTHON
echo "$first"
echo "$both"
