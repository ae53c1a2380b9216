# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# What the tests of dry runs share; to be sourced after migration.sh.

# All that is at both hosts: names, times, inodes, content.  But not the file
# in which those who read the index enter themselves.
snapshot()
{
    helpers_gone
    find a b state-a state-b ! -name lock.mdb \
        -printf '%p %y %m %s %T@ %C@ %i\n' | sort
    find a b state-a state-b -type f ! -name lock.mdb -exec b2sum {} + | sort
}

# unchanged: since "snapshot >before"
unchanged()
{
    snapshot >after
    diff before after >&2 || fail "${row:-}: something was changed"
}

# estimated_kb: what the dry run says would be sent
estimated_kb() { awk '$1 == "total" { print int($6 * 1000) }' "$tmp/out"; }

# near ESTIMATE SENT: within 15 % and 30 kB, in kB
near()
{
    echo "${row:-}: $1 kB estimated, $2 kB sent"
    margin=$(($2 * 15 / 100 + 30))
    if [ "$1" -lt $(($2 - margin)) ] || [ "$1" -gt $(($2 + margin)) ]; then
        fail "${row:-}: $1 kB were estimated, $2 kB sent"
    fi
}
