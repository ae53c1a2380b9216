/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Content of compressed files; see decompressed.h.
 *
 * Threads take batches from a cursor, and each batch is read by a parser
 * process of its own.  That uses several processors, and gives the parser's
 * deadline to a bounded piece of work; a stream on which the parser dies costs
 * the rest of one batch and not of the image.
 *
 * The lock of struct reading covers its cursor, warned and rc.  An item belongs
 * to the thread that took its batch.
 */
#include "config.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/base/digest.h"
#include "plugin/base/log.h"
#include "plugin/base/threads.h"
#include "plugin/base/zero.h"
#include "plugin/content/decompressed.h"

#define BATCH_FILES 1024u
#define BATCH_BYTES (64u << 20)     /* stored ones */

struct reading {
    const struct manifest *m;
    struct decompressed_list *list;
    pthread_mutex_t lock;
    size_t next;                /* item of the cursor */
    bool warned;
    int rc;
};

struct worker {
    struct reading *r;
    struct decompressed *item;  /* candidate for the next begin() */
    struct decompressed *open;  /* the one that is being read */
    struct digest state;
};

static int worker_begin(void *opaque, uint32_t file, uint64_t size)
{
    struct worker *w = opaque;

    while (w->item->file != file)
        w->item++;
    w->open = w->item;
    w->open->size = size;
    w->open->zero = true;
    digest_init(&w->state);
    return 0;
}

static int worker_data(void *opaque, const void *data, size_t length)
{
    struct worker *w = opaque;

    w->open->zero = w->open->zero && data_is_zero(data, length);
    digest_update(&w->state, data, length);
    return 0;
}

static int worker_end(void *opaque)
{
    struct worker *w = opaque;

    digest_final(&w->state, w->open->hash);
    w->open->known = true;
    return 0;
}

/* Takes the next batch; 0: there is none. */
static size_t take_batch(struct worker *w, uint32_t *files)
{
    struct reading *r = w->r;
    const struct decompressed_list *list = r->list;
    uint64_t bytes = 0;
    size_t n = 0;

    pthread_mutex_lock(&r->lock);
    w->item = list->items + r->next;
    while (!r->rc && r->next < list->n && n < BATCH_FILES &&
           bytes < BATCH_BYTES) {
        files[n] = list->items[r->next++].file;
        bytes += r->m->files[files[n++]].size;
    }
    pthread_mutex_unlock(&r->lock);
    return n;
}

static void batch_failed(struct reading *r, int rc, const char *note)
{
    const char *path = r->m->image->path;

    pthread_mutex_lock(&r->lock);
    if (rc && !r->rc) {
        r->rc = rc;
        log_errno(rc, "%s: cannot read compressed files", path);
    } else if (!rc && !r->warned) {
        r->warned = true;
        log_warn("%s: reading compressed files failed (%s)", path, note);
    }
    pthread_mutex_unlock(&r->lock);
}

static void work(void *arg)
{
    static const struct fsparse_plain_sink sink = {
        .begin = worker_begin, .data = worker_data, .end = worker_end,
    };
    struct worker *w = arg;
    const struct manifest *m = w->r->m;
    char note[FSPARSE_NOTE_BYTES];
    uint32_t files[BATCH_FILES];
    size_t n;
    int rc;

    while ((n = take_batch(w, files)) != 0) {
        rc = fsparse_read_plain(m->image->fd, m->map, files, n, &sink, w,
                                note);
        if (rc || *note)
            batch_failed(w->r, rc, note);
    }
}

static int list_files(struct decompressed_list *list, const struct manifest *m)
{
    size_t i, n = 0;

    for (i = 0; i < m->n_files; i++)
        n += (m->map->files[i].flags & FSPARSE_COMPRESSED) != 0;
    *list = (struct decompressed_list){ .items = NULL };
    list->items = calloc(n + 1, sizeof(*list->items));
    if (!list->items) {
        log_error("%s: no memory for a list of %zu compressed files",
                  m->image->path, n);
        return -ENOMEM;
    }
    for (i = 0; i < m->n_files; i++)
        if (m->map->files[i].flags & FSPARSE_COMPRESSED)
            list->items[list->n++].file = (uint32_t)i;
    return 0;
}

static int run(struct reading *r, unsigned threads)
{
    unsigned i, n = threads_count(threads, false);
    struct worker *workers;

    if (n > r->list->n)
        n = (unsigned)r->list->n;
    workers = calloc(n, sizeof(*workers));
    if (!workers) {
        log_error("no memory for %u threads", n);
        return -ENOMEM;
    }
    for (i = 0; i < n; i++)
        workers[i].r = r;
    pthread_mutex_init(&r->lock, NULL);
    threads_run(work, workers, sizeof(*workers), n);
    pthread_mutex_destroy(&r->lock);
    free(workers);
    return r->rc;
}

int decompressed_read(struct decompressed_list *list, const struct manifest *m,
                      unsigned threads)
{
    struct reading r = { .m = m, .list = list };
    size_t i, unknown = 0;
    int rc;

    rc = list_files(list, m);
    if (rc)
        return rc;
    if (list->n)
        rc = run(&r, threads);
    if (rc) {
        decompressed_release(list);
        return rc;
    }
    for (i = 0; i < list->n; i++)
        unknown += !list->items[i].known;
    if (unknown)
        log_info("%s: %zu of %zu compressed files cannot be read as the guest "
                 "does: they are taken as they are stored", m->image->path,
                 unknown, list->n);
    return 0;
}

static int by_file(const void *key, const void *item)
{
    const uint32_t file = *(const uint32_t *)key;
    const struct decompressed *d = item;

    return file < d->file ? -1 : file > d->file;
}

const struct decompressed *
decompressed_find(const struct decompressed_list *list, uint32_t file)
{
    const struct decompressed *d = bsearch(&file, list->items, list->n,
                                           sizeof(*list->items), by_file);

    return d && d->known ? d : NULL;
}

void decompressed_release(struct decompressed_list *list)
{
    free(list->items);
    *list = (struct decompressed_list){ .items = NULL };
}
