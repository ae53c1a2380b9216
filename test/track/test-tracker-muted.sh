#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Events that somebody swallows before they are counted: found out by the
# statistics, and by the canary while it lasts.
. "${abs_top_srcdir:-..}/test/lib/functions.sh"
. "${abs_top_srcdir:-..}/test/track/tracking.sh"

mute() {
    [ -e /sys/kernel/tracing/events ] || [ -e "$PWD/fs/events" ] || {
        mkdir -p fs; mount -t tracefs tracefs fs || skip "no tracefs"
        cleanup_fn "umount '$tmp/fs'"
    }
    for dir in fs /sys/kernel/tracing; do
        format=$dir/events/block/$1/format
        [ ! -r "$format" ] || id=$(sed -n 's/^ID: //p' "$format")
    done
    rm -f hold said
    mkfifo hold
    tracker-mute "$id" <hold >said 2>mute.log &
    mute=$!
    exec 5>hold
    until grep -q muted said; do
        kill -0 $mute 2>/dev/null || skip "no BPF: $(cat mute.log)"
        sleep 0.1
    done
}

# check TRACEPOINT IMAGE DEVICE
check() {
    tool "$2"
    expect canary "canary 0"
    until_quiet
    expect collect "collect 0 *"
    expect collect "collect 0 0"
    mute "$1"
    dd if=/dev/zero of="$3" bs=4k count=5 oflag=direct conv=notrunc \
        2>/dev/null
    exec 5>&-
    wait $mute
    expect collect "collect EOVERFLOW * sectors were written, but 0 traced*"
    until_quiet
    ask collect
    dd if=/dev/zero of="$3" bs=4k count=5 oflag=direct conv=notrunc \
        2>/dev/null
    expect collect "collect 0 65536 0+65536"
    mute "$1"
    expect canary "canary EIO *leaves no trace*"
    expect collect "collect EIO *"
    exec 5>&-
    wait $mute
    stop_tool
}

truncate -s 16M image
loop_on image
check block_rq_complete image "$loop"
if has_dm; then
    dm_on "$loop"
    check block_bio_queue "$dm" "$dm"
    pass "found out"
else
    pass "found out, by completion (no device-mapper)"
fi
