#!/bin/sh
# Kubernetes' own programs (kube-apiserver, kube-controller-manager, kube-scheduler, kubelet), built by Go's module proxy for
# tests/kubernetes: ten minutes of processor time, so in the long form alone (SAMPAN_LONG=1) unless they are asked for by name:
# `get_kubernetes.sh now`. The tests use them wherever the cache holds them.
set -eu
version=1.33.4
cache=${SAMPAN_CACHE:-$HOME/.cache/sampan}/kubernetes/$version
programs="kube-apiserver kube-controller-manager kube-scheduler kubelet"
[ -e "$cache/.complete" ] && exit 0
[ -n "${SAMPAN_LONG:-}" ] || [ "${1:-}" = now ] || exit 0
command -v go > /dev/null || { echo "go is not installed"; exit 1; }
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
cd "$work"
export GOPATH=$work/path GOCACHE=$work/cache GOFLAGS=-buildvcs=false
{
  # Its staging modules are named there without a version; each is published under its own name.
  path=$(go mod download -json "k8s.io/kubernetes@v$version" | sed -n 's/.*"GoMod": "\(.*\)".*/\1/p')
  {
    echo "module sampan/kubernetes"
    sed -n 's/^go /go /p' "$path"
    echo "godebug default=go1.24"
    echo "require k8s.io/kubernetes v$version"
    sed -n 's/^\t\(k8s\.io\/[a-z-]*\) v0\.0\.0.*/\1/p' "$path" | sort -u | while read -r module; do echo "replace $module => $module v0.${version#1.}"; done
  } > go.mod
  { echo "package tools"; echo "import ("; for program in $programs; do echo "_ \"k8s.io/kubernetes/cmd/$program\""; done; echo ")"; } > tools.go
  sed -i '1i //go:build tools' tools.go
  go mod tidy
  mkdir bin
  for program in $programs; do go build -ldflags=-s -o "bin/$program" "k8s.io/kubernetes/cmd/$program"; done
} > log 2>&1 || { tail -5 log; exit 1; }
mkdir -p "$cache"
for program in $programs; do mv "bin/$program" "$cache/$program"; done
touch "$cache/.complete"
