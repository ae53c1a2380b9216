#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# What is taken from a reference shares its blocks where the file system can
# do that, and is checked all the same; holes stay holes.
. "${abs_top_srcdir:=$PWD}/test/lib/functions.sh"
. "$abs_top_srcdir/test/migrate/migration.sh"
requires mke2fs cmp filefrag losetup

used_kb() { sync; df -k --output=used "$tmp/b" | tail -1; }
push()
{
    xl-dedup push "a/$1" "hostb:$tmp/b/$1" >out 2>err ||
        { cat err >&2; fail "push $1"; }
    cmp "a/$1" "b/$1" || fail "$1 is not identical"
}

# sharing FILESYSTEM COMMAND...
sharing()
{
    fs=$1
    shift
    command -v "$1" >/dev/null || { echo "$name: no $1"; return; }
    truncate -s 400M disk
    "$@" disk >/dev/null 2>&1 || fail "$*"
    if ! mount -o loop disk b 2>/dev/null; then
        echo "$name: skipped: $fs cannot be mounted"
        return
    fi
    cp --sparse=always keep/reference.img keep/referenceold.img b/
    before=$(used_kb)
    push disk.img
    [ "$(($(used_kb) - before))" -lt 9000 ] ||
        fail "$fs: $(($(used_kb) - before)) kB more for 30 MB shared"
    filefrag -v b/disk.img | grep -q shared || fail "$fs: nothing is shared"
    # the reference is not what the index says: checked after sharing, too
    printf y | dd of=b/referenceold.img bs=1 conv=notrunc status=none \
        seek="$(($(grep -abo 'MARK-OF-OLD' b/referenceold.img |
            head -1 | cut -d: -f1) + 200000))"
    push old.img
    unmount b
    done=$((done + 1))
}

migration_setup
seed 23
done=0
cleanup_fn "umount '$tmp/b' 2>/dev/null"
mkdir tree keep
noise big 30000000 >tree/big
noise small 3000 >tree/small
mke2fs -q -t ext4 -b 4096 -d tree keep/reference.img 48M 2>/dev/null
noise own 1000000 >tree/own
# a file whose blocks are allocated, but zero, and one in a hole of the image
head -c 8000000 /dev/zero >tree/zeros
printf end >>tree/zeros
mke2fs -q -t ext4 -b 4096 -d tree keep/full.img 64M 2>/dev/null
rm -r tree; mkdir tree
{ printf MARK-OF-OLD; noise old 1000000; } >tree/old
mke2fs -q -t ext4 -b 4096 -d tree keep/referenceold.img 16M 2>/dev/null
mke2fs -q -t ext4 -b 4096 -d tree a/old.img 24M 2>/dev/null
cp --sparse=always keep/full.img a/disk.img
holes=$(du -k a/disk.img | cut -f1)

# anywhere: no more than the source has, though the copy goes through memory
cp --sparse=always keep/reference.img b/
push disk.img
[ "$(du -k b/disk.img | cut -f1)" -le "$((holes + 100))" ] ||
    fail "$(du -k b/disk.img) for $holes"
rm -r b; mkdir b

sharing xfs mkfs.xfs -q -m reflink=1
rm -rf state-b disk
sharing btrfs mkfs.btrfs -q
[ "$done" -gt 0 ] || skip "no file system here shares blocks"
pass "local copies on $done file systems"
