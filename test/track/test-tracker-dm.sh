#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The same for a device without requests: device-mapper.
. "${abs_top_srcdir:-..}/test/lib/functions.sh"
. "${abs_top_srcdir:-..}/test/track/tracking.sh"
seed 12
size=$((${TRACK_MIB:-96} << 20))
truncate -s $size image
loop_on image
dm_on "$loop"
race "$dm" "$dm" 0
busy=no
race "$dm" "$dm" 0
race "$dm" "$dm" 30000
spared

settles "$dm"
stop_tool

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

# Nobody waits endlessly for a device that does not answer, nor for the end.
dmsetup --noudevsync suspend "$dm_name"
expect canary "canary EIO *does not answer*"
expect collect "collect EIO *does not answer*"
expect quiet "quiet EIO *does not answer*"
echo stop >&3
exec 3>&- 4<&-
dmsetup --noudevsync resume "$dm_name"
wait "$tool" || fail "the tool ended with $?"
pass "copied while it was written"
