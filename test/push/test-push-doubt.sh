#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# What is called free is left out only if it is nobody's: of an image with any
# contradiction in its file system or its partition table every byte arrives,
# and the reason is said.  The same images without it still save.
. "${abs_top_srcdir:=$PWD}/test/lib/functions.sh"
. "$abs_top_srcdir/test/migrate/migration.sh"
requires mke2fs debugfs mkntfs ntfscp ntfsinfo sfdisk cmp python3

copied()
{
    rm -f copy
    xl-dedup push "$@" "$tmp/copy" >out 2>err ||
        { cat err >&2; fail "push of $*"; }
}

# doubted NAME IMAGE REASON: all of it is copied, and why is said
doubted()
{
    copied "$2"
    grep -q "$2: .*its free space is copied as well: $3" err ||
        { cat err >&2; fail "$1: was not said: $3"; }
    cmp "$2" copy || fail "$1: not identical"
    echo "$1: $(sed -n 's/.*copied as well: //p' err)"
}

# saved NAME IMAGE: what is free is left out
saved()
{
    copied "$2"
    cmp -s "$2" copy && { cat err >&2; fail "$1: free space was sent"; }
    grep -q 'free space is copied' err && fail "$1: $(grep copied err)"
    echo "$1: saved"
}

poke() { printf '%b' "$3" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none; }
zero() { head -c "$3" /dev/zero | dd of="$1" bs=1 seek="$2" conv=notrunc \
    status=none; }
change()
{
    for command; do
        debugfs -w -R "$command" disk >/dev/null 2>&1 </dev/null
    done
}

# asked COMMAND: debugfs says
asked() { debugfs -R "$1" disk 2>/dev/null </dev/null; }

# ext [OPTION...]: ./disk, with noise in its free blocks
ext()
{
    cp noise disk
    mke2fs -q -F -b 1024 -E nodiscard -d tree "$@" disk 12M >/dev/null 2>&1 ||
        fail "mke2fs $*"
}

migration_setup
seed 73
noise noise 12582912 >noise
mkdir -p tree/d tree/attr
noise kept 600000 >tree/kept
for i in $(seq 300); do : >"tree/d/a-name-of-some-length-$i"; done
python3 -c 'f = open("tree/pieces", "wb")
for i in range(0, 600, 2): f.seek(i * 1024); f.write(b"x")'
setfattr -n user.long -v "$(yes attribute | head -c 700)" tree/attr \
    2>/dev/null || skip "no extended attributes here"

# A bitmap that lies although the state says clean.
for type in ext2 ext3 ext4 'ext4 -O ^metadata_csum' 'ext4 -O mmp,quota' \
    'ext4 -O bigalloc -C 16384' 'ext4 -O meta_bg,^resize_inode' \
    'ext4 -O sparse_super2' 'ext4 -O inline_data,ea_inode -I 256'; do
    # shellcheck disable=SC2086
    ext -t $type
    saved "$type" disk
done
in_use='the bitmap calls blocks free that are in use'
for type in ext2 ext3 ext4; do
    for path in /d '<2>' /kept '<7>'; do
        ext -t $type
        for block in $(asked "blocks $path"); do change "freeb $block"; done
        doubted "$type, blocks of $path" disk "$in_use"
    done
    ext -t $type
    change "freeb $(asked 'stat /attr' | sed -n 's/.*File ACL: //p')"
    doubted "$type, attributes" disk "$in_use"
done
ext -t ext3
change "freeb $(asked 'stat /pieces' | sed -n 's/.*(IND):\([0-9]*\).*/\1/p')"
doubted "indirect block" disk "$in_use"
ext -t ext4
change "freeb $(asked 'stat /pieces' | sed -n 's/.*(ETB0):\([0-9]*\).*/\1/p')"
doubted "extent tree" disk "$in_use"
ext -t ext4
change "freeb $(asked 'bmap <8> 1')"
doubted "journal" disk "$in_use"
ext -t ext4
change "freeb $(asked 'stats' |
    sed -n 's/.*inode table at \([0-9]*\).*/\1/p' | head -n 1)"
doubted "inode table" disk "$in_use"
ext -t ext4
change 'freeb 8193'
doubted "backup of the superblock" disk "$in_use"
ext -t ext4 -O mmp
change "freeb $(asked 'stats' | sed -n 's/^MMP block number: *//p')"
doubted "mmp block" disk "$in_use"
ext -t ext4 -O quota
change "freeb $(asked 'bmap <3> 0')"
doubted "quota" disk "$in_use"

