/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reads of a window: what they deliver, and what the kernel is told to have
 * ready. */
#include "config.h"

#include <fcntl.h>

#include "test/unit/unit.h"
/* The module itself, so that its calls are the ones below. */
static int hear(int fd, off_t start, off_t length, int advice);
#define posix_fadvise hear
#include "fsparse/window.c"

#define AREAS 40u
#define LENGTH ((size_t)AREAS * AREA_BYTES)
#define BLOCK 4096u

static uint8_t content[LENGTH];
static bool is_data[AREAS * AREA_BYTES / BLOCK];
static unsigned n_told;
static uint64_t told_start, told_end;

/* Nothing but what is there is worth to be asked for. */
static int hear(int fd, off_t start, off_t length, int advice)
{
    (void)fd;
    assert(advice == POSIX_FADV_WILLNEED);
    assert(start >= 0 && length > 0 && length <= (off_t)AREA_BYTES);
    assert((uint64_t)(start + length) <= LENGTH);
    for (off_t at = start; at < start + length; at += BLOCK)
        assert(is_data[at / BLOCK]);
    n_told++;
    told_start = (uint64_t)start;
    told_end = (uint64_t)(start + length);
    return 0;
}

/* A file with data and holes, of runs that are drawn. */
static int make_image(bool holes)
{
    FILE *f = tmpfile();
    bool data = true;
    size_t left = 0, i;

    assert(f);
    memset(content, 0, sizeof(content));
    assert(ftruncate(fileno(f), LENGTH) == 0);
    for (i = 0; i < LENGTH / BLOCK; i++, left--) {
        if (!left) {
            left = 1 + draw() % 200;
            data = !holes || !data;
        }
        is_data[i] = data;
        if (!data)
            continue;
        noise(content + i * BLOCK, BLOCK, i + 1);
        assert(pwrite(fileno(f), content + i * BLOCK, BLOCK,
                      (off_t)(i * BLOCK)) == BLOCK);
    }
    n_told = 0;
    return fileno(f);
}

static void check_read(struct window *w, size_t size, uint64_t offset)
{
    uint8_t *data = allocate(size), *expected = allocate(size);
    uint64_t left = offset < w->length ? w->length - offset : 0;
    size_t there = size < left ? size : (size_t)left;
    uint64_t missing = w->missing + (there < size);

    memset(expected, 0, size);
    memcpy(expected, content + w->offset + (there ? offset : 0), there);
    memset(data, 0xaa, size);
    window_read(w, data, size, offset);
    assert(memcmp(data, expected, size) == 0);
    assert(w->missing == missing);
    free(expected);
    free(data);
}

static void test_any_read(void)
{
    struct window w = { .fd = make_image(true), .offset = 3 * BLOCK + 512,
                        .length = LENGTH - 5 * BLOCK };
    unsigned i;

    for (i = 0; i < 20000; i++)
        check_read(&w, 1 + draw() % (i % 10 ? BLOCK : 3 * AREA_BYTES),
                   draw() % (w.length + BLOCK));
    assert(n_told > 0 && w.missing > 0);
    close(w.fd);
}

/* What follows is there when the second read comes, and is not asked for
 * again. */
static void test_neighbours(void)
{
    struct window w = { .fd = make_image(false), .length = LENGTH };
    unsigned i;

    check_read(&w, BLOCK, 5 * AREA_BYTES + 7 * BLOCK);
    assert(n_told == 0);
    check_read(&w, BLOCK, 5 * AREA_BYTES + 20 * BLOCK);
    assert(n_told == 1);
    assert(told_end == 6 * AREA_BYTES && told_start <= told_end - BLOCK);
    for (i = 0; i < 100; i++)
        check_read(&w, BLOCK, 5 * AREA_BYTES + draw() % (AREA_BYTES - BLOCK));
    assert(n_told == 1);
    close(w.fd);
}

/* Blocks that lie far from each other. */
static void test_strangers(void)
{
    struct window w = { .fd = make_image(false), .length = LENGTH };
    unsigned i;

    for (i = 0; i < AREAS; i++)
        check_read(&w, BLOCK, i * AREA_BYTES + draw() % BLOCK);
    assert(n_told == 0);
    close(w.fd);
}

/* Large reads need no help. */
static void test_large(void)
{
    struct window w = { .fd = make_image(false), .length = LENGTH };
    unsigned i;

    for (i = 0; i + AREA_BYTES <= LENGTH; i += AREA_BYTES / 2)
        check_read(&w, AREA_BYTES, i);
    assert(n_told == 0);
    close(w.fd);
}

int main(void)
{
    seed_draw(1);
    RUN(test_any_read);
    RUN(test_neighbours);
    RUN(test_strangers);
    RUN(test_large);
    return 0;
}
