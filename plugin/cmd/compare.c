/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * xl-dedup compare: how much of an image's files a receiver that holds the
 * references has already.
 *
 * Counted as in table 2 of the paper: content of whole files, wherever a
 * reference has it, in bytes that lie on the disk.  Gaps do not count: they
 * need not be moved, and a guest can make them as large as it likes.  A file
 * of zeros is identical if a reference has one of the same size, as its hash
 * would be.  Metadata and free space do not count.  What NTFS has compressed
 * is compared and counted decompressed: the same file may be stored in another
 * way in the reference, and would be a reference all the same.  A file of which
 * only a part is known (object_is_whole()) is compared with such files only.
 *
 * Only the target's manifest is kept; references are looked at one by one.
 */
#include "config.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <json.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/base/escape.h"
#include "plugin/base/exit.h"
#include "plugin/base/log.h"
#include "plugin/base/paths.h"
#include "plugin/cmd/commands.h"
#include "plugin/cmd/util.h"
#include "plugin/content/decompressed.h"

static const char help[] =
"Usage: xl-dedup compare [OPTION]... TARGET REFERENCE...\n"
"\n"
"Says how much of the files in the disk image TARGET would not have to be\n"
"moved to a host that holds the REFERENCE images: files whose content any of\n"
"these has, under whatever name.  MB are 10^6 bytes, those that files have on\n"
"the disk: holes in them, or in the image below them, are not counted, and\n"
"files that NTFS has compressed are compared and counted as the guest reads\n"
"them.  Not counted are metadata, free space, and parts of files, which a\n"
"migration finds as well.\n"
"\n"
"  --json           print one JSON object instead of a table\n"
"  -j, --threads=N  hash with N threads (one per processor)\n"
"  -h, --help       show this help\n"
"\n"
"Exit status: 0 done, 2 failed (also: one of the images has no file system\n"
"that can be parsed), 64 wrong usage.\n";

struct entry {
    uint64_t size;
    uint64_t stored;            /* bytes on the disk, inline ones included */
    uint8_t hash[HASH_BYTES];   /* zeros for a file of zeros */
    bool part;                  /* all this is of a part of it only */
    bool held;
};

/* An image, opened and looked at. */
struct content {
    struct image image;
    struct manifest *manifest;
    struct decompressed_list plain;
};

struct result {
    size_t files;
    uint64_t identical, different;
};

static int by_content(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;

    if (x->size != y->size)
        return x->size < y->size ? -1 : 1;
    if (x->part != y->part)
        return x->part ? -1 : 1;
    return memcmp(x->hash, y->hash, HASH_BYTES);
}

static void set_plain(struct entry *e, const struct decompressed *p)
{
    *e = (struct entry){ .size = p->size, .stored = p->size };
    if (!p->zero)
        memcpy(e->hash, p->hash, HASH_BYTES);
}

static void set_entry(struct entry *e, const struct content *c, size_t i)
{
    const struct manifest *m = c->manifest;
    const struct object *o = &m->files[i];
    const struct decompressed *p = decompressed_find(&c->plain, o->file);
    const struct fsparse_extent *x;
    size_t n;

    if (p && !o->unusable) {
        set_plain(e, p);
        return;
    }
    *e = (struct entry){ .size = o->size, .part = !object_is_whole(m, o) };
    if (m->map->files[o->file].flags & FSPARSE_INLINE)
        e->stored = o->size;
    for (x = object_extents(m, o, &n); n; n--, x++)
        e->stored += x->length;
    if (!o->zero)
        memcpy(e->hash, o->hash, HASH_BYTES);
}

/* The target's files with content, sorted by it, equal ones included. */
static struct entry *list_target(const struct content *c, size_t *n_r)
{
    const size_t n = c->manifest->n_files;
    struct entry *list = reallocarray(NULL, n + 1, sizeof(*list));
    size_t i;

    *n_r = 0;
    if (!list) {
        log_error("no memory for a list of %zu files", n);
        return NULL;
    }
    for (i = 0; i < n; i++) {
        set_entry(&list[*n_r], c, i);
        *n_r += list[*n_r].size != 0;
    }
    qsort(list, *n_r, sizeof(*list), by_content);
    return list;
}

/* Marks what of the list the reference holds. */
static void mark(struct entry *list, size_t n, const struct content *c)
{
    struct entry key, *found;
    size_t i;

    for (i = 0; i < c->manifest->n_files; i++) {
        set_entry(&key, c, i);
        found = bsearch(&key, list, n, sizeof(*list), by_content);
        if (!found || found->held)
            continue;
        while (found > list && !by_content(found - 1, &key))
            found--;
        for (; found < list + n && !by_content(found, &key); found++)
            found->held = true;
    }
}

/* Whether a file system could be read at all.  Without one the result would
 * be about nothing, and look as if there were nothing to save. */
static bool was_parsed(const struct manifest *m)
{
    const struct fsparse_map *map = m->map;
    bool parsed = false;
    size_t i;

    for (i = 0; i < map->n_partitions; i++)
        parsed |= map->partitions[i].parsed;
    if (parsed && (m->n_files || !*map->note))
        return true;
    log_error("%s: no file system in it could be parsed", m->image->path);
    return false;
}

