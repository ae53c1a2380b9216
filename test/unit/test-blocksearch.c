/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Unit test of blocktable.c and blocksearch.c: blocks are found wherever they
 * lie in the references, and no more is read for it than is worth it. */
#include "config.h"

#include <pthread.h>
#include <sodium.h>

#include "test/unit/unit.h"

#include "plugin/content/manifest.h"
#include "plugin/target/blocksearch.h"

#define MiB (1u << 20)
#define ZONE (4 * MiB)          /* of blocksearch.c, in small images */
#define BLOCKS (ZONE / PROTO_BLOCK)

static const uint8_t key[PROTO_KEY] = "0123456789abcdef";
static char *directory;
static struct threadpool *pool;

/* No image is parsed here. */
int fsparse_map_image(int fd, uint64_t size, struct fsparse_map **map_r)
{
    (void)fd;
    (void)size;
    (void)map_r;
    abort();
}

void fsparse_map_free(struct fsparse_map *map)
{
    (void)map;
    abort();
}

static void table(void)
{
    enum { N = 3000 };
    struct blocktable *t;
    uint64_t offset, i;
    size_t image;

    assert(!blocktable_new(&t, N));
    for (i = 1; i <= N; i++) {
        /* such that many begin at one slot */
        blocktable_add(t, i << 40 | 7);
        blocktable_add(t, i << 40 | 7);
    }
    assert(blocktable_missing(t) == N);
    assert(blocktable_slot(t, 0) == BLOCKTABLE_NONE);
    assert(blocktable_slot(t, 7) == BLOCKTABLE_NONE);
    for (i = 1; i <= N; i += 2)
        blocktable_put(t, blocktable_slot(t, i << 40 | 7), i,
                       (UINT64_C(1) << 56) - 512 * i);
    /* the first one wins */
    blocktable_put(t, blocktable_slot(t, UINT64_C(1) << 40 | 7), 9, 0);
    for (i = 1; i <= N; i++) {
        assert(blocktable_get(t, i << 40 | 7, &image, &offset) == i % 2);
        assert(i % 2 == 0 || (image == i && offset ==
                              (UINT64_C(1) << 56) - 512 * i));
    }
    assert(blocktable_missing(t) == N / 2);
    /* what does not fit is not looked for */
    for (i = N + 1; i <= 8 * N; i++)
        blocktable_add(t, i << 40 | 7);
    assert(blocktable_slot(t, UINT64_C(8) * N << 40 | 7) == BLOCKTABLE_NONE);
    blocktable_free(t);
}

static void hashes(void)
{
    uint8_t block[PROTO_BLOCK] = { 0 }, hash[crypto_shorthash_BYTES];
    uint64_t value;
    unsigned i;

    assert(blocktable_hash(key, block) == 0);
    block[PROTO_BLOCK - 1] = 1;
    value = blocktable_hash(key, block);
    crypto_shorthash(hash, block, sizeof(block), key);
    for (i = 0; i < PROTO_LIST_HASH; i++)
        assert((value >> 8 * i & 0xff) == hash[i]);
    assert(value >> 8 * PROTO_LIST_HASH == 0);
}

/* Content: zones of noise, each known by a number. */
static void fill(uint8_t *data, unsigned zones, unsigned number)
{
    unsigned i;

    for (i = 0; i < zones; i++)
        noise(data + (size_t)i * ZONE, ZONE, number + i);
}

static char *write_image(const char *name, const uint8_t *data, size_t size)
{
    char *path = path_in(directory, name);

    write_file(path, data, size);
    return path;
}

struct run {
    struct references *references;
    struct blocktable *table;
    struct blocksearch *search;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool done;
};

static void note_done(void *opaque)
{
    struct run *r = opaque;

    pthread_mutex_lock(&r->lock);
    r->done = true;
    pthread_cond_signal(&r->changed);
    pthread_mutex_unlock(&r->lock);
}

