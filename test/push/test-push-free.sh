#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Free space: of a cold image with a clean file system it is left out, and the
# copy's file system is good; it is sent if the file system is not clean, if
# somebody has the image open for writing, and on demand.
. "${abs_top_srcdir:=$PWD}/test/lib/functions.sh"
. "$abs_top_srcdir/test/migrate/migration.sh"
requires mke2fs debugfs cmp

# push IMAGE [OPTION...]: to b/copy
push()
{
    image=$1
    shift
    rm -f b/copy
    xl-dedup push "$@" "$image" "hostb:$tmp/b/copy" >"$tmp/out" \
        2>"$tmp/err" || { cat "$tmp/err" >&2; fail "push of $image"; }
    kb=$(awk '$1 == "total" { print int($5 * 1000) }' "$tmp/err")
    echo "$image $*: $kb kB"
}

sent() { cmp "$image" b/copy || fail "$1: not identical"; }

migration_setup
seed 41
mkdir tree
noise kept 1000000 >tree/kept
noise gone 3000000 >tree/gone
for blocks in 1024 4096; do
    mke2fs -q -F -t ext4 -b "$blocks" -d tree a/disk 24M 2>/dev/null
    debugfs -w -R 'rm /gone' a/disk 2>/dev/null
    e2fsck -fn a/disk >/dev/null 2>&1 || fail "e2fsck"

    push a/disk
    [ "$kb" -lt 1200 ] || fail "$kb kB for 1 MB of files"
    cmp -s a/disk b/copy && fail "free space was sent"
    e2fsck -fn b/copy >log 2>&1 || { cat log >&2; fail "the copy is damaged"; }
    debugfs -R "dump /kept $tmp/kept" b/copy 2>/dev/null
    cmp tree/kept kept || fail "another file"
    # over what is there: what was freed at the source goes there as well
    xl-dedup push --free=send a/disk "hostb:$tmp/b/copy" 2>/dev/null
    cmp a/disk b/copy || fail "over the copy: not identical"
    xl-dedup push a/disk "hostb:$tmp/b/copy" 2>/dev/null
    cmp -s a/disk b/copy && fail "over the copy: free space was kept"

    push a/disk --free=send
    sent "--free=send"
    exec 3<>a/disk
    push a/disk
    exec 3>&-
    sent "open for writing"
    # a guest that was saved
    debugfs -w -R 'feature needs_recovery' a/disk 2>/dev/null
    push a/disk
    sent "needs recovery"
    debugfs -w -R 'feature -needs_recovery' a/disk 2>/dev/null
    push a/disk
    cmp -s a/disk b/copy && fail "clean again, and sent"
    debugfs -w -R 'ssv state 2' a/disk 2>/dev/null
    push a/disk
    sent "with errors"
    # a file lies in what is said to be free: nothing is believed
    debugfs -w -R 'ssv state 1' a/disk 2>/dev/null
    block=$(debugfs -R 'bmap /kept 3' a/disk 2>/dev/null)
    debugfs -w -R "freeb $block" a/disk 2>/dev/null
    push a/disk
    sent "bitmap that lies"
done

# The number of squashfs is there as well: who knows whose it is.
mke2fs -q -F -t ext4 -d tree a/disk 24M 2>/dev/null
debugfs -w -R 'rm /gone' a/disk 2>/dev/null
printf hsqs | dd of=a/disk conv=notrunc status=none
printf '\004' | dd of=a/disk bs=1 seek=28 conv=notrunc status=none
push a/disk
sent "another file system"

# NTFS, made over noise, which its free clusters keep.  Its copy is read by
# ntfsprogs; the last sector, after all clusters, is the backup of the first.
ntfs()
{
    noise under 24000000 >a/ntfs
    truncate -s 24000000 a/ntfs
    mkntfs -q -Q -F -c "$1" a/ntfs >/dev/null 2>&1 || fail "mkntfs -c $1"
    ntfscp -q a/ntfs tree/kept kept || fail "ntfscp"
}

requires mkntfs ntfscp ntfscat ntfsfix ntfsinfo
for cluster in 512 4096; do
    ntfs "$cluster"
    push a/ntfs
    [ "$kb" -lt 1400 ] || fail "ntfs: $kb kB for 1 MB of files"
    cmp -s a/ntfs b/copy && fail "ntfs: free space was sent"
    ntfsfix -n b/copy >log 2>&1 || { cat log >&2; fail "ntfs: damaged"; }
    ntfscat b/copy kept | cmp - tree/kept || fail "ntfs: another file"
    tail -c 512 b/copy >last
    tail -c 512 a/ntfs | cmp - last || fail "ntfs: no backup boot sector"
    push a/ntfs --free=send
    sent "ntfs: --free=send"

    # a Windows that sleeps
    { printf hibr; noise hibernated 8188; } >hiberfile
    ntfscp -q a/ntfs hiberfile hiberfil.sys || fail "ntfscp"
    push a/ntfs
    sent "ntfs: hibernated"

    # something is to be replayed, as far as can be told
    ntfs "$cluster"
    lcn=$(ntfsinfo -v -i 2 a/ntfs 2>/dev/null |
        awk '/Runlist/ { getline; print $2; exit }')
    noise log 4096 | dd of=a/ntfs bs="$cluster" seek="$((lcn))" conv=notrunc \
        status=none
    push a/ntfs
    sent "ntfs: its log"

    ntfs "$cluster"
    ntfsfix a/ntfs >log 2>&1 || fail "ntfsfix"
    push a/ntfs
    sent "ntfs: marked dirty"
    ntfsfix -d a/ntfs >log 2>&1 || fail "ntfsfix -d"
    push a/ntfs
    cmp -s a/ntfs b/copy && fail "ntfs: clean again, and sent"
done
pass "free space"
