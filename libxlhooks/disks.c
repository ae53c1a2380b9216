/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * This tells the helper about domains and their disks, in libxl's own words.
 *
 * A configuration as libxl stores it is what the admin wrote: the format is
 * known (it is "raw" unless given), the backend is usually "unknown", because
 * libxl chooses it anew each time.  A running domain's entry in xenstore
 * knows the backend and its domain, but not the format.  So both are read.
 * What only xenstore knows is sent by attached.c.
 */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libxlhooks/as_json.h"
#include "libxlhooks/disks.h"
#include "libxlhooks/helper.h"
#include "libxlhooks/libxl_calls.h"
#include "libxlhooks/vbds.h"
#include "plugin/xl/control.h"

#define INCOMING "--incoming"   /* xl's suffix, until the guest runs */
#define UUID_LENGTH 36

/* --- the configuration ---------------------------------------------------- */

/* Nothing is known of a domain whose configuration is another than those that
 * were looked at; it may have disks that we would leave behind. */
static int lacks(const char *what)
{
    hook_log("nothing is moved: what libxl says of the domain has no %s; "
             "migrate without --dedup", what);
    return -EPROTO;
}

int disks_config_received(libxl_ctx *ctx, libxl_domain_config *received,
                          json_object **config_r)
{
    *config_r = as_json_config(ctx, received);
    if (*config_r)
        return 0;
    hook_log("nothing is moved: libxl does not tell the domain's "
             "configuration; migrate without --dedup");
    return -EIO;
}

int disks_config_of(libxl_ctx *ctx, uint32_t domid, json_object **config_r)
{
    libxl_domain_config *config = as_json_memory();
    int rc;

    *config_r = NULL;
    if (!config)
        return hook_told(-ENOMEM);
    real.libxl_domain_config_init(config);
    if (real.libxl_retrieve_domain_configuration(ctx, domid, config, NULL)) {
        hook_log("cannot read the configuration of domain %u", domid);
        rc = -EIO;
    } else {
        rc = disks_config_received(ctx, config, config_r);
    }
    real.libxl_domain_config_dispose(config);
    free(config);
    return rc;
}

/* --- the domain ----------------------------------------------------------- */

int disks_send_begin(int control, json_object *config, const uint32_t *domid)
{
    json_object *info = as_json_object(config, "c_info");
    const char *uuid = as_json_text(info, "uuid");
    const char *given = as_json_text(info, "name");
    char id[16], *name;
    size_t n;
    int rc;

    if (!uuid || strlen(uuid) != UUID_LENGTH)
        return lacks("UUID");
    name = strdup(given ? given : "");
    if (!name)
        return hook_told(-ENOMEM);
    n = strlen(name);
    if (domid) {
        snprintf(id, sizeof(id), "%" PRIu32, *domid);
        rc = control_send(control, "begin", "uuid", uuid, "name", name,
                          "domid", id, NULL);
    } else {
        if (n > strlen(INCOMING) &&
            !strcmp(name + n - strlen(INCOMING), INCOMING))
            name[n - strlen(INCOMING)] = '\0';
        rc = control_send(control, "begin", "uuid", uuid, "name", name, NULL);
    }
    free(name);
    return hook_told(rc);
}

/* --- its disks ------------------------------------------------------------ */

/* A backend given by name, as driver domains are, has no number in the
 * configuration yet.  One that cannot be found is certainly not this domain:
 * NO_DOMID keeps the helper off a disk that is not here. */
static uint32_t backend_domid(libxl_ctx *ctx, json_object *disk)
{
    const char *name = as_json_text(disk, "backend_domname");
    json_object *number;
    int64_t n;
    uint32_t domid;

    if (name)
        return real.libxl_domain_qualifier_to_domid(ctx, name, &domid) ?
            NO_DOMID : domid;
    n = json_object_object_get_ex(disk, "backend_domid", &number) ?
        json_object_get_int64(number) : 0;
    return n < 0 || n > UINT32_MAX ? NO_DOMID : n;
}

/* Libxl's word, or what it leaves out because it is the default. */
static const char *word_of(json_object *disk, const char *key)
{
    const char *word = as_json_text(disk, key);

    return word ? word : "unknown";
}

static int send_disk(int control, libxl_ctx *ctx, json_object *disk,
                     const struct vbd *running)
{
    const char *vdev = as_json_text(disk, "vdev");
    const struct vbd *live;
    char domid[16];

    if (!vdev)
        return lacks("virtual device for one of its disks");
    live = vbds_find(running, vdev);
    if (live && !live->backend)
        live = NULL;
    snprintf(domid, sizeof(domid), "%" PRIu32,
             live ? live->backend_domid : backend_domid(ctx, disk));
    return hook_told(control_send(control, "disk",
        "vdev", vdev,
        "path", as_json_text(disk, "pdev_path"),
        "format", word_of(disk, "format"),
        "backend", live && live->kind ? live->kind : word_of(disk, "backend"),
        "mode", as_json_is_set(disk, "readwrite") ? "w" : "r",
        "cdrom", as_json_is_set(disk, "is_cdrom") ? "1" : "0",
        "script", as_json_text(disk, "script"),
        "backend_domid", domid, NULL));
}

static int send_disks(int control, libxl_ctx *ctx, json_object *config,
                      const struct vbd *running)
{
    json_object *disks;
    size_t i, n;
    int rc = 0;

    /* A guest without disks has no list of them. */
    if (!json_object_object_get_ex(config, "disks", &disks))
        return 0;
    if (!json_object_is_type(disks, json_type_array))
        return lacks("list of its disks");
    n = json_object_array_length(disks);
    for (i = 0; !rc && i < n; i++)
        rc = send_disk(control, ctx, json_object_array_get_idx(disks, i),
                       running);
    return rc;
}

int disks_send(int control, libxl_ctx *ctx, json_object *config,
               const uint32_t *domid)
{
    struct xs_handle *xs = domid ? vbds_open() : NULL;
    struct vbd *running = NULL;
    int rc = 0;

    if (domid)
        rc = xs ? vbds_read(xs, *domid, &running) : -EIO;
    if (xs)
        real.xs_close(xs);
    if (!rc)
        rc = send_disks(control, ctx, config, running);
    else if (rc != -EIO)
        hook_told(rc);
    vbds_free(running);
    return rc;
}
