/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ext_names: see ext_names.h.  One entry a named inode, found through a table
 * by inode number; the entries' order is the walk's queue.
 */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fsparse/arena.h"
#include "fsparse/ext_names.h"

struct entry {
    const char *name;
    ext2_ino_t ino;
    uint32_t parent;            /* index of the directory's entry */
    uint8_t length;
    uint8_t type;               /* EXT2_FT_* as the directory says */
    bool public;                /* a directory that everybody may pass */
};

struct ext_names {
    ext2_filsys fs;
    struct arena arena;
    struct entry *entries;
    size_t n, cap;
    uint32_t *by_ino;           /* index + 1, 0: no name */
    uint32_t current;           /* directory that is walked */
    int error;
};

static int add(struct ext_names *names, ext2_ino_t ino, const char *name,
               size_t length, int type)
{
    struct entry *x;

    if (names->n == UINT32_MAX - 1 ||
        array_grow((void **)&names->entries, names->n, &names->cap,
                   sizeof(*x)))
        return -ENOMEM;
    x = &names->entries[names->n];
    x->name = arena_copy(&names->arena, name, length);
    if (!x->name)
        return -ENOMEM;
    x->ino = ino;
    x->parent = names->current;
    x->length = (uint8_t)length;
    x->type = (uint8_t)type;
    x->public = false;
    names->by_ino[ino] = (uint32_t)++names->n;
    return 0;
}

static int visit(ext2_ino_t dir, int kind, struct ext2_dir_entry *d,
                 int offset, int blocksize, char *buf, void *opaque)
{
    struct ext_names *names = opaque;
    size_t length = (size_t)ext2fs_dirent_name_len(d);

    (void)dir;
    (void)offset;
    (void)blocksize;
    (void)buf;
    /* Encrypted names may hold any byte: those with a slash or a NUL would
     * not be a path. */
    if (kind != DIRENT_OTHER_FILE || !length || d->inode < EXT2_ROOT_INO ||
        d->inode > names->fs->super->s_inodes_count ||
        names->by_ino[d->inode] || memchr(d->name, '/', length) ||
        memchr(d->name, '\0', length))
        return 0;
    names->error = add(names, d->inode, d->name, length,
                       ext2fs_dirent_file_type(d));
    return names->error ? DIRENT_ABORT : 0;
}

static int may_be_directory(const struct entry *x)
{
    return x->type == EXT2_FT_DIR || x->type == EXT2_FT_UNKNOWN;
}

/* Before what is in it: the entry of the directory above comes earlier. */
static bool is_public(const struct ext_names *names, size_t i)
{
    const struct entry *x = &names->entries[i];
    struct ext2_inode inode;

    return (i == 0 || names->entries[x->parent].public) &&
        !ext2fs_read_inode(names->fs, x->ino, &inode) &&
        inode.i_mode & LINUX_S_IXOTH;
}

static void walk(struct ext_names *names, char *block)
{
    size_t i;

    for (i = 0; i < names->n && !names->error; i++) {
        ext2_ino_t ino = names->entries[i].ino;

        if (!may_be_directory(&names->entries[i]) ||
            ext2fs_check_directory(names->fs, ino))
            continue;
        names->entries[i].public = is_public(names, i);
        names->current = (uint32_t)i;
        ext2fs_dir_iterate2(names->fs, ino, 0, block, visit, names);
    }
}

struct ext_names *ext_names_new(ext2_filsys fs)
{
    struct ext_names *names = calloc(1, sizeof(*names));
    char *block;

    if (!names)
        return NULL;
    names->fs = fs;
    /* Pages of it that no inode of the image is on are never touched. */
    names->by_ino = calloc((size_t)fs->super->s_inodes_count + 1,
                           sizeof(*names->by_ino));
    block = malloc(fs->blocksize);
    if (!names->by_ino || !block ||
        add(names, EXT2_ROOT_INO, "", 0, EXT2_FT_DIR)) {
        free(block);
        ext_names_free(names);
        return NULL;
    }
    walk(names, block);
    free(block);
    return names;
}

void ext_names_path(const struct ext_names *names, ext2_ino_t ino, char *buf,
                    size_t size)
{
    uint32_t i = names->by_ino[ino];
    size_t at = size - 1;

    /* From the end of buf to its front; entry 0 is the root. */
    buf[at] = '\0';
    for (i = i ? i - 1 : 0; i; i = names->entries[i].parent) {
        const struct entry *x = &names->entries[i];

        if (x->length + 1u > at) {
            at = size - 1;
            break;
        }
        at -= x->length + 1u;
        buf[at] = '/';
        memcpy(buf + at + 1, x->name, x->length);
    }
    if (at == size - 1)
        snprintf(buf, size, "<%lu>", (unsigned long)ino);
    else
        memmove(buf, buf + at, size - at);
}

bool ext_names_public(const struct ext_names *names, ext2_ino_t ino)
{
    uint32_t i = names->by_ino[ino];

    return i > 1 && names->entries[names->entries[i - 1].parent].public;
}

void ext_names_free(struct ext_names *names)
{
    if (!names)
        return;
    free(names->entries);
    free(names->by_ino);
    arena_release(&names->arena);
    free(names);
}
