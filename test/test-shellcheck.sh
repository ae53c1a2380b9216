#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# In the tests, shellcheck finds nothing but what .shellcheckrc allows.
. "${abs_top_srcdir:=$PWD}/test/functions.sh"
requires shellcheck

cd "$abs_top_srcdir" || exit 1
shellcheck -x -s sh test/*.sh || fail "see above"
pass "shellcheck"
