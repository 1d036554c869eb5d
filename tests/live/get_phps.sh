#!/bin/sh
# PHP of Debian's suites (7.4, 8.2, 8.4, 8.5, 8.6), command line and FPM, as chroots in the cache folder.
cd "$(dirname "$0")" || exit 1
phps=${SAMPAN_CACHE:-$HOME/.cache/sampan}/phps
status=0
for one in "bullseye 7.4" "bookworm 8.2" "trixie 8.4" "experimental 8.5" "experimental 8.6"; do
  set -- $one
  sh suite_root.sh "$1" "$phps/$2" "php$2-cli" "php$2-fpm" "php$2-opcache" 2> /dev/null ||
    sh suite_root.sh "$1" "$phps/$2" "php$2-cli" "php$2-fpm" || status=1   # from 8.5 on opcache is built in
done
exit $status
