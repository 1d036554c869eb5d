#!/bin/sh
# One binary gives one image, whoever builds it and when: digest_test.sh SOURCE BINARY
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp "$2" "$work/sampan"
first=$(sh "$1/images/oci.sh" "$2" "$work/first.tar")
touch -d 2001-01-01 "$work/sampan"
chmod 700 "$work/sampan"
second=$(cd / && umask 077 && TZ=Asia/Tokyo sh "$1/images/oci.sh" "$work/sampan" "$work/second.tar")
cmp "$work/first.tar" "$work/second.tar"
[ "$first" = "$second" ]
# And another binary gives another one, or this test could not fail.
printf x >> "$work/sampan"
other=$(sh "$1/images/oci.sh" "$work/sampan" "$work/other.tar")
[ "$first" != "$other" ]
echo "$first"
