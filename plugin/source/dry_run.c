/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A dry run of one disk; see dry_run.h. */
#include "config.h"

#include "plugin/image/dirty.h"
#include "plugin/proto.h"
#include "plugin/source/bulk.h"
#include "plugin/source/dry_run.h"
#include "plugin/source/pass.h"

/* Without a comparison the first pass of a session lists the digests of all
 * segments that are not zero: counts them. */
static int count_digests(struct source_disk *d)
{
    struct dirty used = DIRTY_INIT;
    const struct fsparse_extent *e;
    size_t count, j;
    uint64_t i;
    int rc;

    if (d->base)
        return 0;
    rc = dirty_init(&used, d->image.size, PROTO_SEGMENT);
    if (rc)
        return rc;
    for (i = 0; i < object_table_count(d->objects); i++) {
        e = object_extents(d->manifest, source_object(d, i), &count);
        for (j = 0; j < count; j++)
            dirty_mark(&used, e[j].physical, e[j].length);
    }
    d->digests = segment_count(dirty_bytes(&used));
    dirty_release(&used);
    return 0;
}

/* After a comparison the target describes what it holds, and the blocks that
 * are left to the passes and differ are sampled. */
static int run_pass(const struct session *s, struct source_disk *d)
{
    struct pass_result result;
    int rc;

    d->round_bytes = 0;
    rc = pass_run(s, d, false, &result);
    d->report.different += d->round_bytes;
    d->report.identical -= d->round_bytes < d->report.identical ?
        d->round_bytes : d->report.identical;
    return rc;
}

int dry_run_disk(const struct session *s, struct source_disk *d)
{
    int rc = bulk_run(s, d);

    if (!rc)
        rc = count_digests(d);
    return rc || !d->base ? rc : run_pass(s, d);
}
