#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Installs what is needed (Debian 12 or 13, as root), builds, and runs all tests:
# the unit and behaviour tests, then migrations between two emulated Xen hosts.
# The last line counts them.  About 25 minutes on two cores the first time.
set -eu
top=$(cd "$(dirname "$0")" && pwd)
build=$top/build-check
export LC_ALL=C.UTF-8

[ "$(id -u)" = 0 ] || { echo "check.sh: must be run as root" >&2; exit 2; }
sh "$top/test/install-packages.sh"

cd "$top"
autoreconf -fi >/dev/null
mkdir -p "$build"
cd "$build"
../configure -q --enable-werror --sysconfdir=/etc --localstatedir=/var
make -j "$(nproc)" all >make.log || { tail -50 make.log; exit 1; }

echo "== unit and behaviour tests"
make -j "$(nproc)" check >check.log 2>&1 || :
grep -E '^(PASS|FAIL|SKIP|XPASS|ERROR):' check.log || tail -50 check.log
# what automake's summary counts under a name
count() { sed -n "s/^# $1: *\([0-9]*\)$/\1/p" check.log | head -1; }
passed=$(count PASS) skipped=$(count SKIP)
failed=$(($(count FAIL) + $(count ERROR) + $(count XPASS)))
if [ "$failed" -gt 0 ]; then
    cat test-suite.log
fi

echo "== migrations between two emulated Xen hosts"
status=0
bash "$top/test/nested/run.sh" >nested.log 2>&1 || status=$?
cat nested.log
if [ "$status" = 77 ]; then
    skipped=$((skipped + 1))
else
    line=$(grep -E '^[0-9]+ passed, [0-9]+ failed, [0-9]+ skipped' \
        nested.log | tail -1)
    # shellcheck disable=SC2086
    set -- ${line:-0 passed, 1 failed, 0 skipped}
    passed=$((passed + $1)) failed=$((failed + $3)) skipped=$((skipped + $5))
    [ "$status" = 0 ] || [ "$failed" -gt 0 ] || failed=1
fi

echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
