#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The receiver and the index: it reads nothing that is indexed, reads what is
# not, makes do without an index, and both ends enter what has moved.
. "${abs_top_srcdir:=$PWD}/test/lib/functions.sh"
. "$abs_top_srcdir/test/migrate/migration.sh"
requires mke2fs cmp strace

push()
{
    xl-dedup push a/disk.img "hostb:$tmp/b/$1" >out 2>err ||
        { cat err >&2; fail "push $1"; }
    cmp a/disk.img "b/$1" || fail "$1 is not identical"
}
kb_sent() { awk '$1 == "total" { print int($5 * 1000) }' err; }
index_b() { XL_DEDUP_CONFIG=$tmp/b.conf xl-dedup index "$@"; }
listed()
{
    XL_DEDUP_CONFIG=$tmp/$1.conf xl-dedup index --list |
        sed -n "s,.* $tmp/,,p" | sort
}

migration_setup
# what it opens: the file trace
cat >bin/ssh <<END
#!/bin/sh
XL_DEDUP_CONFIG=$tmp/b.conf
export XL_DEDUP_CONFIG
shift
exec strace -f -qq -o $tmp/trace -e trace=open,openat,execve "\$@"
END
reads() { grep -c "b/reference.img\", O_RDONLY[^D]*\$" trace; }
seed 22
mkdir tree
noise shared 6000000 >tree/shared
mke2fs -q -t ext4 -d tree b/reference.img 32M 2>/dev/null
noise own 500000 >tree/own
mke2fs -q -t ext4 -b 1024 -d tree a/disk.img 40M 2>/dev/null

# never indexed: it is read now, and waited for
push one.img
[ "$(kb_sent)" -lt 900 ] || fail "$(kb_sent) kB sent without an index"
grep -q xl-dedup-parse trace || fail "the trace shows no parser"
listed b >list
grep -q '^b/reference.img (current)' list || fail "not indexed: $(cat list)"
# both ends have entered what has moved
grep -q '^b/one.img (current, without names)' list || fail "$(cat list)"
[ "$(listed a)" = "a/disk.img (current)" ] || fail "source: $(listed a)"

# indexed: found at once, and not parsed again
push two.img
[ "$(kb_sent)" -lt 900 ] || fail "$(kb_sent) kB sent with an index"
grep -q xl-dedup-parse trace && fail "an indexed reference was parsed"
index_b --check --sample=50 >out || fail "check: $(cat out)"

# the index of another host's past: a stale one costs a request, no more
dd if=/dev/zero of=b/reference.img bs=1M seek=3 count=8 conv=notrunc \
    status=none
push three.img

# a disk is entered while it arrives; if it does not, nothing of it stays; but
# only if the session need not have the reference read, which takes turns
index_b -q || fail "index of the changed reference"
unfinished() { index_b --check | grep -q '^1 unfinished'; }
finished() { ! unfinished; }
# comes FUNCTION: within 20 seconds
comes()
{
    tries=200
    until "$1"; do
        [ $((tries -= 1)) -gt 0 ] || return 1
        sleep 0.1
    done
}
mkdir cut
noise much 3000000 >cut/much
mke2fs -q -t ext4 -d cut a/cut.img 20M 2>/dev/null
xl-dedup push --bwlimit=100 a/cut.img "hostb:$tmp/b/cut.img" >out 2>err &
push=$!
comes unfinished || fail "not entered ahead: $(index_b --check)"
kill "$push"
wait "$push" && fail "a killed push has ended well"
comes finished || fail "left behind: $(index_b --check)"
listed b | grep cut && fail "a disk that did not arrive is listed"

# the directory cannot be written to, with what it should know and without
rm -r state-b b/reference.img
mke2fs -q -t ext4 -d tree b/reference.img 32M 2>/dev/null
index_b -q || fail "index"
mount -t tmpfs none state-b 2>/dev/null &&
    { umount state-b; mkdir ro; } || skip "no mount"
cleanup_fn "umount '$tmp/ro' 2>/dev/null"
mount --bind state-b ro && mount -o remount,ro,bind ro || skip "no bind mount"
sed -i "s,state-b,ro," b.conf
push four.img
[ "$(kb_sent)" -lt 300 ] || fail "$(kb_sent) kB sent, index read-only"
rm -r state-b/index
push five.img
[ "$(kb_sent)" -lt 300 ] || fail "$(kb_sent) kB sent without any index"
find "${TMPDIR:-/var/tmp}" /var/tmp -maxdepth 1 -name 'xl-dedup-index-*' \
    -newer b/reference.img | grep . && fail "a temporary index was left"

# a session while the index is being made, again and again
unmount ro
sed -i "s,/ro,/state-b," b.conf
(while [ ! -e stop ]; do index_b -q --again; done) 2>/dev/null & loop=$!
push six.img
push seven.img
: >stop
wait "$loop"
index_b --check --sample=50 >out || fail "check at the end: $(cat out)"
pass "receive"
