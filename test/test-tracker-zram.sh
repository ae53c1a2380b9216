#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# A device without requests, in memory: it settles while somebody writes to it
# all the time, and in spite of what its driver does not account; and random
# writes and discards, at any pace, are all found.
. "${abs_top_srcdir:-..}/test/functions.sh"
. "${abs_top_srcdir:-..}/test/tracking.sh"
requires blkdiscard shuf
seed 31
size=$((${TRACK_MIB:-64} << 20))
zram_on $size

# clean_within BLOCKS: a collect names so many blocks of 4 KiB at most; they are
# counted, and the writer makes 100 a second at most.
clean_within() {
    expect collect "collect 0 *"
    # shellcheck disable=SC2086
    set -- "$1" $answer
    [ "$4" -le $(($1 * 4096)) ] || return 1
}

# A light load that never pauses for long.
tracker-writer "$zram" "$seed" 4096 1 10000 >writes &
writer=$!
cleanup_fn "kill $writer 2>/dev/null"
tool -g 4096 "$zram"
[ "$answer" = "start 0 [by submission]" ] || fail "$answer"
expect canary "canary 0"
tries=0
until clean_within 500; do
    tries=$((tries + 1))
    [ $tries -lt 100 ] || fail "a light load keeps everything dirty: $answer"
    sleep 0.1
done
kill $writer
wait $writer || fail "the writer ended with $?"
until_quiet
ask collect
expect collect "collect 0 0"

# zram accounts no discards.  What was discarded is read once more, and that is
# all.
blkdiscard -o 4096 -l 4096 "$zram" || fail "discard"
expect collect "collect 0 4096 4096+4096"
until_quiet
expect canary "canary 0"
ask collect
expect collect "collect 0 0"
dd if=/dev/urandom of="$zram" bs=4k seek=7 count=1 oflag=direct conv=notrunc \
    2>/dev/null
until_quiet
ask collect
[ "$answer" = "collect 0 4096 28672+4096" ] || fail "after a discard: $answer"
stop_tool

# Random writes, at any pace; then discards among them.
noise pauses 100000 >random
pauses=$(shuf -i 0-20000 -n "${TRACK_RACES:-2}" --random-source=random)
for pause in 0 $pauses; do
    race "$zram" "$zram" "$pause" "${TRACK_PASSES:-6}"
    [ "$pause" -lt 5000 ] || [ "$least" -lt $((size / 2)) ] ||
        fail "every pass read nearly everything"
done
# shellcheck disable=SC2034
discards=5
for pause in 0 $pauses; do
    race "$zram" "$zram" "$pause" "${TRACK_PASSES:-6}"
done
pass "settled, and copied while it was written"
