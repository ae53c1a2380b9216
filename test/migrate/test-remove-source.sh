#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The source's copy after a success: it stays unless the admin wants it gone,
# and then goes only when nobody uses it and it is what was sent.
. "${abs_top_srcdir:=$PWD}/test/lib/functions.sh"
. "$abs_top_srcdir/test/migrate/migration.sh"
requires python3 cmp losetup
[ "$(id -u)" = 0 ] || skip "not root"

migration_setup
seed 23
SYSLOG_FILE=$tmp/syslog
export SYSLOG_FILE
# The helper that the front runs, with an ear at syslog.
cat >"$tmp/bin/helper" <<END
#!/bin/sh
touch $tmp/helping
LD_PRELOAD=$abs_top_builddir/.libs/libhearsyslog.so \
    $abs_top_builddir/xl-dedup "\$@"
status=\$?
rm $tmp/helping
exit \$status
END
chmod +x "$tmp/bin/helper"
XL_DEDUP=$tmp/bin/helper
noise disk 3000320 >"$tmp/orig"
disk=$tmp/a/disk.img
FAKE_MEMORY=100000
export FAKE_DISKS FAKE_MEMORY FAKE_DESTROY FAKE_SHARED FAKE_READONLY

# again: a guest with one disk, behind a loop device as libxl has it
loop='' turn=0
again()
{
    let_go
    rm -rf "$tmp/a" "$tmp/state-a" "$tmp/syslog"
    find "$tmp/b" "$tmp/state-b" -type f -delete
    mkdir "$tmp/a"
    cp "$tmp/orig" "$disk"
    loop=$(losetup -f --show "$disk") || skip "no loop devices"
    FAKE_DISKS="xvda=$disk=$tmp/b/disk.img"
    FAKE_SHARED='' FAKE_READONLY=''
    turn=$((turn + 1))
    touch "$tmp/turn.$turn"
    # The hotplug script detaches it after xl has ended; but not what has its
    # number when we have let it go.
    FAKE_DESTROY="(sleep 0.5; rm $tmp/turn.$turn && losetup -d $loop) \
        >/dev/null 2>&1 </dev/null &"
}
let_go()
{
    rm -f "$tmp/turn.$turn"
    detach "$loop"
    loop=
}
cleanup_fn let_go

# The helper goes on after xl has ended.
moved()
{
    migrate "$@"
    [ "$status" = 0 ] || { cat "$tmp/err" >&2; fail "$*: status $status"; }
    said 'guest moved'
    cmp "$tmp/orig" "$tmp/b/disk.img" || fail "$*: the copy differs"
    for _ in $(seq 1500); do
        [ -e "$tmp/helping" ] || return 0
        sleep 0.1
    done
    fail "the helper does not end"
}

lasting() { said "$1"; grep -q "$1" "$tmp/syslog" || fail "not in syslog: $1"; }

stays()
{
    cmp "$tmp/orig" "$disk" || fail "$1: the source's image is not whole"
    [ -z "${2-}" ] || lasting "disk.img is left alone: $2"
}

again
moved
stays "no option"
[ ! -e "$tmp/syslog" ] || fail "no option: $(cat "$tmp/syslog")"

again
moved --dedup-remove-source
lasting 'disk xvda: .*/a/disk.img was removed'
[ ! -e "$disk" ] || fail "not removed"
XL_DEDUP_CONFIG=$tmp/a.conf xl-dedup status >"$tmp/out"
grep -q disk.img "$tmp/out" && fail "a record stays: $(cat "$tmp/out")"

# the name of a link is not the image's; the link stays
again
mv "$disk" "$tmp/a/real.img"
ln -s real.img "$disk"
ln "$tmp/a/real.img" "$tmp/held"
exec 8<"$tmp/held"
rm "$tmp/held"
(exec 8<&-; moved --dedup-wipe-source) &
pid=$!
# somebody has it open: it must wait for us
for _ in $(seq 300); do
    grep -q 'as soon as nobody' "$tmp/err" 2>/dev/null && break
    sleep 0.1
done
sleep 1
[ -e "$tmp/a/real.img" ] || fail "removed while it was open"
cmp "$tmp/orig" - <&8 || fail "wiped while it was open"
exec 8<"$tmp/orig"
wait "$pid" || fail "wipe"
lasting 'real.img was overwritten with zeros and removed'
[ ! -e "$tmp/a/real.img" ] || fail "not removed"
exec 8<&-

# what is not clear is left alone
again
ln "$disk" "$tmp/a/other"
moved --dedup-wipe-source
stays "hard link" 'it has other names'

again
FAKE_SHARED="$disk=other=r"
moved --dedup-remove-source
stays "shared" 'domain other has it, too'

again
FAKE_SHARED="/another/name=other=r=$(stat -c %t:%T "$loop")"
moved --dedup-remove-source
stays "shared by another name" 'domain other has it, too'

again
FAKE_SHARED=unknown
moved --dedup-remove-source
stays "unknown" 'it is not known which other domains use it'

again
FAKE_READONLY=xvda
moved --dedup-remove-source
stays "read-only"

again
FAKE_DESTROY="$FAKE_DESTROY touch -d '1 hour ago' $disk"
moved --dedup-remove-source
stays "changed" 'it is not as it was sent'

# a failure removes nothing
again
FAKE_STATUS=1 migrate --dedup-remove-source
[ "$status" != 0 ] || fail "succeeded"
sleep 1
stays "failed"
let_go

# block devices are wiped, not removed
again
let_go
loop=$(losetup -f --show "$disk")
truncate -s 3000320 "$tmp/target"
target=$(losetup -f --show "$tmp/target")
cleanup_fn "losetup -d $target"
FAKE_DISKS="xvda=$loop=$target" FAKE_DESTROY=:
migrate --dedup-remove-source
refused 'is a block device, which cannot be removed; .*--dedup-wipe-source'
migrate --dedup-wipe-source
[ "$status" = 0 ] || { cat "$tmp/err" >&2; fail "device: status $status"; }
for _ in $(seq 100); do
    grep -q 'was overwritten' "$tmp/err" && break
    sleep 0.1
done
lasting "disk xvda: $loop was overwritten with zeros"
cmp -n 3000320 "$loop" /dev/zero || fail "the device is not zero"
cmp "$target" "$tmp/orig" || fail "the device's copy differs"
pass "remove source"
