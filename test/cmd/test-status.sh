#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# xl-dedup status and clean: unfinished copies are listed with age and what
# they really take, pointed out when they are old, and removed as wished.
. "${abs_top_srcdir:=$PWD}/test/lib/functions.sh"
. "$abs_top_srcdir/test/migrate/migration.sh"
requires python3 cmp flock touch

at_b() { XL_DEDUP_CONFIG=$tmp/b.conf xl-dedup "$@"; }

json() { at_b status --json "$@" >json; python3 -c "
import json
j = json.load(open('json'))
u = sorted((r for r in j['records'] if r['what'] == 'unfinished'),
           key=lambda r: r['path'])
assert ($check), j" || fail "$check"; }

migration_setup
seed 29
noise one 3000000 >a/one
truncate -s 50M a/one
noise two 2000000 >a/two
# Tries that end before the disk is placed.
cat >"$tmp/bin/broken" <<END
#!/bin/sh
exec env FAULT=\$FAULT FAULT_LOG=$tmp/faults XL_DEDUP_CONFIG=$tmp/b.conf \
    python3 $abs_top_srcdir/test/faults/fault-proxy.py "\$1" xl-dedup receive
END
chmod +x "$tmp/bin/broken"
for i in one two; do
    FAULT=target:PLACE:1:cut xl-dedup push --free=send -e broken "a/$i" "b:$tmp/b/$i" \
        2>err && fail "was not broken"
done
[ -e b/.one.xl-dedup ] && [ -e b/.two.xl-dedup ] || fail "$(cat err)"

# the table, and the numbers after it
at_b status >out
grep -q "^unfinished .*b/.one.xl-dedup\$" out || fail "$(cat out)"
check="len(u) == j['unfinished'] == 2 and not j['old'] and
 j['remind_days'] == 14 and u[0]['size'] == 50 << 20 and
 3000000 <= u[0]['allocated'] < 3300000 and u[0]['age'] < 600 and
 j['unfinished_bytes'] == u[0]['allocated'] + u[1]['allocated']" json
at_b status --check >out || fail "none is old"
[ ! -s out ] || fail "$(cat out)"

# one of them gets old: it is pointed out, also to those who send something else
touch -d '15 days ago' b/.one.xl-dedup
sed -i "s/\"time\":[0-9]*/\"time\":$(date -d '15 days ago' +%s)/" \
    state-b/records/*.json
at_b status --check >out; [ $? = 1 ] || fail "an old one is not told"
grep -q '^unfinished .* 15d 0h .*\.one\.xl-dedup (old)$' out || fail "$(cat out)"
[ "$(wc -l <out)" = 1 ] || fail "$(cat out)"
check="j['old'] == 1 and [r['old'] for r in u] == [True, False]" json
noise three 100000 >a/three
xl-dedup push --free=send a/three "b:$tmp/b/three" 2>err || fail "$(cat err)"
grep -q 'b: 1 unfinished copy of other disks, 3.0 MB, is older than 14 days' \
    err || fail "no reminder: $(cat err)"
# but not to those who go on with it
xl-dedup push --free=send a/one "b:$tmp/b/one" 2>err || fail "$(cat err)"
grep -q 'unfinished' err && fail "reminder: $(cat err)"
cmp a/one b/one || fail "b/one"
# the sending host's own
cp "$tmp/b.conf" "$tmp/keep.conf"
FAULT=target:PLACE:1:cut xl-dedup push --free=send -e broken a/three "b:$tmp/b/four" 2>err
touch -d '15 days ago' b/.four.xl-dedup
sed -i "s/\"time\":[0-9]*/\"time\":$(date -d '15 days ago' +%s)/" \
    state-b/records/*.json
FAKE_DISKS="xvda=$tmp/a/three=$tmp/b/five" FAKE_MEMORY=1000
export FAKE_DISKS FAKE_MEMORY
XL_DEDUP_CONFIG=$tmp/b.conf migrate
said 'this host: 1 unfinished copy of other disks'

# clean: by age, by path, tried only; what is written is left alone
at_b clean -n >out || fail "dry run"
grep -q '^would remove .*b/.four.xl-dedup (0.1 MB)$' out || fail "$(cat out)"
[ -e b/.four.xl-dedup ] || fail "the dry run was none"
at_b clean >out || fail "clean"
[ ! -e b/.four.xl-dedup ] && [ -e b/.two.xl-dedup ] || fail "$(ls -A b)"
at_b clean --older-than=1h >out || fail "older"
[ -e b/.two.xl-dedup ] || fail "was not so old"
at_b clean "$tmp/b/none" 2>err; [ $? = 2 ] || fail "cleans nothing"
grep -q 'no unfinished copy of .*/b/none' err || fail "$(cat err)"
at_b clean "$tmp/b/one" 2>err; [ $? = 2 ] || fail "cleans a finished copy"
cmp a/one b/one || fail "the finished copy was removed"
flock b/.two.xl-dedup xl-dedup status >/dev/null
(XL_DEDUP_CONFIG=$tmp/b.conf flock b/.two.xl-dedup xl-dedup clean \
    "$tmp/b/two" 2>err); [ $? = 2 ] || fail "removes what is written"
grep -q 'is being written and left alone' err || fail "$(cat err)"
at_b clean "$tmp/b/two" >out || fail "by the disk's path"
[ ! -e b/.two.xl-dedup ] || fail "by the disk's path"
check="not u and j['unfinished'] == 0" json

# wrong use
for wrong in '--older-than=x' '-o -1' '-o 1y' '--frob'; do
    # shellcheck disable=SC2086
    at_b clean $wrong 2>err; [ $? = 64 ] || fail "accepted: $wrong"
done
echo 'remind = 0' >>"$tmp/b.conf"
at_b clean 2>err; [ $? = 64 ] || fail "nothing is ever old"
echo 'remind = soon' >>"$tmp/b.conf"
at_b status 2>err; [ $? = 2 ] || fail "a wrong configuration"
pass "status"
