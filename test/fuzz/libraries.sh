#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Builds libext2fs and libntfs-3g with what libFuzzer and AddressSanitizer want
# in them, from the sources of the Debian packages that are installed here, so
# that run.sh can link its targets with them.  Nothing of it is installed, and
# the tree stays as it is.
#
#   libraries.sh [DIRECTORY]    (~/.cache/xl-dedup-fuzz)
#
# Needs clang, apt and dpkg-dev; takes a few minutes the first time.
set -eu
cache=${1:-${XDG_CACHE_HOME:-$HOME/.cache}/xl-dedup-fuzz}
sanitizers=-fsanitize=fuzzer-no-link,address
flags="-O1 -g -fno-omit-frame-pointer $sanitizers"
mkdir -p "$cache/sources"
cd "$cache/sources"

# source PACKAGE: unpacks the source that the installed package was made of into
# ./NAME.  apt's own list may have no sources, so there is one of ours.
source_of()
{
    name=$1
    version=$(dpkg-query -W -f '${source:Version}' "$2")
    [ ! -d "$name" ] || return 0
    codename=$(. /etc/os-release && echo "$VERSION_CODENAME")
    mkdir -p apt/lists/partial
    for suite in "$codename main" "$codename-updates main"; do
        echo "deb-src http://deb.debian.org/debian $suite"
    done >apt/sources.list
    echo "deb-src http://deb.debian.org/debian-security" \
        "$codename-security main" >>apt/sources.list
    set -- -q -o Dir::Etc::sourcelist="$PWD/apt/sources.list" \
        -o Dir::Etc::sourceparts=- -o Dir::State::lists="$PWD/apt/lists"
    apt-get "$@" update
    apt-get "$@" source "$name=$version" || {
        echo "$name $version cannot be had; taking that of $codename" >&2
        apt-get "$@" source "$name/$codename"
    }
    set -- "$name"-[0-9]*/
    mv "$1" "$name"
}

source_of e2fsprogs libext2fs-dev
source_of ntfs-3g ntfs-3g-dev

# Their headers' macros look for programs and features that a static library
# does not need.
if [ ! -e "$cache/lib/pkgconfig/ext2fs.pc" ]; then
    (cd e2fsprogs &&
     ./configure -q CC=clang CFLAGS="$flags" LDFLAGS="$sanitizers" \
         --prefix="$cache" --disable-nls --disable-uuidd --disable-fsck \
         --disable-tdb --disable-libblkid --enable-libuuid >/dev/null &&
     make -s BUILD_LDFLAGS="$sanitizers" libs >/dev/null &&
     for library in et ext2fs uuid; do
         make -s -C "lib/$library" install >/dev/null
     done)
fi
if [ ! -e "$cache/lib/pkgconfig/libntfs-3g.pc" ]; then
    (cd ntfs-3g &&
     autoreconf -fi >/dev/null 2>&1 &&
     ./configure -q CC=clang CFLAGS="$flags" LDFLAGS="$sanitizers" \
         --prefix="$cache" --exec-prefix="$cache" --disable-ldconfig \
         --disable-shared --enable-static --disable-ntfs-3g \
         --disable-ntfsprogs --disable-plugins >/dev/null &&
     make -s >/dev/null && make -s install >/dev/null)
fi
ls -l "$cache/lib/libext2fs.a" "$cache/lib/libntfs-3g.a"
