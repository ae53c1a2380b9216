#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# No channel, or an asynchronous call: straight through.  A channel that is
# none: the call fails, rather than moving a guest without its disks.
. "${abs_top_srcdir:-..}/test/hooks/hooks.sh"
requires python3 timeout

run()
{
    rm -f "$tmp"/*.log
    LD_PRELOAD=$hooks timeout 60 "$fake_xl" "$@" >"$tmp/out.log" \
        2>"$tmp/err.log"
    status=$?
}

banner="echo 'xl migration receiver ready, send binary domain data.'"
run migrate g1 "$banner"
[ $status = 0 ] || fail "plain: status $status"
has libxl 'suspend domid=7 flags=2'
FAKE_SUSPEND_RC=-5 run migrate g1 "$banner"
has err 'fake-xl: suspend rc=-5'
run migrate-receive
has libxl 'restore name=g1--incoming fds=0,1'
FAKE_RESTORE_RC=-7 run migrate-receive
has err 'fake-xl: restore rc=-7'
lacks err xl-dedup

FAKE_ASYNC=1 send ''
[ $status = 0 ] || fail "async: status $status"
has libxl 'suspend domid=7 flags=2 async'
FAKE_ASYNC=1 receive ''
has libxl 'restore name=g1--incoming fds=0,1 async'

for fd in 99 0 x '' -1 99999999999; do
    XL_DEDUP_CONTROL_FD=$fd run migrate g1 "$banner" </dev/null
    has err 'fake-xl: suspend rc=-8'
    has err 'xl-dedup: XL_DEDUP_CONTROL_FD names no open channel to a helper'
    XL_DEDUP_CONTROL_FD=$fd run migrate-receive </dev/null
    has err 'fake-xl: restore rc=-3'
    [ ! -s "$FAKE_LOG" ] || fail "channel '$fd': libxl was called"
done
