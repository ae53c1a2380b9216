#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The hooks know no layout of libxl's structs: of a libxl in which a domain's
# configuration is larger and has its members elsewhere, they hear the same as
# of the one beside which they were built.  Where what it says of the domain
# lacks something, nothing is moved.
. "${abs_top_srcdir:-..}/test/hooks/hooks.sh"
requires python3 timeout

# both: what the helper hears at both ends
both()
{
    send '<go list <go suspend <suspended done'
    [ $status = 0 ] || fail "$fake_xl: sending: status $status"
    grep -v '^stopped$' "$HELPER_LOG" >"$1"
    receive '<go restore <restored'
    [ $status = 0 ] || fail "$fake_xl: receiving: status $status"
    cat "$HELPER_LOG" >>"$1"
}

both "$tmp/beside"
fake_xl=$abs_top_builddir/test/lib/fake-larger-xl
both "$tmp/larger"
[ "$(grep -c '^disk|' "$tmp/beside")" = 6 ] || fail "disks are not told"
cmp "$tmp/beside" "$tmp/larger" || fail "messages differ"

# refuses JSON CAUSE
refuses()
{
    FAKE_JSON=$1
    export FAKE_JSON
    send '<go list <go suspend'
    has err "xl-dedup: nothing is moved: $2"
    has err 'fake-xl: suspend rc=-8'
    [ ! -s "$FAKE_LOG" ] || fail "$1: sending: libxl was called"
    receive '<go restore'
    has err "xl-dedup: nothing is moved: $2"
    has err 'fake-xl: restore rc=-3'
    [ ! -s "$FAKE_LOG" ] || fail "$1: receiving: libxl was called"
}

info='"c_info":{"name":"g1","uuid":"a0a1a2a3-a4a5-a6a7-a8a9-aaabacadaeaf"}'
lacks="what libxl says of the domain has no"
way="; migrate without --dedup"
for text in '' '{' '"g1' '[{]'; do
    refuses "$text" "libxl does not tell the domain's configuration$way"
done
for text in '{}' '[]' '{"c_info":[]}' '{"c_info":{"uuid":7}}' \
            '{"c_info":{"name":"g1","uuid":"a0"}}'; do
    refuses "$text" "$lacks UUID$way"
done
refuses "{$info,\"disks\":{}}" "$lacks list of its disks$way"
for text in 7 '{}' '{"vdev":51712}' '{"name":"xvda"}'; do
    refuses "{$info,\"disks\":[$text]}" \
        "$lacks virtual device for one of its disks$way"
done

# what is not there has its default; a domain may have no disks
FAKE_JSON="{$info}"
receive '<go restore <restored'
[ $status = 0 ] || fail "no disks: status $status"
lacks helper 'disk|'
FAKE_JSON="{$info,\"disks\":[{\"vdev\":\"xvda\",\"readwrite\":1}]}"
receive '<go restore <restored'
has helper 'disk|vdev=xvda|path=|format=unknown|backend=unknown|mode=w|cdrom=0|script=|backend_domid=0'
