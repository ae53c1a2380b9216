# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Three disks at once, of other kinds: NTFS, no file system, and a block
# device (a logical volume) at both ends, whose old content at the target is
# given up by "xl-dedup allow".
set -u
. "${bed_src:?}/lib.sh"
. "$bed_src/bed.sh"

want_guest g2 a || exit 1
from=$(where_is g2)
to=$(other "$from")
on "$to" 'cd /bed/disks && rm -f g2*
    dd if=/dev/urandom of=/dev/bed/lv bs=1M count=24 status=none
    xl-dedup allow /dev/bed/lv'
before=$(ask g2 "$from" reset)
assert "xl migrate --dedup -p" migrate g2 "$from" "$to" --dedup -p
sed 's/^/  | /' "$log"
# The rest would only fail in turn.
[ "$case_failed" -eq 0 ] || exit 1
for disk in ntfs:/bed/disks/g2-ntfs.img raw:/bed/disks/g2-raw.img \
        lvm:/dev/bed/lv; do
    sum="dd if=${disk#*:} bs=1M iflag=direct status=none | sha256sum"
    source_sum=$(on "$from" "$sum") target_sum=$(on "$to" "$sum")
    assert "${disk%%:*}: the same at both hosts" \
        test -n "$source_sum" -a "$source_sum" = "$target_sum"
done
assert "unpause" on "$to" 'xl unpause g2'
assert "the counter goes on, all data is there" \
    guest_is_sound g2 "$to" "$(field 2 "$before")"
assert "clean halt" halt_guest g2 "$to"
assert "ntfs: clean" on "$to" '
    loop=$(losetup -f --show -r /bed/disks/g2-ntfs.img) &&
    ntfsfix -n "$loop"; rc=$?; losetup -d "$loop"; exit $rc'
assert "lvm: the file system is clean" on "$to" 'e2fsck -fn /dev/bed/lv'
exit "$case_failed"
