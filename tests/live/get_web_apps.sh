#!/bin/sh
# Python's web frameworks in $SAMPAN_CACHE/web-apps, a virtual environment of Debian's Python: Flask, Django, FastAPI on uvicorn.
set -eu
apps=${SAMPAN_CACHE:-$HOME/.cache/sampan}/web-apps
mkdir -p "$apps"
exec 9> "$apps/.lock"
flock -w 900 9                           # one at a time
wanted="flask==3.0.3 django==4.2.16 fastapi==0.115.6 uvicorn==0.32.1"
[ "$(cat "$apps/.complete" 2>/dev/null)" != "$wanted" ] || exit 0
/usr/bin/python3 -m venv --clear "$apps/venv" && "$apps/venv/bin/pip" install --quiet --disable-pip-version-check $wanted > "$apps/install.log" 2>&1 ||
  { echo "SKIP: web frameworks: PyPI does not give them"; exit 1; }
echo "$wanted" > "$apps/.complete"
