# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Something else lies where a disk is to go: refused, and left as it is.
set -u
. "${bed_src:?}/lib.sh"
. "$bed_src/bed.sh"

want_guest g2 a || exit 1
from=$(where_is g2)
to=$(other "$from")
before=$(ask g2 "$from" count)
path=/bed/disks/g2-raw.img
on "$to" "seq 1 100000 >$path; truncate -s 24M $path"
was=$(on "$to" "sha256sum $path; stat -c %y $path")
assert "xl migrate --dedup fails" fails migrate g2 "$from" "$to" --dedup
sed 's/^/  | /' "$log"
assert "it names the disk and says why" says 'g2-raw\.img.*exists'
assert "the file is as it was" \
    test "$was" = "$(on "$to" "sha256sum $path; stat -c %y $path")"
on "$to" "rm $path"
assert "nothing else is left" on "$to" '! ls -lsA /bed/disks | grep g2'
assert "the guest goes on" guest_is_sound g2 "$from" "$(field 2 "$before")"
exit "$case_failed"
