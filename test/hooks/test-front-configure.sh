#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# configure refuses to install our xl over the distribution's.
. "${abs_top_srcdir:-..}/test/hooks/hooks.sh"

configure=$abs_top_srcdir/configure
[ -x "$configure" ] || { echo "SKIP: no configure"; exit 77; }
cd "$tmp" || exit 1

mkdir -p "$tmp/usr/sbin"
ln -s usr/sbin "$tmp/sbin"
for how in "--prefix=$tmp/usr --with-xl=$tmp/usr/sbin/xl" \
           "--sbindir=$tmp/usr/sbin --with-xl=$tmp/sbin/xl"; do
    # shellcheck disable=SC2086
    "$configure" -q $how >"$tmp/out.log" 2>"$tmp/err.log" && fail "accepts $how"
    grep -q 'our xl would be installed to' "$tmp/err.log" ||
        fail "another error: $how"
done
