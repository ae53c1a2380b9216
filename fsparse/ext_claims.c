/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ext_claims: see ext_claims.h.
 *
 * The file system is opened once more, and strictly: libext2fs then verifies
 * the checksums of all that it reads.  The groups' tables claim their blocks
 * first, then every inode in use its data and the blocks that map it, then the
 * extended attributes, which inodes may share.  Directories are read to see
 * that they name only inodes that are in use: one that is not may be one whose
 * blocks nobody has claimed here.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "fsparse/arena.h"
#include "fsparse/claims.h"
#include "fsparse/ext_claims.h"
#include "fsparse/ext_extents.h"
#include "fsparse/ext_io.h"

/* What is understood here; of others it is unknown what they claim. */
#define COMPAT (EXT2_FEATURE_COMPAT_DIR_PREALLOC | \
                EXT3_FEATURE_COMPAT_HAS_JOURNAL | \
                EXT2_FEATURE_COMPAT_EXT_ATTR | \
                EXT2_FEATURE_COMPAT_RESIZE_INODE | \
                EXT2_FEATURE_COMPAT_DIR_INDEX | \
                EXT4_FEATURE_COMPAT_SPARSE_SUPER2 | \
                EXT4_FEATURE_COMPAT_FAST_COMMIT | \
                EXT4_FEATURE_COMPAT_STABLE_INODES | \
                EXT4_FEATURE_COMPAT_ORPHAN_FILE)
#define RO_COMPAT (EXT2_FEATURE_RO_COMPAT_SPARSE_SUPER | \
                   EXT2_FEATURE_RO_COMPAT_LARGE_FILE | \
                   EXT4_FEATURE_RO_COMPAT_HUGE_FILE | \
                   EXT4_FEATURE_RO_COMPAT_GDT_CSUM | \
                   EXT4_FEATURE_RO_COMPAT_DIR_NLINK | \
                   EXT4_FEATURE_RO_COMPAT_EXTRA_ISIZE | \
                   EXT4_FEATURE_RO_COMPAT_QUOTA | \
                   EXT4_FEATURE_RO_COMPAT_BIGALLOC | \
                   EXT4_FEATURE_RO_COMPAT_METADATA_CSUM | \
                   EXT4_FEATURE_RO_COMPAT_READONLY | \
                   EXT4_FEATURE_RO_COMPAT_PROJECT | \
                   EXT4_FEATURE_RO_COMPAT_VERITY)
#define INCOMPAT (EXT2_FEATURE_INCOMPAT_FILETYPE | \
                  EXT2_FEATURE_INCOMPAT_META_BG | \
                  EXT3_FEATURE_INCOMPAT_EXTENTS | \
                  EXT4_FEATURE_INCOMPAT_64BIT | \
                  EXT4_FEATURE_INCOMPAT_MMP | \
                  EXT4_FEATURE_INCOMPAT_FLEX_BG | \
                  EXT4_FEATURE_INCOMPAT_EA_INODE | \
                  EXT4_FEATURE_INCOMPAT_CSUM_SEED | \
                  EXT4_FEATURE_INCOMPAT_LARGEDIR | \
                  EXT4_FEATURE_INCOMPAT_INLINE_DATA | \
                  EXT4_FEATURE_INCOMPAT_ENCRYPT | \
                  EXT4_FEATURE_INCOMPAT_CASEFOLD)

#define MMP_MAGIC 0x004d4d50u
#define MMP_CLEAN 0xff4d4d50u
#define JOURNAL_MAGIC 0xc03b3998u

/* The beginning of a journal's superblock, big-endian; libext2fs installs no
 * header that has it. */
struct journal_super {
    uint32_t magic, type, sequence;
    uint32_t block_bytes, blocks, first;
    uint32_t start_sequence;
    uint32_t start;             /* where there is something to replay, or 0 */
    uint32_t error;
};

struct ext_claims {
    ext2_filsys fs;
    struct window *w;
    struct claims claims;
    struct ext2_inode *inode;   /* of full size */
    ext2_ino_t ino;
    uint8_t *used;              /* bit a used inode */
    blk64_t *attributes;        /* extended attribute blocks, with repeats */
    size_t n_attributes, cap_attributes;
    uint32_t *free_blocks;      /* clusters, a group */
    char *block;                /* room for one */
};

