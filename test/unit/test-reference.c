/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Unit test of reference.c, with maps without any file in place of fsparse:
 * every MiB of a reference is an object.  Nothing is read in the background:
 * what is to be indexed is indexed before. */
#include "config.h"

#include <sodium.h>

#include "test/unit/unit.h"

#include "plugin/content/manifest_hash.h"
#include "plugin/index/index_add.h"
#include "plugin/index/index_open.h"
#include "plugin/target/reference.h"

#define MiB RAW_OBJECT_MAX

static char *directory;

int fsparse_map_image(int fd, uint64_t size, struct fsparse_map **map_r)
{
    struct fsparse_map *map = calloc(1, sizeof(*map));
    struct fsparse_region *all = calloc(1, sizeof(*all));

    assert(fd >= 0 && map && all);
    *all = (struct fsparse_region){ .length = size,
                                    .kind = FSPARSE_RESIDUAL };
    map->image_size = size;
    map->regions = all;
    map->n_regions = size > 0;
    map->note = "";
    *map_r = map;
    return 0;
}

void fsparse_map_free(struct fsparse_map *map)
{
    free((void *)map->regions);
    free(map);
}

/* An image of n pieces of noise, each known by a key; key 0: zeros. */
static char *make_image(const char *name, const unsigned *keys, unsigned n,
                        size_t last)
{
    char *path = path_in(directory, name);
    uint8_t *data = calloc(n, MiB);
    unsigned i;

    assert(data);
    for (i = 0; i < n; i++)
        if (keys[i])
            noise(data + (size_t)i * MiB, MiB, keys[i]);
    write_file(path, data, (size_t)(n - 1) * MiB + last);
    free(data);
    return path;
}

static struct references *start(char **globs, size_t n)
{
    static struct configuration conf;
    struct references *r;

    conf.references = globs;
    conf.n_references = n;
    conf.state_dir = directory;
    assert(!references_new(&r, &conf, NULL));
    return r;
}

static void enter(const char *path)
{
    struct store_options store_options = { .map_bytes = 0 };
    struct manifest_options options = { .threads = 1 };
    char *name = index_directory(directory), *resolved;
    struct image img;
    struct manifest *m;
    struct store *s;
    struct stamp stamp;

    resolved = realpath(path, NULL);
    assert(resolved && !stamp_of(resolved, &stamp));
    assert(!image_open(&img, resolved));
    assert(!manifest_build(&img, &options, &m));
    assert(!index_open(&s, name, &store_options));
    assert(!index_add_manifest(s, resolved, &stamp, m));
    store_close(s);
    manifest_free(m);
    image_release(&img);
    free(resolved);
    free(name);
}

static int sink(void *opaque, const void *data, size_t length,
                uint64_t logical)
{
    memcpy((uint8_t *)opaque + logical, data, length);
    return 0;
}

/* The path of the image it was found in, or "". */
static const char *find_nth(struct references *r, unsigned key, size_t length,
                            unsigned nth)
{
    uint8_t *data = allocate(MiB), *got = allocate(MiB), hash[HASH_BYTES];
    static char path[4096];
    struct basis h;

    noise(data, MiB, key);
    digest_of(data, length, hash);
    /* what follows the short digest must not matter */
    memset(hash + PROTO_SHORT_DIGEST, 0, HASH_BYTES - PROTO_SHORT_DIGEST);
    *path = '\0';
    if (references_find(r, hash, length, nth, &h)) {
        snprintf(path, sizeof(path), "%s", h.image->path);
        assert(h.size == length && !basis_stream(&h, sink, got));
        assert(!memcmp(got, data, length));
        basis_release(&h);
        assert(!references_lack(r, hash, length));
    }
    /* the same digest, another size */
    assert(!references_find(r, hash, length - 1, nth, &h));
    assert(!references_find(r, hash, length + 1, nth, &h));
    assert(references_lack(r, hash, length + 1));
    free(got);
    free(data);
    return path;
}

static bool find(struct references *r, unsigned key, size_t length)
{
    return *find_nth(r, key, length, 0);
}

static void found(void)
{
    static const unsigned a[] = { 1, 2, 0, 3 }, b[] = { 4, 2, 5 };
    char *first = make_image("a.img", a, 4, 1000);
    char *second = make_image("b.img", b, 3, MiB);
    char *pattern = path_in(directory, "*.img");
    char *globs[] = { pattern, (char *)"/nonexistent/*", first };
    struct references *r;
    char *one;

    enter(first);
    enter(second);
    r = start(globs, 3);
    assert(!find(r, 1, MiB));           /* not started */
    assert(!references_open(r));
    references_start(r);
    assert(find(r, 1, MiB) && find(r, 2, MiB));
    one = strdup(find_nth(r, 2, MiB, 0));
    assert(*find_nth(r, 2, MiB, 1) && strcmp(find_nth(r, 2, MiB, 1), one));
    assert(!*find_nth(r, 2, MiB, 2));
    assert(!strcmp(find_nth(r, 3, 1000, 0), first));
    assert(!strcmp(find_nth(r, 4, MiB, 0), second));
    assert(find(r, 5, MiB) && !find(r, 6, MiB) && !find(r, 3, MiB));
    references_free(r);

    /* only what is allowed, whatever is indexed */
    r = start(globs + 2, 1);
    assert(!references_open(r));
    references_start(r);
    assert(find(r, 1, MiB) && find(r, 2, MiB) && !find(r, 4, MiB));
    assert(!*find_nth(r, 2, MiB, 1));
    references_free(r);
    r = start(NULL, 0);
    assert(!references_add(r, second) && !references_open(r));
    references_start(r);
    assert(!find(r, 1, MiB) && find(r, 4, MiB));
    /* nothing is read: nobody waits */
    assert(!references_wait(r, references_news(r), 1));
    references_free(r);
    free(one);
    free(pattern);
    free(first);
    free(second);
}

