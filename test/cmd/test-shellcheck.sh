#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# In the tests, shellcheck finds nothing but what .shellcheckrc allows.
. "${abs_top_srcdir:=$PWD}/test/lib/functions.sh"
requires shellcheck

cd "$abs_top_srcdir" || exit 1
# bench and nested are for bash
find test -name '*.sh' ! -path 'test/bench/*' ! -path 'test/nested/*' \
    -exec shellcheck -x -s sh {} + || fail "see above"
pass "shellcheck"
