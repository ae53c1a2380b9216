#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Sessions are recorded and decoded by wire-decode.py, which was written from
# docs/protocol.md: a push, a push over an earlier copy, migrations whose
# guest writes to the end; and the decoder notices what was tampered with.
. "${abs_top_srcdir:=$PWD}/test/lib/functions.sh"
. "$abs_top_srcdir/test/migrate/migration.sh"
requires python3 mke2fs cmp tee

decode()
{
    python3 "$abs_top_srcdir/test/lib/wire-decode.py" "$tmp/$1.source" \
        "$tmp/$1.target" >"$tmp/$1.frames" 2>"$tmp/decode-err"
}

# decoded NAME [TYPE...]: follows the page, and has these frames as well
decoded()
{
    recording=$1
    decode "$1" || { tail -5 "$tmp/$1.frames" >&2; cat "$tmp/decode-err" >&2
        fail "$1 does not follow docs/protocol.md"; }
    shift
    for type in HELLO DISK DISK_OK MANIFEST BULK_DONE BYE "$@"; do
        grep -q " $type " "$tmp/$recording.frames" ||
            fail "$recording has no $type"
    done
}

# placed NAME [TYPE...]: a session that is no dry run
placed() { decoded "$@" SEGMENTS PASS_DONE PLACE PLACED; }

# tampered HOW: the decoder must not take "bad" for a session
tampered() { decode bad && fail "passed: $1"; }

# record NAME: the session that comes next.  Listings have a test of their own.
record()
{
    rm -rf "$tmp/state-a/listings" "$tmp/state-b/listings"
    RECORD=$tmp/$1
    export RECORD
}

migration_setup
seed 21
# an ssh that records both directions
mv bin/ssh bin/plain-ssh
cat >bin/ssh <<END
#!/bin/sh
tee "\$RECORD.source" | $tmp/bin/plain-ssh "\$@" | tee "\$RECORD.target"
END
chmod +x bin/ssh
mkdir tree
for i in 1 2 3; do noise "file$i" 700000 >"tree/f$i"; done
{ cat "$(command -v mke2fs)"; echo older; } >tree/tool
mke2fs -q -t ext4 -d tree b/reference.img 8M 2>/dev/null
cp "$(command -v mke2fs)" tree/tool
noise more 900000 >tree/more
cp "$(command -v cmp)" tree/program
mke2fs -q -t ext4 -d tree a/disk.img 9M 2>/dev/null

record push
xl-dedup push --free=send a/disk.img "hostb:$tmp/b/disk.img" 2>err || fail push
cmp a/disk.img b/disk.img || fail "push differs"
placed push PROBE WANT DATA SIGNATURE RECIPE
grep -q ' RECIPE .* operands' push.frames || fail "no skeleton"
# the program's code, too, was right at once
! grep -q ' BLOCKS \| DIFFER ' push.frames || fail "push: corrected"
record dry
noise later 30000 | dd of=b/.disk.img.xl-dedup bs=1M seek=2 status=none
chmod 600 b/.disk.img.xl-dedup
xl-dedup push --dry-run --free=send a/disk.img "hostb:$tmp/b/disk.img" \
    >out 2>err || fail "dry run"
rm b/.disk.img.xl-dedup
decoded dry COMPARED BALLAST
record dry2
echo x >>tree/f2
mke2fs -q -F -t ext4 -d tree a/other.img 9M 2>/dev/null
xl-dedup push --dry-run --free=send a/other.img "hostb:$tmp/b/other.img" \
    >out 2>err || fail "another dry run"
decoded dry2 WANT NAMES SIGNATURE RECIPE BALLAST
# what is where a file belongs is older: it is left to the passes
noise change 40000 | dd of=a/disk.img bs=1M seek=4 conv=notrunc status=none
record dry3
xl-dedup push --dry-run --free=send a/disk.img "hostb:$tmp/b/disk.img" \
    >out 2>err || fail "dry run over a copy"
decoded dry3 COMPARED LEFT BLOCKS PASS_DONE
record again
xl-dedup push --free=send a/disk.img "hostb:$tmp/b/disk.img" 2>err || fail again
placed again COMPARED BLOCKS PATCH

# what no parser understands; some of it lies elsewhere in a reference
noise raw 6000000 >b/reference2.img
{ noise head 20480; noise raw 6000000 | head -c 5000000; } >a/raw.img
record raw
xl-dedup push a/raw.img "hostb:$tmp/b/raw.img" 2>err || fail raw
placed raw LIST BLOCKLIST HELD RECIPE
record dry4
xl-dedup push --dry-run a/raw.img "hostb:$tmp/b/raw2.img" >out 2>err ||
    fail "dry run of raw"
