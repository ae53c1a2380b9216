#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# A dry run refuses what the migration would, as far as sysfs and xl tell: an
# image that is not what the kernel serves to the guest, a disk to which
# another domain writes, too.
. "${abs_top_srcdir:=$PWD}/test/lib/functions.sh"
. "$abs_top_srcdir/test/migrate/migration.sh"
. "$abs_top_srcdir/test/track/tracked.sh"

tracked_setup
disk=$tmp/a/disk.img
preload libfakebackends.so
FAKE_BACKENDS=$tmp/backends FAKE_SHARED=
export FAKE_BACKENDS FAKE_SHARED
printf 'another configuration\n' >"$tmp/g1.cfg"

# serves DOMAIN NUMBER DEVICE MODE
serves()
{
    entry=$tmp/backends/vbd-$1-$2
    mkdir -p "$entry"
    stat -c %t:%T "$3" >"$entry/physical_device"
    echo "$4" >"$entry/mode"
}
dry() { migrate --dry-run -C "$tmp/g1.cfg" --dedup-bwlimit=8M; }
accepted()
{
    dry
    [ "$status" = 0 ] || { cat "$tmp/err" >&2; fail "$row: $status"; }
}
wrong()
{
    dry
    [ "$status" = 2 ] || fail "$row: status $status"
    said "disk xvda: .*$1"
}

row="without Xen"
accepted
row="as it was started"
serves 7 51712 "$loop" w
accepted

row=shared
FAKE_SHARED=$disk=other
wrong "domain other has $disk, too, and both may write to it"
FAKE_SHARED=$disk=other=r
accepted
# Domain 3 has xvda, and by another name.
row="shared by another name"
FAKE_SHARED=/a/b=other
accepted
serves 3 51712 "$loop" w
wrong "domain other has $disk, too, and both may write to it"
FAKE_SHARED=/a/b=g1-dm
row="the guest's device model"
accepted
FAKE_SHARED=

row=renamed
cp "$disk" "$tmp/a/kept.img"
mv "$disk" "$tmp/a/guests.img"
mv "$tmp/a/kept.img" "$disk"
wrong "does not have $disk but $tmp/a/guests.img, by $loop; move that back"
# Another disk of the guest, and another guest's, say nothing of this one.
row="others' disks"
mv "$tmp/backends/vbd-7-51712" "$tmp/backends/vbd-7-51728"
accepted
pass "a dry run sees it, too"
