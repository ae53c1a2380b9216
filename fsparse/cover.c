/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Cover: who gets which byte of the image, and the regions that follow.
 *
 * A claim is an extent, and its rank is its index: the order of delivery.
 * The claims are sorted by place and swept once from the front of the image.
 * A heap holds the claims that reach over the present place, the first-ranked
 * on top; that one gets the bytes up to its end or to the start of a claim
 * that ranks before it.  n claims make less than 2n pieces in O(n log n),
 * however they overlap.  The pieces are laid as FILE regions on the way, and
 * the gaps between them as holes and residual.
 *
 * Trusts intake for this: claims are not empty, lie inside the image, and
 * those of a file ascend by logical offset without overlap.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>

#include "fsparse/build.h"
#include "fsparse/holes.h"

struct sweep {
    struct build *b;
    struct holes holes;
    uint32_t *order;            /* claims by place */
    uint32_t *owner;            /* claim's file */
    uint32_t *heap;             /* claims, the least index on top */
    size_t n_heap;
    uint64_t claimed, awarded;  /* bytes */
};

/* The FILE regions by file and logical offset. */
struct sorted {
    uint32_t *order;
    size_t n, next;
};

int build_lay(struct build *b, const struct fsparse_region *r)
{
    struct fsparse_region *last;
    int rc;

    if (b->n_regions) {
        last = &b->regions[b->n_regions - 1];
        if (last->kind == r->kind &&
            (r->kind != FSPARSE_FILE ||
             (last->file == r->file &&
              last->logical + last->length == r->logical))) {
            last->length += r->length;
            return 0;
        }
    }
    rc = array_grow((void **)&b->regions, b->n_regions, &b->cap_regions,
                    sizeof(*r));
    if (!rc)
        b->regions[b->n_regions++] = *r;
    return rc;
}

static int lay_gap(struct sweep *s, uint64_t place, uint64_t end)
{
    while (place < end) {
        struct fsparse_region r = { .offset = place,
                                    .kind = FSPARSE_RESIDUAL };
        uint64_t stop;
        int rc;

        holes_find(&s->holes, place);
        if (s->holes.start > place) {
            stop = s->holes.start;
        } else {
            r.kind = FSPARSE_HOLE;
            stop = s->holes.end;
        }
        r.length = (stop < end ? stop : end) - place;
        rc = build_lay(s->b, &r);
        if (rc)
            return rc;
        place += r.length;
    }
    return 0;
}

