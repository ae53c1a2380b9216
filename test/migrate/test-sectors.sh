#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# A guest does not get sectors of another size than it has: what its backend
# offers here is compared with what it would get there, a file counting as what
# it is served with, before anything is written and in a dry run too.  Disks of
# the same go from a device to a file and back.
. "${abs_top_srcdir:=$PWD}/test/lib/functions.sh"
. "$abs_top_srcdir/test/migrate/migration.sh"
. "$abs_top_srcdir/test/push/dry-run.sh"
requires python3 losetup cmp
[ "$(id -u)" = 0 ] || skip "not root"

migration_setup
seed 59
truncate -s 8M a/disk.img b/disk.img
noise disk 3000000 | dd of=a/disk.img conv=notrunc status=none
cp a/disk.img a/cold.img

# loop VARIABLE FILE BYTES
loop()
{
    value=$(losetup -f --show --sector-size "$3" "$2" 2>/dev/null) ||
        skip "no loop devices with such sectors"
    eval "$1=$value"
    cleanup_fn "detach $value"
}
truncate -s 8M a/512 a/4096 b/512 b/4096
for bytes in 512 4096; do
    cp a/cold.img "a/$bytes"
    loop "a$bytes" "$tmp/a/$bytes" "$bytes"
    loop "b$bytes" "$tmp/b/$bytes" "$bytes"
done
# what the cases below need is set up
: "${a512:?}" "${a4096:?}" "${b512:?}" "${b4096:?}"
[ "$(blockdev --getss "$b4096")" = 4096 ] || skip "sectors stay at 512 bytes"
echo config >g1.cfg
export FAKE_DISKS

# other ROW SOURCE TARGET MESSAGE: neither the dry run nor the real one goes on
other()
{
    row=$1 FAKE_DISKS=xvda=$2=$3
    b2sum b/* >held
    snapshot >before
    migrate --dry-run -C g1.cfg
    [ "$status" = 2 ] || fail "$row: dry run: $status"
    said "$4"
    unchanged
    migrate -C g1.cfg
    refused "$4"
    b2sum b/* | diff held - || fail "$row: something was written"
    echo "$row: $(cat err)"
}
rm -f b/disk.img
other up "$a512" "$b4096" "$b4096 has sectors of 4096 bytes there, .* 512 here"
other down "$a4096" "$b512" "$b512 has sectors of 512 bytes there, .* 4096 here"
other to-file "$a4096" "$tmp/b/disk.img" \
    'b/disk.img is a file, .* sectors of 512 bytes there, .* 4096 here'
# the file itself tells nothing, its loop device does
other served-file "$tmp/a/4096" "$tmp/b/disk.img" \
    'sectors of 512 bytes there, .* 4096 here'
other file-up "$tmp/a/cold.img" "$b4096" 'sectors of 4096 bytes there, .* 512'

# same ROW SOURCE TARGET: it is moved
same()
{
    row=$1 FAKE_DISKS=xvda=$2=$3
    migrate --dry-run -C g1.cfg
    [ "$status" = 0 ] || { cat err >&2; fail "$row: dry run: $status"; }
    migrate -C g1.cfg
    [ "$status" = 0 ] || { cat err >&2; fail "$row: $status"; }
    ! grep -q 'physical sectors' err || fail "$row: $(cat err)"
    cmp "$2" "$3" || fail "$row: differs"
    helpers_gone
}
same device-to-file "$a512" "$tmp/b/disk.img"
same file-to-device "$tmp/a/cold.img" "$b512"
same device-to-device "$a4096" "$b4096"
# a device is not made, nor a file in its place
row=no-device FAKE_DISKS=xvda=$a512=/dev/xl-dedup-nonexistent
migrate -C g1.cfg
refused 'does not exist there; create it with 8388608 bytes'
[ ! -e /dev/xl-dedup-nonexistent ] || fail "a file was made"

# push ROW SOURCE TARGET [OPTION]: sets $status
push()
{
    row=$1 source=$2 target=$3
    shift 3
    status=0
    timeout 120 xl-dedup push "$@" "$source" "hostb:$target" >out 2>err \
        </dev/null || status=$?
}
b2sum b/* >held
for way in --dry-run --free=send; do
    for case in "$a512 $b4096" "$a4096 $b512" "$tmp/a/cold.img $b4096"; do
        push "cold $way" "${case% *}" "${case#* }" "$way"
        [ "$status" = 2 ] || fail "$row, $case: $status"
        said 'has sectors of .* bytes there, .* here'
        b2sum b/* | diff held - || fail "$row, $case: something was written"
    done
done
# a file that nobody serves has no sectors
push cold-file "$a4096" "$tmp/b/cold.img"
[ "$status" = 0 ] || { cat err >&2; fail "$row: $status"; }
cmp "$a4096" b/cold.img || fail "$row: differs"
pass "sectors"
