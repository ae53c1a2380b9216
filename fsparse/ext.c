/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ext: see ext.h.
 *
 * One walk over the directories gives names, one scan of the inode tables
 * gives files.  Directories, symbolic links and the file system's own inodes
 * are metadata and thereby residual.  No bitmap is read: what is in use is
 * what an inode says, and only ext_claims, of an image that nobody writes to,
 * asks what is free.  libext2fs is trusted not to loop in one call; how often
 * it is called per file system is bounded by `budget`, since a file system
 * cannot have more extents than blocks unless it lies.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fsparse/ext.h"
#include "fsparse/ext_claims.h"
#include "fsparse/ext_extents.h"
#include "fsparse/ext_io.h"
#include "fsparse/ext_names.h"
#include "fsparse/record.h"

/* Whether an inode of this size has the field.  Debian 13's e2fsprogs (1.47.2)
 * has given the macro a name that begins as all others. */
#ifdef ext2fs_inode_includes
#define INODE_HAS(size, field) ext2fs_inode_includes(size, field)
#else
#define INODE_HAS(size, field) inode_includes(size, field)
#endif

struct ext {
    ext2_filsys fs;
    struct window *w;
    struct emit *e;
    unsigned partition;
    struct ext_names *names;
    struct ext2_inode *inode;   /* of full size */
    ext2_ino_t ino;
    uint64_t size;              /* of the present file */
    uint64_t budget;
    uint64_t unread;            /* groups and inodes that failed */
};

static void emit_blocks(struct ext *x, uint64_t logical, uint64_t physical,
                        uint64_t count)
{
    uint64_t bs = x->fs->blocksize;

    if (physical >= x->w->length / bs + 1)
        emit_cut(x->e);
    else
        emit_extent(x->e, x->w, logical * bs, physical * bs, count * bs);
}

static int spend(struct ext *x)
{
    if (!x->budget)
        return 0;
    x->budget--;
    return 1;
}

static int visit_block(ext2_filsys fs, blk64_t *block, e2_blkcnt_t count,
                       blk64_t ref_block, int ref_offset, void *opaque)
{
    struct ext *x = opaque;

    (void)ref_block;
    (void)ref_offset;
    if ((uint64_t)count * fs->blocksize >= x->size || !spend(x))
        return BLOCK_ABORT;
    emit_blocks(x, (uint64_t)count, *block, 1);
    return 0;
}

static errcode_t walk_blocks(struct ext *x)
{
    return ext2fs_block_iterate3(x->fs, x->ino, BLOCK_FLAG_READ_ONLY |
                                 BLOCK_FLAG_DATA_ONLY, NULL, visit_block, x);
}

/* What is unwritten reads as zeros; its blocks are residual. */
static bool visit_extent(void *opaque, const struct ext2fs_extent *extent)
{
    struct ext *x = opaque;

    if (!spend(x))
        return false;
    if (extent->e_flags & EXT2_EXTENT_FLAGS_LEAF &&
        !(extent->e_flags & EXT2_EXTENT_FLAGS_UNINIT))
        emit_blocks(x, extent->e_lblk, extent->e_pblk, extent->e_len);
    return true;
}

/*
 * The first 60 bytes are in the inode and the others in an extended
 * attribute.  Not by ext2fs_inline_data_get(): it reads a second time what
 * ext2fs_inline_data_size() had measured, and a running guest may have made
 * it longer than the buffer in between.
 */
static errcode_t inline_rest(struct ext *x, uint8_t *data, size_t size)
{
    struct ext2_xattr_handle *handle;
    void *value;
    size_t length;
    errcode_t err;

    err = ext2fs_xattrs_open(x->fs, x->ino, &handle);
    if (err)
        return err;
    err = ext2fs_xattrs_read(handle);
    if (!err)
        err = ext2fs_xattr_get(handle, "system.data", &value, &length);
    if (!err) {
        memcpy(data, value, length < size ? length : size);
        ext2fs_free_mem(&value);
    }
    ext2fs_xattrs_close(&handle);
    return err == EXT2_ET_EA_KEY_NOT_FOUND ? 0 : err;
}

static int is_zero(const uint8_t *data, size_t size)
{
    return !size || (!data[0] && !memcmp(data, data + 1, size - 1));
}

/* An inline file may be longer than what is stored of it: mke2fs -d makes
 * such ones of files that are but a hole. */
static void emit_inline(struct ext *x, struct fsparse_file *f)
{
    const size_t in_inode = sizeof(x->inode->i_block);
    size_t size = f->size < RECORD_INLINE_MAX ? (size_t)f->size :
                  RECORD_INLINE_MAX;
    uint8_t *data = calloc(1, size + 1);

    if (!data)
        return;
    memcpy(data, x->inode->i_block, size < in_inode ? size : in_inode);
    if (size > in_inode && inline_rest(x, data + in_inode, size - in_inode))
        x->unread++;
    if (f->size == size) {
        f->flags |= FSPARSE_INLINE;
        f->inline_data = data;
        emit_file(x->e, f);
    } else if (is_zero(data, size)) {
        emit_file(x->e, f);
    } else {
        x->unread++;
    }
    free(data);
}

