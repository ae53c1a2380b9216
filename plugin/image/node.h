/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which file or block device something is, whatever its names: a file by its
 * file system and inode, a device by its number, since any number of special
 * files may stand for one device.
 */
#ifndef PLUGIN_IMAGE_NODE_H
#define PLUGIN_IMAGE_NODE_H

#include <stdbool.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

struct node {
    bool block;
    dev_t dev;                  /* st_dev of a file, st_rdev of a device */
    ino_t ino;                  /* 0 for a device */
};

/* Which one stat(2) has told of.  False: it is neither a regular file nor a
 * block device. */
static inline bool node_of_stat(const struct stat *st, struct node *n_r)
{
    n_r->block = S_ISBLK(st->st_mode);
    n_r->dev = n_r->block ? st->st_rdev : st->st_dev;
    n_r->ino = n_r->block ? 0 : st->st_ino;
    return n_r->block || S_ISREG(st->st_mode);
}

/* The same of statx(2), of which STATX_TYPE and STATX_INO are needed. */
static inline bool node_of_statx(const struct statx *st, struct node *n_r)
{
    n_r->block = S_ISBLK(st->stx_mode);
    n_r->dev = n_r->block ?
        makedev(st->stx_rdev_major, st->stx_rdev_minor) :
        makedev(st->stx_dev_major, st->stx_dev_minor);
    n_r->ino = n_r->block ? 0 : st->stx_ino;
    return n_r->block || S_ISREG(st->stx_mode);
}

static inline bool node_equal(struct node a, struct node b)
{
    return a.block == b.block && a.dev == b.dev && a.ino == b.ino;
}

/* Whether stat(2) has told twice of the same. */
static inline bool same_node(const struct stat *a, const struct stat *b)
{
    struct node first, second;

    node_of_stat(a, &first);
    node_of_stat(b, &second);
    return node_equal(first, second);
}

#endif