static void doubt_error(struct ext_claims *x, const char *what)
{
    claims_doubt(&x->claims, "%s cannot be read or is damaged", what);
}

static void check_state(struct ext_claims *x)
{
    const struct ext2_super_block *sb = x->fs->super;

    if (!(sb->s_state & EXT2_VALID_FS))
        claims_doubt(&x->claims, "it was not unmounted cleanly");
    if (sb->s_state & EXT2_ERROR_FS || sb->s_error_count)
        claims_doubt(&x->claims, "errors were found in it");
    if (ext2fs_has_feature_journal_needs_recovery(x->fs->super))
        claims_doubt(&x->claims, "its journal needs recovery");
    if (sb->s_last_orphan || ext2fs_has_feature_orphan_present(x->fs->super))
        claims_doubt(&x->claims, "files were deleted while they were open");
    if (sb->s_feature_compat & ~(uint32_t)COMPAT ||
        sb->s_feature_ro_compat & ~(uint32_t)RO_COMPAT ||
        sb->s_feature_incompat & ~(uint32_t)INCOMPAT)
        claims_doubt(&x->claims, "it has a feature that is not understood");
    if (ext2fs_blocks_count(x->fs->super) >
        x->w->length / x->fs->blocksize)
        claims_doubt(&x->claims, "it is larger than its partition");
}

static void claim_descriptors(struct ext_claims *x, dgrp_t group)
{
    const struct ext2_super_block *sb = x->fs->super;
    bool meta = ext2fs_has_feature_meta_bg(x->fs->super);
    uint64_t old_blocks = meta ? sb->s_first_meta_bg :
                          (uint64_t)x->fs->desc_blocks +
                          sb->s_reserved_gdt_blocks;
    blk64_t super, old, new;

    ext2fs_super_and_bgd_loc2(x->fs, group, &super, &old, &new, NULL);
    if (super || !group)
        claims_add(&x->claims, super, 1, "group", group);
    if (old && old_blocks)
        claims_add(&x->claims, old, old_blocks, "group", group);
    if (new)
        claims_add(&x->claims, new, 1, "group", group);
}

/* With clusters of several blocks, or of 1 KiB, something may lie before the
 * superblock: the boot loader. */
static void claim_groups(struct ext_claims *x)
{
    ext2_filsys fs = x->fs;
    dgrp_t g;

    for (g = 0; g < fs->group_desc_count && !claims_in_doubt(&x->claims);
         g++) {
        if (!ext2fs_group_desc_csum_verify(fs, g))
            claims_doubt(&x->claims, "the checksum of group %lu is wrong",
                         (unsigned long)g);
        claim_descriptors(x, g);
        claims_add(&x->claims, ext2fs_block_bitmap_loc(fs, g), 1, "group", g);
        claims_add(&x->claims, ext2fs_inode_bitmap_loc(fs, g), 1, "group", g);
        claims_add(&x->claims, ext2fs_inode_table_loc(fs, g),
                   fs->inode_blocks_per_group, "group", g);
    }
    claims_share(&x->claims, 0, 1, "group", 0);
    if (ext2fs_check_desc(fs))
        claims_doubt(&x->claims, "its group descriptors are damaged");
}

/* Another host may have it mounted. */
static void check_mmp(struct ext_claims *x)
{
    blk64_t block = x->fs->super->s_mmp_block;
    struct mmp_struct mmp;

    if (!ext2fs_has_feature_mmp(x->fs->super) || claims_in_doubt(&x->claims))
        return;
    claims_add(&x->claims, block, 1, "multi-mount protection", 0);
    if (io_channel_read_blk64(x->fs->io, block, 1, x->block)) {
        doubt_error(x, "its multi-mount protection");
        return;
    }
    memcpy(&mmp, x->block, sizeof(mmp));
    if (ext2fs_le32_to_cpu(mmp.mmp_magic) != MMP_MAGIC ||
        ext2fs_le32_to_cpu(mmp.mmp_seq) != MMP_CLEAN)
        claims_doubt(&x->claims, "another host may have it mounted");
}