/* Seconds since 1970: of 34 bits, two are in the larger inode. */
static int64_t changed(const struct ext *x)
{
    const struct ext2_inode_large *l = (struct ext2_inode_large *)x->inode;
    int64_t seconds = (int32_t)l->i_ctime;

    if (EXT2_INODE_SIZE(x->fs->super) > EXT2_GOOD_OLD_INODE_SIZE &&
        INODE_HAS(l->i_extra_isize + EXT2_GOOD_OLD_INODE_SIZE,
                  i_ctime_extra))
        seconds += (int64_t)(l->i_ctime_extra & 3) << 32;
    return seconds;
}

static void emit_inode(struct ext *x)
{
    char path[RECORD_PATH_MAX + 1];
    struct fsparse_file f = {
        .partition = x->partition,
        .path = path,
        .stream = "",
        .inode = x->ino,
        .size = EXT2_I_SIZE(x->inode),
        .changed = changed(x),
    };
    errcode_t err;

    if (f.size > INT64_MAX)
        return;
    ext_names_path(x->names, x->ino, path, sizeof(path));
    if (x->inode->i_mode & LINUX_S_IROTH &&
        ext_names_public(x->names, x->ino))
        f.flags |= FSPARSE_PUBLIC;
    if (x->inode->i_flags & EXT4_ENCRYPT_FL)
        f.flags |= FSPARSE_ENCRYPTED;
    if (x->inode->i_flags & EXT4_INLINE_DATA_FL) {
        emit_inline(x, &f);
        return;
    }
    x->size = f.size;
    emit_file(x->e, &f);
    if (!ext2fs_inode_has_valid_blocks2(x->fs, x->inode))
        return;
    err = x->inode->i_flags & EXT4_EXTENTS_FL ?
          ext_extents(x->fs, x->ino, x->inode, visit_extent, x) :
          walk_blocks(x);
    if (err || !x->budget)
        emit_cut(x->e);
}

/* The file system's own: the reserved ones, and those that the superblock
 * names. */
static int is_special(const struct ext *x)
{
    struct ext2_super_block *sb = x->fs->super;

    return x->ino < EXT2_FIRST_INODE(sb) || x->ino == sb->s_journal_inum ||
           x->ino == sb->s_usr_quota_inum || x->ino == sb->s_grp_quota_inum ||
           x->ino == sb->s_prj_quota_inum ||
           (ext2fs_has_feature_orphan_file(sb) &&
            x->ino == sb->s_orphan_file_inum);
}

/* Without links, it is still a file if it is open: then i_dtime is not a
 * time but the number of the next such inode, or zero. */
static int is_file(const struct ext *x)
{
    if (!LINUX_S_ISREG(x->inode->i_mode) ||
        x->inode->i_flags & EXT4_EA_INODE_FL || is_special(x))
        return 0;
    return x->inode->i_links_count ||
           x->inode->i_dtime <= x->fs->super->s_inodes_count;
}

static int scan_inodes(struct ext *x)
{
    ext2_inode_scan scan;
    errcode_t err;
    dgrp_t group = 0;

    if (ext2fs_open_inode_scan(x->fs, 64, &scan))
        return -ENOMEM;
    ext2fs_inode_scan_flags(scan, EXT2_SF_SKIP_MISSING_ITABLE, 0);
    for (;;) {
        x->ino = 0;             /* an error may leave it as it is */
        err = ext2fs_get_next_inode_full(scan, &x->ino, x->inode,
                                         EXT2_INODE_SIZE(x->fs->super));
        if (err == EXT2_ET_NEXT_INODE_READ || err == EXT2_ET_SHORT_READ ||
            (err && !x->ino)) {
            /* The scan would stay where it is. */
            x->unread++;
            if (++group >= x->fs->group_desc_count ||
                ext2fs_inode_scan_goto_blockgroup(scan, (int)group))
                break;
            continue;
        }
        if (!x->ino)
            break;
        group = ext2fs_group_of_ino(x->fs, x->ino);
        if (err)
            x->unread++;
        else if (is_file(x))
            emit_inode(x);
    }
    ext2fs_close_inode_scan(scan);
    return 0;
}

/* Returns whether all of it could be read. */
static bool parse_files(struct ext *x)
{
    const char *note = NULL;

    x->budget = 2 * (x->w->length / x->fs->blocksize) + 1024 +
                8ull * x->fs->super->s_inodes_count;
    x->names = ext_names_new(x->fs);
    x->inode = calloc(1, EXT2_INODE_SIZE(x->fs->super));
    if (!x->names || !x->inode || scan_inodes(x))
        note = "out of memory";
    else if (!x->budget)
        note = "claims more blocks than it has";
    else if (x->unread)
        note = "some inodes could not be read";
    if (note)
        emit_note(x->e, x->partition, note);
    if (ext2fs_has_feature_journal_needs_recovery(x->fs->super))
        emit_note(x->e, x->partition, "journal needs recovery");
    free(x->inode);
    ext_names_free(x->names);
    return !note && !x->w->missing;
}

void ext_parse(struct window *w, struct emit *e, unsigned partition,
               bool free_too)
{
    struct ext x = { .w = w, .e = e, .partition = partition };
    const char *why = ext_io_open(w, &x.fs);
    bool whole;

    if (why) {
        emit_note(e, partition, why);
        return;
    }
    emit_parsed(e, partition);
    whole = parse_files(&x);
    ext2fs_free(x.fs);
    if (free_too && whole)
        ext_claims_emit_free(w, e, partition);
    else if (free_too)
        emit_doubt(e, partition, "not all of it could be read");
}
