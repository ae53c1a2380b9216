#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# A -> B -> A after light use: the way back sends the blocks that changed and
# little else, for a file and for a block device.  What was changed is known
# here, so the bound follows from it: those blocks (noise, which nothing
# compresses), and what describes the disk.
. "${abs_top_srcdir:=$PWD}/test/lib/functions.sh"
. "$abs_top_srcdir/test/migrate/migration.sh"
requires python3 mke2fs cmp losetup
[ "$(id -u)" = 0 ] || skip "not root"

migration_setup
seed 31
segments=64
mkdir tree
noise files 40000000 | split -b 1000000 - tree/f
mke2fs -q -t ext4 -b 4096 -d tree disk.orig ${segments}M 2>/dev/null
FAKE_MEMORY=1000
export FAKE_DISKS FAKE_MEMORY FAKE_AT_END

# Who has a file open for writing: the next migration could not be traced.
cat >writers.py <<'END'
import glob, os, sys
for link in glob.glob("/proc/[0-9]*/fd/*"):
    try:
        if os.readlink(link) != os.path.abspath(sys.argv[1]):
            continue
        with open(link.replace("/fd/", "/fdinfo/")) as f:
            flags = int(f.read().split("flags:")[1].split()[0], 8)
        if flags & os.O_ACCMODE != os.O_RDONLY:
            with open(link.split("/fd/")[0] + "/comm") as f:
                print(link, f.read())
    except OSError:
        pass
END

# go FROM TO: the host that is "a" is the source
go()
{
    FAKE_DISKS="xvda=$1=$2"
    FAKE_AT_END="cmp $1 $2 && touch $tmp/was-equal
        cd $tmp; python3 writers.py $2 >writers 2>&1"
    rm -f was-equal
    migrate
    [ "$status" = 0 ] || { cat err >&2; fail "$1 -> $2: status $status"; }
    [ -e was-equal ] || fail "$1 -> $2: not final"
    [ ! -s writers ] || fail "$2 is open for writing: $(cat writers)"
    kb=$(awk '$1 == "xvda" { print int($5 * 1000 + 0.5) }' err)
}

swap_hosts() { mv a.conf x.conf; mv b.conf a.conf; mv x.conf b.conf; }

# light_use DISK KEY: 60 blocks all over the disk
light_use()
{
    noise "$2" 245760 >news
    python3 - "$1" <<'END'
import os, sys
fd, news = os.open(sys.argv[1], os.O_WRONLY), open("news", "rb")
for i in range(60):
    os.pwrite(fd, news.read(4096), ((i + 1) * 271 + 5) * 4096)
os.fsync(fd)
END
}
changed=$((60 * 4096))
# Digests of all segments twice (before the manifest, and of those changed
# after it), and 64 bytes for each of the manifest's objects: the files,
# and pieces of up to 1 MiB of what is between them.
describing=$((segments * 2 * 40 + (40 + segments) * 64 + 20000))
bound=$(((changed + describing) / 1000))

# there_and_back A B WHAT
there_and_back()
{
    go "$1" "$2"
    all=$kb
    [ "$all" -gt 39000 ] || fail "$3: all are $all kB"
    swap_hosts
    light_use "$2" "$3"
    go "$2" "$1"
    echo "$3: A -> B $all kB, B -> A $kb kB of $((changed / 1000)) changed" \
        "(bound $bound)"
    [ "$kb" -le "$bound" ] || fail "$3: back $kb kB, more than $bound"
    [ "$kb" -ge $((changed / 1000)) ] || fail "$3: $kb kB cannot be true"
    swap_hosts
    go "$1" "$2"
    echo "$3: A -> B again, nothing changed: $kb kB"
    [ "$kb" -le $((describing / 1000)) ] || fail "$3: nothing, but $kb kB"
}

cp disk.orig a/disk.img
there_and_back "$tmp/a/disk.img" "$tmp/b/disk.img" file

cp disk.orig a/device
truncate -s ${segments}M b/device
one=$(losetup -f --show a/device 2>/dev/null) || skip "no loop devices"
cleanup_fn "detach $one"
other=$(losetup -f --show b/device)
cleanup_fn "detach $other"
there_and_back "$one" "$other" device
pass "return"
