#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Whom a file of a reference is described to: with reference-access = proven,
# which is the default, only who has another version of it, and only if
# everybody may read it in its own file system; with open, anybody.  What is
# equal is found in any case.
. "${abs_top_srcdir:=$PWD}/test/lib/functions.sh"
. "$abs_top_srcdir/test/migrate/migration.sh"
requires mke2fs cmp

# Pushes the disk with this line in the configuration; sets kb.
pushed()
{
    { grep -v '^reference-access' b.conf; echo "$1"; } >conf.new
    mv conf.new b.conf
    [ "${2:-}" = keep ] || rm -f b/disk.img
    xl-dedup push --free=send a/disk.img "hostb:$tmp/b/disk.img" \
        >"$tmp/out" 2>"$tmp/err" || { cat "$tmp/err" >&2; fail push; }
    cmp a/disk.img b/disk.img || fail "not identical"
    kb=$(awk '$1 == "total" { print int($5 * 1000) }' "$tmp/err")
    echo "${1:-default}: $kb kB"
}

image() { mke2fs -q -F -t ext4 -d tree "$1" 16M 2>/dev/null || fail mke2fs; }

migration_setup
seed 19
umask 022
mkdir -p tree/open tree/closed
for file in open/public open/private closed/public; do
    noise "$file" 1000000 >"tree/$file"
done
noise same 1000000 >tree/open/same
chmod 600 tree/open/private tree/open/same
chmod 700 tree/closed
image b/reference.img
for file in open/public open/private closed/public; do
    { echo news; cat "tree/$file"; } >new
    cat new >"tree/$file"
done
image a/disk.img
pushed 'reference-access = open'
[ "$kb" -lt 300 ] || fail "$kb kB for some bytes of news"
pushed 'reference-access = proven'
[ "$kb" -gt 1900 ] || fail "$kb kB: a file was described that is private"
[ "$kb" -lt 2300 ] || fail "$kb kB: a file was not described that is public"
proven=$kb
pushed ''
[ "$kb" -gt $((proven - 50)) ] && [ "$kb" -lt $((proven + 50)) ] ||
    fail "$kb kB: proven is not the default"

# What is private may be described if it is of the disk itself.
{ noise first 20000; cat tree/open/private; } >new
cat new >tree/open/private
rm tree/open/same
image a/disk.img
pushed 'reference-access = proven' keep
[ "$kb" -lt 300 ] || fail "$kb kB over the earlier copy"

# Other content of the same name shows nothing, and is sent whole.
noise other 1000000 >tree/open/public
image a/disk.img
pushed 'reference-access = proven'
[ "$kb" -gt 2900 ] || fail "$kb kB for 3000 kB of news"
if XL_DEDUP_CONFIG=$PWD/bad.conf; export XL_DEDUP_CONFIG
    echo 'reference-access = proved' >bad.conf; xl-dedup index >"$tmp/out" 2>&1
then
    fail "a word that is none was taken"
fi
grep -q 'open|proven' "$tmp/out" || fail "no message: $(cat "$tmp/out")"
pass "reference access"
