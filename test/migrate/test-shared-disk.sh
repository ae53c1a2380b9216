#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# A disk that another domain of this host writes to as well is not taken away
# from it: refused, by whatever name it has the disk.  One of the two may read.
. "${abs_top_srcdir:=$PWD}/test/lib/functions.sh"
. "$abs_top_srcdir/test/migrate/migration.sh"
. "$abs_top_srcdir/test/track/tracked.sh"

tracked_setup
disk=$tmp/a/disk.img
FAKE_MEMORY=100000
export FAKE_SHARED FAKE_READONLY
number() { stat -c %t:%T "$1"; }
FAKE_READONLY=

shared()
{
    FAKE_SHARED=$1
    migrate
    refused "disk xvda: domain other has $disk, too, .*; detach it from that"
}
not_shared()
{
    FAKE_SHARED=$1
    rm -f "$tmp/was-equal"
    migrate
    [ "$status" = 0 ] || { cat "$tmp/err" >&2; fail "$row: $status"; }
    [ -e "$tmp/was-equal" ] || fail "$row: not equal"
}

row="its path"
shared "$disk=other"
row="the same device"
shared "/a/b=other=w=$(number "$loop")"
row="another loop device"
again=$(losetup -f --show "$disk") || fail "losetup"
cleanup_fn "detach $again"
# xenstore has had the first one since the guest was started
FAKE_ATTACHED=$tmp/attached
export FAKE_ATTACHED
echo "vdev=xvda|path=$disk|params=$disk|backend=phy|backend_domid=0|\
device=$(number "$loop")|mode=w|cdrom=0|pid=0" >"$tmp/attached"
shared "/a/b=other=w=$(number "$again")"
row="a loop device by its path"
shared "$again=other"
losetup -d "$again"
row="a hard link"
ln "$disk" "$tmp/a/link.img"
shared "$tmp/a/link.img=other"
row="a symbolic link"
ln -s disk.img "$tmp/a/symbolic.img"
shared "$tmp/a/symbolic.img=other"

row="the other one reads"
not_shared "$disk=other=r"
row="another disk"
cp "$disk" "$tmp/a/other.img"
not_shared "$tmp/a/other.img=other"
row="what it has had under this name"
other=$(losetup -f --show "$tmp/a/other.img") || fail "losetup"
cleanup_fn "detach $other"
not_shared "$disk=other=w=$(number "$other")"
row="the guest reads"
sed -i s/mode=w/mode=r/ "$tmp/attached"
FAKE_READONLY=xvda
not_shared "$disk=other"
row="not known"
not_shared unknown
said 'whether another domain of this host has one of the disks, too, is not'
pass "shared disks"
