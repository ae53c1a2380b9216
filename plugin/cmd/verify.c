/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * xl-dedup verify: whether two images hold the same bytes.
 *
 * Every byte of both is compared, but for what is a hole in both; no time
 * stamp, hash or file system has a say in the verdict.  File systems are
 * parsed only to tell where a difference lies, after it has been found, and
 * that may fail without changing the verdict.
 *
 * Threads take segments in ascending order and report differing grains under
 * the job's lock.  Of the ranges only the lowest are kept: when the list is
 * full, it is sorted, merged and cut to RANGES_KEPT.  A segment that is still
 * being compared can close at most one gap between ranges, so with at most 64
 * threads the first RANGES_SHOWN stay exact.
 */
#include "config.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <json.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/base/escape.h"
#include "plugin/base/exit.h"
#include "plugin/base/log.h"
#include "plugin/base/threads.h"
#include "plugin/cmd/commands.h"
#include "plugin/cmd/util.h"

#define SEGMENT (1u << 20)
#define GRAIN 4096u
#define RANGES_SHOWN 20
#define RANGES_KEPT 1024
#define RANGES_MAX 4096
#define PLACES_SHOWN 4          /* files named for one range */

static const char help[] =
"Usage: xl-dedup verify [OPTION]... A B\n"
"\n"
"Compares two disk images (files or block devices) byte for byte.  If they\n"
"differ, says where (in blocks of 4096 bytes, the first 20 ranges) and what\n"
"lies there in A.  To a guest a different size is a difference, too.\n"
"\n"
"  --json           print one JSON object instead of text\n"
"  -j, --threads=N  compare with N threads (one per processor)\n"
"  -h, --help       show this help\n"
"\n"
"In names, backslashes, control characters and bytes that are not UTF-8 are\n"
"written as \\xHH.\n"
"\n"
"Exit status: 0 the same, 1 different, 2 failed, 64 wrong usage.\n";

struct range {
    uint64_t start, end;
};

struct job {
    struct image a, b;
    uint64_t common;            /* the size of the smaller one */
    pthread_mutex_t lock;       /* for all that follows */
    uint64_t next;              /* not handed out yet */
    uint64_t blocks, bytes;     /* that differ */
    struct range ranges[RANGES_MAX];
    size_t n_ranges;
    bool more;                  /* than are in the list */
    int rc;
};

struct worker {
    struct job *job;
    uint8_t *buf_a, *buf_b;
};

static bool take_segment(struct job *job, uint64_t *start, uint64_t *end)
{
    uint64_t a, b;
    bool taken = false;

    pthread_mutex_lock(&job->lock);
    if (!job->rc && job->next < job->common) {
        a = image_next_data(&job->a, job->next);
        b = image_next_data(&job->b, job->next);
        a = (a < b ? a : b) & -(uint64_t)GRAIN;
        *start = a > job->next ? a : job->next;
        *end = (*start | (SEGMENT - 1)) + 1;
        if (*end > job->common)
            *end = job->common;
        job->next = *end;
        taken = *start < job->common;
        log_progress("%" PRIu64 " of %" PRIu64 " MB compared",
                     *start / 1000000, job->common / 1000000);
    }
    pthread_mutex_unlock(&job->lock);
    return taken;
}

static int by_start(const void *a, const void *b)
{
    const struct range *x = a, *y = b;

    return (x->start > y->start) - (x->start < y->start);
}

static void merge_ranges(struct job *job)
{
    struct range *list = job->ranges;
    size_t i, n = 0;

    qsort(list, job->n_ranges, sizeof(*list), by_start);
    for (i = 0; i < job->n_ranges; i++) {
        if (n && list[n - 1].end == list[i].start)
            list[n - 1].end = list[i].end;
        else
            list[n++] = list[i];
    }
    job->n_ranges = n;
}

/* Called with the lock held. */
static void add_range(struct job *job, uint64_t start, uint64_t end)
{
    if (job->n_ranges == RANGES_MAX) {
        merge_ranges(job);
        if (job->n_ranges > RANGES_KEPT) {
            job->n_ranges = RANGES_KEPT;
            job->more = true;
        }
    }
    job->ranges[job->n_ranges++] = (struct range){ start, end };
}

static unsigned count_bytes(const uint8_t *a, const uint8_t *b, size_t n)
{
    unsigned different = 0;
    size_t i;

    for (i = 0; i < n; i++)
        different += a[i] != b[i];
    return different;
}

