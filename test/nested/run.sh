#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# run.sh [CASE...]: live migrations between two emulated Xen hosts.
#
# Builds what is missing (build-image.sh), builds the product from this tree
# or takes an installed tree from $XL_DEDUP_TREE, boots both hosts, installs
# it there and runs the cases (files case-*.sh beside this script, in the
# order below unless named) one after another.  Prints a line for each, ends
# with "N passed, N failed, N skipped", and fails if one failed.  Exits 77 if
# it cannot run here: it must be root and needs the packages of the file
# packages.  Logs of hosts, guests and xl stay in $XL_DEDUP_RUN/logs.
#
#   XL_DEDUP_CASE_LIMIT   seconds a case may take (default 1500)
#   XL_DEDUP_KEEP=1       leaves the hosts running afterwards, and uses them
#                         again if they run
#
# About 20 minutes on two processors, of which building the image is two.
# By name only, because they take long: hvm, identity, memory, blackout (five
# minutes and more), faults and reset (ten), soak (see soak.sh).
set -euo pipefail
. "$(dirname "$0")/lib.sh"
. "$bed_src/bed.sh"

default_cases=(stock ext4 paused noplugin nospace exists disks)
cases=("${@:-}")
[ $# -gt 0 ] || cases=("${default_cases[@]}")

need_tools qemu-system-x86_64 mmdebstrap mke2fs mkntfs ntfscp cpio gcc cmp
for name in "${cases[@]}"; do
    [ -e "$bed_src/case-$name.sh" ] || die "there is no case $name"
done

mkdir -p "$bed_run"
# What stays in the background after us must not hold the lock, hence 9>&-.
exec 9>"$bed_run/lock"
flock -n 9 || die "another run uses $bed_run"

logs=$bed_run/logs
rm -rf "$logs"
mkdir -p "$logs"
passed=0 failed=0 skipped=0

# collect_logs DIRECTORY: what the hosts say about themselves and guests.
collect_logs()
{
    local host

    for host in a b; do
        on "$host" 'cd /var/log/xen; for f in console/* xl-*.log; do
            [ -e "$f" ] && echo "== $f" && tail -40 "$f"; done; dmesg |
            tail -40; xl list' >"$1/host-$host.log" 2>&1 || :
    done
    cp "$bed_run"/[ab]/console.log "$1/" 2>/dev/null || :
}

finish()
{
    [ -n "${XL_DEDUP_KEEP:-}" ] || "$bed_src/host.sh" stop a b
}

boot()
{
    if [ -n "${XL_DEDUP_KEEP:-}" ] && on a true 2>/dev/null &&
            on b true 2>/dev/null; then
        note "using the running hosts"
        return
    fi
    "$bed_src/host.sh" stop a b
    if [ -z "${XL_DEDUP_TREE:-}" ]; then
        note "building the product"
        XL_DEDUP_TREE=$bed_run/tree
        "$bed_src/build-product.sh" "$XL_DEDUP_TREE"
    fi
    bed_media "$XL_DEDUP_TREE"
    trap finish EXIT
    note "booting both hosts"
    "$bed_src/host.sh" start a b 9>&-
    for host in a b; do
        prepare_host "$host"
    done
    note "both hosts are ready"
}

run_case()
{
    local name=$1 began=$SECONDS rc=0 verdict
    local dir=$logs/$name

    mkdir -p "$dir"
    # Not in the same process: a case may fail in whatever way it likes.
    case_dir=$dir log=$dir/migrate.log timeout "${XL_DEDUP_CASE_LIMIT:-1500}" \
        bash "$bed_src/case-$name.sh" 2>&1 | tee "$dir/case.log" || rc=$?
    case $rc in
    0) verdict=ok passed=$((passed + 1)) ;;
    77) verdict=skip skipped=$((skipped + 1)) ;;
    *) verdict='not ok' failed=$((failed + 1)) ;;
    esac
    echo "$verdict $name $((SECONDS - began)) s"
    collect_logs "$dir"
    if [ "$verdict" = 'not ok' ]; then
        echo "  status $rc, logs in $dir"
        clean_host a
        clean_host b
    fi
}

"$bed_src/build-image.sh"
boot
for name in "${cases[@]}"; do
    run_case "$name"
done
echo "$passed passed, $failed failed, $skipped skipped in $SECONDS s," \
    "logs in $logs"
[ "$failed" -eq 0 ]
