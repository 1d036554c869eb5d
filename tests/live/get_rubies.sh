#!/bin/sh
# CRuby of Debian's suites (2.7, 3.1, 3.3, 3.4) with Puma and Unicorn of Debian 12, as chroots in the cache folder.
cd "$(dirname "$0")" || exit 1
rubies=${SAMPAN_CACHE:-$HOME/.cache/sampan}/rubies
status=0
sh suite_root.sh bullseye "$rubies/2.7" ruby2.7 || status=1
sh suite_root.sh bookworm "$rubies/3.1" ruby puma unicorn || status=1
sh suite_root.sh trixie "$rubies/3.3" ruby3.3 || status=1
sh suite_root.sh experimental "$rubies/3.4" ruby3.4 || status=1
exit $status
