/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Free space of a cold image; see unused.h. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/log.h"
#include "plugin/unused.h"

/* A read lease is not granted on a file that is open for writing: by qemu, or
 * for a loop device. */
static bool is_cold(const struct image *img)
{
    if (img->block || fcntl(img->fd, F_SETLEASE, F_RDLCK))
        return false;
    fcntl(img->fd, F_SETLEASE, F_UNLCK);
    return true;
}

int unused_skip(struct image *img, struct fsparse_map **map_r)
{
    struct fsparse_map *map;
    uint64_t bytes = 0;
    size_t i;
    int rc;

    *map_r = NULL;
    if (!is_cold(img))
        return 0;
    rc = fsparse_map_image(img->fd, img->size, &map);
    if (rc)
        return rc;
    img->unused = calloc(map->n_free + 1, sizeof(*img->unused));
    if (!img->unused) {
        fsparse_map_free(map);
        return -ENOMEM;
    }
    if (map->n_free > 0) {
        memcpy(img->unused, map->free, map->n_free * sizeof(*img->unused));
        img->n_unused = map->n_free;
    }
    for (i = 0; i < img->n_unused; i++)
        bytes += img->unused[i].length;
    if (bytes)
        log_info("%s: %" PRIu64 " MB are free in its file systems and left "
                 "out", img->path, bytes / 1000000);
    *map_r = map;
    return 0;
}
