#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# What lies on a block device is told to nobody who has not shown that it is
# his: not of a copy, and not of what the admin has allowed to be overwritten,
# in that session and in the next one, however the first one ended.
. "${abs_top_srcdir:=$PWD}/test/lib/functions.sh"
. "$abs_top_srcdir/test/migrate/migration.sh"
. "$abs_top_srcdir/test/lib/proving.sh"
requires python3 b3sum mke2fs cmp losetup
[ "$(id -u)" = 0 ] || skip "not root"

migration_setup
seed 41
mkdir tree
noise files 6000000 | split -b 1000000 - tree/f
disk=$tmp/a/disk.img
mke2fs -q -t ext4 -d tree "$disk" 12M 2>/dev/null
size=$(stat -c %s "$disk")
truncate -s "$size" target
device=$(losetup -f --show "$tmp/target" 2>/dev/null) || skip "no loop devices"
cleanup_fn "detach $device"

sent() { awk '$1 == "total" { print int($5 * 1000) }' "$tmp/err"; }
push()
{
    xl-dedup push --free=send "$@" "$disk" "hostb:$device" >out 2>err </dev/null
}
pushed()
{
    push || { cat err >&2; fail "$row: push"; }
    cmp "$disk" "$device" || fail "$row: they differ"
}
of()
{
    python3 - "$tmp/state-b/records" "$1" <<'END'
import glob, json, sys
for name in glob.glob(sys.argv[1] + "/*.json"):
    o = json.load(open(name))
    if o["role"] != "allowed":
        print(o[sys.argv[2]])
END
}
allow() { XL_DEDUP_CONFIG=$tmp/b.conf xl-dedup allow "$device" || fail allow; }

row="a copy"
pushed
uuid=$(of uuid)
secret=$(of secret)
b2sum "$device" state-b/records/* >before
for proof in a=b "wrong=$secret" "secret=$(printf '%064d' 7)" dry=1; do
    asks "$device" "$proof"
    told "^fail .*$device exists, and the sending host has not shown"
    told '^hashes 0'
    b2sum --quiet -c before || fail "$row: changed"
done
row="the copy, shown"
noise other "$size" >other
asks "$device" "secret=$secret" dry=1 goes=accepted
told '^base=1'
noise news 3000 | dd of="$disk" bs=1 seek=5000000 conv=notrunc status=none
pushed
[ "$(sent)" -lt 200 ] || fail "$row: $(sent) kB"

# Something else is there: the admin gives it up, but does not give it away.
row="given up"
cp other foreign
foreign=$(b2sum <foreign)
dd if=foreign of="$device" bs=1M oflag=direct status=none
allow
push --dry-run || { cat err >&2; fail "$row: dry run"; }
[ "$(b2sum <"$device")" = "$foreign" ] || fail "$row: dry run has written"
asks "$device" image="$disk" lies=1 apart=0
told '^base=1'
told '^witness='
told '^unlike [1-9]'
told '^hashes 0'
[ "$(b2sum <"$device")" = "$foreign" ] || fail "$row: written to before APART"
row="in doubt once more"
mine=$(sed -n 's/^secret=//p' told)
asks "$device" "secret=$mine" image="$disk" lies=1 apart=0
# nothing is noted of a device that was not written to
told '^secret='
told '^hashes 0'
[ "$(b2sum <"$device")" = "$foreign" ] || fail "$row: written to before APART"
row="apart"
# a segment that it knows stays
dd if=foreign of=knows bs=1M count=1 status=none
truncate -s "$size" knows
asks "$device" "secret=$mine" image="$tmp/knows" lies=1
told '^secret='
told '^hashes 0'
cmp knows "$device" || fail "$row: something foreign is left"
dd if=foreign of="$device" bs=1M oflag=direct status=none
allow
asks "$device" image="$disk" lies=1
told '^hashes 0'
[ -z "$(tr -d '\0' <"$device" | head -c 1)" ] || fail "$row: not wiped"
mine=$(sed -n 's/^secret=//p' told)
row="the next try"
asks "$device" "secret=$mine" image="$disk" lies=1
told '^base=1'
told '^known='
told '^hashes 0'
row="given up to who has it"
dd if=foreign of="$device" bs=1M oflag=direct status=none
allow
push --dry-run || { cat err >&2; fail "$row: dry run"; }
pushed
all=$(sent)
[ "$all" -lt 8000 ] || fail "$row: $all kB for 6 MB"
row="then it is a copy"
pushed
[ "$(sent)" -lt 200 ] || fail "$row: $(sent) kB"
asks "$device" "secret=$mine"
told '^fail .*has not shown'
row="placed"
dd if=foreign of="$device" bs=1M oflag=direct status=none
noise other2 "$size" >other2
allow
asks "$device" image="$tmp/other2" goes=placed
told '^placed'
told '^hashes 0'
cmp other2 "$device" || fail "$row: they differ"
pass "devices"
