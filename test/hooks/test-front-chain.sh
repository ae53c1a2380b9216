#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The whole chain: front, shell script, xl, hooks, rune, helper.
. "${abs_top_srcdir:-..}/test/hooks/hooks.sh"
requires python3 timeout

# what xl and the helper write goes where it always went
send '<go list <go suspend <suspended done'
[ $status = 0 ] || fail "status $status"
[ ! -s "$tmp/out.log" ] || fail "stdout is not empty"
has helper 'suspended|rc=0'
lacks libxl resume

# a standard stream closed at the start must not become the channel, which
# xl's plumbing would overwrite
(exec <&-; send '<go list <go suspend <suspended done'; exit "$status") ||
    fail "stdin closed: status $?"
has helper 'suspended|rc=0'
lacks libxl resume
