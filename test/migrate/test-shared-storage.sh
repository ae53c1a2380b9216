#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The target's device is the guest's own storage under another name, which no
# name tells: a loop device on the guest's plays it.  Nothing is ever written
# to it, the guest stays or moves without a loss, and its disk is not wiped.
# Where they are two devices nothing of this is noticed.
. "${abs_top_srcdir:=$PWD}/test/lib/functions.sh"
. "$abs_top_srcdir/test/migrate/migration.sh"
. "$abs_top_srcdir/test/track/tracked.sh"
requires losetup python3 cmp dd mke2fs

migration_setup
seed 31
FAKE_MEMORY=3000000
export FAKE_DISKS FAKE_MEMORY FAKE_WRITE FAKE_AT_END
cleanup_fn '[ -z "$guest" ] || kill "$guest" 2>/dev/null; let_go'
here='' there='' apart='' guest=''

let_go()
{
    detach "$apart"
    [ -z "$there" ] || losetup -d "$there"
    detach "$here"
    here='' there='' apart=''
}

# storage BYTES: $here, of which the first bytes are noise; $there is the same,
# and $apart another one, with the same content
storage()
{
    let_go
    guest=''
    rm -rf "$tmp/state-a" "$tmp/state-b" "$tmp/stopped" "$tmp/acknowledged"
    mkdir "$tmp/state-a" "$tmp/state-b"
    noise content "$1" >"$tmp/shared.img"
    truncate -s 32M "$tmp/shared.img"
    cp "$tmp/shared.img" "$tmp/apart.img"
    here=$(losetup -f --show "$tmp/shared.img" 2>/dev/null) ||
        skip "no loop devices"
    there=$(losetup -f --show --direct-io=on "$here" 2>/dev/null) ||
        skip "no loop device on another one"
    apart=$(losetup -f --show "$tmp/apart.img") || skip "no third loop device"
    FAKE_WRITE='' FAKE_AT_END=''
    FAKE_DISKS=xvda=$here=$there
}

allowed() { XL_DEDUP_CONFIG=$tmp/b.conf xl-dedup allow "$1" 2>/dev/null; }

