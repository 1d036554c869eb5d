#!/bin/sh
# An OpenTelemetry collector (otlpreceiver, fileexporter), built by Go's own module proxy; and PyPI's opentelemetry-proto, which
# decodes OTLP independently of it. About two minutes of processor time, 26 MB.
set -eu
version=0.165.0
here=$(cd "$(dirname "$0")" && pwd)
cache=${SAMPAN_CACHE:-$HOME/.cache/sampan}/otelcol
if [ ! -e "$cache/proto/done-1.45.2" ]; then
  python3 -m venv "$cache/proto"
  "$cache/proto/bin/pip" install -q --disable-pip-version-check opentelemetry-proto==1.45.2
  touch "$cache/proto/done-1.45.2"
fi
[ -x "$cache/otelcol-$version" ] && exit 0
command -v go > /dev/null || { echo "go is not installed"; exit 1; }
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
cp "$here/otelcol/main.go" "$work/main.go"
cd "$work"
export GOPATH=$work/path GOCACHE=$work/cache GOFLAGS="-mod=mod -buildvcs=false"
core="go.opentelemetry.io/collector"
# No `go mod tidy`: a test dependency of the file exporter is not to be had.
{ go mod init otelcol &&
  go get "$core/otelcol@v$version" "$core/receiver/otlpreceiver@v$version" \
    "github.com/open-telemetry/opentelemetry-collector-contrib/exporter/fileexporter@v$version" &&
  go build -ldflags=-s -o otelcol .; } > log 2>&1 || { tail -5 log; exit 1; }
mkdir -p "$cache"
mv otelcol "$cache/otelcol-$version"
