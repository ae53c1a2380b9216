#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# A host is reset, at every stage (docs/faults.md): all of its processes are
# gone at once.  The target loses what was not on its storage; what is in place
# after that must be whole.
. "${abs_top_srcdir:=$PWD}/test/lib/functions.sh"
. "$abs_top_srcdir/test/migrate/migration.sh"
. "$abs_top_srcdir/test/faults/faults.sh"
requires python3 mke2fs cmp mount

volatile_storage
faults_setup
rows <<'END'
greeting source:GREETING:1:host-a off/gone all -
offer target:DISK:1:host-a off/gone all -
staged-compare target:COMPARED:1:host-a off/gone less -
manifest target:MANIFEST:1:host-a off/gone all -
copied-listing target:LISTING:1:host-a off/gone less -
data target:FREIGHT:14:host-a off/gone less -
live target:SEGMENTS:1:host-a off/gone less -
restore target:RESTORE:1:host-a off/gone less -
memory target:CODED:2:host-a off/gone less -
memory-end target:MEMORY_END:1:host-a off/gone less -
final target:PATCH:1:host-a off/gone less -
place target:PLACE:1:host-a off/gone less -
placed source:PLACED:1:host-a off/gone less -
ready source:XL:2:host-a off/gone less -
go target:XL:2:host-a off/gone less -
report source:XL:3:host-a off/running none -
END
rows <<'END'
greeting source:GREETING:1:host-b untouched all hostb: no connection
offer target:DISK:1:host-b untouched all hostb: the connection was closed
staged-compare target:COMPARED:1:host-b untouched any hostb is kept there
manifest target:MANIFEST:1:host-b untouched all hostb is kept there
copied-listing target:LISTING:1:host-b untouched any hostb is kept there
data target:FREIGHT:14:host-b untouched any hostb is kept there
live target:SEGMENTS:1:host-b untouched any hostb is kept there
restore target:RESTORE:1:host-b untouched less hostb is kept there
memory target:CODED:2:host-b resumed less hostb is kept there
memory-end target:MEMORY_END:1:host-b resumed less hostb is kept there
final target:PATCH:1:host-b resumed less hostb is kept there
copied-final target:MEMORY_END:1:host-b resumed less hostb is kept there
place target:PLACE:1:host-b resumed less hostb is kept there
placed source:PLACED:1:host-b resumed less hostb: the connection was closed
copied-placed source:PLACED:1:host-b resumed less the connection was closed
ready source:XL:2:host-b resumed less hostb: the connection was closed
go target:XL:2:host-b suspended/gone less hostb: the connection was closed
report source:XL:3:host-b suspended/gone less hostb: the connection was closed
END
# Its storage alone fails: every request from then on.
rows <<'END'
staged-compare target:COMPARED:1:storage untouched any Input/output error
manifest target:MANIFEST:1:storage untouched any disk xvda: .*Input/output error
data target:FREIGHT:14:storage untouched any disk xvda: .*Input/output error
live target:SEGMENTS:1:storage untouched any disk xvda: .*Input/output error
restore target:RESTORE:1:storage untouched less Input/output error
memory target:CODED:2:storage resumed less disk xvda: .*Input/output error
final target:PATCH:1:storage resumed less disk xvda: .*Input/output error
place target:PLACE:1:storage resumed less disk xvda: .*Input/output error
END
# Nor could the guest read there; what matters is that xl goes its way.
FAKE_AT_END=
rows <<'END'
placed source:PLACED:1:storage moved none -
END
pass "reset"
