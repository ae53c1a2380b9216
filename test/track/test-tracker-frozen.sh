#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# An event that is switched off counts nothing, which looks like a disk that
# nobody writes to: its clock shows it, and the disk is no longer tracked.
. "${abs_top_srcdir:-..}/test/lib/functions.sh"
. "${abs_top_srcdir:-..}/test/track/tracking.sh"
truncate -s 32M image
loop_on image
FREEZE_CLOCK=$tmp/frozen
LD_PRELOAD=${abs_top_builddir:-$started_in}/.libs/libfreezeclock.so
[ -e "$LD_PRELOAD" ] || skip "no $LD_PRELOAD"
# a sanitized tool wants its runtime first
ASAN_OPTIONS=${ASAN_OPTIONS-}:verify_asan_link_order=0
export FREEZE_CLOCK LD_PRELOAD ASAN_OPTIONS
tool image
unset LD_PRELOAD
expect canary "canary 0"
expect "pass copy" "pass 0 33554432"
sleep 0.3
expect collect "collect 0 0"
sleep 0.3
touch frozen
expect collect "collect EIO *processor * is no longer traced*"
stop_tool
pass "a clock that stands still is seen"
