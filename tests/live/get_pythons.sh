#!/bin/sh
# Unpacks the Pythons of Debian's newer suites into $SAMPAN_CACHE/pythons, each with the loader and libraries of its own
# suite, and writes a command for each into pythons/bin. Nothing is installed; what is there already is kept.
# With `free-threaded` or `musl` as an argument it also builds those from Debian's source package (some minutes).
set -eu
cache=${SAMPAN_CACHE:-$HOME/.cache/sampan}/pythons
machine=$(dpkg --print-architecture)
triplet=$(uname -m)-linux-gnu
libraries="libc6 libexpat1 libgcc-s1 zlib1g libffi8 liblzma5 libbz2-1.0 libuuid1 libsqlite3-0 libzstd1 media-types netbase tzdata"

mkdir -p "$cache"
exec 9> "$cache/lock"
flock -w 900 9   # one at a time

# private_apt SUITE: an apt that knows this suite alone and touches nothing of the machine's.
private_apt() {
  suite=$1 apt=$cache/apt/$1
  mkdir -p "$apt/lists/partial" "$apt/archives/partial" "$apt/etc"
  for kind in deb deb-src; do
    echo "$kind [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian $suite main"
  done > "$apt/etc/sources.list"
  cat > "$apt/apt.conf" <<CONF
Dir::State::lists "$apt/lists";
Dir::State::status "/dev/null";
Dir::Cache "$apt";
Dir::Cache::archives "$apt/archives";
Dir::Etc::sourcelist "$apt/etc/sources.list";
Dir::Etc::sourceparts "/dev/null";
APT::Architecture "$machine";
APT::Sandbox::User "root";
Acquire::Retries "3";
CONF
  export APT_CONFIG="$apt/apt.conf"
  [ -n "$(find "$apt/lists" -name '*Packages*' -mtime -7 | head -1)" ] || apt-get -qq update
}

# unpack SUITE VERSION SSL: python<VERSION> of that suite.
unpack() {
  suite=$1 version=$2 ssl=$3 name=$2-$1 root=$cache/$1
  [ -x "$cache/bin/$name" ] && return 0
  private_apt "$suite"
  if [ -z "$(apt-cache policy "python$version-minimal")" ]; then
    echo "SKIP: python $version: Debian $suite has no such package"
    return 0
  fi
  mkdir -p "$root" "$cache/debs" "$cache/bin"
  (cd "$cache/debs" && apt-get -qq download "python$version-minimal" "libpython$version-minimal" "libpython$version-stdlib" "$ssl" $libraries)
  for package in "$cache"/debs/*.deb; do dpkg -x "$package" "$root"; done
  rm -rf "$cache/debs"
  loader=$(find "$root/usr/lib/$triplet" "$root/lib/$triplet" -name 'ld-linux-*.so.*' 2>/dev/null | head -1)
  cat > "$cache/bin/$name.new" <<COMMAND
#!/bin/sh
export PYTHONHOME=$root/usr
exec $loader --library-path $root/usr/lib/$triplet:$root/lib/$triplet $root/usr/bin/python$version "\$@"
COMMAND
  chmod +x "$cache/bin/$name.new"
  mv "$cache/bin/$name.new" "$cache/bin/$name"
  echo "python $version of Debian $suite is in $root"
}

# source_of SUITE VERSION: its source package, unpacked, as Debian has it.
source_of() {
  private_apt "$1"
  mkdir -p "$cache/source"
  (cd "$cache/source" && rm -rf "python$2-"* && apt-get -qq --only-source source "python$2" > /dev/null)
}

# built NAME SUITE VERSION OPTIONS…: configured with the options and installed into pythons/NAME.
built() {
  name=$1 suite=$2 version=$3
  shift 3
  [ -x "$cache/bin/$name" ] && return 0
  source_of "$suite" "$version" || { echo "SKIP: $name: the source package of Debian $suite cannot be had"; return 0; }
  (cd "$cache/source/python$version-"*/ && env "$@" ./configure -q --prefix="$cache/$name" --without-ensurepip --disable-test-modules $configure_with &&
    make -s -j2 && make -s install) > "$cache/$name.log" 2>&1 || { echo "SKIP: $name: it does not build, see $cache/$name.log"; return 0; }
  rm -rf "$cache/source"
  mkdir -p "$cache/bin"
  printf '#!/bin/sh\nexec %s/%s/bin/python3 "$@"\n' "$cache" "$name" > "$cache/bin/$name"
  chmod +x "$cache/bin/$name"
  echo "$name is in $cache/$name"
}

unpack trixie 3.13 libssl3t64
unpack sid 3.14 libssl3t64
unpack sid 3.15 libssl3t64
for extra in "$@"; do
  case $extra in
    free-threaded)
      configure_with=--disable-gil
      built 3.13t trixie 3.13 CC=gcc
      built 3.14t sid 3.14 CC=gcc ;;
    musl)
      # musl's compiler lacks the kernel's headers; those of the machine do.
      headers=$cache/kernel-headers
      mkdir -p "$headers"
      for folder in linux asm-generic; do ln -sfn "/usr/include/$folder" "$headers/$folder"; done
      ln -sfn "/usr/include/$triplet/asm" "$headers/asm"
      # musl-gcc is the machine's gcc and says so where configure asks for the triplet.
      printf '#!/bin/sh\ncase "$*" in --print-multiarch) echo %s-linux-musl ;; *) exec musl-gcc "$@" ;; esac\n' "$(uname -m)" > "$cache/musl-cc"
      chmod +x "$cache/musl-cc"
      configure_with="--build=$(uname -m)-linux-musl"
      built 3.13-musl trixie 3.13 CC="$cache/musl-cc" CPPFLAGS="-isystem $headers" ;;
  esac
done
