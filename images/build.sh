#!/bin/sh
# Dependencies, build/release/sampan and its bill of materials, build/release/sampan.spdx.json.
. "$(dirname "$0")/setup.sh"
echo "building build/release/sampan"
build release sampan
ls -l build/release/sampan
python3 images/sbom.py build/release > /dev/null
