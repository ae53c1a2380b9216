#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Images at random: file systems with damaged bitmaps and metadata, partitions
# that overlap, tables in the wrong places.  By default push leaves out what is
# free; in its copy every file, every directory and the verdict of e2fsck and
# of ntfsprogs are the same as at the source, before and after e2fsck -fy, and
# so is every byte that belongs to something else.  ROUNDS of the
# environment says how many, KINDS of which kind.
. "${abs_top_srcdir:=$PWD}/test/lib/functions.sh"
. "$abs_top_srcdir/test/migrate/migration.sh"
requires mke2fs e2fsck debugfs mkntfs ntfscp ntfscat ntfsls ntfsinfo ntfsfix \
    ntfsresize cmp python3 setfattr

# Nothing else here may tell the two apart.
E2FSCK_TIME=1700000000 E2FSPROGS_FAKE_TIME=1700000000
export E2FSCK_TIME E2FSPROGS_FAKE_TIME

# verdict NAME COMMAND...: what it says of ./fs and its status, to ./NAME
verdict()
{
    verdict=$1
    shift
    timeout 60 "$@" >"$verdict" 2>&1 </dev/null
    echo "status $?" >>"$verdict"
    # A number of blocks that e2fsck 1.47.0 has never set, of a file that is too
    # big: another one each time, of the same file system.
    sed -i '/i_blocks is/s/should be [0-9]\{13,\}/should be another/' "$verdict"
}

# The tree as debugfs gives it; of what a repair makes, the time is its own.
listed()
{
    rm -rf dump
    mkdir dump
    debugfs -R "rdump / dump" fs >dumped 2>&1 </dev/null
    find dump ! -type d -printf '%P %y %m %U %G %s %l\n' -o \
        -printf '%P %y %m %U %G\n' | sort >tree.list
    find dump -type f -exec b2sum {} + | sort -k 2 >tree.sums
    rm -rf dump
}

look_ext()
{
    verdict checked e2fsck -fn fs
    cp fs whole
    listed
    mv tree.list before.list
    mv tree.sums before.sums
    verdict repaired e2fsck -fy fs
    verdict clean e2fsck -fn fs
    listed
    mv whole fs
}

look_ntfs()
{
    verdict checked ntfsfix -n fs
    verdict sized ntfsresize --info --force --no-progress-bar fs
    verdict list ntfsls -f -s -l fs
    verdict boot ntfsinfo -f -m fs
    for file in kept packed many-3 many-60; do
        verdict "file-$file" ntfscat -f fs "$file"
    done
}

# look IMAGE KIND START LENGTH: into a directory, with file names that do not
# depend on which image it is
look()
{
    rm -rf look
    mkdir look
    tail -c "+$(($3 + 1))" "$1" | head -c "$4" >look/fs
    (cd look && "look_$2")
    rm -f look/fs
    rm -rf "$1.look"
    mv look "$1.look"
}

# The parts of ./disk that ./parts names are the same in ./copy: byte for byte,
# or, of a file system, to those who look at it.
compare()
{
    while read -r what start length; do
        cmp -s -i "$start" -n "$length" disk copy && continue
        [ "$what" != all ] ||
            bad "$length bytes at $start that are not the file system's"
        look disk "$what" "$start" "$length"
        look copy "$what" "$start" "$length"
        diff -ru disk.look copy.look >difference ||
            bad "$what at $start: $(head -n 12 difference)"
    done <parts
}

bad()
{
    cat made out >&2
    [ -z "${KEEP:-}" ] || cp disk copy parts made out "$KEEP"
    fail "image $image ($kind): $*"
}

# try_image KIND
try_image()
{
    python3 "$abs_top_srcdir/test/push/random-image.py" "$seed-$image-" "$1" ||
        fail "image $image ($1): cannot be made"
    rm -f copy
    timeout 100 xl-dedup push disk "$tmp/copy" >out 2>&1 ||
        bad "push failed"
    [ -z "${KEEP:-}" ] || cat out >>"$KEEP/said"
    cmp -s disk copy || skipped=$((skipped + 1))
    compare
}

migration_setup
seed "$(date +%s)"
noise noise 50331648 >noise
mkdir -p tree/d tree/many
noise kept 900000 >tree/kept
noise gone 700000 >tree/gone
yes packed | head -c 300000 >tree/packed
ln tree/kept tree/d/link
ln -s "$(yes long | head -n 30 | tr -d '\n')" tree/d/symlink
mkfifo tree/d/fifo
noise deep 40000 >tree/d/deep
truncate -s 3M tree/d/sparse
for i in $(seq 0 99); do
    noise "many $i" "$((i * 97))" >"tree/many/$i"
done
noise attr 10 >tree/attr
setfattr -n user.long -v "$(yes attribute | head -c 700)" tree/attr \
    tree/many/7 2>/dev/null
for cluster in 512 4096; do
    head -c 14000000 noise >"ntfs.$cluster"
    mkntfs -q -Q -F -c "$cluster" "ntfs.$cluster" >/dev/null 2>&1 ||
        fail "mkntfs"
    for file in kept packed; do
        ntfscp -q "ntfs.$cluster" "tree/$file" "$file" || fail "ntfscp"
    done
    for i in $(seq 0 3 99); do
        ntfscp -q "ntfs.$cluster" "tree/many/$i" "many-$i" || fail "ntfscp"
    done
done

skipped=0 image=0
for round in $(seq "${ROUNDS:-8}"); do
    for kind in ${KINDS:-ext ext table ntfs}; do
        image=$((image + 1))
        try_image "$kind"
    done
done
[ "$skipped" -gt 0 ] || fail "nothing was ever left out"
pass "$image images in $round rounds, free space left out in $skipped"
