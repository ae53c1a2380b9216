#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The disk that is read is the one that the guest's backend serves.  What lies
# at its path and is not that is refused before anything is sent, in a line
# that names the disk, what the guest really has, and the way out.
. "${abs_top_srcdir:=$PWD}/test/lib/functions.sh"
. "$abs_top_srcdir/test/migrate/migration.sh"
. "$abs_top_srcdir/test/track/tracked.sh"

tracked_setup
disk=$tmp/a/disk.img
FAKE_MEMORY=100000 FAKE_ATTACHED=$tmp/attached
export FAKE_ATTACHED

# serves KIND DEVICE: what xenstore has of the disk
serves()
{
    echo "vdev=xvda|path=${path:-$disk}|params=${path:-$disk}|backend=$1|\
backend_domid=0|device=$2|mode=w|cdrom=0|pid=${pid:-0}" >"$tmp/attached"
}
number() { stat -c %t:%T "$1"; }

# wrong TEXT: refused, nothing was sent
wrong()
{
    migrate
    refused "disk xvda: .*$1"
    [ -z "$(ls -A "$tmp/b")" ] || fail "${row:-}: something was made at b"
}
right()
{
    rm -f "$tmp/was-equal"
    migrate
    [ "$status" = 0 ] || { cat "$tmp/err" >&2; fail "$row: $status"; }
    [ -e "$tmp/was-equal" ] || fail "$row: not equal"
    forgotten
}

row="as it was started"
serves phy "$(number "$loop")"
right

row=renamed
mv "$disk" "$tmp/a/kept.img"
cp "$tmp/a/kept.img" "$disk"
wrong "does not have $disk but $tmp/a/kept.img, by $loop; move that back"
mv "$tmp/a/kept.img" "$disk"
right

row=restored
cp "$disk" "$tmp/a/restored.img"
exec 7<"$disk"
mv "$tmp/a/restored.img" "$disk"
wrong "has no name any more: $disk (deleted), by $loop; .* copy $loop before"
cat <&7 | cmp - "$loop" || fail "$row: the guest's disk is another one"
exec 7<&-
detach "$loop"

row=offset
head -c 512 /dev/zero >>"$disk"
loop=$(losetup -f --show -o 512 "$disk") || fail "losetup -o"
serves phy "$(number "$loop")"
wrong "has only a part of $disk ($loop: offset 512, size limit 0); copy that"
detach "$loop"
loop=$(losetup -f --show --sizelimit 16777216 "$disk") || fail "losetup"
serves phy "$(number "$loop")"
wrong "only a part of $disk ($loop: offset 0, size limit 16777216)"
detach "$loop"

row=grown
truncate -s 16M "$disk"
loop=$(losetup -f --show "$disk") || fail "losetup"
serves phy "$(number "$loop")"
truncate -s 17M "$disk"
wrong "$loop, .*is 16777216 bytes long, but $disk is 17825792; .*losetup -c $loop"
losetup -c "$loop"
right

# A device that is none of the file's.
row="another device"
truncate -s 16M "$tmp/a/other.img"
other=$(losetup -f --show "$tmp/a/other.img") || fail "losetup"
cleanup_fn "detach $other"
serves phy "$(number "$other")"
wrong "does not have $disk but $tmp/a/other.img, by $other"
serves phy 1:0
wrong "does not have $disk but .*; have that at this path again"
losetup -d "$other"
wrong "does not have $disk but .*"
other=$(losetup -f --show "$tmp/a/other.img") || fail "losetup"

# A disk that is a block device itself, as a volume is.
row="block device"
path=$tmp/a/volume
ln -s "$loop" "$path"
FAKE_DISKS="xvda=$path=$tmp/b/disk.img"
serves phy "$(number "$other")"
migrate
refused "disk xvda: the guest does not have what $path is now but $other"
path=

# What nobody can know is not taken for granted.
row=unknown
FAKE_DISKS="xvda=$disk=$tmp/b/disk.img"
serves phy ""
wrong 'xenstore does not tell which device serves it'
: >"$tmp/attached"
wrong 'in the guest.s configuration, but xenstore does not have it'
serves phy "$(number "$loop")"
sed -i 'p; s/xvda/xvdb/' "$tmp/attached"
migrate
refused 'disk xvdb: it is attached to the guest, but not in its configuration'

# QEMU serves it: this shell.
row=qemu
detach "$loop"
pid=$$
serves qdisk ""
wrong "does not have $disk but another file, by QEMU (process $$)"
exec 7<"$disk"
right
cp "$disk" "$tmp/a/restored.img"
mv "$tmp/a/restored.img" "$disk"
wrong "does not have $disk but $disk (deleted), by QEMU (process $$)"
exec 7<&-
pid=
serves qdisk ""
row="qemu, which is not known"
right
pass "the guest's disks only"
