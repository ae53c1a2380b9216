#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# What both hosts know of a disk since the last time is not told again: a guest
# that comes back, or an image that is pushed again, after light use, costs next
# to nothing; and a listing that is gone, damaged, cut or another disk's makes
# it cost what it did before, and nothing else.
. "${abs_top_srcdir:=$PWD}/test/lib/functions.sh"
. "$abs_top_srcdir/test/migrate/migration.sh"
requires python3 mke2fs debugfs cmp tee

migration_setup
seed 31
mv bin/ssh bin/plain-ssh
cat >bin/ssh <<END
#!/bin/sh
tee "\$RECORD.source" | $tmp/bin/plain-ssh "\$@" | tee "\$RECORD.target"
END
chmod +x bin/ssh

# bytes NAME: of both directions
bytes() { cat "$1.source" "$1.target" | wc -c; }

# decoded NAME [LISTING]
decoded()
{
    python3 "$abs_top_srcdir/test/lib/wire-decode.py" "$1.source" "$1.target" \
        ${2:+"$2"} >"$1.frames" 2>decode-err ||
        { tail -3 "$1.frames"; cat decode-err; fail "$1: not by the page"; }
}
packed() { grep -q ' LISTING ' "$1.frames" || fail "$1: no LISTING"; }
plain() { ! grep -q ' LISTING ' "$1.frames" || fail "$1: a LISTING"; }
listing() { ls "$tmp/$1/listings"/*; }

# push NAME
push()
{
    RECORD=$tmp/$1; export RECORD
    xl-dedup push --free=send a/disk.img "hostb:$tmp/b/disk.img" 2>err ||
        { cat err; fail "$1"; }
    cmp a/disk.img b/disk.img || fail "$1: they differ"
}

mkdir tree
noise files 160000 | split -a 4 -b 40 -d - tree/f || fail split
mke2fs -q -t ext4 -N 8192 -d tree a/disk.img 48M 2>/dev/null || fail mke2fs

push first
decoded first
plain first
cmp "$(listing state-a)" "$(listing state-b)" >/dev/null &&
    fail "the path is not in it"
cp "$(listing state-a)" old

# a file changes, one comes and one goes
noise other 60 >one
debugfs -w -R "rm f0017" a/disk.img 2>/dev/null
debugfs -w -R "write one f0017" a/disk.img 2>/dev/null
debugfs -w -R "write one new" a/disk.img 2>/dev/null
debugfs -w -R "rm f3000" a/disk.img 2>/dev/null
cp a/disk.img changed.img
push again
decoded again old
packed again
again=$(bytes again)

# the same change, where one side does not know
for how in gone damaged cut empty other; do
    rm -rf b/disk.img state-a state-b
    mkdir state-a state-b
    cp changed.img now.img
    # as it was at first, so that the listing is the same
    debugfs -w -R "rm new" a/disk.img 2>/dev/null
    push "before-$how"
    file=$(listing state-b)
    case $how in
    gone) rm "$file" ;;
    damaged) printf '\377' | dd of="$file" bs=1 seek=30000 conv=notrunc \
        status=none ;;
    cut) truncate -s -100 "$file" ;;
    empty) : >"$file" ;;
    other) sed 's,/b/disk.img,/b/desk.img,' "$file" >x && mv x "$file" ;;
    esac
    cp now.img a/disk.img
    push "$how"
    decoded "$how"
    plain "$how"
    [ "$(bytes "$how")" -gt $((again * 4)) ] ||
        fail "$how: $(bytes "$how") bytes, packed $again"
done
echo "$again bytes, $(bytes gone) without a listing"
[ "$again" -lt 20000 ] || fail "$again bytes for a change of three files"

# a dry run uses it and changes nothing
push settled
before=$(cat state-?/listings/* | cksum)
RECORD=$tmp/dry
xl-dedup push --dry-run --free=send a/disk.img "hostb:$tmp/b/disk.img" \
    >out 2>err || { cat err; fail "dry run"; }
decoded dry "$(listing state-a)"
packed dry
[ "$before" = "$(cat state-?/listings/* | cksum)" ] || fail "dry run: kept"

# a guest goes and comes back; its disk's path is another one there
rm -rf state-a state-b b/disk.img
mkdir state-a state-b
FAKE_DISKS="xvda=$tmp/a/disk.img=$tmp/b/guest.img"
FAKE_AT_END="cmp $tmp/a/disk.img $tmp/b/guest.img"
export FAKE_DISKS FAKE_AT_END
RECORD=$tmp/there
migrate
[ "$status" = 0 ] || { cat err >&2; fail "there: $status"; }
helpers_gone
decoded there
plain there
cp "$(listing state-b)" old
debugfs -w -R "rm f0099" b/guest.img 2>/dev/null
sed -i "s,^state.*,state = $tmp/state-b," a.conf
sed -i "s,^state.*,state = $tmp/state-a," b.conf
FAKE_DISKS="xvda=$tmp/b/guest.img=$tmp/a/disk.img"
RECORD=$tmp/back
migrate
[ "$status" = 0 ] || { cat err >&2; fail "back: $status"; }
helpers_gone
decoded back old
packed back

# what is kept of a disk that is gone goes as well
rm a/disk.img
FAKE_DISKS="xvda=$tmp/b/guest.img=$tmp/a/another.img"
FAKE_AT_END=
migrate
[ "$status" = 0 ] || { cat err >&2; fail "another: $status"; }
helpers_gone
set -- state-a/listings/*
[ $# = 1 ] || fail "kept: $*"
