#!/bin/sh
# Unpacks OpenJDK 8, 11, 17, 21 and 25 of Debian's suites, each with the libraries that it needs, below
# $SAMPAN_CACHE/jdks/N (a root to chroot into). Prints what it could not get; asks for nothing twice.
# Usage: get_jdks.sh [version…]; as root, with apt and dpkg.
set -eu
cache=${SAMPAN_CACHE:-/var/cache/sampan}/jdks
mirror=${SAMPAN_DEBIAN_MIRROR:-http://deb.debian.org/debian}
export DEBIAN_FRONTEND=noninteractive

suites_of() { # the suites that may hold a version, oldest first
  case $1 in
    8) echo "sid" ;;
    11) echo "bullseye sid" ;;
    17) echo "bookworm bullseye" ;;
    21|25) echo "trixie sid" ;;
    *) echo "sid" ;;
  esac
}

# An apt of its own: its sources, lists and (empty) status, so that nothing of the machine changes.
apt_at() {
  state=$1; shift
  apt-get -q -o Dir::State="$state" -o Dir::State::status="$state/status" -o Dir::Cache="$state/cache" \
    -o Dir::Etc::sourcelist="$state/sources.list" -o Dir::Etc::sourceparts=/dev/null \
    -o Dir::Etc::preferences=/dev/null -o Dir::Etc::preferencesparts=/dev/null \
    -o APT::Install-Recommends=0 -o APT::Sandbox::User=root -o Acquire::Check-Valid-Until=false \
    -o Acquire::Retries=3 -o Debug::NoLocking=1 "$@"
}

prepare_suite() {
  state=$cache/.apt/$1
  [ -e "$state/ready" ] && return 0
  mkdir -p "$state/lists/partial" "$state/cache/archives/partial"
  : > "$state/status"
  keys=/usr/share/keyrings/debian-archive-keyring.gpg
  echo "deb [signed-by=$keys] $mirror $1 main" > "$state/sources.list"
  apt_at "$state" update > "$state/log" 2>&1 || return 1
  touch "$state/ready"
}

unpack() { # unpack VERSION SUITE
  root=$cache/$1.part
  state=$cache/.apt/$2
  rm -rf "$root"; mkdir -p "$root/usr/bin" "$root/usr/lib" "$root/usr/lib64" "$root/usr/sbin" "$root/proc" "$root/tmp" "$root/dev"
  for dir in bin lib lib64 sbin; do ln -s usr/$dir "$root/$dir"; done
  apt_at "$state" clean
  apt_at "$state" install --download-only -y "openjdk-$1-jdk-headless" >> "$state/log" 2>&1 || return 1
  for deb in "$state"/cache/archives/*.deb; do
    # Through tar, since dpkg -x would replace the links of a merged /usr by folders.
    dpkg-deb --fsys-tarfile "$deb" | tar -x --keep-directory-symlink -C "$root"
  done
  apt_at "$state" clean
  # cacerts and configuration live in /etc; links there are absolute, which is right inside the root.
  ls -d "$root"/usr/lib/jvm/java-*/bin/java > /dev/null 2>&1 || ls -d "$root"/usr/lib/jvm/java-*/jre/bin/java > /dev/null
  rm -rf "${cache:?}/$1"; mv "$root" "$cache/$1"
}

mkdir -p "$cache"
for version in ${*:-8 11 17 21 25}; do
  [ -d "$cache/$version" ] && continue
  got=
  for suite in $(suites_of "$version"); do
    if prepare_suite "$suite" && unpack "$version" "$suite"; then got=$suite; break; fi
  done
  if [ -n "$got" ]; then echo "jdk $version: from $got"; else echo "SKIP: jdk $version: none of $(suites_of "$version") has it"; fi
done
