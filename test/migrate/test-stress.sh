#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# A guest that writes, discards, zeroes and flushes at random until it is
# suspended, on disks of odd sizes, behind loop devices with and without direct
# I/O, while somebody does something to the disk or to its place at a random
# moment.  Whatever happens the guest is moved and its disk is what it wrote,
# or it runs on where it was, with its disk, and nobody else's bytes are gone.
#
#   SEED=N     the first round's seed; each round prints its own
#   ROUNDS=N   rounds (8)
. "${abs_top_srcdir:=$PWD}/test/lib/functions.sh"
. "$abs_top_srcdir/test/migrate/migration.sh"
. "$abs_top_srcdir/test/track/tracked.sh"
requires stress-guest blockdev setsid

seed "$(($(date +%s) % 100000))"
rounds=${ROUNDS:-8}

# random N: 0 to N-1; one stream of numbers for each round.
random()
{
    state=$(((state * 1103515245 + 12345) & 0x7fffffff))
    drawn=$((state / 65536 % $1))
}

# A disk that has data, holes and blocks that are alike, in whole sectors.
make_disk()
{
    random 3000
    bytes=$(((6000 + drawn) * 4096))
    random 8
    bytes=$((bytes + drawn * 512))
    rm -rf "$tmp/a" "$tmp/b"
    mkdir "$tmp/a" "$tmp/b"
    noise "$round" $((bytes / 2)) >"$tmp/a/disk.img"
    truncate -s "$bytes" "$tmp/a/disk.img"
    random 2
    direct=on
    [ "$drawn" = 1 ] || direct=off
    loop=$(losetup -f --show --direct-io="$direct" "$tmp/a/disk.img")
    # What xenstore has, whatever becomes of the image's name.
    printf 'vdev=xvda|path=%s|params=%s|backend=phy|backend_domid=0|%s\n' \
        "$tmp/a/disk.img" "$tmp/a/disk.img" \
        "device=$(stat -c %t:%T "$loop")|mode=w|cdrom=0|pid=0" \
        >"$tmp/attached"
}

# An earlier copy at the target, which the guest has left.
make_copy()
{
    FAKE_WRITE='' migrate
    [ "$status" = 0 ] || complain "the first migration failed"
    helpers_gone
    cp --sparse=always "$tmp/b/disk.img" "$tmp/copy"
}

# What somebody does, at a random moment before the suspension.
something()
{
    case $event in
    grows)
        truncate -s +1M "$tmp/a/disk.img"
        losetup -c "$loop"
        ;;
    renamed)
        cp "$tmp/precious" "$tmp/a/new.img"
        mv "$tmp/a/disk.img" "$tmp/a/old.img"
        mv "$tmp/a/new.img" "$tmp/a/disk.img"
        ;;
    replaced)
        cp "$tmp/precious" "$tmp/b/new.img"
        mv "$tmp/b/new.img" "$tmp/b/disk.img"
        ;;
    copied-over)
        # Over the placeholder, or over the earlier copy.
        cp "$tmp/precious" "$tmp/b/disk.img"
        ;;
    taken)
        [ -e "$tmp/b/disk.img" ] || event=none
        [ "$event" = none ] || losetup -f --show "$tmp/b/disk.img" >"$tmp/taker"
        ;;
    esac
    echo "$event" >"$tmp/happened"
}

complain()
{
    cat "$tmp/out" "$tmp/err" >&2
    fail "round $round (SEED=$round ROUNDS=1): $event: $*"
}

same()
{
    cmp "$1" "$2" >"$tmp/cmp" 2>&1 || complain "$3: $(cat "$tmp/cmp")"
}

# The guest has gone: its disk is what it wrote, to the last byte.
check_moved()
{
    case $event in
    none)
        same "$tmp/model" "$tmp/b/disk.img" "the moved disk"
        ;;
    grows)
        # Before the migration began.
        same "$loop" "$tmp/b/disk.img" "the moved disk"
        ;;
    *)
        complain "the guest was moved all the same"
        ;;
    esac
}

# It is still here, and so is everything of everybody.
check_stayed()
{
    [ "$event" != none ] || complain "not moved (exit status $status)"
    grep -q 'guest \(untouched\|resumed\)' "$tmp/out" ||
        complain "what became of the guest was not said"
    grep -q '^xl-dedup: ' "$tmp/err" || complain "no reason was said"
    case $event in
    replaced | copied-over)
        same "$tmp/precious" "$tmp/b/disk.img" "somebody's image"
        ;;
    *)
        if [ -e "$tmp/copy" ]; then
            same "$tmp/copy" "$tmp/b/disk.img" "the earlier copy"
        elif [ "$event" != taken ]; then
            [ ! -e "$tmp/b/disk.img" ] || complain "something was left behind"
        fi
        ;;
    esac
}

one_round()
{
    state=$round
    rm -f "$tmp/guest" "$tmp/stopped" "$tmp/model" "$tmp/copy" "$tmp/taker" \
        "$tmp/happened"
    make_disk
    random 4
    [ "$drawn" != 0 ] || make_copy
    random 8
    event=$(echo none none none grows renamed replaced copied-over taken |
        cut -d ' ' -f $((drawn + 1)))
    random 3000
    pause=$drawn
    random 25
    delay=$((drawn / 10)).$((drawn % 10))
    sh -c 'setsid stress-guest "$1" "$2" "$4/model" "$3" & echo $! >"$4/guest"
        wait $!; echo $? >"$4/stopped"' sh "$loop" "$round" "$pause" "$tmp" \
        >"$tmp/requests" 2>&1 &
    until [ -s "$tmp/guest" ]; do sleep 0.05; done
    (sleep "$delay"; something) >/dev/null 2>&1 &
    FAKE_WRITE="until [ -s $tmp/happened ]; do sleep 0.05; done
        kill $(cat "$tmp/guest")
        until [ -s $tmp/stopped ]; do sleep 0.01; done"
    export FAKE_WRITE
    migrate
    until [ -s "$tmp/happened" ]; do sleep 0.05; done
    event=$(cat "$tmp/happened")
    kill "$(cat "$tmp/guest")" 2>/dev/null
    until [ -s "$tmp/stopped" ]; do sleep 0.05; done
    [ "$(cat "$tmp/stopped")" = 0 ] ||
        complain "the guest's disk: $(cat "$tmp/requests")"
    if [ "$status" = 0 ]; then check_moved; else check_stayed; fi
    # Nobody but the guest has written to its disk.
    dd if="$loop" bs=1M status=none | head -c "$bytes" >"$tmp/source"
    same "$tmp/model" "$tmp/source" "the source's disk"
    echo "round $round: $bytes bytes, direct-io $direct, $event after" \
        "$delay s, $(cat "$tmp/requests"), status $status," \
        "$(grep -o 'traced.*\|cannot be traced.*' "$tmp/err" | tail -1)"
    helpers_gone
    [ ! -s "$tmp/taker" ] || detach "$(cat "$tmp/taker")"
    detach "$loop"
}

tracked_setup
detach "$loop"
unset FAKE_AT_END
FAKE_ATTACHED=$tmp/attached
export FAKE_ATTACHED
cleanup_fn 'detach "$loop"; [ ! -s "$tmp/taker" ] || detach "$(cat "$tmp/taker")"'
noise precious 3000000 >"$tmp/precious"
for round in $(seq "$seed" $((seed + rounds - 1))); do
    one_round
done
pass "$rounds rounds"
