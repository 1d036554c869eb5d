#!/bin/sh
# A driver for Debian's chromium, from npm: no browser of its own.
set -eu
cache=${SAMPAN_CACHE:-$HOME/.cache/sampan}/browser
[ -d "$cache/node_modules/puppeteer-core" ] && exit 0
command -v npm > /dev/null || { echo "SKIP: puppeteer-core: npm is not installed"; exit 1; }
mkdir -p "$cache"
npm --prefix "$cache" install --no-audit --no-fund --silent puppeteer-core@24
