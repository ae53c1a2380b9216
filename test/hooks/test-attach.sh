#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# xl-dedup-attach leaves what the hotplug script would leave for a file and for
# a device, and leaves to the script, with nothing done, whatever is not plain:
# a script that is not known, a disk that something uses already, a mode that
# it does not know, a backend that does not wait, a xenstore that refuses.
. "${abs_top_srcdir:=$PWD}/test/lib/functions.sh"
requires python3 losetup flock mke2fs timeout
[ "$(id -u)" = 0 ] || skip "not root"
[ -e /dev/loop-control ] || skip "no loop devices"
tmpdir

backend=backend/vbd/9/51712
lock_dir=/var/run/xen-hotplug
[ -e "$lock_dir" ] || cleanup_fn "rmdir $lock_dir 2>/dev/null"
loops=
# shellcheck disable=SC2016
cleanup_fn 'for d in $loops; do detach "$d"; done'

cat >block <<'END'
#!/bin/sh
echo "$1 $XENBUS_PATH" >>script.log
END
chmod +x block
: >block.known
truncate -s 1M file other
mke2fs -q -t ext2 -b 1024 other || fail mke2fs

XENSTORED_PATH=$tmp/socket
export XENSTORED_PATH

serve_stop() { kill "$served" 2>/dev/null; wait "$served" 2>/dev/null; }
# serve [REFUSED]
serve()
{
    rm -f socket
    python3 "$abs_top_srcdir/test/lib/fake-xenstored.py" "$tmp/socket" \
        "$tmp/store" "$@" 2>served.log &
    served=$!
    while [ ! -e socket ]; do
        kill -0 "$served" 2>/dev/null || fail "$(cat served.log)"
        sleep 0.1
    done
}
cleanup_fn serve_stop

# store PARAMS MODE [STATE]: a disk for domain 9, and another domain's
store()
{
    {
        echo "$backend/params=$1"
        echo "$backend/mode=$2"
        echo "$backend/state=${3:-2}"
        echo "backend/vbd/4/51712/physical-device=${busy:-fd:7}"
    } | sort >store
    cp store before
}

# attach: with the program of which the test says what scripts are known
attach()
{
    rm -f script.log
    XENBUS_PATH=$backend timeout 60 "${1:-$abs_top_builddir/attach-tool}" \
        "$tmp/block" add || fail "status $?"
}

# attached NAME DEVICE...: the nodes that the script writes are there
attached()
{
    [ ! -e script.log ] || fail "$1: the script was run"
    {
        cat before
        [ -z "${3:-}" ] || echo "$backend/node=$2"
        echo "$backend/physical-device=$(stat -c %t:%T "$2")"
        echo "$backend/physical-device-path=$2"
        echo "$backend/hotplug-status=connected"
    } | sort | diff - store || fail "$1: $(cat store)"
    [ ! -e "$lock_dir/block" ] || fail "$1: the lock is still there"
}

# left NAME: the script was run, and all is as it was
left()
{
    [ "$(cat script.log 2>&1)" = "add $backend" ] ||
        fail "$1: the script was not run: $(cat store)"
    cmp before store || fail "$1: $(cat store)"
    [ ! -e "$lock_dir/block" ] || fail "$1: the lock is still there"
}

node() { sed -n "s,^$backend/node=,,p" store; }

serve
store "$tmp/file" w
attach
dev=$(node)
loops="$loops $dev"
attached "file" "$dev" node
[ "$(losetup -n -O BACK-FILE,RO,AUTOCLEAR,OFFSET,SIZELIMIT,DIO "$dev" |
    tr -s ' ')" = "$tmp/file 0 0 0 0 0" ] || fail "$(losetup "$dev")"

# what has a loop device may be in use
store "$tmp/file" w
attach
left "file in use"
losetup -d "$dev"

store "$tmp/file" r
attach
dev=$(node)
loops="$loops $dev"
attached "read-only" "$dev" node
losetup -n -O RO "$dev" | grep -q 1 || fail "it can be written"
losetup -d "$dev"

chmod 0444 file
store "$tmp/file" w
attach
left "file without permission to write"
chmod 0644 file

for mode in 'w!' 'r!' '' x; do
    store "$tmp/file" "$mode"
    attach
    left "mode $mode"
done
store "$tmp/file" w 1
attach
left "state 1"
store "$tmp/none" w
attach
left "no file"
store file w
attach
left "relative path"
store "$tmp" w
attach
left "directory"
store "$tmp/file" w
echo "$backend/physical-device=7:1" >>store
cp store before
attach
left "attached before"

mv block.known block.edited
store "$tmp/file" w
attach
left "unknown script"
attach "$abs_top_builddir/xl-dedup-attach"
left "unknown script, as installed"
mv block.edited block.known

# a device, by a link; then one that another domain has, and one mounted
dev=$(losetup -f --show "$tmp/other" 2>/dev/null) || fail "losetup"
loops="$loops $dev"
ln -s "$dev" link
store "$tmp/link" w
attach
attached "device" "$dev"
busy=$(stat -c %t:%T "$dev")
store "$dev" w
attach
left "a domain's device"
busy=
mkdir mnt
if mount "$dev" mnt 2>/dev/null; then
    cleanup_fn "umount $tmp/mnt 2>/dev/null"
    store "$dev" w
    attach
    left "mounted device"
    umount mnt
fi
losetup -d "$dev"

# who has the lock is waited for
mkdir -p "$lock_dir"
exec 8>"$lock_dir/block"
flock 8
store "$tmp/file" w
# Not "attach 8>&- &": dash would keep a copy of the lock in its own process.
(exec 8>&-; attach) &
waiter=$!
sleep 1
cmp store before || fail "the lock was not waited for"
rm "$lock_dir/block"
exec 8>&-
wait $waiter || fail "behind the lock"
dev=$(node)
loops="$loops $dev"
attached "behind the lock" "$dev" node
losetup -d "$dev"

# half of it is none of it
serve_stop
serve /hotplug-status
store "$tmp/file" w
attach
[ -s script.log ] || fail "refused: the script was not run"
! grep -q "$backend/physical-device=" store ||
    fail "refused: the device is named: $(cat store)"
dev=$(node)
[ -z "$(losetup -n -O BACK-FILE "$dev" 2>/dev/null)" ] ||
    fail "refused: $dev is still there"

serve_stop
rm -f socket
store "$tmp/file" w
attach
left "no xenstore"
