/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a session would take; see estimate.h. */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/base/clock.h"
#include "plugin/base/log.h"
#include "plugin/proto.h"
#include "plugin/source/disk.h"
#include "plugin/source/estimate.h"
#include "plugin/source/output.h"
#include "plugin/wire/freight.h"

/* Ballast: bursts that double until one takes long enough to be measured. */
#define BALLAST_FRAME (64u << 10)
#define BALLAST_FIRST 2u            /* frames */
#define BALLAST_LAST 512u
#define BALLAST_SECONDS 0.5

/* Compressing one sample. */
#define COMPRESS_SECONDS 20.0

/* The line */

static int burst(const struct session *s, const struct buf *ballast,
                 unsigned frames)
{
    struct frame f;
    unsigned i;
    int rc = 0;

    for (i = 0; i < frames && !rc; i++)
        rc = wire_send_plain(s->wire, FRAME_BALLAST, PROTO_NO_DISK, ballast);
    for (i = 0; i < frames && !rc; i++) {
        rc = inbox_expect(s->inbox, PROTO_NO_DISK, FRAME_BALLAST, &f);
        if (!rc)
            frame_release(&f);
    }
    return rc;
}

/* Finds how many bytes a second the line takes; *bytes_r: what was sent for
 * that. */
static int measure(const struct session *s, double *rate_r, uint64_t *bytes_r)
{
    struct buf b = BUF_INIT;
    double start, empty, seconds;
    unsigned frames = BALLAST_FIRST;
    void *p;
    int rc;

    *bytes_r = 0;
    start = monotonic_seconds();
    rc = burst(s, &b, 1);
    empty = monotonic_seconds() - start;
    p = buf_reserve(&b, BALLAST_FRAME);
    if (!p)
        return -ENOMEM;
    randombytes_buf(p, BALLAST_FRAME);
    b.length = BALLAST_FRAME;
    for (; !rc; frames *= 2) {
        start = monotonic_seconds();
        rc = burst(s, &b, frames);
        seconds = monotonic_seconds() - start;
        *bytes_r += (uint64_t)frames * BALLAST_FRAME;
        /* The time until the answer to nothing comes is no time of sending. */
        if (seconds > 2 * empty)
            seconds -= empty;
        *rate_r = frames * (double)BALLAST_FRAME / (seconds > 0 ? seconds :
                                                    1e-9);
        if (seconds >= BALLAST_SECONDS || frames >= BALLAST_LAST)
            break;
    }
    buf_release(&b);
    return rc;
}

/* The estimate */

struct estimate {
    uint64_t lists;             /* bytes of them, as they were sent now */
    uint64_t content;           /* bytes, before they are compressed */
    uint64_t sampled;           /* of these */
    double sent;                /* bytes, all together */
    int level;                  /* of the freight, at its end; 0: none */
};

static int compress(struct reservoir *s, int level, double rate,
                    struct freight_estimate *r)
{
    struct freight_sample *pieces = calloc(s->n_kept + 1, sizeof(*pieces));
    size_t i;
    int rc;

    if (!pieces)
        return -ENOMEM;
    reservoir_sort(s);
    for (i = 0; i < s->n_kept; i++)
        pieces[i] = (struct freight_sample){ s->kept[i].data,
                                             s->kept[i].length };
    rc = freight_estimate(level, rate, COMPRESS_SECONDS, pieces, s->n_kept,
                          r);
    free(pieces);
    return rc;
}

/* What `bytes` of content come to when they are sent.  What the sample covers
 * counts as it was compressed; the rest counts as the sample's second half,
 * because by then the level had adapted itself to the link. */
static double scale(const struct freight_estimate *r, uint64_t bytes)
{
    double in = r->in - r->half_in, out = r->out - r->half_out;

    if (r->in == 0)
        return bytes;
    if (in <= 0) {
        in = r->in;
        out = r->out;
    }
    return r->out + (bytes > r->in ? (bytes - r->in) * out / in : 0);
}

static int estimate_sample(struct reservoir *s, uint64_t more, int level,
                           double rate, struct estimate *e)
{
    struct freight_estimate r;
    int rc = compress(s, level, rate, &r);

    e->content += s->bytes + more;
    e->sampled += r.in;
    e->sent += scale(&r, s->bytes + more);
    if (level == 0 && r.in > 0)
        e->level = r.level;
    return rc;
}

