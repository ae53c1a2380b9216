#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# push --dry-run: what it estimates is within 15 % and 30 kB of what the copy
# then sends, whatever the target has; nothing is changed at either side; it
# fails where the copy would.
. "${abs_top_srcdir:=$PWD}/test/lib/functions.sh"
. "$abs_top_srcdir/test/migrate/migration.sh"
. "$abs_top_srcdir/test/push/dry-run.sh"
requires mke2fs cmp python3

# foretold NAME MOST-KB [OPTION...]: a dry run, and then the copy
foretold()
{
    row=$1
    most=$2
    shift 2
    status=0
    snapshot >before
    xl-dedup push --free=send --dry-run "$@" a/disk.img \
        "hostb:$tmp/b/disk.img" >out 2>err || status=$?
    [ "$status" = 0 ] || { cat err >&2; fail "$row: status $status"; }
    unchanged
    estimate=$(estimated_kb)
    said 'to send that at'
    xl-dedup push --free=send "$@" a/disk.img "hostb:$tmp/b/disk.img" \
        >out 2>err || { cat err >&2; fail "$row: the copy fails"; }
    cmp a/disk.img b/disk.img || fail "$row: not identical"
    sent=$(awk '$1 == "total" { print int($5 * 1000) }' err)
    near "$estimate" "$sent"
    [ "$sent" -le "$most" ] || fail "$row: $sent kB, this is another case"
}

migration_setup
seed 61
mkdir tree
noise shared 4000000 >tree/shared
seq 1 400000 >tree/log
mke2fs -q -t ext4 -d tree b/reference.img 32M 2>/dev/null
noise own 600000 >tree/own
seq 300000 500000 >>tree/log
seq 7000000 7300000 >tree/text
mke2fs -q -t ext4 -d tree a/disk.img 40M 2>/dev/null

foretold "another guest's image" 2500 --level=3
foretold "the copy is there" 60 --level=3
noise block 500000 | dd of=a/disk.img bs=1 seek=9000123 conv=notrunc status=none
foretold "the copy is old" 800 --level=3
# the file system is another one, much of its content is there
noise more 300000 >tree/more
mke2fs -q -F -t ext4 -b 1024 -d tree a/disk.img 40M 2>/dev/null
foretold "over another file system" 3000 --level=3

# an unfinished copy helps, and stays as it is; it is shorter than the disk
rm b/disk.img
dd if=a/disk.img of=b/.disk.img.xl-dedup bs=1M count=11 status=none
chmod 600 b/.disk.img.xl-dedup
foretold "goes on with a copy" 3000 --level=3
rm b/disk.img
foretold "as the line leaves time for" 3000 --bwlimit=400
said 'saved %'

# what would be refused is refused, and nothing happens either
refuses()
{
    snapshot >before
    status=0
    xl-dedup push -n "$1" "hostb:$2" >out 2>err || status=$?
    [ "$status" = 2 ] || fail "$2: status $status"
    said "$3"
    unchanged
}
row=refused
printf x >>b/disk.img
refuses a/disk.img "$tmp/b/disk.img" 'was written to since'
refuses a/disk.img "$tmp/b/reference.img" 'not a known copy'
refuses a/disk.img "$tmp/b/no/disk.img" 'does not exist'
refuses a/disk.img "$tmp/a/disk.img" 'same storage on both hosts'
pass "dry run"
