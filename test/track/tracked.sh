# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# What the tests of traced disks share; to be sourced after functions.sh and
# migration.sh.  A file behind a loop device that is written past the cache
# stands for a guest's disk behind blkback.
#   tracked_setup           $tmp/a/disk.img, 16 MiB, and its $loop
#   writing PATH [PAUSE]    the guest begins to write, and does not stop before
#                           its suspension
#   moved                   migrates; the disks must have been equal when the
#                           memory ended, to somebody else's eyes
#   not_said TEXT           the reverse of said

requires losetup python3 cmp dd
[ "$(id -u)" = 0 ] || skip "not root"

tracked_setup()
{
    migration_setup
    head -c 10000000 /dev/urandom >"$tmp/a/disk.img"
    truncate -s 16M "$tmp/a/disk.img"
    loop=$(losetup -f --show "$tmp/a/disk.img" 2>/dev/null) ||
        skip "no loop devices"
    cleanup_fn "detach $loop"
    FAKE_DISKS=xvda=$tmp/a/disk.img=$tmp/b/disk.img
    FAKE_AT_END="cmp $tmp/a/disk.img $tmp/b/disk.img && touch $tmp/was-equal"
    FAKE_MEMORY=3000000
    export FAKE_DISKS FAKE_AT_END FAKE_MEMORY
}

can_trace()
{
    tracker-tool "$tmp/a/disk.img" </dev/null >"$tmp/can" 2>&1 ||
        skip "$(cat "$tmp/can")"
}

writing()
{
    rm -f "$tmp/stopped" "$tmp/writer"
    sh -c 'tracker-writer "$1" "$2" 32768 2 "$3" & echo $! >"$4/writer"
        wait $!; echo $? >"$4/stopped"' sh "$1" "$seed" "${2:-0}" "$tmp" \
        >"$tmp/writes" 2>&1 &
    cleanup_fn 'kill $(cat "$tmp/writer") 2>/dev/null'
    until [ -s "$tmp/writer" ]; do sleep 0.1; done
    FAKE_WRITE="kill $(cat "$tmp/writer")
        until [ -s $tmp/stopped ]; do sleep 0.01; done"
    export FAKE_WRITE
}

moved()
{
    rm -f "$tmp/was-equal"
    migrate
    echo "$name: $(cat "$tmp/writes" 2>/dev/null)"
    sed 's/^/    /' "$tmp/err"
    [ "$status" = 0 ] || fail "exit status $status"
    [ -e "$tmp/was-equal" ] || fail "not equal when the memory ended"
    [ ! -e "$tmp/stopped" ] || [ "$(cat "$tmp/stopped")" = 0 ] ||
        fail "the writer: $(cat "$tmp/writes")"
}

not_said()
{
    ! grep -q -e "$1" "$tmp/err" "$tmp/out" || fail "was said: $1"
}
