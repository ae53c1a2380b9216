#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Images in which the fields that a parser follows are wrong: the map, scan and
# push each come to their end in time, no parser dies of them, and what push
# sends arrives.  ROUNDS of the environment says how many images; BROKEN names
# a directory for those that fail.
. "${abs_top_srcdir:=$PWD}/test/lib/functions.sh"
. "$abs_top_srcdir/test/migrate/migration.sh"
requires mke2fs mkntfs ntfscp cmp python3 openssl sfdisk
migration_setup
cd "$tmp" || exit 1
seed "$(date +%s)"

mkdir -p tree/d/e tree/many
noise a 300000 >tree/a
noise b 70000 >tree/d/b
truncate -s 3M tree/d/sparse
noise end 999 >>tree/d/sparse
for n in $(seq 60); do echo "$n" >"tree/many/a name of some length $n"; done
ln -s "$(yes long | head -n 30 | tr -d '\n')" tree/link
ln tree/a tree/d/linked

# base NAME MKE2FS-ARGUMENT...
base()
{
    truncate -s 6M "$1"
    base=$1
    shift
    mke2fs -q -F -d tree "$@" "$base" >log 2>&1 || fail "$base: $(cat log)"
}
base ext.2 -t ext2 -b 1024 -I 128
base ext.3 -t ext3 -b 1024 -g 2048
base ext.4 -t ext4 -b 1024 -g 2048
base ext.unsummed -t ext4 -b 1024 -O ^metadata_csum,^uninit_bg
base ext.inline -t ext4 -b 1024 -O inline_data,^metadata_csum -I 256
base ext.meta -t ext4 -b 1024 -g 1024 -O meta_bg,^resize_inode
base ext.clusters -t ext4 -b 1024 -O bigalloc -C 4096
base ext.large -t ext4 -b 4096 -O ^metadata_csum
for cluster in 512 4096; do
    truncate -s 6M "ntfs.$cluster"
    mkntfs -F -Q -q -c "$cluster" "ntfs.$cluster" >log 2>&1 ||
        fail "mkntfs: $(cat log)"
    for n in 1 2 3 7 19; do
        ntfscp -q -f "ntfs.$cluster" "tree/many/a name of some length $n" \
            "a name of some length $n" >log 2>&1 || fail "$(cat log)"
    done
    ntfscp -q -f "ntfs.$cluster" tree/a a >log 2>&1 || fail "$(cat log)"
done
for kind in dos gpt; do
    truncate -s 14M "table.$kind"
    printf 'label: %s\nstart=2048, size=12288\nstart=14336, size=12288\n' \
        "$kind" | sfdisk -q "table.$kind" >log 2>&1 ||
        fail "sfdisk: $(cat log)"
    dd if=ext.4 of="table.$kind" bs=1M seek=1 conv=notrunc 2>log
    dd if=ntfs.4096 of="table.$kind" bs=1M seek=7 conv=notrunc 2>log
done

bad()
{
    cat made out >&2
    [ -z "${BROKEN:-}" ] || cp disk "$BROKEN/disk.$seed-$image"
    fail "image $image of SEED=$seed: $*"
}

# in_time SECONDS COMMAND...
in_time()
{
    seconds=$1
    shift
    timeout "$seconds" "$@" >out 2>&1 || bad "$*: status $?"
}

XL_DEDUP_PARSER_SECONDS=30
export XL_DEDUP_PARSER_SECONDS
image=0
while [ "$image" -lt "${ROUNDS:-16}" ]; do
    image=$((image + 1))
    python3 "$abs_top_srcdir/test/fsparse/broken-images.py" "$seed-$image" >made ||
        fail "image $image of SEED=$seed cannot be made"
    cp disk before
    in_time 60 fsparse-dump -f disk
    grep '^note' out && bad "the parser failed"
    in_time 60 xl-dedup scan disk
    rm -f copy
    in_time 90 xl-dedup push --free=send disk "$tmp/copy"
    cmp -s disk copy || bad "what arrived is not what was sent"
    cmp -s disk before || bad "the image was written to"
done
pass "$image broken images"
