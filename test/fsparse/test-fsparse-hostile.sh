#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Parsers that lie, crash or hang, and damaged images: there is a map that
# covers the image exactly once, and what was true before the lie is in it.
. "${abs_top_srcdir:-..}/test/lib/functions.sh"
requires perl mke2fs mkntfs truncate openssl
tmpdir
seed 4

# The records of fsparse/record.h in perl.
cat >records.pl <<'E2'
sub rec { print pack("LL", $_[0], length $_[1]), $_[1] }
sub part { rec(1, pack("LQQ", 1, @_) . pack("S/a*", "") x 4) }
sub file { my ($path, $size, $flags, $in, $p) = @_;
    rec(2, pack("LLQQQ S/a* S/a*", $p // 0, $flags // 0, 5, $size, 6, $path,
        "") . ($in // "")) }
sub ext { rec(3, pack("Q*", @_)) }
sub end { rec(6, "") }
$| = 1; print "xdfsp\0\0\2"; part(4096, 995904); file("/good", 5000);
ext(0, 8192, 5000);
E2
# parser PERL: the next parser says this after what is good.
parser() {
    { echo "#!$(command -v perl)"; cat records.pl; echo "$1"; } >parser
    chmod +x parser
}
noise image 1000000 >image
exec 9<image     # what a careless caller leaves open
# expect WHAT PATTERN...: every promise is kept, every pattern is in the dump.
expect() {
    what=$1; shift
    XL_DEDUP_PARSER=$tmp/parser fsparse-dump image >dump 2>&1 ||
        fail "$what: $(grep -v ^file dump | head -3)"
    for p in "file .* /good$" "$@"; do
        grep -q -e "$p" dump || fail "$what: no '$p' in: $(cat dump)"
    done
    pass "$what"
}
lie='^note parser sent an invalid record'
while IFS='|' read -r what perl pattern; do
    parser "$perl"; expect "$what" "${pattern:-$lie}"
done <<'E2'
sealed|-e '/proc/self/fd/9' or file('/sealed', 0); end()| /sealed$
honest|end()|bytes file 5000 residual 995000
no end||^note parser ended early, status 0
exit 3|exit 3|^note parser ended early, status 3
crash|kill "SEGV", $$|^note parser killed by signal 11
torn record|print pack("LL", 2, 100), "x"|^note parser ended early
unknown record|rec(99, "")|
oversize record|print pack("LL", 3, 0xffffffff)|
oversize string|rec(2, pack("LLQQQ S", 0, 0, 5, 1, 6, 65535) . "/")|
trailing bytes|rec(2, pack("LLQQQ S/a* S/a*", 0, 0, 1, 1, 6, "/x", "") . "y")|
NUL in path|file("/a\0b", 1)|
path too long|file("/" . "a" x 5000, 1)|
relative path|file("../x", 1)|
unknown flag|file("/x", 1, 64)|
parsed nowhere|rec(7, pack("L", 1))|
parsed too long|rec(7, pack("LL", 0, 0))|
no such partition|file("/x", 1, 0, "", 7)|
huge size|file("/x", 2**63)|
inline too short|file("/x", 10, 1, "123")|
inline too long|file("/x", 2**40, 1, "123")|
extent of inline|file("/x", 3, 1, "123"); ext(0, 8192, 3)|
odd extents|rec(3, "x" x 25)|
partition outside|part(999999, 2)|
partition wraps|part(2**63, 2**63)|
too many partitions|part(0, 1) for 1..300|
behind the end|end(); file("/late", 1)|bytes file 5000 residual 995000
overlap|file("/x", 9000); ext(0, 4096, 9000); end()|file 0 5 9000 8 .* /x$
overlap inside|file("/x", 99); ext(0, 8200, 99); end()|file 0 5 99 8 .* /x$
overlap itself|file("/x", 900); ext(0, 40960, 500, 500, 40960, 400); end()|/x$
wraps|file("/x", 9); ext(0, ~0, 9, 1, 40960, ~0); end()|file 0 5 9 8 .* /x$
outside|file("/x", 9); ext(0, 4000, 9, 0, 2**50, 9); end()|file 0 5 9 8 .* /x$
descending|file("/x", 9); ext(5, 20480, 4, 0, 40960, 5); end()|5 9 8 .* /x$
too sparse|file("/x", 2**62) for 1..9; end()|9 files of too many zeros left out
contested|for (1..9) { file('/x', 9e5); ext(0, 8e4, 9e5) } end()|7 files of too
E2

# What no file system in an image of that size could hold: none of it is used.
while IFS='|' read -r what perl; do
    parser "$perl"
    XL_DEDUP_PARSER=$tmp/parser fsparse-dump image >dump 2>&1 ||
        fail "$what: $(grep -v ^file dump | head -3)"
    grep -q '^note parser sent more than such an image can hold$' dump ||
        fail "$what: $(grep -v ^file dump | head -3)"
    grep -q -e '^file' -e '^partition' dump && fail "$what: is used"
    pass "$what"
done <<'E2'
too many files|file("/$_", 1) for 1 .. 40000; end()
too many extents|file("/x", 5e4); ext(map { ($_ * 2, 9e4, 1) } 1 .. 4000); end()
too many notes|rec(5, pack("L S/a*", 0, "x")) for 1 .. 40000; end()
too much content|file("/$_", 65e3, 1, "x" x 65e3) for 1 .. 1200; end()
E2

# Hangs: before and after the end of the output.
XL_DEDUP_PARSER_SECONDS=1; export XL_DEDUP_PARSER_SECONDS
parser 'sleep 1000'; expect "hang" '^note parser stopped at its deadline'
parser 'end(); close STDOUT; sleep 1000'; expect "hang behind the end"
unset XL_DEDUP_PARSER_SECONDS
XL_DEDUP_PARSER=/nonexistent fsparse-dump image >dump || fail "no parser"
grep -q '^note parser: ' dump || fail "no parser: no note"
