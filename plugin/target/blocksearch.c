/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A search for blocks; see blocksearch.h.
 *
 * lock: covers where the search is.  It is a leaf apart from the references'
 * and the log's.  What pieces told does not change any more when the search
 * begins.
 */
#include "config.h"

#include <errno.h>
#include <pthread.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/base/processors.h"
#include "plugin/target/blocksearch.h"

#define IMAGES_MAX 256u             /* they stay open, and descriptors are
                                       limited; the copy that is there of the
                                       disk itself comes first */
#define ZONES_MAX 1024u             /* about, of all images together */
#define ZONE_MIN (UINT64_C(4) << 20)    /* bytes */
#define PIECES 2u                   /* of a zone */
#define PIECE_BLOCKS 16u
#define STRIP (1u << 20)            /* bytes read at a time */
#define PHASES (PROTO_BLOCK / BLOCKTABLE_GRAIN)
#define FULL 16u                    /* an image is full of it if one block in
                                       FULL of those looked at is */
#define RUNNERS_MAX 16

struct zone {
    size_t image;
    uint64_t from, to;              /* bytes */
    unsigned phases;                /* bit p: blocks begin p sectors after a
                                       multiple of a block */
    unsigned looked_at;             /* blocks */
    size_t n_slots;
    size_t slots[PIECES * PIECE_BLOCKS];    /* of the table: was found */
};

struct blocksearch {
    struct blocksearch_options opt;
    blocksearch_done *done;               /* of what is under way */
    size_t n_images;
    const struct image **images;    /* NULL: cannot be read */
    struct zone *zones;
    size_t n_zones;
    atomic_size_t under_way;        /* jobs */
    atomic_uint_fast64_t bytes;

    pthread_mutex_t lock;           /* covers what follows */
    size_t zone;                    /* the present one */
    bool entered;                   /* it was decided about it */
    uint64_t next;                  /* byte of its image */
    bool worth_it;                  /* it has something that was not found */
    unsigned phases;                /* in its image */
    bool full;                      /* much of the rest of its image has */
};

/* Zones */

static int add_zones(struct blocksearch *s, size_t image, uint64_t size,
                     uint64_t step)
{
    size_t n = size / step + 1;
    struct zone *list;
    uint64_t at;

    list = reallocarray(s->zones, s->n_zones + n, sizeof(*list));
    if (!list)
        return -ENOMEM;
    s->zones = list;
    for (at = 0; at < size; at += step)
        list[s->n_zones++] = (struct zone){
            .image = image,
            .from = at,
            .to = size - at < step ? size : at + step,
        };
    return 0;
}

static int make_zones(struct blocksearch *s)
{
    uint64_t all = 0, step;
    size_t i;
    int rc = 0;

    for (i = 0; i < s->n_images; i++)
        if (s->images[i])
            all += s->images[i]->size;
    step = (all / ZONES_MAX + STRIP) & -(uint64_t)STRIP;
    if (step < ZONE_MIN)
        step = ZONE_MIN;
    for (i = 0; i < s->n_images && !rc; i++)
        if (s->images[i])
            rc = add_zones(s, i, s->images[i]->size, step);
    return rc;
}

int blocksearch_new(struct blocksearch **s_r,
                    const struct blocksearch_options *opt)
{
    struct blocksearch *s = calloc(1, sizeof(*s));
    size_t i;
    int rc;

    if (!s)
        return -ENOMEM;
    s->opt = *opt;
    pthread_mutex_init(&s->lock, NULL);
    s->n_images = references_count(opt->references);
    if (s->n_images > IMAGES_MAX)
        s->n_images = IMAGES_MAX;
    s->images = calloc(s->n_images + 1, sizeof(*s->images));
    rc = s->images ? 0 : -ENOMEM;
    for (i = 0; i < s->n_images && !rc; i++)
        s->images[i] = references_image(opt->references, i);
    if (!rc)
        rc = make_zones(s);
    if (rc) {
        blocksearch_free(s);
        return rc;
    }
    *s_r = s;
    return 0;
}

void blocksearch_free(struct blocksearch *s)
{
    if (!s)
        return;
    pthread_mutex_destroy(&s->lock);
    free(s->zones);
    free(s->images);
    free(s);
}

/* Jobs */

static int begin(struct blocksearch *s, threadpool_job *job, uint64_t first,
                 uint64_t count)
{
    int rc;

    atomic_fetch_add(&s->under_way, count);
    rc = threadpool_add(s->opt.pool, job, s, first, count);
    if (rc)
        atomic_fetch_sub(&s->under_way, count);
    return rc;
}

