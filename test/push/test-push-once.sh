#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The source reads its disk once: for its objects and for the check of the whole
# image together.  Counted by the kernel (proc(5), io), of a file system with
# large files and small ones, nearly all of which the target holds.
. "${abs_top_srcdir:=$PWD}/test/lib/functions.sh"
. "$abs_top_srcdir/test/migrate/migration.sh"
requires cmp mke2fs openssl
bytes_read() { awk '$1 == "rchar:" { print $2 }' "$1" 2>/dev/null; }
[ -n "$(bytes_read /proc/self/io)" ] ||
    skip "the kernel does not count what is read"

migration_setup
seed 38
mkdir files
for i in $(seq 300); do
    noise "small$i" "$((i * 120))" >"files/small$i"
done
for i in 1 2 3; do
    noise "large$i" "$((i * 7000000))" >"files/large$i"
done
mke2fs -q -t ext4 -d files b/reference.img 96M || skip "no mke2fs -d"
cp b/reference.img a/disk.img
noise new 100000 | dd of=a/disk.img bs=4096 seek=20000 conv=notrunc status=none
# Otherwise the next write may keep the time, and the source has to look again.
sleep 3
XL_DEDUP_CONFIG=$tmp/b.conf xl-dedup index >/dev/null 2>&1 || fail "no index"

# What a process has read counts for its parent when that has waited for it.
cat >bin/ssh <<END
#!/bin/sh
shift
XL_DEDUP_CONFIG=$tmp/b.conf "\$@"
status=\$?
cat /proc/\$\$/io >$tmp/io
exit \$status
END
sh -c 'xl-dedup push --free=send a/disk.img "hostb:$0/b/disk.img" 2>err
echo $? >status
cat "/proc/$$/io" >"$0/io-all"' "$tmp"
[ "$(cat status)" = 0 ] || fail "$(cat err)"
cmp a/disk.img b/disk.img || fail "what arrived differs"

total=$(bytes_read io-all)
target=$(bytes_read io)
blocks=$(stat -c %b a/disk.img)
read=$((total - target)) disk=$((blocks * 512))
echo "$name: $disk bytes of disk, $read read by the source, $target by the target"
[ "$target" -gt "$disk" ] || fail "that is not what they have read"
# Of segments that are holes in part, all is read.
[ "$read" -gt "$disk" ] && [ "$read" -lt $((disk * 17 / 10)) ] ||
    fail "the source has read $read bytes"
pass "read once"
