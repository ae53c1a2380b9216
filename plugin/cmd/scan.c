/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * xl-dedup scan: what an image holds.
 *
 * Names are the guest's: they go through text_escape() in both formats, so
 * that they can neither drive the terminal nor break the JSON.  The files are
 * printed one by one; nothing is kept besides the manifest.
 */
#include "config.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/base/escape.h"
#include "plugin/base/exit.h"
#include "plugin/base/log.h"
#include "plugin/cmd/commands.h"
#include "plugin/cmd/util.h"

static const char help[] =
"Usage: xl-dedup scan [OPTION]... IMAGE\n"
"\n"
"Lists the partitions of a disk image (file or block device), and the files\n"
"in them with size, flags and BLAKE3 hash of the content; then what is\n"
"left: metadata, free space and what could not be parsed.\n"
"\n"
"  --json           print one JSON object instead of text\n"
"  -j, --threads=N  hash with N threads (one per processor)\n"
"  -h, --help       show this help\n"
"\n"
"In names, backslashes, control characters and bytes that are not UTF-8 are\n"
"written as \\xHH (in JSON, where a backslash is doubled, as \\\\xHH).\n"
"Flags: inline (stored in metadata), compressed, encrypted (both taken as\n"
"they lie on the disk), cut (some of it lies outside the disk or in another\n"
"file: not hashed), zero (nothing but zeros, not hashed), unusable (gaps too\n"
"large, not hashed: its data counts as left over).\n"
"\n"
"Exit status: 0 done, 2 failed, 64 wrong usage.\n";

struct totals {
    uint64_t file_bytes, extent_bytes, residual_bytes, hole_bytes;
    size_t raw_objects;
};

static const struct {
    unsigned flag;
    const char *name;
} flag_names[] = {
    { FSPARSE_INLINE, "inline" },
    { FSPARSE_COMPRESSED, "compressed" },
    { FSPARSE_ENCRYPTED, "encrypted" },
    { FSPARSE_CUT, "cut" },
};
#define N_FLAGS (sizeof(flag_names) / sizeof(flag_names[0]))
#define MAX_FLAGS (N_FLAGS + 1)

/* Fills names with those of the object's flags.  Returns how many. */
static size_t flags_of(const struct manifest *m, const struct object *o,
                       const char *names[MAX_FLAGS])
{
    unsigned flags = m->map->files[o->file].flags;
    size_t i, n = 0;

    for (i = 0; i < N_FLAGS; i++)
        if (flags & flag_names[i].flag)
            names[n++] = flag_names[i].name;
    if (o->unusable)
        names[n++] = "unusable";
    else if (o->zero && object_is_whole(m, o))
        names[n++] = "zero";
    return n;
}

static bool has_hash(const struct manifest *m, const struct object *o)
{
    return !o->zero && object_is_whole(m, o);
}

static void count(const struct manifest *m, struct totals *t)
{
    const struct fsparse_map *map = m->map;
    const struct fsparse_extent *e;
    size_t i, n;

    *t = (struct totals){ .raw_objects = m->n_raw };
    for (i = 0; i < m->n_files; i++) {
        /* Gaps make sizes whatever the guest likes. */
        if (__builtin_add_overflow(t->file_bytes, m->files[i].size,
                                   &t->file_bytes))
            t->file_bytes = UINT64_MAX;
        for (e = object_extents(m, &m->files[i], &n); n; n--, e++)
            t->extent_bytes += e->length;
    }
    for (i = 0; i < m->n_raw; i++)
        t->residual_bytes += m->raw[i]->size;
    for (i = 0; i < map->n_regions; i++)
        if (map->regions[i].kind == FSPARSE_HOLE)
            t->hole_bytes += map->regions[i].length;
}

static uint64_t zero_bytes(const struct manifest *m, const struct totals *t)
{
    return m->map->image_size - t->extent_bytes - t->residual_bytes -
           t->hole_bytes;
}

/* Prints before, text and after; nothing if there is no text. */
static void print_some(const char *before, const char *text,
                       const char *after)
{
    char buf[1024];

    if (*text)
        printf("%s%s%s", before, text_escape(text, buf, sizeof(buf)), after);
}

static void print_partition(const struct fsparse_partition *p)
{
    if (p->number)
        printf("partition %u", p->number);
    else
        printf("no partition");
    printf(": %" PRIu64 " bytes at %" PRIu64, p->length, p->start);
    if (p->number) {
        print_some(", ", p->scheme, "");
        print_some(" ", p->type, "");
    }
    print_some(", ", *p->fstype ? p->fstype : "unknown file system", "");
    print_some(" \"", p->label, "\"");
    print_some("\n  not fully parsed: ", p->note, "");
    printf("\n");
}

static int print_file(const struct manifest *m, const struct object *o)
{
    const struct fsparse_file *f = &m->map->files[o->file];
    size_t i, n, room = 4 * (strlen(f->path) + strlen(f->stream)) + 32;
    char hex[2 * HASH_BYTES + 1] = "-", *name = malloc(room);
    const char *flags[MAX_FLAGS];

    if (!name) {
        log_error("no memory for a file name");
        return -ENOMEM;
    }
    if (has_hash(m, o))
        cmd_hex(o->hash, hex);
    printf("%-64s %12" PRIu64 " ", hex, f->size);
    n = flags_of(m, o, flags);
    for (i = 0; i < n; i++)
        printf("%s%s", i ? "," : "", flags[i]);
    printf("%s %s\n", n ? "" : "-", object_name(m, o, name, room));
    free(name);
    return 0;
}