/* True: this was the last job. */
static bool end(struct blocksearch *s)
{
    return atomic_fetch_sub(&s->under_way, 1) == 1;
}

/* Where data begins in [offset, end), or end. */
static uint64_t find_data(const struct image *img, uint64_t offset,
                          uint64_t stop)
{
    uint64_t data = image_next_data(img, offset);

    return data < stop ? data : stop;
}

/* Reads length bytes at offset, and what follows for the blocks that begin in
 * there and end later.  *there_r: bytes that were read. */
static int read_some(const struct image *img, uint64_t offset, size_t length,
                     uint8_t *data, size_t *there_r)
{
    uint64_t left = img->size - offset;
    size_t n = length + PROTO_BLOCK - BLOCKTABLE_GRAIN;

    *there_r = left < n ? left : n;
    return image_read(img, data, *there_r, offset);
}

/* Pieces */

static void note_hit(struct zone *z, size_t slot, unsigned phase)
{
    size_t i;

    /* A run of equal bytes is alike at every sector: that tells nothing. */
    for (i = 0; i < z->n_slots; i++)
        if (z->slots[i] == slot)
            return;
    if (z->n_slots == PIECES * PIECE_BLOCKS)
        return;
    z->slots[z->n_slots++] = slot;
    z->phases |= 1u << phase;
}

static void look_at(const struct blocksearch *s, struct zone *z,
                    const uint8_t *data, size_t there)
{
    size_t at, slot;

    for (at = 0; at + PROTO_BLOCK <= there &&
         at < PIECE_BLOCKS * PROTO_BLOCK; at += BLOCKTABLE_GRAIN) {
        slot = blocktable_slot(s->opt.table,
                               blocktable_hash(s->opt.key, data + at));
        z->looked_at += at % PROTO_BLOCK == 0;
        if (slot != BLOCKTABLE_NONE)
            note_hit(z, slot, at % PROTO_BLOCK / BLOCKTABLE_GRAIN);
    }
}

/* Where a piece is looked at: at data, and somewhere in the given part. */
static uint64_t place_piece(const struct image *img, const struct zone *z,
                            unsigned part)
{
    uint64_t length = (z->to - z->from) / PIECES / PROTO_BLOCK;
    uint64_t from = z->from + part * length * PROTO_BLOCK;
    uint64_t at = from;

    if (length > PIECE_BLOCKS)
        at += randombytes_uniform(length - PIECE_BLOCKS + 1) * PROTO_BLOCK;
    at = find_data(img, at, z->to);
    if (at == z->to)
        at = find_data(img, from, z->to);
    return at - at % PROTO_BLOCK;
}

/* What cannot be read has nothing. */
static int probe_zone(void *opaque, uint64_t number)
{
    static const size_t length = PIECE_BLOCKS * PROTO_BLOCK;
    struct blocksearch *s = opaque;
    struct zone *z = &s->zones[number];
    const struct image *img = s->images[z->image];
    uint8_t *data = NULL;
    unsigned part;
    size_t there;
    uint64_t at;

    if (!s->opt.stopped(s->opt.opaque))
        data = aligned_alloc(PROTO_BLOCK, length + PROTO_BLOCK);
    for (part = 0; data && part < PIECES; part++) {
        at = place_piece(img, z, part);
        if (at < z->to && !read_some(img, at, length, data, &there))
            look_at(s, z, data, there);
    }
    free(data);
    if (end(s))
        s->done(s->opt.opaque);
    return 0;
}

int blocksearch_probe(struct blocksearch *s, blocksearch_done *done)
{
    s->done = done;
    return s->n_zones ? begin(s, probe_zone, 0, s->n_zones) : -ENOENT;
}

