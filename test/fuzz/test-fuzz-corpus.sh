#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Every fuzz target takes what lies in its folder of corpus/: seeds, and what
# once failed.  That a failure is seen is tried first.
. "${abs_top_srcdir:=$PWD}/test/lib/functions.sh"
corpus=$abs_top_srcdir/test/fuzz/corpus
targets=$abs_top_builddir/test/fuzz

# A session of the source that failed leaves what its threads may still use: the
# process ends then.
ASAN_OPTIONS=detect_leaks=0
export ASAN_OPTIONS

tmpdir
"$targets/fuzz-regions" ./none >out 2>&1 && fail "a file that is not there"
"$targets/fuzz-regions" >out 2>&1 || fail "nothing to do: $(cat out)"
grep -qx '0 inputs' out || fail "said: $(cat out)"

for folder in "$corpus"/*/; do
    target=$(basename "$folder")
    set -- "$folder"*
    [ -f "$1" ] || fail "$target has no seeds"
    timeout 120 "$targets/fuzz-$target" "$@" >out 2>err ||
        fail "fuzz-$target: exit status $?: $(tail -5 err)"
    grep -qx "$# inputs" out || fail "fuzz-$target: $(cat out), not $#"
done
# Nor is a target without seeds.
for target in "$abs_top_srcdir"/test/fuzz/fuzz-*.c; do
    target=$(basename "$target" .c)
    [ -d "$corpus/${target#fuzz-}" ] || fail "$target has no corpus"
done
pass "the corpora of all fuzz targets"
