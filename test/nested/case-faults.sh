# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Migrations that fail on the way, one after the other, each going on with what
# the one before has left at the other host; then one that succeeds.  A cut
# link is one that says nothing any more, not a closed connection.
set -u
. "${bed_src:?}/lib.sh"
. "$bed_src/bed.sh"

# attempt WHAT FAULT COMMAND
attempt()
{
    local what=$1 before already

    before=$(ask g1 a count) already=$(sent a)
    assert "$what: xl migrate fails" fault_migrate g1 a b "$2" "$3"
    sed 's/^/  | /' "$log"
    echo "  $what: a sent $(($(sent a) - already)) kB"
    assert "$what: the guest goes on at a" \
        guest_is_sound g1 a "$(field 2 "$before")"
    assert "$what: no connection is left" on a '! pgrep -x ssh'
    assert "$what: no domain is left at b" wait_for 90 no_domain b g1
    assert "$what: what arrived is kept" on b 'xl-dedup status | grep g1'
}

drop_guest g1
start_guest g1 a || exit 1
attempt "link cut in the bulk" target:FREIGHT:14:run 'ip link set eth1 down'
attempt "source's helper killed in the memory copy" target:CODED:5:sender :
attempt "link cut in the memory copy" target:CODED:5:run \
    'ip link set eth1 down'
attempt "target's helper killed in the memory copy" target:CODED:5:run \
    'ssh -n b "kill -9 \$(pgrep -ox xl-dedup)"'

before=$(ask g1 a reset) already=$(sent a)
assert "then xl migrate --dedup succeeds" migrate g1 a b --dedup
sed 's/^/  | /' "$log"
echo "  at last: a sent $(($(sent a) - already)) kB"
assert "the counter goes on, all data is there" \
    guest_is_sound g1 b "$(field 2 "$before")"
assert "nothing is left of the tries" on b \
    'ls -A /bed/disks; ! ls -A /bed/disks | grep "^\."'
exit "$case_failed"
