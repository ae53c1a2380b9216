#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# A target that breaks every rule of docs/protocol.md, one session at a time:
# xl-dedup push fails with a message each time, does not crash, and its image
# stays as it is.
. "${abs_top_srcdir:=$PWD}/test/lib/functions.sh"
requires python3

tmpdir
printf 'state = %s\n' "$tmp/state" >"$tmp/conf"
XL_DEDUP_CONFIG=$tmp/conf
# Under sanitizers: an allocation that fails is an answer, a crash is not.
ASAN_OPTIONS=${ASAN_OPTIONS-}:allocator_may_return_null=1:detect_leaks=0:exitcode=99
UBSAN_OPTIONS=halt_on_error=1:exitcode=99
export XL_DEDUP_CONFIG ASAN_OPTIONS UBSAN_OPTIONS
python3 "$abs_top_srcdir/test/lib/hostile-target.py" \
    "$abs_top_builddir/xl-dedup" "$tmp/a" || fail "see above"
pass "hostile target"
