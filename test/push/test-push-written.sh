#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Push of an image that somebody writes to after its segments were hashed ahead
# of the check pass, or compared before the manifest: what arrives is the image
# as it is at the end.
. "${abs_top_srcdir:=$PWD}/test/lib/functions.sh"
. "$abs_top_srcdir/test/migrate/migration.sh"
requires python3 mke2fs cmp

migration_setup
seed 31
mkdir tree
for i in 1 2 3 4 5 6; do noise "f$i" 2000000 >"tree/f$i"; done
mke2fs -q -t ext4 -d tree a/disk.orig 20M 2>/dev/null
cat >bin/ssh <<END
#!/bin/sh
XL_DEDUP_CONFIG=$tmp/b.conf
export XL_DEDUP_CONFIG
exec python3 $abs_top_srcdir/test/faults/fault-proxy.py "\$@"
END
FAULT_COMMAND="head -c 5000 /dev/urandom |
dd of=$tmp/a/disk.img bs=1M seek=3 conv=notrunc status=none"
FAULT_LOG=$tmp/faults
export FAULT_COMMAND FAULT_LOG

# push FAULT: of an image that had not been written to for long
push()
{
    cp a/disk.orig a/disk.img
    touch -d '1 hour ago' a/disk.img
    rm -f faults
    FAULT=$1 xl-dedup push --free=send a/disk.img "hostb:$tmp/b/disk.img" \
        2>err || fail "$1: $(cat err)"
    [ "$(cat faults)" = "$1" ] || fail "$1 never came"
    cmp -s a/disk.orig a/disk.img && fail "$1: nothing was written"
    cmp a/disk.img b/disk.img || fail "$1: what arrived differs"
}

push source:BULK_DONE:1:run
# now over the copy of it that is there; by themselves, not in a LISTING
rm -r state-a/listings
push target:MANIFEST:1:run
push source:BULK_DONE:1:run
