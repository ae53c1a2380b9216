/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The index of a session; see session_index.h. */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "plugin/base/log.h"
#include "plugin/index/index_open.h"
#include "plugin/target/session_index.h"

static void remove_temporary(const char *directory)
{
    static const char *const files[] = { "index/data.mdb", "index/lock.mdb",
                                         "index", "index.lock",
                                         "index.writer", "" };
    char *parent = strdup(directory), *slash, *path;
    size_t i;

    slash = parent ? strrchr(parent, '/') : NULL;
    if (slash) {
        *slash = '\0';
        for (i = 0; i < sizeof(files) / sizeof(files[0]); i++)
            if (asprintf(&path, "%s/%s", parent, files[i]) >= 0) {
                remove(path);
                free(path);
            }
    }
    free(parent);
}

static int open_index(struct session_index *x, const char *state_dir,
                      bool read_only)
{
    struct store_options opt = { .read_only = read_only };
    int rc;

    free(x->directory);
    x->directory = index_directory(state_dir);
    if (!x->directory)
        return -ENOMEM;
    /* As who writes does it: the state directory may not be there yet. */
    if (!read_only) {
        rc = index_prepare(x->directory);
        if (rc)
            return rc;
    }
    return index_open(&x->store, x->directory, &opt);
}

static int open_temporary(struct session_index *x)
{
    const char *const places[] = { getenv("TMPDIR"), "/var/tmp", "/tmp",
                                   "/run", "/dev/shm" };
    char *directory;
    size_t i;
    int rc = -ENOENT;

    for (i = 0; i < sizeof(places) / sizeof(places[0]) && rc; i++) {
        if (!places[i])
            continue;
        if (asprintf(&directory, "%s/xl-dedup-index-XXXXXX", places[i]) < 0)
            return -ENOMEM;
        if (mkdtemp(directory)) {
            rc = open_index(x, directory, false);
            x->temporary = true;
            if (rc)
                remove_temporary(x->directory);
        }
        free(directory);
    }
    x->temporary = !rc;
    return rc;
}

/* With its lock: this process may not be able to open that later. */
static int open_writable(struct session_index *x, const char *state_dir)
{
    int rc = open_index(x, state_dir, false);

    if (rc)
        return rc;
    x->lock_fd = index_lock_open(x->directory);
    x->writable = x->lock_fd >= 0;
    return 0;
}

int session_index_open(struct session_index *x, const char *state_dir,
                       bool (*suffices)(void *opaque), void *opaque)
{
    int rc = x->keep ? -EROFS : open_writable(x, state_dir);

    if (!rc || !suffices)
        return rc;
    if (!x->keep)
        log_warn("%s: the index cannot be written to (%s)", state_dir,
                 strerror(-rc));
    if (!open_index(x, state_dir, true)) {
        if (suffices(opaque))
            return 0;
        store_close(x->store);
        x->store = NULL;
    }
    rc = open_temporary(x);
    if (rc)
        log_errno(rc, "no index can be made; nothing is taken from "
                  "references");
    return rc;
}

void session_index_close(struct session_index *x)
{
    store_close(x->store);
    if (x->lock_fd >= 0)
        close(x->lock_fd);
    session_index_remove(x);
    free(x->directory);
    *x = (struct session_index)SESSION_INDEX_INIT;
}

void session_index_remove(const struct session_index *x)
{
    if (x->temporary)
        remove_temporary(x->directory);
}
