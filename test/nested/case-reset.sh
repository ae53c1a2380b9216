# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Each host loses its power while memory is copied: first the target, then the
# source, where the guest is lost with its memory, but not its disk.
set -u
. "${bed_src:?}/lib.sh"
. "$bed_src/bed.sh"

# reset_during HOST: a migration from a to b, and HOST's reset in it.
# shellcheck disable=SC2317
reset_during()
{
    local rc=0

    on a 'rm -f /tmp/stage'
    fault_migrate g1 a b target:CODED:5:run 'touch /tmp/stage; sleep 20' &
    wait_for 600 on a 'test -e /tmp/stage' || return 1
    note "reset of host $1"
    # What stays in the background must not hold the lock of run.sh.
    "$bed_src/host.sh" reset "$1" 9>&- && prepare_host "$1" || return 1
    wait $! || rc=$?
    # From a host that is gone comes no answer.
    [ "$1" = a ] || return "$rc"
}

drop_guest g1
start_guest g1 a || exit 1
before=$(ask g1 a count)
assert "target reset: xl migrate fails" reset_during b
sed 's/^/  | /' "$log"
assert "target reset: the guest goes on at a" \
    guest_is_sound g1 a "$(field 2 "$before")"
assert "target reset: what arrived is kept" on b 'xl-dedup status | grep g1'

assert "source reset in the next try" reset_during a
sed 's/^/  | /' "$log"
assert "source reset: no domain is left at b" wait_for 120 no_domain b g1
assert "source reset: the guest boots from its disk" boot_guest g1 a
before=$(ask g1 a reset) already=$(sent a)
assert "then xl migrate --dedup succeeds" migrate g1 a b --dedup
sed 's/^/  | /' "$log"
echo "  at last: a sent $(($(sent a) - already)) kB"
assert "the counter goes on, all data is there" \
    guest_is_sound g1 b "$(field 2 "$before")"
exit "$case_failed"
