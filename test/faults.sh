# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# The fault matrix (docs/faults.md); to be sourced after migration.sh.
#
#   faults_setup
#   rows <<END
#   NAME FAULT OUTCOME SECOND TEXT
#   END
#
# runs for each row a migration with a FAULT of fault-proxy.py, checks what is
# promised of every fault, and that the next try succeeds.  A NAME that begins
# with "staged-": an earlier try has left a staging file; with "copied-": an
# earlier copy is in place.  OUTCOME:
#   untouched, resumed   the guest runs on at the source, and xl says so
#   killed               it runs on there; xl died of the signal
#   moved                it runs at the target
#   SOURCE/TARGET        xl declares it undefined: the states of both
# SECOND: "less" if the next try must send clearly less than all, "all" if
# nothing had arrived that it could use, "none" if there is none to be made.
# TEXT must have been said; "-": nothing needs to be.
#
# A FAULT may end in io=FUNCTION:N:ERROR (fail-io.c), which then counts from
# FAULT_COMMAND on.

faults_setup()
{
    migration_setup
    seed 17
    cat >"$tmp/bin/ssh" <<END
#!/bin/sh
XL_DEDUP_CONFIG=$tmp/b.conf
export XL_DEDUP_CONFIG
host=\$1
shift
exec python3 $abs_top_srcdir/test/fault-proxy.py "\$host" \
    env \${FAULT_PRELOAD:+LD_PRELOAD=\$FAULT_PRELOAD} "\$@"
END
    mkdir "$tmp/tree"
    for i in 1 2 3 4 5 6; do noise "f$i" 1000000 >"$tmp/tree/f$i"; done
    mke2fs -q -t ext4 -d "$tmp/tree" "$tmp/disk.orig" 12M 2>/dev/null
    disk=$tmp/a/disk.img
    FAKE_DISKS="xvda=$disk=$tmp/b/disk.img"
    FAKE_MEMORY=1500000
    FAKE_STATE=$tmp/guest
    # What the guest writes, when it is about to be suspended and in between.
    guest_writes="head -c 9000 /dev/urandom >$tmp/news
for f in $disk $tmp/expected; do
dd if=$tmp/news of=\$f bs=1000 seek=5000 conv=notrunc status=none; done"
    FAKE_WRITE=$guest_writes
    FAKE_AT_END="cmp $disk $tmp/b/disk.img && touch $tmp/was-final"
    FAULT_COMMAND=$guest_writes
    FAULT_LOG=$tmp/faults
    # What a process of this test is known by.
    mark=$tmp/mark
    export FAKE_DISKS FAKE_MEMORY FAKE_STATE FAKE_WRITE FAKE_AT_END
    export FAULT_COMMAND FAULT_LOG
    reset
    migrate
    [ "$status" = 0 ] || { cat "$tmp/err" >&2; fail "without a fault"; }
    all=$(sent)
}

reset()
{
    rm -rf "$tmp/a" "$tmp/state-a" "$tmp/state-b" "$tmp/guest" "$tmp/old"
    mkdir -p "$tmp/a" "$tmp/b" "$tmp/state-a" "$tmp/state-b" "$tmp/guest"
    find "$tmp/b" -mindepth 1 -delete
    cp "$tmp/disk.orig" "$disk"
    cp "$tmp/disk.orig" "$tmp/expected"
}

# kilobytes that the last migration sent
sent() { awk '$1 == "total" { print int($5 * 1000) }' "$tmp/err"; }

state() { cat "$tmp/guest/$1" 2>/dev/null || echo gone; }

complain()
{
    cat "$tmp/out" "$tmp/err" >&2
    fail "$row: $*"
}

# No process of the session is left after a bounded time.
all_gone()
{
    for i in $(seq 100); do
        # not by its status: processes end while it reads
        grep -lsa "FAULT_MARK=$mark" /proc/[0-9]*/environ >"$tmp/left"
        [ -s "$tmp/left" ] || return 0
        sleep 0.1
    done
    while read -r environ; do
        tr '\0' ' ' <"${environ%/*}/cmdline" >&2
        echo >&2
    done <"$tmp/left"
    complain "processes are left"
}

# Where the disk goes there is nothing, the earlier copy, or all of the disk;
# beside it at most the staging file.
check_target()
{
    if [ -e "$tmp/b/disk.img" ] && ! cmp -s "$tmp/b/disk.img" "$tmp/old"; then
        cmp "$tmp/b/disk.img" "$tmp/expected" >&2 ||
            complain "what is in place is not the disk"
    fi
    find "$tmp/b" -mindepth 1 ! -name disk.img ! -name .disk.img.xl-dedup |
        grep . >&2 && complain "left behind at the target"
}

check_guest()
{
    case $1 in
    untouched | resumed) said "guest $1"; wanted=running/gone ;;
    killed) grep -q guest "$tmp/out" && complain "xl lived"
        wanted=running/gone ;;
    moved) said "guest moved"; wanted=gone/running ;;
    *) said "guest undefined"; wanted=$1 ;;
    esac
    got=$(state a)/$(state b)
    [ "$got" = "$wanted" ] || complain "the guest is $got"
    [ "$1" = moved ] || [ "$status" != 0 ] || complain "did not fail"
}

# What the admin types next.
check_second()
{
    [ "$1" = none ] && return
    rm -f "$tmp/was-final"
    echo gone >"$tmp/guest/b"
    migrate
    [ "$status" = 0 ] || complain "the next try failed"
    [ -e "$tmp/was-final" ] || complain "the next try's disk was not final"
    cmp "$disk" "$tmp/b/disk.img" >&2 || complain "the next try differs"
    [ "$1" = all ] || [ "$(sent)" -lt $((all * 3 / 4)) ] ||
        complain "the next try sent $(sent) of $all kB"
}

row()
{
    row=$1
    reset
    case $1 in
    staged-*) FAULT=target:RESTORE:1:cut migrate ;;
    copied-*) migrate; cp "$tmp/b/disk.img" "$tmp/old"
        sh -c "$guest_writes" ;;
    esac
    rm -f "$tmp/faults" "$tmp/armed" "$tmp/guest/"*
    fault=${2%%io=*} FAULT_IO='' FAULT_PRELOAD=''
    case $2 in
    *io=*)
        FAULT_IO=${2##*io=}
        FAULT_PRELOAD=$abs_top_builddir/.libs/libfailio.so ;;
    esac
    export FAULT_IO FAULT_PRELOAD
    FAULT=${fault%,} FAULT_MARK=$mark migrate
    FAULT_PRELOAD=
    rm -f "$tmp/b/filler"
    all_gone
    [ "$(tr '\n' , <"$tmp/faults")" = "$2," ] || complain "$2 never came"
    cmp "$disk" "$tmp/expected" >&2 || complain "the source's disk differs"
    check_guest "$3"
    check_target
    [ "$5" = - ] || said "$5"
    echo "$1, $2: $(state a)/$(state b)"
    grep -h '^guest\|^xl-dedup: ' "$tmp/out" "$tmp/err"
    check_second "$4"
}

rows()
{
    while read -r name fault outcome second text; do
        row "$name" "$fault" "$outcome" "$second" "$text" </dev/null || exit
    done
}
