# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What run.sh, demo.sh and the cases do with the two hosts: guests, disks,
# migrations, questions.  Sourced after lib.sh.
#
# Guests and their disks, all under /bed/disks, same path at both hosts:
#   g0   no disk
#   g1   xvda: GPT with ext4, holds an OS
#   g2   xvdb: NTFS, xvdc: no file system, xvdd: ext4 on a logical volume
#   g3   HVM; hda: ext4, a disk that QEMU emulates
#   g4   xvda: 4 GiB with what g1 has and a second ext4, to which it writes
#        1 MB/s all over
#   g5   as g4 without the disk: writes 1 MB/s to its memory

: "${bed_src:?source lib.sh first}" "${bed_top:?}" "${bed_run:?}"
: "${bed_cache:?}"

# Generous: a loaded machine is slower by far, and waiting costs only failures.
# Seconds that one command at a host, and one migration, may take.
bed_limit=${XL_DEDUP_LIMIT:-300}
migrate_limit=${XL_DEDUP_MIGRATE_LIMIT:-600}

# on HOST COMMAND: runs a shell command there.
on()
{
    timeout "$bed_limit" "$bed_src/host.sh" ssh "$@" </dev/null
}

other()
{
    case $1 in
    a) echo b ;;
    b) echo a ;;
    esac
}

# --- before the boot -------------------------------------------------------

# ntfs_records DIRECTORY: puts a file of 4 MiB onto ntfs.img there and notes
# where it begins.  The guest rewrites its records in the clusters of that
# file, as a kernel with an NTFS driver would; Debian 12's has none, and a
# guest that writes through FUSE cannot be suspended: tasks that wait for a
# frozen ntfs-3g do not freeze.
ntfs_records()
{
    local file=$1/records at

    seq -f 'record %-1016.0f' 4096 | tr '\n' ' ' | head -c 4194304 >"$file"
    ntfscp -q -f "$1/ntfs.img" "$file" records.dat >/dev/null
    at=$(grep -abo -m1 "$(head -c 24 "$file")" "$1/ntfs.img" |
        head -1 | cut -d: -f1)
    [ -n "$at" ] && cmp -s -n 4194304 -i "0:$at" "$file" "$1/ntfs.img" ||
        die "the file on NTFS is not in one piece"
    echo "$at" >"$bed_run/ntfs-offset"
    rm "$file"
}

# bed_media PRODUCT: makes the hosts' second disk: the product's installed
# tree, the guests' initrd and the disks that guests get copies of.
bed_media()
{
    local dir=$bed_run/media

    rm -rf "$dir" "$bed_run/media.img"
    mkdir -p "$dir/tree"
    cp -a "$1/." "$dir/tree/"
    "$bed_src/guest-initrd.sh" "$dir/initrd"
    cp --sparse=always "$bed_cache"/{guest,reference,ntfs}.img "$dir/"
    cp "$bed_top"/test/{faults/fault-proxy,lib/fdio,lib/wire}.py "$dir/"

    ntfs_records "$dir"
    truncate -s 24M "$dir/raw.img" "$dir/lv.img"
    mke2fs -q -t ext4 -b 4096 "$dir/lv.img"
    truncate -s 560M "$bed_run/media.img"
    # The modules in the initrd are for this kernel.
    if [ "$bed_release_a" != "$bed_release_b" ]; then
        cp "$bed_cache"/{vmlinux,vmlinuz} "$dir/"
        truncate -s 680M "$bed_run/media.img"
    fi
    mke2fs -q -t ext4 -b 4096 -O ^has_journal -d "$dir" "$bed_run/media.img"
    rm -rf "$dir"
}

# --- hosts -----------------------------------------------------------------

