#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# A source that breaks every rule of docs/protocol.md, one session at a time:
# xl-dedup receive ends each of them, puts nothing in place, does not crash
# and takes no memory that was only announced.
. "${abs_top_srcdir:=$PWD}/test/lib/functions.sh"
requires python3 mke2fs

tmpdir
printf 'state = %s\nreference = %s/b/reference.img\nreference = %s/b/blocks.img
# of what is proven there is a session
reference-access = open\n' \
    "$tmp/state" "$tmp" "$tmp" >"$tmp/conf"
destinations >>"$tmp/conf"
XL_DEDUP_CONFIG=$tmp/conf
# Under sanitizers: an allocation that fails is an answer, a crash is not.
ASAN_OPTIONS=${ASAN_OPTIONS-}:allocator_may_return_null=1:detect_leaks=0:exitcode=99
UBSAN_OPTIONS=halt_on_error=1:exitcode=99
export XL_DEDUP_CONFIG ASAN_OPTIONS UBSAN_OPTIONS
truncate -s 3M "$tmp/device.img"
if HOSTILE_DEVICE=$(losetup -f --show "$tmp/device.img" 2>/dev/null); then
    cleanup_fn "detach $HOSTILE_DEVICE"
    export HOSTILE_DEVICE
else
    echo "no loop devices, so no sessions with one"
    unset HOSTILE_DEVICE
fi
python3 "$abs_top_srcdir/test/lib/hostile-source.py" \
    "$abs_top_builddir/xl-dedup" "$tmp/b/d" || fail "see above"
pass "hostile source"
