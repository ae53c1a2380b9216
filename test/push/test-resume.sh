#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# What a try that failed has brought is not sent again: of what lies at the
# target already at most 5 % cross once more, for a push and for a migration.
. "${abs_top_srcdir:=$PWD}/test/lib/functions.sh"
. "$abs_top_srcdir/test/migrate/migration.sh"
. "$abs_top_srcdir/test/faults/faults.sh"
requires python3 mke2fs cmp

faults_setup
FAKE_MEMORY=1000
FAKE_WRITE=true

# blocks FILE: bytes in its blocks that are not zero; with the disk's only
# those that are equal
blocks()
{
    python3 - "$disk" "$1" <<'END'
import sys
disk, other = (open(name, "rb").read() for name in sys.argv[1:])
print(sum(4096 for i in range(0, len(disk), 4096)
          if any(disk[i:i + 4096]) and disk[i:i + 4096] == other[i:i + 4096]))
END
}

push()
{
    status=0
    timeout 120 xl-dedup push "$disk" "hostb:$tmp/b/disk.img" \
        >"$tmp/out" 2>"$tmp/err" </dev/null || status=$?
}

for how in push migrate; do
    reset
    FAULT=target:FREIGHT:14:cut $how
    [ "$status" != 0 ] || fail "$how: was not cut"
    arrived=$(blocks "$tmp/b/.disk.img.xl-dedup")
    missing=$(($(blocks "$disk") - arrived))
    [ "$arrived" -gt 1000000 ] && [ "$missing" -gt 1000000 ] ||
        fail "$how: $arrived bytes arrived, $missing did not"
    $how
    [ "$status" = 0 ] || { cat "$tmp/err" >&2; fail "$how: second try"; }
    cmp "$disk" "$tmp/b/disk.img" || fail "$how: differs"
    again=$(($(sent) * 1000 - missing))
    echo "$how: $arrived bytes arrived, $missing were missing," \
        "the second try sent $(sent) kB"
    [ "$again" -le $((arrived / 20)) ] || fail "$how: $again bytes again"
done
pass "resumed"
