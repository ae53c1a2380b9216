#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# What cannot be moved is refused in one line that names the disk, the cause
# and the way out; the guest is left alone and nothing is overwritten.
. "${abs_top_srcdir:=$PWD}/test/lib/functions.sh"
. "$abs_top_srcdir/test/migrate/migration.sh"
requires python3 cmp

migration_setup
head -c 3000000 /dev/urandom >"$tmp/a/disk.img"
FAKE_DISKS="xvda=$tmp/a/disk.img=$tmp/b/disk.img"
export FAKE_DISKS

FAKE_FORMAT=qcow2 migrate
refused 'disk xvda: its format is qcow2.*qemu-img convert'

FAKE_DISKS="xvda=$tmp/a/none.img=$tmp/b/none.img" migrate
refused 'none.img: .*No such file'

echo precious >"$tmp/b/disk.img"
migrate
refused 'hostb: disk xvda: .*/b/disk.img exists and is not a known copy'
[ "$(cat "$tmp/b/disk.img")" = precious ] || fail "overwritten"

FAKE_BUSY="$tmp/b/disk.img=other" migrate
refused 'disk xvda: .*in use by domain other'
rm "$tmp/b/disk.img"

FAKE_DISKS="xvda=$tmp/a/disk.img=$tmp/b/no/where/disk.img" migrate
refused 'disk xvda: the directory .*/b/no/where does not exist'

# both ends the same storage
FAKE_DISKS="xvda=$tmp/a/disk.img=$tmp/a/disk.img" migrate
refused 'disk xvda: .*is the same storage on both hosts'

# the plugin is missing there
rm "$tmp/bin/xl-dedup"
XL_DEDUP=$abs_top_builddir/xl-dedup
export XL_DEDUP
printf '#!/bin/sh\nshift\nPATH=/nowhere\nexec "$@"\n' >"$tmp/bin/ssh"
migrate
refused 'hostb: xl-dedup is not installed there'

[ -z "$(ls -A "$tmp/b")" ] || fail "left behind: $(ls -A "$tmp/b")"

# the second of two disks is refused: nothing is made for the first
cp "$abs_top_builddir/xl-dedup" "$tmp/bin/xl-dedup"
printf '#!/bin/sh\nshift\nexec "$@"\n' >"$tmp/bin/ssh"
FAKE_DISKS="xvda=$tmp/a/disk.img=$tmp/b/disk.img \
xvdb=$tmp/a/disk.img=$tmp/b/no/where.img" migrate
refused 'disk xvdb: the directory'
[ -z "$(ls -A "$tmp/b")" ] || fail "left behind: $(ls -A "$tmp/b")"
