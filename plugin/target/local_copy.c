/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copying what this host holds; see local_copy.h. */
#include "config.h"

#include <errno.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "plugin/target/destination_storage.h"
#include "plugin/target/local_copy.h"

#define CLONE_MIN (64u << 10)       /* bytes: less is written as fast */
#define PIECE (256u << 10)

/* A piece of content that is shared. */
struct clone {
    uint64_t logical;
    uint64_t physical;              /* at the destination */
    uint64_t length;
};

struct plan {
    const struct destination *d;
    const struct basis *h;
    uint64_t block;                 /* of the file system */
    struct clone *clones;
    size_t n;
};

/* Shares [from, to) of the content, or what of it is whole blocks at both
 * ends.  Whatever hinders that, it is copied then. */
static int share(struct plan *p, const struct fsparse_extent *there,
                 const struct fsparse_extent *here, uint64_t from, uint64_t to)
{
    uint64_t source = there->physical + from - there->logical;
    uint64_t target = here->physical + from - here->logical;
    uint64_t head = -source & (p->block - 1);
    struct file_clone_range range;
    struct clone *clones;

    if ((source ^ target) & (p->block - 1) || to - from < head ||
        to - from - head < CLONE_MIN)
        return 0;
    clones = reallocarray(p->clones, p->n + 1, sizeof(*clones));
    if (!clones)
        return -ENOMEM;
    p->clones = clones;
    range = (struct file_clone_range){
        .src_fd = p->h->image->fd,
        .src_offset = source + head,
        .src_length = (to - from - head) & -p->block,
        .dest_offset = target + head,
    };
    if (ioctl(p->d->fd, FICLONERANGE, &range))
        return 0;
    clones[p->n++] = (struct clone){ from + head, target + head,
                                     range.src_length };
    return 0;
}

static int share_all(struct plan *p, const struct fsparse_extent *here,
                     size_t n)
{
    const struct fsparse_extent *there = p->h->extents;
    const struct fsparse_extent *end = there + p->h->n_extents;
    uint64_t from, to, here_end, there_end;
    int rc = 0;

    while (n && there < end && !rc) {
        here_end = here->logical + here->length;
        there_end = there->logical + there->length;
        from = here->logical > there->logical ? here->logical :
            there->logical;
        to = here_end < there_end ? here_end : there_end;
        if (from < to)
            rc = share(p, there, here, from, to);
        if (here_end <= there_end) {
            here++;
            n--;
        }
        if (there_end <= here_end)
            there++;
    }
    return rc;
}

/* [from, to) of the content, from the destination if it is shared. */
static int hand_over(const struct plan *p, uint8_t *buf, uint64_t from,
                     uint64_t to, const struct clone *c, object_sink *sink,
                     void *opaque)
{
    size_t n;
    int rc = 0;

    for (; from < to && !rc; from += n) {
        n = to - from < PIECE ? to - from : PIECE;
        if (c)
            rc = destination_read(p->d, buf, n,
                                  c->physical + from - c->logical);
        else
            rc = basis_read(p->h, buf, n, from);
        if (!rc)
            rc = sink(opaque, buf, n, from);
    }
    return rc;
}

static int hand_over_all(const struct plan *p, object_sink *copy,
                         object_sink *check, void *opaque)
{
    uint8_t *buf = malloc(PIECE);
    uint64_t pos = 0;
    size_t i;
    int rc = buf ? 0 : -ENOMEM;

    for (i = 0; i < p->n && !rc; i++) {
        const struct clone *c = &p->clones[i];

        rc = hand_over(p, buf, pos, c->logical, NULL, copy, opaque);
        pos = c->logical + c->length;
        if (!rc)
            rc = hand_over(p, buf, c->logical, pos, c, check, opaque);
    }
    if (!rc)
        rc = hand_over(p, buf, pos, p->h->size, NULL, copy, opaque);
    free(buf);
    return rc;
}

int local_copy(const struct destination *d, const struct basis *h,
               const struct fsparse_extent *extents, size_t n,
               object_sink *copy, object_sink *check, void *opaque)
{
    struct plan p = { .d = d, .h = h };
    struct stat st;
    int rc;

    if (d->block || h->image->block || h->size < CLONE_MIN ||
        fstat(d->fd, &st) || st.st_blksize < 512 ||
        (st.st_blksize & (st.st_blksize - 1)))
        return basis_stream(h, copy, opaque);
    p.block = st.st_blksize;
    rc = share_all(&p, extents, n);
    if (!rc && !p.n)
        rc = basis_stream(h, copy, opaque);
    else if (!rc)
        rc = hand_over_all(&p, copy, check, opaque);
    free(p.clones);
    return rc;
}
