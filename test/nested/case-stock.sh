# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Without --dedup, xl migrates as ever: through our front, and with the
# product's files gone.
set -u
. "${bed_src:?}/lib.sh"
. "$bed_src/bed.sh"

drop_guest g0
start_guest g0 a || exit 1
before=$(ask g0 a count)
assert "xl migrate through the front" migrate g0 a b
assert "guest goes on at b" guest_is_sound g0 b "$(field 2 "$before")"
assert "no domain is left at a" no_domain a g0
echo "  blackout seen by the guest: $(ask g0 b count)"
sed 's/[0-9a-f]\{6,\}/N/g; s/domain [0-9]*/domain N/' "$log" |
    grep -E '^migration (sender|target)' | sort >"$case_dir/with"

for host in a b; do
    on "$host" 'mkdir /root/off && mv /usr/local/sbin/* /root/off/'
done
before=$(ask g0 b count)
assert "xl migrate with the product gone" migrate g0 b a
for host in a b; do
    on "$host" 'mv /root/off/* /usr/local/sbin/ && rmdir /root/off'
done
sed 's/[0-9a-f]\{6,\}/N/g; s/domain [0-9]*/domain N/' "$log" |
    grep -E '^migration (sender|target)' | sort >"$case_dir/without"
assert "guest goes on at a" guest_is_sound g0 a "$(field 2 "$before")"
assert "both said the same" diff "$case_dir/with" "$case_dir/without"
drop_guest g0
exit "$case_failed"