static void heap_push(struct sweep *s, uint32_t claim)
{
    size_t i = s->n_heap++;

    while (i && s->heap[(i - 1) / 2] > claim) {
        s->heap[i] = s->heap[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    s->heap[i] = claim;
}

static void heap_pop(struct sweep *s)
{
    uint32_t claim = s->heap[--s->n_heap];
    size_t i = 0, child;

    while ((child = 2 * i + 1) < s->n_heap) {
        if (child + 1 < s->n_heap && s->heap[child + 1] < s->heap[child])
            child++;
        if (s->heap[child] >= claim)
            break;
        s->heap[i] = s->heap[child];
        i = child;
    }
    s->heap[i] = claim;
}

static uint64_t claim_end(const struct sweep *s, uint32_t claim)
{
    const struct fsparse_extent *x = &s->b->extents[claim];

    return x->physical + x->length;
}

/* Gives [place, end) to a claim that reaches over it. */
static int award(struct sweep *s, uint32_t claim, uint64_t place,
                 uint64_t end)
{
    const struct fsparse_extent *x = &s->b->extents[claim];
    struct fsparse_region r = {
        .offset = place,
        .length = end - place,
        .kind = FSPARSE_FILE,
        .file = s->owner[claim],
        .logical = x->logical + (place - x->physical),
    };

    s->awarded += r.length;
    return build_lay(s->b, &r);
}

/* Takes claims up to the one that ends the top's reign: the first that
 * starts before the top's end and ranks before it.  Returns the end. */
static uint64_t reign(struct sweep *s, size_t *next, uint64_t place)
{
    uint32_t top = s->heap[0];
    uint64_t end = claim_end(s, top);

    while (*next < s->b->n_extents) {
        uint32_t claim = s->order[*next];
        uint64_t start = s->b->extents[claim].physical;

        if (start >= end || (claim < top && start > place))
            return start < end ? start : end;
        (*next)++;
        heap_push(s, claim);
        if (claim < top)
            return place;
    }
    return end;
}

static int sweep_claims(struct sweep *s)
{
    uint64_t place = 0;
    size_t next = 0;
    int rc = 0;

    while (!rc && (s->n_heap || next < s->b->n_extents)) {
        uint64_t end;
        uint32_t top;

        if (!s->n_heap) {
            heap_push(s, s->order[next++]);
            end = s->b->extents[s->heap[0]].physical;
            if (end > place) {
                rc = lay_gap(s, place, end);
                place = end;
            }
            continue;
        }
        top = s->heap[0];
        if (claim_end(s, top) <= place) {
            heap_pop(s);
            continue;
        }
        end = reign(s, &next, place);
        if (end > place)
            rc = award(s, top, place, end);
        place = end;
        /* A claim that starts here and ranks first takes over. */
        while (next < s->b->n_extents &&
               s->b->extents[s->order[next]].physical == place)
            heap_push(s, s->order[next++]);
    }
    return rc ? rc : lay_gap(s, place, s->b->map.image_size);
}

static int by_place(const void *a, const void *b, void *opaque)
{
    const struct fsparse_extent *extents = opaque;
    uint32_t ia = *(const uint32_t *)a, ib = *(const uint32_t *)b;
    uint64_t pa = extents[ia].physical, pb = extents[ib].physical;

    if (pa != pb)
        return pa < pb ? -1 : 1;
    return ia < ib ? -1 : ia > ib;
}

static int by_content(const void *a, const void *b, void *opaque)
{
    const struct fsparse_region *regions = opaque;
    const struct fsparse_region *ra = &regions[*(const uint32_t *)a];
    const struct fsparse_region *rb = &regions[*(const uint32_t *)b];

    if (ra->file != rb->file)
        return ra->file < rb->file ? -1 : 1;
    return ra->logical < rb->logical ? -1 : ra->logical > rb->logical;
}

/* What the file f got instead of its claims; returns the bytes it lost. */
static uint64_t extents_of(const struct build *b,
                           const struct fsparse_extent *claims, size_t f,
                           struct sorted *s, struct fsparse_extent *fresh,
                           size_t *n_r)
{
    uint64_t lost = 0;
    size_t k, n = 0;

    for (k = 0; k < b->files[f].n_extents; k++)
        lost += claims[k].length;
    for (; s->next < s->n; s->next++, n++) {
        const struct fsparse_region *r = &b->regions[s->order[s->next]];

        if (r->file != f)
            break;
        fresh[n].logical = r->logical;
        fresh[n].physical = r->offset;
        fresh[n].length = r->length;
        lost -= r->length;
    }
    *n_r = n;
    return lost;
}

/* Moves the files from what they claimed to what they got. */
static void files_correct(struct build *b, struct sorted *s,
                          struct fsparse_extent *fresh, bool cut)
{
    const struct fsparse_extent *claims = b->extents;
    size_t f, out = 0, n;

    for (f = 0; f < b->n_files; f++) {
        struct fsparse_file *file = &b->files[f];

        if (extents_of(b, claims, f, s, fresh + out, &n) && cut)
            file->flags |= FSPARSE_CUT;
        claims += file->n_extents;
        file->n_extents = n;
        out += n;
    }
    free(b->extents);
    b->extents = fresh;
    b->n_extents = out;
}

int build_follow(struct build *b, bool cut)
{
    struct sorted s = { .n = 0 };
    struct fsparse_extent *fresh;
    int rc = -ENOMEM;
    size_t i;

    if (b->n_regions > UINT32_MAX)
        return -EFBIG;
    s.order = calloc(b->n_regions + 1, sizeof(*s.order));
    if (!s.order)
        goto out;
    for (i = 0; i < b->n_regions; i++)
        if (b->regions[i].kind == FSPARSE_FILE)
            s.order[s.n++] = (uint32_t)i;
    qsort_r(s.order, s.n, sizeof(*s.order), by_content, b->regions);
    fresh = calloc(s.n + 1, sizeof(*fresh));
    if (!fresh)
        goto out;
    files_correct(b, &s, fresh, cut);
    rc = 0;
out:
    free(s.order);
    return rc;
}

static void sweep_prepare(struct sweep *s)
{
    struct build *b = s->b;
    size_t f, i = 0, k;

    for (f = 0; f < b->n_files; f++) {
        for (k = 0; k < b->files[f].n_extents; k++, i++) {
            s->owner[i] = (uint32_t)f;
            s->order[i] = (uint32_t)i;
            s->claimed += b->extents[i].length;
        }
    }
    qsort_r(s->order, b->n_extents, sizeof(*s->order), by_place, b->extents);
}

int cover_image(struct build *b, int fd)
{
    struct sweep s = { .b = b };
    size_t n = b->n_extents ? b->n_extents : 1;
    int rc = -ENOMEM;

    s.order = calloc(n, sizeof(*s.order));
    s.owner = calloc(n, sizeof(*s.owner));
    s.heap = calloc(n, sizeof(*s.heap));
    if (!s.order || !s.owner || !s.heap)
        goto out;
    holes_init(&s.holes, fd, b->map.image_size);
    sweep_prepare(&s);
    rc = sweep_claims(&s);
    if (!rc && s.awarded != s.claimed)
        rc = build_follow(b, true);
out:
    free(s.heap);
    free(s.owner);
    free(s.order);
    return rc;
}
