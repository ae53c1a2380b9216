#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Migrations whose memory is a stream as libxl writes it: what lies on the disk
# is not sent again, not even what was overwritten there meanwhile goes wrong;
# both parts alone; the session follows docs/protocol.md.
. "${abs_top_srcdir:=$PWD}/test/lib/functions.sh"
. "$abs_top_srcdir/test/migrate/migration.sh"
requires python3 cmp tee openssl

# counted WORD: the column of the report's memory line
counted()
{
    awk -v name="$1" '$1 == "memory" {
        gsub("on disk", "on-disk"); gsub("sent MB", "sent-MB")
        for (i = 2; i <= NF; i++) if ($i == name) column = i - 1
        getline; print int($column) }' "$tmp/err"
}

moved()
{
    [ "$status" = 0 ] || { cat "$tmp/err" >&2; fail "$1: status $status"; }
    said 'guest moved'
}

decoded()
{
    python3 "$abs_top_srcdir/test/lib/wire-decode.py" "$tmp/record.source" \
        "$tmp/record.target" >"$tmp/frames" 2>&1 ||
        { tail -3 "$tmp/frames" >&2; fail "$1 does not follow the page"; }
}

forget_b()
{
    helpers_gone
    rm -r b/disk.img state-b
}

migration_setup
seed 5
mv bin/ssh bin/plain-ssh
cat >bin/ssh <<END
#!/bin/sh
tee "$tmp/record.source" | $tmp/bin/plain-ssh "\$@" | tee "$tmp/record.target"
END
chmod +x bin/ssh
noise disk 3000000 >a/disk.img
truncate -s 4M a/disk.img
cp a/disk.img cache
FAKE_DISKS="xvda=$tmp/a/disk.img=$tmp/b/disk.img"
FAKE_CACHE=$tmp/cache
FAKE_STREAM=hvm
FAKE_AT_END="cmp $tmp/a/disk.img $tmp/b/disk.img"
export FAKE_DISKS FAKE_CACHE FAKE_STREAM FAKE_AT_END

migrate
moved "the whole guest"
for word in pages zero on-disk repeated changed literal; do
    [ "$(counted $word)" -gt 0 ] || { cat err >&2; fail "no page is $word"; }
done
[ "$(counted pages)" -gt "$(counted on-disk)" ] || fail "odd counts"
decoded "the whole guest"
grep -q ' CODED ' frames || fail "nothing is coded"

# The disk gets other content while its old content is in the memory: the
# target has none of it any more.
forget_b
FAKE_WRITE="openssl enc -aes-128-ctr -nosalt -pass pass:1 -pbkdf2 -iter 1 \
-in /dev/zero 2>/dev/null | dd of=$tmp/a/disk.img bs=1M count=3 \
conv=notrunc iflag=fullblock status=none"
export FAKE_WRITE
migrate
moved "stale index"
decoded "stale index"
unset FAKE_WRITE

# memory only: the disk is shared storage, as far as we know
forget_b
FAKE_AT_END="test ! -e $tmp/b/disk.img"
# The source has no answers to wait for: it is ahead of the other xl.
FAKE_SLOW=1
export FAKE_SLOW
migrate --dedup=memory
moved "memory only"
unset FAKE_SLOW
[ "$(counted on-disk)" = 0 ] || fail "found on a disk that is not moved"
[ "$(counted zero)" -gt 0 ] || fail "not coded"
decoded "memory only"

FAKE_AT_END="cmp $tmp/a/disk.img $tmp/b/disk.img"
migrate --dedup=disk
moved "disk only"
grep -q '^memory' err && fail "memory is coded"
decoded "disk only"
grep -q ' MEMORY ' frames || fail "no plain memory"

# without a cache, and another kind of guest
forget_b
FAKE_STREAM=pv
migrate --dedup-memory-cache=0
moved "no cache"
[ "$(counted repeated)" -ge 0 ] && [ "$(counted changed)" = 0 ] ||
    fail "a cache of nothing"
migrate --dedup-memory-cache=2000
[ "$status" != 0 ] || fail "a cache of 2000 MiB"
pass "memory"
