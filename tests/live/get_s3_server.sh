#!/bin/sh
# An S3-compatible server that checks signatures: Versity's gateway over a plain folder, built by Go's own module proxy.
set -eu
version=1.8.0
cache=${SAMPAN_CACHE:-$HOME/.cache/sampan}/s3
[ -x "$cache/versitygw-$version" ] && exit 0
command -v go > /dev/null || { echo "go is not installed"; exit 1; }
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
GOBIN=$work GOPATH=$work/path GOCACHE=$work/cache go install -ldflags=-s "github.com/versity/versitygw/cmd/versitygw@v$version" > "$work/log" 2>&1 || { tail -5 "$work/log"; exit 1; }
mkdir -p "$cache"
mv "$work/versitygw" "$cache/versitygw-$version"
