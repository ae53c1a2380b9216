# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# How long a guest stands still, by its own clock: one that writes 1 MB/s to a
# disk of 4 GiB, moved with --dedup, against the same without a disk, moved by
# stock xl.  In between, what the distribution's script needs to attach a disk:
# the guest without disk once more, with one attached that it does not use.
set -u
. "${bed_src:?}/lib.sh"
. "$bed_src/bed.sh"

# measure GUEST FROM TO WHAT XL-ARGUMENTS...: leaves the gap, in ms, in $gap,
# and prints it with the rate at which the guest wrote up to then.
measure()
{
    local name=$1 from=$2 to=$3 what=$4 began=$SECONDS before after

    before=$(ask "$name" "$from" reset)
    assert "$what" migrate "$name" "$from" "$to" "${@:5}"
    [ "$case_failed" -eq 0 ] || { cat "$log"; exit 1; }
    after=$(ask "$name" "$to" count)
    gap=$(field 4 "$after")
    echo "  $what: the guest stood still for $gap ms, it wrote" \
        "$((($(field 7 "$after") - $(field 7 "$before")) * 4)) KiB in" \
        "$((SECONDS - began)) s"
}

for host in a b; do
    on "$host" 'truncate -s 64M /bed/disks/idle.img'
done
drop_guest g5
start_guest g5 a || exit 1
measure g5 a b "stock, no disk"
bare=$gap
on b 'xl block-attach g5 format=raw,vdev=xvdb,target=/bed/disks/idle.img'
measure g5 b a "stock, a disk that is not used"
attached=$gap
drop_guest g5

start_guest g4 a || exit 1
before=$(ask g4 a count)
measure g4 a b "--dedup" --dedup
sed 's/^/  | /' "$log"
assert "the counter goes on, all data is there" \
    guest_is_sound g4 b "$(field 2 "$before")"
drop_guest g4
# what we attached, the distribution's script detaches
assert "no loop device stays behind" on b \
    'for i in 1 2 3 4 5; do losetup -a | grep -q g4 || exit 0; sleep 2; done
    losetup -a; exit 1'
echo "  blackouts: stock without disk $bare ms, with one $attached ms," \
    "--dedup $gap ms"
assert "--dedup adds less than a second to stock without a disk" \
    test "$gap" -lt $((bare + 1000))
exit "$case_failed"
