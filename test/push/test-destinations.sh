#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Where a source can have a disk written to: only to what the configuration
# names, by no detour, and not even a probe is made elsewhere.
. "${abs_top_srcdir:=$PWD}/test/lib/functions.sh"
. "$abs_top_srcdir/test/migrate/migration.sh"
requires python3 cmp

migration_setup
XL_DEDUP_CONFIG=$tmp/b.conf
mkdir outside outside/below ok ok/below
echo precious >outside/precious
cp -a outside outside.before

# named [OPTION...] PATH: a session; $said has what became of it
named()
{
    said=$(python3 "$abs_top_srcdir/test/push/name-destination.py" \
        --watch="$tmp/outside" --watch="$tmp/outside/below" "$@" \
        xl-dedup receive 2>"$tmp/err") || fail "$row: $(cat "$tmp/err")"
}

# says TEXT: and nothing else, as no name came to outside
says()
{
    case $said in
    *"
"*) fail "$row: $said" ;;
    $1) ;;
    *) fail "$row: said $said" ;;
    esac
    diff -r outside outside.before || fail "$row: outside was changed"
}

refuses() { says "refused: disk a: $1"; }

row="nothing is configured"
printf 'state = %s\n' "$tmp/state-b" >b.conf
named "$tmp/outside/evil"
refuses "$tmp/outside/evil is none of the places where this host takes disks; \
if it is to be one, write 'destination = $tmp/outside' into $tmp/b.conf there"
named --dry "$tmp/outside/evil"
refuses "* is none of the places *"
named /etc/cron.d/xl-dedup-test
refuses "* write 'destination = /etc/cron.d' *"
[ ! -e /etc/cron.d/xl-dedup-test ] || fail "$row: made"

row="the same by the real source"
noise disk 100000 >a/disk.img
xl-dedup push --free=send a/disk.img "hostb:$tmp/ok/disk.img" >out 2>err &&
    fail "$row: pushed"
line=$(sed -n "s/.*hostb: disk .*, write '\(.*\)' into .*/\1/p" err)
[ "$line" = "destination = $tmp/ok" ] || fail "$row: $(cat err)"
echo "$line" >>b.conf
xl-dedup push --free=send a/disk.img "hostb:$tmp/ok/disk.img" >out 2>err ||
    fail "$row: $(cat err)"
cmp a/disk.img ok/disk.img || fail "$row: differs"

row="a path on this host is the admin's own word"
xl-dedup push --free=send a/disk.img "$tmp/a/copy.img" >out 2>err ||
    fail "$row: $(cat err)"
cmp a/disk.img a/copy.img || fail "$row: differs"

row="what is allowed to be overwritten is allowed to be there"
printf 'state = %s\n' "$tmp/state-b" >b.conf
echo old >a/old.img
xl-dedup allow "$tmp/a/old.img" || fail "$row"
named "$tmp/a/old.img"
says placed
named "$tmp/a/other.img"
refuses "* is none of the places *"

row="beneath a directory"
printf 'state = %s\ndestination = %s\n' "$tmp/state-b" "$tmp/ok" >b.conf
named "$tmp/ok/below/a.img"
says placed
named "$tmp/outside/evil"
refuses "* is none of the places *"
named "$tmp/okay.img"
refuses "* is none of the places *"
named "$tmp/ok/../outside/evil"
refuses "'$tmp/ok/../outside/evil' has '.' or '..' in it*"
named "$tmp/ok/.profile"
refuses "* is hidden: *"
named "$tmp/ok/none/a.img"
refuses "the directory $tmp/ok/none does not exist there; create it"

row="links that lead out"
ln -s ../outside ok/out
ln -s ../outside/new ok/new
ln -s ../outside/precious ok/precious
ln -s "$tmp/outside" ok/below/absolute
named "$tmp/ok/out/evil"
refuses "$tmp/ok/out is a symbolic link, which is not followed; *"
named "$tmp/ok/out/below/evil"
refuses "$tmp/ok/out is a symbolic link*"
named "$tmp/ok/below/absolute/evil"
refuses "$tmp/ok/below/absolute is a symbolic link*"
named "$tmp/ok/new"
refuses "$tmp/ok/new is a symbolic link there to ../outside/new, which does *"
named "$tmp/ok/precious"
refuses "$tmp/outside/precious is none of the places *"
ln -s below/a.img ok/inside
: >ok/below/a.img
named "$tmp/ok/inside"
says placed
[ -L ok/inside ] || fail "$row: the link was replaced"

