#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Block devices, read with O_DIRECT, hold what their files do, and their end
# need not be a multiple of 4096 bytes.
. "${abs_top_srcdir:-..}/test/lib/functions.sh"
requires mke2fs losetup openssl truncate awk cmp
[ "$(id -u)" = 0 ] || skip "not root"
tmpdir
seed 6

mkdir tree
for n in 1 600 4095 70000 3000001; do noise "$n" "$n" >"tree/size $n"; done
truncate -s 20M fs
mke2fs -q -F -t ext4 -b 1024 -d tree fs >log 2>&1 || fail "$(cat log)"
# Misaligned on purpose.
{ head -c 512 /dev/zero; cat fs; noise end 1024; } >image
# sfdisk would leave more room: one partition, Linux, from sector 1 on.
printf '\0\0\0\0\203\0\0\0\1\0\0\0\0\240\0\0' |
    dd of=image bs=1 seek=446 conv=notrunc 2>/dev/null
printf '\125\252' | dd of=image bs=1 seek=510 conv=notrunc 2>/dev/null

dev=$(losetup -r -f --show image 2>/dev/null) || skip "no loop devices"
cleanup_fn "losetup -d $dev"
[ "$(blockdev --getsize64 "$dev")" = 20973056 ] || fail "size of $dev"

xl-dedup scan image >of-file || fail "scan of the file"
xl-dedup scan "$dev" >of-dev || fail "scan of the device"
grep -q ' p1:/size 3000001$' of-file || fail "not parsed: $(cat of-file)"
[ "$(grep -c ' p1:/size ' of-file)" = 5 ] || fail "files"
sed 1d of-file >want; sed 1d of-dev >got
diff want got >lines || fail "$(head -5 lines)"
xl-dedup verify image "$dev" || fail "verify says that they differ"
cp image other
printf '\0\0\0' | dd of=other bs=1 seek=20973053 conv=notrunc 2>/dev/null
xl-dedup verify other "$dev" >out; [ $? = 1 ] || fail "the end is not seen"
grep -q '^  1536 bytes at 20971520:$' out || fail "$(cat out)"
pass "$(wc -l <got) lines alike"
