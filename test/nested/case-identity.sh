# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Disks that are not, or are no longer, what they were: the real libxl, blkback
# and hotplug scripts say which those are.  Each try is refused or given up with
# the guest at a, nothing of anybody is overwritten, and the last one succeeds.
set -u
. "${bed_src:?}/lib.sh"
. "$bed_src/bed.sh"

# refused WHAT TEXT COMMAND...: a migration that must fail and say so.
refused()
{
    local what=$1 text=$2 before

    shift 2
    before=$(ask g1 a count)
    assert "$what: xl migrate fails" "$@"
    sed 's/^/  | /' "$log"
    assert "$what: it says why" says "$text"
    assert "$what: the guest goes on at a" \
        guest_is_sound g1 a "$(field 2 "$before")"
    assert "$what: no domain is left at b" wait_for 90 no_domain b g1
}

more=format=raw,vdev=xvdb,access=rw,target=/bed/disks/g1-more.img

drop_guest g1
start_guest g1 a || exit 1

on a 'cd /bed/disks && cp --sparse=always g1.img g1-new.img &&
    mv g1.img g1-real.img && mv g1-new.img g1.img'
refused "replaced by rename" 'disk xvda.*g1' \
    fails migrate g1 a b --dedup
on a 'cd /bed/disks && mv g1-real.img g1.img'

refused "a disk is attached in the bulk" 'xvdb' \
    fault_migrate g1 a b target:FREIGHT:3:run \
    "truncate -s 8M /bed/disks/g1-more.img; xl block-attach g1 $more"
assert "it is detached" on a 'xl block-detach g1 xvdb'

refused "the disk grows while memory is copied" 'disk xvda' \
    fault_migrate g1 a b target:CODED:3:run \
    'truncate -s +1M /bed/disks/g1.img
    losetup -c $(losetup -n -O NAME -j /bed/disks/g1.img)'

refused "an image comes to its place at b" 'g1\.img' \
    fault_migrate g1 a b target:CODED:3:run \
    'ssh -n b "cp /media/raw.img /bed/disks/new; mv /bed/disks/new /bed/disks/g1.img"'
assert "that image is as it was" on b 'cmp /media/raw.img /bed/disks/g1.img'
on b 'rm /bed/disks/g1.img'

before=$(ask g1 a count)
assert "then xl migrate --dedup succeeds" migrate g1 a b --dedup
sed 's/^/  | /' "$log"
assert "the counter goes on, all data is there" \
    guest_is_sound g1 b "$(field 2 "$before")"
exit "$case_failed"
