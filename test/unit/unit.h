/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the unit tests share. */
#ifndef TEST_UNIT_H
#define TEST_UNIT_H

#undef NDEBUG
#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Names the test on stderr, so that a failed assertion is known by it. */
#define RUN(test) do { fprintf(stderr, "%s\n", #test); test(); } while (0)

/* Reproducible bytes that nothing compresses; a key gives its own. */
static inline void noise(void *data, size_t length, uint64_t key)
{
    uint8_t *p = data;
    uint64_t x = key * UINT64_C(0x9e3779b97f4a7c15) + 1;
    size_t i;

    for (i = 0; i < length; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        p[i] = x >> 32;
    }
}

static uint64_t draw_state;

/* Random numbers of 31 bits; SEED of the environment wins. */
static inline void seed_draw(uint64_t standard)
{
    const char *text = getenv("SEED");

    draw_state = text ? strtoull(text, NULL, 0) : standard;
    fprintf(stderr, "SEED=%llu\n", (unsigned long long)draw_state);
}

static inline uint32_t draw(void)
{
    draw_state = draw_state * 6364136223846793005u + 1442695040888963407u;
    return draw_state >> 33;
}

static inline void *allocate(size_t length)
{
    void *p = malloc(length ? length : 1);

    assert(p);
    return p;
}

/* A new directory, for remove_directory(). */
static inline char *make_directory_for_test(void)
{
    const char *base = getenv("TMPDIR");
    char *path;

    assert(asprintf(&path, "%s/xl-dedup-unit.XXXXXX",
                    base ? base : "/tmp") > 0);
    assert(mkdtemp(path));
    return path;
}

static inline char *path_in(const char *directory, const char *name)
{
    char *path;

    assert(asprintf(&path, "%s/%s", directory, name) > 0);
    return path;
}

static inline void remove_directory(char *path)
{
    char *command;

    assert(asprintf(&command, "rm -rf '%s'", path) > 0);
    assert(system(command) == 0);
    free(command);
    free(path);
}

/* Makes a file of this content. */
static inline void write_file(const char *path, const void *data,
                              size_t length)
{
    FILE *f = fopen(path, "we");

    assert(f && fwrite(data, 1, length, f) == length && !fclose(f));
}

#endif
