#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# A file system that calls a hole what it has not brought to its storage yet:
# of a running guest's image no hole is believed there, which is said; a cold
# image is brought to the storage first.
. "${abs_top_srcdir:=$PWD}/test/lib/functions.sh"
. "$abs_top_srcdir/test/migrate/migration.sh"
requires python3 cmp

migration_setup
preload libstaleholes.so
STALE_HOLES=$(realpath "$tmp")/a/disk.img
FAKE_DISKS="xvda=$tmp/a/disk.img=$tmp/b/disk.img"
FAKE_AT_END="cmp $tmp/a/disk.img $tmp/b/disk.img && touch $tmp/was-equal"
export STALE_HOLES FAKE_DISKS FAKE_AT_END
seed 31
noise disk 3000000 >"$tmp/a/disk.img"
truncate -s 8M "$tmp/a/disk.img"

migrate
[ "$status" = 0 ] || { cat "$tmp/err" >&2; fail "status $status"; }
[ -e "$tmp/was-equal" ] || fail "what was called a hole was left out"
said 'a/disk.img: its holes are read like data'
helpers_gone

rm -f "$tmp/b/disk.img"
"$tmp/bin/helper" push -e "$tmp/bin/ssh" "$tmp/a/disk.img" \
    "hostb:$tmp/b/disk.img" >"$tmp/out" 2>"$tmp/err" ||
    { cat "$tmp/err" >&2; fail "push: $?"; }
cmp "$tmp/a/disk.img" "$tmp/b/disk.img" || fail "push: not equal"
! grep -q 'its holes are read' "$tmp/err" || fail "push: $(cat "$tmp/err")"
pass "no stale hole is believed"
