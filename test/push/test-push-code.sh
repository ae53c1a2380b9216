#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# A program that was built again with something put in near its beginning:
# every call leads to the same from another place, and is a few bytes that
# cross, not a reason to send what lies around it.  A program in which nothing
# is the same arrives just as well, and so does what is none.
. "${abs_top_srcdir:=$PWD}/test/lib/functions.sh"
. "$abs_top_srcdir/test/migrate/migration.sh"
requires mke2fs cmp python3

pushed()
{
    xl-dedup push --free=send "$1" "hostb:$2" >"$tmp/out" 2>"$tmp/err" ||
        { cat "$tmp/err" >&2; fail "push of $1"; }
    cmp "$1" "$2" || fail "$1 is not identical"
    kb=$(awk '$1 == "total" { print int($5 * 1000) }' "$tmp/err")
    echo "$1: $kb kB there"
}

image() { mke2fs -q -F -t ext4 -d tree "$1" 8M 2>/dev/null || fail mke2fs; }

# program INSERT KEY: functions of noise, that call each other and load from a
# table at the end; INSERT bytes more in the third.  The calls are the same
# ones whatever INSERT is.
program()
{
    noise "$2" 2000000 >noise
    python3 - "$1" <<'END'
import struct, sys
shift = int(sys.argv[1])
with open("noise", "rb") as f:
    noise = f.read()
sites = range(1000, 1900000, 100)
def moved(at): return at + shift * (at >= 3000)
out = bytearray(noise[:3000] + b"\x90" * shift + noise[3000:])
out[:64] = (b"\x7fELF\2\1\1".ljust(16, b"\0") + b"\3\0\x3e\0").ljust(64, b"\0")
for n, at in enumerate(sites):
    to = moved(1950000 + n % 1000 * 8 if n % 2 else sites[n * 7919 % 500] + 50)
    code = (b"\x48\x8b\x05", b"\xe8", b"\x8b\x0d", b"\x0f\x84")[n % 4]
    at = moved(at)
    end = at + len(code) + 4
    out[at:end] = code + struct.pack("<i", to - end)
sys.stdout.buffer.write(out)
END
}

migration_setup
seed 41
mkdir -p tree/bin
program 0 code >tree/bin/program
image b/reference.img

program 340 code >tree/bin/program
image a/moved.img
pushed a/moved.img "$tmp/b/moved.img"
[ "$kb" -lt 60 ] || fail "$kb kB sent of a program that only moved"
rm b/moved.img

program 0 other >tree/bin/program
image a/other.img
pushed a/other.img "$tmp/b/other.img"
[ "$kb" -lt 2100 ] || fail "$kb kB sent of 2000 kB"
rm b/other.img

noise plain 2000000 >tree/bin/program
image a/plain.img
pushed a/plain.img "$tmp/b/plain.img"
[ "$kb" -lt 2100 ] || fail "$kb kB sent of 2000 kB"
pass "code"
