#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# xl-dedup clean: what it removes is what we have made, and with --wipe its
# content goes, too, also that of a device that a failed try has begun.
. "${abs_top_srcdir:=$PWD}/test/lib/functions.sh"
. "$abs_top_srcdir/test/migrate/migration.sh"
requires python3 cmp b3sum

migration_setup
XL_DEDUP_CONFIG=$tmp/b.conf
mkdir b/in other
staging=b/in/.disk.img.xl-dedup

# left PATH [SIZE]: a try that fails leaves something there
left()
{
    said=$(python3 "$abs_top_srcdir/test/push/name-destination.py" \
        --until=PASS_DONE "--size=${2:-0}" "$1" xl-dedup receive 2>err) ||
        fail "$row: $(cat err)"
    [ "$said" = ended ] || fail "$row: $said"
}

# cleans STATUS TEXT [OPTION...]
cleans()
{
    wanted=$1 text=$2
    shift 2
    xl-dedup clean "$@" >out 2>err
    [ $? = "$wanted" ] || fail "$row: not $wanted: $(cat out err)"
    grep -q -e "$text" out err || fail "$row: $(cat out err)"
}

row="a file"
left "$tmp/b/in/disk.img"
grep -q 'what is sent' "$staging" || fail "$row: nothing was left"
exec 9<"$staging"
cleans 0 "^would remove $tmp/$staging" -n -w "$tmp/b/in/disk.img"
cleans 0 "^removed $tmp/$staging" "$tmp/b/in/disk.img"
[ ! -e "$staging" ] || fail "$row: it is there"
grep -q 'what is sent' <&9 || fail "$row: overwritten"

row="a file that is overwritten"
left "$tmp/b/in/disk.img"
exec 9<"$staging"
cleans 0 "^removed $tmp/$staging" --wipe --all
[ ! -e "$staging" ] || fail "$row: it is there"
head -c 12 /dev/zero | cmp - /proc/self/fd/9 || fail "$row: not overwritten"
exec 9<&-

# stays TEXT: what has the name now is not removed, nor is what it leads to
stays()
{
    for option in --all --wipe; do
        cleans 2 "$1" $option "$tmp/b/in/disk.img"
        [ -e "$staging" ] || fail "$row: removed"
    done
    [ "$(cat precious)" = precious ] || fail "$row: overwritten"
    rm "$staging"
}
echo precious >precious
chmod 600 precious
row="a link in its place"
left "$tmp/b/in/disk.img"
rm "$staging"
ln -s "$tmp/precious" "$staging"
stays "cannot be opened"
row="another file in its place"
left "$tmp/b/in/disk.img"
ln -f precious "$staging"
stays "has other names (hard links)"
row="a record of something else"
cp precious b/in/precious
sed -i 's/\.disk\.img\.xl-dedup/precious/' state-b/records/*.json
cleans 2 "the record of $tmp/b/in/precious is damaged" --all
[ -e b/in/precious ] || fail "$row: removed"
rm -r state-b/records b/in/precious
row="a file that is gone"
left "$tmp/b/in/disk.img"
rm "$staging"
cleans 0 "^removed" --all
[ -z "$(ls -A state-b/records)" ] || fail "$row: the record stays"
row="a directory that others can exchange"
left "$tmp/b/in/disk.img"
chmod 777 b
cleans 2 "others may write to the directory $tmp/b" --all
[ -e "$staging" ] || fail "$row: removed"
chmod 755 b
cleans 0 "^removed" --all

[ "$(id -u)" = 0 ] || { echo "devices: skipped, not root"; exit 0; }
truncate -s 1M device.img
device=$(losetup -f --show device.img 2>/dev/null) ||
    { echo "devices: skipped, no loop device"; exit 0; }
cleanup_fn "detach $device"
zero() { cmp -s -n 1048576 "$device" /dev/zero; }

row="a device"
left "$device" 1048576
zero && fail "$row: nothing was left"
cleans 0 "^$device holds a part of a disk; 'xl-dedup clean --wipe $device'" -a
cleans 0 "^$device holds a part of a disk" --wipe --all
cleans 0 "^would overwrite $device" -n --wipe "$device"
zero && fail "$row: overwritten"
cleans 2 "$device is a device, and .*--wipe" "$device"
cleans 0 "^overwrote $device" --wipe "$device"
zero || fail "$row: not overwritten"
cleans 2 "no unfinished copy of $device" --wipe "$device"
row="a device that somebody has written to"
left "$device" 1048576
printf new | dd of="$device" conv=notrunc,fsync status=none
cleans 2 "may have been written to since" --wipe "$device"
[ "$(head -c 3 "$device")" = new ] || fail "$row: overwritten"
pass "clean"
