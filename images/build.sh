#!/bin/sh
# Dependencies and build/release/sampan, stripped.
. "$(dirname "$0")/setup.sh"
echo "building build/release/sampan"
build release sampan
ls -l build/release/sampan
