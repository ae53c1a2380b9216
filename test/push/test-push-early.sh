#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# What the target lacks is sent while the source still reads its disk: storage
# that gives no more than the beginning until content has crossed.
. "${abs_top_srcdir:=$PWD}/test/lib/functions.sh"
. "$abs_top_srcdir/test/migrate/migration.sh"
requires python3 cmp timeout
preload=$abs_top_builddir/.libs/libholdread.so
[ -e "$preload" ] || skip "no libholdread.so"

migration_setup
seed 37
noise disk 12000000 >a/disk.img
HOLD_FILE=$(realpath a/disk.img)
HOLD_FROM=8388608
HOLD_UNTIL=$tmp/go
export HOLD_FILE HOLD_FROM HOLD_UNTIL

# push COMMAND: the target is what COMMAND connects to
push()
{
    printf '#!/bin/sh\n%s\n' "$1" >bin/ssh
    status=0
    LD_PRELOAD=$preload timeout 60 xl-dedup push --free=send a/disk.img \
        "hostb:$tmp/b/disk.img" 2>err || status=$?
}

FAULT=target:FREIGHT:1:run FAULT_COMMAND="touch $HOLD_UNTIL" FAULT_LOG=$tmp/log
export FAULT FAULT_COMMAND FAULT_LOG
push "unset LD_PRELOAD; export XL_DEDUP_CONFIG=$tmp/b.conf
exec python3 $abs_top_srcdir/test/faults/fault-proxy.py \"\$@\""
[ "$status" = 0 ] || fail "status $status: $(cat err)"
[ "$(cat log)" = "$FAULT" ] || fail "nothing has crossed"
cmp a/disk.img b/disk.img || fail "what arrived differs"

# Not all is listed yet: nobody can have all that he wants.  The session ends
# although reading goes on for ever.
rm "$HOLD_UNTIL"
push "unset LD_PRELOAD
exec python3 $abs_top_srcdir/test/lib/hostile-target.py --play want_end_early"
[ "$status" = 2 ] || fail "status $status: $(cat err)"
grep -q 'hostb: sent WANT_END where it does not belong' err ||
    fail "it says: $(cat err)"
# as it does when the line breaks
push "unset LD_PRELOAD
exec python3 $abs_top_srcdir/test/lib/hostile-target.py --play closes_early"
[ "$status" = 2 ] || fail "status $status: $(cat err)"
grep -q 'the connection was closed' err || fail "it says: $(cat err)"
pass "early content"
