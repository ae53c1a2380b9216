#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Images that cannot be tracked are refused; what changes later is noticed.
. "${abs_top_srcdir:-..}/test/functions.sh"
. "${abs_top_srcdir:-..}/test/tracking.sh"

refused() {
    tracker-tool "$1" >out 2>&1 </dev/null; rc=$?
    [ $rc = 77 ] || fail "exit $rc instead of 77: $(cat out)"
    grep -q "^start EOPNOTSUPP.*$2" out || fail "'$2' is not in: $(cat out)"
}

# later CHANGE REASON: noticed by the collect after it, and final.
later() {
    tool image
    expect canary "canary 0"
    expect collect "collect 0 *"
    eval "$1"
    expect collect "collect EIO *$2*"
    expect canary "canary EIO *$2*"
    stop_tool
}

truncate -s 16M image
refused image "no loop device"
loop_on image
exec 9>>image
refused image "open for writing"
refused "$loop" "open for writing"
exec 9>&-
queue=/sys/block/${loop#/dev/}/queue
echo 0 >"$queue/iostats" || fail "iostats"
refused image "no statistics"
echo 1 >"$queue/iostats"

later 'exec 9>>image' "open for writing"
exec 9>&-
later 'echo 0 >"$queue/iostats"' "statistics"
echo 1 >"$queue/iostats"
# Only the ways are counted: both devices are known if they were there before.
first=$loop
later 'loop_on image' "loop devices"
refused "$first" "loop devices"
losetup -d "$loop"
loop=$first
later 'truncate -s 17M image' "size"
truncate -s 16M image
later 'truncate -s 17M image; losetup -c "$loop"' "size"
truncate -s 16M image
losetup -c "$loop"
later 'losetup -d "$loop"' "detached"
pass "refused or noticed"
