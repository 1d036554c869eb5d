#!/bin/sh
# suite_root.sh SUITE FOLDER PACKAGE...: unpacks the packages of a Debian suite, with all that they depend on,
# into FOLDER, which then serves as a chroot. Nothing is installed and no maintainer script runs. Done once: a
# folder that holds the mark `.complete` is left as it is. ARCHITECTURE in the environment: another than the machine's.
set -eu
suite=$1; folder=$2; shift 2
if [ "$(cat "$folder/.complete" 2>/dev/null)" = "$*" ]; then exit 0; fi
mirror=${SAMPAN_DEBIAN_MIRROR:-$(sed -nE 's/^(URIs: |deb +(\[[^]]*\] )?)(https?:[^ ]+\/debian\/?)( .*)?$/\3/p' \
  /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null | head -1)}
mirror=${mirror:-http://deb.debian.org/debian}
architecture=${ARCHITECTURE:-$(dpkg --print-architecture)}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/lists/partial" "$work/archives/partial" "$work/etc/apt.conf.d" "$work/etc/preferences.d" "$folder"
echo "deb [trusted=yes] $mirror $suite main" > "$work/sources.list"
# Packages of experimental depend on sid's.
[ "$suite" = experimental ] && echo "deb [trusted=yes] $mirror sid main" >> "$work/sources.list"
# What only maintainer scripts and services need counts as installed.
for package in php-common ucf debconf ca-certificates systemd procps media-types; do
  printf 'Package: %s\nStatus: install ok installed\nArchitecture: all\nMulti-Arch: foreign\nVersion: 99:9999\n\n' $package
done > "$work/status"
apt() {
  apt-get -qq -o APT::Architecture="$architecture" -o APT::Architectures="$architecture" -o APT::Sandbox::User=root -o Dir::Etc="$work/etc" -o Dir::Etc::sourcelist="$work/sources.list" -o Dir::Etc::sourceparts=/dev/null \
    -o Dir::State="$work" -o Dir::State::lists="$work/lists" -o Dir::State::status="$work/status" \
    -o Dir::Cache="$work" -o Dir::Cache::archives="$work/archives" -o Acquire::Languages=none \
    -o APT::Install-Recommends=false -o APT::Default-Release="$suite" "$@"
}
apt update 2>/dev/null
uris=$(apt install --print-uris base-files "$@" | sed -nE "s/^'([^']+)'.*/\1/p")
[ -n "$uris" ]
for uri in $uris; do
  curl -fsSL --retry 3 -o "$work/one.deb" "$uri"
  dpkg -x "$work/one.deb" "$folder"
done
mkdir -p "$folder/tmp" "$folder/proc" "$folder/dev"
[ -e "$folder/dev/null" ] || mknod -m 666 "$folder/dev/null" c 1 3 2>/dev/null || : > "$folder/dev/null"
[ -e "$folder/dev/urandom" ] || mknod -m 444 "$folder/dev/urandom" c 1 9 2>/dev/null || :
echo "$*" > "$folder/.complete"
