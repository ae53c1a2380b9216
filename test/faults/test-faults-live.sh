#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Faults in the rounds that send what the guest wrote (docs/faults.md), where
# writes can be traced: while the bulk is checked, while the memory is copied,
# and after the suspension.
. "${abs_top_srcdir:=$PWD}/test/lib/functions.sh"
. "$abs_top_srcdir/test/migrate/migration.sh"
. "$abs_top_srcdir/test/faults/faults.sh"
requires python3 mke2fs cmp losetup mount

traced_disk
volatile_storage
faults_setup
# So much that it is not left for later.
FAULT_COMMAND=$(echo "$guest_writes" |
    sed 's/-c 12288/-c 1638400/; s/bs=4096 seek=1221/bs=1M seek=6/')
rows <<'END'
round target:PASS_END:1:run,target:DELTA:1:cut untouched less kept there
round target:PASS_END:1:run,target:DELTA:1:sender untouched less the helper has
round target:PASS_END:1:run,target:DELTA:1:target untouched less kept there
round target:PASS_END:1:run,target:DELTA:1:group killed less kept there
round target:PASS_END:1:run,target:DELTA:1:xl killed less xl ended
round target:PASS_END:1:run,target:DELTA:1:storage untouched any Input/output
round target:PASS_END:1:run,target:DELTA:1:host-a off/gone less -
round target:PASS_END:1:run,target:DELTA:1:host-b untouched less kept there
last target:DELTA:1:cut resumed less kept there
last target:DELTA:1:sender resumed less the helper has
last target:DELTA:1:target resumed less kept there
last target:DELTA:1:group resumed less kept there
last target:DELTA:1:xl resumed less interrupted
last target:DELTA:1:storage resumed less put/output error
last target:DELTA:1:host-a off/gone less -
last target:DELTA:1:host-b resumed less kept there
END
# The guest goes on for a while after it wrote.
FAKE_WRITE="$guest_writes; sleep 2"
rows <<'END'
memory-round target:DELTA:1:cut resumed less kept there
memory-round target:DELTA:1:sender resumed less -
memory-round target:DELTA:1:target resumed less kept there
memory-round target:DELTA:1:group resumed less kept there
memory-round target:DELTA:1:xl resumed less xl ended
memory-round target:DELTA:1:storage resumed less put/output error
memory-round target:DELTA:1:host-a off/gone less -
memory-round target:DELTA:1:host-b resumed less kept there
END
# No space for what the guest wrote.
[ -e "$abs_top_builddir/.libs/libfailio.so" ] || skip "no libfailio.so"
FAULT_COMMAND="touch $tmp/armed" FAULT_IO_AFTER=$tmp/armed
export FAULT_IO_AFTER
rows <<'END'
memory-round target:DELTA:1:run,io=pwrite:1:ENOSPC resumed less no space left
END
FAKE_WRITE=$guest_writes
rows <<'END'
last target:DELTA:1:run,io=pwrite:1:ENOSPC resumed less no space left for
END
pass "rounds"
