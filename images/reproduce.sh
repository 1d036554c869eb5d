#!/bin/sh
# Builds the source twice from scratch, in two folders of different names and depths, and compares the binaries and the
# images' digests: reproduce.sh. Takes two full builds; ends with 1 where they differ.
. "$(dirname "$0")/setup.sh"
source=$PWD
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export CCACHE_DISABLE=1

for folder in first second/of/another/depth; do
  mkdir -p "$work/$folder"
  tar --exclude=./build --exclude=./.git -cf - . | tar -xf - -C "$work/$folder"
  echo "building in .../$folder"
  cd "$work/$folder"
  build release sampan
  digests=$(sh images/oci.sh build/release/sampan image.tar)
  printf '  %s  binary, %s bytes\n' "$(sha256sum < build/release/sampan | cut -d' ' -f1)" "$(stat -c %s build/release/sampan)"
  echo "$digests" | sed 's/^/  /'
  if strings -a build/release/sampan | grep -F "$work"; then echo "the folder's name is in the binary"; exit 1; fi
  cd "$source"
done
cmp "$work/first/build/release/sampan" "$work/second/of/another/depth/build/release/sampan"
cmp "$work/first/image.tar" "$work/second/of/another/depth/image.tar"
echo "reproducible: one binary, one image"
