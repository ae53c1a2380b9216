#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# A source does not decide how long it is waited for: one that asks for a day
# and falls silent, and one that never says anything, are left after
# timeout-limit, each with a line that says so.
. "${abs_top_srcdir:=$PWD}/test/lib/functions.sh"
requires python3 timeout

tmpdir
printf 'state = %s\ntimeout-limit = 20\n' "$tmp/state" >conf
XL_DEDUP_CONFIG=$tmp/conf; export XL_DEDUP_CONFIG
cat >source.py <<'EOF'
import sys
sys.dont_write_bytecode = True
sys.path.insert(0, sys.argv[1])
import subprocess, time, wire
p = subprocess.Popen([sys.argv[2], "receive"], stdin=subprocess.PIPE,
                     stdout=subprocess.PIPE)
start = time.time()
if sys.argv[3] == "day":
    p.stdin.write(wire.greeting() + wire.frame("HELLO", payload=wire.text(
        mode="push", uuid="x", name="x", timeout=86400)))
    p.stdin.flush()
p.stdout.read()
print(p.wait(), round(time.time() - start))
EOF
for case in day mute; do
    timeout 120 python3 source.py "$abs_top_srcdir/test/lib" \
        "$abs_top_builddir/xl-dedup" $case >$case.out 2>$case.err &
done
wait
for case in day mute; do
    read -r status seconds <$case.out || fail "$case: nothing"
    echo "$name: $case: $seconds s: $(cat $case.err)"
    [ "$status" = 2 ] || fail "$case: exit status $status"
    { [ "$seconds" -ge 19 ] && [ "$seconds" -le 50 ]; } ||
        fail "$case: $seconds seconds"
done
grep -q 'the line was silent for 20 seconds' day.err || fail "$(cat day.err)"
grep -q 'nobody has said anything here for 20 seconds' mute.err ||
    fail "$(cat mute.err)"
pass "nobody is waited for longer than the limit"