# Other contradictions.
ext -t ext4
zero disk 2048 1024
doubted "no descriptors" disk 'the checksum of group 0 is wrong'
copied --dry-run disk
grep -q 'copied as well: the checksum of group 0' err || fail "a dry run"
ext -t ext3
zero disk 2048 1024
doubted "no descriptors, no checksums" disk '.'
ext -t ext4
change 'ssv free_blocks_count 4000'
doubted "count of blocks" disk 'its count of free blocks is wrong'
ext -t ext4
change 'set_bg 0 free_inodes_count 9' 'set_bg 0 checksum calc'
doubted "count of inodes" disk 'its count of free inodes is wrong'
ext -t ext3
change "freei <$(asked 'stat /kept' | sed -n 's/^Inode: \([0-9]*\).*/\1/p')>"
doubted "bitmap of inodes" disk 'directory 2 names an inode that is not'
ext -t ext4
zero disk $(($(asked 'stats' | sed -n 's/.*block bitmap at \([0-9]*\).*/\1/p' |
    head -n 1) * 1024)) 4
doubted "checksum of a bitmap" disk 'a bitmap cannot be read or is damaged'
# nobody looks for what the inodes after the first ones claim
ext -t ext4 -O uninit_bg,^metadata_csum -N 1200 -g 8192
change 'set_bg 0 itable_unused 900' 'set_bg 0 checksum calc'
doubted "inodes out of sight" disk 'the bitmap of its inodes is wrong'
ext -t ext4
change "sif /kept block[5] $(asked 'bmap /d 0')" \
    "sif /kept checksum 0" "sif /kept checksum calc"
doubted "two owners" disk '.'
ext -t ext3
change "sif /kept block[0] $(asked 'bmap /d 0')"
doubted "two owners, block map" disk 'inode .* claims blocks that others claim'
ext -t ext4
poke disk $(($(asked 'bmap <8> 0') * 1024 + 28)) '\0\0\0\01'
doubted "journal that is not empty" disk 'its journal needs recovery'
ext -t ext4
change 'feature needs_recovery'
doubted "needs_recovery" disk 'its journal needs recovery'
ext -t ext4
change 'ssv state 0'
doubted "mounted" disk 'it was not unmounted cleanly'
ext -t ext4
change 'ssv error_count 1'
doubted "errors" disk 'errors were found in it'
ext -t ext4
change 'ssv last_orphan 12'
doubted "orphans" disk 'files were deleted while they were open'
ext -t ext4
change 'feature shared_blocks'
doubted "shared_blocks" disk 'it has a feature that is not understood'
ext -t ext4 -O mmp
mmp=$(($(asked 'stats' | sed -n 's/^MMP block number: *//p') * 1024))
poke disk $((mmp + 4)) '\01\0\0\0'
doubted "multi-mount protection" disk 'another host may have it mounted'

# NTFS: ntfs CLUSTER, and the first cluster of an attribute as ntfsinfo has it.
ntfs()
{
    cp noise disk
    mkntfs -q -Q -F -c 1024 disk >/dev/null 2>&1 || fail "mkntfs"
    for i in $(seq 60); do
        ntfscp -q disk tree/attr/../d/a-name-of-some-length-1 \
            "a-name-of-some-length-$i" || fail "ntfscp"
    done
    ntfscp -q disk tree/kept kept || fail "ntfscp"
    cp disk ntfs
}

# lcn RECORD ATTRIBUTE
lcn()
{
    ntfsinfo -f -v -i "$1" disk 2>/dev/null | awk -v a="$2" '
        /^Dumping attribute/ { here = index($0, a) }
        here && /Runlist/ { getline; print $2; exit }'
}

# A cluster that the bitmap calls free.
clear_bit()
{
    python3 - "$(($1))" "$(($(lcn 6 '$DATA')))" <<'END'
import sys
cluster, bitmap = int(sys.argv[1]), int(sys.argv[2])
with open("disk", "r+b") as f:
    f.seek(bitmap * 1024 + cluster // 8)
    old = f.read(1)[0]
    assert old >> cluster % 8 & 1
    f.seek(bitmap * 1024 + cluster // 8)
    f.write(bytes([old & ~(1 << cluster % 8)]))
END
}

ntfs
saved "ntfs" disk
for part in '0 $DATA' '0 $BITMAP' '1 $DATA' '2 $DATA' '5 $INDEX_ALLOCATION' \
    '6 $DATA' '9 $DATA' '10 $DATA'; do
    cp ntfs disk
    # shellcheck disable=SC2086
    cluster=$(lcn $part)
    [ -n "$cluster" ] || continue
    clear_bit "$cluster" || fail "ntfs: $part: no such bit"
    doubted "ntfs, $part" disk "$in_use"
    seen="${seen:-} $part"
done
case $seen in *'0 $DATA'*INDEX_ALLOCATION*) ;; *) fail "ntfs: only $seen" ;; esac
cp ntfs disk
catalogue='\0153\0207\010\070\0166\0301\0110\0116\0267\0256\04\04\0156\0154\0307\0122'
poke disk $((0x1e00)) "$catalogue"
saved "ntfs, no snapshots any more" disk
poke disk $((0x1e32)) '\01'
doubted "ntfs, snapshots" disk 'it has shadow copies'
cp ntfs disk
poke disk $(($(lcn 1 '$DATA') * 1024 + 1024 + 60)) 'x'
doubted "ntfs, mirror" disk 'its $MFTMirr is not like its $MFT'

