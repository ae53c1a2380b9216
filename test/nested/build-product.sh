#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# build-product.sh DIRECTORY: builds the source tree as it is now and installs
# it under DIRECTORY, with the prefix /usr/local, configuration in /etc and
# state in /var, and the tests of the tracker in /usr/local/lib/xl-dedup-test.
# Leaves the source tree alone: it builds from a copy, so that
# a tree that was configured in place does no harm.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

target=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
if git -C "$bed_top" rev-parse --git-dir >/dev/null 2>&1; then
    git -C "$bed_top" ls-files -z |
        tar -C "$bed_top" --null --ignore-failed-read -T - -c |
        tar -C "$work" -x
else
    tar -C "$bed_top" --exclude=./.cache -c . | tar -C "$work" -x
fi
cd "$work"
# Not "... || die", which would make the shell go on after what fails in it.
{
    [ -x configure ] || autoreconf -fi
    [ ! -e Makefile ] || make distclean
    ./configure --prefix=/usr/local --sysconfdir=/etc --localstatedir=/var
    make -j"$(nproc)"
    rm -rf "$target"
    make install DESTDIR="$target"
    make tracker-tool tracker-writer tracker-mute
    tests=$target/usr/local/lib/xl-dedup-test
    mkdir -p "$tests/test/lib" "$tests/test/track"
    cp tracker-tool tracker-writer tracker-mute "$tests/"
    cp test/lib/functions.sh "$tests/test/lib/"
    cp test/track/tracking.sh test/track/zram.sh \
        test/track/test-tracker-*.sh "$tests/test/track/"
} >"$bed_run/build.log" 2>&1 &
wait $! || die "build failed, see $bed_run/build.log"
