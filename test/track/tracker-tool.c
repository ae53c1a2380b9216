/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The tracker by hand, for tests: tracker-tool [-g GRAIN] [-r RING] IMAGE,
 * then one command a line on stdin, each answered by one line:
 *
 *   collect        what became dirty: "collect CODE BYTES OFFSET+LENGTH ..."
 *   pass COPY      collects, then copies what is dirty: "pass CODE BYTES"
 *   skip           collects and forgets: a test must notice
 *   quiet          "quiet 0" or "quiet 1"
 *   canary         "canary CODE"
 *   cost N         how long N canaries, looks whether it is quiet and
 *                  collects take: "cost canary MEAN MAX quiet MEAN MAX
 *                  collect MEAN MAX", in microseconds
 *   stop
 *
 * CODE is 0 or an error's name, with the reason in brackets after it.
 * Exit status 77 with a reason if the image cannot be tracked.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "plugin/base/log.h"
#include "plugin/track/tracker.h"

#define PIECE (1u << 20)

static const char *code(int rc)
{
    return rc >= 0 ? "0" : strerrorname_np(-rc);
}

static void put_why(struct tracker *t, int rc)
{
    char why[256];

    tracker_why(t, why, sizeof(why));
    if (rc < 0)
        printf(" [%s]", why);
    putchar('\n');
}

static int copy_range(const struct image *img, int to, uint64_t offset,
                      uint64_t length)
{
    static char buf[PIECE] __attribute__((aligned(4096)));
    uint64_t n;

    for (; length; offset += n, length -= n) {
        n = length < PIECE ? length : PIECE;
        if (image_read(img, buf, n, offset) ||
            pwrite(to, buf, n, offset) != (ssize_t)n)
            return -EIO;
    }
    return 0;
}

static int pass(struct tracker *t, const struct image *img, struct dirty *d,
                const char *copy)
{
    uint64_t offset = 0, length;
    int to = open(copy, O_WRONLY | O_CREAT | O_CLOEXEC, 0666), rc, failed = 0;

    if (to < 0)
        return 1;
    rc = tracker_collect(t, d);
    for (; !failed && dirty_next(d, &offset, &length); offset += length)
        failed = copy_range(img, to, offset, length);
    close(to);
    printf("pass %s %" PRIu64, code(rc), dirty_bytes(d));
    put_why(t, rc);
    return failed;
}

static void collect(struct tracker *t, struct dirty *d)
{
    uint64_t offset = 0, length;
    int rc = tracker_collect(t, d);

    printf("collect %s %" PRIu64, code(rc), dirty_bytes(d));
    for (; !rc && dirty_next(d, &offset, &length); offset += length)
        printf(" %" PRIu64 "+%" PRIu64, offset, length);
    put_why(t, rc);
}

static uint64_t now_us(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * UINT64_C(1000000) + ts.tv_nsec / 1000;
}

static int call(struct tracker *t, struct dirty *d, unsigned which)
{
    bool quiet;

    return which == 0 ? tracker_canary(t) :
        which == 1 ? tracker_quiet(t, &quiet) : tracker_collect(t, d);
}

static void cost(struct tracker *t, struct dirty *d, unsigned n)
{
    static const char *const names[] = { "canary", "quiet", "collect" };
    uint64_t sum[3] = { 0 }, max[3] = { 0 }, start, took;
    unsigned i, which;
    int rc = 0;

    for (i = 0; i < n && rc >= 0; i++)
        for (which = 0; which < 3 && rc >= 0; which++) {
            dirty_clear(d);
            start = now_us();
            rc = call(t, d, which);
            took = now_us() - start;
            sum[which] += took;
            max[which] = took > max[which] ? took : max[which];
        }
    printf("cost");
    for (which = 0; which < 3; which++)
        printf(" %s %" PRIu64 " %" PRIu64, names[which],
               sum[which] / (n ? n : 1), max[which]);
    put_why(t, rc);
}

/* 0 to go on, 1 at the end, 2 on error. */
static int obey(struct tracker *t, const struct image *img, struct dirty *d,
                char *line)
{
    bool quiet;
    int rc;

    line[strcspn(line, "\n")] = '\0';
    dirty_clear(d);
    if (!strcmp(line, "collect")) {
        collect(t, d);
    } else if (!strncmp(line, "pass ", 5)) {
        if (pass(t, img, d, line + 5))
            return 2;
    } else if (!strcmp(line, "skip")) {
        printf("skip %s\n", code(tracker_collect(t, d)));
    } else if (!strcmp(line, "quiet")) {
        rc = tracker_quiet(t, &quiet);
        printf("quiet %s", quiet ? "1" : code(rc));
        put_why(t, rc);
    } else if (!strcmp(line, "canary")) {
        rc = tracker_canary(t);
        printf("canary %s", code(rc));
        put_why(t, rc);
    } else if (!strncmp(line, "cost ", 5)) {
        cost(t, d, strtoul(line + 5, NULL, 10));
    } else {
        return strcmp(line, "stop") ? 2 : 1;
    }
    return 0;
}

int main(int argc, char **argv)
{
    struct tracker_options opt = { 0, 0 };
    struct image img = IMAGE_INIT;
    struct dirty d = DIRTY_INIT;
    struct tracker *t = NULL;
    char line[4096], why[256] = "";
    int c, rc = 0;

    while ((c = getopt(argc, argv, "g:r:")) != -1)
        if (c == 'g')
            opt.grain = strtoull(optarg, NULL, 0);
        else if (c == 'r')
            opt.ring = strtoull(optarg, NULL, 0);
        else
            return 2;
    if (optind + 1 != argc)
        return 2;
    log_init(XTL_DEBUG);
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (image_open(&img, argv[optind]))
        return 2;
    rc = tracker_start(&t, &img, &opt, why, sizeof(why));
    if (rc) {
        printf("start %s [%s]\n", code(rc), why);
        image_release(&img);
        return rc == -ENOTSUP ? 77 : 2;
    }
    printf("start 0 [%s]\n", tracker_method(t));
    if (dirty_init(&d, img.size, opt.grain ? opt.grain : 65536))
        return 2;
    while (!rc && fgets(line, sizeof(line), stdin))
        rc = obey(t, &img, &d, line);
    tracker_stop(t);
    dirty_release(&d);
    image_release(&img);
    return rc == 2 ? 2 : 0;
}
