#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# xl-dedup push: a copy is byte-identical whatever the references are worth,
# takes from them what it can, and replaces only what it may.
. "${abs_top_srcdir:=$PWD}/test/lib/functions.sh"
. "$abs_top_srcdir/test/migrate/migration.sh"
requires mke2fs cmp

push()
{
    status=0
    xl-dedup push --free=send "$@" >"$tmp/out" 2>"$tmp/err" || status=$?
}

pushed()
{
    push "$1" "hostb:$2"
    [ "$status" = 0 ] || { cat "$tmp/err" >&2; fail "status $status"; }
    cmp "$1" "$2" || fail "not identical"
}

kb_sent() { awk '$1 == "total" { print int($5 * 1000) }' "$tmp/err"; }

migration_setup
seed 11
mkdir tree
noise shared 6000000 >tree/shared
noise gone 3000000 >tree/gone
mke2fs -q -t ext4 -d tree b/reference.img 32M 2>/dev/null
rm tree/gone
noise own 1000000 >tree/own
truncate -s 7M tree/sparse
noise inner 5000 | dd of=tree/sparse bs=4096 seek=700 conv=notrunc status=none
mke2fs -q -t ext4 -b 1024 -d tree a/disk.img 40M 2>/dev/null

pushed a/disk.img "$tmp/b/disk.img"
[ "$(kb_sent)" -lt 1500 ] || fail "$(kb_sent) kB sent for 1 MB of news"
[ "$(du -k b/disk.img | cut -f1)" -le "$(du -k a/disk.img | cut -f1)" ] ||
    fail "holes were filled"

# again: the earlier copy is known, little moves
noise log 3000 | dd of=a/disk.img bs=1 seek=9000000 conv=notrunc status=none
pushed a/disk.img "$tmp/b/disk.img"
[ "$(kb_sent)" -lt 50 ] || fail "$(kb_sent) kB sent for a known copy"

# somebody wrote to the copy: it is his now
printf x | dd of=b/disk.img bs=1 seek=5000 conv=notrunc status=none
cp b/disk.img keep
push a/disk.img "hostb:$tmp/b/disk.img"
[ "$status" = 2 ] || fail "overwrote a changed copy"
said 'was written to since'
cmp keep b/disk.img || fail "the changed copy was touched"
XL_DEDUP_CONFIG=$tmp/b.conf xl-dedup allow "$tmp/b/disk.img" || fail allow
pushed a/disk.img "$tmp/b/disk.img"

# sizes that are no multiple of anything, tiny, and all zero
for size in 1 4095 1048577 3000001; do
    noise "n$size" "$size" >"a/n$size"
    pushed "a/n$size" "$tmp/b/n$size"
    truncate -s "$size" "a/z$size"
    pushed "a/z$size" "$tmp/b/z$size"
done

# no space: said before anything is written
push a/disk.img "hostb:$tmp/nonexistent/x.img"
said "the directory $tmp/nonexistent does not exist"
push a/disk.img "nohost"
[ "$status" = 0 ] || fail "local push"
cmp a/disk.img nohost || fail "local copy differs"
pass "push"
