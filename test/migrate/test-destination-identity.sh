#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# What is overwritten at the target is what was checked there, hours before:
# whatever comes to the path meanwhile stays, whoever uses it is left in peace,
# and the guest runs on at the source (docs/faults.md).
. "${abs_top_srcdir:=$PWD}/test/lib/functions.sh"
. "$abs_top_srcdir/test/migrate/migration.sh"
requires python3 cmp chattr
[ "$(id -u)" = 0 ] || skip "not root"
preload=$abs_top_builddir/.libs/libfailio.so
[ -e "$preload" ] || skip "no libfailio.so"

migration_setup
seed 172
noise disk 3000000 >a/disk.img
noise foreign 200000 >foreign.img
noise guest 512 >guest-data
there=$tmp/b/disk.img
staging=$tmp/b/.disk.img.xl-dedup
FAKE_DISKS="xvda=$tmp/a/disk.img=$there"
FAKE_AT_END="cmp $tmp/a/disk.img $there && touch $tmp/was-final"
export FAKE_DISKS FAKE_AT_END
cat >bin/ssh <<END
#!/bin/sh
XL_DEDUP_CONFIG=$tmp/b.conf
export XL_DEDUP_CONFIG
host=\$1
shift
exec \${FAULT:+python3 $abs_top_srcdir/test/faults/fault-proxy.py "\$host"} \
    env \${FAULT_IO:+LD_PRELOAD=$preload} "\$@"
END

anew()
{
    row=$1
    helpers_gone
    rm -rf b state-b was-final
    mkdir b state-b
}

# goes TEXT COMMAND: the guest does not move, but runs on; COMMAND is run at the
# target while the memory is copied
goes()
{
    rm -f was-final
    FAKE_WRITE=$2 migrate
    helpers_gone
    [ "$status" != 0 ] || fail "$row: did not fail"
    said "$1"
    said 'guest resumed'
    [ ! -e was-final ] || fail "$row: the disk was put in place"
    if grep -q 'type [0-9]' err; then
        cat err >&2
        fail "$row: a number of a frame was shown"
    fi
}

# the next try succeeds, with what has arrived
moves()
{
    migrate
    [ "$status" = 0 ] || { cat err >&2; fail "$row: status $status"; }
    [ -e was-final ] || fail "$row: not final"
    helpers_gone
    cmp a/disk.img "$there" || fail "$row: not equal"
    [ "$(ls -A b)" = disk.img ] || fail "$row: left behind: $(ls -A b)"
}

kept()
{
    cmp "$1" "$there" || fail "$row: what came there is gone"
    [ "$(stat -c %s "$staging")" = 3000000 ] ||
        fail "$row: what arrived is not kept"
}

replace="cp $tmp/foreign.img $tmp/new; mv $tmp/new $there"

anew "an image that comes before the guest is suspended"
FAULT=target:RESTORE:1:run FAULT_COMMAND=$replace FAULT_LOG=$tmp/log
export FAULT FAULT_COMMAND FAULT_LOG
migrate
refused "hostb: disk xvda: $there has come there while the disk was on its way"
[ "$(cat log)" = "$FAULT" ] || fail "$row: $(cat log)"
unset FAULT FAULT_LOG
rm log
kept foreign.img
rm "$there"
moves

anew "another image over the file that stands for the disk"
goes "$there was written to, changed or replaced there" "$replace"
kept foreign.img
rm "$there"
moves

anew "the same, written into it"
goes "$there was written to, changed or replaced there" \
    "cat $tmp/foreign.img >$there"
kept foreign.img
rm "$there"
moves

anew "the same, and xl fails"
FAKE_SUSPEND_RC=-3 goes 'is not the empty file any more' "$replace"
kept foreign.img

