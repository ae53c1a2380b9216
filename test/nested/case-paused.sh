# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A migration that leaves the guest paused (-p): both images are then the
# same, byte by byte.  Usually the return trip of the case ext4: of the disk
# only what changed since goes over the link.  Ends with a clean halt.
set -u
. "${bed_src:?}/lib.sh"
. "$bed_src/bed.sh"

# The guest's files are those of the image that it began with, apart from its
# data.  Read from outside, as the emulated host takes minutes for it.
os_is_unharmed()
{
    local host=$1 dir rc=0
    dir=$(mktemp -d "$bed_run/os.XXXXXX") || return

    on "$host" 'fsfreeze -f /bed/disks'
    debugfs -R "dump /g1.img $dir/g1.img" "$bed_run/$host/data.img"
    on "$host" 'fsfreeze -u /bed/disks'
    mkdir "$dir/is" "$dir/was"
    debugfs -R "rdump / $dir/is" "$dir/g1.img?offset=1048576"
    debugfs -R "rdump / $dir/was" "$bed_cache/guest.img?offset=1048576"
    rm -rf "$dir"/{is,was}/data
    [ "$(find "$dir/was" -type f | wc -l)" -gt 1000 ] || rc=1
    diff -r --no-dereference "$dir/was" "$dir/is" || rc=1
    rm -r "$dir"
    return "$rc"
}

want_guest g1 a || exit 1
from=$(where_is g1)
to=$(other "$from")
copy=$(on "$to" 'stat -c %s /bed/disks/g1.img 2>/dev/null')
before=$(ask g1 "$from" reset)
assert "xl migrate --dedup -p" migrate g1 "$from" "$to" --dedup -p
sed 's/^/  | /' "$log"
# The rest would only fail in turn.
[ "$case_failed" -eq 0 ] || exit 1
[ -z "$copy" ] || assert "the way back: the disk costs less than 8 MB" \
    awk '$1 == "xvda" { print $6 " MB"; exit !($6 < 8) }' "$log"
sum='sha256sum </bed/disks/g1.img'
source_sum=$(on "$from" "$sum") target_sum=$(on "$to" "$sum")
assert "both images are the same" \
    test -n "$source_sum" -a "$source_sum" = "$target_sum"
assert "unpause" on "$to" 'xl unpause g1'
assert "the counter goes on, all data is there" \
    guest_is_sound g1 "$to" "$(field 2 "$before")"
assert "clean halt" halt_guest g1 "$to"
assert "the file system is clean" on "$to" '
    loop=$(losetup -f --show -r -o 1048576 /bed/disks/g1.img) &&
    e2fsck -fn "$loop"; rc=$?; losetup -d "$loop"; exit $rc'
assert "the OS is unharmed" os_is_unharmed "$to"
exit "$case_failed"
