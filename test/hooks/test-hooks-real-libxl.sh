#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The installed Xen, of each release that is there: its xl binds to our
# functions, its libraries have all that we look up, under a name that we know.
# Xen need not run.  XL_BINARY names another xl than those of the distribution.
. "${abs_top_srcdir:-..}/test/hooks/hooks.sh"
requires nm ldd

# look XL
look()
{
    xl=$1
    rm -f "$tmp"/bind.*
    # with all names bound at once, since xl calls neither function here
    LD_BIND_NOW=1 LD_DEBUG=bindings LD_DEBUG_OUTPUT=$tmp/bind \
        LD_PRELOAD=$hooks "$xl" help >"$tmp/out.log" 2>"$tmp/err.log"
    for name in libxl_domain_suspend libxl_domain_create_restore; do
        grep -F "binding file $xl" "$tmp"/bind.* | grep -F "\`$name'" |
            grep -Fq "libxlhooks.so" || fail "$xl does not bind $name to us"
    done
    grep 'binding file [^ ]*libxenlight' "$tmp"/bind.* |
        grep -F "\`execvp'" | grep -Fq "libxlhooks.so" ||
        fail "the libxl of $xl does not bind execvp to us"

    for library in libxenlight libxentoollog libxenstore; do
        path=$(ldd "$xl" | awk -v l="$library" 'index($1, l) == 1 { print $3 }')
        nm -D --defined-only "$path"
    done | awk '{ sub(/@.*/, "", $3); print $3 }' >"$tmp/have"
    sed -n 's/^SYMBOL(\(.*\))$/\1/p' \
        "$abs_top_srcdir/libxlhooks/symbols.h" |
    while read -r name; do
        grep -Fqx "$name" "$tmp/have" || echo "$name"
    done >"$tmp/lacking"
    [ ! -s "$tmp/lacking" ] || fail "$xl: libxl lacks: $(cat "$tmp/lacking")"
    release=$(ldd "$xl" | sed -n 's/.*libxenlight\.so\.\([0-9.]*\) .*/\1/p')
    grep -q "\"$release\"" "$abs_top_srcdir/libxlhooks/libxl_calls.c" ||
        fail "$xl: Xen $release is not known"
    echo "$xl"
}

seen=
for candidate in ${XL_BINARY:-/usr/lib/xen-4.*/bin/xl}; do
    [ -x "$candidate" ] || continue
    look "$candidate"
    seen=1
done
[ "$seen" ] || { echo "SKIP: no xl (package xen-utils-*)"; exit 77; }
