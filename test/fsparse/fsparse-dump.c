/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fsparse-dump IMAGE: prints the map of an image and checks its promises.
 *
 *   partition INDEX NUMBER START LENGTH SCHEME TYPE FSTYPE LABEL | NOTE
 *   file PARTITION INODE SIZE FLAGS HASH PATH[:STREAM]
 *   bytes file N residual N hole N
 *   note TEXT
 *
 * HASH is BLAKE2b-256 of the content as fsparse.h defines it.  Exits with 1
 * if a promise is broken.  -q prints only "bytes" and "note"; -m maps and
 * does nothing else, to be measured.  -f asks for free space too and prints how
 * many bytes of it there are, and what is doubted instead:
 *
 *   free N
 *   doubt PARTITION TEXT
 *
 * -c prints when files were changed:
 *
 *   changed SECONDS PATH[:STREAM]
 *
 * -p prints what can be had of the plain content of compressed files, and a
 * "note" if the parser failed:
 *
 *   plain SIZE HASH PATH[:STREAM]
 */
#include "config.h"

#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fsparse/fsparse.h"

static int broken;

static void check(int ok, const char *promise, size_t i)
{
    if (!ok) {
        printf("BROKEN %s at %zu\n", promise, i);
        broken = 1;
    }
}

typedef crypto_generichash_state hash;

static void hash_zeros(hash *h, uint64_t n)
{
    static const unsigned char zeros[65536];

    while (n) {
        size_t k = n < sizeof(zeros) ? (size_t)n : sizeof(zeros);

        crypto_generichash_update(h, zeros, k);
        n -= k;
    }
}

static void hash_image(hash *h, int fd, uint64_t from, uint64_t n)
{
    static unsigned char buf[65536];

    while (n) {
        ssize_t k = pread(fd, buf, n < sizeof(buf) ? (size_t)n : sizeof(buf),
                          (off_t)from);

        if (k <= 0) {
            check(0, "image readable", (size_t)from);
            return;
        }
        crypto_generichash_update(h, buf, (size_t)k);
        from += (uint64_t)k;
        n -= (uint64_t)k;
    }
}

static void hash_file(int fd, const struct fsparse_file *f, char hex[65])
{
    unsigned char out[32];
    uint64_t at = 0;
    hash h;
    size_t i;

    crypto_generichash_init(&h, NULL, 0, sizeof(out));
    if (f->flags & FSPARSE_INLINE) {
        crypto_generichash_update(&h, f->inline_data, f->size);
        at = f->size;
    }
    for (i = 0; i < f->n_extents; i++) {
        const struct fsparse_extent *x = &f->extents[i];

        hash_zeros(&h, x->logical - at);
        hash_image(&h, fd, x->physical, x->length);
        at = x->logical + x->length;
    }
    hash_zeros(&h, f->size - at);
    crypto_generichash_final(&h, out, sizeof(out));
    sodium_bin2hex(hex, 65, out, sizeof(out));
}

static uint64_t check_extents(const struct fsparse_map *m)
{
    uint64_t sum = 0;
    size_t i, k;

    for (i = 0; i < m->n_files; i++) {
        const struct fsparse_file *f = &m->files[i];
        uint64_t at = 0;

        check(f->partition < m->n_partitions, "partition index", i);
        check(!(f->flags & FSPARSE_INLINE) || !f->n_extents, "inline", i);
        for (k = 0; k < f->n_extents; k++) {
            const struct fsparse_extent *x = &f->extents[k];

            check(x->length && x->logical >= at, "ascending extents", i);
            check(x->length <= f->size && x->logical <= f->size - x->length,
                  "extent inside file", i);
            check(x->length <= m->image_size &&
                  x->physical <= m->image_size - x->length,
                  "extent inside image", i);
            at = x->logical + x->length;
            sum += x->length;
        }
    }
    return sum;
}

/* Every FILE region must be found in its file's extents; since both have the
 * same sum, neither claims anything else. */
