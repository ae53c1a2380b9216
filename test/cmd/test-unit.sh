#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The index's service: systemd calls it exposed to 2.0 at most, and an index is
# made under what it takes away (as-unit.py), as complete as without it, with the
# parser in its sandbox.
. "${abs_top_srcdir:=$PWD}/test/lib/functions.sh"
requires systemd-analyze python3 unshare mke2fs
[ "$(id -u)" = 0 ] || skip "not root"
tmpdir
seed 20

sed -e "s,@sysconfdir@,$tmp/etc,; s,@localstatedir@,$tmp/var,g" \
    -e "s,@sbindir@,$abs_top_builddir,g" \
    "$abs_top_srcdir/systemd/xl-dedup-index.service.in" >xl-dedup-index.service
systemd-analyze security --offline=true --no-pager --threshold=20 \
    ./xl-dedup-index.service >out 2>&1 ||
    { cat out >&2; fail "exposed to more than 2.0"; }
tail -1 out

mkdir -p etc/xl-dedup var/lib/xl-dedup tree images
for i in $(seq 30); do noise "file$i" 20000 >"tree/file$i"; done
mke2fs -q -F -t ext4 -d tree images/a.img 16M
noise raw 3000000 >images/b.img
# Not everything that may be a reference is root's.
chmod 600 images/*
chown 12345:12345 images/b.img

indexed()
{
    rm -rf var/lib/xl-dedup/*
    "$@" xl-dedup index --quiet || fail "index: $*"
    xl-dedup index --list --json >list || fail "list"
    python3 -c 'import json
for i in json.load(open("list"))["images"]:
    print(i["path"], i["kind"], i["state"], i["objects"], i["bytes"])'
}

cat >etc/xl-dedup/xl-dedup.conf <<END
state = $tmp/var/lib/xl-dedup
reference = $tmp/images/*.img
END
XL_DEDUP_CONFIG=$tmp/etc/xl-dedup/xl-dedup.conf
export XL_DEDUP_CONFIG
indexed env >without
indexed unshare --mount --net --ipc python3 \
    "$abs_top_srcdir/test/cmd/as-unit.py" xl-dedup-index.service >with
cmp without with || { cat without with >&2; fail "another index"; }
grep -q 'a.img' with && grep -q 'b.img' with || fail "not indexed: $(cat with)"

# It is the unit that was tried: what it forbids, fails.
confined()
{
    unshare --mount --net --ipc python3 \
        "$abs_top_srcdir/test/cmd/as-unit.py" xl-dedup-index.service "$@"
}
confined sh -c "true >'$tmp/var/lib/xl-dedup/new'" || fail "state: read-only"
confined sh -c "true >'$tmp/new'" 2>/dev/null && fail "it can write anywhere"
confined unshare --net true 2>/dev/null && fail "it can make networks"
confined unshare --mount true || fail "it cannot make a mount namespace"
confined nice -n 1 true 2>err
grep -q 'not permitted' err || fail "nice: $(cat err)"
confined xl-dedup sandbox-check >out 2>err || fail "sandbox: $(cat out err)"
grep -q '^in force *empty root directory$' out || fail "$(cat out)"
grep -q '^in force *unprivileged user and group$' out || fail "$(cat out)"
pass "unit"
