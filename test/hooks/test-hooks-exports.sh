#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The module exports the hooked names and no others, and needs nothing of
# libxl: it is loaded into processes that have none.
. "${abs_top_srcdir:-..}/test/hooks/hooks.sh"
requires nm

nm -D --defined-only "$hooks" | awk '{ print $3 }' | sort >"$tmp/names"
printf '%s\n' execvp libxl_domain_create_restore libxl_domain_suspend \
    >"$tmp/expected"
cmp "$tmp/expected" "$tmp/names" || fail "exports: $(cat "$tmp/names")"
! nm -D --undefined-only "$hooks" | grep -E 'libxl|xtl_' ||
    fail "the module needs libxl"
