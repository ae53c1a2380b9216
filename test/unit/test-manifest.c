/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Unit test of manifest.c, manifest_hash.c, spans.c, findings.c, segment.c and
 * recent_files.c: maps made by hand and by chance in place of fsparse, images
 * in a temporary file, hashes computed again here from a copy of the image in
 * memory.  XD_SEED repeats a run.
 */
#include "config.h"

#undef NDEBUG
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "plugin/base/log.h"
#include "plugin/base/zero.h"
#include "plugin/content/manifest.h"
#include "plugin/content/manifest_hash.h"
#include "plugin/content/recent_files.h"
#include "plugin/content/segment.h"
#include "plugin/proto.h"

#define MiB (UINT64_C(1) << 20)

/* What fsparse_map_image() will answer. */
static struct fsparse_map *next_map;

int fsparse_map_image(int fd, uint64_t size, struct fsparse_map **map_r)
{
    assert(fd >= 0 && size == next_map->image_size);
    *map_r = next_map;
    return 0;
}

void fsparse_map_free(struct fsparse_map *map)
{
    free((void *)map->regions);
    free((void *)map->files);
    free((void *)map->partitions);
    free(map);
}

/* An image in memory and on disk, and its map under construction. */
struct fixture {
    uint8_t *bytes;
    uint64_t size;
    struct image img;
    struct fsparse_file files[512];
    struct fsparse_extent extents[4096];
    struct fsparse_region regions[8192];
    size_t n_files, n_extents, n_regions;
    bool recent_first;
    bool segments;                  /* digests of these as well */
};

static struct fixture *fixture_new(uint64_t size)
{
    struct fixture *f = calloc(1, sizeof(*f));

    assert(f);
    f->bytes = calloc(1, size);
    f->size = size;
    assert(f->bytes);
    return f;
}

static void fixture_free(struct fixture *f)
{
    image_release(&f->img);
    free(f->bytes);
    free(f);
}

static void add_region(struct fixture *f, enum fsparse_kind kind,
                       uint64_t offset, uint64_t length, uint32_t file)
{
    assert(f->n_regions < 8192);
    f->regions[f->n_regions++] = (struct fsparse_region){
        .offset = offset, .length = length, .kind = kind, .file = file };
}

static uint32_t add_file(struct fixture *f, uint64_t size)
{
    assert(f->n_files < 512);
    f->files[f->n_files] = (struct fsparse_file){
        .path = "/file", .stream = "", .size = size,
        .extents = f->extents + f->n_extents };
    return f->n_files++;
}

/* Adds an extent to the last file. */
static void add_extent(struct fixture *f, uint64_t logical, uint64_t physical,
                       uint64_t length)
{
    assert(f->n_extents < 4096);
    f->extents[f->n_extents++] =
        (struct fsparse_extent){ logical, physical, length };
    f->files[f->n_files - 1].n_extents++;
}

static void *copy(const void *from, size_t n, size_t size)
{
    void *to = calloc(n + 1, size);

    assert(to);
    memcpy(to, from, n * size);
    return to;
}

struct seen {
    uint64_t done, total;
    bool by_place;              /* objects come so; if this is set as well: */
    bool files_first;           /* after all files, which need not */
    uint64_t place;             /* after that of the last one */
    size_t n_found;
    const struct object *found[8192];
};

static void watch(void *opaque, uint64_t done, uint64_t total)
{
    struct seen *seen = opaque;

    assert(done >= seen->done && done <= total);
    seen->done = done;
    seen->total = total;
}

static int take_found(void *opaque, const struct object *const *objects,
                      size_t n)
{
    struct seen *seen = opaque;

    assert(n > 0 && seen->n_found + n <= 8192);
    memcpy(seen->found + seen->n_found, objects, n * sizeof(*objects));
    seen->n_found += n;
    return 0;
}