static int print_text(const struct manifest *m, const struct totals *t)
{
    const struct fsparse_map *map = m->map;
    char path[4096];
    size_t i;
    int rc = 0;

    printf("image %s, %" PRIu64 " bytes\n",
           text_escape(m->image->path, path, sizeof(path)), map->image_size);
    for (i = 0; i < map->n_partitions; i++)
        print_partition(&map->partitions[i]);
    for (i = 0; i < m->n_files && !rc; i++)
        rc = print_file(m, &m->files[i]);
    printf("%16zu files\n", m->n_files);
    printf("%16" PRIu64 " bytes in files\n", t->file_bytes);
    printf("%16" PRIu64 " bytes on the disk for these\n", t->extent_bytes);
    printf("%16" PRIu64 " bytes besides, not zero, in %zu pieces\n",
           t->residual_bytes, t->raw_objects);
    printf("%16" PRIu64 " bytes besides, zero\n", zero_bytes(m, t));
    printf("%16" PRIu64 " bytes of holes\n", t->hole_bytes);
    return rc;
}

/* Adds value to json; false if there was no memory for either. */
static bool add(json_object *json, const char *key, json_object *value)
{
    if (json && value && !json_object_object_add(json, key, value))
        return true;
    json_object_put(value);
    return false;
}

static json_object *number(uint64_t n)
{
    return json_object_new_uint64(n);
}

/* Returns json, or frees it and returns NULL if it is not complete. */
static json_object *complete(json_object *json, bool ok)
{
    if (ok)
        return json;
    json_object_put(json);
    return NULL;
}

static json_object *json_partition(const struct fsparse_partition *p)
{
    json_object *j = json_object_new_object();

    return complete(j, add(j, "number", number(p->number)) &&
                       add(j, "start", number(p->start)) &&
                       add(j, "length", number(p->length)) &&
                       add(j, "scheme", cmd_json_text(p->scheme)) &&
                       add(j, "type", cmd_json_text(p->type)) &&
                       add(j, "fstype", cmd_json_text(p->fstype)) &&
                       add(j, "label", cmd_json_text(p->label)) &&
                       add(j, "note", cmd_json_text(p->note)));
}

static json_object *json_flags(const struct manifest *m,
                               const struct object *o)
{
    json_object *j = json_object_new_array(), *name;
    const char *flags[MAX_FLAGS];
    size_t i, n = flags_of(m, o, flags);

    for (i = 0; j && i < n; i++) {
        name = json_object_new_string(flags[i]);
        if (!name || json_object_array_add(j, name)) {
            json_object_put(name);
            return complete(j, false);
        }
    }
    return j;
}

static json_object *json_file(const struct manifest *m,
                              const struct object *o)
{
    const struct fsparse_file *f = &m->map->files[o->file];
    json_object *j = json_object_new_object();
    char hex[2 * HASH_BYTES + 1];
    bool ok;

    ok = add(j, "partition",
             number(m->map->partitions[f->partition].number)) &&
         add(j, "path", cmd_json_text(f->path)) &&
         add(j, "stream", cmd_json_text(f->stream)) &&
         add(j, "inode", number(f->inode)) &&
         add(j, "size", number(f->size)) &&
         add(j, "flags", json_flags(m, o));
    if (ok && !has_hash(m, o))  /* NULL is how json-c spells null */
        ok = !json_object_object_add(j, "hash", NULL);
    else if (ok)
        ok = add(j, "hash", json_object_new_string(cmd_hex(o->hash, hex)));
    return complete(j, ok);
}

static json_object *json_residual(const struct manifest *m,
                                  const struct totals *t)
{
    json_object *j = json_object_new_object();

    return complete(j, add(j, "objects", number(t->raw_objects)) &&
                       add(j, "bytes", number(t->residual_bytes)) &&
                       add(j, "zero_bytes", number(zero_bytes(m, t))) &&
                       add(j, "hole_bytes", number(t->hole_bytes)));
}

static json_object *json_totals(const struct manifest *m,
                                const struct totals *t)
{
    json_object *j = json_object_new_object();

    return complete(j, add(j, "files", number(m->n_files)) &&
                       add(j, "file_bytes", number(t->file_bytes)) &&
                       add(j, "disk_bytes", number(t->extent_bytes)));
}

static int print_json(const struct manifest *m, const struct totals *t)
{
    const struct fsparse_map *map = m->map;
    size_t i;
    int rc;

    printf("{\"image\":");
    rc = cmd_print_json(cmd_json_text(m->image->path), ",");
    printf("\"size\":%" PRIu64 ",\n\"partitions\":[\n", map->image_size);
    for (i = 0; i < map->n_partitions && !rc; i++)
        rc = cmd_print_json(json_partition(&map->partitions[i]),
                            i + 1 < map->n_partitions ? "," : "");
    printf("],\n\"files\":[\n");
    for (i = 0; i < m->n_files && !rc; i++)
        rc = cmd_print_json(json_file(m, &m->files[i]),
                            i + 1 < m->n_files ? "," : "");
    printf("],\n\"totals\":");
    if (!rc)
        rc = cmd_print_json(json_totals(m, t), ",");
    printf("\"residual\":");
    if (!rc)
        rc = cmd_print_json(json_residual(m, t), "}");
    return rc;
}

int cmd_scan(int argc, char **argv)
{
    struct image img = IMAGE_INIT;
    struct cmd_options opt;
    struct manifest *m;
    struct totals t;
    int status, rc;

    status = cmd_parse(argc, argv, help, 1, 1, &opt);
    if (status != CMD_GO_ON)
        return status;
    rc = cmd_manifest(&img, argv[optind], false, &opt, &m);
    if (rc)
        return log_exit("scan", rc);
    count(m, &t);
    rc = opt.json ? print_json(m, &t) : print_text(m, &t);
    manifest_free(m);
    image_release(&img);
    return cmd_finish(log_exit("scan", rc));
}