static void wait_for(struct run *r)
{
    pthread_mutex_lock(&r->lock);
    while (!r->done)
        pthread_cond_wait(&r->changed, &r->lock);
    r->done = false;
    pthread_mutex_unlock(&r->lock);
}

static bool never(void *opaque)
{
    (void)opaque;
    return false;
}

/* Looks in images for the blocks of wanted; returns how many different ones
 * were found in pieces. */
static size_t probe(struct run *r, char **images, size_t n,
                    const uint8_t *wanted, size_t length)
{
    static struct configuration conf;
    struct blocksearch_options opt = { .pool = pool, .key = key,
                                       .stopped = never, .opaque = r };
    uint64_t hash;
    size_t at;

    memset(r, 0, sizeof(*r));
    pthread_mutex_init(&r->lock, NULL);
    pthread_cond_init(&r->changed, NULL);
    conf.references = images;
    conf.n_references = n;
    conf.state_dir = directory;
    assert(!references_new(&r->references, &conf, NULL));
    assert(!references_open(r->references));
    references_start(r->references);
    assert(references_count(r->references) == n);
    assert(!blocktable_new(&r->table, length / PROTO_BLOCK));
    for (at = 0; at < length; at += PROTO_BLOCK)
        if ((hash = blocktable_hash(key, wanted + at)))
            blocktable_add(r->table, hash);
    opt.references = r->references;
    opt.table = r->table;
    assert(!blocksearch_new(&r->search, &opt));
    assert(!blocksearch_probe(r->search, note_done));
    wait_for(r);
    return blocksearch_hits(r->search);
}

static void search(struct run *r)
{
    assert(!blocksearch_run(r->search, note_done));
    wait_for(r);
}

static void end(struct run *r)
{
    blocksearch_free(r->search);
    blocktable_free(r->table);
    references_free(r->references);
    pthread_cond_destroy(&r->changed);
    pthread_mutex_destroy(&r->lock);
}

/* What was found of wanted lies where it was found; returns how many blocks
 * were. */
static size_t check_places(struct run *r, const uint8_t *wanted, size_t length)
{
    const struct image *img;
    uint8_t block[PROTO_BLOCK];
    uint64_t hash, offset;
    size_t at, image, n = 0;

    for (at = 0; at < length; at += PROTO_BLOCK) {
        hash = blocktable_hash(key, wanted + at);
        if (!hash || !blocktable_get(r->table, hash, &image, &offset))
            continue;
        img = references_image(r->references, image);
        assert(img && !image_read(img, block, sizeof(block), offset));
        assert(!memcmp(block, wanted + at, sizeof(block)));
        n++;
    }
    return n;
}

static void nothing_in_common(void)
{
    uint8_t *data = allocate(3 * ZONE), *wanted = allocate(ZONE);
    struct run r;
    char *path;

    fill(data, 3, 100);
    fill(wanted, 1, 200);
    path = write_image("other", data, 3 * ZONE);
    assert(probe(&r, &path, 1, wanted, ZONE) == 0);
    search(&r);
    assert(blocksearch_bytes(r.search) == 0);
    assert(blocktable_missing(r.table) == BLOCKS);
    end(&r);
    free(path);
    free(data);
    free(wanted);
}

/* At every sector; the last block may end with the image. */
static void any_sector(void)
{
    uint8_t *data = allocate(ZONE), *wanted = allocate(ZONE);
    struct run r;
    unsigned sector;
    char *path;

    fill(wanted, 1, 300);
    for (sector = 0; sector < 8; sector++) {
        noise(data, ZONE, 400 + sector);
        memcpy(data + sector * 512, wanted, ZONE - MiB);
        path = write_image("shifted", data, ZONE - MiB + sector * 512);
        assert(probe(&r, &path, 1, wanted, ZONE) >= 30);
        search(&r);
        assert(check_places(&r, wanted, ZONE) == BLOCKS - 256);
        end(&r);
        free(path);
    }
    free(data);
    free(wanted);
}

/* A large image of which little helps: only that, and what is beside it, is
 * read. */
