# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# An HVM guest whose disk QEMU emulates: what it writes does not pass the loop
# device that is traced.  The migration must find that out, say so, and compare
# the whole disk after the suspension; QEMU's own record moves along.
set -u
. "${bed_src:?}/lib.sh"
. "$bed_src/bed.sh"

drop_guest g3
start_guest g3 a || exit 1
assert "QEMU serves the disk" on a '
    ls -l /proc/$(pgrep -f "qemu.*domid $(xl domid g3) ")/fd |
        grep /bed/disks/g3.img'
before=$(ask g3 a reset)
assert "xl migrate --dedup -p" migrate g3 a b --dedup -p
sed 's/^/  | /' "$log"
# The rest would only fail in turn.
[ "$case_failed" -eq 0 ] || exit 1
assert "it says that the disk is not tracked, and why" \
    says 'disk hda: .*cannot be traced.*has the file open'
sum='sha256sum </bed/disks/g3.img'
source_sum=$(on a "$sum") target_sum=$(on b "$sum")
assert "both images are the same" \
    test -n "$source_sum" -a "$source_sum" = "$target_sum"
assert "unpause" on b 'xl unpause g3'
assert "the counter goes on, all data is there" \
    guest_is_sound g3 b "$(field 2 "$before")"
echo "  blackout seen by the guest: $(ask g3 b count)"
assert "clean halt" halt_guest g3 b
assert "the file system is clean" on b 'e2fsck -fn /bed/disks/g3.img'
exit "$case_failed"
