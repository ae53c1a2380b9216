/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Unit test of reference.c, with maps without any file in place of fsparse:
 * every MiB of a reference is an object. */
#include "config.h"

#include <sodium.h>

#include "test/unit.h"

#include "plugin/proto.h"
#include "plugin/reference.h"

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

static const struct object *find(const struct references *r, unsigned key,
                                 size_t length, const struct manifest **m_r)
{
    uint8_t *data = allocate(MiB), hash[HASH_BYTES];
    const struct object *o;

    noise(data, MiB, key);
    crypto_generichash(hash, HASH_BYTES, data, length, NULL, 0);
    /* what is behind the short digest must not matter */
    memset(hash + PROTO_SHORT_DIGEST, 0, HASH_BYTES - PROTO_SHORT_DIGEST);
    o = references_find(r, hash, length, m_r);
    assert(!o || (o->size == length &&
                  !memcmp(o->hash, hash, PROTO_SHORT_DIGEST)));
    if (o)
        assert(o >= (*m_r)->objects &&
               o < (*m_r)->objects + (*m_r)->n_objects);
    /* the same digest, another size */
    assert(!references_find(r, hash, length - 1, m_r));
    assert(!references_find(r, hash, length + 1, m_r));
    free(data);
    return o;
}

static void found(void)
{
    static const unsigned a[] = { 1, 2, 0, 3 }, b[] = { 4, 2, 5 };
    char *first = make_image("a.img", a, 4, 1000);
    char *second = make_image("b.img", b, 3, MiB);
    char *pattern = path_in(directory, "*.img");
    char *globs[] = { pattern, (char *)"/nonexistent/*", first };
    const struct manifest *m;
    struct references *r;

    assert(!references_new(&r));
    references_sort(r);
    assert(!find(r, 1, MiB, &m));
    assert(!references_add_globs(r, globs, 3));
    assert(!references_add(r, second));
    references_sort(r);
    assert(find(r, 1, MiB, &m) && find(r, 2, MiB, &m));
    assert(!strcmp(m->image->path, first) || !strcmp(m->image->path, second));
    assert(find(r, 3, 1000, &m));
    assert(!strcmp(m->image->path, first));
    assert(find(r, 4, MiB, &m) && find(r, 5, MiB, &m));
    assert(!strcmp(m->image->path, second));
    assert(!find(r, 6, MiB, &m) && !find(r, 3, MiB, &m));
    references_free(r);
    free(pattern);
    free(first);
    free(second);
}

/* What cannot be read is left out, and costs nothing else. */
static void unusable(void)
{
    static const unsigned keys[] = { 7 };
    char *good = make_image("good", keys, 1, MiB), *link, *empty;
    const struct manifest *m;
    struct references *r;

    link = path_in(directory, "link");
    empty = path_in(directory, "empty");
    write_file(empty, "", 0);
    assert(!symlink("good", link));
    assert(!references_new(&r));
    assert(!references_add(r, "/nonexistent"));
    assert(!references_add(r, directory));
    assert(!references_add(r, empty));
    assert(!references_add(r, good));
    assert(!references_add(r, link));
    references_sort(r);
    assert(find(r, 7, MiB, &m));
    /* found under the name it came by first */
    assert(!strcmp(m->image->path, good));
    references_free(r);
    references_free(NULL);
    free(link);
    free(empty);
    free(good);
}

int main(void)
{
    assert(sodium_init() >= 0);
    directory = make_directory_for_test();
    RUN(found);
    RUN(unusable);
    remove_directory(directory);
    return 0;
}
