/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Map: the library's entry.  Runs the parser, hands its records to intake
 * until it ends or goes wrong, lets cover decide, and gives the result out.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "fsparse/build.h"
#include "fsparse/fsparse.h"
#include "fsparse/reader.h"

/* What is to be said about a parser that did not deliver its END. */
static int note_failure(struct build *b, struct reader *r, int rc)
{
    char text[FSPARSE_NOTE_BYTES];

    reader_failure(r, rc, text, sizeof(text));
    return build_note(b, &b->map.note, text);
}

static int take_records(struct build *b, struct reader *r)
{
    const void *payload;
    uint32_t type;
    size_t length;
    int rc;

    do {
        rc = reader_next(r, &type, &payload, &length);
        if (!rc)
            rc = intake_record(b, type, payload, length);
    } while (!rc);
    return rc < 0 ? rc : 0;
}

/* Only a lack of memory is an error; every other failure is a note. */
static int parse_image(struct build *b, const char *task, int fd,
                       bool *complete_r)
{
    struct reader *r = reader_new();
    int rc;

    if (!r)
        return -ENOMEM;
    rc = reader_start(r, task, fd, -1);
    if (!rc)
        rc = take_records(b, r);
    *complete_r = !rc;
    if (rc && rc != -ENOMEM)
        rc = note_failure(b, r, rc);
    reader_free(r);
    return rc;
}

static void give_out(struct build *b)
{
    const struct fsparse_extent *next = b->extents;
    size_t i;

    for (i = 0; i < b->n_files; i++) {
        b->files[i].extents = next;
        next += b->files[i].n_extents;
    }
    b->map.partitions = b->partitions;
    b->map.n_partitions = b->n_partitions;
    b->map.files = b->files;
    b->map.n_files = b->n_files;
    b->map.regions = b->regions;
    b->map.n_regions = b->n_regions;
    b->map.free = b->free;
    b->map.n_free = b->n_free;
}

static int map_image(int fd, uint64_t image_size, const char *task,
                     struct fsparse_map **map_r)
{
    bool complete = false;
    struct build *b;
    int own = -1;
    int rc = 0;

    *map_r = NULL;
    if (image_size > INT64_MAX)
        return -EINVAL;
    b = calloc(1, sizeof(*b));
    if (!b)
        return -ENOMEM;
    b->map.image_size = image_size;
    b->map.note = "";
    if (image_size) {
        own = reader_reopen(fd);
        rc = own < 0 ? note_failure(b, NULL, own) :
             parse_image(b, task, own, &complete);
    }
    if (!rc)
        rc = cover_image(b, own);
    if (!rc)
        rc = gaps_limit(b);
    if (!rc)
        rc = intake_check_free(b, complete);
    if (!rc)
        rc = trim_holes(b, own);
    if (!rc)
        rc = intake_note_left_out(b);
    if (own >= 0)
        close(own);
    if (rc) {
        fsparse_map_free(&b->map);
        return rc;
    }
    give_out(b);
    *map_r = &b->map;
    return 0;
}

int fsparse_map_image(int fd, uint64_t image_size, struct fsparse_map **map_r)
{
    return map_image(fd, image_size, NULL, map_r);
}

int fsparse_map_cold_image(int fd, uint64_t image_size,
                           struct fsparse_map **map_r)
{
    return map_image(fd, image_size, "free", map_r);
}

void fsparse_map_free(struct fsparse_map *map)
{
    struct build *b = (struct build *)map;

    if (!b)
        return;
    free(b->free);
    free(b->regions);
    free(b->extents);
    free(b->files);
    free(b->partitions);
    arena_release(&b->arena);
    free(b);
}
