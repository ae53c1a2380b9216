/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Free space of a cold image; see free_space.h. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/base/escape.h"
#include "plugin/base/log.h"
#include "plugin/image/free_space.h"

/* A read lease is not granted on a file that is open for writing: by qemu, or
 * for a loop device.  Of one that may have holes where something was written
 * the bitmaps may be among these. */
static bool is_cold(const struct image *img)
{
    if (img->block || img->solid || fcntl(img->fd, F_SETLEASE, F_RDLCK))
        return false;
    fcntl(img->fd, F_SETLEASE, F_UNLCK);
    return true;
}

/* One line for each file system of which nothing is left out. */
static void tell_doubts(const struct image *img,
                        const struct fsparse_map *map)
{
    const struct fsparse_partition *p;
    char path[1024], type[64], doubt[1024], number[32];
    size_t i;

    text_escape(img->path, path, sizeof(path));
    text_escape(map->note, doubt, sizeof(doubt));
    if (*doubt)
        log_info("%s: its free space is copied as well: %s", path, doubt);
    for (i = 0; i < map->n_partitions; i++) {
        p = &map->partitions[i];
        if (!p->parsed || !*p->doubt)
            continue;
        text_escape(p->fstype, type, sizeof(type));
        text_escape(p->doubt, doubt, sizeof(doubt));
        number[0] = '\0';
        if (p->number)
            snprintf(number, sizeof(number), "partition %u: ", p->number);
        log_info("%s: %s%s, its free space is copied as well: %s", path,
                 number, type, doubt);
    }
}

static uint64_t take_free(struct image *img, const struct fsparse_map *map)
{
    uint64_t bytes = 0;
    size_t i;

    memcpy(img->unused, map->free, map->n_free * sizeof(*img->unused));
    img->n_unused = map->n_free;
    for (i = 0; i < img->n_unused; i++)
        bytes += img->unused[i].length;
    return bytes;
}

int free_space_skip(struct image *img, struct fsparse_map **map_r)
{
    struct fsparse_map *map;
    uint64_t bytes = 0;
    int rc;

    *map_r = NULL;
    if (!is_cold(img))
        return 0;
    rc = fsparse_map_cold_image(img->fd, img->size, &map);
    if (rc)
        return rc;
    img->unused = calloc(map->n_free + 1, sizeof(*img->unused));
    if (!img->unused) {
        fsparse_map_free(map);
        return -ENOMEM;
    }
    if (map->n_free > 0)
        bytes = take_free(img, map);
    if (bytes)
        log_info("%s: %" PRIu64 " MB are free in its file systems and left "
                 "out", img->path, bytes / 1000000);
    tell_doubts(img, map);
    *map_r = map;
    return 0;
}
