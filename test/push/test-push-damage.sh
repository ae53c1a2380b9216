#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Push between a receiver that was killed and one that finishes: what arrived
# before the kill is used.  A reference that changes under the receiver, and
# one that cannot be parsed, cost bytes and nothing else.
. "${abs_top_srcdir:=$PWD}/test/lib/functions.sh"
. "$abs_top_srcdir/test/migrate/migration.sh"
requires mke2fs cmp

migration_setup
seed 12
mkdir tree
for i in 1 2 3 4 5 6 7 8; do noise "f$i" 2000000 >"tree/f$i"; done
mke2fs -q -t ext4 -d tree a/disk.img 40M 2>/dev/null

# The connection dies after some 9 MB: dd passes on what each read gave it.
cat >bin/cut-ssh <<END
#!/bin/sh
shift
XL_DEDUP_CONFIG=$tmp/b.conf
export XL_DEDUP_CONFIG
dd bs=65536 count=140 status=none | "\$@"
END
chmod +x bin/cut-ssh
xl-dedup push --free=send -e "$tmp/bin/cut-ssh" a/disk.img "hostb:$tmp/b/disk.img" \
    2>err && fail "a cut connection went unnoticed"
grep -q 'hostb: the connection was closed' err || fail "no reason: $(cat err)"
[ -e b/disk.img ] && fail "an unfinished copy was put in place"
[ -e b/.disk.img.xl-dedup ] || fail "nothing was kept"
kept=$(du -k b/.disk.img.xl-dedup | cut -f1)
XL_DEDUP_CONFIG=$tmp/b.conf xl-dedup status >status
grep -q "^unfinished.*/b/.disk.img.xl-dedup$" status || fail "$(cat status)"
XL_DEDUP_CONFIG=$tmp/b.conf xl-dedup clean | grep . && fail "it is not old"
xl-dedup push --free=send a/disk.img "hostb:$tmp/b/disk.img" 2>err || fail "second try"
XL_DEDUP_CONFIG=$tmp/b.conf xl-dedup status >status
grep -q "^unfinished" status && fail "finished: $(cat status)"
grep -q "^received.*/b/disk.img$" status || fail "$(cat status)"
cmp a/disk.img b/disk.img || fail "second try differs"
sent=$(awk '$1 == "total" { print int($5 * 1000) }' err)
all=$(du -k a/disk.img | cut -f1)
echo "of $all KiB $kept were kept, the second try sent $sent kB"
[ "$kept" -gt 4000 ] || fail "only $kept KiB were kept"
# at most five hundredths of what had arrived
[ "$sent" -lt $(((all - kept + kept / 20) * 1024 / 1000)) ] ||
    fail "too much was sent again"

# Another broken try, and its remains are thrown away.
noise news 12000000 >a/news.img
xl-dedup push --free=send -e "$tmp/bin/cut-ssh" a/news.img "hostb:$tmp/b/news.img" 2>err
XL_DEDUP_CONFIG=$tmp/b.conf xl-dedup clean --all |
    grep -q '^removed .*/b/.news.img.xl-dedup' || fail "clean removed nothing"
[ -e b/.news.img.xl-dedup ] && fail "clean left it"
[ -e b/disk.img ] || fail "clean removed a finished copy"

# References whose content is not what their scan said.
noise junk 40000000 >b/reference-junk.img
cp a/disk.img b/reference-lying.img
for i in 20 25 30; do
    noise "x$i" 100000 |
        dd of=b/reference-lying.img bs=1M seek="$i" conv=notrunc status=none
done
rm b/disk.img
xl-dedup push --free=send a/disk.img "hostb:$tmp/b/disk.img" 2>err || fail "references"
cmp a/disk.img b/disk.img || fail "a bad reference made a bad copy"

# A parser that fails: everything goes as unknown blocks.
rm b/disk.img b/reference*
XL_DEDUP_PARSER=/bin/false xl-dedup push --free=send a/disk.img \
    "hostb:$tmp/b/disk.img" 2>err || fail "without a parser"
cmp a/disk.img b/disk.img || fail "without a parser differs"
pass "damage"
