#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Partition tables: the map's partitions are those that sfdisk wrote, and
# the files in them are found.
. "${abs_top_srcdir:-..}/test/lib/functions.sh"
requires mke2fs mkntfs ntfscp sfdisk b2sum openssl truncate
tmpdir
seed 3

mkdir tree; noise a 100000 >tree/a; noise b 10 >tree/b
hash=$(b2sum -l 256 <tree/a | cut -d' ' -f1)
truncate -s 8M ext ntfs small
mke2fs -q -F -t ext4 -L 'an ext4' -d tree ext
mke2fs -q -F -t ext2 -d tree small 4M
mkntfs -F -q -Q -L windows ntfs >log 2>&1
ntfscp -q -f ntfs tree/a a >log 2>&1 || fail "$(cat log)"

table() { rm -f image; truncate -s 100M image; sfdisk -q image >log 2>&1 ||
    fail "sfdisk: $(cat log)"; }
put() { dd if="$1" of=image bs=1M seek="$2" conv=notrunc 2>/dev/null; }
# check WHAT FILES: the partitions are those of ./want, FILES have the hash.
check() {
    fsparse-dump image >dump || fail "$1: $(grep BROKEN dump)"
    sed -n 's/^partition //p' dump | tr '[:upper:]' '[:lower:]' >got
    diff want got || fail "$1"
    [ "$(grep -c "$hash /a$" dump)" = "$2" ] || fail "$1: files"
    pass "$1"
}
linux=0fc63daf-8483-4772-8e79-3d69d8477de4
windows=ebd0a0a2-b9e5-4433-87c0-68b6b72699c7

table <<EOF
label: gpt
first-lba: 2048
1 : start=10MiB size=8MiB type=$linux
3 : start=1MiB size=8MiB type=$windows
4 : start=30MiB size=8MiB type=$linux
EOF
put ext 10; put ntfs 1
cat >want <<EOF
0 1 10485760 8388608 gpt $linux ext4 an ext4 | 
1 3 1048576 8388608 gpt $windows ntfs windows | 
2 4 31457280 8388608 gpt $linux - - | no file system recognised
EOF
check "GPT" 2

table <<EOF
label: dos
start=1MiB size=8MiB type=7
start=10MiB size=8MiB type=83
start=20MiB size=60MiB type=5
start=21MiB size=8MiB type=83
start=40MiB size=8MiB type=7
EOF
put ntfs 1; put ext 10; put small 21; put ntfs 40
cat >want <<EOF
0 1 1048576 8388608 dos 0x7 ntfs windows | 
1 2 10485760 8388608 dos 0x83 ext4 an ext4 | 
2 5 22020096 8388608 dos 0x83 ext2 - | 
3 6 41943040 8388608 dos 0x7 ntfs windows | 
EOF
check "MBR with logical partitions" 4
# A table that promises more than is there: the last two are cut or gone.
truncate -s 24M image
sed -n '1,2p; 3s/8388608 dos/3145728 dos/p' want >w2; mv w2 want
check "truncated MBR" 3

rm image; cp ext image
echo "0 0 0 8388608 none - ext4 an ext4 | " >want; check "whole ext4" 1
cp ntfs image
echo "0 0 0 8388608 none - ntfs windows | " >want; check "whole NTFS" 1
truncate -s 0 image; : >want; check "empty image" 0
truncate -s 1000000 image
echo "0 0 0 1000000 none - - - | no file system recognised" >want
check "hole" 0
grep -q 'bytes file 0 residual 0 hole 1000000' dump || fail "hole"
noise r 1000001 >image
echo "0 0 0 1000001 none - - - | no file system recognised" >want
check "noise" 0

# Sectors of 4096 bytes, which a file does not tell of.
# table4k COMMAND...: of fdisk.
table4k() {
    rm -f image; truncate -s 100M image
    printf '%s\n' "$@" w | fdisk -b 4096 -w always image >log 2>&1 ||
        fail "fdisk: $(cat log)"
}
if command -v fdisk >/dev/null; then
    table4k g n 1 512 2559 n 3 4096 6143 t 3 11
    put ext 2; put ntfs 16
    cat >want <<EOF
0 1 2097152 8388608 gpt $linux ext4 an ext4 | 
1 3 16777216 8388608 gpt $windows ntfs windows | 
EOF
    check "GPT of 4096-byte sectors" 2
    table4k o n p 1 512 2559 t 83 n p 2 4608 6655
    put ext 2
    cat >want <<EOF
0 1 2097152 8388608 dos 0x83 ext4 an ext4 | 
1 2 18874368 8388608 dos 0x83 - - | no file system recognised
EOF
    check "MBR of 4096-byte sectors" 1
fi

# What else has left a magic number.
# shellcheck disable=SC2059 # octal
magic() { printf "$1" | dd of=image bs=1 seek="$2" conv=notrunc 2>/dev/null; }
cp ntfs image; magic '\123\357' 1080
echo "0 0 0 8388608 none - ntfs windows | " >want
check "NTFS with the number of ext" 1
cp ext image; magic hsqs 0; magic '\004' 28
echo "0 0 0 8388608 none - ext4 an ext4 | " >want
check "ext4 with the number of squashfs" 1
rm image; truncate -s 8M image
magic hsqs 0; magic '\004' 28; magic '\123\357' 1080
note="more than one file system recognised"
echo "0 0 0 8388608 none - - - | $note" >want
check "two numbers and no file system" 0
