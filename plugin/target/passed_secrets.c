/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The secrets that come along with a disk; see passed_secrets.h. */
#include "config.h"

#include <errno.h>
#include <sodium.h>

#include "plugin/state/keyring.h"
#include "plugin/target/passed_secrets.h"

int passed_secrets_take(struct target_disk *d, const struct frame *f)
{
    const char *hex;
    unsigned i;

    if (f->length > 0 && !text_valid(f->data, f->length))
        return -EPROTO;
    for (i = 0; (hex = text_get(f->data, f->length, "secret", i)); i++)
        if (i == PROTO_PROOFS_MAX || !secret_parse(hex, &d->passed[i]))
            return -EPROTO;
    d->n_passed = i;
    return 0;
}

void passed_secrets_keep(struct target_disk *d)
{
    struct record_key key = { d->dest.uuid, d->vdev, d->named };
    uint8_t replaced[PROTO_SECRET_NAME];
    struct keyring_change change = { .add = d->passed, .n = d->n_passed };

    if (d->dest.earlier.own.set &&
        !secret_same(&d->dest.earlier.own, &d->dest.claim.own)) {
        secret_name(&d->dest.earlier.own, replaced);
        change.drop = replaced;
    }
    d->passed[change.n++] = d->dest.claim.own;
    keyring_change(d->dest.state_dir, &key, &change);
}

void passed_secrets_forget(struct target_disk *d)
{
    sodium_memzero(d->passed, sizeof(d->passed));
    d->n_passed = 0;
}