row="a directory of the list behind a link"
ln -s ok named
printf 'state = %s\ndestination = %s\n' "$tmp/state-b" "$tmp/named" >b.conf
named "$tmp/named/b.img"
says placed
: >ok/below/a.img
named "$tmp/named/inside"
says placed
named "$tmp/ok/c.img"
says placed

# What is watched would be seen: the probe, the staging file, the disk.
row="the watch"
said=$(python3 "$abs_top_srcdir/test/push/name-destination.py" \
    --watch="$tmp/ok" "$tmp/ok/seen.img" xl-dedup receive)
for made in .xl-dedup-probe- .seen.img.xl-dedup seen.img; do
    case $said in
    placed*"made $tmp/ok/$made"*) ;;
    *) fail "$row: $made: $said" ;;
    esac
done

row="a directory that is exchanged for a link"
for at in PROBE DISK_OK WANT_END PASS_DONE; do
    mkdir -p ok/swapped
    named --at $at "mv '$tmp/ok/swapped' '$tmp/ok/moved'
        ln -s ../outside '$tmp/ok/swapped'" "$tmp/ok/swapped/evil"
    refuses "the directory of $tmp/ok/swapped/evil is another one there *"
    rm -r ok/swapped ok/moved
done

row="the same all the time"
while :; do
    mkdir ok/swapped
    rmdir ok/swapped
    ln -s ../outside ok/swapped
    rm ok/swapped
    mkdir ok/moved
    mv -T ok/moved ok/swapped 2>/dev/null
    ln -s ../outside ok/link
    mv -T ok/swapped ok/moved 2>/dev/null
    mv -T ok/link ok/swapped
    rm -rf ok/swapped ok/moved
done 2>/dev/null &
swapper=$!
cleanup_fn "kill $swapper 2>/dev/null"
for _ in $(seq 8); do
    named "$tmp/ok/swapped/evil"
    case $said in placed) continue ;; esac
    says "refused: *"
done
kill $swapper
wait $swapper 2>/dev/null
rm -rf ok/swapped ok/moved ok/link

row="a file that is exchanged for a link"
named --at WANT_END "ln -s ../outside/new '$tmp/ok/late'" "$tmp/ok/late"
refuses "$tmp/ok/late has come there while the disk was on its way*"
rm -f ok/late ok/.late.xl-dedup

row="each mode has its command"
named --mode=migrate "$tmp/ok/m.img"
says "refused: the command there must end up running 'xl-dedup receive-xl'*"
said=$(python3 "$abs_top_srcdir/test/push/name-destination.py" \
    --watch="$tmp/ok" "$tmp/ok/m.img" xl-dedup receive-xl -- migrate-receive \
    2>err) || fail "$row: $(cat err)"
says "refused: the command there must end up running 'xl-dedup receive', *"
[ ! -e ok/m.img ] || fail "$row: made"

if losetup -f >/dev/null 2>&1; then
    row="a link to a device"
    truncate -s 12 outside.img
    truncate -s 512 outside.img
    device=$(losetup -f --show outside.img) || fail "$row: no loop device"
    cleanup_fn "detach $device"
    ln -s "$device" ok/device
    named "$tmp/ok/device"
    refuses "$device is none of the places *"
    named "$device"
    refuses "* write 'destination = $device' *"
else
    echo "a link to a device: skipped, no loop device"
fi

row="a migration goes where xl is told"
mkdir guests
FAKE_DISKS="xvda=$tmp/a/disk.img=$tmp/guests/disk.img"
export FAKE_DISKS
XL_DEDUP_CONFIG=$tmp/a.conf
migrate
[ "$status" = 0 ] || { cat err >&2; fail "$row: $status"; }
helpers_gone
cmp a/disk.img guests/disk.img || fail "$row: differs"
# and from then on guests' disks lie there
printf 'state = %s\n' "$tmp/state-b" >b.conf
XL_DEDUP_CONFIG=$tmp/b.conf
named "$tmp/guests/more.img"
says placed
mkdir guests/below
named "$tmp/guests/below/more.img"
refuses "* is none of the places *"

row="where a domain has its disk that runs here"
mkdir running
echo disk >running/run.img
FAKE_BUSY="$tmp/running/run.img=g2"
export FAKE_BUSY
named "$tmp/running/new.img"
says placed
named "$tmp/running/run.img"
refuses "$tmp/running/run.img is in use by domain g2 there; *"
printf 'state = %s\ndestination = %s\n' "$tmp/state-b" "$tmp/ok" >b.conf
named "$tmp/running/other.img"
refuses "* is none of the places *"
pass "destinations"
