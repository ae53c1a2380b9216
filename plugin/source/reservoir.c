/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A random sample of content; see reservoir.h. */
#include "config.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/source/reservoir.h"

/* Of all samples of one kind.  A piece has about half a MiB. */
#define PIECES_MAX 96u
#define PIECES_MIN 2u

void sample_init(struct sample *s, unsigned share)
{
    memset(s, 0, sizeof(*s));
    s->most = PIECES_MAX / (share ? share : 1);
    if (s->most < PIECES_MIN)
        s->most = PIECES_MIN;
}

void sample_release(struct sample *s)
{
    size_t i;

    for (i = 0; i < s->n_kept; i++)
        free(s->kept[i].data);
    free(s->kept);
    memset(s, 0, sizeof(*s));
}

bool sample_keeps(struct sample *s)
{
    if (s->begun)
        return s->keep;
    s->begun = true;
    s->slot = s->n_kept < s->most ? s->n_kept :
        s->pieces < UINT32_MAX ? randombytes_uniform(s->pieces + 1) : s->most;
    s->keep = s->slot < s->most;
    return s->keep;
}

static int keep(struct sample *s, const struct buf *piece)
{
    struct sample_piece *p;
    uint8_t *data = malloc(piece->length + 1);

    if (!s->kept)
        s->kept = calloc(s->most, sizeof(*s->kept));
    if (!s->kept || !data) {
        free(data);
        return -ENOMEM;
    }
    p = &s->kept[s->slot];
    s->kept_bytes -= p->length;
    free(p->data);
    memcpy(data, piece->data, piece->length);
    *p = (struct sample_piece){ s->pieces, piece->length, data };
    s->kept_bytes += p->length;
    s->n_kept += s->slot == s->n_kept;
    return 0;
}

int sample_put(struct sample *s, const struct buf *piece)
{
    int rc = 0;

    if (piece->failed)
        return -ENOMEM;
    if (piece->length == 0)
        return 0;
    if (sample_keeps(s))
        rc = keep(s, piece);
    s->begun = false;
    s->pieces++;
    s->bytes += piece->length;
    return rc;
}

static int compare(const void *a, const void *b)
{
    const struct sample_piece *x = a, *y = b;

    return (x->number > y->number) - (x->number < y->number);
}

void sample_sort(struct sample *s)
{
    if (s->n_kept > 0)
        qsort(s->kept, s->n_kept, sizeof(*s->kept), compare);
}
