/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One image into the index, at the end of a session; see index.h. */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "plugin/base/log.h"
#include "plugin/index/index.h"

#define TRIES 50
#define TRY_US 100000

/* Another session's end takes a moment, a scan takes longer. */
static int lock_soon(const char *directory)
{
    unsigned tries;
    int lock = -EWOULDBLOCK;

    for (tries = 0; tries < TRIES && lock == -EWOULDBLOCK; tries++) {
        if (tries)
            usleep(TRY_US);
        lock = index_lock(directory, false);
    }
    return lock;
}

static int enter(const char *directory, const char *path,
                 const struct stamp *stamp, const struct index_source *source)
{
    struct store_options opt = { .read_only = false };
    int lock = lock_soon(directory), rc;
    struct store *s;

    if (lock < 0)
        return lock;
    rc = store_open(&s, directory, &opt);
    if (!rc) {
        rc = index_add(s, path, stamp, source);
        store_close(s);
    }
    close(lock);
    return rc;
}

char *index_resolve(const char *path, const struct stamp *stamp)
{
    return stamp->block ? strdup(path) : realpath(path, NULL);
}

void index_add_image(const char *state_dir, const char *path,
                 const struct stamp *stamp, const struct index_source *source)
{
    char *directory = index_directory(state_dir);
    char *resolved = index_resolve(path, stamp);
    int rc = -ENOMEM;

    if (directory && resolved)
        rc = enter(directory, resolved, stamp, source);
    /* It will be read when it is wanted. */
    if (rc)
        log_info("%s is not entered into the index: %s", path,
                 strerror(-rc));
    free(resolved);
    free(directory);
}
