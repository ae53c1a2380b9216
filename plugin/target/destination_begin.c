/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A device is about to be overwritten; see destination_begin.h. */
#include "config.h"

#include <string.h>

#include "plugin/base/log.h"
#include "plugin/target/destination_begin.h"
#include "plugin/target/destination_lookout.h"

#define WHY_BYTES 4096

int destination_begin(struct destination *d)
{
    struct record_key key = { d->uuid, d->vdev, d->path };
    char why[WHY_BYTES];
    int rc;

    if (!d->block)
        return 0;
    rc = record_begin(d->state_dir, &key, &d->storage, &d->claim);
    if (rc) {
        explain(why, sizeof(why), rc, "%s is not written to: that it is "
                "cannot be noted below %s there: %s", d->path, d->state_dir,
                strerror(-rc));
        return destination_give_up(d, rc, why);
    }
    d->begun = true;
    /* Without it the admin is asked if we are killed. */
    if (d->guard_program)
        guard_start(&d->guard, d->guard_program, d->state_dir, &key, d->fd);
    return 0;
}
