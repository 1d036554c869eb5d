#!/bin/sh
# Debian's kernels and the root file systems of the guests of tests/kernels, in $SAMPAN_CACHE/kernels/ARCHITECTURE:
# what the ordinary run boots; with SAMPAN_LONG=1 all of them. Nothing is installed; what is there already is kept.
# get_kernels.sh [NAME…]: these alone, by their folders' names (amd64/6.1, arm64/root, …).
set -eu
cd "$(dirname "$0")"
cache=${SAMPAN_CACHE:-$HOME/.cache/sampan}/kernels
mkdir -p "$cache"
exec 9> "$cache/.lock"
flock 9                                  # one at a time
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# private_apt SUITE ARCHITECTURE: an apt that knows these alone and touches nothing of the machine's.
private_apt() {
  apt=$work/$1-$2
  export APT_CONFIG="$apt/apt.conf"
  [ -e "$APT_CONFIG" ] && return 0
  mkdir -p "$apt/lists/partial" "$apt/archives/partial"
  case $1 in *-security) mirror=http://deb.debian.org/debian-security ;; *) mirror=http://deb.debian.org/debian ;; esac
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $1 main" > "$apt/sources.list"
  cat > "$APT_CONFIG" <<CONF
Dir::State::lists "$apt/lists";
Dir::State::status "/dev/null";
Dir::Cache "$apt";
Dir::Etc::sourcelist "$apt/sources.list";
Dir::Etc::sourceparts "/dev/null";
APT::Architecture "$2";
APT::Architectures { "$2"; };
APT::Sandbox::User "root";
Acquire::Languages "none";
Acquire::Retries "3";
CONF
  apt-get -qq update
}

# kernel NAME SUITE[,SUITE] ARCHITECTURE PATTERN: the newest package of that pattern that can be had (some are listed but gone).
kernel() {
  folder=$cache/$3/$1
  for suite in $(echo "$2" | tr , ' '); do
    [ -e "$folder/vmlinuz" ] || kernel_of_suite "$1" "$suite" "$3" "$4"
  done
  [ -e "$folder/vmlinuz" ] || echo "SKIP: kernel $1 for $3: Debian $2 has none that can be had"
}

kernel_of_suite() {
  private_apt "$2" "$3"
  for package in $(apt-cache pkgnames linux- | grep -E "^$4\$" | sort -rV); do
    rm -rf "$work/deb" "$work/tree"
    mkdir "$work/deb"
    (cd "$work/deb" && apt-get -qq download "$package" 2> "$work/log") || continue
    dpkg -x "$work"/deb/*.deb "$work/tree"
    mkdir -p "$folder"
    find "$work/tree" -name 'vmlinuz*' -type f -exec cp {} "$folder/vmlinuz.new" \;
    echo "$package $(stat -c %s "$work"/deb/*.deb)" > "$folder/package"
    mv "$folder/vmlinuz.new" "$folder/vmlinuz"
    echo "kernel $3 $1: $(cat "$folder/package") bytes"
    return 0
  done
}

# root NAME SUITE ARCHITECTURE PACKAGE…: their files with all that they depend on, as one archive for an initramfs, below /NAME
# (`root` itself: below /).
root() {
  name=$1 suite=$2 architecture=$3
  shift 3
  archive=$cache/$architecture/$name.cpio
  [ "$(cat "$archive.packages" 2>/dev/null)" = "$*" ] && return 0
  tree=$work/root-$architecture
  case $name in root) below=$tree ;; *) below=$tree/$name ;; esac
  rm -rf "$tree"
  mkdir -p "$cache/$architecture" "$below"
  ARCHITECTURE=$architecture sh suite_root.sh "$suite" "$below" "$@" || { echo "SKIP: $name for $architecture: not to be had"; return 0; }
  rm -rf "$below"/usr/share/doc "$below"/usr/share/man "$below"/usr/share/locale "$below"/usr/share/zoneinfo \
    "$below"/usr/lib/*/perl* "$below"/usr/share/perl* "$below"/usr/share/ri "$below"/usr/lib/*/gconv
  (cd "$tree" && find . | cpio --quiet -o -H newc) > "$archive.new"
  mv "$archive.new" "$archive"
  echo "$*" > "$archive.packages"
  echo "$name for $architecture: $(stat -c %s "$archive") bytes"
}

# wanted NAME…: true where it is asked for.
only=$*
wanted() {
  [ -n "$only" ] || return 0
  case " $only " in *" $1 "*) return 0 ;; esac
  return 1
}

usual="amd64/6.1 amd64/7 amd64/root arm64/6.12 arm64/root"
[ -n "$only" ] || [ -n "${SAMPAN_LONG:-}" ] || only=$usual
base="busybox-static util-linux libstdc++6 python3.11-minimal libpython3.11-stdlib ruby3.1 php8.2-cli"
for architecture in amd64 arm64; do
  while read -r kind name suite rest; do
    wanted "$architecture/$name" || continue
    case $architecture/$name in amd64/*-16k) continue ;; esac
    $kind "$name" "$suite" "$architecture" $(echo "$rest" | sed "s/ARCH/$architecture/g")
  done <<TABLE
kernel 5.10 bullseye-security,bullseye linux-image-5[.]10[.]0-[0-9]+-cloud-ARCH
kernel 6.1  bookworm          linux-image-6[.]1[.]0-[0-9]+-cloud-ARCH
kernel 6.12 trixie            linux-image-6[.]12[.][0-9]+[+]deb13-cloud-ARCH
kernel 7    trixie-backports  linux-binary-7[.][0-9.]+[+]deb13-cloud-ARCH
kernel 7-16k trixie-backports linux-binary-7[.][0-9.]+[+]deb13-ARCH-16k
root root   bookworm          $base
root jdk17  bookworm          openjdk-17-jre-headless
root jdk21  trixie            openjdk-21-jre-headless
root py3.9  bullseye          python3.9-minimal libpython3.9-stdlib
root py3.13 trixie            python3.13-minimal libpython3.13-stdlib
root py3.14 sid               python3.14-minimal libpython3.14-stdlib
root node20 trixie            nodejs
TABLE
done