static uint64_t place_of(const struct manifest *m, const struct object *o)
{
    const struct fsparse_extent *e;
    uint64_t place = UINT64_MAX;
    size_t n;

    for (e = object_extents(m, o, &n); n; n--, e++)
        if (e->physical < place)
            place = e->physical;
    return place;
}

/* All that has content and a place was found, once each. */
static void check_found(const struct manifest *m, struct seen *seen)
{
    size_t i, n, expected = 0;

    for (i = 0; i < manifest_count(m); i++) {
        const struct object *o = manifest_object(m, i);

        object_extents(m, o, &n);
        expected += n > 0 && !o->zero;
    }
    assert(seen->n_found == expected);
    for (i = 0; i < seen->n_found; i++) {
        uint64_t place = place_of(m, seen->found[i]);

        assert(!seen->found[i]->zero && place < m->image->size);
        assert(!seen->by_place || place >= seen->place);
        if (!seen->files_first || seen->found[i]->file == OBJECT_RAW)
            seen->place = place + 1;
        else
            assert(!seen->by_place || seen->place == 0);
    }
}

/* Puts the image on disk, and has the map ready for those who ask. */
static void open_image(struct fixture *f)
{
    static const struct fsparse_partition whole = {
        .scheme = "none", .type = "", .fstype = "", .label = "", .note = "" };
    char path[] = "test-manifest-XXXXXX";
    int fd;

    fd = mkstemp(path);
    assert(fd >= 0);
    assert(write(fd, f->bytes, f->size) == (ssize_t)f->size);
    close(fd);
    image_release(&f->img);
    assert(image_open(&f->img, path) == 0);
    unlink(path);
    next_map = calloc(1, sizeof(*next_map));
    assert(next_map);
    next_map->image_size = f->size;
    next_map->partitions = copy(&whole, 1, sizeof(whole));
    next_map->n_partitions = 1;
    next_map->files = copy(f->files, f->n_files, sizeof(*f->files));
    next_map->n_files = f->n_files;
    next_map->regions = copy(f->regions, f->n_regions, sizeof(*f->regions));
    next_map->n_regions = f->n_regions;
    next_map->note = "";
}

/* Whether nothing has to be read twice for the segment's digest. */
static bool is_read_whole(const struct fixture *f, const struct manifest *m,
                          uint64_t start, uint64_t end)
{
    size_t i;

    for (i = 0; i < f->n_regions; i++) {
        const struct fsparse_region *r = &f->regions[i];
        bool raw = r->kind == FSPARSE_RESIDUAL ||
            (r->kind == FSPARSE_FILE && m->files[r->file].unusable);

        if (raw && r->offset < end && r->offset + r->length > start)
            return true;
        if (r->kind == FSPARSE_FILE && r->offset <= start &&
            r->offset + r->length >= end)
            return true;
    }
    return false;
}

static void check_segments(const struct fixture *f, const struct manifest *m,
                           const struct segment_digest *digests)
{
    struct segment_digest want;
    uint64_t n, start;
    size_t length;

    for (n = 0; n < segment_count(f->size); n++) {
        start = n * PROTO_SEGMENT;
        length = segment_length(f->size, n);
        if (!digests[n].known) {
            assert(!is_read_whole(f, m, start, start + length));
            continue;
        }
        segment_digest_of(f->bytes + start, length, &want);
        assert(segment_equal(&want, &digests[n]));
    }
}

/* Segments that do not wait for one. */
#define SEGMENTS_WAIT 64

static struct manifest *build(struct fixture *f, bool files_only,
                              unsigned threads)
{
    struct seen *seen = calloc(1, sizeof(*seen));
    struct segment_sink sink = { .image_size = f->size };
    struct manifest_options opt = { .files_only = files_only,
                                    .threads = threads,
                                    .recent_first = f->recent_first,
                                    .progress = watch, .found = take_found,
                                    .opaque = seen };
    struct manifest *m;

    open_image(f);
    sink.digests = calloc(segment_count(f->size) + 1, sizeof(*sink.digests));
    assert(seen && sink.digests);
    if (f->segments)
        opt.segments = &sink;
    seen->by_place = f->size < SEGMENTS_WAIT * MiB;
    seen->files_first = f->recent_first;
    assert(manifest_build(&f->img, &opt, &m) == 0);
    assert(seen->done == seen->total);  /* everything was read, and once */
    check_found(m, seen);
    if (f->segments)
        check_segments(f, m, sink.digests);
    free(sink.digests);
    free(seen);
    return m;
}

