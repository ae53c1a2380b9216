/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ext_io: see ext_io.h.
 *
 * What lies partly beyond the window's end reads as zeros there, what lies
 * wholly beyond it is an error: else a superblock that promises more than
 * the disk has would have us walk gigabytes of zeros, or allocate them.
 *
 * The superblock is read once, checked, and what was checked is what the
 * library gets, whatever a running guest has made of it in between.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "fsparse/ext_check.h"
#include "fsparse/ext_io.h"

struct source {
    struct window *w;
    uint8_t super[SUPERBLOCK_SIZE];
};

static struct source *opening;

static errcode_t io_close(io_channel io)
{
    if (--io->refcount > 0)
        return 0;
    free(io->private_data);
    free(io->name);
    free(io);
    return 0;
}

static errcode_t io_set_blksize(io_channel io, int size)
{
    io->block_size = size;
    return 0;
}

/* Of size bytes at place, those that are the superblock's. */
static void lay_super(const struct source *s, uint8_t *data, uint64_t size,
                      uint64_t place)
{
    const uint64_t end = SUPERBLOCK_OFFSET + SUPERBLOCK_SIZE;
    uint64_t from = place > SUPERBLOCK_OFFSET ? place : SUPERBLOCK_OFFSET;
    uint64_t to = place + size < end ? place + size : end;

    if (from < to)
        memcpy(data + (from - place), s->super + (from - SUPERBLOCK_OFFSET),
               (size_t)(to - from));
}

/* A negative count is a number of bytes. */
static errcode_t io_read64(io_channel io, unsigned long long block,
                           int count, void *data)
{
    const struct source *s = io->private_data;
    struct window *w = s->w;
    uint64_t bs = (uint64_t)io->block_size;
    uint64_t size = count < 0 ? 0 - (uint64_t)(int64_t)count :
                    (uint64_t)count * bs;

    if (block >= w->length / bs + 1 || block * bs >= w->length ||
        size > w->length)
        return EXT2_ET_SHORT_READ;
    window_read(w, data, size, block * bs);
    lay_super(s, data, size, block * bs);
    return 0;
}

static errcode_t io_read(io_channel io, unsigned long block, int count,
                         void *data)
{
    return io_read64(io, block, count, data);
}

static errcode_t io_write64(io_channel io, unsigned long long block,
                            int count, const void *data)
{
    (void)io;
    (void)block;
    (void)count;
    (void)data;
    return EXT2_ET_OP_NOT_SUPPORTED;
}

static errcode_t io_write(io_channel io, unsigned long block, int count,
                          const void *data)
{
    return io_write64(io, block, count, data);
}

static errcode_t io_flush(io_channel io)
{
    (void)io;
    return 0;
}

static errcode_t io_open(const char *name, int flags, io_channel *io_r);

static struct struct_io_manager window_io_manager = {
    .magic = EXT2_ET_MAGIC_IO_MANAGER,
    .name = "image window",
    .open = io_open,
    .close = io_close,
    .set_blksize = io_set_blksize,
    .read_blk = io_read,
    .write_blk = io_write,
    .flush = io_flush,
    .read_blk64 = io_read64,
    .write_blk64 = io_write64,
};

static errcode_t io_open(const char *name, int flags, io_channel *io_r)
{
    io_channel io = calloc(1, sizeof(*io));

    (void)flags;
    if (!io)
        return EXT2_ET_NO_MEMORY;
    io->name = strdup(name);
    if (!io->name) {
        free(io);
        return EXT2_ET_NO_MEMORY;
    }
    io->magic = EXT2_ET_MAGIC_IO_CHANNEL;
    io->manager = &window_io_manager;
    io->block_size = 1024;
    io->refcount = 1;
    io->private_data = opening;
    opening = NULL;
    *io_r = io;
    return 0;
}

/* libext2fs' dialect ends here. */
static const char *open_error(errcode_t err)
{
    switch (err) {
    case EXT2_ET_UNSUPP_FEATURE:
        return "ext: a feature that libext2fs does not know";
    case EXT2_ET_NO_MEMORY:
        return "ext: out of memory";
    default:
        return "ext: the superblock is damaged";
    }
}

static const char *open_window(struct window *w, int flags, ext2_filsys *fs_r)
{
    struct ext2_super_block super;
    const char *why;
    errcode_t err;

    opening = malloc(sizeof(*opening));
    if (!opening)
        return open_error(EXT2_ET_NO_MEMORY);
    opening->w = w;
    window_read(w, opening->super, sizeof(opening->super), SUPERBLOCK_OFFSET);
    memcpy(&super, opening->super, sizeof(super));
    why = ext_check(&super, w->length);
    if (!why) {
        err = ext2fs_open2("image", NULL, EXT2_FLAG_64BITS |
                           EXT2_FLAG_SKIP_MMP | flags, 0, 0,
                           &window_io_manager, fs_r);
        if (err)
            why = open_error(err);
    }
    /* A channel that was opened has taken it. */
    free(opening);
    opening = NULL;
    return why;
}

const char *ext_io_open(struct window *w, ext2_filsys *fs_r)
{
    /* The guest may be writing, and a hint is all we want. */
    return open_window(w, EXT2_FLAG_SOFTSUPP_FEATURES |
                       EXT2_FLAG_IGNORE_CSUM_ERRORS, fs_r);
}

const char *ext_io_open_strict(struct window *w, ext2_filsys *fs_r)
{
    return open_window(w, 0, fs_r);
}
