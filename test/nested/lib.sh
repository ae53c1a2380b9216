# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What the scripts of the test bed share: where things lie, and how to say
# that something is wrong.  Sourced, never run.
#
#   XL_DEDUP_CACHE  keeps what is slow to make (default: .cache at the top of
#                   the source tree)
#   XL_DEDUP_RELEASE    Debian of the two hosts, bookworm (12, the default) or
#                   trixie (13); XL_DEDUP_RELEASE_A and XL_DEDUP_RELEASE_B for
#                   one of them.  The product is built on this machine, which
#                   must not be newer than a host
#   XL_DEDUP_RUN    sockets, pid files, logs and overlays of the two hosts
#                   (default: a directory in $TMPDIR or /var/tmp); keep it
#                   short, Unix socket names end at 107 bytes

bed_src=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
bed_top=$(cd "$bed_src/../.." && pwd)
bed_release_a=${XL_DEDUP_RELEASE_A:-${XL_DEDUP_RELEASE:-bookworm}}
bed_release_b=${XL_DEDUP_RELEASE_B:-${XL_DEDUP_RELEASE:-bookworm}}

# cache_of RELEASE: where build-image.sh puts it.
cache_of()
{
    local dir=${XL_DEDUP_CACHE:-$bed_top/.cache}/nested

    [ "$1" = bookworm ] || dir=$dir-$1
    echo "$dir"
}

# Guests and their disks are those of host a's release.
bed_cache=$(cache_of "$bed_release_a")
bed_key=${XL_DEDUP_CACHE:-$bed_top/.cache}/nested-key
bed_run=${XL_DEDUP_RUN:-${TMPDIR:-/var/tmp}/xl-dedup-bed}
PATH=$PATH:/usr/sbin:/sbin
export bed_src bed_top bed_cache bed_key bed_run PATH
export bed_release_a bed_release_b

note()
{
    printf '%s %s\n' "$(date +%T)" "$*" >&2
}

die()
{
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

# Exits 77, the number by which test harnesses know a test that cannot run.
skip_all()
{
    printf 'skip: %s\n' "$*"
    exit 77
}

# need_tools TOOL...: all of them, or skip.
need_tools()
{
    local tool

    [ "$(id -u)" -eq 0 ] || skip_all "must be root"
    for tool; do
        command -v "$tool" >/dev/null ||
            skip_all "$tool is missing (see test/nested/packages)"
    done
}

# wait_for SECONDS COMMAND...: repeats the command until it succeeds; fails
# when the time is over.
wait_for()
{
    local end=$((SECONDS + $1))

    shift
    until "$@"; do
        [ "$SECONDS" -lt "$end" ] || return 1
        sleep 0.5
    done
}
