#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# A guest that goes from host to host takes along what it needs to come back:
# A -> B -> C -> A -> B -> A, and each copy that it left is used.  A host that
# it was at before, but is not at any more, is not believed.
. "${abs_top_srcdir:=$PWD}/test/lib/functions.sh"
. "$abs_top_srcdir/test/migrate/migration.sh"
requires python3 mke2fs cmp

migration_setup
seed 37
mkdir tree A B C state-A state-B state-C
noise files 20000000 | split -b 1000000 - tree/f
mke2fs -q -t ext4 -d tree A/disk.img 32M 2>/dev/null
FAKE_MEMORY=1000
export FAKE_DISKS FAKE_MEMORY FAKE_AT_END

# go FROM TO [OPTION]: $kb is what was sent of the disk
go()
{
    row="$1 -> $2"
    printf 'state = %s\n' "$tmp/state-$1" >"$tmp/a.conf"
    printf 'state = %s\n' "$tmp/state-$2" >"$tmp/b.conf"
    FAKE_DISKS="xvda=$tmp/$1/disk.img=$tmp/$2/disk.img"
    FAKE_AT_END="cmp $tmp/$1/disk.img $tmp/$2/disk.img && touch $tmp/was-equal"
    rm -f was-equal
    migrate
    helpers_gone
    kb=$(awk '$1 == "xvda" { print int($5 * 1000 + 0.5) }' err)
}

# goes FROM TO LEAST MOST
goes()
{
    go "$1" "$2"
    [ "$status" = 0 ] || { cat err >&2; fail "$row: status $status"; }
    [ -e was-equal ] || fail "$row: not equal"
    echo "$row: $kb kB"
    [ "$kb" -ge "$3" ] && [ "$kb" -le "$4" ] || fail "$row: $kb kB"
    # the guest writes
    noise "$row" 40960 | dd of="$2/disk.img" bs=4096 seek=3000 conv=notrunc \
        status=none
}

goes A B 20000 30000
# as B was before the guest went on, and may be in other hands since
cp -r state-B state-X
goes B C 20000 30000
goes C A 40 300
goes A B 40 300
goes B A 40 300
goes A C 40 300

row="a host that had the guest once"
mkdir X
cp B/disk.img X/disk.img
b2sum B/disk.img state-B/records/* >before
go X B
refused "$tmp/B/disk.img exists, and the sending host has not shown that it \
has sent the copy that lies there"
b2sum --quiet -c before || fail "$row: changed"

# what a host has lost, the admin's word makes up for
rm state-C/secrets/*
go C A
refused 'has not shown that it has sent the copy'
XL_DEDUP_CONFIG=$tmp/b.conf xl-dedup allow "$tmp/A/disk.img" || fail allow
goes C A 20000 30000
goes A C 0 300
pass "from host to host"