static int content_open(struct content *c, const char *path,
                        const struct cmd_options *opt)
{
    int rc;

    *c = (struct content){ .image = IMAGE_INIT };
    rc = cmd_manifest(&c->image, path, true, opt, &c->manifest);
    if (rc)
        return rc;
    rc = was_parsed(c->manifest) ? 0 : -EINVAL;
    if (!rc)
        rc = decompressed_read(&c->plain, c->manifest, opt->threads);
    if (rc) {
        manifest_free(c->manifest);
        image_release(&c->image);
    }
    return rc;
}

static void content_release(struct content *c)
{
    decompressed_release(&c->plain);
    manifest_free(c->manifest);
    image_release(&c->image);
}

static int mark_reference(struct entry *list, size_t n, const char *path,
                          const struct cmd_options *opt)
{
    struct content c;
    int rc;

    rc = content_open(&c, path, opt);
    if (rc)
        return rc;
    mark(list, n, &c);
    content_release(&c);
    return 0;
}

/* Bytes on the disk of files that could not be hashed as files. */
static uint64_t unusable_bytes(const struct manifest *m)
{
    const struct fsparse_map *map = m->map;
    uint64_t bytes = 0;
    size_t i;

    for (i = 0; i < map->n_regions; i++)
        if (map->regions[i].kind == FSPARSE_FILE &&
            m->files[map->regions[i].file].unusable)
            bytes += map->regions[i].length;
    return bytes;
}

static int compare(const struct content *target, char **references, int n,
                   const struct cmd_options *opt, struct result *result)
{
    struct entry *list;
    size_t i, n_list;
    int r, rc = 0;

    list = list_target(target, &n_list);
    if (!list)
        return -ENOMEM;
    for (r = 0; r < n && !rc; r++)
        rc = mark_reference(list, n_list, references[r], opt);
    *result = (struct result){
        .files = target->manifest->n_files,
        .different = unusable_bytes(target->manifest),
    };
    for (i = 0; i < n_list; i++) {
        if (list[i].held)
            result->identical += list[i].stored;
        else
            result->different += list[i].stored;
    }
    free(list);
    return rc;
}

static double saved_percent(const struct result *r)
{
    double all = (double)r->identical + r->different;

    return all > 0 ? 100 * r->identical / all : 0;
}

/* The references' names with commas between them; NULL: no memory. */
static char *join_names(char **paths, int n)
{
    size_t size = 1;
    char *names;
    int i;

    for (i = 0; i < n; i++)
        size += 4 * strlen(path_basename(paths[i])) + 2;
    names = calloc(1, size);
    for (i = 0; names && i < n; i++) {
        if (i)
            strcat(names, ", ");
        text_escape(path_basename(paths[i]), names + strlen(names),
                    size - strlen(names));
    }
    return names;
}

static int print_table(char **paths, int n, const struct result *r)
{
    char *target = join_names(paths, 1);
    char *held = join_names(paths + 1, n - 1);
    int w1 = strlen("migrating"), w2 = strlen("held by receiver");
    int rc = target && held ? 0 : -ENOMEM;

    if (rc) {
        log_error("no memory for the table");
    } else {
        w1 = (int)strlen(target) > w1 ? (int)strlen(target) : w1;
        w2 = (int)strlen(held) > w2 ? (int)strlen(held) : w2;
        printf("%-*s | %-*s | %8s | %12s | %12s | %7s\n", w1, "migrating",
               w2, "held by receiver", "files", "identical MB",
               "different MB", "saved %");
        printf("%-*s | %-*s | %8zu | %12.1f | %12.1f | %7.1f\n", w1, target,
               w2, held, r->files, r->identical / 1e6, r->different / 1e6,
               saved_percent(r));
    }
    free(target);
    free(held);
    return rc;
}

static int print_json(char **paths, int n, const struct result *r)
{
    int i, rc;

    printf("{\"migrating\":");
    rc = cmd_print_json(cmd_json_text(paths[0]), ",\"held\":[");
    for (i = 1; i < n && !rc; i++)
        rc = cmd_print_json(cmd_json_text(paths[i]), i + 1 < n ? "," : "],");
    printf("\"files\":%zu,\"identical_bytes\":%" PRIu64
           ",\"different_bytes\":%" PRIu64 ",\"saved_percent\":%.2f}\n",
           r->files, r->identical, r->different, saved_percent(r));
    return rc;
}

int cmd_compare(int argc, char **argv)
{
    struct cmd_options opt;
    struct content target;
    struct result result;
    int status, rc, n;

    status = cmd_parse(argc, argv, help, 2, INT_MAX, &opt);
    if (status != CMD_GO_ON)
        return status;
    argv += optind;
    n = argc - optind;
    rc = content_open(&target, argv[0], &opt);
    if (rc)
        return log_exit("compare", rc);
    rc = compare(&target, argv + 1, n - 1, &opt, &result);
    if (!rc)
        rc = opt.json ? print_json(argv, n, &result) :
                        print_table(argv, n, &result);
    content_release(&target);
    return cmd_finish(log_exit("compare", rc));
}
