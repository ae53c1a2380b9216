# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The other host's file system is too small: refused before the guest is
# touched, nothing left behind.
set -u
. "${bed_src:?}/lib.sh"
. "$bed_src/bed.sh"

want_guest g1 a || exit 1
from=$(where_is g1)
to=$(other "$from")
before=$(ask g1 "$from" count)
on "$to" 'mount -t tmpfs -o size=20M,mode=755 small /bed/disks'
assert "xl migrate --dedup fails" fails migrate g1 "$from" "$to" --dedup
sed 's/^/  | /' "$log"
assert "it names the disk and the lack" says 'g1\.img.*(free|space)'
assert "nothing is left" on "$to" 'test -z "$(ls -A /bed/disks)"'
on "$to" 'umount /bed/disks'
assert "the guest goes on" guest_is_sound g1 "$from" "$(field 2 "$before")"
assert "no domain at the other host" no_domain "$to" g1
exit "$case_failed"
