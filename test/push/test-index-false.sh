#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# A source lists a disk of which nothing is true: many places that are said to
# hold what a reference holds.  They come into the index, before the reference;
# the true place is found all the same.  (That lies of a reference are forgotten:
# test/unit/test-reference.)
. "${abs_top_srcdir:=$PWD}/test/lib/functions.sh"
requires python3 b3sum

tmpdir
seed 9
printf 'state = %s\nreference = %s/b/*.img\n' "$tmp/state" "$tmp" >conf
destinations >>conf
XL_DEDUP_CONFIG=$tmp/conf; export XL_DEDUP_CONFIG
xl_dedup=$abs_top_builddir/xl-dedup
mkdir b
noise true 1048576 >content
cat >source.py <<'EOF'
import os, subprocess, sys
sys.dont_write_bytecode = True
sys.path.insert(0, sys.argv[1])
import wire
from wire import frame, u64

command, dest, lies = sys.argv[2], sys.argv[3], int(sys.argv[4])
true = open("content", "rb").read()
MIB, short = 1 << 20, wire.digest(true)
p = subprocess.Popen([command, "receive"], stdin=subprocess.PIPE,
                     stdout=subprocess.PIPE, bufsize=0)
reader = wire.Reader(lambda n: os.read(p.stdout.fileno(), n))

def send(*frames):
    for f in frames:
        data = memoryview(f)
        while data:
            data = data[p.stdin.write(data):]

def until(name):
    seen = []
    while True:
        f = reader.frame()
        assert f, "closed"
        assert f.name != "FAIL", f.payload
        seen.append(f.name)
        if f.name == "PROBE":
            send(frame("PROBED", 0, b"\0"))
        if f.name == name:
            return seen

# a disk of one true piece, or of as many that only claim to be like it
n = max(lies, 1)
disk = [bytes([i + 1]) * MIB for i in range(lies)] or [true]
send(wire.greeting())
reader.greeting()
send(frame("HELLO", payload=wire.text(mode="push", uuid="u" + dest, name="x")),
     frame("DISK", 0, wire.text(vdev="d", size=n * MIB, used=n * MIB, base="x",
                                kind="file", dest=dest)), frame("DISKS_END"))
until("DISK_OK")
send(frame("MANIFEST", 0, wire.manifest(0, [
    (short, MIB, [(0, i * MIB, MIB)]) for i in range(n)])),
    frame("MANIFEST_END", 0, u64(n)))
wanted = "WANT" in until("WANT_END")
for i in range(n):
    if lies or wanted:
        send(frame("DATA", 0, wire.record(i, disk[i])))
send(frame("DATA_END", 0))
until("BULK_DONE")
send(frame("SEGMENTS", 0, wire.run(0, [wire.digest(d) for d in disk])),
     frame("PASS_END", 0))
while until("PASS_DONE")[0] in ("BLOCKS", "DIFFER"):
    for i in range(n):
        send(frame("SEGMENT", 0, wire.segment(i, disk[i])))
    send(frame("PASS_END", 0))
send(frame("PLACE", 0))
until("PLACED")
send(frame("BYE"))
p.stdin.close()
while reader.frame():
    pass
assert p.wait() == 0, "failed"
print("wanted" if wanted else "held")
EOF
play() {
    timeout 120 python3 source.py "$abs_top_srcdir/test/lib" "$xl_dedup" "$@" ||
        fail "session: $*"
}

# Its own disk is no reference, so nobody reads it.
play "$tmp/lies.img" 200 >said
grep -qx wanted said || fail "nothing to copy from, and not wanted"
"$xl_dedup" index --list >said
grep -q ' 200 .*lies.img' said || fail "not entered: $(cat said)"
cp content b/true.img
"$xl_dedup" index >said 2>&1 || fail "$(cat said)"
play "$tmp/copy.img" 0 >said
grep -qx held said || fail "hidden: $(cat said)"
cmp copy.img content || fail "another content"
"$xl_dedup" index --check >said 2>&1 || fail "$(cat said)"
pass "lies in the index hide nothing"