/* Notes what differs between the worker's buffers, which hold [start, end).
 * Not merged with what lies before: merge_ranges() does that. */
static void note_differences(struct worker *w, uint64_t start, uint64_t end)
{
    struct job *job = w->job;
    uint64_t pos, next;
    size_t at;

    pthread_mutex_lock(&job->lock);
    for (pos = start; pos < end; pos = next) {
        next = (pos | (GRAIN - 1)) + 1;
        if (next > end)
            next = end;
        at = pos - start;
        if (!memcmp(w->buf_a + at, w->buf_b + at, next - pos))
            continue;
        job->blocks++;
        job->bytes += count_bytes(w->buf_a + at, w->buf_b + at, next - pos);
        add_range(job, pos, next);
    }
    pthread_mutex_unlock(&job->lock);
}

static void work(void *arg)
{
    struct worker *w = arg;
    struct job *job = w->job;
    uint64_t start, end;
    int rc;

    while (take_segment(job, &start, &end)) {
        rc = image_read(&job->a, w->buf_a, end - start, start);
        if (!rc)
            rc = image_read(&job->b, w->buf_b, end - start, start);
        if (rc) {
            pthread_mutex_lock(&job->lock);
            job->rc = rc;
            pthread_mutex_unlock(&job->lock);
        } else if (memcmp(w->buf_a, w->buf_b, end - start)) {
            note_differences(w, start, end);
        }
    }
}

static int compare(struct job *job, unsigned threads)
{
    unsigned i, n = threads_count(threads, job->a.block || job->b.block);
    struct worker *workers = calloc(n, sizeof(*workers));
    int rc = workers ? 0 : -ENOMEM;

    for (i = 0; i < n && !rc; i++) {
        workers[i].job = job;
        workers[i].buf_a = aligned_alloc(4096, SEGMENT);
        workers[i].buf_b = aligned_alloc(4096, SEGMENT);
        if (!workers[i].buf_a || !workers[i].buf_b)
            rc = -ENOMEM;
    }
    if (rc) {
        log_error("no memory for the buffers of %u threads", n);
    } else {
        threads_run(work, workers, sizeof(*workers), n);
        rc = job->rc;
        merge_ranges(job);
        log_progress_end();
    }
    for (i = 0; i < n && workers; i++) {
        free(workers[i].buf_a);
        free(workers[i].buf_b);
    }
    free(workers);
    return rc;
}

/* The region that offset lies in. */
static size_t find_region(const struct fsparse_map *map, uint64_t offset)
{
    size_t low = 0, high = map->n_regions, middle;

    while (high - low > 1) {
        middle = low + (high - low) / 2;
        if (map->regions[middle].offset <= offset)
            low = middle;
        else
            high = middle;
    }
    return low;
}

/* Says what lies at start, which is in region r. */
static int print_place(const struct fsparse_map *map,
                       const struct fsparse_region *r, uint64_t start,
                       bool json)
{
    const struct manifest m = { .map = (struct fsparse_map *)map };
    const struct object o = { .file = r->file };
    uint64_t logical = r->logical + (start - r->offset);
    char name[1024];

    if (r->kind == FSPARSE_FILE) {
        object_name(&m, &o, name, sizeof(name));
        if (!json) {
            printf("    %s, from its byte %" PRIu64 "\n", name, logical);
            return 0;
        }
        printf("{\"from\":%" PRIu64 ",\"file\":", logical);
        return cmd_print_json(json_object_new_string(name), "}");
    }
    if (json)
        printf("{\"from\":null,\"file\":null}\n");
    else
        printf("    no file (metadata, free or unknown space)\n");
    return 0;
}

/* A map that is NULL knows nothing. */
static int print_range(const struct fsparse_map *map, const struct range *g,
                       bool json)
{
    uint64_t start = g->start, length = g->end - g->start;
    size_t i, shown = 0;
    int rc = 0;

    if (json)
        printf("{\"offset\":%" PRIu64 ",\"length\":%" PRIu64 ",\"places\":[",
               start, length);
    else
        printf("  %" PRIu64 " bytes at %" PRIu64 ":\n", length, start);
    for (i = map ? find_region(map, start) : 0;
         map && i < map->n_regions && start < g->end && !rc; i++) {
        if (shown == PLACES_SHOWN) {
            if (!json)
                printf("    and more\n");
            break;
        }
        if (shown++ && json)
            printf(",");
        rc = print_place(map, &map->regions[i], start, json);
        start = map->regions[i].offset + map->regions[i].length;
    }
    if (json)
        printf("]}");
    return rc;
}

