#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# An image behind a loop device that is written across every pass, past the
# cache and through it, ends up equal.
. "${abs_top_srcdir:-..}/test/functions.sh"
. "${abs_top_srcdir:-..}/test/tracking.sh"
seed 11
size=$((${TRACK_MIB:-96} << 20))
truncate -s $size image
loop_on image
for how in direct buffered; do
    race image "$loop" $how 0
done
race image "$loop" direct 5000
[ "$least" -lt $((size / 2)) ] || fail "every pass read nearly everything"
pass "copied while it was written"
