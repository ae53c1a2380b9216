/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ext_extents: see ext_extents.h.
 */
#include "config.h"

#include "fsparse/ext_extents.h"

errcode_t ext_extents(ext2_filsys fs, ext2_ino_t ino, struct ext2_inode *inode,
                      ext_extents_visit *visit, void *opaque)
{
    ext2_extent_handle_t handle;
    struct ext2fs_extent extent;
    int op = EXT2_EXTENT_ROOT;
    errcode_t err;

    err = ext2fs_extent_open2(fs, ino, inode, &handle);
    if (err)
        return err;
    for (;;) {
        err = ext2fs_extent_get(handle, op, &extent);
        op = EXT2_EXTENT_NEXT;
        if (err || (!(extent.e_flags & EXT2_EXTENT_FLAGS_SECOND_VISIT) &&
                    !visit(opaque, &extent)))
            break;
    }
    ext2fs_extent_free(handle);
    return err == EXT2_ET_EXTENT_NO_NEXT || err == EXT2_ET_NO_CURRENT_NODE ?
           0 : err;
}