static int claim_block(ext2_filsys fs, blk64_t *block, e2_blkcnt_t count,
                       blk64_t ref_block, int ref_offset, void *opaque)
{
    struct ext_claims *x = opaque;

    (void)fs;
    (void)count;
    (void)ref_block;
    (void)ref_offset;
    /* The resize inode's blocks are the reserved descriptors' of the groups,
     * which those have claimed. */
    if (x->ino == EXT2_RESIZE_INO)
        claims_share(&x->claims, *block, 1, "inode", x->ino);
    else
        claims_add(&x->claims, *block, 1, "inode", x->ino);
    return claims_in_doubt(&x->claims) ? BLOCK_ABORT : 0;
}

static errcode_t claim_mapped(struct ext_claims *x)
{
    return ext2fs_block_iterate3(x->fs, x->ino, BLOCK_FLAG_READ_ONLY, NULL,
                                 claim_block, x);
}

static bool claim_extent(void *opaque, const struct ext2fs_extent *extent)
{
    struct ext_claims *x = opaque;

    claims_add(&x->claims, extent->e_pblk,
               extent->e_flags & EXT2_EXTENT_FLAGS_LEAF ? extent->e_len : 1,
               "inode", x->ino);
    return !claims_in_doubt(&x->claims);
}

static void note_attributes(struct ext_claims *x)
{
    blk64_t block = ext2fs_file_acl_block(x->fs, x->inode);

    if (!block)
        return;
    if (array_grow((void **)&x->attributes, x->n_attributes,
                   &x->cap_attributes, sizeof(*x->attributes)))
        claims_doubt(&x->claims, "it is too large to be checked");
    else
        x->attributes[x->n_attributes++] = block;
}

/* Only this one has blocks without being a file. */
static int has_blocks(const struct ext_claims *x)
{
    return x->ino == EXT2_BAD_INO ||
           ext2fs_inode_has_valid_blocks2(x->fs, x->inode);
}

static int names_used(ext2_ino_t dir, int kind, struct ext2_dir_entry *d,
                      int offset, int blocksize, char *buf, void *opaque)
{
    struct ext_claims *x = opaque;

    (void)kind;
    (void)offset;
    (void)blocksize;
    (void)buf;
    if (d->inode && d->inode <= x->fs->super->s_inodes_count &&
        ext2fs_test_inode_bitmap2(x->fs->inode_map, d->inode))
        return 0;
    claims_doubt(&x->claims, "directory %lu names an inode that is not in use",
                 (unsigned long)dir);
    return DIRENT_ABORT;
}

static void check_directory(struct ext_claims *x)
{
    errcode_t err = ext2fs_dir_iterate2(x->fs, x->ino, 0, x->block, names_used,
                                        x);

    if (err)
        claims_doubt(&x->claims, "directory %lu cannot be read or is damaged",
                     (unsigned long)x->ino);
}

static void claim_inode(struct ext_claims *x)
{
    errcode_t err = 0;

    x->used[x->ino / 8] |= (uint8_t)(1u << x->ino % 8);
    note_attributes(x);
    if (has_blocks(x))
        err = x->inode->i_flags & EXT4_EXTENTS_FL ?
              ext_extents(x->fs, x->ino, x->inode, claim_extent, x) :
              claim_mapped(x);
    if (err)
        claims_doubt(&x->claims, "inode %lu cannot be read or is damaged",
                     (unsigned long)x->ino);
    if (!claims_in_doubt(&x->claims) && LINUX_S_ISDIR(x->inode->i_mode))
        check_directory(x);
}

/* Nobody wants what is left of a deleted inode.  The reserved ones have no
 * links. */
static int is_used(const struct ext_claims *x)
{
    return x->inode->i_links_count ||
           x->ino < EXT2_FIRST_INODE(x->fs->super);
}

static void claim_inodes(struct ext_claims *x)
{
    ext2_inode_scan scan;
    errcode_t err = 0;

    if (claims_in_doubt(&x->claims))
        return;
    if (ext2fs_open_inode_scan(x->fs, 64, &scan)) {
        doubt_error(x, "its inode table");
        return;
    }
    while (!claims_in_doubt(&x->claims)) {
        err = ext2fs_get_next_inode_full(scan, &x->ino, x->inode,
                                         EXT2_INODE_SIZE(x->fs->super));
        if (err || !x->ino)
            break;
        if (is_used(x))
            claim_inode(x);
    }
    if (err)
        doubt_error(x, "its inode table");
    ext2fs_close_inode_scan(scan);
}

