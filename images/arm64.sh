#!/bin/sh
# Cross-builds build/arm64/sampan on an x86_64 Debian 12 machine as root. The machine's own packages stay as they are:
# the arm64 archives are unpacked into the cache folder. With `test` as argument: unit tests under qemu-user too.
. "$(dirname "$0")/setup.sh"
install_packages g++-aarch64-linux-gnu qemu-user-static

cache=${SAMPAN_CACHE:-$HOME/.cache/sampan}
root=$cache/arm64
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

echo "building build/arm64/sampan"
build arm64 ${1:+all}
ls -l build/arm64/sampan
[ "${1:-}" = test ] || exit 0
# qemu-user 7.2 has no ptrace, seccomp, openat2, process_vm_readv or limit of the address space: the preset leaves out what
# needs them.
echo "unit tests under qemu-user"
ctest --preset arm64
