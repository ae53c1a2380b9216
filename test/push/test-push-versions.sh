#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Files that a reference holds in another version: what is in there does not
# cross, wherever it went; also under a path with another number, also over an
# earlier copy of the disk, and nothing depends on what the version holds.
. "${abs_top_srcdir:=$PWD}/test/lib/functions.sh"
. "$abs_top_srcdir/test/migrate/migration.sh"
requires mke2fs cmp

pushed()
{
    xl-dedup push --free=send "$1" "hostb:$2" >"$tmp/out" 2>"$tmp/err" ||
        { cat "$tmp/err" >&2; fail "push of $1"; }
    cmp "$1" "$2" || fail "$1 is not identical"
    kb=$(awk '$1 == "total" { print int($5 * 1000) }' "$tmp/err")
    kb_back=$(awk '$1 == "total" { print int($6 * 1000) }' "$tmp/err")
    echo "$1: $kb kB there, $kb_back kB back"
}

image() { mke2fs -q -F -t ext4 -d tree "$1" "$2" 2>/dev/null || fail mke2fs; }

migration_setup
seed 31
mkdir -p tree/boot tree/db tree/log
noise initrd 3000000 >tree/boot/initrd.img-6.1.0-17
noise db 4000000 >tree/db/main.db
noise log 1000000 >tree/log/syslog
noise same 1000000 >tree/same
for i in $(seq 50); do noise "small$i" 5000 >"tree/small$i"; done
image b/reference.img 16M

# shifted and renamed; pages changed; lines removed and added; small ones
{ noise start 1234; tail -c +5000 tree/boot/initrd.img-6.1.0-17
} >tree/boot/initrd.img-6.1.0-18
rm tree/boot/initrd.img-6.1.0-17
noise page 4096 | dd of=tree/db/main.db bs=4096 seek=500 conv=notrunc \
    status=none
tail -c +20001 tree/log/syslog >log && mv log tree/log/syslog
noise logged 10000 >>tree/log/syslog
for i in $(seq 20); do echo edited >>"tree/small$i"; done
image a/disk.img 17M
pushed a/disk.img "$tmp/b/disk.img"
[ "$kb" -lt 250 ] || fail "$kb kB sent for 50 kB of news"
[ "$kb_back" -lt 70 ] || fail "$kb_back kB to say what is held"

# Over the copy that is there now: the files lie elsewhere.
{ noise again 777; cat tree/boot/initrd.img-6.1.0-18
} >tree/boot/initrd.img-6.1.0-19
rm tree/boot/initrd.img-6.1.0-18
image a/next.img 17M
mv a/next.img a/disk.img
pushed a/disk.img "$tmp/b/disk.img"
[ "$kb" -lt 350 ] || fail "$kb kB sent for 10 kB of news"

# A version that has nothing of it costs little and breaks nothing.
noise other 3000000 >tree/boot/initrd.img-6.1.0-19
noise other2 4000000 >tree/db/main.db
image a/other.img 17M
pushed a/other.img "$tmp/b/other.img"
[ "$kb" -lt 7300 ] || fail "$kb kB sent for 7000 kB of news"
pass "versions"
