#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Ctrl-C at every stage: for the terminal's process group, which is xl, the
# source's helper and ssh, and for xl alone (docs/faults.md).
. "${abs_top_srcdir:=$PWD}/test/lib/functions.sh"
. "$abs_top_srcdir/test/migrate/migration.sh"
. "$abs_top_srcdir/test/faults/faults.sh"
requires python3 mke2fs cmp

faults_setup
rows <<'END'
greeting source:GREETING:1:group killed all -
offer target:DISK:1:group killed all -
staged-compare target:COMPARED:1:group killed less hostb is kept there
manifest target:MANIFEST:1:group killed all hostb is kept there
copied-listing target:LISTING:1:group killed less hostb is kept there
data target:FREIGHT:14:group killed less hostb is kept there
live target:SEGMENTS:1:group killed less hostb is kept there
restore target:RESTORE:1:group killed less hostb is kept there
memory target:CODED:2:group resumed less hostb is kept there
memory-end target:MEMORY_END:1:group resumed less hostb is kept there
final target:PATCH:1:group resumed less hostb is kept there
place target:PLACE:1:group resumed less hostb is kept there
placed source:PLACED:1:group resumed less hostb is kept there
ready source:XL:2:group resumed less hostb is kept there
go target:XL:2:group suspended/gone less hostb is kept there
report source:XL:3:group suspended/running none -
END
rows <<'END'
greeting source:GREETING:1:xl killed all -
offer target:DISK:1:xl killed all xl ended the migration
staged-compare target:COMPARED:1:xl killed less xl ended the migration
manifest target:MANIFEST:1:xl killed all xl ended the migration
copied-listing target:LISTING:1:xl killed less xl ended the migration
data target:FREIGHT:14:xl killed less xl ended the migration
live target:SEGMENTS:1:xl killed less xl ended the migration
restore target:RESTORE:1:xl killed less xl ended the migration
memory target:CODED:2:xl resumed less xl ended the migration
memory-end target:MEMORY_END:1:xl resumed less interrupted
final target:PATCH:1:xl resumed less interrupted
place target:PLACE:1:xl resumed less interrupted
placed source:PLACED:1:xl resumed less interrupted
ready source:XL:2:xl moved none -
go target:XL:2:xl moved none -
report source:XL:3:xl moved none -
END
