#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# docs/comparison.md: what its tables say of another product has a source or is
# called not documented, what they say of xl-dedup names a test or a page, and
# every source is linked once and used.
. "${abs_top_srcdir:=$PWD}/test/lib/functions.sh"
requires awk

page=$abs_top_srcdir/docs/comparison.md
tmpdir

# In the table of what was measured bench.md is the source.
awk -F '|' '
    !/^\|/ || /^\|-/ { next }
    $2 ~ /^ *$/ { columns = NF; measured = /target has/; next }
    measured { next }
    NF != columns { print "line " FNR " has another number of columns" }
    {
        rows++
        source = "\\[\\[[a-z0-9-]+\\]\\]"
        if ($2 ~ /^ xl-dedup /)
            source = "`[A-Za-z0-9/.-]+`"
        for (i = 3; i < NF; i++)
            if ($i != " - " && $i !~ /not documented/ && $i !~ source)
                print "line " FNR " has no source for:" $i
    }
    END { if (rows < 40) print "only " rows + 0 " rows" }' "$page" >wrong
[ ! -s wrong ] || { cat wrong >&2; fail "see above"; }

grep -o '\[\[[a-z0-9-]*\]\]' "$page" | tr -d '][' | sort -u >used
sed -n 's!^\[\([a-z0-9-]*\)\]: https*://[^ ]* "[^"]*"$!\1!p' "$page" |
    sort >linked
diff used linked >lines || { cat lines >&2; fail "used and linked differ"; }
pass "$(wc -l <linked) sources"