static int by_number(const void *a, const void *b)
{
    const blk64_t *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

static void claim_attribute_block(struct ext_claims *x, blk64_t block,
                                  size_t owners)
{
    const struct ext2_ext_attr_header *h = (void *)x->block;

    claims_add(&x->claims, block, 1, "attribute block", block);
    if (claims_in_doubt(&x->claims))
        return;
    if (ext2fs_read_ext_attr3(x->fs, block, x->block, 0) ||
        h->h_magic != EXT2_EXT_ATTR_MAGIC || h->h_blocks != 1 ||
        h->h_refcount != owners)
        doubt_error(x, "an extended attribute");
}

static void claim_attributes(struct ext_claims *x)
{
    size_t i, next;

    if (x->n_attributes)
        qsort(x->attributes, x->n_attributes, sizeof(*x->attributes),
              by_number);
    for (i = 0; i < x->n_attributes && !claims_in_doubt(&x->claims);
         i = next) {
        for (next = i + 1; next < x->n_attributes &&
             x->attributes[next] == x->attributes[i]; next++)
            ;
        claim_attribute_block(x, x->attributes[i], next - i);
    }
}

/* The superblock may say that there is nothing to replay, and e2fsck replays
 * it all the same. */
static void check_journal(struct ext_claims *x)
{
    ext2_ino_t ino = x->fs->super->s_journal_inum;
    struct journal_super journal;
    blk64_t block;

    if (!ext2fs_has_feature_journal(x->fs->super) ||
        claims_in_doubt(&x->claims))
        return;
    if (!ino || x->fs->super->s_journal_dev) {
        claims_doubt(&x->claims, "its journal is on another device");
        return;
    }
    if (ext2fs_bmap2(x->fs, ino, NULL, NULL, 0, 0, NULL, &block) || !block ||
        io_channel_read_blk64(x->fs->io, block, 1, x->block)) {
        doubt_error(x, "its journal");
        return;
    }
    memcpy(&journal, x->block, sizeof(journal));
    if (ext2fs_be32_to_cpu(journal.magic) != JOURNAL_MAGIC)
        doubt_error(x, "its journal");
    else if (journal.start || journal.error)
        claims_doubt(&x->claims, "its journal needs recovery");
}

/* The inodes' bitmap, its groups' counts and the sum. */
static void check_inode_counts(struct ext_claims *x)
{
    ext2_filsys fs = x->fs;
    const ext2_ino_t per_group = fs->super->s_inodes_per_group;
    uint64_t free_all = 0, free_here = 0;
    ext2_ino_t ino;

    for (ino = 1; ino <= fs->super->s_inodes_count &&
         !claims_in_doubt(&x->claims); ino++) {
        bool used = ino < EXT2_FIRST_INODE(fs->super) ||
                    x->used[ino / 8] & 1u << ino % 8;

        if (used != (ext2fs_test_inode_bitmap2(fs->inode_map, ino) != 0))
            claims_doubt(&x->claims, "the bitmap of its inodes is wrong");
        free_here += !used;
        if (ino % per_group)
            continue;
        if (ext2fs_bg_free_inodes_count(fs, ino / per_group - 1) != free_here)
            claims_doubt(&x->claims, "its count of free inodes is wrong");
        free_all += free_here;
        free_here = 0;
    }
    if (free_all != fs->super->s_free_inodes_count)
        claims_doubt(&x->claims, "its count of free inodes is wrong");
}

/* Calls visit with each run of blocks that the bitmap calls free. */
static void walk_free(struct ext_claims *x, struct emit *e, unsigned partition,
                      void (*visit)(struct ext_claims *x, struct emit *e,
                                    unsigned partition, blk64_t from,
                                    blk64_t to))
{
    blk64_t end = ext2fs_blocks_count(x->fs->super) - 1, from, to;
    blk64_t next = x->fs->super->s_first_data_block;

    while (next <= end && !claims_in_doubt(&x->claims) &&
           !ext2fs_find_first_zero_block_bitmap2(x->fs->block_map, next, end,
                                                 &from)) {
        if (ext2fs_find_first_set_block_bitmap2(x->fs->block_map, from, end,
                                                &to))
            to = end + 1;
        visit(x, e, partition, from, to);
        next = to;
    }
}

static void check_run(struct ext_claims *x, struct emit *e, unsigned partition,
                      blk64_t from, blk64_t to)
{
    const blk64_t cluster = EXT2FS_CLUSTER_RATIO(x->fs);

    (void)e;
    (void)partition;
    claims_check_free(&x->claims, from, to - from);
    while (from < to) {
        dgrp_t g = ext2fs_group_of_blk2(x->fs, from);
        blk64_t end = ext2fs_group_last_block2(x->fs, g) + 1;

        if (end > to)
            end = to;
        x->free_blocks[g] += (uint32_t)((end - from + cluster - 1) / cluster);
        from = end;
    }
}

static void check_block_counts(struct ext_claims *x)
{
    ext2_filsys fs = x->fs;
    uint64_t free_all = 0;
    dgrp_t g;

    walk_free(x, NULL, 0, check_run);
    for (g = 0; g < fs->group_desc_count; g++) {
        if (ext2fs_bg_free_blocks_count(fs, g) != x->free_blocks[g])
            claims_doubt(&x->claims, "its count of free blocks is wrong");
        free_all += x->free_blocks[g];
    }
    if (ext2fs_free_blocks_count(fs->super) != EXT2FS_C2B(fs, free_all))
        claims_doubt(&x->claims, "its count of free blocks is wrong");
}

static void emit_run(struct ext_claims *x, struct emit *e, unsigned partition,
                     blk64_t from, blk64_t to)
{
    claims_emit_free(&x->claims, e, partition, from, to - from,
                     x->fs->blocksize);
}

static void read_bitmaps(struct ext_claims *x)
{
    if (claims_in_doubt(&x->claims))
        return;
    if (ext2fs_read_bitmaps(x->fs) ||
        x->fs->flags & (EXT2_FLAG_BBITMAP_TAIL_PROBLEM |
                        EXT2_FLAG_IBITMAP_TAIL_PROBLEM))
        doubt_error(x, "a bitmap");
}

static void check(struct ext_claims *x)
{
    check_state(x);
    if (claims_in_doubt(&x->claims))
        return;
    claim_groups(x);
    read_bitmaps(x);
    check_mmp(x);
    claim_inodes(x);
    claim_attributes(x);
    check_journal(x);
    if (claims_in_doubt(&x->claims))
        return;
    check_inode_counts(x);
    check_block_counts(x);
    if (x->w->missing)
        claims_doubt(&x->claims, "parts of it could not be read");
}

static void prepare(struct ext_claims *x)
{
    struct ext2_super_block *sb = x->fs->super;

    claims_init(&x->claims, ext2fs_blocks_count(sb));
    x->inode = calloc(1, EXT2_INODE_SIZE(sb));
    x->used = calloc(1, (size_t)sb->s_inodes_count / 8 + 1);
    x->free_blocks = calloc(x->fs->group_desc_count, sizeof(*x->free_blocks));
    x->block = malloc(x->fs->blocksize);
    if (!x->inode || !x->used || !x->free_blocks || !x->block)
        claims_doubt(&x->claims, "it is too large to be checked");
}

static void release(struct ext_claims *x)
{
    free(x->block);
    free(x->free_blocks);
    free(x->attributes);
    free(x->used);
    free(x->inode);
    claims_release(&x->claims);
    ext2fs_free(x->fs);
}

void ext_claims_emit_free(struct window *w, struct emit *e, unsigned partition)
{
    struct ext_claims x = { .w = w };

    if (ext_io_open_strict(w, &x.fs)) {
        emit_doubt(e, partition, "its superblock or descriptors are damaged, "
                   "or have a feature that is not understood");
        return;
    }
    prepare(&x);
    check(&x);
    if (claims_in_doubt(&x.claims))
        emit_doubt(e, partition, x.claims.doubt);
    else
        walk_free(&x, e, partition, emit_run);
    release(&x);
}
