/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A random sample of content; see reservoir.h. */
#include "config.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/source/reservoir.h"

/* Pieces of all samples of one kind, and of one.  A piece has about half a
 * MiB. */
#define PIECES_MAX 96u
#define PIECES_MIN 2u

void reservoir_init(struct reservoir *r, unsigned share)
{
    memset(r, 0, sizeof(*r));
    r->most = PIECES_MAX / (share ? share : 1);
    if (r->most < PIECES_MIN)
        r->most = PIECES_MIN;
}

void reservoir_release(struct reservoir *r)
{
    size_t i;

    for (i = 0; i < r->n_kept; i++)
        free(r->kept[i].data);
    free(r->kept);
    memset(r, 0, sizeof(*r));
}

bool reservoir_keeps(struct reservoir *r)
{
    if (r->begun)
        return r->keep;
    r->begun = true;
    r->slot = r->n_kept < r->most ? r->n_kept :
        r->pieces < UINT32_MAX ? randombytes_uniform(r->pieces + 1) : r->most;
    r->keep = r->slot < r->most;
    return r->keep;
}

static int keep(struct reservoir *r, const struct buf *piece)
{
    struct reservoir_piece *p;
    uint8_t *data = malloc(piece->length + 1);

    if (!r->kept)
        r->kept = calloc(r->most, sizeof(*r->kept));
    if (!r->kept || !data) {
        free(data);
        return -ENOMEM;
    }
    p = &r->kept[r->slot];
    r->kept_bytes -= p->length;
    free(p->data);
    memcpy(data, piece->data, piece->length);
    *p = (struct reservoir_piece){ r->pieces, piece->length, data };
    r->kept_bytes += p->length;
    r->n_kept += r->slot == r->n_kept;
    return 0;
}

int reservoir_put(struct reservoir *r, const struct buf *piece)
{
    int rc = 0;

    if (piece->failed)
        return -ENOMEM;
    if (piece->length == 0)
        return 0;
    if (reservoir_keeps(r))
        rc = keep(r, piece);
    r->begun = false;
    r->pieces++;
    r->bytes += piece->length;
    return rc;
}

static int compare(const void *a, const void *b)
{
    const struct reservoir_piece *x = a, *y = b;

    return (x->number > y->number) - (x->number < y->number);
}

void reservoir_sort(struct reservoir *r)
{
    if (r->n_kept > 0)
        qsort(r->kept, r->n_kept, sizeof(*r->kept), compare);
}
