#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# compare: counts by whole content, over several references, and leaves gaps
# and what is not a file out.
. "${abs_top_srcdir:-..}/test/lib/functions.sh"
requires mke2fs openssl python3 truncate
tmpdir
seed 4

# image NAME FILE=BYTES[/KEY]...: content depends on key (the name) and size.
image() {
    img=$1; shift
    rm -rf tree; mkdir tree
    for f; do
        key=${f#*/}; f=${f%/*}
        [ "$key" != "$f" ] || key=${f%=*}
        noise "$key" "${f#*=}" >"tree/${f%=*}"
    done
    noise gap 8192 >tree/gap
    truncate -s 5000000 tree/gap
    truncate -s 30M "$img"
    mke2fs -q -F -t ext4 -b "$block" -d tree "$img" >log 2>&1 ||
        fail "$(cat log)"
}
# check WANT TARGET REFERENCE...: files, identical and different bytes.
check() {
    want=$1; shift
    got=$(xl-dedup compare --json "$@" | python3 -c '
import json, sys
d = json.load(sys.stdin)
print(d["files"], d["identical_bytes"], d["different_bytes"])') ||
        fail "compare $*"
    [ "$got" = "$want" ] || fail "compare $*: $got instead of $want"
    pass "$*: $got"
}

block=4096
image target a=100000 b=2000000 c=5000 empty=0 twice=100000/a
block=1024      # another layout, other names
image ref1 A=100000/a b=1999999 x=2000000/other empty=0
image ref2 deep=2000000/b
block=4096
image none

# a, twice and gap's 8192 bytes; b; c.
check "6 208192 2005000" target ref1
check "6 2208192 5000" target ref1 ref2
check "6 2213192 0" target target
check "1 8192 0" none ref1
check "6 8192 2205000" target none

xl-dedup compare target ref1 >table || fail "compare"
want='target    | ref1             |        6 |          0.2 |          2.0 |'
[ "$(tail -1 table)" = "$want     9.4" ] || fail "table: $(cat table)"
head -1 table | grep -q '^migrating | held by receiver |    files |' ||
    fail "header: $(head -1 table)"
[ "$(awk '{ print length }' table | sort -u | wc -l)" = 1 ] ||
    fail "columns are not aligned"

xl-dedup compare --help | awk 'length > 80 { exit 1 }' || fail "help too wide"
xl-dedup compare target 2>err; [ $? = 64 ] || fail "no reference: not 64"
xl-dedup compare target nowhere >out 2>err; [ $? = 2 ] || fail "not 2"
[ ! -s out ] || fail "a result in spite of the error"
pass "table and errors"

# An image without a file system that can be parsed, on either side, and a
# parser that does not start; but a file system without files is one.
noise raw 100000 >raw
for pair in "target raw" "raw target" "target ref1 raw"; do
    # shellcheck disable=SC2086
    xl-dedup compare $pair >out 2>err; [ $? = 2 ] || fail "$pair: not 2"
    grep -q 'raw: no file system in it could be parsed' err ||
        fail "$pair: $(cat err)"
    [ ! -s out ] || fail "$pair: a result in spite of the error"
done
XL_DEDUP_PARSER=/nonexistent xl-dedup compare target ref1 >out 2>err
[ $? = 2 ] || fail "no parser: not 2"
truncate -s 5M bare; mke2fs -q -F -t ext4 bare
check "0 0 0" bare target
pass "images without file systems"
