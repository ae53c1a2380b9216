#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# One of the helpers is killed, at every stage (docs/faults.md).
. "${abs_top_srcdir:=$PWD}/test/lib/functions.sh"
. "$abs_top_srcdir/test/migrate/migration.sh"
. "$abs_top_srcdir/test/faults/faults.sh"
requires python3 mke2fs cmp

faults_setup
# The source's: only the hook inside xl can still say something.
rows <<'END'
greeting source:GREETING:1:sender untouched all -
offer target:DISK:1:sender untouched all the helper has ended
staged-compare target:COMPARED:1:sender untouched less the helper has ended
manifest target:MANIFEST:1:sender untouched all the helper has ended
copied-listing target:LISTING:1:sender untouched less the helper has ended
data target:FREIGHT:14:sender untouched less the helper has ended
live target:SEGMENTS:1:sender untouched less the helper has ended
restore target:RESTORE:1:sender untouched less the helper has ended
memory target:CODED:2:sender resumed less -
memory-end target:MEMORY_END:1:sender resumed less the helper has ended
final target:PATCH:1:sender resumed less the helper has ended
place target:PLACE:1:sender resumed less the helper has ended
placed source:PLACED:1:sender resumed less the helper has ended
ready source:XL:2:sender resumed less -
go target:XL:2:sender suspended/running none -
report source:XL:3:sender suspended/running none -
END
# The target's.  What it has not yet taken off the line is lost with it, so more
# is sent before that.
rows <<'END'
greeting source:GREETING:1:target untouched all hostb: the connection was closed
offer target:DISK:1:target untouched all hostb: the connection was closed
staged-compare target:COMPARED:1:target untouched less hostb is kept there
manifest target:MANIFEST:1:target untouched all hostb is kept there
copied-listing target:LISTING:1:target untouched less hostb is kept there
data target:FREIGHT:20:target untouched any hostb is kept there
live target:SEGMENTS:1:target untouched less hostb is kept there
restore target:RESTORE:1:target untouched less hostb is kept there
restoring source:RESTORING:1:target running less hostb is kept there
memory target:CODED:2:target resumed less hostb is kept there
memory-end target:MEMORY_END:1:target resumed less hostb is kept there
final target:PATCH:1:target resumed less hostb is kept there
place target:PLACE:1:target resumed less hostb is kept there
placed source:PLACED:1:target resumed less hostb: the connection was closed
ready source:XL:2:target suspended/gone less nothing was heard of g1
go target:XL:2:target suspended/gone less hostb: the connection was closed
report source:XL:3:target moved none -
END

# xl itself, when it has just suspended its guest: as without --dedup the guest
# stays so, but nobody waits for a word of xl.
row=xl
reset
FAKE_KILLED=1 migrate
all_gone
said 'xl ended the migration'
said 'hostb is kept there'
[ "$(state a)/$(state b)" = suspended/gone ] ||
    complain "the guest is $(state a)/$(state b)"
check_target
check_second less
pass "killed"
