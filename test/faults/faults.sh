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
#   running              the same, for a fault that comes when the guest may or
#                        may not have been suspended
#   killed               it runs on there; xl died of the signal
#   moved                it runs at the target
#   off/TARGET           the source host was reset; at the target it is such
#   SOURCE/TARGET        xl declares it undefined: the states of both
# SECOND: "less" if the next try must send clearly less than all, "all" if
# nothing had arrived that it could use, "any" if that is left to what the
# storage had of it, "none" if there is none to be made.
# TEXT must have been said; "-": nothing needs to be.  That xl ended is said
# only if that is why.
#
# volatile_storage, before faults_setup, gives the target a file system of its
# own that loses what was not brought to its storage when a fault takes it
# away, and is mounted anew afterwards.
# traced_disk, before it, puts the source's disk behind a loop device, so that
# its writes are traced.
#
# A FAULT may end in io=FUNCTION:N:ERROR (fail-io.c), which then counts from
# FAULT_COMMAND on.

volatile='' traced=''
volatile_storage()
{
    volatile=1
    # A mount namespace that somebody makes meanwhile would hold the file
    # system, if it were mounted in his.
    [ "$(id -u)" != 0 ] || [ -n "${OWN_MOUNTS:-}" ] ||
        OWN_MOUNTS=1 exec unshare -m sh "$0"
}
traced_disk() { traced=1; }

# A file system on which every request fails from then on, without what it
# had in memory, journal included (GOINGDOWN of NOLOGFLUSH).
make_volatile()
{
    [ "$(id -u)" = 0 ] || skip "not root"
    truncate -s 48M "$tmp/storage"
    mke2fs -q -F -t ext4 "$tmp/storage" 2>/dev/null
    mount -o loop "$tmp/storage" "$tmp/b" 2>/dev/null || skip "no loop mount"
    cleanup_fn "umount -l '$tmp/b'"
    mkdir "$tmp/b/.state"
    sed -i "s|^state = .*|state = $tmp/b/.state|" "$tmp/b.conf"
    cat >"$tmp/die.py" <<END
import fcntl, os, struct
assert os.path.ismount("$tmp/b")
fcntl.ioctl(os.open("$tmp/b", os.O_RDONLY), 0x8004587d, struct.pack("I", 2))
END
    FAULT_CRASH="python3 $tmp/die.py"
    export FAULT_CRASH
}

# After the fault: the host is back.
mount_again()
{
    [ -n "$volatile" ] || return 0
    unmount "$tmp/b" || complain "the file system is still in use"
    mount -o loop "$tmp/storage" "$tmp/b" || complain "not mounted again"
}

attach()
{
    [ -n "$traced" ] || return 0
    detach "$(readlink "$tmp/loop")"
    rm -f "$tmp/loop"
    [ "${1-}" != none ] || return 0
    device=$(losetup -f --show "$disk" 2>/dev/null) || skip "no loop devices"
    ln -s "$device" "$tmp/loop"
}

faults_setup()
{
    migration_setup
    seed 17
    [ -z "$volatile" ] || make_volatile
    cat >"$tmp/bin/ssh" <<END
#!/bin/sh
XL_DEDUP_CONFIG=$tmp/b.conf
export XL_DEDUP_CONFIG
host=\$1
shift
exec python3 $abs_top_srcdir/test/faults/fault-proxy.py "\$host" \
    env \${FAULT_PRELOAD:+LD_PRELOAD=\$FAULT_PRELOAD} "\$@"
END
    mkdir "$tmp/tree"
    for i in 1 2 3 4 5 6; do noise "f$i" 1000000 >"$tmp/tree/f$i"; done
    mke2fs -q -t ext4 -d "$tmp/tree" "$tmp/disk.orig" 12M 2>/dev/null
    disk=$tmp/a/disk.img
    FAKE_DISKS="xvda=$disk=$tmp/b/disk.img"
    FAKE_MEMORY=1500000
    FAKE_STATE=$tmp/guest
    [ -z "$traced" ] || cleanup_fn "attach none"
    # What the guest writes, when it is about to be suspended and in between.
    to="$disk $tmp/expected" direct=''
    [ -z "$traced" ] || to="$tmp/expected $tmp/loop" direct=oflag=direct
    guest_writes="head -c 12288 /dev/urandom >$tmp/news
for f in $to; do
dd if=$tmp/news of=\$f bs=4096 seek=1221 conv=notrunc status=none $direct
done"
    FAKE_WRITE=$guest_writes
    FAKE_AT_END="cmp $disk $tmp/b/disk.img && touch $tmp/was-final"
    FAULT_COMMAND=$guest_writes
    FAULT_LOG=$tmp/faults
    export FAKE_DISKS FAKE_MEMORY FAKE_STATE FAKE_WRITE FAKE_AT_END
    export FAULT_COMMAND FAULT_LOG
    reset
    migrate
    [ "$status" = 0 ] || { cat "$tmp/err" >&2; fail "without a fault"; }
    all=$(sent)
    [ -z "$traced" ] || grep -q 'its writes are traced' "$tmp/err" ||
        skip "writes cannot be traced here"
}