static void check_file_region(const struct fsparse_map *m, size_t i)
{
    const struct fsparse_region *r = &m->regions[i];
    const struct fsparse_file *f;
    size_t lo = 0, hi;

    check(r->file < m->n_files, "file index", i);
    if (r->file >= m->n_files)
        return;
    f = &m->files[r->file];
    hi = f->n_extents;
    while (hi - lo > 1) {
        size_t mid = (lo + hi) / 2;

        if (f->extents[mid].logical <= r->logical)
            lo = mid;
        else
            hi = mid;
    }
    check(lo < hi && r->logical >= f->extents[lo].logical &&
          r->offset - f->extents[lo].physical ==
          r->logical - f->extents[lo].logical &&
          r->logical + r->length <=
          f->extents[lo].logical + f->extents[lo].length,
          "region is of an extent", i);
}

static void check_hole(int fd, const struct fsparse_region *r, size_t i)
{
    static unsigned char buf[4096];
    ssize_t n = pread(fd, buf, r->length < sizeof(buf) ? (size_t)r->length :
                      sizeof(buf), (off_t)r->offset);

    check(n > 0 && sodium_is_zero(buf, (size_t)n), "hole is zero", i);
}

static void check_regions(const struct fsparse_map *m, int fd)
{
    uint64_t sum[3] = { 0 }, at = 0, mapped = check_extents(m);
    size_t i;

    for (i = 0; i < m->n_regions; i++) {
        const struct fsparse_region *r = &m->regions[i];

        check(r->offset == at && r->length, "regions cover once", i);
        check((unsigned)r->kind < 3, "kind", i);
        at += r->length;
        sum[r->kind] += r->length;
        if (r->kind == FSPARSE_FILE)
            check_file_region(m, i);
        else if (r->kind == FSPARSE_HOLE)
            check_hole(fd, r, i);
        check(!i || r->kind == FSPARSE_FILE || r->kind != r[-1].kind,
              "regions merged", i);
    }
    check(at == m->image_size, "regions cover the image", m->n_regions);
    check(sum[FSPARSE_FILE] == mapped, "regions and extents agree", 0);
    printf("bytes file %llu residual %llu hole %llu\n",
           (unsigned long long)sum[FSPARSE_FILE],
           (unsigned long long)sum[FSPARSE_RESIDUAL],
           (unsigned long long)sum[FSPARSE_HOLE]);
}

static void print_partitions(const struct fsparse_map *m)
{
    size_t i;

    for (i = 0; i < m->n_partitions; i++) {
        const struct fsparse_partition *p = &m->partitions[i];

        printf("partition %zu %u %llu %llu %s %s %s %s | %s\n", i, p->number,
               (unsigned long long)p->start, (unsigned long long)p->length,
               p->scheme, *p->type ? p->type : "-",
               *p->fstype ? p->fstype : "-", *p->label ? p->label : "-",
               p->note);
    }
}

static void print_free(const struct fsparse_map *m)
{
    unsigned long long sum = 0;
    size_t i;

    for (i = 0; i < m->n_free; i++)
        sum += m->free[i].length;
    printf("free %llu\n", sum);
    for (i = 0; i < m->n_partitions; i++)
        if (*m->partitions[i].doubt)
            printf("doubt %zu %s\n", i, m->partitions[i].doubt);
}

static void print_files(const struct fsparse_map *m, int fd)
{
    char hex[65];
    size_t i;

    for (i = 0; i < m->n_files; i++) {
        const struct fsparse_file *f = &m->files[i];

        hash_file(fd, f, hex);
        printf("file %u %llu %llu %u %s %s%s%s\n", f->partition,
               (unsigned long long)f->inode, (unsigned long long)f->size,
               f->flags, hex, f->path, *f->stream ? ":" : "", f->stream);
    }
}