struct content {
    uint8_t *bytes;
    uint64_t size, next;
};

static int collect(void *opaque, const void *data, size_t length,
                   uint64_t logical)
{
    struct content *c = opaque;

    assert(length && length <= MiB && logical == c->next);
    assert(logical + length <= c->size);
    memcpy(c->bytes + logical, data, length);
    c->next += length;
    return 0;
}

/* Compares one object with what the image's copy says it must be. */
static void check_object(const struct fixture *f, const struct manifest *m,
                         const struct object *o)
{
    struct content c = { .size = o->size };
    const struct fsparse_extent *e;
    uint8_t *want, hash[HASH_BYTES];
    size_t n;

    want = calloc(1, o->size + 1);
    c.bytes = malloc(o->size + 1);
    assert(want && c.bytes);
    for (e = object_extents(m, o, &n); n; n--, e++)
        memcpy(want + e->logical, f->bytes + e->physical, e->length);
    assert(o->zero == data_is_zero(want, o->size));
    if (!o->zero) {
        digest_of(want, o->size, hash);
        assert(!memcmp(hash, o->hash, HASH_BYTES));
    }
    assert(object_read(m, o, collect, &c) == 0);
    assert(c.next == o->size && !memcmp(c.bytes, want, o->size));
    free(want);
    free(c.bytes);
}

/* The promises of manifest.h that hold for every image. */
static void check_manifest(const struct fixture *f, const struct manifest *m,
                           bool files_only)
{
    uint8_t *left = copy(f->bytes, f->size, 1);
    uint8_t *taken = calloc(1, f->size + 1);
    const struct fsparse_extent *e;
    uint64_t last = 0, k;
    size_t i, n;

    assert(m->n_files == f->n_files && manifest_count(m) >= m->n_files);
    for (i = 0; i < manifest_count(m); i++) {
        const struct object *o = manifest_object(m, i);

        assert(o->file == (i < m->n_files ? i : OBJECT_RAW));
        for (e = object_extents(m, o, &n); n; n--, e++) {
            for (k = 0; k < e->length; k++)
                assert(!taken[e->physical + k]++);
            memset(left + e->physical, 0, e->length);
        }
        check_object(f, m, o);
        if (i < m->n_files)
            continue;
        assert(!files_only && !o->zero && o->raw.physical >= last);
        assert(o->raw.logical == 0 && o->raw.length == o->size);
        last = o->raw.physical + o->size;
        assert(o->raw.physical / MiB == (last - 1) / MiB);
    }
    assert(files_only || data_is_zero(left, f->size));
    free(left);
    free(taken);
}

/* Zeros part raw objects when there are 64 KiB of them, and are trimmed. */
static void test_zero_elision(void)
{
    struct fixture *f = fixture_new(4 * MiB + 512);
    static const struct { uint64_t offset, length; } want[] = {
        { 4096, 4096 }, { 73728, 65536 }, { MiB, MiB }, { 2 * MiB, 4096 },
        { 4 * MiB, 512 },
    };
    struct manifest *m;
    size_t i;

    f->bytes[5000] = 1;                         /* its grain alone */
    f->bytes[73728] = 1;                        /* 64 KiB of zeros before */
    f->bytes[73728 + 65535] = 1;                /* less than that between */
    memset(f->bytes + MiB, 2, MiB + 1);         /* cut at 2 MiB */
    f->bytes[4 * MiB + 511] = 3;                /* an incomplete grain */
    add_region(f, FSPARSE_RESIDUAL, 0, f->size, 0);
    f->segments = true;
    m = build(f, false, 0);
    check_manifest(f, m, false);
    assert(manifest_count(m) == 5);
    for (i = 0; i < 5; i++) {
        assert(m->raw[i]->raw.physical == want[i].offset);
        assert(m->raw[i]->raw.length == want[i].length);
    }
    manifest_free(m);
    f->segments = false;
    m = build(f, true, 0);
    assert(manifest_count(m) == 0);
    manifest_free(m);
    fixture_free(f);
}