static int estimate_disk(const struct session *s, struct source_disk *d,
                         const struct estimate_options *opt, double rate,
                         struct estimate *e)
{
    uint64_t out, in;
    int rc;

    memset(e, 0, sizeof(*e));
    wire_bytes_of_disk(s->wire, d->number, &out, &in);
    e->lists = out + HASH_BYTES * d->digests;
    e->sent = e->lists;
    rc = estimate_sample(output_freight_sample(d), d->bytes_unlisted,
                         opt->level, rate, e);
    return rc ? rc :
        estimate_sample(output_patch_sample(d), 0, opt->level ?
                        opt->level : WIRE_LEVEL_DEFAULT, rate, e);
}

/* Printing */

static void print_row(const char *name, uint64_t found, uint64_t lacking,
                      const struct estimate *e)
{
    uint64_t all = found + lacking;

    printf("%-12s %12.1f %12.1f %7.1f %10.2f %10.2f\n", name, found / 1e6,
           lacking / 1e6, all ? 100.0 * found / all : 0.0, e->lists / 1e6,
           e->sent / 1e6);
}

static void print_how(const struct estimate *e,
                      const struct estimate_options *opt)
{
    if (e->content == 0)
        return;
    if (e->sampled >= e->content)
        printf("compressed for the estimate: all of what differs");
    else
        printf("compressed for the estimate: a random sample of %.1f of the "
               "%.1f MB that differ", e->sampled / 1e6, e->content / 1e6);
    if (opt->level)
        printf(", level %d\n", opt->level);
    else if (e->level)
        printf(", as hard as the line leaves time for (level %d in the "
               "end)\n", e->level);
    else
        printf("\n");
}

static void print_time(const struct estimate *e,
                       const struct estimate_options *opt, double rate,
                       uint64_t ballast, double seconds)
{
    printf("time: about %.1f s to send that at %.2f MB/s (", e->sent / rate,
           rate / 1e6);
    if (opt->rate)
        printf("the rate given)");
    else
        printf("measured with %.1f MB of noise)", ballast / 1e6);
    printf("; to read, compare and list took %.1f s now\n", seconds);
    if (!opt->memory)
        return;
    printf("memory: at most %.1f MB, its size, or %.1f s more; this is an "
           "upper bound,\n  not an estimate: it crosses compressed and without "
           "what repeats, but what\n  the guest writes meanwhile crosses "
           "again\n", opt->memory / 1e6, opt->memory / rate);
}

static int estimate_all(const struct session *s,
                        const struct estimate_options *opt, double rate,
                        struct estimate *total)
{
    uint64_t found = 0, lacking = 0, later;
    struct source_disk *d;
    struct estimate e;
    unsigned i;
    int rc = 0;

    printf("%-12s %12s %12s %7s %10s %10s\n", "disk", "identical MB",
           "different MB", "saved %", "lists MB", "to send MB");
    for (i = 0; i < s->n_disks && !rc; i++) {
        d = s->disks[i];
        rc = estimate_disk(s, d, opt, rate, &e);
        if (rc)
            break;
        print_row(d->report.name, d->report.identical, d->report.different,
                  &e);
        found += d->report.identical;
        lacking += d->report.different;
        /* The lists that were sent now are in the total already. */
        later = HASH_BYTES * d->digests;
        total->lists += later;
        total->sent += e.sent - e.lists + later;
        total->content += e.content;
        total->sampled += e.sampled;
        total->level = e.level > total->level ? e.level : total->level;
    }
    if (!rc)
        print_row("total", found, lacking, total);
    return rc;
}

int estimate_print(const struct session *s, const struct estimate_options *opt,
                   double seconds)
{
    struct estimate total = { 0 };
    double rate = opt->rate;
    uint64_t ballast = 0;
    int rc = 0;

    total.lists = total.sent = wire_bytes_out(s->wire);
    if (!opt->rate)
        rc = measure(s, &rate, &ballast);
    if (!rc)
        rc = estimate_all(s, opt, rate, &total);
    if (rc)
        return rc;
    print_how(&total, opt);
    print_time(&total, opt, rate, ballast, seconds);
    if (fflush(stdout) || ferror(stdout)) {
        log_error("the estimate cannot be printed");
        return -EIO;
    }
    return 0;
}