anew "the same, and the helper is killed"
FAULT=target:PLACE:1:target FAULT_LOG=$tmp/log
export FAULT FAULT_LOG
goes 'the connection was closed' "$replace"
kept foreign.img
rm "$there"
goes 'the connection was closed' "cat $tmp/foreign.img >$there"
kept foreign.img
rm "$there"
goes 'the connection was closed' :
[ ! -e "$there" ] || fail "$row: an empty file stays"
[ "$(cat log)" = "$FAULT
$FAULT
$FAULT" ] || fail "$row: $(cat log)"
unset FAULT FAULT_LOG

anew "an earlier copy that a guest writes to"
moves
cp "$there" old.img
dd if=guest-data of=old.img bs=512 seek=7 conv=notrunc status=none
goes "$there was written to, changed or replaced there" "
    touch -r $there $tmp/time
    dd if=$tmp/guest-data of=$there bs=512 seek=7 conv=notrunc status=none
    touch -r $tmp/time $there"
kept old.img

anew "an earlier copy, exchanged for another image"
moves
goes "$there was written to, changed or replaced there" "$replace"
kept foreign.img

anew "an earlier copy that a process has open for writing"
cleanup_fn 'kill "$(cat "$tmp/pid")" 2>/dev/null'
moves
cp "$there" old.img
goes "$there is in use by process " \
    "exec </dev/null >>$there 2>&1
    env -u MIGRATION_MARK sleep 1000 & echo \$! >$tmp/pid"
kept old.img
migrate
refused "$there is in use by process "
kill "$(cat pid)"

anew "an earlier copy on which a guest is started"
if loop=$(losetup -f --show old.img 2>/dev/null); then
    detach "$loop"
    moves
    cp "$there" old.img
    cleanup_fn 'detach "$(cat "$tmp/loop")"'
    goes "$there is in use by /dev/loop.*losetup -d" \
        "losetup -f --show $there >$tmp/loop"
    kept old.img
    losetup -d "$(cat loop)"
    # both hosts' disks are devices, as logical volumes are
    row="a device on which a guest is started"
    truncate -s 3M a/disk.img
    truncate -s 3145728 volume.img
    source=$(losetup -f --show a/disk.img)
    volume=$(losetup -f --show volume.img)
    cleanup_fn 'detach "$source"; detach "$volume"'
    FAKE_DISKS="xvda=$source=$volume" FAKE_AT_END=: \
        goes "$volume is in use by /dev/loop" \
        "losetup -f --show $volume >$tmp/loop"
    losetup -d "$(cat loop)"
    losetup -d "$source"
    losetup -d "$volume"
    truncate -s 3000000 a/disk.img
else
    echo "$row: skipped, no loop devices"
fi

# The directory does not come to its storage when the disk is renamed in.
anew "a directory that cannot be brought to its storage at the end"
FAULT_DIRECTORY=$tmp/b FAULT_IO=dirsync:2:EIO FAULT_LOG=$tmp/io
export FAULT_DIRECTORY FAULT_IO FAULT_LOG
goes "$there cannot be put in place: its directory.*Input/output error" :
[ "$(ls -A b)" = .disk.img.xl-dedup ] || fail "$row: left: $(ls -A b)"
cmp a/disk.img "$staging" || fail "$row: what arrived is gone"
[ -s io ] || fail "$row: nothing failed"
unset FAULT_IO
moves
cp "$there" old.img
noise more 300000 | dd of=a/disk.img bs=4096 seek=3 conv=notrunc status=none
FAULT_IO=dirsync:2:EIO
export FAULT_IO
goes "$there cannot be put in place: its directory" :
kept old.img
unset FAULT_IO
moves

# What can only fail at the end fails at the beginning.  dry: so does a dry run.
dry()
{
    snapshot=$(ls -lAi b)
    migrate --dry-run -C /dev/null
    [ "$status" = 2 ] || fail "$row: dry run: $status"
    said "$1"
    [ "$(ls -lAi b)" = "$snapshot" ] || fail "$row: something was changed"
    migrate
    refused "$1"
    [ "$(ls -lAi b)" = "$snapshot" ] || fail "$row: something was changed"
}

anew "a directory that cannot be brought to its storage"
FAULT_IO=dirsync:1:EIO
export FAULT_IO
dry "hostb: disk xvda: $tmp/b cannot be brought to its storage there"
unset FAULT_IO
row="attributes"
if chattr +i b 2>/dev/null; then
    cleanup_fn "chattr -R -i -a '$tmp/b' 2>/dev/null"
    dry "hostb: disk xvda: $tmp/b is immutable there; run 'chattr -i"
    chattr -i +a b
    dry "hostb: disk xvda: $tmp/b can only be appended to there"
    chattr -a b
    moves
    chattr +i "$there"
    dry "hostb: disk xvda: $there is immutable there; run 'chattr -i"
    chattr -i +a "$there"
    dry "hostb: disk xvda: $there can only be appended to there"
    chattr -a "$there"
    rm "$there"
    moves
else
    echo "$row: skipped, the file system has none"
fi
anew "a read-only file system"
mkdir b/disks
FAKE_DISKS="xvda=$tmp/a/disk.img=$tmp/b/disks/disk.img"
if mount --bind b/disks b/disks 2>/dev/null &&
    mount -o remount,bind,ro b/disks 2>/dev/null; then
    cleanup_fn "umount '$tmp/b/disks' 2>/dev/null"
    dry "the file system of $tmp/b/disks is mounted read-only there"
    unmount b/disks
else
    echo "$row: skipped, cannot be mounted"
fi
anew "a file on which another one is mounted"
: >b/disk.img
FAKE_DISKS="xvda=$tmp/a/disk.img=$there"
: >empty
if mount --bind empty b/disk.img 2>/dev/null; then
    cleanup_fn "umount '$there' 2>/dev/null"
    dry "another file is mounted on $there there; unmount it"
    unmount b/disk.img
else
    echo "$row: skipped, cannot be mounted"
fi
pass "what is overwritten is what was checked"