/* Sizes that would take a life to hash, and extents that cannot be. */
static void test_hostile(void)
{
    static const uint32_t owner[] = { 1, 2, 3, 3, 5 };
    struct fixture *f = fixture_new(64 * 4096);
    struct manifest *m;
    time_t start = time(NULL);
    char name[64];
    unsigned i;

    memset(f->bytes, 7, f->size);
    add_file(f, UINT64_C(1) << 60);                     /* 0: all gap */
    add_file(f, UINT64_C(1) << 60);                     /* 1: one block */
    add_extent(f, 0, 0, 4096);
    add_file(f, 4096);                                  /* 2: over its size */
    add_extent(f, 1, 4096, 4096);
    add_file(f, 16384);                                 /* 3: runs backwards */
    add_extent(f, 8192, 8192, 4096);
    add_extent(f, 4096, 12288, 4096);
    add_file(f, UINT64_C(1) << 62);                     /* 4: off the image */
    add_extent(f, 0, f->size - 4096, 8192);
    add_file(f, 8192);                                  /* 5: a good one */
    add_extent(f, 4096, 16384, 4096);
    for (i = 0; i < 5; i++)
        add_region(f, FSPARSE_FILE, i * 4096, 4096, owner[i]);
    add_region(f, FSPARSE_RESIDUAL, i * 4096, f->size - i * 4096, 0);
    m = build(f, false, 2);
    assert(m->files[0].zero && m->files[0].size == UINT64_C(1) << 60);
    m->files[0].size = 0;     /* or the checks would read it all */
    for (i = 1; i < 5; i++)
        assert(m->files[i].unusable && m->files[i].zero &&
               m->files[i].size == 0);
    assert(!m->files[5].unusable && !m->files[5].zero);
    check_manifest(f, m, false);
    assert(time(NULL) - start < 10);
    object_name(m, &m->files[5], name, sizeof(name));
    assert(!strcmp(name, "p0:/file"));
    object_name(m, manifest_object(m, 6), name, sizeof(name));
    assert(!strcmp(name, "raw:0+4096"));
    manifest_free(m);
    fixture_free(f);
}

static void test_gap_budget(void)
{
    struct fixture *f = fixture_new(16 * 4096);
    struct manifest *m;
    unsigned i, usable = 0;

    /* Leading gaps of a file that turns out zero are free: the budget is
     * tested without hashing for minutes. */
    for (i = 0; i < 10; i++) {
        add_file(f, 4096 + GAP_TOTAL_MAX / 8);
        add_extent(f, GAP_TOTAL_MAX / 8, i * 4096, 4096);
        add_region(f, FSPARSE_FILE, i * 4096, 4096, i);
    }
    add_region(f, FSPARSE_RESIDUAL, i * 4096, f->size - i * 4096, 0);
    m = build(f, false, 2);
    for (i = 0; i < 10; i++)
        usable += !m->files[i].unusable;
    assert(usable == 8 && manifest_count(m) == 10);
    manifest_free(m);
    fixture_free(f);
}

/* Many gaps are hashed if there is as much to be read. */
static void test_gap_share(void)
{
    const uint64_t most = GAP_FILE_MAX;

    assert(gaps_are_few(most, 0, 0) && !gaps_are_few(most + 1, 0, 0));
    assert(gaps_are_few(4 * most, 2 * most, 4 * most));
    assert(!gaps_are_few(4 * most, 2 * most - 1, 4 * most));
    assert(!gaps_are_few(4 * most, 2 * most, 4 * most - 1));
}

