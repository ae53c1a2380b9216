#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Digests that were read ahead of the first check pass are used for a disk whose
# writes are traced, but for what was written since: an untouched disk is read
# twice (to list it, and to send it), and not a third time to check it.
. "${abs_top_srcdir:=$PWD}/test/lib/functions.sh"
. "$abs_top_srcdir/test/migrate/migration.sh"
. "$abs_top_srcdir/test/track/tracked.sh"

preload=$abs_top_builddir/.libs/libcountreads.so
[ -e "$preload" ] || skip "no libcountreads.so"
seed 33
tracked_setup
can_trace
rm "$tmp/bin/xl-dedup"
cat >"$tmp/bin/xl-dedup" <<END
#!/bin/sh
LD_PRELOAD=$preload exec "$abs_top_builddir/xl-dedup" "\$@"
END
chmod +x "$tmp/bin/xl-dedup"
COUNT_FILE=$tmp/a/disk.img COUNT_LOG=$tmp/read
export COUNT_FILE COUNT_LOG

size=$(stat -c %s "$tmp/a/disk.img")
head -c "$size" /dev/urandom >"$tmp/noise"
dd if="$tmp/noise" of="$loop" bs=1M oflag=direct status=none
moved
said 'its writes are traced'
helpers_gone
n=$(awk '{ n += $1 } END { print n + 0 }' "$COUNT_LOG")
echo "$name: $n bytes were read of $size"
[ "$n" -ge "$size" ] || fail "not counted"
if grep -q 'in doubt\|leaves no trace' "$tmp/err"; then
    skip "the kernel loses events"
fi
[ "$n" -le $((size * 9 / 4)) ] || fail "the disk was read once more"

# With a guest that writes meanwhile, what was read before does not pass for
# what is there.
rm -rf "$tmp/b/disk.img" "$tmp/state-a" "$tmp/state-b"
mkdir "$tmp/state-a" "$tmp/state-b"
writing "$loop" 2000
moved
said 'its writes are traced'
pass "$n bytes were read of $size"
