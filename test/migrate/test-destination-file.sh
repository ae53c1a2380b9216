#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Which file a disk becomes at the target: behind a symbolic link, with whose
# owner, mode and attributes.
. "${abs_top_srcdir:=$PWD}/test/lib/functions.sh"
. "$abs_top_srcdir/test/migrate/migration.sh"
. "$abs_top_srcdir/test/push/dry-run.sh"
requires python3 cmp

migration_setup
seed 173
noise disk 3000000 >a/disk.img
there=$tmp/b/disk.img
FAKE_DISKS="xvda=$tmp/a/disk.img=$there"
FAKE_AT_END="cmp $tmp/a/disk.img $there"
export FAKE_DISKS FAKE_AT_END

# dry [TEXT]: a dry run changes nothing, and is refused with this text if any
dry()
{
    wanted=${1:+2}
    snapshot >before
    migrate --dry-run -C /dev/null
    unchanged
    [ "$status" = "${wanted:-0}" ] ||
        { cat out err >&2; fail "$row: dry run: $status"; }
    [ -z "${1:-}" ] || said "$1"
}

moves()
{
    migrate
    [ "$status" = 0 ] || { cat err >&2; fail "$row: status $status"; }
    helpers_gone
    cmp a/disk.img "$there" || fail "$row: not equal"
}

row="a link to an earlier copy"
moves
mkdir pool
mv b/disk.img pool/copy.img
# whoever renames it may have done more
XL_DEDUP_CONFIG=$tmp/b.conf "$XL_DEDUP" allow "$tmp/pool/copy.img" ||
    fail "$row: allow"
ln -s ../pool/copy.img b/disk.img
dry
[ "$(awk '$1 == "xvda" { print int($6 * 10) }' out)" = 0 ] ||
    { cat out >&2; fail "$row: the copy is not used"; }
moves
[ "$(readlink b/disk.img)" = ../pool/copy.img ] || fail "$row: no link"
[ "$(ls -A pool b)" = "b:
disk.img

pool:
copy.img" ] || fail "$row: $(ls -A pool b)"
# it is known now
dry
moves
XL_DEDUP_CONFIG=$tmp/b.conf "$XL_DEDUP" status >status.out ||
    fail "$row: status"
grep -q "$tmp/pool/copy.img" status.out || fail "$row: $(cat status.out)"

row="a link to something else"
echo precious >pool/copy.img
dry "$tmp/pool/copy.img was written to since"
migrate
refused "$tmp/pool/copy.img was written to since.*xl-dedup allow $tmp/pool"
[ "$(cat pool/copy.img)" = precious ] || fail "$row: overwritten"
XL_DEDUP_CONFIG=$tmp/b.conf "$XL_DEDUP" allow "$there" || fail "$row: allow"
dry
moves

row="a link to an empty file"
rm -r state-b pool/copy.img
mkdir state-b
: >pool/copy.img
moves
[ -L b/disk.img ] || fail "$row: no link"
cmp a/disk.img pool/copy.img || fail "$row: not there"

row="a link to nothing"
rm pool/copy.img
text="$there is a symbolic link there to ../pool/copy.img, which does not exist"
dry "hostb: disk xvda: $text"
migrate
refused "hostb: disk xvda: $text"
XL_DEDUP_CONFIG=$tmp/b.conf "$XL_DEDUP" allow "$there" 2>err &&
    fail "$row: allowed"
said 'which does not exist'

row="a link to the source's own disk"
ln -sf ../a/disk.img b/disk.img
dry 'same storage on both hosts'
migrate
refused 'same storage on both hosts'
rm b/disk.img

if [ "$(id -u)" != 0 ]; then
    echo "owners: skipped, not root"
    exit 0
fi

owner_is()
{
    [ "$(stat -c '%U %G %a' "${2:-$there}")" = "$1" ] ||
        fail "$row: $(stat -c '%U %G %a' "${2:-$there}"), not $1"
}

row="a new file"
chown daemon:games a/disk.img
chmod 4640 a/disk.img
moves
owner_is "daemon games 640"
XL_DEDUP_CONFIG=$tmp/a.conf xl-dedup push --free=send a/disk.img \
    "hostb:$tmp/b/pushed.img" >out 2>err || fail "$row: $(cat err)"
owner_is "daemon games 640" b/pushed.img

row="an earlier copy"
chown root:disk a/disk.img
chmod 600 a/disk.img
dry
moves
owner_is "daemon games 640"

row="a new file whose owner is not known"
rm b/disk.img
chown 54321:disk a/disk.img
chmod 666 a/disk.img
moves
owner_is "root root 600"

row="a prepared file"
truncate -s 120M pool.btrfs
rm b/disk.img b/pushed.img
if mkfs.btrfs -q pool.btrfs 2>/dev/null &&
    mount -o loop pool.btrfs b 2>/dev/null; then
    cleanup_fn "umount '$tmp/b'"
else
    echo "$row: no btrfs, without attribute C"
fi
: >b/disk.img
chown games:daemon b/disk.img
chmod 664 b/disk.img
chattr +C b/disk.img 2>/dev/null
lsattr b/disk.img >attributes 2>/dev/null
# user::rw-,user:7:rw-,group::r--,mask::rw-,other::r--
cat >acl.py <<'END'
import os, struct, sys
acl = struct.pack("<I", 2)
for tag, perm, who in ((1, 6, -1), (2, 6, 7), (4, 4, -1), (16, 6, -1),
                       (32, 4, -1)):
    acl += struct.pack("<HHi", tag, perm, who)
name = "system.posix_acl_access"
if sys.argv[1] == "set":
    os.setxattr(sys.argv[2], name, acl)
else:
    assert os.getxattr(sys.argv[2], name) == acl
END
list=1
python3 acl.py set b/disk.img 2>/dev/null ||
    { echo "$row: no access lists"; list=; }
moves
owner_is "games daemon 664"
lsattr b/disk.img >attributes.now 2>/dev/null
cmp attributes attributes.now || fail "$row: attributes are not kept"
[ -z "$list" ] || python3 acl.py get b/disk.img ||
    fail "$row: the access list is not kept"
pass "which file a disk becomes"