# Tables.  table LINE...: ./disk of 40 MB with noise and these partitions
table()
{
    cat noise noise noise noise | head -c 41943040 >disk
    zero disk 0 65536
    zero disk $((40 * 1048576 - 65536)) 65536
    printf '%s\n' "$@" | sfdisk -q --force --no-reread disk >sfdisk.log 2>&1 ||
        { cat sfdisk.log >&2; fail "sfdisk $*"; }
}

# empty_table: ./disk of 40 MB with an empty MBR
empty_table()
{
    cat noise noise noise noise | head -c 41943040 >disk
    zero disk 0 65536
    zero disk $((40 * 1048576 - 65536)) 65536
    poke disk 510 '\0125\0252'
}

# entry NUMBER TYPE START SECTORS [SECTOR]: of the table in that sector
entry()
{
    python3 - "$@" <<'END'
import struct
import sys
number, kind, start, length, sector = (
    int(a, 0) for a in (sys.argv[1:] + ["0"])[:5])
with open("disk", "r+b") as f:
    f.seek(sector * 512 + 446 + 16 * number)
    f.write(struct.pack("<8BII", 0, 0, 0, 0, kind, 0, 0, 0,
                        start & 0xffffffff, length))
    if sector:
        f.write(bytes(48 - 16 * number))
    f.seek(sector * 512 + 510)
    f.write(b"\x55\xaa")
END
}

# fill START: a file system of 10 MB there, in sectors
fill()
{
    mke2fs -q -F -t ext4 -E "nodiscard,offset=$(($1 * 512))" -d tree disk \
        10M >/dev/null 2>&1 || fail "mke2fs at $1"
}

table 'label: dos' '2048,20480,83' '24576,49152,5' '26624,20480,83'
fill 2048
fill 26624
saved "logical partition" disk
table 'label: gpt' '2048,20480' '24576,20480'
fill 24576
fill 2048
saved "gpt" disk
copied disk
for start in 2048 24576; do
    cmp -s -i $((start * 512)) -n $((20480 * 512)) disk copy &&
        fail "gpt: nothing left out of the partition at $start"
done
empty_table
entry 0 0x83 2048 40960
entry 1 0x83 24576 20480
fill 2048
doubted "overlap" disk 'partition 2 overlaps it'
empty_table
entry 0 0x83 10240 20480
entry 1 0x83 2048 61440
fill 10240
doubted "enclosed" disk 'partition 2 overlaps it'
empty_table
entry 0 0x83 2048 30720
entry 1 0x05 18432 40960
entry 0 0x83 14336 20480 18432
fill 2048
doubted "logical table" disk 'an extended partition reaches into it'
# the chain of logical partitions goes astray
empty_table
entry 0 0x83 2048 20480
entry 1 0x05 24576 40960
entry 0 0x83 2048 10240 24576
entry 1 0x05 -8192 10240 24576
entry 0 0x83 20480 10240 16384
fill 2048
doubted "chain" disk 'the tables of logical partitions have no end'
table 'label: dos' '2048,20480,83'
fill 2048
poke disk $((446 + 4)) '\0216'
doubted "lvm" disk "its partition is LVM's"
poke disk $((446 + 4)) '\0102'
doubted "dynamic disk" disk 'it is on a dynamic disk'
poke disk $((446 + 4)) '\0203'
saved "one partition" disk
poke disk $((40 * 1048576 - 512)) 'PRIVHEAD'
doubted "database of dynamic disks" disk 'it is on a dynamic disk'
table 'label: gpt' '2048,20480'
fill 2048
entry 1 0x83 12288 8192
doubted "hybrid table" disk "another table's entry reaches into it"
table 'label: gpt' '2048,20480'
fill 2048
zero disk $((40 * 1048576 - 512)) 16
doubted "backup of the table" disk 'the GPT and its backup are damaged'
table 'label: dos' '2048,20480,83'
fill 2048
poke disk 512 'EFI PART'
doubted "an old table" disk 'the disk has remains of a GPT'
table 'label: dos' '2048,20480,83'
fill 2048
cp disk whole
mke2fs -q -F -t ext2 -b 4096 -E nodiscard disk 1M >/dev/null 2>&1
dd if=whole of=disk bs=1024 count=1 conv=notrunc status=none
doubted "the whole disk" disk 'the disk as a whole belongs to something else'
ext -t ext4
poke disk 450 '\0203\0\0\0\0\0\010\0\0\0\010\0\0'
poke disk 510 '\0125\0252'
doubted "a table in a file system" disk '.'
pass "all doubts"
