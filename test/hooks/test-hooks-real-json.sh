#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The hooks hear of a domain's disks from the real libxenlight of a release,
# whichever it is: of one configuration, each tells the same.  Those that are
# installed are looked at, or the ones that XL_LIBRARIES names.
. "${abs_top_srcdir:-..}/test/hooks/hooks.sh"
requires python3 timeout strings

program=$abs_top_builddir/real-libxl
host=$abs_top_builddir/.libs/libreallibxl.so
REAL_JSON=$tmp/json
export REAL_JSON
cat >"$REAL_JSON" <<'END'
{ "c_info": { "type": "pvh", "name": "g1--incoming",
    "uuid": "a0a1a2a3-a4a5-a6a7-a8a9-aaabacadaeaf" },
  "b_info": { "max_vcpus": 2, "max_memkb": 131072, "type.pvh": { } },
  "disks": [
    { "pdev_path": "/img/g1 \"root\".img", "vdev": "xvda", "format": "raw",
      "readwrite": 1 },
    { "backend_domid": 3, "pdev_path": "target=iqn:x", "vdev": "xvdb",
      "backend": "qdisk", "format": "qcow2", "script": "block-iscsi" },
    { "vdev": "hdc", "format": "empty", "is_cdrom": 1, "removable": 1 } ],
  "nics": [ { "devid": 0, "mac": "00:16:3e:00:00:01", "bridge": "xenbr0" } ] }
END
disks='disk|vdev=xvda|path=/img/g1 "root".img|format=raw|backend=unknown|mode=w|cdrom=0|script=|backend_domid=0
disk|vdev=xvdb|path=target=iqn:x|format=qcow2|backend=qdisk|mode=r|cdrom=0|script=block-iscsi|backend_domid=3
disk|vdev=hdc|path=|format=empty|backend=unknown|mode=r|cdrom=1|script=|backend_domid=0'
uuid=a0a1a2a3-a4a5-a6a7-a8a9-aaabacadaeaf

# run LIBRARY FUNCTION
run()
{
    rm -f "$tmp"/*.log
    HOOKS=$hooks:$host:$1 LD_LIBRARY_PATH=$(dirname "$1") timeout 60 \
        python3 "$fake_helper" --spawn "$HELPER_LOG" '<go fail' "$program" \
        "$2" >"$tmp/out.log" 2>"$tmp/err.log" </dev/null || fail "$1 $2: $?"
}

seen=
for library in ${XL_LIBRARIES:-/usr/lib/*/libxenlight.so.4.??}; do
    [ -e "$library" ] || continue
    run "$library" suspend
    has out -8
    printf '%s\n' "begin|uuid=$uuid|name=g1--incoming|domid=7" "$disks" \
        'go|busy=all' | cmp - "$HELPER_LOG" || fail "$library: sending"
    run "$library" restore
    has out -3
    printf '%s\n' "begin|uuid=$uuid|name=g1" "$disks" go |
        cmp - "$HELPER_LOG" || fail "$library: receiving"
    # what the watcher looks for; a string may be the end of another one
    for word in shutdown shutdown_reason suspend; do
        strings "$library" | grep -q "$word\$" || fail "$library: no $word"
    done
    echo "$library"
    seen=1
done
[ "$seen" ] || { echo "SKIP: no libxenlight"; exit 77; }
