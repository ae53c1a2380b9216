/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Writes random bytes at random places, past the cache, until it gets
 * SIGTERM: tracker-writer DEVICE SEED [MAX [THREADS [PAUSE [DISCARDS]]]]
 * in writes of 4 KiB up to MAX bytes (default 256 KiB), with a pause of so
 * many microseconds after each.  One in DISCARDS (0: none) discards what it
 * would have written.  Of two threads one keeps to even and one to
 * odd MiB, so that no two writes in flight overlap.  Says how many it made,
 * after a sync.
 */
#include "config.h"

#undef NDEBUG
#include <assert.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define MiB (UINT64_C(1) << 20)
#define BLOCK 4096u
#define THREADS_MAX 16u

static atomic_bool stop;         /* lock-free, so a handler may set it */
static int fd;
static uint64_t size;
static size_t max_write = 256 * 1024;
static unsigned threads = 2, pause_us, discards;

struct worker {
    pthread_t thread;
    unsigned number;
    uint64_t state, writes, bytes;
};

static void on_term(int signal)
{
    (void)signal;
    stop = true;
}

static uint64_t next(uint64_t *x)
{
    *x ^= *x << 13;
    *x ^= *x >> 7;
    *x ^= *x << 17;
    return *x;
}

static void discard(uint64_t offset, uint64_t n)
{
    uint64_t range[2] = { offset, n };

    assert(!ioctl(fd, BLKDISCARD, range));
}

static void *work(void *opaque)
{
    struct worker *w = opaque;
    uint64_t spans = size / MiB / threads, offset, *p;
    size_t n, i;
    void *buf;

    assert(!posix_memalign(&buf, BLOCK, MiB));
    while (!stop) {
        n = (1 + next(&w->state) % (max_write / BLOCK)) * BLOCK;
        offset = (next(&w->state) % spans * threads + w->number) * MiB +
            next(&w->state) % ((MiB - n) / BLOCK + 1) * BLOCK;
        for (p = buf, i = 0; i < n / BLOCK; i++, p += BLOCK / 8)
            p[0] = p[BLOCK / 8 - 1] = next(&w->state);
        if (discards && next(&w->state) % discards == 0)
            discard(offset, n);
        else
            assert(pwrite(fd, buf, n, offset) == (ssize_t)n);
        w->writes++;
        w->bytes += n;
        if (pause_us)
            usleep(pause_us);
    }
    free(buf);
    return NULL;
}

int main(int argc, char **argv)
{
    struct worker w[THREADS_MAX];
    uint64_t writes = 0, bytes = 0;
    unsigned i;

    assert(argc >= 3);
    signal(SIGTERM, on_term);
    fd = open(argv[1], O_RDWR | O_DIRECT);
    assert(fd >= 0);
    size = lseek(fd, 0, SEEK_END);
    if (argc > 3)
        max_write = strtoul(argv[3], NULL, 0);
    if (argc > 4)
        threads = strtoul(argv[4], NULL, 0);
    if (argc > 5)
        pause_us = strtoul(argv[5], NULL, 0);
    if (argc > 6)
        discards = strtoul(argv[6], NULL, 0);
    assert(max_write >= BLOCK && max_write <= MiB);
    assert(threads >= 1 && threads <= THREADS_MAX && size >= threads * MiB);
    for (i = 0; i < threads; i++) {
        w[i] = (struct worker){ .number = i,
            .state = (strtoull(argv[2], NULL, 0) << 8) + i + 1 };
        assert(!pthread_create(&w[i].thread, NULL, work, &w[i]));
    }
    for (i = 0; i < threads; i++) {
        pthread_join(w[i].thread, NULL);
        writes += w[i].writes;
        bytes += w[i].bytes;
    }
    assert(!fsync(fd));
    printf("%llu writes, %llu KiB\n", (unsigned long long)writes,
           (unsigned long long)bytes / 1024);
    return 0;
}
