#!/bin/sh
# What Sampan is built with, on a fresh Debian 12 machine as root; then the release binary. Safe to run twice.
set -eu
cd "$(dirname "$0")/.."

packages="build-essential cmake ninja-build pkg-config clang llvm bpftool ccache dpkg-dev ca-certificates python3
 libbpf-dev libelf-dev libdw-dev libiberty-dev libfmt-dev nlohmann-json3-dev libexpected-dev
 libre2-dev libseccomp-dev libssl-dev libprotozero-dev zlib1g-dev liblzma-dev libzstd-dev libbz2-dev libgtest-dev libgmock-dev libbenchmark-dev"

install_packages() { # only what is missing, so that a second run needs no network
  missing=""
  for package in "$@"; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing="$missing $package"
  done
  [ -z "$missing" ] && return 0
  export DEBIAN_FRONTEND=noninteractive
  apt-get -qq update
  apt-get -qq install -y --no-install-recommends $missing > /tmp/sampan-apt.log 2>&1 || { tail -20 /tmp/sampan-apt.log >&2; return 1; }
}

build() { # build PRESET [TARGET…]
  preset=$1; shift
  log=$(mktemp)
  if ! { cmake --preset "$preset" && cmake --build --preset "$preset" ${1:+--target "$@"}; } > "$log" 2>&1; then
    cat "$log" >&2; rm -f "$log"; return 1
  fi
  rm -f "$log"
}

echo "installing build dependencies"
install_packages $packages
