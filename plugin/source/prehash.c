/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Hashing ahead of the first pass; see prehash.h. */
#include "config.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/base/priority.h"
#include "plugin/source/prehash.h"

#define READ_AHEAD 5u       /* segments that the kernel is to read, with the one
                               that is hashed */

struct prehash {
    const struct image *image;  /* NULL: nothing is to be read */
    struct segment_sink sink;
    uint64_t n;             /* segments */
    pthread_t thread;
    bool running;
    atomic_bool stop;
};

/* Has the kernel read what is to be hashed of [next, end).  Returns end. */
static uint64_t read_ahead(const struct prehash *p, uint64_t next, uint64_t end)
{
    if (end > p->n)
        end = p->n;
    for (; next < end; next++)
        if (!p->sink.digests[next].known)
            segment_will_need(p->image, next);
    return next;
}

static void *work(void *opaque)
{
    struct prehash *p = opaque;
    const struct segment_sink *k = &p->sink;
    uint64_t i, asked = 0;

    niceness_set(NICENESS_READY);
    segments_note_holes(p->image, 0, p->n, k->digests);
    for (i = 0; i < p->n && !atomic_load(&p->stop); i++) {
        asked = read_ahead(p, asked, i + READ_AHEAD);
        if (!k->digests[i].known &&
            segment_hash(p->image, i, &k->digests[i], k->index, k->disk))
            break;
    }
    return NULL;
}

static struct prehash *make(uint64_t n)
{
    struct prehash *p = calloc(1, sizeof(*p));

    if (!p)
        return NULL;
    p->n = n;
    p->sink.digests = calloc(n + 1, sizeof(*p->sink.digests));
    if (p->sink.digests)
        return p;
    free(p);
    return NULL;
}

int prehash_new(struct prehash **p_r, const struct image *img,
              struct blockindex *index, unsigned disk)
{
    struct prehash *p = make(segment_count(img->size));

    if (!p)
        return -ENOMEM;
    p->image = img;
    p->sink.image_size = img->size;
    p->sink.index = index;
    p->sink.disk = disk;
    *p_r = p;
    return 0;
}

int prehash_keep(struct prehash **p_r, const struct segment_digest *digests,
               uint64_t n)
{
    struct prehash *p = make(n);

    if (!p)
        return -ENOMEM;
    memcpy(p->sink.digests, digests, n * sizeof(*digests));
    *p_r = p;
    return 0;
}

const struct segment_sink *prehash_sink(const struct prehash *p)
{
    return p && p->image ? &p->sink : NULL;
}

void prehash_start(struct prehash *p)
{
    if (p && p->image)
        p->running = !pthread_create(&p->thread, NULL, work, p);
}

void prehash_stop(struct prehash *p)
{
    if (!p || !p->running)
        return;
    atomic_store(&p->stop, true);
    pthread_join(p->thread, NULL);
    p->running = false;
}

bool prehash_digest(const struct prehash *p, uint64_t number,
                  struct segment_digest *d_r)
{
    if (!p || number >= p->n || !p->sink.digests[number].known)
        return false;
    *d_r = p->sink.digests[number];
    return true;
}

void prehash_free(struct prehash *p)
{
    if (!p)
        return;
    prehash_stop(p);
    free(p->sink.digests);
    free(p);
}