static int print_ranges(struct job *job, bool json)
{
    size_t i, n = job->n_ranges;
    struct fsparse_map *map = NULL;
    char note[256];
    int rc = 0;

    if (n && fsparse_map_image(job->a.fd, job->a.size, &map))
        map = NULL;
    if (n && (!map || (map->note && *map->note)))
        log_warn("%s: cannot be parsed to say where the differences lie%s%s",
                 job->a.path, map ? ": " : "",
                 map ? text_escape(map->note, note, sizeof(note)) : "");
    n = n < RANGES_SHOWN ? n : RANGES_SHOWN;
    for (i = 0; i < n && !rc; i++) {
        rc = print_range(map, &job->ranges[i], json);
        if (json)
            printf("%s\n", i + 1 < n ? "," : "");
    }
    if (map)
        fsparse_map_free(map);
    return rc;
}

static int print_text(struct job *job, bool same)
{
    char a[1024], b[1024];
    int rc;

    text_escape(job->a.path, a, sizeof(a));
    text_escape(job->b.path, b, sizeof(b));
    if (same) {
        printf("%s and %s are the same: %" PRIu64 " bytes\n", a, b,
               job->a.size);
        return 0;
    }
    printf("%s and %s differ\n", a, b);
    if (job->a.size != job->b.size)
        printf("  in size: %" PRIu64 " and %" PRIu64 " bytes\n",
               job->a.size, job->b.size);
    rc = print_ranges(job, false);
    if (job->more || job->n_ranges > RANGES_SHOWN)
        printf("  and in more places\n");
    printf("%" PRIu64 " of %" PRIu64 " blocks of %u bytes differ, by %" PRIu64
           " bytes\n", job->blocks, (job->common + GRAIN - 1) / GRAIN, GRAIN,
           job->bytes);
    return rc;
}

static int print_json(struct job *job, bool same)
{
    int rc;

    printf("{\"same\":%s,\n\"a\":", same ? "true" : "false");
    rc = cmd_print_json(cmd_json_text(job->a.path), ",");
    printf("\"b\":");
    if (!rc)
        rc = cmd_print_json(cmd_json_text(job->b.path), ",");
    printf("\"size_a\":%" PRIu64 ",\"size_b\":%" PRIu64 ",\"blocks\":%" PRIu64
           ",\"bytes\":%" PRIu64 ",\n\"ranges\":[\n",
           job->a.size, job->b.size, job->blocks, job->bytes);
    if (!rc)
        rc = print_ranges(job, true);
    printf("],\"more\":%s}\n",
           job->more || job->n_ranges > RANGES_SHOWN ? "true" : "false");
    return rc;
}

static int verify(struct job *job, char **paths,
                  const struct cmd_options *opt)
{
    bool same;
    int rc;

    if ((rc = image_open(&job->a, paths[0])) ||
        (rc = image_open(&job->b, paths[1])))
        return log_exit("verify", rc);
    image_believe_holes(&job->a, false);
    image_believe_holes(&job->b, false);
    job->common = job->a.size < job->b.size ? job->a.size : job->b.size;
    rc = compare(job, opt->threads);
    if (rc)
        return log_exit("verify", rc);
    same = job->a.size == job->b.size && !job->blocks;
    rc = opt->json ? print_json(job, same) : print_text(job, same);
    if (rc)
        return log_exit("verify", rc);
    return cmd_finish(same ? XD_EXIT_OK : XD_EXIT_DIFFERENT);
}

int cmd_verify(int argc, char **argv)
{
    struct cmd_options opt;
    struct job *job;
    int status;

    status = cmd_parse(argc, argv, help, 2, 2, &opt);
    if (status != CMD_GO_ON)
        return status;
    job = calloc(1, sizeof(*job));
    if (!job) {
        log_error("no memory");
        return XD_EXIT_FAILED;
    }
    job->a = job->b = (struct image)IMAGE_INIT;
    pthread_mutex_init(&job->lock, NULL);
    status = verify(job, argv + optind, &opt);
    image_release(&job->a);
    image_release(&job->b);
    pthread_mutex_destroy(&job->lock);
    free(job);
    return status;
}
