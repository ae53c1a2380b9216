#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# xl migrate --dedup --dry-run: estimates what the disks would take within
# 15 % and 30 kB, marks the memory as an upper bound, changes nothing at either
# side and starts no migration; it fails where the migration would.
. "${abs_top_srcdir:=$PWD}/test/lib/functions.sh"
. "$abs_top_srcdir/test/migrate/migration.sh"
. "$abs_top_srcdir/test/push/dry-run.sh"
requires python3 mke2fs cmp

# xl's other commands are noted; only "list" and "create -n" are harmless
migration_setup
xl_log=$tmp/xl-calls
cat >bin/noting-xl <<END
#!/bin/sh
echo "\$*" >>"$xl_log"
exec "$XL_DEDUP_XL" "\$@"
END
chmod +x bin/noting-xl
XL_DEDUP_XL=$tmp/bin/noting-xl
seed 62
mkdir tree
noise shared 3000000 >tree/shared
mke2fs -q -t ext4 -d tree b/reference.img 24M 2>/dev/null
noise own 700000 >tree/own
seq 1 200000 >tree/numbers
mke2fs -q -t ext4 -d tree a/disk.img 30M 2>/dev/null
truncate -s 5M a/second.img
noise second 70000 | dd of=a/second.img bs=1M seek=2 conv=notrunc status=none
FAKE_DISKS="xvda=$tmp/a/disk.img=$tmp/b/disk.img \
xvdb=$tmp/a/second.img=$tmp/b/second.img"
FAKE_MEMORY=2000000
export FAKE_DISKS FAKE_MEMORY

# the guest's configuration there is another one: as in "migrate" below
echo "another configuration" >g1.cfg

# dry OPTION...: nothing may change
dry()
{
    : >"$xl_log"
    snapshot >before
    migrate --dry-run -C g1.cfg "$@"
    unchanged
    if grep -qv -e '^list -l' -e '^create -q -n ' "$xl_log"; then
        cat "$xl_log" >&2
        fail "another xl command was run"
    fi
}

row=first
dry --dedup-level=3 --dedup-bwlimit=8M
[ "$status" = 0 ] || { cat err >&2; fail "exit status $status"; }
said 'the rate given'
said 'memory: at most 201.3 MB.*'
said 'upper bound'
grep -q '^create -q -n -f g1.cfg$' "$xl_log" || fail "-C was not looked at"
estimate=$(awk '$1 ~ /^xvd/ { kb += $6 * 1000 } END { print int(kb) }' out)
migrate --dedup-level=3
[ "$status" = 0 ] || { cat err >&2; fail "migration: $status"; }
near "$estimate" "$(awk '$1 ~ /^xvd/ && NF == 7 { kb += $5 * 1000 }
    END { print int(kb) }' err)"
cmp a/disk.img b/disk.img || fail "moved: not identical"

# the way is measured if no rate is given; the known copy is begun with
row=again
dry --dedup=disk
[ "$status" = 0 ] || { cat err >&2; fail "again: $status"; }
said 'measured with'
[ "$(estimated_kb)" -lt 60 ] || fail "$(estimated_kb) kB for a known copy"

# the guest's memory only
row=memory
dry --dedup=memory
[ "$status" = 0 ] || fail "memory: $status"
grep -q xvda out && fail "the disks are not to move"

# refused as the migration would be
row=refused
FAKE_BUSY="$tmp/b/disk.img=other" dry
[ "$status" = 2 ] || fail "busy: $status"
said 'hostb: disk xvda: .*in use by domain other'
FAKE_FORMAT=qcow2 dry
[ "$status" = 2 ] || fail "format: $status"
said 'its format is qcow2'
echo precious >b/disk.img
dry
[ "$status" = 2 ] || fail "overwrites: $status"
said 'hostb: disk xvda: .*/b/disk.img'
FAKE_NO_DOMAIN=1 dry
[ "$status" = 2 ] || fail "no domain: $status"
said 'invalid domain identifier'
dry --dedup-level=20
[ "$status" = 2 ] || fail "wrong use: $status"
# a command of one's own; one that would wait for an xl there is refused
rune="XL_DEDUP_CONFIG=$tmp/b.conf exec xl-dedup receive"
rm -f b/disk.img
snapshot >before
"$abs_top_builddir/xl" migrate --dedup --dry-run -C g1.cfg -s '' g1 "$rune" \
    >out 2>err </dev/null || fail "own command"
unchanged
timeout 60 "$abs_top_builddir/xl" migrate --dedup --dry-run -C g1.cfg -s '' \
    g1 "$rune-xl -- migrate-receive" >out 2>err </dev/null
[ $? = 2 ] || fail "receive-xl"
said "must end up running 'xl-dedup receive'"
unchanged
# without -C the disks go to the same paths, which are the same files here
migrate --dedup-dry-run
[ "$status" = 2 ] || fail "shared: $status"
said 'same storage on both hosts'
pass "dry run"
