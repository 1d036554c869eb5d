#!/bin/sh
# get_nuitka.sh PYTHON: a folder of $SAMPAN_CACHE with Nuitka for that Python, from PyPI; prints its path.
set -eu
version=$("$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
folder=${SAMPAN_CACHE:-$HOME/.cache/sampan}/nuitka/$version
if [ ! -e "$folder/done" ]; then
  mkdir -p "$folder"
  "$1" -m pip install --quiet --disable-pip-version-check --no-input --root-user-action=ignore --target "$folder" 'nuitka==2.8.*' 'setuptools' >&2
  touch "$folder/done"
fi
echo "$folder"
