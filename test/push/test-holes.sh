#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Holes of an image file are not read, though files of the guest lie there:
# by none of the commands, at neither end.  What is counted are bytes, not
# seconds.
. "${abs_top_srcdir:=$PWD}/test/lib/functions.sh"
. "$abs_top_srcdir/test/migrate/migration.sh"
requires mke2fs debugfs b3sum cmp
[ -r /proc/self/io ] || skip "no counts of what is read"
migration_setup
seed 17

# reads MB COMMAND...: it reads at most so much, its children included.
reads() {
    most=$1; shift
    # shellcheck disable=SC2016
    sh -c '"$@" >out 2>err; s=$?; cat /proc/$$/io >io; exit $s' sh "$@" ||
        fail "$*: $(cat err)"
    mb=$(awk '$1 == "rchar:" { print int($2 / 1000000) }' io)
    [ "$mb" -le "$most" ] || fail "$*: $mb MB were read"
    pass "$1 $2: $mb MB read"
}

# mke2fs makes files of 512 MB without writing to them: written, for the guest.
cat >mke2fs.conf <<END
[defaults]
    blocksize = 4096
    inode_size = 256
    inode_ratio = 4194304
[fs_types]
    huge = {
        features = extent,huge_file,flex_bg,uninit_bg,sparse_super2
        make_hugefiles = 1
        hugefiles_dir = /
        hugefiles_name = huge
        hugefiles_digits = 1
        hugefiles_size = 512M
        num_hugefiles = 2
        zero_hugefiles = false
    }
END
truncate -s 1200M a/disk.img
MKE2FS_CONFIG=mke2fs.conf mke2fs -q -F -T huge a/disk.img >log 2>&1 ||
    fail "$(cat log)"
noise inner 100000 >inner
noise small 200000 >small
debugfs -w -R "write small /small" a/disk.img >log 2>&1
for at in 0 7000 100000; do
    block=$(debugfs -R "bmap /huge1 $at" a/disk.img 2>/dev/null)
    [ "${block:-0}" -gt 0 ] || fail "no /huge1"
    dd if=inner of=a/disk.img bs=4096 seek="$block" conv=notrunc 2>/dev/null
done
[ "$(du -m a/disk.img | cut -f1)" -lt 50 ] || skip "no holes here"
debugfs -R "stat /huge1" a/disk.img 2>/dev/null | grep -q 'Size: 536870912' ||
    fail "/huge1 is not what was asked for"

reads 60 xl-dedup scan a/disk.img
grep -q '^- *536870912 zero p0:/huge0$' out || fail "$(cat out)"
want=$( { cat inner; head -c $((7000 * 4096 - 100000)) /dev/zero; cat inner
    head -c $((93000 * 4096 - 100000)) /dev/zero; cat inner
    head -c $((31072 * 4096 - 100000)) /dev/zero; } | b3sum --no-names)
grep -q "^$want  *536870912 - p0:/huge1\$" out || fail "$(cat out)"

# pushed WHAT: the copy is the same, and as sparse.
pushed() {
    cmp a/disk.img b/disk.img || fail "$1: not identical"
    [ "$(du -m b/disk.img | cut -f1)" -lt 50 ] || fail "$1: holes were filled"
}
reads 200 xl-dedup push --free=send a/disk.img "hostb:$tmp/b/disk.img"
pushed "push"
printf new | dd of=a/disk.img bs=1 seek=300000000 conv=notrunc 2>/dev/null
reads 200 xl-dedup push --free=send a/disk.img "hostb:$tmp/b/disk.img"
pushed "push again"
cp --sparse=always a/disk.img b/reference.img
reads 200 env XL_DEDUP_CONFIG="$tmp/b.conf" xl-dedup index
rm b/disk.img
reads 300 xl-dedup push --free=send a/disk.img "hostb:$tmp/b/disk.img"
pushed "push with a reference"
reads 100 xl-dedup compare a/disk.img b/reference.img
reads 100 xl-dedup verify a/disk.img b/reference.img

# Inode tables of an empty file system, 150 MB of zeros that the parser walks.
truncate -s 600M dense
mke2fs -q -F -t ext3 -O ^uninit_bg,^metadata_csum -i 1024 -I 256 \
    -E lazy_itable_init=0 dense >log 2>&1 || fail "$(cat log)"
cp --sparse=always dense a/tables.img
reads 60 xl-dedup scan a/tables.img
