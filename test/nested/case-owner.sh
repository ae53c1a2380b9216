# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A guest that has moved has one owner: its configuration and its link in "auto"
# are at b, and a, which is started anew, neither starts it nor lets it be
# started, until it is reclaimed.  The link is started by hand as xendomains
# does, which these hosts do not have.
set -u
. "${bed_src:?}/lib.sh"
. "$bed_src/bed.sh"

# What xendomains does when the host boots.
# shellcheck disable=SC2016  # expands at the host
start_auto='for f in /etc/xen/auto/*; do
    [ ! -e "$f" ] || xl create --quiet --defconfig "$f"
done'
aside=/etc/xen/g1.cfg.moved-to-b

# A reset leaves of a host what was brought to its storage; /etc is in memory
# there, so that it lies on the disk for this case.
# shellcheck disable=SC2317
own_etc()
{
    on "$1" 'mkdir -p /bed/disks/xen && cp -a -n /etc/xen/. /bed/disks/xen/ &&
        mount --bind /bed/disks/xen /etc/xen'
}

# shellcheck disable=SC2317
reset_host()
{
    # What stays in the background must not hold the lock of run.sh.
    "$bed_src/host.sh" reset "$1" 9>&- && prepare_host "$1" && own_etc "$1"
}

# shellcheck disable=SC2317
is_refused()
{
    on "$1" "! xl create $2 2>/tmp/refused && cat /tmp/refused &&
        grep 'xl-dedup reclaim' /tmp/refused"
}

drop_guest g1
own_etc a && own_etc b || exit 1
start_guest g1 a || exit 1
on a 'cp /bed/g1.cfg /etc/xen/g1.cfg && mkdir -p /etc/xen/auto &&
    ln -s ../g1.cfg /etc/xen/auto/g1.cfg && sync' || exit 1
before=$(ask g1 a reset)
assert "xl migrate --dedup" migrate g1 a b --dedup
sed 's/^/  | /' "$log"
[ "$case_failed" -eq 0 ] || exit 1
assert "the guest runs at b" guest_is_sound g1 b "$(field 2 "$before")"
assert "its configuration is at b" on b 'grep "^name = \"g1\"" /etc/xen/g1.cfg'
assert "it is started at boot there" on b \
    '[ "$(readlink /etc/xen/auto/g1.cfg)" = ../g1.cfg ]'
assert "it is set aside at a, without its link" on a \
    "[ -s $aside ] && [ ! -e /etc/xen/g1.cfg ] && [ ! -L /etc/xen/auto/g1.cfg ]"
assert "xl create is refused at a" is_refused a "$aside"

assert "a is started anew" reset_host a
on a "$start_auto"
assert "a has not started it" no_domain a g1
assert "xl create is refused after that, too" is_refused a "$aside"
assert "the guest still runs at b" guest_is_sound g1 b "$(field 2 "$before")"

# It is given up there, and runs from what a has.
on b 'xl destroy g1; guest gone g1 20'
assert "xl-dedup reclaim" on a 'xl-dedup reclaim g1'
assert "the configuration and its link are back" on a \
    '[ -s /etc/xen/g1.cfg ] && [ -e /etc/xen/auto/g1.cfg ]'
assert "it is started at boot again" on a "$start_auto"
assert "and runs at a" ask g1 a reset
exit "$case_failed"
