# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh disable=SC2034
# What the tests of libxlhooks share; to be sourced.

: "${abs_top_builddir:=$PWD}"
: "${abs_top_srcdir:=$PWD/..}"

fail()
{
    echo "FAIL: $*" >&2
    for hooks_log in "$tmp"/*.log; do
        [ -s "$hooks_log" ] && sed "s|^|$(basename "$hooks_log"): |" \
            "$hooks_log" >&2
    done
    exit 1
}

requires()
{
    for hooks_cmd; do
        command -v "$hooks_cmd" >/dev/null || {
            echo "SKIP: no $hooks_cmd"
            exit 77
        }
    done
}

tmp=$(mktemp -d "${TMPDIR:-/tmp}/xl-dedup-test.XXXXXX") || exit 1
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' INT TERM HUP

hooks=$abs_top_builddir/.libs/libxlhooks.so
front=$abs_top_builddir/xl
fake_xl=$abs_top_builddir/test/lib/fake-xl
fake_helper=$abs_top_srcdir/test/lib/fake-helper.py
[ -e "$hooks" ] || fail "$hooks was not built"

FAKE_LOG=$tmp/libxl.log
HELPER_LOG=$tmp/helper.log
export FAKE_LOG HELPER_LOG
# an address-sanitized module is preloaded before its runtime
ASAN_OPTIONS=${ASAN_OPTIONS-}:verify_asan_link_order=0:detect_leaks=0
export ASAN_OPTIONS
unset XL_DEDUP XL_DEDUP_XL XL_DEDUP_HOOKS LD_PRELOAD

# Runs fake-xl's sending side, by the front and through a shell script like
# Debian's /usr/sbin/xl, with a helper that does the steps given.  The script
# runs $before_xl first.
before_xl=
send()
{
    HELPER_STEPS=$1
    export HELPER_STEPS
    rm -f "$tmp"/*.log
    printf '#!/bin/sh\n%s\nexec "%s" "$@"\n' "$before_xl" "$fake_xl" \
        >"$tmp/xl"
    chmod +x "$tmp/xl"
    XL_DEDUP_XL=$tmp/xl XL_DEDUP_HOOKS=$hooks XL_DEDUP=$fake_helper \
        timeout 60 "$front" migrate --dedup g1 b >"$tmp/out.log" \
        2>"$tmp/err.log"
    status=$?
}

# Runs fake-xl's receiving side under a helper that does the steps given.
# The stream has $stream_bytes.
stream_bytes=4096
receive()
{
    rm -f "$tmp"/*.log
    head -c "$stream_bytes" /dev/zero |
        HOOKS=$hooks timeout 60 python3 "$fake_helper" --spawn "$HELPER_LOG" \
        "$1" "$fake_xl" migrate-receive >"$tmp/out.log" 2>"$tmp/err.log"
    status=$?
}

# has FILE TEXT: FILE (libxl, helper, err, out) has exactly this line
has()
{
    grep -Fqx -e "$2" "$tmp/$1.log" || fail "$1.log lacks: $2"
}

lacks()
{
    if grep -Fq -e "$2" "$tmp/$1.log" 2>/dev/null; then
        fail "$1.log has: $2"
    fi
}
