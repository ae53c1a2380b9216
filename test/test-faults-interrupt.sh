#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Ctrl-C at every stage: for the terminal's process group, which is xl, the
# source's helper and ssh, and for xl alone (docs/faults.md).
. "${abs_top_srcdir:=$PWD}/test/functions.sh"
. "$abs_top_srcdir/test/migration.sh"
. "$abs_top_srcdir/test/faults.sh"
requires python3 mke2fs cmp

faults_setup
rows <<'END'
greeting source:GREETING:1:group killed all -
offer target:DISK:1:group killed all -
staged-compare target:COMPARED:1:group killed less -
manifest target:MANIFEST:1:group killed all -
data target:DATA:7:group killed less -
live target:SEGMENTS:1:group killed less -
restore target:RESTORE:1:group killed less -
memory target:MEMORY:4:group resumed less -
memory-end target:MEMORY_END:1:group resumed less interrupted
final target:PATCH:1:group resumed less interrupted
place target:PLACE:1:group resumed less interrupted
placed source:PLACED:1:group resumed less interrupted
END
rows <<'END'
offer target:DISK:1:xl killed all xl ended the migration
data target:DATA:7:xl killed less xl ended the migration
memory target:MEMORY:4:xl resumed less xl ended the migration
final target:PATCH:1:xl resumed less interrupted
placed source:PLACED:1:xl resumed less interrupted
END
