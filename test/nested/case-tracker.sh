# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The tests of the write tracker, those that race with a writer included, with
# the kernel that traces in a dom0.  By name only: they take their time.
set -u
. "${bed_src:?}/lib.sh"
. "$bed_src/bed.sh"

# One test of make check at HOST; its last line tells what it saw.
tracker_test()
{
    local rc=0

    bed_limit=900 on "$1" "cd /tmp && d=/usr/local/lib/xl-dedup-test &&
        PATH=\$d:\$PATH abs_top_srcdir=\$d abs_top_builddir=\$d TRACK_MIB=24 \
            sh \$d/test/track/test-tracker-$2.sh" || rc=$?
    [ "$rc" = 77 ] && rc=0
    return "$rc"
}

on a 'modprobe zram num_devices=0'
for test in refused events loop lost muted blktrace dm zram; do
    assert "tracker: $test" tracker_test a "$test"
    tail -1 "$case_dir/assert.out" | sed 's/^/          /'
done
exit "$case_failed"
