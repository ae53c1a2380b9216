/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest that does to its disk whatever a guest may do, until it gets SIGTERM:
 * stress-guest DEVICE SEED MODEL PAUSE
 * Sectors at any place and of any number are written past the cache, discarded
 * or zeroed, and flushed now and then, with a pause of up to PAUSE
 * microseconds.  Two threads have every other MiB each, so that no two requests
 * in flight overlap.
 *
 * What the disk must hold is kept in memory all the time, compared with the
 * device at the end, and written to the file MODEL.  A discard may leave
 * anything in what it covers, so the device is asked what it left.
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
#define SECTOR 512u
#define PAGE 4096u
#define THREADS 2u
/* Most requests are small, and one in ten is not. */
#define SMALL 64u
#define LARGE 1024u

static atomic_bool stop;         /* lock-free, so a handler may set it */
static int fd;
static uint64_t size;
static uint8_t *model;
static unsigned pause_us;

struct worker {
    pthread_t thread;
    unsigned number;
    uint64_t state, requests;
    uint8_t *buffer;            /* 1 MiB, aligned */
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

static void write_some(struct worker *w, uint64_t offset, uint64_t length)
{
    uint64_t i, word = next(&w->state);

    /* Pages that are alike compress, as those of a guest do. */
    for (i = 0; i < length; i += 8) {
        if (i % PAGE == 0)
            word = next(&w->state) % 4 ? next(&w->state) : 0;
        memcpy(w->buffer + i, &word, 8);
        word += word ? i : 0;
    }
    assert(pwrite(fd, w->buffer, length, offset) == (ssize_t)length);
    memcpy(model + offset, w->buffer, length);
}

static void discard_some(struct worker *w, uint64_t offset, uint64_t length)
{
    uint64_t range[2] = { offset, length };

    assert(!ioctl(fd, BLKDISCARD, range));
    assert(pread(fd, w->buffer, length, offset) == (ssize_t)length);
    memcpy(model + offset, w->buffer, length);
}

static void zero_some(uint64_t offset, uint64_t length)
{
    uint64_t range[2] = { offset, length };

    assert(!ioctl(fd, BLKZEROOUT, range));
    memset(model + offset, 0, length);
}

/* One request within one of the thread's MiB. */
static void request(struct worker *w)
{
    uint64_t spans = (size + MiB - 1) / MiB, begin, room, offset, length;

    begin = (next(&w->state) % ((spans + THREADS - 1) / THREADS) * THREADS +
             w->number) * MiB;
    if (begin >= size)
        return;
    room = size - begin < MiB ? size - begin : MiB;
    offset = next(&w->state) % (room / SECTOR) * SECTOR;
    length = (1 + next(&w->state) % (next(&w->state) % 10 ? SMALL : LARGE)) *
        SECTOR;
    if (length > room - offset)
        length = room - offset;
    switch (next(&w->state) % 10) {
    case 0:
        discard_some(w, begin + offset, length);
        break;
    case 1:
        zero_some(begin + offset, length);
        break;
    case 2:
        write_some(w, begin + offset, length);
        assert(!fdatasync(fd));
        break;
    default:
        write_some(w, begin + offset, length);
    }
    w->requests++;
}

static void *work(void *opaque)
{
    struct worker *w = opaque;

    while (!stop) {
        request(w);
        if (pause_us)
            usleep(next(&w->state) % pause_us);
    }
    return NULL;
}

static void read_all(uint8_t *to)
{
    uint64_t at, n;

    for (at = 0; at < size; at += n) {
        n = size - at < MiB ? size - at : MiB;
        assert(pread(fd, to + at, n, at) == (ssize_t)n);
    }
}

static void save_model(const char *path)
{
    FILE *f = fopen(path, "w");

    assert(f && fwrite(model, 1, size, f) == size && !fclose(f));
}

int main(int argc, char **argv)
{
    struct worker w[THREADS];
    uint64_t requests = 0;
    uint8_t *found;
    unsigned i;

    assert(argc == 5);
    signal(SIGTERM, on_term);
    fd = open(argv[1], O_RDWR | O_DIRECT);
    assert(fd >= 0 && !ioctl(fd, BLKGETSIZE64, &size));
    pause_us = strtoul(argv[4], NULL, 0);
    assert(!posix_memalign((void **)&model, PAGE, size + PAGE));
    assert(!posix_memalign((void **)&found, PAGE, size + PAGE));
    read_all(model);
    for (i = 0; i < THREADS; i++) {
        w[i] = (struct worker){ .number = i,
            .state = (strtoull(argv[2], NULL, 0) << 8) + i + 1 };
        assert(!posix_memalign((void **)&w[i].buffer, PAGE, MiB));
        assert(!pthread_create(&w[i].thread, NULL, work, &w[i]));
    }
    for (i = 0; i < THREADS; i++) {
        pthread_join(w[i].thread, NULL);
        requests += w[i].requests;
    }
    assert(!fsync(fd));
    read_all(found);
    assert(!memcmp(found, model, size));
    save_model(argv[3]);
    printf("%llu requests\n", (unsigned long long)requests);
    return 0;
}
