#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The target's storage is full or broken, at every stage (docs/faults.md).
. "${abs_top_srcdir:=$PWD}/test/lib/functions.sh"
. "$abs_top_srcdir/test/migrate/migration.sh"
. "$abs_top_srcdir/test/faults/faults.sh"
requires python3 mke2fs cmp
[ -e "$abs_top_builddir/.libs/libfailio.so" ] || skip "no libfailio.so"

# a sanitized helper wants its runtime first
ASAN_OPTIONS=${ASAN_OPTIONS-}:verify_asan_link_order=0:detect_leaks=0
export ASAN_OPTIONS
faults_setup
rows <<'END'
data io=pwrite:16:ENOSPC untouched less disk xvda: no space left for .*is kept
data io=pwrite:16:EIO untouched less disk xvda: .*Input/output error
copied-data io=pwrite:1:ENOSPC untouched less disk xvda: .*No space left
live io=fdatasync:1:EIO untouched less disk xvda: .*Input/output error
END

FAULT_COMMAND="touch $tmp/armed"
FAULT_IO_AFTER=$tmp/armed
export FAULT_IO_AFTER
rows <<'END'
final target:MEMORY_END:1:run,io=pwrite:1:ENOSPC resumed less no space left for
final target:MEMORY_END:1:run,io=fdatasync:1:EIO resumed less Input/output error
place target:PLACE:1:run,io=fdatasync:1:EIO resumed less Input/output error
place target:PLACE:1:run,io=fsync:1:ENOSPC resumed less no space left for
END
FAULT_COMMAND="$guest_writes
touch $tmp/armed"
rows <<'END'
live source:BULK_DONE:1:run,io=pwrite:1:ENOSPC untouched less no space left for
END
unset FAULT_IO_AFTER

# The same where it is really full: somebody else filled it meanwhile.
if ! mount -t tmpfs -o size=24m,mode=755 none "$tmp/b" 2>/dev/null; then
    echo "skipped: no small file system can be mounted"
    exit 0
fi
cleanup_fn "umount -l '$tmp/b'"
FAULT_COMMAND="cat /dev/zero >$tmp/b/filler 2>/dev/null || :"
rows <<'END'
manifest target:MANIFEST:1:run untouched all disk xvda: no space left for
data target:FREIGHT:14:run untouched less disk xvda: no space left for .*is kept
END
