# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What the guest's memory costs on the wire, after it has read files of 60% of
# its memory from its disk: stock "xl migrate" (to a host that has the disk,
# as on shared storage) against --dedup, each unshaped and at 10 Mbit/s.
# Bytes are those of the interface between the hosts.  The figures are printed
# and judged: at most a quarter of the bytes, a third of the time at 10 Mbit/s,
# and a blackout that is no longer than stock's and 0.3 s.
#
#   XL_DEDUP_MEMORY_RATE   of the narrow line (default 10mbit)
set -u
. "${bed_src:?}/lib.sh"
. "$bed_src/bed.sh"

rate=${XL_DEDUP_MEMORY_RATE:-10mbit}
# shellcheck disable=SC2034  # is bed.sh's
migrate_limit=1200

# Bytes that HOST has sent to the other one.
sent()
{
    on "$1" 'cat /sys/class/net/eth1/statistics/tx_bytes'
}

shape()
{
    on "$1" "tc qdisc replace dev eth1 root tbf rate $2 burst 32kb latency 200ms"
}

unshape()
{
    on "$1" 'tc qdisc del dev eth1 root 2>/dev/null' || :
}

# Both hosts have the same disk: then neither way moves a byte of it that did
# not change, and what is left is the memory.
same_disk()
{
    on "$from" 'sync'
    on "$from" "ssh $to 'mkdir -p /bed/disks; rm -f /bed/disks/g6.img'
        tar -C /bed/disks -cSf - g6.img | ssh $to 'tar -C /bed/disks -xSf -'
        ssh $to 'sync; xl-dedup allow /bed/disks/g6.img'"
}

# measure LABEL OPTION...: fills the page cache, migrates, notes the figures
measure()
{
    local label=$1 before after start reply

    shift
    from=$(where_is g6)
    to=$(other "$from")
    ask g6 "$from" quiet >/dev/null
    # It took 148 s on an idle machine, and more beside anything else.
    bed_limit=$((3 * bed_limit)) assert "$label: page cache is filled" \
        ask g6 "$from" 'fill 115'
    same_disk
    [ "$line" = wide ] || shape "$from" "$rate"
    ask g6 "$from" reset >/dev/null
    before=$(sent "$from")
    start=$(date +%s%N)
    assert "$label: xl migrate $*" migrate g6 "$from" "$to" "$@"
    seconds=$((($(date +%s%N) - start) / 10000000))
    after=$(sent "$from")
    unshape "$from"
    bytes=$((after - before))
    reply=$(ask g6 "$to" count) || return 1
    gap=$(field 4 "$reply")
    sed -n '/^memory/,+1p; /blackout/p' "$log" | sed 's/^/  | /'
    printf '  = %s: %d bytes, %d.%02d s, blackout %s ms\n' "$label" "$bytes" \
        $((seconds / 100)) $((seconds % 100)) "$gap"
    assert "$label: guest is sound" guest_is_sound g6 "$to" 0
}

want_guest g6 a || exit 1
for line in ${XL_DEDUP_MEMORY_LINES:-wide narrow}; do
    measure "stock, $line"
    stock_bytes=$bytes stock_seconds=$seconds stock_gap=$gap
    measure "dedup, $line" --dedup
    assert "$line: at most a quarter of the bytes" \
        test $((bytes * 4)) -le "$stock_bytes"
    if [ "$line" = narrow ]; then
        assert "$rate: less than a third of the time" \
            test $((seconds * 3)) -lt "$stock_seconds"
    fi
    assert "$line: blackout no longer than stock's and 0.3 s" \
        test "$gap" -le $((stock_gap + 300))
done
exit "$case_failed"
