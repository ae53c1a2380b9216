# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The other host has no xl-dedup: one clear line, and the guest goes on.
set -u
. "${bed_src:?}/lib.sh"
. "$bed_src/bed.sh"

want_guest g1 a || exit 1
from=$(where_is g1)
to=$(other "$from")
before=$(ask g1 "$from" count)
on "$to" 'cd /usr/local/sbin && mkdir /root/off && mv xl xl-dedup /root/off/'
assert "xl migrate --dedup fails" fails migrate g1 "$from" "$to" --dedup
on "$to" 'mv /root/off/* /usr/local/sbin/ && rmdir /root/off'
sed 's/^/  | /' "$log"
assert "it says why" says 'xl-dedup is not installed there'
assert "the guest goes on" guest_is_sound g1 "$from" "$(field 2 "$before")"
assert "no domain at the other host" no_domain "$to" g1
exit "$case_failed"
