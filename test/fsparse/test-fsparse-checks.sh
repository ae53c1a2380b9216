#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Superblocks, boot sectors and $MFT records that cannot be: what is wrong is
# said, and no library gets to see them.  Bitmaps are not read for a map that
# says nothing of free space.
. "${abs_top_srcdir:-..}/test/lib/functions.sh"
requires perl mke2fs mkntfs ntfscp truncate openssl od
tmpdir
seed 6

mkdir tree
for n in $(seq 20); do noise "$n" $((n * 700)) >"tree/$n"; done
truncate -s 8M ext ntfs
mke2fs -q -F -t ext4 -b 1024 -O ^metadata_csum,64bit -d tree ext
mkntfs -F -q -Q ntfs >log 2>&1 || fail "mkntfs: $(cat log)"
ntfscp -q -f ntfs tree/9 nine >log 2>&1 || fail "ntfscp: $(cat log)"
number() { od -An -t "u$3" -j "$2" -N "$3" "$1" | tr -d ' '; }
mft=$(($(number ntfs 48 8) * 4096))
[ "$(number ntfs 13 1)" = 8 ] || fail "clusters are not of 4096 bytes"

# put IMAGE PLACE HEX: changes bytes.
put() {
    perl -e 'open F, "+<", $ARGV[0] or die; seek F, $ARGV[1], 0;
        print F pack "H*", $ARGV[2]' "$1" "$2" "$3"
}
# refused WHAT NOTE: nothing of image is taken for a file, whether free space
# is asked for or not.  libblkid may have refused it already.
refused() {
    for way in "" -f; do
        fsparse-dump $way image >dump 2>&1 || fail "$1: $(cat dump)"
        grep -q -e "^partition .* | damaged: $2" \
            -e '^partition .* | no file system recognised' dump ||
            fail "$1: no '$2' in: $(head -5 dump)"
        grep -q -e '^note' -e '^file' dump && fail "$1: $(cat dump)"
    done
    return 0
}
for fs in ext ntfs; do
    cp $fs image
    fsparse-dump image >"$fs.map" || fail "$fs: $(cat "$fs.map")"
    grep -q '^file' "$fs.map" || fail "$fs: no files: $(cat "$fs.map")"
    grep -q damaged "$fs.map" && fail "$fs: $(cat "$fs.map")"
done
while read -r fs place hex note; do
    cp "$fs" image
    put image $((place)) "$hex"
    refused "$fs $place $hex" "$note"
done <<E2
ext 0x414 62 the first data block
ext 0x414 00 the first data block
ext 0x404 00000000 the number of blocks
ext 0x418 07 the size of blocks
ext 0x41c 05 the size of clusters
ext 0x420 00000000 the number of blocks of a group
ext 0x420 ffffffff the number of blocks of a group
ext 0x424 01000000 the number of blocks of a group
ext 0x428 00000000 the number of inodes of a group
ext 0x428 ffffffff the number of inodes of a group
ext 0x400 ffffffff the number of inodes
ext 0x44c 02 the superblock's revision
ext 0x454 01000000 the first inode
ext 0x458 8100 the size of inodes
ext 0x458 0080 the size of inodes
ext 0x4fe 0000 the size of group descriptors
ext 0x4fe 4100 the size of group descriptors
ext 0x4ce ffff the reserved group descriptors
ext 0x4e0 ffffffff the journal's inode
ext 0x574 20 the size of flexible groups
ntfs 0x0b 0003 the size of sectors
ntfs 0x0d f0 the size of clusters
ntfs 0x0d f4 the size of clusters
ntfs 0x0d 03 the size of clusters
ntfs 0x40 e1 the size of file records
ntfs 0x40 00 the size of file records
ntfs 0x44 e1 the size of index records
ntfs 0x28 0000000000000000 the number of sectors
ntfs 0x28 ffffffffffffffff the number of sectors
ntfs 0x30 ffffffffffffff7f the position of \$MFT
ntfs 0x30 0000000000000000 the position of \$MFT
ntfs $((mft + 0x00)) 42414144 \$MFT's own record
ntfs $((mft + 0x04)) fe01 \$MFT's own record
ntfs $((mft + 0x14)) f8ff \$MFT's own record
ntfs $((mft + 0x18)) ffffff7f \$MFT's own record
ntfs $((mft + 0x3c)) 00000000 \$MFT's own record
ntfs $((mft + 0x3c)) f8ffffff \$MFT's own record
ntfs $((mft + 0x4c)) f0ffffff \$MFT's own record
E2
pass "what cannot be is refused"

# The runs of $MFT's data leave the volume.
cp ntfs image
perl -e 'open F, "+<", "image"; seek F, $ARGV[0], 0; read F, $r, 1024;
    $at = unpack "v", substr $r, 0x14, 2;
    $at += unpack "V", substr $r, $at + 4, 4
        until unpack("V", substr $r, $at, 4) == 0x80;
    $at += unpack "v", substr $r, $at + 0x20, 2;
    substr($r, $at, 4) = "\x21\x7f\xff\x7f";
    seek F, $ARGV[0], 0; print F $r' "$mft"
refused "runs" "\$MFT's own record"
pass "runs beyond the volume"

# A file's record whose first attribute is longer than the record, which says
# that it uses more than it has.
cp ntfs image
perl -e 'open F, "+<", "image"; $at = $ARGV[0] + 64 * 1024; seek F, $at, 0;
    read F, $r, 1024; die "no record" unless substr($r, 0, 4) eq "FILE";
    substr($r, 0x18, 4) = pack "V", 0x7fffffff;
    substr($r, unpack("v", substr $r, 0x14, 2) + 4, 4) = pack "V", 0xfffff0;
    seek F, $at, 0; print F $r' "$mft" || fail "record 64"
fsparse-dump image >dump || fail "$(cat dump)"
grep '^note' dump && fail "the parser did not survive a record"
grep -q '^partition .* | some records could not be read$' dump ||
    fail "record 64: $(cat dump)"
pass "a record that leaves its bounds"

# What a live guest's map does not need is not looked at.
cp ext image
for bitmap in $(dumpe2fs image 2>/dev/null |
    sed -n 's/.*lock bitmap at \([0-9]*\).*/\1/p'); do
    noise "$bitmap" 1024 |
        dd of=image bs=1024 seek="$bitmap" conv=notrunc 2>/dev/null
done
cmp -s ext image && fail "no bitmap was changed"
fsparse-dump image >dump || fail "$(cat dump)"
# The bitmaps are residual, so that not even a byte count differs.
diff ext.map dump >diff.out || fail "bitmaps matter: $(head -5 diff.out)"
pass "bitmaps do not matter to a map"

# Nor read: these bitmaps lie in the last block, half of which is missing, and
# a read of it would be one that failed.
cp ext image
put image $((2 * 1024)) ff1f0000ff1f0000
truncate -s $((8192 * 1024 - 512)) image
fsparse-dump image >dump || fail "$(cat dump)"
grep -q '^partition .* | $' dump || fail "a note: $(grep ^partition dump)"
grep '^file' ext.map >want; grep '^file' dump >got
diff want got >diff.out || fail "bitmaps are read: $(head -5 diff.out)"
pass "bitmaps are not read for a map"
