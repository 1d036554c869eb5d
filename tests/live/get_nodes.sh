#!/bin/sh
# Node.js of many versions from npm's own packages, unpacked into $SAMPAN_CACHE/nodes/VERSION/bin/node, and Debian 12's and 13's
# with their shared libnode as roots of their own (nodes/debian18, debian20): get_nodes.sh [VERSION…]. Nothing is installed.
# One of each line that a row of samplers/node knows; with SAMPAN_LONG=1 also the first of each line and others between.
set -eu
cd "$(dirname "$0")"
nodes=${SAMPAN_CACHE:-$HOME/.cache/sampan}/nodes
machine=$(uname -m | sed 's/x86_64/x64/; s/aarch64/arm64/')
mkdir -p "$nodes"
exec 9> "$nodes/.lock"
flock -w 900 9                           # one at a time
command -v npm > /dev/null || { echo "SKIP: Node.js: npm is not installed"; exit 1; }

usual="16.20.2 18.20.8 20.20.2 22.23.3 24.11.1 24.21.0 25.9.0 26.12.1"
long="16.0.0 18.0.0 20.0.0 22.0.0 24.0.0 26.0.0 17.9.1 21.7.3"
[ "${SAMPAN_LONG:-}" != 1 ] || usual="$usual $long"
status=0
for version in ${*:-$usual debian18 debian20}; do
  case $version in
    debian18) suite=bookworm ;;
    debian20) suite=trixie ;;
    *) suite= ;;
  esac
  if [ -n "$suite" ]; then
    sh ./suite_root.sh $suite "$nodes/$version" nodejs || { echo "SKIP: node $version: Debian's mirror does not give it"; status=1; }
    continue
  fi
  [ ! -x "$nodes/$version/bin/node" ] || continue
  work=$(mktemp -d "$nodes/.new.XXXXXX")
  if (cd "$work" && npm pack --silent "node-linux-$machine@$version" > /dev/null 2>&1 && tar xzf ./*.tgz); then
    mkdir -p "$nodes/$version/bin"
    mv "$work/package/bin/node" "$nodes/$version/bin/node"
  else
    echo "SKIP: node $version: npm does not give node-linux-$machine@$version"
    status=1
  fi
  rm -rf "$work"
done
exit $status