/* The many that have small gaps come before the few that have large ones,
 * whatever the order of the map. */
static void test_gap_order(void)
{
    struct fixture *f = fixture_new(16 * 4096);
    struct manifest *m;
    uint64_t gap;
    unsigned i;

    for (i = 0; i < 10; i++) {
        gap = i < 4 ? GAP_TOTAL_MAX / 4 : GAP_TOTAL_MAX / 16;
        add_file(f, 4096 + gap);
        add_extent(f, gap, i * 4096, 4096);
        add_region(f, FSPARSE_FILE, i * 4096, 4096, i);
    }
    add_region(f, FSPARSE_RESIDUAL, i * 4096, f->size - i * 4096, 0);
    m = build(f, false, 2);
    for (i = 0; i < 10; i++)
        assert(m->files[i].unusable == (i == 2 || i == 3));
    manifest_free(m);
    fixture_free(f);
}

static void test_inline(void)
{
    struct fixture *f = fixture_new(4096);
    struct manifest *m;
    uint8_t hash[HASH_BYTES];

    add_file(f, 5);
    f->files[0].flags = FSPARSE_INLINE;
    f->files[0].inline_data = (const uint8_t *)"hello";
    add_file(f, 3);
    f->files[1].flags = FSPARSE_INLINE;
    f->files[1].inline_data = (const uint8_t *)"\0\0\0";
    add_file(f, 0);
    f->files[2].flags = FSPARSE_INLINE;
    add_region(f, FSPARSE_HOLE, 0, 4096, 0);
    m = build(f, false, 1);
    digest_of((const uint8_t *)"hello", 5, hash);
    assert(manifest_count(m) == 3 && m->files[1].zero && m->files[2].zero);
    assert(!m->files[0].zero);
    assert(!memcmp(hash, m->files[0].hash, HASH_BYTES));
    manifest_free(m);
    fixture_free(f);
}

/* A file that takes longer than all that come after it. */
static void test_overtaken(void)
{
    struct fixture *f = fixture_new(4 * SEGMENTS_WAIT * MiB);
    struct manifest *m;
    size_t i;

    add_file(f, 2 * SEGMENTS_WAIT * MiB);
    add_extent(f, 0, 0, f->files[0].size);
    add_region(f, FSPARSE_FILE, 0, f->files[0].size, 0);
    add_region(f, FSPARSE_RESIDUAL, f->files[0].size,
               f->size - f->files[0].size, 0);
    for (i = 0; i < f->size; i += 4096)
        f->bytes[i] = i < f->files[0].size || i % MiB == 0;
    f->segments = true;
    m = build(f, false, 2);
    assert(manifest_count(m) == 1 + 2 * SEGMENTS_WAIT);
    manifest_free(m);
    fixture_free(f);
}

static void check_recent(const struct manifest *m, size_t most,
                         uint64_t bytes, const char *want)
{
    uint32_t *files;
    size_t n, i;

    assert(recent_files(m, most, bytes, &files, &n) == 0);
    assert(n == strlen(want));
    for (i = 0; i < n; i++)
        assert(files[i] == (uint32_t)(want[i] - 'a'));
    free(files);
}

/* The newest, as many as fit, by place. */
static void test_recent(void)
{
    static const struct { int64_t changed; unsigned place, blocks; } has[] = {
        { 50, 9, 1 }, { 10, 8, 1 }, { 70, 3, 4 }, { -5, 2, 1 }, { 60, 1, 1 },
        { 70, 7, 1 }, { 99, 0, 0 },
    };
    struct fixture *f = fixture_new(16 * 4096);
    struct manifest *m;
    unsigned i;

    for (i = 0; i < 7; i++) {
        add_file(f, has[i].blocks * 4096);
        f->files[i].changed = has[i].changed;
        if (has[i].blocks > 0)
            add_extent(f, 0, has[i].place * 4096, has[i].blocks * 4096);
    }
    open_image(f);
    assert(manifest_parse(&f->img, next_map, &m) == 0);
    check_recent(m, 100, 100 * 4096, "edcfba");
    check_recent(m, 3, 100 * 4096, "ecf");
    check_recent(m, 1, 100 * 4096, "c");
    check_recent(m, 100, 3 * 4096, "efa");      /* c has no room */
    check_recent(m, 2, 3 * 4096, "f");
    check_recent(m, 100, 4095, "");
    manifest_free(m);
    fixture_free(f);
}