static void print_changed(const struct fsparse_map *m)
{
    const struct fsparse_file *f;

    for (f = m->files; f < m->files + m->n_files; f++)
        printf("changed %lld %s%s%s\n", (long long)f->changed, f->path,
               *f->stream ? ":" : "", f->stream);
}

struct decompressed {
    const struct fsparse_map *m;
    uint32_t file;
    uint64_t size, got;
    hash h;
};

static int plain_begin(void *opaque, uint32_t file, uint64_t size)
{
    struct decompressed *p = opaque;

    p->file = file;
    p->size = size;
    p->got = 0;
    return crypto_generichash_init(&p->h, NULL, 0, 32);
}

static int plain_data(void *opaque, const void *data, size_t length)
{
    struct decompressed *p = opaque;

    p->got += length;
    check(length && p->got <= p->size, "plain size", p->file);
    return crypto_generichash_update(&p->h, data, length);
}

static int plain_end(void *opaque)
{
    struct decompressed *p = opaque;
    const struct fsparse_file *f = &p->m->files[p->file];
    unsigned char out[32];
    char hex[65];

    check(p->got == p->size, "plain is complete", p->file);
    crypto_generichash_final(&p->h, out, sizeof(out));
    sodium_bin2hex(hex, sizeof(hex), out, sizeof(out));
    printf("plain %llu %s %s%s%s\n", (unsigned long long)p->size, hex,
           f->path, *f->stream ? ":" : "", f->stream);
    return 0;
}

static void print_plain(const struct fsparse_map *m, int fd)
{
    static const struct fsparse_plain_sink sink = {
        plain_begin, plain_data, plain_end,
    };
    uint32_t *all = calloc(m->n_files + 1, sizeof(*all));
    struct decompressed p = { .m = m };
    char note[FSPARSE_NOTE_BYTES];
    size_t i;
    int rc;

    check(all != NULL, "memory", 0);
    for (i = 0; all && i < m->n_files; i++)
        all[i] = (uint32_t)i;
    rc = all ? fsparse_read_plain(fd, m, all, m->n_files, &sink, &p, note) :
         0;
    check(!rc, "plain returns 0", 0);
    if (all && !rc && *note)
        printf("note %s\n", note);
    free(all);
}

int main(int argc, char **argv)
{
    int plain = argc == 3 && strcmp(argv[1], "-p") == 0;
    int quiet = argc == 3 && strcmp(argv[1], "-q") == 0;
    int changed = argc == 3 && strcmp(argv[1], "-c") == 0;
    int cold = argc == 3 && strcmp(argv[1], "-f") == 0;
    int only = argc == 3 && strcmp(argv[1], "-m") == 0;
    struct fsparse_map *m;
    struct stat st;
    int fd, rc;

    fd = argc >= 2 ? open(argv[argc - 1], O_RDONLY) : -1;
    if (fd < 0 || fstat(fd, &st) || sodium_init() < 0) {
        fprintf(stderr, "usage: fsparse-dump [-q|-m|-f|-c|-p] IMAGE\n");
        return 2;
    }
    rc = (cold ? fsparse_map_cold_image : fsparse_map_image)
        (fd, (uint64_t)st.st_size, &m);
    if (rc) {
        fprintf(stderr, "fsparse-dump: no map: %s\n", strerror(-rc));
        return 2;
    }
    if (only)
        return 0;
    if (changed)
        print_changed(m);
    if (plain)
        print_plain(m, fd);
    check(lseek(fd, 0, SEEK_CUR) == 0, "offset untouched", 0);
    check(waitpid(-1, NULL, WNOHANG) < 0, "no child left", 0);
    check(dup(fd) == fd + 1, "no descriptor left", 0);
    if (!quiet && !changed && !plain) {
        print_partitions(m);
        print_files(m, fd);
    }
    check_regions(m, fd);
    if (cold)
        print_free(m);
    if (*m->note)
        printf("note %s\n", m->note);
    fsparse_map_free(m);
    return broken;
}