decoded dry4 LIST BLOCKLIST HELD RECIPE

# one segment, and the guest writes to it
truncate -s 300000 a/small.img
noise small 100000 | dd of=a/small.img conv=notrunc status=none
FAKE_DISKS="xvda=$tmp/a/disk.img=$tmp/b/guest.img \
xvdb=$tmp/a/small.img=$tmp/b/small.img"
FAKE_WRITE="head -c 9000 /dev/urandom |
dd of=$tmp/a/small.img bs=1 seek=1000 conv=notrunc status=none"
FAKE_AT_END="cmp $tmp/a/disk.img $tmp/b/guest.img &&
cmp $tmp/a/small.img $tmp/b/small.img"
export FAKE_DISKS FAKE_WRITE FAKE_AT_END
record moved
migrate
[ "$status" = 0 ] || { cat "$tmp/err" >&2; fail "exit status $status"; }
placed moved WANT DATA XL MEMORY_KEY CODED MEMORY_END RESTORE RESTORING BLOCKS PATCH

# where the kernel traces writes, blocks follow by themselves
if loop=$(losetup -f --show a/disk.img 2>/dev/null); then
    cleanup_fn "detach $loop"
    FAKE_WRITE="head -c 8192 /dev/urandom | dd of=$loop bs=4k seek=1300 \
iflag=fullblock oflag=direct conv=notrunc status=none"
    record traced
    migrate
    [ "$status" = 0 ] || { cat "$tmp/err" >&2; fail "traced: $status"; }
    if grep -q 'xvda: its writes are traced' "$tmp/err" &&
        ! grep -q 'in doubt' "$tmp/err"; then
        placed traced COMPARED DELTA
    else
        echo "not traced here, so no DELTA"
        placed traced COMPARED
    fi
fi

# a device of the target may be the source's own
truncate -s 4M b/device.img
if device=$(losetup -f --show b/device.img 2>/dev/null); then
    cleanup_fn "detach $device"
    noise device 2000000 >a/device.img
    truncate -s 4M a/device.img
    record blank
    xl-dedup push a/device.img "hostb:$device" 2>err || fail "push to a device"
    placed blank WITNESS WITNESSED APART DATA
    noise change 9000 | dd of=a/device.img bs=1M seek=1 conv=notrunc status=none
    record older
    xl-dedup push a/device.img "hostb:$device" 2>err || fail "older device"
    placed older COMPARED UNLIKE WITNESS APART PATCH
    record equal
    xl-dedup push a/device.img "hostb:$device" 2>err || fail "equal device"
    placed equal COMPARED UNLIKE
    ! grep -q ' APART \| WITNESS ' equal.frames || fail "equal: was asked"
fi

cp push.target bad.target
head -c -12 push.source >bad.source
tampered "no BYE"
{ head -c -24 push.source; tail -c 12 push.source; } >bad.source
tampered "no PLACE"
{ cat push.source; tail -c 12 push.source; } >bad.source
tampered "frames behind BYE"
cp again.source bad.source
tampered "halves of two sessions"

# without SIDE TYPE [NAME]: "again", or another session, but for the first frame
# of this type
without()
{
    cp "${3:-again}.source" bad.source
    cp "${3:-again}.target" bad.target
    python3 - "$abs_top_srcdir/test/lib" "${3:-again}.$1" "bad.$1" "$2" <<'END' ||
import sys
sys.dont_write_bytecode = True
sys.path.insert(0, sys.argv[1])
import wire
with open(sys.argv[2], "rb") as old, open(sys.argv[3], "wb") as new:
    reader = wire.Reader(old.read)
    reader.greeting()
    new.write(wire.greeting())
    left_out = False
    while (f := reader.frame()) is not None:
        if f.name == sys.argv[4] and not left_out:
            left_out = True
        else:
            new.write(wire.frame(f.number, f.disk, f.payload))
sys.exit(sys.argv[4] != "nothing" and not left_out)
END
        fail "without $2"
}

without source nothing
decode bad || fail "not compressed: $(cat decode-err)"
for type in HELLO SEGMENTS COMPARED MANIFEST_END PATCH PASS_END; do
    without source $type
    tampered "the source's $type is missing"
done
if [ -n "$device" ]; then
    for type in APART WITNESS COMPARED; do
        without source $type older
        tampered "the source's $type to a device is missing"
    done
    for type in UNLIKE WITNESSED; do
        without target $type older
        tampered "the target's $type of a device is missing"
    done
fi
for type in DISK_OK WANT_END BLOCKS PASS_DONE PLACED; do
    without target $type
    tampered "the target's $type is missing"
done
pass "decoded $(cat push.frames again.frames moved.frames | wc -l) frames"
