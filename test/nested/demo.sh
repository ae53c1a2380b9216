#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The main job, shown: two emulated Xen hosts, a guest with its disk moves
# from one to the other while it runs; most of its disk is rebuilt from an
# image that the other host holds.  Ends with the guest counting on at the
# other host and its data checked.  Needs what run.sh needs; about five
# minutes, and two more the first time.  Cleans up after itself.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
. "$bed_src/bed.sh"

need_tools qemu-system-x86_64 mmdebstrap mke2fs mkntfs ntfscp cpio gcc cmp
mkdir -p "$bed_run"
log=$bed_run/migrate.log

say()
{
    printf '\n=== %s\n' "$*"
}

say "preparing: image of the hosts, product, guest"
"$bed_src/build-image.sh"
"$bed_src/host.sh" stop a b
if [ -z "${XL_DEDUP_TREE:-}" ]; then
    XL_DEDUP_TREE=$bed_run/tree
    "$bed_src/build-product.sh" "$XL_DEDUP_TREE"
fi
bed_media "$XL_DEDUP_TREE"

say "booting two Xen hosts, a and b"
trap '"$bed_src/host.sh" stop a b' EXIT
"$bed_src/host.sh" start a b
prepare_host a
prepare_host b

say "a guest at a; b holds a similar image, /media/reference.img"
start_guest g1 a
on a 'xl list; ls -ls /bed/disks'
before=$(ask g1 a reset)

say "at a: xl migrate --dedup g1 b"
rc=0
migrate g1 a b --dedup || rc=$?
cat "$log"
[ "$rc" -eq 0 ] || die "it failed, see above and $bed_run"

say "at b"
on b 'xl list; ls -ls /bed/disks'
after=$(ask g1 b count)
echo "the guest counted to $(field 2 "$before") at a" \
    "and to $(field 2 "$after") by now"
echo "longest time between two steps, as the guest saw it:" \
    "$(field 4 "$after") ms"
verdict=$(ask g1 b check)
echo "its own data: $verdict"
[[ $verdict == "CHECK OK "* ]]
say "done; logs are in $bed_run"
