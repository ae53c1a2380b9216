/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Maps of answers that were never a process's; see map.h. */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fsparse/process.h"
#include "fsparse/record.h"
#include "test/fuzz/fuzz.h"
#include "test/fuzz/map.h"

/* A parser: one at a time. */

static map_parser *parser;
static struct buf answered;
static size_t read_bytes;               /* of it */

int process_start(struct process *p, const char *task, int image_fd,
                  int request_fd)
{
    (void)p;
    buf_reset(&answered);
    read_bytes = 0;
    parser(task, image_fd, request_fd, &answered);
    FUZZ_CHECK(!answered.failed);
    return 0;
}

/* In small pieces, as a pipe may have it. */
ssize_t process_read(struct process *p, void *buf, size_t size)
{
    size_t n = answered.length - read_bytes;

    (void)p;
    if (n > size)
        n = size;
    if (n > 3000)
        n = 3000;
    if (n)
        memcpy(buf, answered.data + read_bytes, n);
    read_bytes += n;
    return (ssize_t)n;
}

int process_stop(struct process *p)
{
    (void)p;
    return -1;
}

/* Promises */

static bool is_extent(const struct fsparse_file *f,
                      const struct fsparse_region *r)
{
    size_t low = 0, high = f->n_extents, middle;

    while (low < high) {
        middle = low + (high - low) / 2;
        if (f->extents[middle].logical + f->extents[middle].length <=
            r->logical)
            low = middle + 1;
        else
            high = middle;
    }
    return low < f->n_extents && f->extents[low].logical <= r->logical &&
        f->extents[low].length - (r->logical - f->extents[low].logical) >=
            r->length &&
        f->extents[low].physical + (r->logical - f->extents[low].logical) ==
            r->offset;
}

/* The bytes of all extents. */
static uint64_t check_files(const struct fsparse_map *m)
{
    uint64_t all = 0, end;
    size_t i, k;

    for (i = 0; i < m->n_files; i++) {
        const struct fsparse_file *f = &m->files[i];

        FUZZ_CHECK(f->partition < m->n_partitions && *f->path && f->stream);
        FUZZ_CHECK(!(f->flags & FSPARSE_INLINE) || !f->n_extents);
        for (k = 0, end = 0; k < f->n_extents; k++) {
            const struct fsparse_extent *e = &f->extents[k];

            FUZZ_CHECK(e->length && e->logical >= end &&
                       e->logical < f->size &&
                       e->length <= f->size - e->logical);
            FUZZ_CHECK(e->physical < m->image_size &&
                       e->length <= m->image_size - e->physical);
            end = e->logical + e->length;
            all += e->length;
        }
    }
    return all;
}

/* The regions cover the image once, and what is a file's is in its extents. */
static void check_regions(const struct fsparse_map *m)
{
    uint64_t end = 0, of_files = 0;
    size_t i;

    for (i = 0; i < m->n_regions; i++) {
        const struct fsparse_region *r = &m->regions[i];

        FUZZ_CHECK(r->offset == end && r->length);
        FUZZ_CHECK(r->length <= m->image_size - r->offset);
        end += r->length;
        if (r->kind != FSPARSE_FILE)
            continue;
        FUZZ_CHECK(r->file < m->n_files);
        FUZZ_CHECK(is_extent(&m->files[r->file], r));
        of_files += r->length;
    }
    FUZZ_CHECK(end == m->image_size);
    FUZZ_CHECK(of_files == check_files(m));
}

/* What is free is in a partition and in no file. */
static void check_free(const struct fsparse_map *m)
{
    uint64_t end = 0;
    size_t i, k, r = 0;

    for (i = 0; i < m->n_free; i++) {
        const struct fsparse_range *f = &m->free[i];

        FUZZ_CHECK(f->length && f->offset >= end &&
                   f->offset < m->image_size &&
                   f->length <= m->image_size - f->offset);
        end = f->offset + f->length;
        for (k = 0; k < m->n_partitions; k++)
            if (f->offset >= m->partitions[k].start &&
                end <= m->partitions[k].start + m->partitions[k].length)
                break;
        FUZZ_CHECK(k < m->n_partitions);
        while (m->regions[r].offset + m->regions[r].length <= f->offset)
            r++;
        for (k = r; k < m->n_regions && m->regions[k].offset < end; k++)
            FUZZ_CHECK(m->regions[k].kind != FSPARSE_FILE);
    }
}

