# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A guest goes back and forth, SOAK_COUNT times or for SOAK_SECONDS, whichever
# ends first, and verifies its data after each time.  Run by soak.sh.
set -u
. "${bed_src:?}/lib.sh"
. "$bed_src/bed.sh"

: "${SOAK_COUNT:=50}" "${SOAK_SECONDS:=1800}"
drop_guest g1
start_guest g1 a || exit 1
began=$SECONDS times=0 from=a
while [ "$times" -lt "$SOAK_COUNT" ] &&
        [ $((SECONDS - began)) -lt "$SOAK_SECONDS" ]; do
    to=$(other "$from")
    before=$(ask g1 "$from" reset) already=$(sent "$from")
    assert "migration $((times + 1)), $from to $to" \
        migrate g1 "$from" "$to" --dedup
    assert "the guest's data" guest_is_sound g1 "$to" "$(field 2 "$before")"
    [ "$case_failed" -eq 0 ] || { cat "$log"; break; }
    echo "  sent $(($(sent "$from") - already)) kB;" \
        "guest: $(ask g1 "$to" count)"
    times=$((times + 1)) from=$to
done
echo "soak: $times migrations in $((SECONDS - began)) s," \
    "the guest's data was right after each"
[ "$times" -gt 0 ] || case_failed=1
exit "$case_failed"
