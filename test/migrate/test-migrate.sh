#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# A migration by the front and both helpers, with the guest writing to its
# disk to the last moment: the disk is final and equal when the memory stream
# ends at the target, and back again it costs next to nothing.
. "${abs_top_srcdir:=$PWD}/test/lib/functions.sh"
. "$abs_top_srcdir/test/migrate/migration.sh"
requires python3 mke2fs cmp

migration_setup
mkdir "$tmp/tree"
seq 1 400000 >"$tmp/tree/numbers"
head -c 3000000 /dev/urandom >"$tmp/tree/shared"
mke2fs -q -t ext4 -d "$tmp/tree" "$tmp/b/reference.img" 32M
head -c 2000000 /dev/urandom >"$tmp/tree/own"
mke2fs -q -t ext4 -d "$tmp/tree" "$tmp/a/disk.img" 40M
truncate -s 5M "$tmp/a/second.img"
head -c 70000 /dev/urandom | dd of="$tmp/a/second.img" bs=1M seek=2 \
    conv=notrunc status=none

disks="xvda=$tmp/a/disk.img=$tmp/b/disk.img"
FAKE_DISKS="$disks xvdb=$tmp/a/second.img=$tmp/b/second.img"
FAKE_WRITE="head -c 9000 /dev/urandom | dd of=$tmp/a/disk.img bs=1 \
seek=20000001 conv=notrunc status=none"
FAKE_AT_END="cmp $tmp/a/disk.img $tmp/b/disk.img &&
cmp $tmp/a/second.img $tmp/b/second.img && touch $tmp/was-equal"
export FAKE_DISKS FAKE_WRITE FAKE_AT_END

before=$(b2sum <"$tmp/a/second.img")
migrate
[ "$status" = 0 ] || { cat "$tmp/err" >&2; fail "exit status $status"; }
said 'guest moved'
said 'guest blackout: .* (memory .* disks .* placing .* xl '
[ -e "$tmp/was-equal" ] || fail "the disks were not final at the end"
[ "$before" = "$(b2sum <"$tmp/a/second.img")" ] || fail "source was changed"
[ -z "$(find "$tmp/b" -name '.?*')" ] || fail "staging file left behind"
identical=$(awk '$1 == "xvda" { print int($2) }' "$tmp/err")
[ "$identical" -ge 5 ] || fail "only $identical MB found in the reference"

# The same disk goes back: both hosts know that the copy is theirs.
FAKE_DISKS="xvda=$tmp/b/disk.img=$tmp/a/disk.img"
FAKE_WRITE=
FAKE_AT_END="cmp $tmp/a/disk.img $tmp/b/disk.img"
swap=$tmp/swap
mv "$tmp/a.conf" "$swap"
mv "$tmp/b.conf" "$tmp/a.conf"
mv "$swap" "$tmp/b.conf"
head -c 5000 /dev/urandom | dd of="$tmp/b/disk.img" bs=4096 seek=300 \
    conv=notrunc status=none
migrate
[ "$status" = 0 ] || { cat "$tmp/err" >&2; fail "return: status $status"; }
sent=$(awk '$1 == "xvda" { print int($5 * 1000) }' "$tmp/err")
[ "$sent" -lt 50 ] || fail "the return trip took $sent kB"
