#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# A guest that writes across every round until it is suspended, and what
# stands in the way of tracing it: the disks are equal in the end, and the
# log says which way was taken.  On a busy machine some kernels lose the event
# of the canary as well; then that is said, and is as good.
. "${abs_top_srcdir:=$PWD}/test/lib/functions.sh"
. "$abs_top_srcdir/test/migrate/migration.sh"
. "$abs_top_srcdir/test/track/tracked.sh"

requires pgrep setpriv
seed 21
tracked_setup
can_trace

writing "$loop" 20000
moved
said 'its writes are traced (by completion)'
not_said 'cannot be traced (.*\(process\|perf\|tracefs\)'

# A buffer of one page, which overflows while nobody can empty it: the
# source's helper, a child of xl, is stopped for a moment.
echo 'trace-buffer = 4096' >>"$tmp/a.conf"
writing "$loop" 1000
FAKE_WRITE="helper=\$(pgrep -P \$PPID -x xl-dedup)
kill -STOP \$helper
sleep 0.5
kill -CONT \$helper
$FAKE_WRITE"
moved
said 'what was written is in doubt (.*all of it is compared again\|leaves no trace'
sed -i '/trace-buffer/d' "$tmp/a.conf"

# Somebody else traces the same device.
mkfifo "$tmp/hold"
tracker-tool "$loop" <"$tmp/hold" >"$tmp/other" 2>/dev/null &
other=$!
exec 7>"$tmp/hold"
echo collect >&7
writing "$loop" 20000
moved
said 'its writes are traced (by completion)'
echo collect >&7
echo stop >&7
exec 7>&-
wait "$other"
grep -c '^collect [0E].* [1-9]' "$tmp/other" | grep -qx 2 ||
    fail "the other tracer saw nothing: $(cat "$tmp/other")"

# Somebody has the file open for writing, and writes past the loop device, as
# QEMU with an emulated disk would; then one who comes while it is traced.
writing "$tmp/a/disk.img" 20000
moved
said 'cannot be traced (process .*tracker-writer.* has the file open for'
said 'compared once more while the guest stands still'
rm "$tmp/stopped"
FAKE_WRITE="head -c 9000 /dev/urandom | dd of=$tmp/a/disk.img bs=1 \
seek=5000001 conv=notrunc status=none"
moved
said 'no longer tracked: .*\(the file open for writing\|leaves no trace\)'

# The kernel does not let us trace.
writing "$loop" 20000
migrate() {
    status=0
    timeout 120 setpriv --bounding-set=-sys_admin,-perfmon \
        "$abs_top_builddir/xl" migrate --dedup g1 hostb \
        >"$tmp/out" 2>"$tmp/err" </dev/null || status=$?
}
moved
said 'its writes cannot be traced (.*\(perf\|tracefs\)'
