#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Sending: every outcome of the helper's and libxl's part.
. "${abs_top_srcdir:-..}/test/hooks/hooks.sh"
requires python3 timeout
guest='uuid=a0a1a2a3-a4a5-a6a7-a8a9-aaabacadaeaf|name=g1'

# all goes well; the description is complete; "stopped" comes before the end;
# what the guest has is told three times
export FAKE_SUSPEND_MS=200
send '<go list <go suspend <suspended done'
[ $status = 0 ] || fail "status $status"
attached="attached|vdev=xvda|path=/img/g1 root.img|params=/img/g1 root.img|\
backend=phy|backend_domid=0|device=7:1f|mode=w|cdrom=0|pid=815
attached|vdev=hdc|path=|params=|backend=qdisk|backend_domid=0|device=|mode=r|\
cdrom=1|pid=815"
now="$attached
busy|path=/dev/vg/o:1|domid=4|name=other|vdev=xvda|device=fe:2|mode=w
busy|path=/img/v|domid=4|name=other|vdev=xvdb|device=|mode=r
busy|path=/img/g1 root.img|domid=7|name=|vdev=xvda|device=7:1f|mode=w
busy|path=/img/g1 root.img|domid=7|name=|vdev=xvda|device=|mode=w
go|busy=all"
cat >"$tmp/expected" <<END
args send-xl --control-fd=N --host=b -- ssh b xl-dedup receive-xl -- migrate-receive
begin|$guest|domid=7
disk|vdev=xvda|path=/img/g1 root.img|format=raw|backend=phy|mode=w|cdrom=0|\
script=|backend_domid=0
disk|vdev=xvdb|path=target=iqn:x|format=qcow2|backend=qdisk|mode=r|cdrom=0|\
script=block-iscsi|backend_domid=3
disk|vdev=hdc|path=|format=empty|backend=qdisk|mode=r|cdrom=1|script=|\
backend_domid=0
$now
$now
stopped
$attached
suspended|rc=0
END
cmp "$tmp/expected" "$HELPER_LOG" || fail "messages differ"
has libxl 'suspend domid=7 flags=2'
has err 'fake-xl: suspend rc=0'
lacks libxl resume

# no second context: the hint is missing, the migration is not
FAKE_CTX_RC=-3 send '<go list <go suspend <suspended done'
[ $status = 0 ] || fail "without watcher: status $status"
lacks helper stopped
has err 'xl-dedup: cannot watch domain 7; going on without'
unset FAKE_SUSPEND_MS

# what has changed by then is told as it is then: domain 7 is listed for the
# configuration, then in each list for itself and, but in the last, as busy
changed() { grep -c '^attached|vdev=hdc|path=/iso|' "$HELPER_LOG"; }
FAKE_CD_CHANGES=5 send '<go list <go fail'
[ "$(changed)" = 0 ] || fail "the CD-ROM was changed too early"
FAKE_CD_CHANGES=4 send '<go list <go fail'
[ "$(changed)" = 1 ] || fail "a change before the suspension is not told"
FAKE_CD_CHANGES=6 send '<go list <go suspend <suspended fail'
[ "$(changed)" = 1 ] || fail "a change after the suspension is not told"

# the list of other domains matters only if images are to be removed
FAKE_NO_DOMAINS=1 send '<go list <go suspend <suspended done'
[ $status = 0 ] || fail "without the domains: status $status"
has helper 'go|busy=some'

# failures before suspension leave the guest alone (ERROR_GUEST_TIMEDOUT)
for steps in '<go fail' '<go' 'close sleep' 'fail sleep' '<go done' \
             '<begin close sleep' '<go list' '<go list <go fail' \
             '<go list close sleep' '<go suspend'; do
    send "$steps"
    [ $status = 1 ] || fail "$steps: status $status"
    has err 'fake-xl: suspend rc=-8'
    [ ! -s "$FAKE_LOG" ] || fail "$steps: libxl was called"
done
send '<go done'
has err 'xl-dedup: the helper said "done" instead of "list"'
FAKE_NO_STORE=1 send '<go list <go suspend'
has err 'xl-dedup: cannot ask xenstore: Connection refused'
has err 'fake-xl: suspend rc=-8'
[ ! -s "$FAKE_LOG" ] || fail "no xenstore: libxl was called"
FAKE_CONFIG_RC=-3 send '<go list <go suspend'
has err 'fake-xl: suspend rc=-8'
has helper EOF
[ ! -s "$FAKE_LOG" ] || fail "no configuration: libxl was called"

# libxl fails: its own code comes back, and the helper learns of it
FAKE_SUSPEND_RC=-8 send '<go list <go suspend <suspended'
has helper 'suspended|rc=-8'
has err 'fake-xl: suspend rc=-8'
lacks libxl resume
FAKE_SUSPEND_RC=-3 send '<go list <go suspend <suspended <never'
has helper 'suspended|rc=-3'
has helper EOF
has libxl 'resume domid=7'

# failures after suspension: xl resumes the guest
for steps in '<suspended fail' '<suspended' 'close' '<suspended suspend'; do
    send "<go list <go suspend $steps"
    [ $status = 1 ] || fail "$steps: status $status"
    has err 'fake-xl: suspend rc=-3'
    has libxl 'resume domid=7'
done
