#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# NTFS: the map's streams and contents are those that were written by ntfscp
# and ntfs-3g and that ntfscat reads.
. "${abs_top_srcdir:-..}/test/lib/functions.sh"
. "${abs_top_srcdir:-..}/test/fsparse/ntfs.sh"
requires mkntfs ntfscp ntfscat ntfsls b2sum openssl truncate
tmpdir
seed 2

hash_of() { b2sum -l 256 | cut -d' ' -f1; }
# expect NAME [STREAM]: what ntfscat reads of it is what the map says.
expect() {
    h=$(ntfscat ${2:+-n "$2"} image "$1" 2>/dev/null | hash_of)
    echo "$h /$1${2:+:$2}" >>want
}
# compare WHAT: no stream less, none more.
compare() {
    fsparse-dump image >dump || fail "$1: $(grep BROKEN dump | head -3)"
    sort want >want.s
    grep '^file ' dump | cut -d' ' -f6- | sort >got
    diff want.s got >diff.out || fail "$1: $(head -5 diff.out)"
    pass "$1, $(wc -l <got) streams"
}

start=$(date +%s)
for n in 0 1 300 700 5000 65535 1500000; do noise "$n" "$n" >"size $n"; done
while read -r size cluster; do
    rm -f image want; truncate -s "$size" image
    mkntfs -F -Q -q -c "$cluster" image >log 2>&1 ||
        { echo "$name: mkntfs cannot -c $cluster"; continue; }
    for f in size*; do
        ntfscp -q -f image "$f" "$f" >log 2>&1 || fail "ntfscp: $(cat log)"
        expect "$f"
    done
    for f in 'size 300' 'size 5000'; do
        ntfscp -q -f -N "$f" image "$f" 'size 1' >log 2>&1 || fail "stream"
        expect 'size 1' "$f"
    done
    grep -q "$(hash_of <'size 1500000') /size 1500000" want || fail "ntfscat"
    [ "$(ntfsls -F image | grep -c '^size')" = 7 ] || fail "ntfsls"
    compare "cluster size $cluster"
    fsparse-dump -c image | grep '^changed ' |
        awk -v start="$start" -v now="$(date +%s)" '
            $2 < start || $2 > now { print } END { if (NR < 9) print NR }
        ' >wrong
    [ ! -s wrong ] || fail "times of change: $(head -3 wrong)"
done <<EOF
30M 512
30M 1024
30M 4096
80M 65536
2G 2097152
EOF

# The rest needs a mounted volume.
requires ntfsfallocate ntfsinfo
rm -f image; truncate -s 24M image
mkntfs -F -Q -q -c 512 image >log 2>&1
ntfs_part="the second half: "
mount_ntfs image
mkdir -p m/dir/sub m/frag
pack m/packed
noise u 2000 >"m/dir/sub/Ünïcode 🐧 name"
truncate -s 3000000 m/dir/sparse; noise s 999 >>m/dir/sparse
noise l 40000 >m/linked
for n in $(seq 30); do ln m/linked "m/dir/$(printf '%0100d' "$n")"; done
yes "$seed" | head -c 1000000 >m/packed/text
noise pre 20000 >m/pre
# Holes of two clusters, then a file that takes them and all other room.
noise many 4000000 | split -b 1000 -a 3 - m/frag/
rm m/frag/*[acegikmoqsuwy]
noise frag 24000000 2>/dev/null | dd of=m/fragmented bs=64k 2>/dev/null
rm m/frag/*b
(cd m && find . -type f -links 1 ! -name text ! -path './frag/*') |
    cut -c3- >names
b2sum -l 256 m/frag/* | sed 's,  m/, /,' >want
umount_ntfs
ntfsfallocate -f -l 30000 image pre >log 2>&1 || fail "$(cat log)"
ntfsinfo -v -F fragmented image >info 2>/dev/null
grep -q ATTRIBUTE_LIST info || fail "not fragmented enough"
while read -r f; do expect "$f"; done <names
grep ' /linked$' want >/dev/null && fail "links"
first=$(fsparse-dump image | cut -d' ' -f7- | grep -e '^/linked$' \
    -e '^/dir/0' | cut -c2-)
expect "$first"
# Compressed: the clusters that ntfsinfo lists, one after the other.
ntfsinfo -v -F packed/text image 2>/dev/null |
    awk '/attribute .DATA/ {d = 1}
        d && $2 ~ /^0x/ && NF == 3 {print $2, $3}' >runs
while read -r lcn length; do
    dd if=image bs=512 skip=$((lcn)) count=$((length)) 2>/dev/null
done <runs >raw
echo "$(hash_of <raw) /packed/text" >>want
compare "sparse, compressed, links, fragments, initialized size"
