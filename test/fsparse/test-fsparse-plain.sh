#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Plain content of NTFS-compressed files: what was written through ntfs-3g is
# what comes back, and a parser that lies or dies costs no more than the rest.
. "${abs_top_srcdir:-..}/test/lib/functions.sh"
. "${abs_top_srcdir:-..}/test/fsparse/ntfs.sh"
requires mkntfs b2sum openssl truncate perl
tmpdir
seed 7

truncate -s 64M image
mkntfs -F -Q -q -c 1024 image >log 2>&1 || fail "$(cat log)"
mount_ntfs image
pack m/packed
text() { yes "$seed $1" | head -c "$2"; }
noise plain 50000 >m/plain
text short 900 >m/packed/1short
for n in 16383 16384 16385 1000000; do text $n $n >"m/packed/2text $n"; done
{ text a 70000; noise b 70000; text c 70001; } >m/packed/3mixed
noise d 300000 >m/packed/4noise
text e 400000 >m/packed/5file; text f 500000 >m/packed/5file:stream
truncate -s 100000 m/packed/6gap; noise g 100000 >>m/packed/6gap
(cd m && find packed -type f | sort | while read -r f; do
    echo "plain $(wc -c <"$f") $(b2sum -l 256 <"$f" | cut -d' ' -f1) /$f"
done; f=packed/5file:stream
echo "plain 500000 $(b2sum -l 256 <$f | cut -d' ' -f1) /$f") >want
# More gap than could be believed.
truncate -s 3000000 m/packed/7sparse; text h 9 >>m/packed/7sparse
noise last 50000 >m/last
umount_ntfs

sort want >want.s
fsparse-dump -p image >dump || fail "$(cat dump)"
grep ^plain dump | sort | diff want.s - >diff.out || fail "$(head -5 diff.out)"
grep '^note' dump && fail "note"
fsparse-dump image | grep -q '/packed/7sparse$' || fail "not in the map"
pass "$(wc -l <want) streams"

# parser PERL: maps as the real one does, and answers PERL to the rest.
real=$XL_DEDUP_PARSER
XL_DEDUP_PARSER=$tmp/parser; export XL_DEDUP_PARSER
parser() {
    printf '#!%s\nexec "%s" unless @ARGV;\n' "$(command -v perl)" "$real"
    cat <<'E2'
sub rec { print pack("LL", $_[0], length $_[1]), $_[1] }
sub end { rec(6, "") }
sub plain { rec(8, pack("LQ", @_)) }
sub data { rec(9, $_[0]) }
seek STDIN, 0, 0;
{ local $/; $_ = <STDIN> } substr($_, 0, 8) eq "xdfsw\0\0\1" or die;
for ($_ = substr($_, 8); length; $_ = substr($_, 38 + length $name)) {
    ($n, $start, $window, $inode, $most, $name) = unpack("LQQQQS/a*", $_);
    push @n, $n; push @most, $most;
}
$| = 1; print "xdfsp\0\0\2"; plain($n[0], 3); data("ab"); data("c");
E2
    echo "$1"
}
abc=$(printf abc | b2sum -l 256 | cut -d' ' -f1)
lie='note parser sent an invalid record'
nothing=$(printf '' | b2sum -l 256 | cut -d' ' -f1)
while IFS='|' read -r what perl pattern; do
    parser "$perl" >parser; chmod +x parser
    fsparse-dump -p image >dump || fail "$what: $(cat dump)"
    grep ^plain dump | head -1 >first
    grep -q "^plain 3 $abc /packed/" first || fail "$what: $(cat dump)"
    grep -q "^${pattern:-$lie}" dump || fail "$what: $(cat dump)"
    case $pattern in
    plain*) ;;
    *) [ "$(grep -c ^plain dump)" = 1 ] || fail "$what: $(cat dump)";;
    esac
    pass "$what"
done <<E2
honest|plain(\$n[1], 0); end()|plain 0 $nothing
as large as can be|plain(\$n[1], 16384); data("x" x 16384); end()|plain 16384
too large|plain(\$n[1], \$most[1] + 1)|
huge|plain(\$n[1], 2**63)|
more than its size|plain(\$n[1], 5); data("x" x 6)|
data behind the end|data("x")|
empty data|plain(\$n[1], 5); data("")|
not asked for|plain(\$n[-1] + 1, 5)|
no such number|plain(99, 5)|
the same again|plain(\$n[0], 3)|
backwards|plain(\$n[2], 3); plain(\$n[1], 3)|
long header|rec(8, "x" x 13)|
short header|rec(8, "x" x 11)|
a file record|rec(2, "x" x 50)|
oversize record|print pack("LL", 9, 0xffffffff)|
left open|plain(\$n[1], 5); data("x"); end(); exit|bytes file
dies|plain(\$n[1], 5); data("x"); kill "SEGV", \$\$|note parser killed by sig
leaves|plain(\$n[1], 5); data("x")|note parser ended early, status 0
E2
XL_DEDUP_PARSER_SECONDS=1; export XL_DEDUP_PARSER_SECONDS
parser 'sleep 1000' >parser; fsparse-dump -p image >dump || fail "hang"
grep -q '^note parser stopped at its deadline' dump || fail "$(cat dump)"
pass "hangs"
