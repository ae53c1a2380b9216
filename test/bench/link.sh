# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A link of a given rate between two network namespaces, $near and $far, for
# the benchmarks; to be sourced.  $link_client carries standard input and output
# to the command in the file $link_command and back.  Needs root, and socat.

link_here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
near=xdb-near-$$ far=xdb-far-$$ link_server=
# shellcheck disable=SC2034  # for who sources this
link_client="ip netns exec $near $link_here/link.pl 10.99.0.2 4000"

link_down()
{
    [ -z "$link_server" ] || { kill "$link_server"; wait "$link_server" || :; }
    link_server=
    ip netns del "$near" 2>/dev/null || :
    ip netns del "$far" 2>/dev/null || :
}

# link_up MBIT: tbf in both directions
link_up()
{
    local ns

    link_down
    ip netns add "$near"
    ip netns add "$far"
    ip -n "$near" link add v0 type veth peer name v0 netns "$far"
    ip -n "$near" addr add 10.99.0.1/24 dev v0
    ip -n "$far" addr add 10.99.0.2/24 dev v0
    for ns in "$near" "$far"; do
        ip -n "$ns" link set v0 up
        # as a link without offload: whole bursts would pass the limit
        tc -n "$ns" qdisc add dev v0 root tbf rate "$1mbit" burst 128k \
            latency 100ms
    done
    ip netns exec "$far" socat TCP-LISTEN:4000,bind=10.99.0.2,reuseaddr,nodelay,fork \
        EXEC:"sh ${link_command:?}",nofork &
    link_server=$!
    sleep 1
}
