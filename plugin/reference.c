/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the target already holds; see reference.h. */
#include "config.h"

#include <errno.h>
#include <glob.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/log.h"
#include "plugin/proto.h"
#include "plugin/reference.h"

/* Versions of a path, and files of one path in several images, that are
 * looked at on either side of where it would be. */
#define NEIGHBOURS 16

struct reference {
    struct image image;
    struct manifest *manifest;
};

struct entry {
    const struct object *object;
    const struct manifest *manifest;
};

struct references {
    struct reference **images;
    size_t n_images;
    struct entry *entries;      /* by digest */
    size_t n_entries;
    struct entry *paths;        /* files, by path */
    size_t n_paths;
};

int references_new(struct references **r_r)
{
    *r_r = calloc(1, sizeof(**r_r));
    return *r_r ? 0 : -ENOMEM;
}

static void reference_free(struct reference *ref)
{
    manifest_free(ref->manifest);
    image_release(&ref->image);
    free(ref);
}

void references_free(struct references *r)
{
    size_t i;

    if (!r)
        return;
    for (i = 0; i < r->n_images; i++)
        reference_free(r->images[i]);
    free(r->images);
    free(r->entries);
    free(r->paths);
    free(r);
}

static bool have(const struct references *r, const struct image *img)
{
    size_t i;

    for (i = 0; i < r->n_images; i++)
        if (r->images[i]->image.dev == img->dev &&
            r->images[i]->image.ino == img->ino &&
            r->images[i]->image.block == img->block)
            return true;
    return false;
}

static const struct fsparse_file *file_of(const struct entry *e)
{
    return &e->manifest->map->files[e->object->file];
}

static int add_entries(struct references *r, const struct manifest *m)
{
    struct entry *entries, *paths;
    size_t i;

    entries = realloc(r->entries, (r->n_entries + m->n_objects + 1) *
                                  sizeof(*entries));
    if (entries)
        r->entries = entries;
    paths = realloc(r->paths, (r->n_paths + m->n_files + 1) *
                              sizeof(*paths));
    if (paths)
        r->paths = paths;
    if (!entries || !paths)
        return -ENOMEM;
    for (i = 0; i < m->n_objects; i++) {
        struct entry e = { &m->objects[i], m };

        if (e.object->zero || e.object->size == 0)
            continue;
        entries[r->n_entries++] = e;
        if (e.object->file != OBJECT_RAW && !*file_of(&e)->stream)
            paths[r->n_paths++] = e;
    }
    return 0;
}

static int keep(struct references *r, struct reference *ref)
{
    struct reference **images;
    int rc;

    images = realloc(r->images, (r->n_images + 1) * sizeof(*images));
    if (!images)
        return -ENOMEM;
    r->images = images;
    rc = add_entries(r, ref->manifest);
    if (!rc)
        images[r->n_images++] = ref;
    return rc;
}

int references_add(struct references *r, const char *path)
{
    struct manifest_options opt = { 0 };
    struct reference *ref = calloc(1, sizeof(*ref));
    int rc;

    if (!ref)
        return -ENOMEM;
    ref->image = (struct image)IMAGE_INIT;
    rc = image_open(&ref->image, path);
    if (!rc && have(r, &ref->image))
        rc = -EEXIST;
    if (!rc)
        rc = manifest_build(&ref->image, &opt, &ref->manifest);
    if (!rc)
        rc = keep(r, ref);
    if (!rc)
        return 0;
    reference_free(ref);
    if (rc != -EEXIST && rc != -ENOMEM)
        log_warn("reference %s is left out", path);
    return rc == -ENOMEM ? rc : 0;
}

int references_add_globs(struct references *r, char *const *globs,
                         size_t n_globs)
{
    glob_t found;
    size_t i, j;
    int rc = 0;

    for (i = 0; i < n_globs && !rc; i++) {
        if (glob(globs[i], GLOB_NOSORT, NULL, &found))
            continue;
        for (j = 0; j < found.gl_pathc && !rc; j++)
            rc = references_add(r, found.gl_pathv[j]);
        globfree(&found);
    }
    return rc;
}

static int compare_key(const uint8_t *digest, uint64_t size,
                       const struct object *o)
{
    int c = memcmp(digest, o->hash, PROTO_SHORT_DIGEST);

    return c ? c : (size > o->size) - (size < o->size);
}

static int compare_entries(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;

    return compare_key(x->object->hash, x->object->size, y->object);
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Compares paths as if every number in them were the same. */
static int compare_numberless(const char *a, const char *b)
{
    for (; *a && (*a == *b || (is_digit(*a) && is_digit(*b)));) {
        if (is_digit(*a)) {
            a += strspn(a, "0123456789");
            b += strspn(b, "0123456789");
        } else {
            a++;
            b++;
        }
    }
    return (unsigned char)(is_digit(*a) ? '0' : *a) -
        (unsigned char)(is_digit(*b) ? '0' : *b);
}

/* Versions of a path are neighbours. */
static int compare_paths(const char *a, const char *b)
{
    int c = compare_numberless(a, b);

    return c ? c : strcmp(a, b);
}

static int compare_path_entries(const void *a, const void *b)
{
    return compare_paths(file_of(a)->path, file_of(b)->path);
}

void references_sort(struct references *r)
{
    if (r->n_entries > 0)
        qsort(r->entries, r->n_entries, sizeof(*r->entries),
              compare_entries);
    if (r->n_paths > 0)
        qsort(r->paths, r->n_paths, sizeof(*r->paths), compare_path_entries);
}

const struct object *references_find(const struct references *r,
                                     const uint8_t *short_digest,
                                     uint64_t size,
                                     const struct manifest **m_r)
{
    size_t low = 0, high = r->n_entries, middle;
    int c;

    while (low < high) {
        middle = low + (high - low) / 2;
        c = compare_key(short_digest, size, r->entries[middle].object);
        if (c == 0) {
            *m_r = r->entries[middle].manifest;
            return r->entries[middle].object;
        }
        if (c < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

bool references_have_paths(const struct references *r)
{
    return r->n_paths > 0;
}

/* How far apart two sizes are; the same path comes before all others. */
static uint64_t distance(const struct entry *e, const char *path,
                         uint64_t size)
{
    uint64_t other = e->object->size;
    uint64_t apart = size > other ? size - other : other - size;

    return apart / 2 + (strcmp(file_of(e)->path, path) ?
                        UINT64_C(1) << 63 : 0);
}

static size_t first_not_before(const struct references *r, const char *path)
{
    size_t low = 0, high = r->n_paths, middle;

    while (low < high) {
        middle = low + (high - low) / 2;
        if (compare_paths(file_of(&r->paths[middle])->path, path) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool references_find_path(const struct references *r, const char *path,
                          uint64_t size, struct holding *h_r)
{
    size_t at = first_not_before(r, path), i;
    const struct entry *best = NULL, *e;

    for (i = at > NEIGHBOURS ? at - NEIGHBOURS : 0;
         i < r->n_paths && i < at + NEIGHBOURS; i++) {
        e = &r->paths[i];
        if (compare_numberless(file_of(e)->path, path))
            continue;
        if (!best || distance(e, path, size) < distance(best, path, size))
            best = e;
    }
    if (best)
        holding_of_object(h_r, best->manifest, best->object);
    return best;
}
