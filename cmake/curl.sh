#!/bin/sh
# Builds an HTTP-only static libcurl from Debian's source package: curl.sh PREFIX
set -eu
prefix=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
echo "building static libcurl from Debian's source package"
# A private list with deb-src of the release that runs: the machine's own lists stay as they are.
. /etc/os-release
mkdir -p "$work/lists/partial" "$work/archives"
echo "deb-src http://deb.debian.org/debian $VERSION_CODENAME main" > "$work/sources.list"
options="-o Dir::Etc::sourcelist=$work/sources.list -o Dir::Etc::sourceparts=/dev/null -o Dir::State::lists=$work/lists"
cd "$work"
apt-get $options -qq update
apt-get $options -qq source curl > "$work/source.log" 2>&1 || { cat "$work/source.log" >&2; exit 1; }
cd curl-*/
CFLAGS="-ffile-prefix-map=$PWD=. -ffunction-sections -fdata-sections" cmake -G Ninja -S . -B build -DCMAKE_BUILD_TYPE=MinSizeRel -DCMAKE_INSTALL_PREFIX="$prefix" \
  -DCMAKE_INSTALL_LIBDIR=lib -DCMAKE_POSITION_INDEPENDENT_CODE=ON \
  -DBUILD_SHARED_LIBS=OFF -DBUILD_CURL_EXE=OFF -DBUILD_TESTING=OFF -DHTTP_ONLY=ON \
  -DCURL_USE_OPENSSL=ON -DCURL_USE_LIBSSH2=OFF -DCURL_USE_LIBPSL=OFF -DUSE_LIBIDN2=OFF \
  -DCURL_BROTLI=OFF -DCURL_ZSTD=OFF -DUSE_NGHTTP2=OFF -DENABLE_MANUAL=OFF \
  -DCURL_DISABLE_COOKIES=ON -DCURL_DISABLE_HSTS=ON -DCURL_DISABLE_ALTSVC=ON -DCURL_DISABLE_NTLM=ON -DCURL_DISABLE_DOH=ON \
  -DCURL_DISABLE_NETRC=ON -DCURL_DISABLE_OPENSSL_AUTO_LOAD_CONFIG=ON > build.log 2>&1 || { tail -20 build.log >&2; exit 1; }
cmake --build build >> build.log 2>&1 || { tail -20 build.log >&2; exit 1; }
cmake --install build >> build.log 2>&1
sed -n '1s/.*(\(.*\)).*/\1/p' debian/changelog > "$prefix/debian-version"   # for images/sbom.py
