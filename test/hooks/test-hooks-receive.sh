#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Receiving: every outcome, and what the helper is told of other domains.
. "${abs_top_srcdir:-..}/test/hooks/hooks.sh"
requires python3 timeout

# end of file comes after the call, though xl lives on: the channel is closed
FAKE_CHILD='if [ -e "$HELPER_LOG.once" ]; then
                sleep 1; echo late >>"$HELPER_LOG"
            fi
            touch "$HELPER_LOG.once"'
export FAKE_CHILD
receive '<go restore <restored <never'
unset FAKE_CHILD
[ $status = 0 ] || fail "status $status"
cat >"$tmp/expected" <<END
begin|uuid=a0a1a2a3-a4a5-a6a7-a8a9-aaabacadaeaf|name=g1
disk|vdev=xvda|path=/img/g1 root.img|format=raw|backend=unknown|mode=w|\
cdrom=0|script=|backend_domid=0
disk|vdev=xvdb|path=target=iqn:x|format=qcow2|backend=qdisk|mode=r|cdrom=0|\
script=block-iscsi|backend_domid=3
disk|vdev=hdc|path=|format=empty|backend=unknown|mode=r|cdrom=1|script=|\
backend_domid=0
busy|path=/dev/vg/o:1|domid=4|name=other|vdev=xvda|device=fe:2|mode=w
busy|path=/img/v|domid=4|name=other|vdev=xvdb|device=|mode=r
busy|path=/img/g1 root.img|domid=7|name=|vdev=xvda|device=7:1f|mode=w
busy|path=/img/g1 root.img|domid=7|name=|vdev=xvda|device=|mode=w
go
restored|rc=0
EOF
late
END
cmp "$tmp/expected" "$HELPER_LOG" || fail "messages differ"
has libxl 'restore name=g1--incoming fds=0,1'

for steps in '<go fail' '<go close' 'close' '<begin fail close' \
             '<go suspend'; do
    receive "$steps"
    [ $status = 1 ] || fail "$steps: status $status"
    has err 'fake-xl: restore rc=-3'
    [ ! -s "$FAKE_LOG" ] || fail "$steps: libxl was called"
done

# without the list of other domains nothing may be written
FAKE_NO_DOMAINS=1 receive '<go restore'
has err 'fake-xl: restore rc=-3'
has err 'xl-dedup: cannot list the domains of this host'
has helper EOF
[ ! -s "$FAKE_LOG" ] || fail "no list: libxl was called"

FAKE_NO_STORE=1 receive '<go restore'
has err 'fake-xl: restore rc=-3'
has err 'xl-dedup: cannot ask xenstore: Connection refused'
[ ! -s "$FAKE_LOG" ] || fail "no xenstore: libxl was called"

FAKE_RESTORE_RC=-6 receive '<go restore <restored'
has helper 'restored|rc=-6'
has err 'fake-xl: restore rc=-6'

# no domain is made for a guest of which no more comes than this
for stream_bytes in 0 23; do
    receive '<go restore <restored'
    has helper 'restored|rc=-3'
    has err 'fake-xl: restore rc=-3'
    [ ! -s "$FAKE_LOG" ] || fail "no stream: libxl was called"
done
stream_bytes=24
receive '<go restore <restored'
[ $status = 0 ] || fail "the stream's beginning: status $status"
stream_bytes=4096

# the helper may leave after "restore"
receive '<go restore close'
[ $status = 0 ] || fail "helper left: status $status"

# disks are attached by our program, in xl's environment; everything else, and
# disks where there is none, by what libxl wanted to run
for program in attach block vif-bridge; do
    printf '#!/bin/sh\necho "%s $*" >>"%s"\n' "$program" "$tmp/hotplug" \
        >"$tmp/$program"
    chmod +x "$tmp/$program"
done
# hotplug SCRIPT KIND PROGRAM EXPECTED...
hotplug()
{
    rm -f "$tmp/hotplug"
    FAKE_HOTPLUG=$tmp/$1 FAKE_HOTPLUG_KIND=$2 XL_DEDUP_ATTACH=$tmp/$3 \
        receive '<go restore <restored'
    shift 3
    [ $status = 0 ] || fail "hotplug: status $status"
    [ "$(cat "$tmp/hotplug")" = "$*" ] ||
        fail "hotplug ran $(cat "$tmp/hotplug"), not $*"
}
hotplug block vbd attach "attach $tmp/block add"
hotplug block vbd none 'block add'
hotplug block qdisk attach 'block add'
hotplug vif-bridge vif attach 'vif-bridge add'
