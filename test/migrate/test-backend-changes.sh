#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# What the guest has is looked at again right before the suspension and after
# it: a disk that was attached, detached, exchanged, resized or renamed since
# the migration began ends it, with the guest untouched or resumed, and the
# next try, which sees it as it is then, succeeds.
. "${abs_top_srcdir:=$PWD}/test/lib/functions.sh"
. "$abs_top_srcdir/test/migrate/migration.sh"
. "$abs_top_srcdir/test/track/tracked.sh"
requires truncate

tracked_setup
disk=$tmp/a/disk.img
truncate -s 4M "$tmp/a/second.img" "$tmp/a/volume.img"
volume=$(losetup -f --show "$tmp/a/volume.img") || fail "losetup"
cleanup_fn "detach $volume"
FAKE_DISKS="$FAKE_DISKS xvdb=$tmp/a/second.img=$tmp/b/second.img"
FAKE_MEMORY=100000 FAKE_ATTACHED=$tmp/attached
export FAKE_ATTACHED FAKE_ADMIN FAKE_WRITE FAKE_DISKS

cd_is()
{
    echo "vdev=hdc|path=$1|params=aio:$1|backend=qdisk|backend_domid=0|\
device=|mode=r|cdrom=1|pid=0"
}

# fresh: as xenstore has it at the beginning
fresh()
{
    FAKE_ADMIN='' FAKE_WRITE=''
    rm -f "$tmp/attached" "$tmp/was-equal"
    migrate
    [ "$status" = 0 ] || { cat "$tmp/err" >&2; fail "$row: the next try"; }
    [ -e "$tmp/was-equal" ] || fail "$row: the next try: not equal"
    forgotten
    # the process that had it open has ended
    sed -i 's/pid=[0-9]*/pid=0/' "$tmp/attached"
    cd_is /iso/one >>"$tmp/attached"
}

# noticed COMMAND TEXT [UNDO]: while the disks are copied, then while the
# memory is
noticed()
{
    fresh
    FAKE_ADMIN=$1
    migrate
    refused "$2"
    eval "${3:-:}"
    fresh
    FAKE_WRITE=$1
    migrate
    [ "$status" != 0 ] || fail "$row: did not fail"
    said "$2"
    said 'guest resumed'
    [ ! -s "$tmp/b/disk.img" ] || fail "$row: a disk was put in place"
    helpers_gone
    eval "${3:-:}"
}

row=detached
noticed "sed -i /xvdb/d $tmp/attached" \
    'disk xvdb: it was detached from the guest since the migration began'
row=attached
noticed "sed -i '/xvda/{p; s/xvda/xvdc/}' $tmp/attached" \
    'disk xvdc: it was attached to the guest since the migration began'
row="CD exchanged"
noticed "sed -i s,/iso/one,/iso/two,g $tmp/attached" \
    'disk hdc: it was changed .* its path was "/iso/one" and is "/iso/two"'
row="CD ejected"
noticed "sed -i s,path=/iso/one,path=, $tmp/attached" \
    'disk hdc: it was changed .* its path was "/iso/one" and is ""'
row="another device"
noticed "sed -i 's/device=7:[0-9a-f]*/device=fe:7/' $tmp/attached" \
    'disk xvda: it was changed .* its device was "7:.*" and is "fe:7"'
row="read-only"
noticed "sed -i '/xvda/s/mode=w/mode=r/' $tmp/attached" \
    'disk xvda: it was changed .* its mode was "w" and is "r"'

row=grown
noticed "truncate -s 20M $disk; losetup -c $loop" \
    "disk xvda: $disk was resized .* from 16777216 to 20971520 bytes" \
    "truncate -s 16M $disk; losetup -c $loop"
row="grown, not told"
noticed "truncate -s 20M $disk" \
    "disk xvda: $disk was resized .* from 16777216 to 20971520 bytes" \
    "truncate -s 16M $disk"
row=shrunk
noticed "truncate -s 12M $disk; losetup -c $loop" \
    "disk xvda: $disk was resized .* from 16777216 to 12582912 bytes" \
    "truncate -s 16M $disk; losetup -c $loop"
row=renamed
noticed "mv $disk $tmp/a/kept.img; cp $tmp/a/kept.img $disk" \
    "disk xvda: there is something else at $disk now than what the guest has" \
    "mv $tmp/a/kept.img $disk"
row=gone
noticed "mv $disk $tmp/a/kept.img" \
    "disk xvda: $disk, which the guest has, is not at this path any more" \
    "mv $tmp/a/kept.img $disk"
row="qemu's renamed"
noticed "mv $tmp/a/second.img $tmp/a/kept; cp $tmp/a/kept $tmp/a/second.img" \
    "disk xvdb: there is something else at $tmp/a/second.img" \
    "mv $tmp/a/kept $tmp/a/second.img"

# another domain is started on it meanwhile
row=shared
FAKE_SHARED=file:$tmp/shared
export FAKE_SHARED
: >"$tmp/shared"
fresh
FAKE_ADMIN="echo $disk=other >$tmp/shared"
migrate
refused "disk xvda: domain other has $disk, too, and both may write to it"
FAKE_SHARED=

# a volume that is extended
row=volume
truncate -s 4M "$tmp/b/volume.img"
target=$(losetup -f --show "$tmp/b/volume.img") || fail "losetup"
cleanup_fn "detach $target"
FAKE_DISKS="xvda=$volume=$target" FAKE_AT_END=:
rm -f "$tmp/attached"
FAKE_ADMIN='' FAKE_WRITE="truncate -s 5M $tmp/a/volume.img; losetup -c $volume"
migrate
[ "$status" != 0 ] || fail "$row: did not fail"
said "disk xvda: $volume was resized .* from 4194304 to 5242880 bytes"
said 'guest resumed'
pass "nothing changes unnoticed"
