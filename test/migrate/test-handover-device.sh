#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# A block device that a guest has left is known as old, by whatever name, until
# the guest comes back to it, or it is reclaimed.
. "${abs_top_srcdir:=$PWD}/test/lib/functions.sh"
. "$abs_top_srcdir/test/migrate/migration.sh"
. "$abs_top_srcdir/test/migrate/handover.sh"
requires python3 cmp losetup
export FAKE_DISKS
[ "$(id -u)" = 0 ] || skip "not root"

handover_setup
truncate -s 1M orig
noise head 5000 | dd of=orig conv=notrunc status=none
cp orig below
device=$(losetup -f --show below) || skip "no loop devices"
cleanup_fn "detach $device"
ln -s "$device" device
config "$device" >here.cfg
config "$tmp/device" >linked.cfg
FAKE_DISKS="xvda=$device=$tmp/b/disk.img"
aside=xen-a/g1.cfg.moved-to-hostb

row="moved away"
again
starts a create xen-a/g1.cfg
moved -C "$tmp/there.cfg"
is_refused a create "$aside"
is_refused a create linked.cfg
row="reclaimed"
xl-dedup reclaim "$device" 2>err || fail "$row: $(cat err)"
as_before
row="reclaimed by the name that the refusal tells of"
again
moved -C "$tmp/there.cfg"
is_refused a create linked.cfg
xl-dedup reclaim "$tmp/device" 2>err || fail "$row: $(cat err)"
as_before

row="it came back, and its configuration did not"
again
moved -C "$tmp/there.cfg"
swap
FAKE_DISKS="xvda=$tmp/b/disk.img=$device"
migrate --dedup-keep-config
swap
helpers_gone
[ "$status" = 0 ] || { cat err >&2; fail "$row: status $status"; }
cmp orig "$device" || fail "$row: the copy differs"
starts a create "$aside"
pass "device"
