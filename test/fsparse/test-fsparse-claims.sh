#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Claims that overlap at random: every byte is its first claimer's, as a model
# that colours byte by byte says, and none is read from a hole of the image.
. "${abs_top_srcdir:-..}/test/lib/functions.sh"
requires perl b2sum openssl truncate fallocate
tmpdir
seed 6

size=60000
noise image $size >image
truncate -s 20M image      # else the files would have too many zeros
printf '#!/bin/sh\ncat %s/stream\n' "$tmp" >parser; chmod +x parser
XL_DEDUP_PARSER=$tmp/parser; export XL_DEDUP_PARSER
cat >model.pl <<'E2'
my ($size, $seed, $files, $longest) = @ARGV;
srand $seed;
open I, "<", "image"; { local $/; $image = <I> }
open S, ">", "stream"; print S "xdfsp\0\0\2";
sub rec { print S pack("LL", $_[0], length $_[1]), $_[1] }
rec(1, pack("LQQ", 0, 0, $size) . pack("S", 0) x 4);
my @owned;
for my $f (1 .. $files) {
    my ($at, $out, $ext) = (0, "", "");
    for (0 .. int rand 12) {
        my $len = 1 + int rand(rand() < .2 ? $longest : 200);
        my $from = int rand($size - $len);
        my $gap = rand() < .5 ? int rand 60 : 0;
        $at += $gap; $out .= "\0" x $gap;
        $ext .= pack("QQQ", $at, $from, $len);
        for my $b ($from .. $from + $len - 1) {
            $out .= $owned[$b]++ ? "\0" : substr($image, $b, 1);
        }
        $at += $len;
    }
    rec(2, pack("LLQQQ S/a* S/a*", 0, 0, $f, $at, 0, "/$f", ""));
    rec(3, $ext);
    open W, ">", "want/$f"; print W $out; close W;
}
rec(6, "");
E2
# round FILES LONGEST: FILES files, with extents of at most LONGEST bytes.
round() {
    rm -rf want; mkdir want
    perl model.pl $size "$seed$round" "$1" "$2"
    fsparse-dump image >dump || fail "round $round: $(grep BROKEN dump)"
    grep '^file ' dump | cut -d' ' -f6- | sed 's, /,  ,' | sort >got
    (cd want && b2sum -l 256 -- *) | sort >sums
    diff sums got >difference || fail "round $round: $(head -4 difference)"
}
for round in $(seq "${ROUNDS:-20}"); do round $((1 + round * 5)) 9000; done
pass "$round rounds"

# With holes, in some of which a whole file lies.
size=1500000
noise image $size >image
perl -e 'srand shift; for (1 .. 12) { print int(rand 360) * 4096, " ",
    (1 + int rand(rand() < .5 ? 60 : 2)) * 4096, "\n" }' "$seed" >holes
while read -r at length; do
    fallocate -p -o "$at" -l "$length" image 2>log ||
        skip "the second half: $(cat log)"
done <holes
truncate -s 500M image
for round in $(seq "${ROUNDS:-10}"); do
    round $((1 + round * 5)) 300000
    # Short ones inside a file's extent stay in it.
    awk '$1 == "bytes" && $3 + $5 > 1400000 { exit 1 }' dump ||
        fail "round $round: $(tail -1 dump)"
done
pass "$round rounds with holes"
