/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ext_check: see ext_check.h.
 *
 * Each check relies on those before it: what divides or shifts has been
 * looked at by then.  All arithmetic is in 64 bits, of numbers that have 32
 * or have been bounded.
 */
#include "config.h"

#include <ext2fs/ext2fs.h>
#include <stdbool.h>

#include "fsparse/ext_check.h"
#include "fsparse/numbers.h"

#define LOG_BLOCK_MAX 6u        /* 64 KiB, from 1 KiB on */
#define LOG_CLUSTER_MAX 19u     /* 512 MiB */
#define LOG_FLEX_MAX 31u

struct geometry {
    uint64_t length;            /* of the partition */
    uint64_t block;             /* bytes */
    uint64_t cluster;           /* blocks */
    uint64_t inode;             /* bytes */
    uint64_t descriptor;        /* bytes */
    uint64_t blocks;
    uint64_t groups;
};

static bool has_compat(const struct ext2_super_block *sb, uint32_t feature)
{
    return (ext2fs_le32_to_cpu(sb->s_feature_compat) & feature) != 0;
}

static bool has_incompat(const struct ext2_super_block *sb, uint32_t feature)
{
    return (ext2fs_le32_to_cpu(sb->s_feature_incompat) & feature) != 0;
}

static bool has_ro_compat(const struct ext2_super_block *sb, uint32_t feature)
{
    return (ext2fs_le32_to_cpu(sb->s_feature_ro_compat) & feature) != 0;
}

static const char *check_blocks(const struct ext2_super_block *sb,
                                struct geometry *g)
{
    uint32_t block = ext2fs_le32_to_cpu(sb->s_log_block_size);
    uint32_t cluster = ext2fs_le32_to_cpu(sb->s_log_cluster_size);
    bool clusters = has_ro_compat(sb, EXT4_FEATURE_RO_COMPAT_BIGALLOC);

    if (ext2fs_le16_to_cpu(sb->s_magic) != EXT2_SUPER_MAGIC)
        return "damaged: the superblock's magic number";
    if (ext2fs_le32_to_cpu(sb->s_rev_level) > EXT2_DYNAMIC_REV)
        return "damaged: the superblock's revision";
    if (block > LOG_BLOCK_MAX)
        return "damaged: the size of blocks";
    if (cluster < block || cluster > LOG_CLUSTER_MAX ||
        (!clusters && cluster != block))
        return "damaged: the size of clusters";
    g->block = UINT64_C(1024) << block;
    g->cluster = UINT64_C(1) << (cluster - block);
    return NULL;
}

/* The block that the superblock is in is the first one that counts, unless
 * blocks or clusters are larger than the boot loader's 1024 bytes. */
static const char *check_count(const struct ext2_super_block *sb,
                               struct geometry *g)
{
    uint64_t first = g->block * g->cluster == 1024 ? 1 : 0;

    g->blocks = ext2fs_le32_to_cpu(sb->s_blocks_count);
    if (has_incompat(sb, EXT4_FEATURE_INCOMPAT_64BIT))
        g->blocks |= (uint64_t)ext2fs_le32_to_cpu(sb->s_blocks_count_hi) << 32;
    if (ext2fs_le32_to_cpu(sb->s_first_data_block) != first)
        return "damaged: the first data block";
    if (g->blocks <= first || g->blocks > INT64_MAX / g->block)
        return "damaged: the number of blocks";
    return NULL;
}

/* Each group's bitmap is one block, a bit a cluster. */
static const char *check_groups(const struct ext2_super_block *sb,
                                struct geometry *g)
{
    uint64_t clusters = ext2fs_le32_to_cpu(sb->s_clusters_per_group);
    uint64_t blocks = ext2fs_le32_to_cpu(sb->s_blocks_per_group);
    uint64_t first = ext2fs_le32_to_cpu(sb->s_first_data_block);

