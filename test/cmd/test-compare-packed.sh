#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# compare: a compressed and an uncompressed copy of a file are identical, in
# both directions; without the decompressor they count as they are stored.
. "${abs_top_srcdir:-..}/test/lib/functions.sh"
. "${abs_top_srcdir:-..}/test/fsparse/ntfs.sh"
requires mkntfs mke2fs openssl python3 truncate
tmpdir
seed 8

text() { yes "$seed $1" | head -c "$2"; }
mkdir tree
text a 500000 >tree/text
{ text b 100000; noise b 100000; } >tree/mixed
noise c 50000 >tree/noise
text d 70000 >other
truncate -s 32M packed unpacked ext
mkntfs -F -Q -q -c 4096 packed >log 2>&1 || fail "$(cat log)"
mkntfs -F -Q -q -c 512 unpacked >log 2>&1 || fail "$(cat log)"
mount_ntfs packed
pack m/dir
cp tree/* other m/dir; cp tree/text m/dir/mixed:stream
umount_ntfs
mount_ntfs unpacked
cp tree/* m
umount_ntfs
mke2fs -q -F -t ext4 -d tree ext >log 2>&1 || fail "$(cat log)"

# check WANT TARGET REFERENCE: files, identical and different bytes.
check() {
    got=$(xl-dedup compare --json "$2" "$3" 2>err | python3 -c '
import json, sys
d = json.load(sys.stdin)
print(d["files"], d["identical_bytes"], d["different_bytes"])') ||
        fail "compare $2 $3: $(cat err)"
    case $got in
    $1) pass "$2 $3: $got";;
    *) fail "compare $2 $3: $got instead of $1: $(cat err)";;
    esac
}
check "5 1250000 70000" packed unpacked
check "3 750000 0" unpacked packed
check "3 750000 0" ext packed
check "5 1320000 0" packed packed

# A parser that maps and does not decompress.
printf '#!/bin/sh\n[ $# = 0 ] || exit 3\nexec %s\n' "$XL_DEDUP_PARSER" >parser
chmod +x parser
XL_DEDUP_PARSER=$tmp/parser; export XL_DEDUP_PARSER
check "3 0 750000" unpacked packed
grep -q 'packed: reading compressed files failed (parser ended early, st' \
    err || fail "no word of it: $(cat err)"
check "5 * 0" packed packed
