#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Before it unpacks anything, "xl-dedup receive" has given up its rights, in all
# of its threads; another process keeps them, and cleans up if it is killed.
. "${abs_top_srcdir:=$PWD}/test/lib/functions.sh"
requires python3 b3sum openssl
[ "$(id -u)" = 0 ] || skip "not root"
xl-dedup sandbox-check >/dev/null 2>&1 || skip "no sandbox, see sandbox-check"
seed 19

tmpdir
printf 'state = %s\n' "$tmp/state" >"$tmp/conf"
destinations >>"$tmp/conf"
XL_DEDUP_CONFIG=$tmp/conf; export XL_DEDUP_CONFIG
noise disk 3000000 >disk.img
truncate -s 4M disk.img

# play STAGE: see confined.py
play() {
    mkdir "$tmp/$1"
    PYTHONPATH=$abs_top_srcdir/test/lib timeout 60 python3 -B \
        "$abs_top_srcdir/test/push/confined.py" \
        "$abs_top_builddir/xl-dedup" "$tmp/$1/disk.img" "$1" "$tmp/disk.img" \
        >"$tmp/$1.out" 2>"$tmp/$1.err" ||
        fail "$1: $(tail -n 5 "$tmp/$1.out" "$tmp/$1.err")"
}

play whole
cmp disk.img whole/disk.img || fail "the disk is another one"
[ "$(stat -c %u:%g:%a whole/disk.img)" = 0:0:600 ] ||
    fail "the disk has another owner: $(ls -l whole)"
[ "$(ls -A whole)" = disk.img ] || fail "more than the disk: $(ls -A whole)"
xl-dedup status --json | grep -q "$tmp/whole/disk.img" || fail "no record"

play packed
grep -q 'packed before it had an answer' packed.err || fail "$(cat packed.err)"
[ -z "$(ls -A packed)" ] || fail "something was made: $(ls -A packed)"

# The monitor outlives the engine, and leaves what the next try goes on with.
play killed
[ "$(ls -A killed)" = .disk.img.xl-dedup ] || fail "left: $(ls -A killed)"

play alone
grep -q 'may put disks in place has ended' alone.out || fail "$(cat alone.out)"
[ ! -e alone/disk.img ] || fail "put in place by whom?"
pass "confined"