# records [ROLE]: what the target has noted of its disks
records()
{
    found=$(sed -n 's/^ *"role": *"\(.*\)",*$/\1/p' \
        "$tmp"/state-b/records/*.json 2>/dev/null)
    [ "$found" = "${1:-}" ] ||
        fail "$row: records: ${found:-none}, not ${1:-none}"
}

# guest WHEN FIRST COUNT [PAUSE]: begins to write when the helper has said so,
# or at once, and is stopped by its suspension
guest()
{
    rm -f "$tmp/err"
    : >"$tmp/acknowledged"
    (until [ "$1" = now ] || grep -q "$1" "$tmp/err" 2>/dev/null; do
        sleep 0.02
     done
     shift
     exec python3 "$abs_top_srcdir/test/migrate/acknowledged.py" "$here" "$@" \
        >"$tmp/acknowledged") &
    guest=$!
    FAKE_WRITE="sleep 1; kill $guest"
    [ "$1" != now ] || until grep -q begun "$tmp/acknowledged"; do
        sleep 0.02
    done
}

# The guest goes on for a while: what is wrong may come later.
keeps_all()
{
    sleep 0.3
    kill "$guest" 2>/dev/null
    wait "$guest" || fail "$row: $(tail -1 "$tmp/acknowledged")"
    echo "$row: $(tail -1 "$tmp/acknowledged")"
}

is_shared()
{
    [ "$status" != 0 ] || { cat "$tmp/err" >&2; fail "$row: was moved"; }
    said "disk xvda: .*$here here and $there at hostb are the same storage\|\
disk xvda: $there at hostb changes, and nothing was written"
}

# What is not written to is not on its way, either.
row="blank, traced"
storage 0
guest 'its writes are traced' 0 4000
migrate
is_shared
keeps_all
records

row="blank, a block that is written all the time"
storage 0
guest 'its writes are traced' 300 1 0
migrate
is_shared
keeps_all

# untraced COMMAND...: while somebody could write through the cache
untraced()
{
    "$@" 9<>"$here"
    said 'its writes cannot be traced'
}

row="zeros, not traced"
storage 0
allowed "$there"
guest now 0 4000
untraced migrate
is_shared
keeps_all

row="allowed, traced"
storage 20000000
allowed "$there"
guest 'its writes are traced' 2000 3000
migrate
is_shared
keeps_all
records allowed

row="allowed, not traced"
storage 20000000
allowed "$there"
guest now 2000 3000 0.01
untraced migrate
is_shared
keeps_all

# What is written last, by a guest that was idle, shows after its suspension.
for row in "one write before the suspension" "zeros before the suspension"; do
    storage 20000000
    allowed "$there"
    case $row in
    one*) noise late 4096 >"$tmp/late" ;;
    zeros*) head -c 4096 /dev/zero >"$tmp/late" ;;
    esac
    FAKE_WRITE="dd if=$tmp/late of=$here bs=4k seek=700 oflag=direct \
        conv=notrunc status=none"
    migrate
    is_shared
    said 'guest resumed'
    dd if="$tmp/late" of="$tmp/apart.img" bs=4k seek=700 conv=notrunc \
        status=none
    cmp "$tmp/apart.img" "$there" || fail "$row: something was written"
    records allowed
done

row="idle, to be wiped"
storage 20000000
allowed "$there"
migrate --dedup-wipe-source
[ "$status" = 0 ] || { cat "$tmp/err" >&2; fail "$row: status $status"; }
helpers_gone
said "$there at hostb had the same content all the time"
said "$here is left alone: it may be the storage that the guest uses now"
records received
cmp "$tmp/apart.img" "$there" || fail "$row: was overwritten"

# A dry run asks the same; and nothing of it is written.
row="dry run"
storage 20000000
allowed "$there"
xl-dedup push --dry-run "$here" "hostb:$there" >"$tmp/out" 2>"$tmp/err" ||
    fail "$row: $(cat "$tmp/err")"
cmp "$tmp/apart.img" "$there" || fail "$row: something was written"

# Cold, with a file system whose free space is not zero: that is not left out.
row="push"
storage 20000000
cleanup_fn 'rm -rf tree'
mkdir tree
noise file 3000000 >tree/file
cp "$tmp/apart.img" "$tmp/junk.img"
mke2fs -q -F -E nodiscard,lazy_itable_init=0 -d tree "$tmp/junk.img" 32M \
    2>/dev/null || skip "mke2fs"
dd if="$tmp/junk.img" of="$here" bs=1M oflag=direct conv=notrunc status=none
cp "$tmp/junk.img" "$tmp/apart.img"
allowed "$there"
xl-dedup push "$here" "hostb:$there" >"$tmp/out" 2>"$tmp/err" ||
    fail "$row: $(cat "$tmp/err")"
said "had the same content all the time, and was not written to"
cmp "$tmp/junk.img" "$there" || fail "$row: something was written"

# By its name: the same device of one host.
row="the same device"
FAKE_DISKS=xvda=$here=$here
migrate
refused "is the same storage on both hosts"
ln -s "$here" "$tmp/another-name"
xl-dedup push --dry-run "$here" "hostb:$tmp/another-name" >"$tmp/out" \
    2>"$tmp/err" && fail "$row: dry run"
said "is the same storage on both hosts"

# By its directory, where the source has another name for the file.
row="a file with another name"
noise file 3000000 >"$tmp/b/disk.img"
ln -s "$tmp/b/disk.img" "$tmp/a/link.img"
FAKE_DISKS=xvda=$tmp/a/link.img=$tmp/b/disk.img
migrate
refused "is the same storage on both hosts"

# Two devices: with the same content and with another one, blank ones, and
# with a guest that writes from the beginning, later, or not before its end.
two_devices()
{
    FAKE_DISKS=xvda=$here=$apart
    FAKE_AT_END="cmp $here $apart && touch $tmp/was-equal"
    rm -f "$tmp/was-equal"
    migrate "$@"
    [ "$status" = 0 ] || { cat "$tmp/err" >&2; fail "$row: status $status"; }
    [ -e "$tmp/was-equal" ] || fail "$row: not equal when the memory ended"
    said 'guest moved'
    helpers_gone
    records received
}

row="two devices, equal, idle"
storage 20000000
allowed "$apart"
two_devices

row="two devices, equal, one write before the suspension, wiped"
storage 20000000
allowed "$apart"
FAKE_WRITE="dd if=$tmp/late of=$here bs=4k seek=700 oflag=direct conv=notrunc \
    status=none"
losetup -d "$there"
there=
two_devices --dedup-wipe-source
not_said 'left alone'
! tr -d '\0' <"$here" | read -r _ || fail "$row: not wiped"

row="two devices, equal, written all the time"
storage 20000000
allowed "$apart"
guest 'its writes are traced' 2000 3000
two_devices
keeps_all

row="two devices, equal, not traced"
storage 20000000
allowed "$apart"
guest now 2000 3000 0.01
FAKE_WRITE="$FAKE_WRITE; while kill -0 $guest 2>/dev/null; do sleep 0.1; done"
untraced two_devices
keeps_all

row="two blank devices, written all the time"
storage 0
guest 'its writes are traced' 0 4000
two_devices
keeps_all

row="two blank devices, one block"
storage 0
guest 'its writes are traced' 300 1 0
two_devices
keeps_all

row="a blank device"
storage 20000000
dd if=/dev/zero of="$apart" bs=1M count=32 oflag=direct status=none
two_devices
not_said 'the same content all the time'

# A copy that differs only in what is free.
row="free space"
storage 20000000
dd if="$tmp/junk.img" of="$here" bs=1M oflag=direct conv=notrunc status=none
dd if="$tmp/junk.img" of="$apart" bs=1M oflag=direct conv=notrunc status=none
allowed "$apart"
xl-dedup push "$here" "hostb:$apart" >"$tmp/out" 2>"$tmp/err" ||
    fail "$row: $(cat "$tmp/err")"
cmp "$tmp/junk.img" "$apart" || fail "$row: differs"
pass "one storage, and two"
