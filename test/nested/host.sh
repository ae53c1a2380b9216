#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Starts, stops and reaches the two emulated Xen hosts, a and b.
#
#   host.sh start NAME...            boots them side by side, returns when all
#                                    answer by ssh and Xen's daemons run
#   host.sh stop NAME...             ends them; what they wrote is gone
#   host.sh reset NAME               as if its power had failed, and boots it
#                                    again with what its data disk held
#   host.sh ssh NAME COMMAND...      runs a shell command there as root
#   host.sh put NAME FILE... TARGET  copies files there
#   host.sh get NAME FILE... TARGET  copies files from there
#
# A host is a QEMU without acceleration that boots Xen, and a dom0 whose disk
# is the cached image under a throw-away overlay, so that a stop is cheap and
# a start is always fresh.  Its second disk, mounted at /bed/disks, is empty
# at the start but outlives a reset.  $XL_DEDUP_RUN/media.img, if there, is its
# third, read-only, mounted at /media.  $XL_DEDUP_RUN/NAME/ keeps pid, port,
# data.img and console.log.  Needs build-image.sh to have run.
#
#   XL_DEDUP_CPUS     processors per host (default 1)
#   XL_DEDUP_MEMORY   MiB per host (default 2560), of which dom0 has 1024
#   XL_DEDUP_BOOT     seconds a boot may take (default 300)
set -euo pipefail
. "$(dirname "$0")/lib.sh"

ssh_options=(-i "$bed_key" -F /dev/null -o BatchMode=yes
    -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null
    -o KexAlgorithms=curve25519-sha256 -o LogLevel=ERROR -o ConnectTimeout=20 -o ServerAliveInterval=20
    -o ServerAliveCountMax=15)

# The pid of a running host, checked to be ours, or failure.
pid_of()
{
    local pid

    pid=$(cat "$bed_run/$1/pid" 2>/dev/null) || return 1
    tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline" |
        grep -qF "path=$bed_run/$1/" || return 1
    echo "$pid"
}

free_port()
{
    local port

    while :; do
        port=$((20000 + RANDOM % 12000))
        # Nobody answers: free, or so it seems; QEMU has the last word.
        (: <"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
    done
    echo "$port"
}

launch()
{
    local name=$1 dir=$bed_run/$1 peer mac port try cache media=()

    case $name in
    a) peer=b mac=52:54:00:77:00:0 cache=$(cache_of "$bed_release_a") ;;
    b) peer=a mac=52:54:00:77:00:1 cache=$(cache_of "$bed_release_b") ;;
    *) die "no host is called $name" ;;
    esac
    [ -e "$cache/recipe" ] || die "no image, run build-image.sh"
    if [ -e "$bed_run/media.img" ]; then
        media=(-drive "file=$bed_run/media.img,format=raw,if=virtio,readonly=on")
    fi
    for try in 1 2 3 4 5; do
        port=$(free_port)
        # TMPDIR: where QEMU puts the overlay.  The working directory is the
        # cache because -initrd gives blanks and commas a meaning.
        if (cd "$cache" && TMPDIR=$dir setsid qemu-system-x86_64 \
                -name "xl-dedup-$name" -nodefaults -display none \
                -machine q35 -accel tcg,thread=multi \
                -cpu qemu64,+aes,+pclmulqdq,+ssse3,+sse4.1,+sse4.2,+svm,+npt,+vgif,+svme-addr-chk \
                -smp "${XL_DEDUP_CPUS:-1}" -m "${XL_DEDUP_MEMORY:-2560}" \
                -kernel xen \
                -append "dom0_mem=1024M,max:1024M console=com1 loglvl=info guest_loglvl=info" \
                -initrd "vmlinux root=/dev/vda console=hvc0 net.ifnames=0 mitigations=off quiet bed=$name,initrd" \
                -drive "file=dom0.img,format=raw,if=virtio,snapshot=on" \
                -drive "file=$dir/data.img,format=raw,if=virtio,cache=unsafe" \
                "${media[@]}" \
                -netdev "user,id=drive,restrict=on,hostfwd=tcp:127.0.0.1:$port-:22" \
                -device "virtio-net-pci,netdev=drive,mac=${mac}1,romfile=" \
                -netdev "dgram,id=pair,local.type=unix,local.path=$dir/net,remote.type=unix,remote.path=$bed_run/$peer/net" \
                -device "virtio-net-pci,netdev=pair,mac=${mac}2,romfile=" \
                -device virtio-rng-pci \
                -chardev "file,id=console,path=$dir/console.log" \
                -serial chardev:console \
                -pidfile "$dir/pid" -daemonize) >"$dir/qemu.log" 2>&1; then
            echo "$port" >"$dir/port"
            return 0
        fi
    done
    die "QEMU does not start, see $dir/qemu.log ($try tries)"
}

