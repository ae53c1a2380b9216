# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The main job: a running guest with ext4 on a partitioned disk, which shares
# an OS with a reference at the other host, moves with its disk.
set -u
. "${bed_src:?}/lib.sh"
. "$bed_src/bed.sh"

drop_guest g1
start_guest g1 a || exit 1
before=$(ask g1 a reset)
assert "xl migrate --dedup --dry-run" migrate g1 a b --dedup --dry-run
sed 's/^/  | /' "$log"
assert "the guest has not moved" guest_is_sound g1 a "$(field 2 "$before")"
assert "nothing was written at b" on b '! ls /bed/disks/*g1* /bed/disks/.*g1*'
before=$(ask g1 a reset)
assert "xl migrate --dedup" migrate g1 a b --dedup
echo "  --- xl said:"
sed 's/^/  | /' "$log"
# The rest would only fail in turn.
[ "$case_failed" -eq 0 ] || exit 1
assert "a report was printed" says 'identical MB'
assert "the counter goes on, all data is there" \
    guest_is_sound g1 b "$(field 2 "$before")"
echo "  blackout seen by the guest: $(ask g1 b count)"
assert "no domain is left at a" no_domain a g1
assert "the source's image is still at a" on a 'test -s /bed/disks/g1.img'
assert "no staging file is left at b" on b \
    '! ls -A /bed/disks | grep "^\."'
assert "most of the OS was found at b" \
    awk '$1 == "total" { exit !($4 > 50) }' "$log"
exit "$case_failed"
