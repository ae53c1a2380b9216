#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# What another user has put where we write, or could exchange, is not used: a
# staging file, a directory on the way, the state directory.
. "${abs_top_srcdir:=$PWD}/test/lib/functions.sh"
. "$abs_top_srcdir/test/migrate/migration.sh"
requires python3 cmp

migration_setup
XL_DEDUP_CONFIG=$tmp/b.conf
mkdir b/in
disk=$tmp/b/in/disk.img staging=b/in/.disk.img.xl-dedup

named()
{
    said=$(python3 "$abs_top_srcdir/test/push/name-destination.py" "$@" \
        "$disk" xl-dedup receive 2>"$tmp/err") || fail "$row: $(cat err)"
}

# refuses TEXT: also a dry run does
refuses()
{
    for dry in "" --dry; do
        named $dry
        case $said in
        "refused: disk a: "$1) ;;
        *) fail "$row: ${dry}said $said" ;;
        esac
    done
}

# planted TEXT: it is refused with this, and stays as it is
planted()
{
    stat -c '%i %s %y %h %U %a %F' "$staging" >before
    refuses "$tmp/$staging $1*remove it"
    stat -c '%i %s %y %h %U %a %F' "$staging" >after
    cmp before after || fail "$row: it was changed"
    [ ! -e "$disk" ] || fail "$row: the disk was made"
    rm -f "$staging"
}

fill() { printf 'what is sent' >"$staging"; chmod 600 "$staging"; }

row="a link"
echo precious >precious
chmod 600 precious
ln -s "$tmp/precious" "$staging"
planted "is there, but cannot be opened*"
row="a link to nothing"
ln -s "$tmp/new" "$staging"
planted "is there, but cannot be opened*"
[ ! -e new ] || fail "$row: made"
row="a second name"
ln precious "$staging"
planted "is there and has other names (hard links)*"
[ "$(cat precious)" = precious ] || fail "$row: written to"
row="a mode that lets others in"
for mode in 660 644; do
    fill
    chmod $mode "$staging"
    planted "is there and has the mode $mode, not 600*"
done
row="a fifo"
mkfifo "$staging"
planted "is there and is not a regular file*"

row="one of ours"
: >"$staging"
chmod 600 "$staging"
named --dry
[ "$said" = estimated ] || fail "$row: $said"
inode=$(stat -c %i "$staging")
named
[ "$said" = placed ] || fail "$row: $said"
[ "$(stat -c %i "$disk")" = "$inode" ] || fail "$row: not used"
[ "$(cat "$disk")" = "what is sent" ] || fail "$row: $(cat "$disk")"
rm "$disk"
row="one of ours, and of another source"
fill
named
[ "$said" = placed ] || fail "$row: $said"
[ "$(cat "$staging")" = "what is sent" ] || fail "$row: it was changed"
rm "$disk" "$staging"

# other MODE: of the directory
other()
{
    chmod "$1" b/in
    refuses "$2"
    [ -z "$(ls -A b/in)" ] || fail "$row: $(ls -A b/in)"
    chmod 755 b/in
}
row="a directory that others write to"
other 775 "others may write to the directory $tmp/b/in, *chmod go-w $tmp/b/in*"
other 757 "others may write to the directory $tmp/b/in, *"
other 1777 "everybody may make files in the directory $tmp/b/in; *"
row="one on the way"
chmod 775 b
refuses "others may write to the directory $tmp/b, *"
chmod 1777 b
named
[ "$said" = placed ] || fail "$row: $said"
rm "$disk"
chmod 755 b

row="the state directory"
for d in state-b state-b/records; do
    chmod 777 $d
    for command in receive status index; do
        xl-dedup $command </dev/null >out 2>err
        [ $? = 2 ] || fail "$row: $command: status"
        grep -q "state is kept in $tmp/state-b, but others may write to the \
directory $tmp/$d, " err || fail "$row: $command: $(cat err)"
    done
    chmod 700 $d
done
named
[ "$said" = placed ] || fail "$row: $said"
rm "$disk"

if [ "$(id -u)" != 0 ]; then
    echo "other users: skipped, not root"
    exit 0
fi
row="a file of somebody else"
fill
chown daemon "$staging"
planted "is there and belongs to user $(id -u daemon)*"
row="a directory of somebody else"
chown daemon b/in
other 755 "the directory $tmp/b/in belongs to user $(id -u daemon), *"
chown root b/in
row="a state directory of somebody else"
chown daemon state-b
xl-dedup status >out 2>err && fail "$row"
grep -q "$tmp/state-b belongs to user" err || fail "$row: $(cat err)"
chown root state-b

# A disk gets its owner when it is in its place: what is left of a try that
# fails before is still known as ours.
row="an owner"
: >a/disk.img
chown daemon:games a/disk.img
printf 'what is sent' >a/disk.img
xl-dedup push --free=send a/disk.img "hostb:$disk" >out 2>err ||
    fail "$row: $(cat err)"
[ "$(stat -c '%U %G' "$disk")" = "daemon games" ] || fail "$row"
pass "staging files"