# Commands share one connection (connect), whose set-up takes seconds.
on()
{
    local name=$1 port

    shift
    port=$(cat "$bed_run/$name/port") || die "host $name is not running"
    ssh "${ssh_options[@]}" -o ControlPath="$bed_run/$name/ssh" -p "$port" \
        root@127.0.0.1 "$@"
}

# Leaves a connection in the background that ends when the host does.
connect()
{
    on "$1" -o ControlMaster=yes -N -f </dev/null >/dev/null 2>&1
}

copy()
{
    local port

    port=$(cat "$bed_run/$1/port") || die "host $1 is not running"
    shift
    scp -q "${ssh_options[@]}" -P "$port" "$@"
}

is_up()
{
    pid_of "$1" >/dev/null || die "host $1 ended, see $bed_run/$1/console.log"
    # The daemons are up when the store knows dom0.
    [ -S "$bed_run/$1/ssh" ] || connect "$1" || return 1
    on "$1" 'xenstore-read /local/domain/0/name >/dev/null 2>&1 && \
        xl info >/dev/null' 2>/dev/null </dev/null
}

# Both hosts go by the clock of this machine, or a guest that moves would see
# a jump.  The time is sent once the connection stands: that takes seconds.
set_clock()
{
    local clock_PID clock

    # shellcheck disable=SC2016
    coproc clock { on "$1" 'echo; read -r t; date -s "@$t" >/dev/null'; }
    read -r -u "${clock[0]}"
    date +%s.%N >&"${clock[1]}"
    wait "$clock_PID"
}

# An empty data disk, with a journal: it has to survive a reset.
fresh()
{
    rm -rf "${bed_run:?}/$1"
    mkdir -p "$bed_run/$1"
    truncate -s 16G "$bed_run/$1/data.img"
    mke2fs -q -t ext4 "$bed_run/$1/data.img"
}

start()
{
    local name

    for name; do
        ! pid_of "$name" >/dev/null || die "host $name is running already"
        fresh "$name"
    done
    boot "$@"
}

boot()
{
    local name

    for name; do
        launch "$name"
    done
    for name; do
        wait_for "${XL_DEDUP_BOOT:-300}" is_up "$name" ||
            die "host $name does not come up, see $bed_run/$name/console.log"
        set_clock "$name"
    done
}

stop()
{
    local name pid

    for name; do
        pid=$(pid_of "$name") || continue
        kill "$pid"
        wait_for 10 sh -c "! kill -0 $pid 2>/dev/null" || kill -9 "$pid"
        rm -f "$bed_run/$name/pid" "$bed_run/$name/port" "$bed_run/$name/net"
    done
}

# What QEMU has written is in this machine's page cache and stays.
reset()
{
    local pid

    pid=$(pid_of "$1") || die "host $1 is not running"
    kill -9 "$pid"
    wait_for 10 sh -c "! kill -0 $pid 2>/dev/null" || die "QEMU does not end"
    mv "$bed_run/$1/console.log" "$bed_run/$1/console-before.log"
    rm -f "$bed_run/$1/pid" "$bed_run/$1/port" "$bed_run/$1"/{net,ssh}
    boot "$1"
}

[ $# -ge 2 ] || die "usage: host.sh start|stop|reset|ssh|put|get NAME ..."
verb=$1
shift
case $verb in
start) start "$@" ;;
stop) stop "$@" ;;
reset) reset "$1" ;;
ssh) on "$@" ;;
put) copy "$1" "${@:2:$#-2}" "root@127.0.0.1:${!#}" ;;
get)
    files=("${@:2:$#-2}")
    copy "$1" "${files[@]/#/root@127.0.0.1:}" "${!#}"
    ;;
*) die "unknown verb $verb" ;;
esac