static void check_map(const struct fsparse_map *m)
{
    size_t i;

    FUZZ_CHECK(m->note);
    for (i = 0; i < m->n_partitions; i++) {
        const struct fsparse_partition *p = &m->partitions[i];

        FUZZ_CHECK(p->scheme && p->type && p->fstype && p->label && p->note &&
                   p->doubt);
        FUZZ_CHECK(p->start <= m->image_size &&
                   p->length <= m->image_size - p->start);
    }
    check_regions(m);
    check_free(m);
}

/* Plain content */

struct stream {
    const struct fsparse_map *map;
    bool open;
    uint64_t left;
};

static int begin(void *opaque, uint32_t file, uint64_t size)
{
    struct stream *s = opaque;

    FUZZ_CHECK(file < s->map->n_files);
    FUZZ_CHECK(s->map->files[file].flags & FSPARSE_COMPRESSED);
    FUZZ_CHECK(size <= s->map->files[file].size * FSPARSE_PLAIN_MOST);
    s->open = true;
    s->left = size;
    return 0;
}

static int data(void *opaque, const void *bytes, size_t length)
{
    struct stream *s = opaque;

    (void)bytes;
    FUZZ_CHECK(s->open && length <= s->left);
    s->left -= length;
    return 0;
}

static int end(void *opaque)
{
    struct stream *s = opaque;

    FUZZ_CHECK(s->open && !s->left);
    s->open = false;
    return 0;
}

static void check_plain(int image_fd, const struct fsparse_map *m)
{
    static const struct fsparse_plain_sink sink = { begin, data, end };
    struct stream s = { .map = m };
    char note[FSPARSE_NOTE_BYTES];
    uint32_t *files = calloc(m->n_files + 1, sizeof(*files)), i;

    FUZZ_CHECK(files);
    for (i = 0; i < m->n_files; i++)
        files[i] = i;
    FUZZ_CHECK(!fsparse_read_plain(image_fd, m, files, m->n_files, &sink, &s,
                                   note));
    free(files);
}

void map_check(int image_fd, uint64_t image_size, map_parser *answering)
{
    struct fsparse_map *m;

    parser = answering;
    FUZZ_CHECK(!fsparse_map_cold_image(image_fd, image_size, &m));
    FUZZ_CHECK(m->image_size == image_size);
    check_map(m);
    check_plain(image_fd, m);
    fsparse_map_free(m);
}

void map_parse_with(map_parser *answering)
{
    parser = answering;
}

static void put_record(struct buf *answer, enum record_type type,
                       const struct buf *payload)
{
    buf_put_u32(answer, type);
    buf_put_u32(answer, (uint32_t)payload->length);
    buf_put(answer, payload->data, payload->length);
}

static void put_text(struct buf *b, const char *text)
{
    buf_put_u16(b, (uint16_t)strlen(text));
    buf_put(b, text, strlen(text));
}

static void put_file(struct buf *answer, const char *path, uint64_t start,
                     uint64_t length)
{
    struct buf b = BUF_INIT;

    buf_put_u32(&b, 0);
    buf_put_u32(&b, 0);
    buf_put_u64(&b, start);
    buf_put_u64(&b, length);
    buf_put_u64(&b, 0);
    put_text(&b, path);
    put_text(&b, "");
    put_record(answer, RECORD_FILE, &b);
    buf_reset(&b);
    buf_put_u64(&b, 0);
    buf_put_u64(&b, start);
    buf_put_u64(&b, length);
    put_record(answer, RECORD_EXTENTS, &b);
    buf_release(&b);
}

void map_put_files(struct buf *answer, uint64_t image_size)
{
    struct buf b = BUF_INIT;

    buf_put(answer, RECORD_MAGIC, RECORD_MAGIC_BYTES);
    buf_put_u32(&b, 1);
    buf_put_u64(&b, 0);
    buf_put_u64(&b, image_size);
    put_text(&b, "none");
    put_text(&b, "");
    put_text(&b, "ext4");
    put_text(&b, "");
    put_record(answer, RECORD_PARTITION, &b);
    buf_reset(&b);
    put_file(answer, "/file1", 4096, 70000);
    put_file(answer, "/file2", 81920, 20000);
    put_record(answer, RECORD_END, &b);
    buf_release(&b);
}
