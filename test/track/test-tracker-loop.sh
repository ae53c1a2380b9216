#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# An image behind a loop device that is written across every pass ends up
# equal.
. "${abs_top_srcdir:-..}/test/lib/functions.sh"
. "${abs_top_srcdir:-..}/test/track/tracking.sh"
seed 11
size=$((${TRACK_MIB:-96} << 20))
truncate -s $size image
loop_on image
race image "$loop" 0
race image "$loop" 30000
spared
pass "copied while it was written"
