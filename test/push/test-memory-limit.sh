#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# What a peer says it will send takes no memory, and what it sends no more than
# memory-limit: the other end refuses it with a line that names what it was for
# and the way out.  A disk of 8 TiB that is mostly empty needs hardly any.
. "${abs_top_srcdir:=$PWD}/test/lib/functions.sh"
requires python3 b3sum truncate

tmpdir
xl_dedup=$abs_top_builddir/xl-dedup
ask=$abs_top_srcdir/test/push/ask-memory.py
XL_DEDUP_CONFIG=$tmp/conf; export XL_DEDUP_CONFIG
LIMIT=$((64 << 20))
# What is not counted: code, threads, and what docs/security.md calls constant.
PEAK=220
mkdir d
truncate -s 15T d/large 2>/dev/null || skip "no files of 15 TiB in $tmp"
rm d/large

# MB that the receiver may have had at most.
within() {
    peak=$(sed -n 's/^peak //p' out)
    [ "$peak" -le "$1" ] || fail "$2: $peak MB"
}

play() {
    rm -rf d/* "$tmp/state"
    timeout 120 python3 "$ask" "$xl_dedup" "$tmp/d" "$1" >out 2>err ||
        fail "$1: $(cat out err)"
    echo "$name: $1: $(tr '\n' ' ' <out)"
}

printf 'state = %s\nmemory-limit = %s\ndestination = %s\n' "$tmp/state" "$LIMIT" \
    "$tmp/d" >conf
refused() {
    play "$1"
    grep -q "^memory for $2 is refused: .*memory-limit = BYTES" out ||
        fail "$1: $(cat out)"
    grep -qx 'status 2' out || fail "$1: $(cat out)"
    within "$PEAK" "$1"
}
refused disks "the digests of a disk's segments"
refused descriptions 'what is said of a disk'
refused objects "the list of a disk's objects"
refused dry "the digests of a disk's segments"
play beyond
grep -q 'cannot be made .* bytes long' out || fail "beyond: $(cat out)"
within 100 beyond

play honest
{ grep -qx served out && grep -qx 'status 0' out; } || fail "$(cat out err)"
within 100 honest
[ "$(stat -c %s d/disk0)" = $((8 << 40)) ] || fail "another size"
[ "$(stat -c %b d/disk0)" -le 8192 ] || fail "holes were filled"
mib() { head -c 1048576 /dev/zero | tr '\0' "$1"; }
mib '\1' >want
head -c 1048576 d/disk0 | cmp - want || fail "another beginning"
{ head -c 1 /dev/zero; mib '\2'; } >want
tail -c 1048577 d/disk0 | cmp - want || fail "another end"

# The source is told a lot about files at the target.
noise image $((200 << 20)) >a.img
cat >ssh <<EOF
#!/bin/sh
exec python3 "$ask" --target 400
EOF
chmod +x ssh
python3 - "$xl_dedup" >out 2>err <<EOF
import os, subprocess, sys
p = subprocess.Popen([sys.argv[1], "push", "--rsh", "$tmp/ssh", "a.img",
                      "h:/x.img"])
_, status, usage = os.wait4(p.pid, 0)
print("status %d\npeak %d" % (os.waitstatus_to_exitcode(status),
                             usage.ru_maxrss // 1024))
EOF
echo "$name: push: $(tr '\n' ' ' <out) $(tail -n 1 err)"
grep -q 'memory for what the target says it holds is refused' err ||
    fail "push: $(cat err)"
grep -qx 'status 2' out || fail "push: $(cat out err)"
within $((PEAK + 200)) push
pass "no more than memory-limit"
