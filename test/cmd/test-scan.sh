#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# scan: files and hashes are those that debugfs dumps; the JSON is JSON
# whatever a guest calls its files.
. "${abs_top_srcdir:-..}/test/lib/functions.sh"
requires mke2fs debugfs b2sum b3sum openssl python3 truncate
tmpdir
seed 3

mkdir -p tree/d
for n in 1 4095 4096 70000 3000001; do noise "$n" "$n" >"tree/size $n"; done
: >tree/empty
noise x 5000 >tree/d/gap
truncate -s 9000000 tree/d/gap
truncate -s 50000 'tree/only gap'
bad=$(printf 'back\\slash "quote"\ttab\nline \377\303\050')
echo content >"tree/$bad" || skip "no such file names here"
truncate -s 40M image
mke2fs -q -F -t ext4 -d tree image >log 2>&1 || fail "$(cat log)"
chmod a-w image
before=$(b2sum image)

xl-dedup scan --json image >json || fail "scan --json"
python3 -m json.tool json >/dev/null || fail "not JSON"
xl-dedup scan image >text || fail "scan"
grep -q '^image image, 41943040 bytes$' text || fail "size: $(head -1 text)"
[ "$before" = "$(b2sum image)" ] || fail "the image was changed"

mkdir out; debugfs -R 'rdump / out' image 2>/dev/null
python3 - image out json text <<'EOP' || exit 1
import json, os, re, subprocess, sys
image, out = os.path.getsize(sys.argv[1]), os.fsencode(sys.argv[2])
scan, text = json.load(open(sys.argv[3])), open(sys.argv[4]).read()
def raw(name):      # undoes the escapes
    return re.sub(rb'\\x(..)', lambda m: bytes([int(m[1], 16)]),
                  name.encode())
got = {raw(f['path']): f for f in scan['files']}
assert len(got) == len(scan['files'])
want = {}
for d, _, names in os.walk(out):
    for n in names:
        p = os.path.join(d, n)
        want[p[len(out):]] = open(p, 'rb').read()
assert len(want) == 9 and got.keys() == want.keys(), (got.keys(), want.keys())
for path, f in got.items():
    data = want[path]
    assert f['size'] == len(data), f
    if not data.strip(b'\0'):
        assert f['hash'] is None and 'zero' in f['flags'], f
        continue
    assert f['hash'] == subprocess.run(
        ['b3sum', '--no-names'], input=data, stdout=subprocess.PIPE,
        check=True).stdout.decode().strip(), f
    assert f['flags'] == [] and re.search(
        f['hash'] + r' +' + str(len(data)) + ' - p[0-9]+:' +
        re.escape(f['path']) + '\n', text), f
r, t = scan['residual'], scan['totals']
assert scan['size'] == image == t['disk_bytes'] + r['bytes'] + \
    r['zero_bytes'] + r['hole_bytes'], (image, t, r)
assert t['files'] == 9 and t['file_bytes'] == sum(map(len, want.values()))
assert [p['fstype'] for p in scan['partitions']] == ['ext4']
EOP
# 3 threads do as well as one.
xl-dedup scan -j 1 image | cmp - text || fail "-j 1 says something else"
xl-dedup scan -j 3 image | cmp - text || fail "-j 3 says something else"
pass "nine files"

xl-dedup scan --help | awk 'length > 80 { exit 1 }' || fail "help too wide"
xl-dedup scan 2>err; [ $? = 64 ] || fail "no image: not 64"
xl-dedup scan --foo image 2>err; [ $? = 64 ] || fail "--foo: not 64"
grep -q 'scan: .*--foo.*--help' err || fail "--foo: $(cat err)"
xl-dedup scan nowhere 2>err; [ $? = 2 ] || fail "nowhere: not 2"
grep -q '^xl-dedup: error: nowhere: .*No such file' err || fail "$(cat err)"
mkfifo fifo; xl-dedup scan fifo 2>err; [ $? = 2 ] || fail "fifo: not 2"
grep -q 'fifo: neither' err || fail "fifo: $(cat err)"
if [ -w /dev/full ]; then
    xl-dedup scan image >/dev/full 2>err; [ $? = 2 ] || fail "full: not 2"
fi
pass "errors"
