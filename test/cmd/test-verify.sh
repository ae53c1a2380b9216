#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# verify: bytes decide.  What it counts is what cmp counts, and the file it
# names is the one debugfs finds there.
. "${abs_top_srcdir:-..}/test/lib/functions.sh"
requires mke2fs debugfs cmp openssl python3 truncate dd
tmpdir
seed 5

mkdir tree
noise file 300000 >tree/file
truncate -s 20M a
mke2fs -q -F -t ext4 -b 4096 -d tree a >log 2>&1 || fail "$(cat log)"

flip() { # image offset: inverts a byte
    v=$(od -An -tu1 -j "$2" -N 1 "$1")
    # shellcheck disable=SC2059
    printf "$(printf '\\%03o' $((255 - v)))" |
        dd of="$1" bs=1 seek="$2" conv=notrunc 2>/dev/null
}
# check WHAT: verify, with 1 and 3 threads, against cmp.
check() {
    cmp -s a b; same=$?
    bytes=$(cmp -l a b 2>/dev/null | wc -l)
    blocks=$(cmp -l a b 2>/dev/null |
        awk '{ print int(($1 - 1) / 4096) }' | sort -un | wc -l)
    for j in 1 3; do
        xl-dedup verify -j "$j" a b >out 2>err
        [ $? = "$same" ] || fail "$1: not $same: $(cat out err)"
        [ "$same" = 0 ] || grep -q "^$blocks of [0-9]* blocks of 4096 bytes \
differ, by $bytes bytes\$" out || fail "$1: not $blocks, $bytes: $(cat out)"
        xl-dedup verify -j "$j" --json a b >json 2>err
        [ $? = "$same" ] || fail "$1: --json: not $same"
        python3 -m json.tool json >/dev/null || fail "$1: not JSON"
    done
    pass "$1: $blocks blocks, $bytes bytes"
}

cp --sparse=never a b; check "the same, without holes"
cp --sparse=always a b; check "the same, with more holes"
block=$(debugfs -R 'bmap /file 3' a 2>/dev/null)
flip b $((block * 4096 + 17)); check "a byte of a file"
grep -q "^  4096 bytes at $((block * 4096)):\$" out || fail "$(cat out)"
grep -q '^    p[0-9]*:/file, from its byte 12288$' out || fail "$(cat out)"
cp a b; flip b 1124; check "a byte of the superblock"
grep -q '^    no file' out || fail "place: $(cat out)"
cp a b; flip b $((20 * 1048576 - 1)); check "the last byte"
flip b $((1048576 - 1)); flip b 1048576; check "across a segment's end"
grep -q '^  8192 bytes at 1044480:$' out || fail "not merged: $(cat out)"

cp a b; printf x >>b; check "longer by a byte"
grep -q '^  in size: 20971520 and 20971521 bytes$' out || fail "$(cat out)"
cp a b; truncate -s -512 b; check "shorter by 512 bytes"
cp a b; truncate -s 30M b; check "longer by a hole"

cp a b
for i in $(seq 0 2 99); do flip b $((i * 8192 + 4000000)); done
check "fifty ranges"
[ "$(grep -c ' bytes at ' out)" = 20 ] || fail "not 20 ranges"
grep -q 'in more places' out || fail "does not say that there are more"

# More ranges than the list has room for: the first must stay the first.
python3 - "$seed" <<'EOP'
import random, sys
a = bytearray(random.Random(int(sys.argv[1])).randbytes(48 << 20))
open('a', 'wb').write(a)
for i in range(1 << 20, len(a), 8192):
    a[i] ^= 1
open('b', 'wb').write(a)
EOP
flip b 10; flip b 5000; flip b 1048575; check "many ranges"
sed -n 's/^  \(.* bytes at .*\):$/\1/p' out | head -2 >got
printf '8192 bytes at 0\n8192 bytes at 1044480\n' | cmp - got ||
    fail "first ranges: $(cat got)"

xl-dedup verify --help | awk 'length > 80 { exit 1 }' || fail "help too wide"
xl-dedup verify a 2>err; [ $? = 64 ] || fail "one image: not 64"
xl-dedup verify a nowhere 2>err; [ $? = 2 ] || fail "nowhere: not 2"
xl-dedup verify a /dev/null 2>err; [ $? = 2 ] || fail "/dev/null: not 2"
pass "errors"
