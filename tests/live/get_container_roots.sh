#!/bin/sh
# A container's root file system with another libc and another Python than the host's: Debian 11 with uWSGI.
set -eu
cache=${SAMPAN_CACHE:-$HOME/.cache/sampan}
tar=$cache/root-bullseye.tar
[ -e "$tar" ] && exit 0
mkdir -p "$cache"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
debootstrap --variant=minbase --include=python3-minimal,libpython3.9-stdlib,uwsgi-core,uwsgi-plugin-python3 \
  bullseye "$work/root" http://deb.debian.org/debian > "$work/log" 2>&1 || { tail -5 "$work/log" >&2; exit 1; }
rm -rf "$work"/root/var/cache/apt/archives/*.deb "$work"/root/usr/share/doc "$work"/root/usr/share/locale
tar -C "$work/root" -cf "$tar.part" .
mv "$tar.part" "$tar"
