#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# What no parser understands is compared with blocks anywhere in the
# references: content in another order, files of an XFS at other places, at
# other alignments, in partitions.  Nothing in common costs little.
. "${abs_top_srcdir:=$PWD}/test/lib/functions.sh"
. "$abs_top_srcdir/test/migrate/migration.sh"
. "$abs_top_srcdir/test/push/dry-run.sh"
requires mke2fs sfdisk cmp python3

# pushed IMAGE: sets $kb
pushed()
{
    xl-dedup push --free=send "a/$1" "hostb:$tmp/b/$1" >out 2>err ||
        { cat err >&2; fail "push of $1"; }
    cmp "a/$1" "b/$1" || fail "$1 is not identical"
    kb=$(awk '$1 == "total" { print int($5 * 1000 + 0.5) }' err)
    echo "$1: $kb kB"
    rm "b/$1"
}

# at_most KB: was sent
at_most() { [ "$kb" -le "$1" ] || { cat err >&2; fail "more than $1 kB"; }; }

# shuffled NAME MB: "common" in another order, every tenth block another one
shuffled()
{
    python3 - "$1-$seed" "$2" <<'END'
import random
import sys
r = random.Random(sys.argv[1])
with open("common", "rb") as f:
    data = f.read(int(sys.argv[2]) << 20)
blocks = [data[i:i + 4096] for i in range(0, len(data), 4096)]
r.shuffle(blocks)
for i in range(0, len(blocks), 10):
    blocks[i] = r.randbytes(4096)
sys.stdout.buffer.write(b"".join(blocks))
END
}

migration_setup
seed 71
noise common $((48 << 20)) >common
cp common b/reference.img
shuffled whole 48 >a/whole.img
row="dry run"
snapshot >before
xl-dedup push --dry-run --free=send a/whole.img "hostb:$tmp/b/whole.img" \
    >out 2>err || { cat err >&2; fail "dry run"; }
unchanged
estimate=$(estimated_kb)
pushed whole.img
at_most 5200                        # 5033 are new, lists take 74
near "$estimate" "$kb"
rm b/reference.img

# In partitions beside an ext4, which begin at sectors that are no multiple of a
# block; and the reference's is not where the disk's is.
mkdir tree
noise file 3000000 >tree/file
mke2fs -q -t ext4 -d tree ext.img 8M 2>/dev/null
# partitioned OUT START DATA
partitioned()
{
    truncate -s 64M "$1"
    printf '2048,16384,L\n%s,,L\n' "$2" | sfdisk -q "$1" 2>/dev/null ||
        fail sfdisk
    dd if=ext.img of="$1" bs=1M seek=1 conv=notrunc,sparse status=none
    dd if="$3" of="$1" bs=512 seek="$2" conv=notrunc status=none
}
partitioned b/reference2.img 18435 common
for start in 20480 20485; do
    shuffled $start 40 >data
    partitioned a/part.img $start data
    pushed part.img
    at_most 4500                    # 4194 are new, 160 of unknown alignment
done
rm b/reference2.img

# Two siblings of a file system that is not parsed, made of files in another
# order.  A prototype file spares the mount.
# xfs OUT NAME...
xfs()
{
    image=$1
    shift
    { printf '/nothing\n0 0\nd--755 0 0\n'
      for f; do printf '%s ---644 0 0 %s\n' "$f" "$tmp/files/$f"; done
      printf '$\n'
    } >proto
    truncate -s 320M "$image"
    mkfs.xfs -q -p proto "$image" || fail mkfs.xfs
}
if command -v mkfs.xfs >/dev/null; then
    mkdir files
    for i in $(seq 60); do
        noise "file$i" $(((i * 7919 % 300 + 1) * 5000)) >"files/f$i"
    done
    noise new 2000000 >files/new
    # shellcheck disable=SC2046  # names are words
    xfs b/reference3.img $(seq -f f%g 60)
    # shellcheck disable=SC2046
    xfs a/xfs.img new $(seq -f f%g 60 -1 1)
    pushed xfs.img
    at_most 2400                    # of 47000
    rm b/reference3.img
    # the same files, where they are parsed
    rm files/new
    mke2fs -q -t ext4 -d files b/reference3.img 200M 2>/dev/null
    pushed xfs.img
    at_most 2400
    rm b/reference3.img
else
    echo "no mkfs.xfs, so no siblings"
fi

# Nothing is found: a sample of the lists is all that it costs.
noise own $((40 << 20)) >a/own.img
pushed own.img
alone=$kb
cp common b/reference4.img
pushed own.img
at_most $((alone + 40))
pass "anywhere"
