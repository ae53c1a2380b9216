#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Every type of frame in every state of a session, whole and damaged, to both
# ends: each session ends with exit status 2 and a line, never by a signal, and
# never hangs.  Some are drawn; SESSIONS=all plays them all.
. "${abs_top_srcdir:=$PWD}/test/lib/functions.sh"
requires python3 mke2fs b3sum

tmpdir
seed 4
SEED=$seed; export SEED
printf 'state = %s\nreference = %s/b/reference.img\nreference = %s/b/blocks.img\n' \
    "$tmp/state" "$tmp" "$tmp" >"$tmp/conf"
destinations >>"$tmp/conf"
XL_DEDUP_CONFIG=$tmp/conf
# Under sanitizers: an allocation that fails is an answer, a crash is not.
ASAN_OPTIONS=allocator_may_return_null=1:detect_leaks=0:exitcode=99
UBSAN_OPTIONS=halt_on_error=1:exitcode=99
export XL_DEDUP_CONFIG ASAN_OPTIONS UBSAN_OPTIONS
for role in target source; do
    mkdir -p "$tmp/b"
    python3 "$abs_top_srcdir/test/lib/every-frame.py" $role \
        "$abs_top_builddir/xl-dedup" "$tmp/b/$role" >"$tmp/log" 2>&1 ||
        { cat "$tmp/log"; fail "$role: see above"; }
    tail -n 1 "$tmp/log"
    rm -rf "$tmp/b"
done
pass "every frame, at any time"
