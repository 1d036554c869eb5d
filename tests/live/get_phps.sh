#!/bin/sh
# PHP of Debian's suites (7.4, 8.2, 8.4, 8.5, 8.6), command line and FPM, as chroots in the cache folder. With `zts` as an
# argument it also builds a thread-safe one (some minutes), with the library to embed, from Debian's source package.
cd "$(dirname "$0")" || exit 1
phps=${SAMPAN_CACHE:-$HOME/.cache/sampan}/phps
status=0
for one in "bullseye 7.4" "bookworm 8.2" "trixie 8.4" "experimental 8.5" "experimental 8.6"; do
  set -- $one "$@"
  sh suite_root.sh "$1" "$phps/$2" "php$2-cli" "php$2-fpm" "php$2-opcache" 2> /dev/null ||
    sh suite_root.sh "$1" "$phps/$2" "php$2-cli" "php$2-fpm" || status=1   # from 8.5 on opcache is built in
  shift 2
done

# Into phps/zts: bin/php and lib/libphp.so, both with threads, stripped as packages are.
zts() {
  [ -e "$phps/zts/.complete" ] && return 0
  work=$(mktemp -d)
  mkdir -p "$work/lists/partial" "$work/archives/partial" "$work/etc"
  echo "deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] ${SAMPAN_DEBIAN_MIRROR:-http://deb.debian.org/debian} bookworm main" > "$work/etc/sources.list"
  cat > "$work/apt.conf" <<CONF
Dir::State::lists "$work/lists";
Dir::State::status "/dev/null";
Dir::Cache "$work";
Dir::Etc::sourcelist "$work/etc/sources.list";
Dir::Etc::sourceparts "/dev/null";
APT::Sandbox::User "root";
CONF
  (cd "$work" && export APT_CONFIG="$work/apt.conf" && apt-get -qq update && apt-get -qq --download-only source php8.2 &&
    tar xf php8.2_*.orig.tar.xz && cd php-8.2.* && ./configure -q --prefix="$phps/zts" --disable-all --disable-cgi \
    --disable-phpdbg --enable-zts --enable-embed=shared --enable-pcntl CFLAGS="-O2 -w" && make -s -j2 && make -s install-sapi install-cli install-headers &&
    strip --strip-unneeded "$phps/zts/bin/php" "$phps/zts/lib/libphp.so") > "$phps/zts.log" 2>&1 || { echo "php zts: it does not build, see $phps/zts.log"; return 1; }
  rm -rf "$work"
  touch "$phps/zts/.complete"
}

for extra in "$@"; do
  case $extra in zts) zts || status=1 ;; esac
done
exit $status
