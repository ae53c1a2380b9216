#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# A device that a failed try has begun to overwrite: the next one goes on, also
# after the target's helper was killed; but not if anybody has written to the
# device since, or if that cannot be known.  Then nothing is written before
# "xl-dedup allow", which holds for what is there at that moment.
. "${abs_top_srcdir:=$PWD}/test/lib/functions.sh"
. "$abs_top_srcdir/test/migrate/migration.sh"
. "$abs_top_srcdir/test/faults/faults.sh"
. "$abs_top_srcdir/test/push/dry-run.sh"
requires python3 mke2fs cmp losetup blkdiscard
[ "$(id -u)" = 0 ] || skip "not root"

faults_setup
echo config >g1.cfg
FAKE_WRITE=true
truncate -s 12M "$tmp/target"
device=$(losetup -f --show "$tmp/target" 2>/dev/null) || skip "no loop devices"
cleanup_fn "detach $device"
FAKE_DISKS=xvda=$disk=$device
FAKE_AT_END="cmp $disk $device && touch $tmp/was-final"

# begin ROW FAULT HOW: a try to a blank device that fails
begin()
{
    row=$1 how=${3:-migrate}
    reset
    blkdiscard -f -z "$device"
    FAULT=$2 $how
    [ "$status" != 0 ] || fail "$row: did not fail"
    helpers_gone
    ! cmp -s -n 12000000 "$device" /dev/zero || fail "$row: nothing was written"
}

push()
{
    status=0
    timeout 120 xl-dedup push --free=send "$disk" "hostb:$device" \
        >"$tmp/out" 2>"$tmp/err" </dev/null || status=$?
}

goes_on()
{
    $how
    [ "$status" = 0 ] || complain "did not go on"
    cmp "$disk" "$device" >&2 || complain "differs"
    echo "$row: the next try sent $(sent) of $all kB"
}

# kept TEXT: neither a dry run nor a real one writes
kept()
{
    b2sum "$device" >held
    [ "$how" = push ] || { snapshot >before; migrate --dry-run -C g1.cfg
        [ "$status" = 2 ] || complain "dry run: $status"
        said "$1"
        unchanged; }
    $how
    [ "$status" != 0 ] || complain "overwritten"
    said "$1"
    b2sum "$device" | diff held - || complain "written to"
}

allow() { XL_DEDUP_CONFIG=$tmp/b.conf xl-dedup allow "$device"; }

unknown='nothing proves that nobody has written to it'
for way in migrate push; do
    begin "$way cut" target:FREIGHT:20:cut $way
    goes_on
    [ "$(sent)" -lt $((all * 3 / 4)) ] || fail "$row: sent $(sent) of $all kB"

    begin "$way killed" target:FREIGHT:20:target $way
    goes_on

    begin "$way reset" target:FREIGHT:20:host-b $way
    kept "$unknown"
    said "'xl-dedup allow $device'"
    allow || fail "$row: allow"
    goes_on
done

begin written target:FREIGHT:20:cut
mke2fs -q -F "$device"
kept "$unknown"
# the word is for what is there then
allow || fail "$row: allow"
mke2fs -q -F "$device"
kept "$unknown"
allow || fail "$row: allow"
goes_on

begin killed-and-written target:FREIGHT:20:target
mke2fs -q -F "$device"
kept "$unknown"

begin discarded target:FREIGHT:20:cut
blkdiscard -f -o 1048576 -l 1048576 "$device"
kept "$unknown"

# what was given up at the source is given back
begin shrinks target:FREIGHT:20:cut
goes_on
helpers_gone
full=$(stat -c %b "$tmp/target")
dd if=/dev/zero of="$disk" bs=1M seek=3 count=4 conv=notrunc status=none
migrate
[ "$status" = 0 ] || complain "did not go on"
cmp "$disk" "$device" >&2 || complain "differs"
sync -f "$tmp/target"
now=$(stat -c %b "$tmp/target")
echo "$row: $full blocks, then $now"
[ $((full - now)) -ge $((3 * 2048)) ] || fail "$row: $full blocks, then $now"
pass "device, again"
