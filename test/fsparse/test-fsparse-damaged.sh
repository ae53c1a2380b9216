#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Truncated and damaged file systems: the parser ends in time, the map covers
# the image once, and the image stays as it was.
. "${abs_top_srcdir:-..}/test/lib/functions.sh"
requires perl mke2fs mkntfs ntfscp truncate openssl b2sum
tmpdir
seed 5

mkdir tree
for n in $(seq 40); do echo "$n" >"tree/$n"; done
noise a 300000 >tree/a; noise b 70000 >tree/b
truncate -s 4M ext2 ext4 ntfs
mke2fs -q -F -t ext2 -b 1024 -d tree ext2
mke2fs -q -F -t ext4 -b 1024 -O inline_data -d tree ext4
mkntfs -F -q -Q ntfs >log 2>&1
for f in a b 1 2; do ntfscp -q -f ntfs "tree/$f" "$f" >log 2>&1; done
XL_DEDUP_PARSER_SECONDS=20; export XL_DEDUP_PARSER_SECONDS

check() {
    before=$(b2sum <image)
    fsparse-dump -q image >dump 2>&1 || fail "$1: $(cat dump)"
    grep -q '^note' dump &&
        fail "$1: $(cat dump)"
    [ "$before" = "$(b2sum <image)" ] || fail "$1: image was written"
}
for fs in ext2 ext4 ntfs; do
    for size in 0 1 511 1024 2048 100000 1000000 2000001 4194303; do
        head -c "$size" "$fs" >image; check "$fs truncated to $size"
    done
    pass "$fs truncated"
    # Bytes that are not zero are mostly metadata: change a few dozen.
    for round in $(seq "${ROUNDS:-40}"); do
        cp "$fs" image
        perl -e 'srand $ARGV[0]; local $/; open F, "+<", "image"; $d = <F>;
            for (1 .. 30) { do { $at = int rand 700000 }
                until substr($d, $at, 1) ne "\0" or rand() < .01;
                substr($d, $at, 1) = chr int rand 256; }
            seek F, 0, 0; print F $d' "$seed$round"
        check "$fs damaged, round $round"
    done
    pass "$fs damaged $round times"
done
