#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The target hangs while the guest stands still, and its line is alive: the
# guest is resumed after --dedup-timeout, with one line that says what was
# waited for.  When the target awakes, it puts nothing in place and starts
# nothing; the next try succeeds (docs/faults.md).
. "${abs_top_srcdir:=$PWD}/test/lib/functions.sh"
. "$abs_top_srcdir/test/migrate/migration.sh"
requires python3 cmp pgrep
preload=$abs_top_builddir/.libs/libfailio.so
[ -e "$preload" ] || skip "no libfailio.so"

migration_setup
seed 34
# As a remote command does, it goes on when the connection has ended.
cat >"$tmp/bin/ssh" <<END
#!/bin/sh
XL_DEDUP_CONFIG=$tmp/b.conf
export XL_DEDUP_CONFIG
shift
exec 3<&0
env \${FAULT_IO:+LD_PRELOAD=$preload} "\$@" <&3 3<&- &
echo \$! >$tmp/helper
exec 3<&-
wait \$!
END
disk=$tmp/a/disk.img
noise disk 8000000 >"$disk"
cp "$disk" "$tmp/earlier"
FAKE_DISKS="xvda=$disk=$tmp/b/disk.img"
FAKE_STATE=$tmp/guest
FAKE_MEMORY=3000000
# what the guest writes last
write="dd if=/dev/urandom of=$disk bs=4k seek=50 count=2 conv=notrunc status=none"
FAULT_IO_AFTER=$tmp/armed FAULT_UNTIL=$tmp/awake FAULT_LOG=$tmp/faults
export FAKE_DISKS FAKE_STATE FAKE_MEMORY FAKE_WRITE FAULT_IO FAULT_IO_AFTER
export FAULT_UNTIL FAULT_LOG
mkdir "$tmp/guest"

# hangs ROW: everything but what was said
hangs()
{
    row=$1
    rm -f "$tmp/armed" "$tmp/awake" "$tmp/faults" "$tmp/guest/b"
    migrate --dedup-timeout=20
    sed 's/^/    /' "$tmp/err"
    [ "$status" = 1 ] || fail "$row: exit status $status"
    said 'guest resumed'
    grep -qx running "$tmp/guest/a" || fail "$row: the guest stands still"
    said 'xl-dedup: error: hostb: .* for 20 seconds; does its'
    said 'what has arrived at hostb is kept there for the next try'
    [ "$(grep -c 'xl-dedup: error' "$tmp/err")" = 1 ] ||
        fail "$row: more than one line"
    # The guest goes on, before the target awakes.
    sh -c "$write"
    touch "$tmp/awake"
    helpers_gone
    ! grep -qx 'paused\|running' "$tmp/guest/b" || fail "$row: two guests"
}

# succeeds: the next try does
succeeds()
{
    FAULT_IO='' FAKE_WRITE=$write
    migrate
    [ "$status" = 0 ] || { cat "$tmp/err" >&2; fail "$row: the next try"; }
    helpers_gone
    cmp "$disk" "$tmp/b/disk.img" || fail "$row: not equal"
    FAKE_STATE=$tmp/guest
}

# Nothing is at the path yet.
FAULT_IO=fsync:1:HANG FAKE_WRITE="$write; touch $tmp/armed"
hangs place
said 'hostb: was to make disk xvda durable and has got no further'
grep -q fsync "$tmp/faults" || fail "vacuous: nothing hung"
[ ! -e "$tmp/b/disk.img" ] || fail "place: was put in place"
[ -s "$tmp/b/.disk.img.xl-dedup" ] || fail "place: nothing was kept"
succeeds

# Put in place, but who knows whether durably: the copy is complete, and that is
# all.
rm "$tmp/b/disk.img"
FAULT_IO=dirsync:1:HANG FAKE_WRITE="$write; touch $tmp/armed"
FAULT_DIRECTORY=$tmp/b
write_more=$write
write=:
export FAULT_DIRECTORY
hangs directory
write=$write_more
said 'hostb: was to make disk xvda durable and has got no further'
grep -q dirsync "$tmp/faults" || fail "vacuous: nothing hung"
cmp "$disk" "$tmp/b/disk.img" || fail "directory: what is in place differs"
succeeds

# An earlier copy is there: it stays.
cp "$tmp/b/disk.img" "$tmp/earlier"
touch -r "$tmp/b/disk.img" "$tmp/earlier"
FAULT_IO=fdatasync:1:HANG FAKE_WRITE="$write; touch $tmp/armed"
hangs verify
said 'hostb: was to verify disk xvda and has got no further'
cmp "$tmp/earlier" "$tmp/b/disk.img" || fail "verify: the earlier copy went"
succeeds

# Its xl takes no memory any more.
FAKE_MEMORY=60000000 FAULT_IO=''
FAKE_WRITE="$write
pgrep -P \$(cat $tmp/helper) -f migrate-receive >$tmp/xl
xargs kill -STOP <$tmp/xl"
(
    rm -f "$tmp/awake"
    until [ -e "$tmp/awake" ]; do sleep 0.1; done
    xargs kill -CONT <"$tmp/xl"
) &
hangs memory
said "hostb: has taken nothing of the guest's memory"
cmp "$tmp/b/disk.img" "$disk" >/dev/null && fail "vacuous: the guest did nothing"
succeeds
pass "resumed each time"
