#!/bin/sh
# csp_hashes.sh SCRIPT STYLE: the Content-Security-Policy of a picture.
hash() { openssl dgst -sha256 -binary "$1" | openssl base64 -A; }
echo "default-src 'none'; script-src 'sha256-$(hash "$1")'; style-src 'sha256-$(hash "$2")'"
