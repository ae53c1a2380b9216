# SPDX-License-Identifier: GPL-2.0-or-later
# Sourced by the tests that write to NTFS through ntfs-3g:
#   mount_ntfs IMAGE  on ./m; skips where that is not possible
#   umount_ntfs
#   pack DIR          what is created in it from now on is compressed

mount_ntfs() {
    [ "$(id -u)" = 0 ] && [ -w /dev/fuse ] ||
        skip "${ntfs_part:-}not root, or no /dev/fuse"
    requires ntfs-3g fusermount setfattr
    mkdir -p m
    ntfs-3g -o no_detach,compression,streams_interface=windows "$1" m \
        >log 2>&1 & ntfs_pid=$!
    cleanup_fn "fusermount -qu '$tmp/m'"
    ntfs_wait=0
    until grep -q " $tmp/m " /proc/mounts; do
        ntfs_wait=$((ntfs_wait + 1))
        [ $ntfs_wait -lt 50 ] || skip "${ntfs_part:-}no FUSE mount"
        sleep 0.1
    done
}

umount_ntfs() { unmount m || fail "umount"; wait "$ntfs_pid"; }

pack() {
    mkdir -p "$1"
    setfattr -n system.ntfs_attrib_be -v 0x00000810 "$1" || fail "pack $1"
}