/* An end that is asked for comes, and nothing is left. */
static void test_stop(void)
{
    struct fixture *f = fixture_new(8 * MiB);
    const atomic_bool stop = true;
    struct manifest_options opt = { .stop = &stop };
    struct manifest *m;

    memset(f->bytes, 1, f->size);
    add_region(f, FSPARSE_RESIDUAL, 0, f->size, 0);
    open_image(f);
    assert(manifest_build(&f->img, &opt, &m) == -ECANCELED && !m);
    fixture_free(f);
}

/* Writes zeros, noise, or a little of it into [offset, offset + length). */
static void paint(struct fixture *f, uint64_t offset, uint64_t length)
{
    uint64_t i;

    switch (random() % 3) {
    case 0:
        break;
    case 1:
        for (i = 0; i < length; i++)
            f->bytes[offset + i] = random();
        break;
    default:
        for (i = 0; i < 1 + length / 100000; i++)
            f->bytes[offset + random() % length] = 1;
    }
}

/* Cuts a random image into random regions; files get extents anywhere. */
static void make_random(struct fixture *f, unsigned grain)
{
    uint64_t pos, n;
    uint32_t owner[8192];
    size_t i, r, files = random() % 40;

    for (pos = 0; pos < f->size; pos += n) {
        n = (1 + random() % (random() % 8 ? 100 : 900)) * grain;
        if (n > f->size - pos)
            n = f->size - pos;
        r = f->n_regions;
        owner[r] = files ? random() % files : 0;
        add_region(f, random() % 3 && files ? FSPARSE_FILE :
                   random() % 4 ? FSPARSE_RESIDUAL : FSPARSE_HOLE, pos, n, 0);
        if (f->regions[r].kind != FSPARSE_HOLE)
            paint(f, pos, n);
    }
    for (i = 0; i < files; i++) {
        uint64_t logical = 0;

        add_file(f, 0);
        for (r = f->n_regions; r--; ) {
            struct fsparse_region *g = &f->regions[r];

            if (g->kind != FSPARSE_FILE || owner[r] != i)
                continue;
            logical += random() % 3 ? 0 : random() % 300000;
            g->file = i;
            g->logical = logical;
            add_extent(f, logical, g->offset, g->length);
            logical += g->length;
        }
        f->files[i].size = logical + (random() % 3 ? 0 : random() % 300000);
    }
}

static void test_random(void)
{
    const char *seed_text = getenv("XD_SEED");
    unsigned seed = seed_text ? strtoul(seed_text, NULL, 0) :
                    (unsigned)(time(NULL) ^ getpid()), i;
    struct fixture *f;
    struct manifest *m;

    printf("XD_SEED=%u\n", seed);
    fflush(stdout);
    srandom(seed);
    for (i = 0; i < 40; i++) {
        f = fixture_new(1 + random() % (6 * MiB));
        make_random(f, i % 2 ? 4096 : 512);
        f->recent_first = i % 3 == 0;
        f->segments = i % 5 < 3;
        m = build(f, i % 5 == 4, i % 4);
        check_manifest(f, m, i % 5 == 4);
        manifest_free(m);
        fixture_free(f);
    }
}

int main(void)
{
    log_init(XTL_WARN);
    test_zero_elision();
    test_hostile();
    test_gap_budget();
    test_gap_share();
    test_gap_order();
    test_inline();
    test_overtaken();
    test_recent();
    test_stop();
    test_random();
    return 0;
}
