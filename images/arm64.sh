#!/bin/sh
# Cross-builds build/arm64/sampan on an x86_64 Debian 12 machine as root. The machine's own packages stay as they are:
# the arm64 archives are unpacked into the cache folder. With targets as arguments, those (tests: `agent_tests`, …).
. "$(dirname "$0")/setup.sh"
install_packages g++-aarch64-linux-gnu

cache=${SAMPAN_CACHE:-$HOME/.cache/sampan}
root=$cache/arm64
mkdir -p "$cache"
exec 9> "$cache/.arm64.lock"
flock 9                                  # one at a time
if [ ! -e "$root/done-2" ]; then
  echo "fetching arm64 archives"
  rm -rf "$root"
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  mkdir -p "$root" "$work/lists/partial" "$work/archives"
  : > "$work/status"
  options="-o APT::Architecture=arm64 -o APT::Architectures=arm64 -o Dir::State::lists=$work/lists
    -o Dir::State::status=$work/status -o APT::Sandbox::User=root"
  apt-get $options -qq update
  (cd "$work/archives" && apt-get $options -qq download libelf-dev libdw-dev libbpf-dev libiberty-dev \
    liblzma-dev libzstd-dev libbz2-dev zlib1g-dev libssl-dev libgtest-dev libgmock-dev libfmt-dev nlohmann-json3-dev \
    libexpected-dev libprotozero-dev libre2-dev libseccomp-dev)
  for package in "$work"/archives/*.deb; do dpkg -x "$package" "$root"; done
  touch "$root/done-2"
fi

flock -u 9

echo "building build/arm64/sampan"
build arm64 sampan "$@"
ls -l build/arm64/sampan
