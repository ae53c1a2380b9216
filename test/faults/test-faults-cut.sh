#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The link is cut in the middle of a frame, at every stage (docs/faults.md).
. "${abs_top_srcdir:=$PWD}/test/lib/functions.sh"
. "$abs_top_srcdir/test/migrate/migration.sh"
. "$abs_top_srcdir/test/faults/faults.sh"
requires python3 mke2fs cmp

faults_setup
rows <<'END'
greeting source:GREETING:1:cut untouched all hostb: no connection
hello target:HELLO:1:cut untouched all hostb: the connection was closed
offer target:DISK:1:cut untouched all hostb: the connection was closed
offer-ok source:DISK_OK:1:cut untouched all hostb: the connection was closed
staged-compare target:COMPARED:1:cut untouched less hostb is kept there
copied-compare target:SEGMENTS:1:cut untouched less hostb is kept there
copied-listing target:LISTING:1:cut untouched less hostb is kept there
manifest target:MANIFEST:1:cut untouched all hostb is kept there
data target:FREIGHT:14:cut untouched less hostb is kept there
live target:SEGMENTS:1:cut untouched less hostb is kept there
live-patch source:BULK_DONE:1:run,target:PATCH:1:cut untouched less kept there
restore target:RESTORE:1:cut untouched less hostb is kept there
restoring source:RESTORING:1:cut untouched less hostb is kept there
memory target:CODED:2:cut resumed less hostb is kept there
memory-end target:MEMORY_END:1:cut resumed less hostb is kept there
final target:PATCH:1:cut resumed less hostb is kept there
copied-final target:MEMORY_END:1:cut resumed less hostb is kept there
place target:PLACE:1:cut resumed less hostb is kept there
placed source:PLACED:1:cut resumed less hostb is kept there
ready source:XL:2:cut resumed less hostb is kept there
go target:XL:2:cut suspended/gone less hostb: the connection was closed
report source:XL:3:cut suspended/running none hostb: the connection was closed
END

# The direction from the source alone is cut: xl cannot write its memory and
# fails, before it is known why.
FAKE_MEMORY=6000000
rows <<'END'
memory target:CODED:1:deaf resumed any hostb: the connection was closed
END
pass "cut"
