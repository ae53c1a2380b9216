/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where content goes; see output.h. */
#include "config.h"

#include <errno.h>
#include <stdlib.h>

#include "plugin/image/dirty.h"
#include "plugin/proto.h"
#include "plugin/source/output.h"

struct output {
    struct reservoir freight;   /* of what would go as freight */
    struct reservoir patches;   /* of what the passes would send */
    struct dirty left;          /* blocks that are for the passes */
};

int output_begin(struct source_disk *d, unsigned n_disks)
{
    struct output *o = calloc(1, sizeof(*o));
    int rc = o ? dirty_init(&o->left, d->image.size, PROTO_BLOCK) : -ENOMEM;

    if (rc) {
        free(o);
        return rc;
    }
    reservoir_init(&o->freight, n_disks);
    reservoir_init(&o->patches, n_disks);
    d->output = o;
    return 0;
}

void output_free(struct output *o)
{
    if (!o)
        return;
    reservoir_release(&o->freight);
    reservoir_release(&o->patches);
    dirty_release(&o->left);
    free(o);
}

int output_freight(const struct session *s, struct source_disk *d,
                   uint16_t type, const struct buf *b)
{
    return d->output ? reservoir_put(&d->output->freight, b) :
        wire_send_freight_buf(s->wire, type, d->number, b);
}

bool output_reads(const struct source_disk *d)
{
    return !d->output || reservoir_keeps(&d->output->freight);
}

int output_patch(const struct session *s, struct source_disk *d,
                 const struct buf *b)
{
    return d->output ? reservoir_put(&d->output->patches, b) :
        wire_send_buf(s->wire, FRAME_PATCH, d->number, b);
}

void output_leave(struct source_disk *d, uint64_t offset, uint64_t length)
{
    dirty_mark(&d->output->left, offset, length);
}

bool output_sends(const struct source_disk *d, uint64_t offset,
                  uint64_t length)
{
    return !d->output || dirty_any(&d->output->left, offset, length);
}

struct reservoir *output_freight_sample(const struct source_disk *d)
{
    return &d->output->freight;
}

struct reservoir *output_patch_sample(const struct source_disk *d)
{
    return &d->output->patches;
}
