#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# What counts as written, and where: writes, zeroes, discards; not reads and
# flushes.  Of files, devices, partitions and several loops on one file.
. "${abs_top_srcdir:-..}/test/lib/functions.sh"
. "${abs_top_srcdir:-..}/test/track/tracking.sh"
requires blkdiscard
K64=65536

wait_clean() {
    until_quiet
    ask collect
    expect collect "collect 0 0"
}

# writes DEVICE SHIFT: the image sees everything SHIFT bytes later.
writes() {
    dd if=/dev/zero of="$1" bs=512 seek=256 count=1 oflag=direct 2>/dev/null
    expect collect "collect 0 $K64 $((131072 + $2))+$K64"
    dd if=/dev/urandom of="$1" bs=64k seek=30 count=3 oflag=direct 2>/dev/null
    dd if=/dev/urandom of="$1" bs=64k seek=40 count=1 conv=fsync 2>/dev/null
    a=$((30 * K64 + $2)); b=$((40 * K64 + $2))
    expect collect "collect 0 $((4 * K64)) $a+$((3 * K64)) $b+$K64"
    dd if="$1" of=/dev/null bs=64k count=50 iflag=direct 2>/dev/null
    sync
    expect collect "collect 0 0"
    if blkdiscard -o 1048576 -l 1048576 "$1" 2>/dev/null; then
        expect collect "collect 0 1048576 $((1048576 + $2))+1048576"
        case $said in *discard*) ;; *) said="$said, discards" ;; esac
    fi
    blkdiscard -z -o 3145728 -l 131072 "$1" || fail "zeroes"
    expect collect "collect 0 131072 $((3145728 + $2))+131072"
}

said=
truncate -s 16M image
loop_on image
first=$loop
tool image
expect canary "canary 0"
wait_clean
writes "$loop" 0
expect canary "canary 0"
stop_tool

# A second loop that shows a part of the file, and a block device image.
loop_on image -o 1048576 --sizelimit 8388608
tool image
expect canary "canary 0"
wait_clean
writes "$first" 0
writes "$loop" 1048576
stop_tool
losetup -d "$loop"
tool "$first"
expect canary "canary 0"
wait_clean
writes "$first" 0
stop_tool

# A partition; what is written to it and to the whole disk, and beside it.
printf 'start=2048, size=20480\n' >table
if command -v sfdisk >/dev/null && sfdisk -q image <table &&
        losetup -P "$first" 2>/dev/null || losetup -d "$first"; then
    loop_on image -P
    if [ -b "${loop}p1" ]; then
        tool "${loop}p1"
        expect canary "canary 0"
        wait_clean
        writes "${loop}p1" 0
        dd if=/dev/urandom of="$loop" bs=64k seek=15 count=2 oflag=direct \
            2>/dev/null
        expect collect "collect 0 $K64 0+$K64"
        dd if=/dev/urandom of="$loop" bs=64k count=1 oflag=direct 2>/dev/null
        expect collect "collect 0 0"
        stop_tool
        said="$said, partition"
    fi
    disk=$loop
else
    fail "the loop device is gone"
fi

if has_dm; then
    dm_on "$disk"
    tool "$dm"
    expect canary "canary 0"
    wait_clean
    writes "$dm" 0
    expect canary "canary 0"
    stop_tool
    said="$said, device-mapper"
fi
pass "ranges$said"
