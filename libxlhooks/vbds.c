/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Disks by xenstore; see vbds.h. */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libxlhooks/helper.h"
#include "libxlhooks/libxl_calls.h"
#include "libxlhooks/vbds.h"

#define NO_STORE "cannot ask xenstore: %s"
#define BASE "/libxl"

struct xs_handle *vbds_open(void)
{
    struct xs_handle *xs = real.xs_open(0);

    if (!xs)
        hook_log(NO_STORE, strerror(errno));
    return xs;
}

/* What an answer that is none means: 0, there is no such node, or another
 * negative errno (logged). */
static int no_answer(int error)
{
    if (error == ENOENT || error == EACCES)
        return 0;
    if (error == ENOMEM)
        return -ENOMEM;
    hook_log(NO_STORE, strerror(error));
    return -EIO;
}

/* NULL if there is no such node, which is what most have. */
static int read_node(struct xs_handle *xs, const char *directory,
                     const char *node, char **value_r)
{
    char path[XENSTORE_ABS_PATH_MAX + 1];
    unsigned length;
    int n = snprintf(path, sizeof(path), "%s/%s", directory, node);

    *value_r = NULL;
    if (n < 0 || (size_t)n >= sizeof(path))
        return 0;
    *value_r = real.xs_read(xs, XBT_NULL, path, &length);
    return *value_r ? 0 : no_answer(errno);
}

/* The names below a node, in one piece of memory; NULL if there are none. */
static int list_node(struct xs_handle *xs, const char *path, char ***names_r,
                     unsigned *num_r)
{
    *num_r = 0;
    *names_r = real.xs_directory(xs, XBT_NULL, path, num_r);
    if (*names_r)
        return 0;
    *num_r = 0;
    return no_answer(errno);
}

char *vbds_device_model(struct xs_handle *xs, uint32_t domid)
{
    char directory[64], *pid;

    snprintf(directory, sizeof(directory), "/local/domain/%" PRIu32, domid);
    return read_node(xs, directory, "image/device-model-pid", &pid) ? NULL :
        pid;
}

/* What the administrator wrote.  But for a block device, a word for QEMU and a
 * colon come before it. */
static int take_path(struct vbd *d, char *params)
{
    const char *colon = params && (!d->kind || strcmp(d->kind, "phy")) ?
        strchr(params, ':') : NULL;

    if (!colon) {
        d->path = params;
        return 0;
    }
    d->path = strdup(colon + 1);
    free(params);
    return d->path ? 0 : -ENOMEM;
}

/* A backend whose domain cannot be told is as good as none. */
static void check_backend(struct vbd *d)
{
    if (d->backend && sscanf(d->backend, "/local/domain/%" SCNu32 "/",
                             &d->backend_domid) == 1)
        return;
    free(d->backend);
    d->backend = NULL;
}

static int read_backend(struct xs_handle *xs, struct vbd *d)
{
    int rc;

    check_backend(d);
    if (!d->backend)
        return 0;
    rc = read_node(xs, d->backend, "params", &d->params);
    return rc ? rc : read_node(xs, d->backend, "physical-device", &d->device);
}

static int read_disk(struct xs_handle *xs, const char *directory,
                     struct vbd *d)
{
    char *params = NULL, *mode = NULL, *type = NULL;
    int rc;

    rc = read_node(xs, directory, "dev", &d->vdev);
    if (!rc)
        rc = read_node(xs, directory, "type", &d->kind);
    if (!rc)
        rc = read_node(xs, directory, "backend", &d->backend);
    if (!rc)
        rc = read_node(xs, directory, "params", &params);
    if (!rc)
        rc = take_path(d, params);
    if (!rc)
        rc = read_node(xs, directory, "mode", &mode);
    if (!rc)
        rc = read_node(xs, directory, "device-type", &type);
    d->writable = !mode || strcmp(mode, "r");
    d->cdrom = type && !strcmp(type, "cdrom");
    free(mode);
    free(type);
    return rc ? rc : read_backend(xs, d);
}

static int add_disk(struct xs_handle *xs, const char *kind, const char *name,
                    struct vbd ***end)
{
    char directory[XENSTORE_ABS_PATH_MAX + 1];
    struct vbd *d;
    int n = snprintf(directory, sizeof(directory), "%s/%s", kind, name);

    if (n < 0 || (size_t)n >= sizeof(directory))
        return 0;
    d = calloc(1, sizeof(*d));
    if (!d)
        return -ENOMEM;
    **end = d;
    *end = &d->next;
    return read_disk(xs, directory, d);
}

int vbds_read(struct xs_handle *xs, uint32_t domid, struct vbd **list_r)
{
    static const char *const kinds[] = { "vbd", "virtio_disk" };
    char path[64], **names;
    struct vbd **end = list_r;
    unsigned j, num;
    size_t i;
    int rc = 0;

    *list_r = NULL;
    for (i = 0; !rc && i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        snprintf(path, sizeof(path), BASE "/%" PRIu32 "/device/%s", domid,
                 kinds[i]);
        rc = list_node(xs, path, &names, &num);
        for (j = 0; !rc && j < num; j++)
            rc = add_disk(xs, path, names[j], &end);
        free(names);
    }
    if (rc) {
        vbds_free(*list_r);
        *list_r = NULL;
    }
    return rc;
}

int vbds_domains(struct xs_handle *xs, uint32_t **domids_r, size_t *num_r)
{
    unsigned i, num;
    char **names, *end;
    unsigned long id;
    int rc;

    *domids_r = NULL;
    *num_r = 0;
    rc = list_node(xs, BASE, &names, &num);
    if (rc || !num)
        goto out;
    *domids_r = calloc(num, sizeof(**domids_r));
    if (!*domids_r) {
        rc = -ENOMEM;
        goto out;
    }
    for (i = 0; i < num; i++) {
        id = strtoul(names[i], &end, 10);
        if (end != names[i] && !*end && id < NO_DOMID)
            (*domids_r)[(*num_r)++] = id;
    }
out:
    free(names);
    return rc;
}

const struct vbd *vbds_find(const struct vbd *list, const char *vdev)
{
    for (; list; list = list->next)
        if (list->vdev && !strcmp(list->vdev, vdev))
            return list;
    return NULL;
}

void vbds_free(struct vbd *list)
{
    struct vbd *next;

    for (; list; list = next) {
        next = list->next;
        free(list->vdev);
        free(list->path);
        free(list->kind);
        free(list->backend);
        free(list->params);
        free(list->device);
        free(list);
    }
}