# Installs the product and makes what is the same at both hosts.
prepare_host()
{
    on "$1" '
        set -e
        # /lib is a link there
        tar -C /media/tree -c . | tar -C / -x --keep-directory-symlink
        mkdir -p /etc/xl-dedup
        printf "%s\n" "reference = /media/reference.img" \
            "state = /bed/disks/state" >/etc/xl-dedup/xl-dedup.conf
        truncate -s 40M /bed/lvm
        lvm_loop=$(losetup -f --show /bed/lvm)
        vgcreate -q bed "$lvm_loop" >/dev/null
        lvcreate -q -n lv -L 24M -Wn -Zn bed >/dev/null 2>&1
        vgmknodes 2>/dev/null   # what udev would do
        [ ! -e /media/vmlinux ] || cp /media/vmlinux /bed/
        [ ! -e /media/vmlinuz ] || cp /media/vmlinuz /
        ldd /usr/local/sbin/xl-dedup /usr/local/libexec/xl-dedup/* |
            grep "not found" && exit 1
        exit 0'
}

destroy_guests()
{
    on "$1" '
        for id in $(xl list | awk "NR > 1 && \$2 > 0 { print \$2 }"); do
            xl destroy "$id"
        done'
}

# What a failed case may have left behind: guests, and everything on disks.
clean_host()
{
    destroy_guests "$1"
    on "$1" '
        sleep 1
        # Not the disk itself, but what the case nospace mounts over it.
        umount small 2>/dev/null
        find /bed/disks -mindepth 1 -delete
        [ -e /usr/local/sbin/xl-dedup ] ||
            mv /usr/local/sbin/xl-dedup.off /usr/local/sbin/xl-dedup' || :
}

# --- guests ----------------------------------------------------------------

# The host that runs the guest, or failure.
where_is()
{
    local host

    for host in a b; do
        if on "$host" "xl domid $1" >/dev/null 2>&1; then
            echo "$host"
            return 0
        fi
    done
    return 1
}

# guest_config NAME: the domain configuration, on stdout.
guest_config()
{
    local disks='' words='' memory=128 console=hvc0 weight=256
    local machine='type = "pvh"
kernel = "/bed/vmlinux"'

    case $1 in
    g0) ;;
    g1 | g6)
        disks='"format=raw,vdev=xvda,access=rw,target=/bed/disks/'$1'.img"'
        words=xvda1:ext4
        # room for files beside the kernel and the initrd
        [ "$1" = g1 ] || memory=192
        ;;
    g2)
        disks='"format=raw,vdev=xvdb,access=rw,target=/bed/disks/g2-ntfs.img",
            "format=raw,vdev=xvdc,access=rw,target=/bed/disks/g2-raw.img",
            "format=raw,vdev=xvdd,access=rw,target=/dev/bed/lv"'
        words=xvdb:at=$(cat "$bed_run/ntfs-offset"),xvdc:raw,xvdd:ext4
        ;;
    g3)
        disks='"format=raw,vdev=hda,access=rw,target=/bed/disks/g3.img"'
        words='sda:ext4 xen_emul_unplug=never'
        memory=192 console=ttyS0
        machine='type = "hvm"
kernel = "/vmlinuz"
vga = "none"
serial = "pty"
usb = 0'
        ;;
    g4)
        disks='"format=raw,vdev=xvda,access=rw,target=/bed/disks/g4.img"'
        words='xvda2:ext4 rate=1000 records=4096'
        weight=1024
        ;;
    g5)
        words=' rate=1000 records=4096'
        weight=1024
        ;;
    *) die "no guest is called $1" ;;
    esac
    cat <<EOF
name = "$1"
$machine
memory = $memory
vcpus = 1
cpu_weight = $weight
ramdisk = "/media/initrd"
extra = "console=$console quiet disks=$words"
disk = [ $disks ]
on_poweroff = "destroy"
on_crash = "preserve"
EOF
}

fresh_disks()
{
    local name=$1 host=$2

    case $name in
    g1 | g6)
        on "$host" "cp --sparse=always /media/guest.img /bed/disks/$name.img"
        ;;
    g2)
        on "$host" 'cd /bed/disks
            cp --sparse=always /media/ntfs.img g2-ntfs.img
            cp --sparse=always /media/raw.img g2-raw.img
            dd if=/media/lv.img of=/dev/bed/lv bs=1M conv=fsync status=none'
        ;;
    g3) on "$host" 'cp --sparse=always /media/lv.img /bed/disks/g3.img' ;;
    g4)
        on "$host" 'cd /bed/disks
            cp --sparse=always /media/guest.img g4.img
            truncate -s 4G g4.img
            echo "start=1050624, type=linux" | sfdisk -q -a g4.img 2>/dev/null
            mke2fs -q -t ext4 -b 4096 -E offset=537919488 g4.img 3580M'
        ;;
    esac
}

# Once more if need be: libxl gives the disks' hotplug scripts 40 s, which a
# loaded machine may exceed.
create_guest()
{
    on "$2" "xl create -q /bed/$1.cfg || xl create -q /bed/$1.cfg" ||
        { echo "xl create $1 failed"; return 1; }
}

# boot_guest NAME HOST: from the disks there are; waits until its program
# writes.  Of an HVM guest QEMU reads the kernel, which took 262 s on an idle
# machine: longer than other commands may.
boot_guest()
{
    local name=$1 host=$2

    guest_config "$name" |
        "$bed_src/host.sh" ssh "$host" "cat >/bed/$name.cfg"
    create_guest "$name" "$host" &&
        bed_limit=$((3 * bed_limit)) ask "$name" "$host" reset
}

# start_guest NAME HOST: from fresh disks.  It gets the host for itself: beside
# another guest, which writes all the time, it does not come up in minutes on
# the one emulated processor of a slow machine.
start_guest()
{
    note "starting guest $1 at $2"
    destroy_guests "$2"
    fresh_disks "$1" "$2" && boot_guest "$1" "$2"
}

# Starts the guest at HOST unless it runs somewhere already.
want_guest()
{
    where_is "$1" >/dev/null || start_guest "$1" "$2"
}

# ask NAME HOST COMMAND: the guest's reply on stdout.
ask()
{
    on "$2" "guest ask $1 $((bed_limit - 20)) $3"
}

# field N TEXT: the Nth word.
field()
{
    local words

    read -ra words <<<"$2"
    echo "${words[$1 - 1]}"
}

# What xl migrate finds in its environment.
migrate_env=

# Where a case keeps its files, and what xl said last.
case_dir=${case_dir:-$bed_run} log=${log:-$bed_run/migrate.log}

# migrate NAME FROM TO XL-ARGUMENTS...: runs xl migrate at FROM; all that it
# says goes to $log.  Returns its exit status.
migrate()
{
    local name=$1 from=$2 to=$3 rc=0 began=$SECONDS

    shift 3
    note "xl migrate $* $name $to, at $from"
    bed_limit=$((migrate_limit + 20)) on "$from" \
        "$migrate_env timeout $migrate_limit xl migrate $* $name $to 2>&1" \
        >"$log" || rc=$?
    note "exit status $rc after $((SECONDS - began)) s"
    return "$rc"
}

# fault_migrate NAME FROM TO FAULT COMMAND: a migration that meets a fault of
# fault-proxy.py, the action "run" of which is COMMAND.  Fails unless the
# migration failed and the fault came.
fault_migrate()
{
    local rc=0

    on "$2" 'rm -f /tmp/fault'
    migrate_env="FAULT=$4 FAULT_LOG=/tmp/fault FAULT_COMMAND='$5'"
    migrate "$1" "$2" "$3" --dedup --dedup-timeout=20 \
        -s "'python3 /media/fault-proxy.py - ssh'" || rc=$?
    migrate_env=
    on "$2" 'ip link set eth1 up; cat /tmp/fault' && [ "$rc" -gt 0 ]
}

# sent HOST: kB that it has sent to the other host until now, all included.
sent()
{
    on "$1" 'echo $(($(cat /sys/class/net/eth1/statistics/tx_bytes) / 1000))'
}

# Guest's halt: unmounts, powers off; waits until the domain is gone.
halt_guest()
{
    ask "$1" "$2" halt >/dev/null && on "$2" "guest gone $1 60"
}

# Makes a guest go away however, and its disks.
drop_guest()
{
    local host

    for host in a b; do
        on "$host" "xl destroy $1 2>/dev/null; guest gone $1 20
            rm -f /bed/disks/$1[.-]*" || :
    done
}

# --- assertions: "assert TEXT COMMAND..." ----------------------------------

# shellcheck disable=SC2034  # is the exit status of a case
case_failed=0

assert()
{
    local what=$1 began=$SECONDS

    shift
    if "$@" >"$case_dir/assert.out" 2>&1; then
        echo "  ok      $what ($((SECONDS - began)) s)"
    else
        echo "  not ok  $what ($((SECONDS - began)) s)"
        sed 's/^/          /' "$case_dir/assert.out" | tail -15
        # shellcheck disable=SC2034
        case_failed=1
    fi
}

# A guest that runs at HOST, has all its data, and counted on from COUNT.
guest_is_sound()
{
    local name=$1 host=$2 before=$3 reply count

    reply=$(ask "$name" "$host" count) || return 1
    echo "$reply"
    count=$(field 2 "$reply")
    [ "$count" -gt "$before" ] ||
        { echo "count $count after $before"; return 1; }
    reply=$(ask "$name" "$host" check) || return 1
    echo "$reply"
    [[ $reply == "CHECK OK "* ]]
}

no_domain()
{
    # Neither the guest nor a remainder of it (name--incoming and the like).
    ! on "$1" 'xl list' | grep "^$2"
}

says()
{
    grep -Eq -- "$1" "$log" || { cat "$log"; return 1; }
}

fails()
{
    ! "$@"
}
