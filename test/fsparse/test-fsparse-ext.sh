#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# ext2/3/4: the map's files and contents are those that debugfs reads.
. "${abs_top_srcdir:-..}/test/lib/functions.sh"
requires mke2fs debugfs b2sum openssl truncate find
tmpdir
seed 1

# Sizes around the limits of inline data, of blocks and of indirect blocks.
make_tree() {
    mkdir -p "$1/many" "$1/a/b/c"
    for n in 0 1 59 60 61 100 160 300 1023 1024 4095 4096 4097 70000 3000001
    do
        noise "$n" "$n" >"$1/a/b/size-$n"
    done
    for n in $(seq 400); do echo "$n" >"$1/many/a file named $n"; done
    noise sparse 5000 >"$1/a/sparse"
    truncate -s 2000000 "$1/a/sparse"
    noise tail 3000 >>"$1/a/sparse"
    truncate -s 100000 "$1/a/b/c/only a hole"
    printf 'umlaut' >"$1/a/b/c/Überfall"
    noise hard 20000 >"$1/hard-1"
    ln "$1/hard-1" "$1/hard-2"
    ln -s a "$1/symlink"
}

# Compares with what debugfs reads; of the hard links one name is enough.
compare() {
    rm -rf out; mkdir out
    debugfs -R "rdump / out" "$1" 2>/dev/null
    # debugfs 1.47.0 reads 60 bytes of an inline file whatever its size.
    case $2 in *inline*) (cd tree && find . -type f ! -name 'size-[1-9]??*' \
        -exec truncate -cr {} ../out/{} \;) ;; esac
    find out -type f ! -name 'hard-[12]' -exec b2sum -l 256 {} + |
        sed 's/  out/ /' | sort >want
    fsparse-dump "$1" >dump || fail "$2: $(grep BROKEN dump | head -3)"
    grep '^file ' dump | cut -d' ' -f6- | grep -v ' /hard-[12]$' | sort >got
    [ -s want ] || fail "$2: debugfs read nothing"
    diff want got >difference || fail "$2: $(head -5 difference)"
    [ "$(grep -c ' /hard-[12]$' dump)" = 1 ] || fail "$2: hard links"
    grep '^file ' dump | grep ' /hard-' | grep -q "$hard" || fail "$2: hard"
    pass "$2, $(wc -l <got) files"
}

make_tree tree
hard=$(b2sum -l 256 <tree/hard-1 | cut -d' ' -f1)
i=0
while read -r size args; do
    rm -f image; truncate -s "$size" image
    # shellcheck disable=SC2086
    mke2fs -q -F -d tree $args image >log 2>&1 </dev/null ||
        { echo "$name: mke2fs cannot $args: $(tail -1 log)"; continue; }
    compare image "mke2fs $args"
    case $args in *inline_data*)
        [ "$(awk '$1 == "file" && $5 % 2 == 1' dump | wc -l)" -gt 100 ] ||
            fail "no inline files" ;;
    esac
    i=$((i + 1))
done <<EOF
40M -t ext2 -b 1024
40M -t ext2 -b 4096 -O ^dir_index,^filetype
40M -t ext3 -b 2048
40M -t ext4 -b 1024 -O ^64bit,^metadata_csum
64M -t ext4 -b 4096 -O 64bit,metadata_csum
300M -t ext4 -b 65536
40M -t ext4 -b 4096 -I 512 -O inline_data
40M -t ext4 -b 1024 -I 1024 -O inline_data,metadata_csum
64M -t ext4 -b 4096 -O bigalloc -C 65536
64M -t ext4 -b 4096 -O meta_bg,^resize_inode,orphan_file
EOF
[ "$i" -ge 8 ] || fail "only $i kinds of images"

# Fragments, unwritten extents over old data, a file without a name, and a
# journal to replay.
truncate -s 8M frag; mke2fs -q -F -t ext4 -b 1024 -d tree/a frag
noise big 2000000 >big; noise pre 100000 >pre
for n in 59 61 160 1023 4095 70000; do echo "rm /b/size-$n"; done >script
cat >>script <<EOF
write big /big
write pre /pre
rm /b/size-3000001
fallocate /pre 100 140
sif /pre size 200000
write tree/hard-1 /hard-1
feature needs_recovery
EOF
debugfs -w -f script frag >/dev/null 2>&1
block=$(debugfs -R "bmap /pre 110" frag 2>/dev/null | cut -d' ' -f1)
noise under 1024 | dd of=frag bs=1024 seek="$block" conv=notrunc 2>/dev/null
compare frag "fragments, unwritten extents"
grep -q 'journal needs recovery' dump || fail "no note"
debugfs -w -R "unlink /sparse" frag >/dev/null 2>&1
fsparse-dump frag >dump || fail "broken"
grep " $(b2sum -l 256 <tree/a/sparse | cut -d' ' -f1) <[0-9]*>$" dump ||
    fail "file without a name"
pass "journal, no name"

# When files were changed: inodes of 128 bytes have 32 bits for it, and a sign.
last=
while read -r size path value extra want; do
    if [ "$size" != "$last" ]; then
        rm -f times; truncate -s 8M times
        mke2fs -q -F -t ext4 -b 1024 -I "$size" -d tree/a times 2>/dev/null
        last=$size
    fi
    debugfs -w -R "sif $path ctime @$value" times 2>/dev/null
    [ "$extra" = - ] ||
        debugfs -w -R "sif $path ctime_extra $extra" times 2>/dev/null
    fsparse-dump -c times >dump || fail "broken"
    grep -qx "changed $want $path" dump ||
        fail "changed: $want, but $(grep " $path$" dump)"
done <<EOF
128 /b/size-1 1000000000 - 1000000000
128 /b/size-59 2500000000 - -1794967296
256 /b/size-1 1000000000 - 1000000000
256 /b/size-59 2500000000 1 2500000000
256 /sparse 1000000000 6 9589934592
EOF
pass "times of change"

# Who may read a file: everybody (16), or not (0).
mkdir -p who/open/deep who/closed/deep
for file in open/public open/private open/group open/deep/public \
    closed/public closed/deep/public top; do
    echo "$file" >"who/$file"
    chmod 644 "who/$file"
done
chmod 711 who who/open who/open/deep who/closed/deep
chmod 600 who/open/private
chmod 640 who/open/group
chmod 750 who/closed
rm -f image; truncate -s 8M image
mke2fs -q -F -t ext4 -b 1024 -d who image 2>/dev/null
fsparse-dump image >dump || fail "broken"
awk '$1 == "file" { print $5, $7 }' dump | grep ' /' | sort -k 2 >got
cat >want <<EOF
0 /closed/deep/public
0 /closed/public
16 /open/deep/public
0 /open/group
0 /open/private
16 /open/public
16 /top
EOF
diff want got >difference || fail "who may read: $(cat difference)"
pass "who may read"
