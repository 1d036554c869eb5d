#!/bin/sh
# Unpacks the OpenJDK runtimes of Debian's suites, each with all that it needs, into $SAMPAN_CACHE/jdks/VERSION, a root of its own:
# get_jdks.sh [VERSION…] (8 11 17 21 25 26 without one). Prints `SKIP: …` for one that no suite has.
set -eu
cd "$(dirname "$0")"
cache=${SAMPAN_CACHE:-$HOME/.cache/sampan}/jdks
mkdir -p "$cache"
exec 9> "$cache/.lock"
flock 9                                  # one at a time

suites_of() {
  case $1 in
    11) echo "bullseye sid" ;;
    17) echo "bookworm" ;;
    21|25|26) echo "trixie sid" ;;
    *) echo "sid" ;;
  esac
}

for version in ${*:-8 11 17 21 25 26}; do
  got=
  for suite in $(suites_of "$version"); do
    if sh ./suite_root.sh "$suite" "$cache/$version" "openjdk-$version-jre-headless"; then got=$suite; break; fi
  done
  [ -n "$got" ] || echo "SKIP: jdk $version: no suite of Debian has it"
done