static int compare_slots(const void *a, const void *b)
{
    const size_t *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

size_t blocksearch_hits(const struct blocksearch *s)
{
    size_t *all, n = 0, i, hits = 0;

    for (i = 0; i < s->n_zones; i++)
        n += s->zones[i].n_slots;
    all = calloc(n + 1, sizeof(*all));
    if (!all)
        return 0;
    for (n = 0, i = 0; i < s->n_zones; i++) {
        memcpy(all + n, s->zones[i].slots,
               s->zones[i].n_slots * sizeof(*all));
        n += s->zones[i].n_slots;
    }
    qsort(all, n, sizeof(*all), compare_slots);
    for (i = 0; i < n; i++)
        hits += i == 0 || all[i] != all[i - 1];
    free(all);
    return hits;
}

/* Searching zones */

/* Of what was found in a zone's pieces, what was not found elsewhere since. */
static size_t count_news(const struct blocksearch *s, const struct zone *z)
{
    size_t i, n = 0;

    for (i = 0; i < z->n_slots; i++)
        n += !blocktable_is_found(s->opt.table, z->slots[i]);
    return n;
}

/* Whether its image is full of what is looked for, from a zone on.  With the
 * lock held. */
static void look_ahead(struct blocksearch *s)
{
    const struct zone *z = &s->zones[s->zone], *end = s->zones + s->n_zones;
    size_t image = z->image, news = 0, looked_at = 0;

    if (z->from == 0)
        s->phases = 0;
    for (; z < end && z->image == image; z++) {
        news += count_news(s, z);
        looked_at += z->looked_at;
        s->phases |= z->phases;
    }
    s->full = news > 0 && news >= looked_at / FULL;
}

/* Whether the present zone is to be read: also if the one before or after is
 * worth it, since what lies together rarely ends where a zone does.  With the
 * lock held. */
static bool enter_zone(struct blocksearch *s)
{
    const struct zone *z = &s->zones[s->zone];
    const struct zone *next = s->zone + 1 < s->n_zones &&
        z[1].image == z->image ? z + 1 : NULL;
    bool beside = (s->worth_it && z->from > 0) ||
        (next && count_news(s, next) > 0);

    look_ahead(s);
    s->entered = true;
    s->next = z->from;
    s->worth_it = count_news(s, z) > 0;
    return s->full || s->worth_it || beside;
}

/* The next strip; false: there is none. */
static bool take_strip(struct blocksearch *s, size_t *image_r,
                       uint64_t *offset_r, size_t *length_r,
                       unsigned *phases_r)
{
    bool taken = false;
    struct zone *z;
    uint64_t at;

    pthread_mutex_lock(&s->lock);
    while (!taken && s->zone < s->n_zones) {
        z = &s->zones[s->zone];
        at = z->to;
        if (s->entered || enter_zone(s))
            at = find_data(s->images[z->image], s->next, z->to);
        if (at >= z->to) {
            s->zone++;
            s->entered = false;
            continue;
        }
        at -= at % PROTO_BLOCK;
        *image_r = z->image;
        *offset_r = at;
        *length_r = z->to - at < STRIP ? z->to - at : STRIP;
        *phases_r = s->phases;
        s->next = at + *length_r;
        taken = true;
    }
    pthread_mutex_unlock(&s->lock);
    return taken;
}

static void look_through(struct blocksearch *s, size_t image, uint64_t offset,
                         size_t length, unsigned phases, const uint8_t *data,
                         size_t there)
{
    size_t at, slot;
    unsigned phase;

    for (phase = 0; phase < PHASES; phase++) {
        if (!(phases & 1u << phase))
            continue;
        for (at = phase * BLOCKTABLE_GRAIN; at < length &&
             at + PROTO_BLOCK <= there; at += PROTO_BLOCK) {
            slot = blocktable_slot(s->opt.table,
                                   blocktable_hash(s->opt.key, data + at));
            if (slot != BLOCKTABLE_NONE &&
                !blocktable_is_found(s->opt.table, slot))
                blocktable_put(s->opt.table, slot, image, offset + at);
        }
    }
}

/* Reads one strip; false: that was all. */
static bool search_strip(struct blocksearch *s)
{
    uint64_t offset;
    size_t image, length, there;
    unsigned phases;
    uint8_t *data;

    if (s->opt.stopped(s->opt.opaque) ||
        blocktable_missing(s->opt.table) == 0 ||
        !take_strip(s, &image, &offset, &length, &phases))
        return false;
    data = aligned_alloc(PROTO_BLOCK, STRIP + PROTO_BLOCK);
    if (!data)
        return false;
    if (!read_some(s->images[image], offset, length, data, &there)) {
        look_through(s, image, offset, length, phases, data, there);
        atomic_fetch_add(&s->bytes, length);
    }
    free(data);
    return true;
}

/* A runner: takes strips, and lets others go first after each.  Without memory
 * to queue the next one it ends here, and what is found is less. */
static int run(void *opaque, uint64_t number)
{
    struct blocksearch *s = opaque;

    if (search_strip(s))
        begin(s, run, number, 1);
    if (end(s))
        s->done(s->opt.opaque);
    return 0;
}

int blocksearch_run(struct blocksearch *s, blocksearch_done *done)
{
    unsigned n = processors_count();

    s->done = done;
    return begin(s, run, 0, n < RUNNERS_MAX ? n : RUNNERS_MAX);
}

uint64_t blocksearch_bytes(const struct blocksearch *s)
{
    return atomic_load(&s->bytes);
}