/* What cannot be read is left out, and costs nothing else; what has become
 * shorter is not read past its end. */
static void unusable(void)
{
    static const unsigned keys[] = { 7, 8 };
    char *good = make_image("good", keys, 2, MiB), *link, *empty;
    struct references *r;

    link = path_in(directory, "link");
    empty = path_in(directory, "empty");
    write_file(empty, "", 0);
    assert(!symlink("good", link));
    enter(good);
    r = start(NULL, 0);
    assert(!references_add(r, "/nonexistent"));
    assert(!references_add(r, directory));
    assert(!references_add(r, empty));
    assert(!references_add(r, link));
    assert(!references_add(r, good));
    assert(!references_open(r));
    references_start(r);
    assert(!strcmp(find_nth(r, 7, MiB, 0), good));
    assert(!*find_nth(r, 7, MiB, 1));
    references_free(r);

    assert(!truncate(good, MiB + 5));
    r = start(NULL, 0);
    assert(!references_add(r, good) && !references_open(r));
    references_start(r);
    assert(find(r, 7, MiB) && !find(r, 8, MiB));
    references_free(r);
    references_free(NULL);
    free(link);
    free(empty);
    free(good);
}

/* Entries that claim what the image does not hold, as many as there are. */
struct liar {
    uint8_t digest[HASH_BYTES];
    struct fsparse_extent extent;
};

static bool lie(void *opaque, uint32_t i, struct index_object *o)
{
    struct liar *l = opaque;

    (void)i;
    *o = (struct index_object){ .size = MiB, .extents = &l->extent,
                                .n_extents = 1, .path = "", .stream = "" };
    memcpy(o->digest, l->digest, sizeof(o->digest));
    return true;
}

static void enter_lies(const char *path, unsigned key, uint32_t n)
{
    struct store_options options = { .map_bytes = 0 };
    struct liar liar = { .extent = { 0, 0, MiB } };
    struct index_source source = {
        .n = n, .named = true, .get = lie, .opaque = &liar,
    };
    char *name = index_directory(directory);
    uint8_t *data = allocate(MiB);
    struct stamp stamp;
    struct store *s;

    noise(data, MiB, key);
    digest_of(data, MiB, liar.digest);
    assert(!stamp_of(path, &stamp) && !index_open(&s, name, &options));
    assert(!index_add(s, path, &stamp, &source));
    store_close(s);
    free(data);
    free(name);
}

/* As whoever copies does: tries what is found until it is right.  Returns which
 * one was, or -1. */
static int try(struct references *r, unsigned key)
{
    uint8_t *data = allocate(MiB), *got = allocate(MiB), hash[HASH_BYTES];
    struct basis h;
    unsigned nth;
    int right = -1;

    noise(data, MiB, key);
    digest_of(data, MiB, hash);
    for (nth = 0; right < 0 && nth < 16 &&
         references_find(r, hash, MiB, nth, &h); nth++) {
        assert(!basis_stream(&h, sink, got));
        if (!memcmp(got, data, MiB))
            right = nth;
        else
            references_wrong(r, &h);
        basis_release(&h);
    }
    free(got);
    free(data);
    return right;
}

static int try_anew(char **globs, unsigned key)
{
    struct references *r = start(globs, 1);
    int right;

    assert(!references_open(r));
    references_start(r);
    right = try(r, key);
    references_free(r);
    return right;
}

/* What an image claims wrongly comes first, and is forgotten then; and it hides
 * nothing, however much of it there is. */
static void lies(void)
{
    static const unsigned a[] = { 20 }, b[] = { 21, 22 };
    char *liar = make_image("liar.ref", a, 1, MiB);
    char *honest = make_image("true.ref", b, 2, MiB);
    char *pattern = path_in(directory, "*.ref"), *one = path_in(directory,
                                                                "true.ref");
    unsigned sessions = 0;
    int right;

    enter_lies(liar, 22, 10);
    enter(honest);
    while ((right = try_anew(&pattern, 22)) > 0)
        sessions++;
    fprintf(stderr, "%u sessions\n", sessions);
    assert(!right && sessions > 0 && sessions <= 10);
    /* of an image that is not of this session nothing is tried */
    assert(!try_anew(&one, 22));
    assert(!try_anew(&one, 21));
    free(one);
    free(pattern);
    free(honest);
    free(liar);
}

int main(void)
{
    assert(sodium_init() >= 0);
    directory = make_directory_for_test();
    RUN(found);
    RUN(unusable);
    RUN(lies);
    remove_directory(directory);
    return 0;
}
