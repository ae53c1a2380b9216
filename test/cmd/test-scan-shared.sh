#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Blocks that several files have, on purpose or not: the first file has its
# content; of the others nothing is said that is not true.
. "${abs_top_srcdir:-..}/test/lib/functions.sh"
requires mke2fs debugfs b3sum openssl python3 truncate
tmpdir
seed 19

mkdir tree
noise first 8192 >tree/first
for f in all some none; do noise "$f" 8192 >"tree/$f"; done
truncate -s 8M image
mke2fs -q -F -t ext4 -O ^extent,^64bit,^inline_data -b 1024 image >log 2>&1 ||
    fail "$(cat log)"
for f in first all some none; do echo "write tree/$f /$f"; done >script
debugfs -w -f script image >log 2>&1 || fail "$(cat log)"
cp image apart
# steal FILE N: its first N blocks are those of /first.
steal() {
    for i in $(seq 0 $(($2 - 1))); do
        echo "sif /$1 block[$i] $(debugfs -R "bmap /first $i" image \
            2>/dev/null)"
    done
}
{ echo "feature shared_blocks"; steal all 8; steal some 3; } >script
debugfs -w -f script image >log 2>&1 || fail "$(cat log)"
for f in first all; do
    debugfs -R "dump /$f $f" image 2>/dev/null
    cmp "$f" tree/first || fail "/$f is not what was asked for"
done

xl-dedup scan image >text 2>err || fail "$(cat err)"
for f in first none; do
    h=$(b3sum --no-names "tree/$f")
    grep -q "^$h  *8192 - p0:/$f\$" text || fail "/$f: $(cat text)"
done
for f in all some; do
    grep -q "^-  *8192 cut p0:/$f\$" text || fail "/$f: $(cat text)"
done
xl-dedup scan --json image >json 2>err || fail "$(cat err)"
python3 - <<'EOP' || fail "$(cat json)"
import json
files = {f['path']: f for f in json.load(open('json'))['files']}
for path in '/all', '/some':
    assert files[path]['hash'] is None and files[path]['flags'] == ['cut']
assert files['/first']['hash'] and files['/first']['flags'] == []
EOP
pass "scan"

# counts WANT TARGET REFERENCE: identical and different bytes
counts() {
    got=$(xl-dedup compare --json "$2" "$3" 2>err | python3 -c '
import json, sys
d = json.load(sys.stdin)
print(d["identical_bytes"], d["different_bytes"])') || fail "$(cat err)"
    [ "$got" = "$1" ] || fail "compare $2 $3: $got instead of $1"
}
# first and none; what is left of some
counts "16384 5120" image apart
counts "21504 0" image image
# first and none; all and some
counts "16384 16384" apart image
pass "compare"
