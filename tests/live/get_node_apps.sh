#!/bin/sh
# Real JavaScript applications in $SAMPAN_CACHE/node-apps, from npm: Fastify with a template engine, TypeScript's compiler, Terser.
set -eu
apps=${SAMPAN_CACHE:-$HOME/.cache/sampan}/node-apps
mkdir -p "$apps"
exec 9> "$apps/.lock"
flock -w 900 9                           # one at a time
command -v npm > /dev/null || { echo "SKIP: JavaScript applications: npm is not installed"; exit 1; }
wanted="fastify@4.28.1 ejs@3.1.10 typescript@5.5.4 terser@5.31.6"
[ "$(cat "$apps/.complete" 2>/dev/null)" != "$wanted" ] || exit 0
cd "$apps"
echo '{"private": true}' > package.json
npm install --silent --no-audit --no-fund $wanted > install.log 2>&1 || { echo "SKIP: JavaScript applications: npm does not give them"; exit 1; }
echo "$wanted" > .complete