    if (!clusters || clusters % 8 || clusters > 8 * g->block ||
        blocks != clusters * g->cluster)
        return "damaged: the number of blocks of a group";
    g->groups = (g->blocks - first - 1) / blocks + 1;
    if (g->groups > UINT32_MAX)
        return "damaged: the number of groups";
    return NULL;
}

static const char *check_inodes(const struct ext2_super_block *sb,
                                struct geometry *g)
{
    uint64_t per_group = ext2fs_le32_to_cpu(sb->s_inodes_per_group);
    uint64_t n = ext2fs_le32_to_cpu(sb->s_inodes_count);
    uint64_t first = EXT2_GOOD_OLD_FIRST_INO;

    g->inode = EXT2_GOOD_OLD_INODE_SIZE;
    if (ext2fs_le32_to_cpu(sb->s_rev_level) != EXT2_GOOD_OLD_REV) {
        g->inode = ext2fs_le16_to_cpu(sb->s_inode_size);
        first = ext2fs_le32_to_cpu(sb->s_first_ino);
    }
    if (!is_power_of_2(g->inode) || g->inode < EXT2_GOOD_OLD_INODE_SIZE ||
        g->inode > g->block)
        return "damaged: the size of inodes";
    if (!per_group || per_group % 8 || per_group > 8 * g->block ||
        per_group * g->inode >
        g->block * ext2fs_le32_to_cpu(sb->s_blocks_per_group))
        return "damaged: the number of inodes of a group";
    if (n != g->groups * per_group || n > g->length / g->inode)
        return "damaged: the number of inodes";
    if (first < EXT2_GOOD_OLD_FIRST_INO || first > n)
        return "damaged: the first inode";
    return NULL;
}

static const char *check_descriptors(const struct ext2_super_block *sb,
                                     struct geometry *g)
{
    uint64_t blocks;

    g->descriptor = EXT2_MIN_DESC_SIZE;
    if (has_incompat(sb, EXT4_FEATURE_INCOMPAT_64BIT))
        g->descriptor = ext2fs_le16_to_cpu(sb->s_desc_size);
    if (!is_power_of_2(g->descriptor) ||
        g->descriptor > EXT2_MAX_DESC_SIZE || g->descriptor > g->block ||
        (has_incompat(sb, EXT4_FEATURE_INCOMPAT_64BIT) &&
         g->descriptor < EXT2_MIN_DESC_SIZE_64BIT))
        return "damaged: the size of group descriptors";
    blocks = (g->groups * g->descriptor - 1) / g->block + 1;
    if (blocks > g->length / g->block)
        return "damaged: more group descriptors than fit";
    if (has_incompat(sb, EXT2_FEATURE_INCOMPAT_META_BG) &&
        ext2fs_le32_to_cpu(sb->s_first_meta_bg) > blocks)
        return "damaged: the first meta block group";
    if (ext2fs_le16_to_cpu(sb->s_reserved_gdt_blocks) > g->block / 4)
        return "damaged: the reserved group descriptors";
    if (sb->s_log_groups_per_flex > LOG_FLEX_MAX)
        return "damaged: the size of flexible groups";
    return NULL;
}

/* A journal elsewhere has no inode here. */
static const char *check_journal(const struct ext2_super_block *sb)
{
    uint32_t inode = ext2fs_le32_to_cpu(sb->s_journal_inum);

    if (has_compat(sb, EXT3_FEATURE_COMPAT_HAS_JOURNAL) &&
        (inode > ext2fs_le32_to_cpu(sb->s_inodes_count) ||
         (!inode && !sb->s_journal_dev)))
        return "damaged: the journal's inode";
    return NULL;
}

const char *ext_check(const struct ext2_super_block *sb, uint64_t length)
{
    struct geometry g = { .length = length };
    const char *why = check_blocks(sb, &g);

    if (!why)
        why = check_count(sb, &g);
    if (!why)
        why = check_groups(sb, &g);
    if (!why)
        why = check_inodes(sb, &g);
    if (!why)
        why = check_descriptors(sb, &g);
    if (!why)
        why = check_journal(sb);
    return why;
}
