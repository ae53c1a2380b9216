# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# Sourced by tests that need a disk whose driver takes bios, not requests, as
# device-mapper does: its writes are traced by submission.
#   zram_on SIZE        a new one, empty; its name in $zram

zram_on()
{
    zram=$(cat /sys/class/zram-control/hot_add 2>/dev/null) ||
        skip "no zram devices"
    cleanup_fn "zram_off $zram"
    echo "$1" >"/sys/block/zram$zram/disksize" || skip "no memory for zram"
    zram=/dev/zram$zram
    for _ in $(seq 50); do
        [ ! -b "$zram" ] || return 0
        sleep 0.1
    done
    skip "$zram does not appear"
}

zram_off()
{
    for _ in $(seq 50); do
        if echo 1 2>/dev/null >"/sys/block/zram$1/reset"; then
            echo "$1" >/sys/class/zram-control/hot_remove
            return 0
        fi
        sleep 0.1
    done
}
