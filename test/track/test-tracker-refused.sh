#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Images that cannot be tracked are refused; what changes later is noticed.
. "${abs_top_srcdir:-..}/test/lib/functions.sh"
. "${abs_top_srcdir:-..}/test/track/tracking.sh"

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
refused image "process $$ (.*sh) has the file open for writing"
refused "$loop" "process $$ (.*sh) has the file open for writing"
exec 9>&-
exec 9<>"$loop"
refused image "process $$ (.*sh) has the device open for writing"
refused "$loop" "process $$ (.*sh) has the device open for writing"
exec 9<&-
# Who has it for a moment, as losetup that looks for a free device, is waited
# for.
(exec 9<>"$loop"; : >opened; sleep 0.3) &
until [ -e opened ]; do sleep 0.01; done
tool image
expect canary "canary 0"
stop_tool
wait $!
queue=/sys/block/${loop#/dev/}/queue
echo 0 >"$queue/iostats" || fail "iostats"
refused image "no statistics"
echo 1 >"$queue/iostats"

later 'exec 9>>image' "has the file open for writing"
exec 9>&-
later ': >>image' "somebody has had the file open for writing"
later 'exec 9<>"$loop"' "has the device open for writing"
exec 9<&-
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

# Who writes past the cache of the device is seen in the trace.
loop_on image
mkfifo hold
dd of="$loop" oflag=direct conv=notrunc <hold 2>/dev/null &
exec 8>hold
until [ "$(readlink /proc/$!/fd/1)" = "$loop" ]; do sleep 0.1; done
later 'exec 9<>"$loop"' "has the device open for writing"
exec 9<&- 8>&-
wait $!

# What lies on the device counts, and what it lies on.
said=
printf 'start=2048, size=20480\n' >table
if command -v sfdisk >/dev/null && sfdisk -q image <table &&
        losetup -d "$loop" && loop_on image -P && [ -b "${loop}p1" ]; then
    exec 9<>"${loop}p1"
    refused image "has the device open for writing"
    refused "${loop}p1" "has the device open for writing"
    exec 9<&- 9<>"$loop"
    refused "${loop}p1" "has the device open for writing"
    exec 9<&-
    said="$said, partition"
fi
if has_dm; then
    dm_on "$loop"
    exec 9<>"$dm"
    refused image "has the device open for writing"
    refused "$dm" "has the device open for writing"
    exec 9<&-
    said="$said, device-mapper"
fi
pass "refused or noticed$said"
