#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# A piece that is missing is named, in one line, before anything happens.
. "${abs_top_srcdir:-..}/test/hooks/hooks.sh"

# missing NAME ARGUMENT...
missing()
{
    name=$1
    shift
    "$front" "$@" >"$tmp/out.log" 2>"$tmp/err.log"
    [ $? = 1 ] || fail "$name: wrong status"
    [ "$(wc -l <"$tmp/err.log")" = 1 ] || fail "$name: not one line"
    grep -Fq "$name" "$tmp/err.log" || fail "$name is not named"
}

helper=$(command -v env)
export XL_DEDUP_XL="$tmp/xl" XL_DEDUP="$helper" XL_DEDUP_HOOKS="$hooks"
printf '#!/bin/sh\n' >"$tmp/xl"
chmod +x "$tmp/xl"
"$front" migrate --dedup g1 b || fail "all there: status $?"
XL_DEDUP_XL=$tmp/no-xl missing "$tmp/no-xl" migrate --dedup g1 b
XL_DEDUP_XL=$tmp/no-xl missing "$tmp/no-xl" list
XL_DEDUP=$tmp/no-helper missing "$tmp/no-helper" migrate --dedup g1 b
XL_DEDUP_HOOKS=$tmp/no.so missing "$tmp/no.so" migrate --dedup g1 b
cp "$hooks" "$tmp/with space.so"
XL_DEDUP_HOOKS="$tmp/with space.so" missing 'with space' migrate --dedup g1 b
# the front itself as the real xl would run for ever
XL_DEDUP_XL=$front missing "$front" list
XL_DEDUP_XL=$front missing "$front" migrate --dedup g1 b
