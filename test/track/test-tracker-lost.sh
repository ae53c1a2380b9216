#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Lost events are reported, the last ones too, and the next pass puts it
# right.
. "${abs_top_srcdir:-..}/test/lib/functions.sh"
. "${abs_top_srcdir:-..}/test/track/tracking.sh"
truncate -s 32M image
loop_on image
tool -r 4096 image
expect canary "canary 0"
expect "pass copy" "pass 0 33554432"

# The reader sleeps, so a page is too little for 1000 writes.
overflow() {
    kill -STOP "$tool"
    dd if=/dev/urandom of="$loop" bs=4k count=1000 oflag=direct 2>/dev/null
    kill -CONT "$tool"
}
overflow
expect "pass copy" "pass EOVERFLOW 33554432 *lost*"
cmp image copy || fail "not put right"
expect collect "collect 0 0"
# The reader has seen the loss before the collect does.
overflow
sleep 0.5
expect collect "collect EOVERFLOW 33554432 *lost*"
dd if=/dev/urandom of="$loop" bs=4k count=2 oflag=direct 2>/dev/null
expect collect "collect 0 65536 0+65536"
expect canary "canary 0"
stop_tool
pass "losses were reported"
