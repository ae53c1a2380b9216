# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A migration that leaves the guest paused (-p): both images are then the
# same, byte by byte.  Usually the return trip of the case ext4: of the disk
# only what changed since goes over the link.  Ends with a clean halt.
set -u
. "${bed_src:?}/lib.sh"
. "$bed_src/bed.sh"

want_guest g1 a || exit 1
from=$(where_is g1)
to=$(other "$from")
copy=$(on "$to" 'stat -c %s /bed/disks/g1.img 2>/dev/null')
before=$(ask g1 "$from" reset)
assert "xl migrate --dedup -p" migrate g1 "$from" "$to" --dedup -p
sed 's/^/  | /' "$log"
# The rest would only fail in turn.
[ "$case_failed" -eq 0 ] || exit 1
[ -z "$copy" ] || assert "the way back: the disk costs less than 8 MB" \
    awk '$1 == "xvda" { print $6 " MB"; exit !($6 < 8) }' "$log"
sum='sha256sum </bed/disks/g1.img'
source_sum=$(on "$from" "$sum") target_sum=$(on "$to" "$sum")
assert "both images are the same" \
    test -n "$source_sum" -a "$source_sum" = "$target_sum"
assert "unpause" on "$to" 'xl unpause g1'
assert "the counter goes on, all data is there" \
    guest_is_sound g1 "$to" "$(field 2 "$before")"
assert "clean halt" halt_guest g1 "$to"
assert "the file system is clean" on "$to" '
    loop=$(losetup -f --show -r -o 1048576 /bed/disks/g1.img) &&
    e2fsck -fn "$loop"; rc=$?; losetup -d "$loop"; exit $rc'
assert "the OS is unharmed" on "$to" '
    mkdir -p /mnt/is /mnt/was
    mount -o ro,loop,noload,offset=1048576 /bed/disks/g1.img /mnt/is &&
    mount -o ro,loop,noload,offset=1048576 /media/guest.img /mnt/was &&
    diff -r --no-dereference -x data /mnt/was /mnt/is; rc=$?
    umount /mnt/is /mnt/was; exit $rc'
exit "$case_failed"
