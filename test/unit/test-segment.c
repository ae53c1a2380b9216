/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Unit test of segment.c. */
#include "config.h"

#include <fcntl.h>

#include "test/unit/unit.h"

#include "plugin/content/segment.h"
#include "plugin/proto.h"

#define MiB PROTO_SEGMENT

static struct threadpool *pool;
static char *directory;

static void sizes(void)
{
    assert(segment_count(0) == 0);
    assert(segment_count(1) == 1);
    assert(segment_count(MiB) == 1);
    assert(segment_count(MiB + 1) == 2);
    assert(segment_count(PROTO_DISK_BYTES_MAX) == UINT64_C(1) << 36);
    assert(segment_count(PROTO_DISK_BYTES_MAX - 1) == UINT64_C(1) << 36);
    assert(segment_length(1, 0) == 1);
    assert(segment_length(MiB, 0) == MiB);
    assert(segment_length(MiB + 1, 0) == MiB);
    assert(segment_length(MiB + 1, 1) == 1);
    assert(segment_length(PROTO_DISK_BYTES_MAX - 1,
                          (UINT64_C(1) << 36) - 1) == MiB - 1);
}

static void digests(void)
{
    uint8_t data[5000] = { 0 }, want[HASH_BYTES];
    struct segment_digest a = { 0 }, b = { 0 };
    size_t i;

    segment_digest_of(data, 1, &a);
    assert(a.known && a.zero);
    segment_digest_of(data, sizeof(data), &a);
    assert(a.known && a.zero);
    b.zero = true;
    b.digest[0] = 1;
    assert(segment_equal(&a, &b));
    /* a single bit anywhere is no zero */
    for (i = 0; i < sizeof(data); i += i < 8 ? 1 : 713) {
        data[i] = 0x80;
        segment_digest_of(data, sizeof(data), &b);
        assert(b.known && !b.zero && !segment_equal(&a, &b));
        digest_of(data, sizeof(data), want);
        assert(!memcmp(want, b.digest, HASH_BYTES));
        data[i] = 0;
    }
    data[sizeof(data) - 1] = 1;
    segment_digest_of(data, sizeof(data), &a);
    assert(!a.zero && !segment_equal(&a, &b));
    memset(data, 1, sizeof(data));
    segment_digest_of(data, sizeof(data), &a);
    assert(!a.zero);
    b = a;
    assert(segment_equal(&a, &b));
    b.digest[HASH_BYTES - 1] ^= 1;
    assert(!segment_equal(&a, &b));
}

/* Segment 0 noise, 1 a hole, 2 written zeros, 3 one byte, the last noise of
 * an odd length. */
static void make_image(const char *path, uint64_t size)
{
    uint8_t *data = calloc(1, MiB);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    assert(fd >= 0 && !ftruncate(fd, size));
    assert(pwrite(fd, data, MiB, 2 * MiB) == MiB);
    assert(pwrite(fd, "x", 1, 4 * MiB - 1) == 1);
    noise(data, MiB, 1);
    assert(pwrite(fd, data, MiB, 0) == MiB);
    assert(pwrite(fd, data, size - 4 * MiB, 4 * MiB) ==
           (ssize_t)(size - 4 * MiB));
    close(fd);
    free(data);
}

/* The root of the digests of the image; d is of no use afterwards. */
static void root_of(struct segment_digest d[5])
{
    uint8_t root[HASH_BYTES], all[5 * HASH_BYTES] = { 0 };
    unsigned i;

    for (i = 0; i < 5; i++)
        if (!d[i].zero)
            memcpy(all + i * HASH_BYTES, d[i].digest, HASH_BYTES);
        else
            d[i].digest[5] = 1;         /* of no meaning */
    segments_root(d, 5, root);
    digest_of(all, sizeof(all), all);
    assert(!memcmp(root, all, HASH_BYTES));
    segments_root(d, 0, root);
    digest_of(NULL, 0, all);
    assert(!memcmp(root, all, HASH_BYTES));
}

static void of_an_image(void)
{
    const uint64_t size = 4 * MiB + 777;
    char *path = path_in(directory, "image");
    struct segment_digest d[5], part[2], want;
    uint8_t *data = calloc(1, MiB);
    struct image img = IMAGE_INIT;
    unsigned i;

    make_image(path, size);
    assert(!image_open(&img, path) && segment_count(img.size) == 5);
    memset(d, 0, sizeof(d));
    assert(!segments_hash(&img, pool, 0, 5, d));
    for (i = 0; i < 5; i++)
        assert(d[i].known && d[i].zero == (i == 1 || i == 2));
    noise(data, MiB, 1);
    segment_digest_of(data, MiB, &want);
    assert(segment_equal(&d[0], &want));
    segment_digest_of(data, 777, &want);
    assert(segment_equal(&d[4], &want));
    memset(data, 0, MiB);
    data[MiB - 1] = 'x';
    segment_digest_of(data, MiB, &want);
    assert(segment_equal(&d[3], &want));

    /* from the middle; what is known is left alone */
    memset(part, 0, sizeof(part));
    part[0].known = true;
    part[0].digest[0] = 99;
    assert(!segments_hash(&img, pool, 3, 2, part));
    assert(part[0].digest[0] == 99 && segment_equal(&part[1], &d[4]));
    assert(!segments_hash(&img, pool, 5, 0, NULL));

    root_of(d);
    image_release(&img);
    free(data);
    free(path);
}

static void image_that_shrinks(void)
{
    char *path = path_in(directory, "shrinking");
    struct segment_digest d[5] = { { 0 } };
    struct image img = IMAGE_INIT;

    make_image(path, 5 * MiB);
    assert(!image_open(&img, path));
    assert(!truncate(path, 4 * MiB + 10));
    assert(segments_hash(&img, pool, 0, 5, d) == -EIO);
    assert(d[0].known && !d[4].known);
    /* the pool serves on */
    memset(d, 0, sizeof(d));
    assert(!segments_hash(&img, pool, 0, 4, d));
    image_release(&img);
    free(path);
}

int main(void)
{
    assert(!threadpool_new(&pool, 3));
    directory = make_directory_for_test();
    RUN(sizes);
    RUN(digests);
    RUN(of_an_image);
    RUN(image_that_shrinks);
    remove_directory(directory);
    threadpool_free(pool);
    return 0;
}
