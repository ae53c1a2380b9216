#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The man pages are correct POD and know every command and option that the
# programs' help knows; the example configuration is accepted, as it is and
# with its examples in force.  The tests that pages name are there.
. "${abs_top_srcdir:=$PWD}/test/lib/functions.sh"
requires podchecker

docs=$abs_top_srcdir/docs
podchecker -warnings "$docs"/*.pod || fail "see above"

# options PAGE COMMAND...: all that its help lists are in the page
options()
{
    page=$docs/$1
    shift
    for option in $("$@" --help | grep -oE '^ +(-[a-zA-Z], )?--?[a-z-]+' |
        grep -oE -e '-[-a-zA-Z]+'); do
        grep -q -e "B<${option}[=>]" "$page" ||
            fail "$(basename "$page") lacks $option of $*"
    done
}

xl_dedup=$abs_top_builddir/xl-dedup
for command in $("$xl_dedup" --help | sed -n 's/^  \([a-z-]*\) .*/\1/p'); do
    grep -q "^=head2 $command\$" "$docs/xl-dedup.8.pod" ||
        fail "xl-dedup.8 lacks $command"
    options xl-dedup.8.pod "$xl_dedup" "$command"
done
options xl-migrate-dedup.8.pod "$abs_top_builddir/xl" migrate --dedup

# What a page says that a test shows, there is a test for.
for test in $(grep -oh '`test/[a-zA-Z/._-]*`' "$docs"/*.md "$docs"/../README.md |
    tr -d '`' | sort -u); do
    [ -e "$abs_top_srcdir/$test" ] || [ -e "$abs_top_srcdir/$test.c" ] ||
        fail "there is no $test"
done

tmpdir
awk -f "$docs/protocol-pod.awk" "$docs/protocol.md" >protocol.pod
podchecker -warnings protocol.pod || fail "the page of the protocol"
# shellcheck disable=SC2013  # words
for type in $(sed -n 's/^| [0-9x]* | \([A-Z_]*\) | .*/\1/p' \
    "$docs/protocol.md"); do
    grep -q "^  [0-9x]*  *$type " protocol.pod || fail "the page lacks $type"
done
XL_DEDUP_CONFIG=$docs/xl-dedup.conf "$xl_dedup" receive </dev/null \
    >out 2>err
[ -s err ] && { cat err >&2; fail "the example is not accepted"; }
sed 's/^#\([a-z-]* =\)/\1/' "$docs/xl-dedup.conf" >conf
[ "$(grep -c '^[a-z]' conf)" = 12 ] || fail "the example has other examples"
XL_DEDUP_CONFIG=$tmp/conf "$xl_dedup" receive </dev/null >out 2>err
[ -s err ] && { cat err >&2; fail "its examples are not accepted"; }
pass "docs"