reset()
{
    helpers_gone
    attach none
    rm -rf "$tmp/a" "$tmp/state-a" "$tmp/state-b" "$tmp/guest" "$tmp/old"
    mkdir -p "$tmp/a" "$tmp/b" "$tmp/state-a" "$tmp/state-b" "$tmp/guest"
    find "$tmp/b" -mindepth 1 -delete
    # What is gone must stay so after the next reset.
    [ -z "$volatile" ] || { mkdir "$tmp/b/.state"; sync -f "$tmp/b"; }
    cp "$tmp/disk.orig" "$disk"
    cp "$tmp/disk.orig" "$tmp/expected"
    attach
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
    processes_gone 10 || complain "processes are left"
}

# Where the disk goes there is nothing, the earlier copy, or all of the disk;
# beside it at most the staging file.
check_target()
{
    # only a host or storage that went away leaves the empty one
    case $fault in
    *:host-b | *:storage) [ -s "$tmp/b/disk.img" ] || rm -f "$tmp/b/disk.img" ;;
    esac
    if [ -e "$tmp/b/disk.img" ] && ! cmp -s "$tmp/b/disk.img" "$tmp/old"; then
        cmp "$tmp/b/disk.img" "$tmp/expected" >&2 ||
            complain "what is in place is not the disk"
    fi
    find "$tmp/b" -mindepth 1 ! -path "$tmp/b/.state*" ! -name disk.img \
        ! -name .disk.img.xl-dedup |
        grep . >&2 && complain "left behind at the target"
}

check_guest()
{
    case $1 in
    untouched | resumed) said "guest $1"; wanted=running/gone ;;
    running)
        grep -q '^guest untouched$\|^guest resumed$' "$tmp/out" ||
            complain "was not said: how the guest is"
        wanted=running/gone ;;
    killed) grep -q guest "$tmp/out" && complain "xl lived"
        wanted=running/gone ;;
    moved) said "guest moved"; wanted=gone/running ;;
    off/*) grep -q guest "$tmp/out" && complain "xl lived"
        wanted=gone/${1#*/} ;;
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
    [ "$1" = all ] || [ "$1" = any ] || [ "$(sent)" -lt $((all * 3 / 4)) ] ||
        complain "the next try sent $(sent) of $all kB"
}

row()
{
    row=$1
    reset
    case $1 in
    staged-*) FAULT=target:RESTORE:1:cut migrate ;;
    copied-*) migrate; cp "$tmp/b/disk.img" "$tmp/old"
        helpers_gone
        sh -c "$guest_writes" ;;
    esac
    # with what both know the lists would come as LISTING
    case $1 in
    copied-listing*) ;;
    copied-*) rm -rf "$tmp/state-a/listings" "$tmp/state-b/listings" \
        "$tmp/b/.state/listings" ;;
    esac
    rm -f "$tmp/faults" "$tmp/armed" "$tmp/guest/"*
    fault=${2%%io=*} FAULT_IO='' FAULT_PRELOAD=''
    case $2 in
    *io=*)
        FAULT_IO=${2##*io=}
        FAULT_PRELOAD=$abs_top_builddir/.libs/libfailio.so ;;
    esac
    export FAULT_IO FAULT_PRELOAD
    FAULT=${fault%,} migrate
    FAULT_PRELOAD=
    all_gone
    rm -f "$tmp/b/filler"
    case $2 in *:host-b | *:storage) mount_again ;; esac
    if [ "$(tr '\n' , <"$tmp/faults")" != "$2," ]; then
        # If the kernel lost events, blocks went another way than the row says.
        grep -q 'in doubt' "$tmp/err" && [ "${again:=0}" -lt 3 ] ||
            complain "$2 never came"
        again=$((again + 1))
        row "$@"
        return
    fi
    again=0
    cmp "$disk" "$tmp/expected" >&2 || complain "the source's disk differs"
    check_guest "$3"
    check_target
    [ "$5" = - ] || said "$5"
    case $2 in
    *:xl) ;;
    *) ! grep -q 'xl ended' "$tmp/err" || complain "xl was blamed" ;;
    esac
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
