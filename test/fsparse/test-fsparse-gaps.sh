#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Files with more zeros than an image has bytes: those with small gaps are
# found, and the one with a huge hole is what is left out, whatever the order.
. "${abs_top_srcdir:-..}/test/lib/functions.sh"
requires mke2fs b2sum openssl truncate
tmpdir
seed 9

mkdir tree
truncate -s 32M tree/a tree/z
for n in $(seq 200); do
    noise "$n" 4096 >"tree/m$n"
    truncate -s 12288 "tree/m$n"
done
truncate -s 32M image
mke2fs -q -F -t ext4 -O ^inline_data -d tree image >log 2>&1 ||
    fail "$(cat log)"
fsparse-dump image >dump || fail "$(grep BROKEN dump | head -3)"
(cd tree && b2sum -l 256 m*) | sed 's,  , /,' | sort >want
grep '^file ' dump | cut -d' ' -f6- | grep '/m' | sort >got
diff want got >difference || fail "$(head -5 difference)"
grep -q ' /[az]$' dump && fail "more zeros than the image is long"
grep -q '2 files of too many zeros left out$' dump || fail "no note"
pass "small gaps first"

# One that fits is there as well.
rm tree/z
truncate -s 20M tree/a
mke2fs -q -F -t ext4 -O ^inline_data -d tree image >log 2>&1 ||
    fail "$(cat log)"
fsparse-dump image >dump || fail "$(grep BROKEN dump | head -3)"
[ "$(grep -c '^file .* /[am]' dump)" = 201 ] || fail "not all files"
grep -q 'left out' dump && fail "left out in vain"
pass "all fit"
