#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The N-th allocation, read, write, sync, change of a name, start of a thread
# or process, open or map fails, in each command and at both ends: never a
# crash, a hang, or a result called good that is not; the next try succeeds.
# NTH_SECONDS=30 of cases in the order of SEED; STRIDE=1 runs all, which takes
# hours, ONLY=REGEX those that match: "push/receive/memory".
. "${abs_top_srcdir:=$PWD}/test/lib/functions.sh"
. "$abs_top_srcdir/test/migrate/migration.sh"
requires python3 mke2fs nm
[ -e "$abs_top_builddir/.libs/libfailnth.so" ] || skip "no libfailnth.so"
nm -D "$abs_top_builddir/xl-dedup" | grep -Eq ' __[at]san_' &&
    skip "built with a sanitizer, whose allocator is not ours to replace"

migration_setup
seed 1
printf 'state = %s\n' "$tmp/state-b" >"$tmp/b.conf"
printf 'reference = %s/b/reference*.img\nindex-wait = 900\n' "$tmp" \
    >>"$tmp/b.conf"
destinations >>"$tmp/b.conf"
for command in index status; do
    printf 'state = %s\n' "$tmp/state-$command" >"$tmp/$command.conf"
done
cat >"$tmp/bin/ssh" <<END
#!/bin/sh
# how the other end has ended is written down
XL_DEDUP_CONFIG=$tmp/b.conf
export XL_DEDUP_CONFIG
shift
"\$@"
rc=\$?
echo \$rc >$tmp/ended.\$\$
exit \$rc
END
mkdir tree
noise shared 1000000 >tree/shared
mke2fs -q -t ext4 -d tree b/reference.img 4M 2>/dev/null
noise own 400000 >tree/own
seq 1 60000 >tree/numbers
mke2fs -q -t ext4 -b 1024 -d tree a/one.img 5M 2>/dev/null
cp --sparse=always a/one.img a/twin.img
cp --sparse=always a/one.img a/two.img
XL_DEDUP_CONFIG=$tmp/status.conf xl-dedup allow "$tmp/a/twin.img" ||
    fail "allow"
noise news 50000 | dd of=a/two.img bs=1 seek=3000000 conv=notrunc status=none
SEED=$seed python3 "$abs_top_srcdir/test/faults/nth.py" "$tmp" "$@" ||
    fail "see above"
pass "the N-th call"
