#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# xl-dedup index: what is unchanged is not read again, what changed is, what is
# gone or not allowed is dropped; a damaged index is noticed and begun anew.
. "${abs_top_srcdir:=$PWD}/test/lib/functions.sh"
requires mke2fs strace python3

tmpdir
seed 21
mkdir tree img
noise one 3000000 >tree/one-1.2
noise two 200000 >tree/two
mke2fs -q -t ext4 -d tree img/a.img 24M 2>/dev/null
noise raw 5000000 >img/b.img
printf 'state = %s/state\nreference = %s/img/*.img\n' "$tmp" "$tmp" >conf
XL_DEDUP_CONFIG=$tmp/conf
export XL_DEDUP_CONFIG

# LeakSanitizer cannot look at a process that strace looks at.
ASAN_OPTIONS=${ASAN_OPTIONS-}:detect_leaks=0
export ASAN_OPTIONS

index() { xl-dedup index "$@" >out 2>err || { cat out err; return 1; } >&2; }
listed()
{
    index --list --json || fail "list"
    python3 -c 'import json, sys
for i in json.load(open("out"))["images"]:
    print(i["path"].split("/")[-1], i["kind"], i["state"], i["size"])' >list
    cat list
}
check() { status=0; xl-dedup index --check "$@" >out 2>err || status=$?; }

xl-dedup index --list >out 2>err && fail "listed what is not there"
index --quiet || fail "index"
[ "$(listed)" = "a.img file current 25165824
b.img file current 5000000" ] || fail "list: $(cat list)"
check --sample=1000
[ "$status" = 0 ] || fail "check: $(cat out err)"
grep -q '^[1-9][0-9]* objects read, 0 differ' out || fail "nothing was read"

# unchanged: not even opened, and nothing is parsed
strace -f -qq -o trace -e trace=open,openat,execve xl-dedup index -q ||
    fail "second run"
grep -E '\.img"' trace | grep -v ENOENT && fail "an unchanged image was opened"
grep -q xl-dedup-parse trace && fail "an unchanged image was parsed"
strace -f -qq -o trace -e trace=open,openat xl-dedup index -q --again ||
    fail "again"
grep -Fq '/a.img"' trace || fail "the trace shows nothing"

# changed: that one is read, the other is not; also if its time was set back
touch -r img/b.img before
printf x | dd of=img/b.img bs=1 seek=4000000 conv=notrunc status=none
touch -r before img/b.img
listed | grep -q 'b.img file changed' || fail "a change was not noticed"
check --sample=100
[ "$status" = 1 ] || fail "check of a changed image: $status"
grep -q 'b.img: [1-9][0-9]* of [0-9]* objects are not what they were' out ||
    fail "a changed object was not noticed"
strace -f -qq -o trace -e trace=open,openat xl-dedup index -q || fail "third"
grep -Fq '/b.img"' trace || fail "a changed image was not read"
grep -F '/a.img"' trace && fail "an unchanged image was read"
check --sample=100
[ "$status" = 0 ] || fail "check after a change: $(cat out err)"

# dropped by name, then by being gone
index --drop img/a.img || fail "drop"
[ "$(listed)" = "b.img file current 5000000" ] || fail "drop: $(cat list)"
index --drop img/a.img 2>/dev/null && fail "dropped twice"
index -q || fail "fourth"
rm img/b.img
index -q || fail "fifth"
[ "$(listed)" = "a.img file current 25165824" ] || fail "gone: $(cat list)"
check
[ "$status" = 0 ] || fail "check after drops: $(cat out err)"

# one that cannot be read costs an error, not the others
mkdir img/dir.img
index -q img/dir.img 2>/dev/null && fail "indexed a directory"
index -q || fail "a directory among the images"

# damaged
size=$(stat -c %s state/index/data.mdb)
[ "$size" -gt 20000 ] || fail "index of $size bytes"
noise junk "$((size - 8192))" |
    dd of=state/index/data.mdb bs=4096 seek=2 conv=notrunc status=none
check
[ "$status" = 2 ] || fail "damage was not noticed"
grep -q 'damaged' err || fail "not called damaged: $(cat err)"
index -q || fail "index after damage"
grep -q 'begun anew' err || fail "not said: $(cat err)"
[ "$(listed)" = "a.img file current 25165824" ] || fail "anew: $(cat list)"

# two at a time
touch img/a.img
xl-dedup index -q & one=$!
xl-dedup index -q --again & two=$!
wait "$one" || fail "one of two"
wait "$two" || fail "the other of two"
check --sample=100
[ "$status" = 0 ] || fail "check after two: $(cat out err)"
pass "index"
