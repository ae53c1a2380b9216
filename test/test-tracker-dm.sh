#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The same for a device without requests: device-mapper.
. "${abs_top_srcdir:-..}/test/functions.sh"
. "${abs_top_srcdir:-..}/test/tracking.sh"
seed 12
size=$((${TRACK_MIB:-96} << 20))
truncate -s $size image
loop_on image
dm_on "$loop"
race "$dm" "$dm" direct 0
busy=no
for how in direct buffered; do
    race "$dm" "$dm" $how 0
done
race "$dm" "$dm" direct 5000
[ "$least" -lt $((size / 2)) ] || fail "every pass read nearly everything"

# What hangs in a suspended device is not in flight, nor done.
tool "$dm"
expect canary "canary 0"
until_quiet
ask collect
dmsetup --noudevsync suspend --noflush "$dm_name"
dd if=/dev/urandom of="$dm" bs=4k seek=32 count=1 oflag=direct \
    conv=notrunc 2>/dev/null &
writer=$!
sleep 1
expect collect "collect 0 65536 131072+65536"
expect quiet "quiet 0"
expect collect "collect 0 65536 131072+65536"
dmsetup --noudevsync resume "$dm_name"
wait $writer
until_quiet
expect collect "collect 0 65536 131072+65536"
expect collect "collect 0 0"
stop_tool
pass "copied while it was written"
