#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Somebody else traces the same device.
. "${abs_top_srcdir:-..}/test/lib/functions.sh"
. "${abs_top_srcdir:-..}/test/track/tracking.sh"
requires blktrace
seed 13
truncate -s 32M image
loop_on image
mkdir trace
blktrace -d "$loop" -D trace >blktrace.log 2>&1 &
other=$!
cleanup_fn "kill $other 2>/dev/null"
sleep 2
kill -0 $other 2>/dev/null || skip "blktrace: $(tail -1 blktrace.log)"
race image "$loop" 0
kill -INT $other
wait $other
[ -n "$(find trace -name '*.blktrace.*' -size +0)" ] ||
    fail "the other tracer has nothing: $(cat blktrace.log)"
pass "both trace"