static void one_zone(void)
{
    enum { ZONES = 40 };
    uint8_t *data = allocate((size_t)ZONES * ZONE);
    uint8_t *wanted = allocate(ZONE);
    struct run r;
    char *path;

    fill(data, ZONES, 500);
    /* the pieces of a zone are one in each half */
    memcpy(wanted, data + (size_t)17 * ZONE - MiB, ZONE);
    path = write_image("large", data, (size_t)ZONES * ZONE);
    assert(probe(&r, &path, 1, wanted, ZONE) >= 16);
    search(&r);
    assert(check_places(&r, wanted, ZONE) == BLOCKS);
    assert(blocksearch_bytes(r.search) <= 4 * ZONE);
    end(&r);
    remove(path);
    free(path);
    free(data);
    free(wanted);
}

/* Of equal images one is read, but for what another thread has under way: here
 * there is only one.  What is missing in that makes the other one be
 * looked through as far as it goes. */
static void siblings(void)
{
    uint8_t *data = allocate(4 * ZONE), *wanted = allocate(5 * ZONE);
    char *paths[2];
    struct run r;

    fill(data, 4, 600);
    fill(wanted, 5, 600);
    paths[0] = write_image("first", data, 4 * ZONE);
    paths[1] = write_image("second", data, 4 * ZONE);
    assert(probe(&r, paths, 2, wanted, 5 * ZONE) > 100);
    search(&r);
    assert(check_places(&r, wanted, 5 * ZONE) == 4 * BLOCKS);
    assert(blocksearch_bytes(r.search) <= 4 * ZONE);
    end(&r);
    fill(data + ZONE, 1, 700);
    free(paths[0]);
    paths[0] = write_image("first", data, 4 * ZONE);
    probe(&r, paths, 2, wanted, 5 * ZONE);
    search(&r);
    assert(check_places(&r, wanted, 5 * ZONE) == 4 * BLOCKS);
    end(&r);
    free(paths[0]);
    free(paths[1]);
    free(data);
    free(wanted);
}

/* A block that is everywhere makes nobody read everything. */
static void common_block(void)
{
    enum { ZONES = 12 };
    uint8_t *data = allocate((size_t)ZONES * ZONE);
    uint8_t *wanted = allocate(ZONE);
    struct run r;
    char *path;

    memset(data, 0xff, (size_t)ZONES * ZONE);
    fill(wanted, 1, 800);
    memset(wanted, 0xff, PROTO_BLOCK);
    path = write_image("common", data, (size_t)ZONES * ZONE);
    assert(probe(&r, &path, 1, wanted, ZONE) == 1);
    end(&r);
    remove(path);
    free(path);
    free(data);
    free(wanted);
}

/* Tiny images, and one that shrinks. */
static void odd_images(void)
{
    uint8_t *data = allocate(2 * ZONE);
    char *paths[3];
    struct run r;

    fill(data, 2, 900);
    paths[0] = write_image("empty", data, 0);
    paths[1] = write_image("small", data, PROTO_BLOCK + 1);
    paths[2] = write_image("shrinks", data, 2 * ZONE);
    assert(probe(&r, paths, 3, data, 2 * ZONE) > 32);
    assert(!truncate(paths[2], ZONE + 5000));
    search(&r);
    assert(check_places(&r, data, ZONE) == BLOCKS);
    end(&r);
    for (size_t i = 0; i < 3; i++)
        free(paths[i]);
    free(data);
}

int main(void)
{
    directory = make_directory_for_test();
    assert(sodium_init() >= 0 && !threadpool_new(&pool, 2));
    RUN(table);
    RUN(hashes);
    RUN(nothing_in_common);
    RUN(any_sector);
    RUN(one_zone);
    RUN(common_block);
    RUN(odd_images);
    threadpool_free(pool);
    assert(!threadpool_new(&pool, 1));
    RUN(siblings);
    threadpool_free(pool);
    remove_directory(directory);
    return 0;
}
