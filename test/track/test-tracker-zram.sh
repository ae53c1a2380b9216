#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# A device without requests, in memory: it settles while somebody writes to it
# all the time, and in spite of what its driver does not account; and random
# writes and discards, at any pace, are all found.
. "${abs_top_srcdir:-..}/test/lib/functions.sh"
. "${abs_top_srcdir:-..}/test/track/tracking.sh"
requires blkdiscard shuf openssl
seed 31
size=$((${TRACK_MIB:-64} << 20))
zram_on $size

settles "$zram"

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
done
race "$zram" "$zram" 30000
spared
# shellcheck disable=SC2034
discards=150
for pause in 0 $pauses; do
    race "$zram" "$zram" "$pause" "${TRACK_PASSES:-6}"
done
pass "settled, and copied while it was written"
