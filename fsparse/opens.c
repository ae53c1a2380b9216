/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Opens: see opens.h.
 */
#include "config.h"

#include <string.h>

#include "fsparse/ext_io.h"
#include "fsparse/ntfs_device.h"
#include "fsparse/opens.h"

bool opens_is_ext(const char *fstype)
{
    return strncmp(fstype, "ext", 3) == 0;
}

bool opens_is_ntfs(const char *fstype)
{
    return strcmp(fstype, "ntfs") == 0;
}

static bool ext_opens(struct window *w)
{
    struct ext2_inode root;
    ext2_filsys fs;
    bool is_directory;

    if (ext_io_open(w, &fs))
        return false;
    is_directory = !ext2fs_read_inode(fs, EXT2_ROOT_INO, &root) &&
        LINUX_S_ISDIR(root.i_mode) && root.i_links_count > 0;
    ext2fs_free(fs);
    return is_directory;
}

static bool ntfs_opens(struct window *w)
{
    bool is_directory = false;
    ntfs_volume *vol;
    ntfs_inode *root;

    if (ntfs_device_open(w, &vol))
        return false;
    root = ntfs_inode_open(vol, FILE_root);
    if (root) {
        is_directory = (root->mrec->flags & MFT_RECORD_IS_DIRECTORY) != 0;
        ntfs_inode_close(root);
    }
    ntfs_umount(vol, TRUE);
    return is_directory;
}

bool opens(struct window *w, const char *fstype)
{
    return opens_is_ext(fstype) ? ext_opens(w) :
        opens_is_ntfs(fstype) && ntfs_opens(w);
}
