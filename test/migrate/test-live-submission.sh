#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# A guest's disk whose writes are traced by submission.  A light load that
# never pauses leaves little to be sent after the suspension; a device that is
# never seen at rest is compared once more, which is said while the guest runs
# and in the report.
. "${abs_top_srcdir:=$PWD}/test/lib/functions.sh"
. "$abs_top_srcdir/test/migrate/migration.sh"
. "$abs_top_srcdir/test/track/tracked.sh"
. "$abs_top_srcdir/test/track/zram.sh"

requires openssl
seed 32
migration_setup
zram_on 48M
source=$zram
zram_on 48M
target=$zram
noise content 30000000 >"$source"
blockdev --flushbufs "$source"
tracker-tool "$source" </dev/null >"$tmp/can" 2>&1 || skip "$(cat "$tmp/can")"
grep -q 'by submission' "$tmp/can" || fail "$(cat "$tmp/can")"
FAKE_DISKS=xvda=$source=$target
FAKE_AT_END="cmp $source $target && touch $tmp/was-equal"
FAKE_MEMORY=3000000
export FAKE_DISKS FAKE_AT_END FAKE_MEMORY

# guest MAX THREADS PAUSE [DISCARDS]: runs tracker-writer until the suspension
guest()
{
    rm -f "$tmp/stopped" "$tmp/writer"
    sh -c '"$@" & echo $! >"$0/writer"; wait $!; echo $? >"$0/stopped"' \
        "$tmp" tracker-writer "$source" "$seed" "$@" >"$tmp/writes" 2>&1 &
    cleanup_fn 'kill $(cat "$tmp/writer") 2>/dev/null'
    until [ -s "$tmp/writer" ]; do sleep 0.1; done
    FAKE_WRITE="sleep 2; kill $(cat "$tmp/writer")
        until [ -s $tmp/stopped ]; do sleep 0.01; done"
    export FAKE_WRITE
}

# last_mb: what the report says was sent after the suspension, tenths of a MB
last_mb()
{
    sed -n 's/^xvda: .* of it \([0-9]*\)\.\([0-9]\) MB after.*/\1\2/p' \
        "$tmp/err" "$tmp/out"
}

guest 4096 1 10000
moved
said 'its writes are traced (by submission)'
said '^xvda: writes traced by submission; sent again'
not_said 'has not been seen at rest'
[ "$(last_mb)" -le 20 ] || fail "$(last_mb) tenths of a MB, after 2 s of 0.4 MB/s"

# A discard every few microseconds, of which zram's accounts do not tell: no
# moment is known to be quiet.
guest 4096 2 0 3
moved
said 'xvda: its device has not been seen at rest'
said '^xvda: writes traced by submission, but all of it compared once more'
pass "$(last_mb) tenths of a MB after the suspension of one never at rest"
