/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is known of the guest; see guest.h. */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "plugin/base/log.h"
#include "plugin/xl/guest.h"
#include "plugin/xl/guestdisk.h"

int guest_begin(struct guest *g, const struct control_msg *msg)
{
    const char *uuid = control_get(msg, "uuid");
    const char *name = control_get(msg, "name");
    const char *domid = control_get(msg, "domid");

    if (!uuid || !domid)
        return -EPROTO;
    snprintf(g->uuid, sizeof(g->uuid), "%s", uuid);
    snprintf(g->name, sizeof(g->name), "%s", name ? name : "");
    snprintf(g->domid, sizeof(g->domid), "%s", domid);
    return 0;
}

int guest_take_disk(struct guest *g, const struct control_msg *msg)
{
    const char *cdrom = control_get(msg, "cdrom");
    const char *mode = control_get(msg, "mode");
    const char *domid = control_get(msg, "backend_domid");
    struct guest_disk d = {
        .vdev = control_get(msg, "vdev"),
        .path = control_get(msg, "path"),
        .format = control_get(msg, "format"),
        .script = control_get(msg, "script"),
        .elsewhere = domid && strcmp(domid, "0"),
    };
    int rc;

    if (!d.vdev)
        return -EPROTO;
    if (g->memory_only)
        return 0;
    if (cdrom && !strcmp(cdrom, "1")) {
        guest_disk_say_cdrom(&d, g->host);
        return 0;
    }
    rc = guest_disk_check(&d);
    if (!rc && mode && !strcmp(mode, "w"))
        rc = remove_source_add(&g->remove_source, d.vdev, d.path);
    return rc ? rc : sender_add_disk(g->sender, d.vdev, d.path, NULL);
}

/* Two that write would each have a copy of their own from then on. */
static int check_shared(struct guest *g, const struct control_msg *msg,
                        const char *user)
{
    const char *path = control_get(msg, "path");
    const char *device = control_get(msg, "device");
    const char *mode = control_get(msg, "mode"), *vdev;
    const struct backend *b;
    const struct image *img;
    unsigned i;

    for (i = 0; (vdev = sender_vdev(g->sender, i)); i++) {
        b = backends_find(g->attached, vdev);
        img = sender_image(g->sender, vdev);
        if (!b || !backend_shares(img, device ? device : "", path))
            continue;
        remove_source_in_use(&g->remove_source, img->path, user);
        if (!backend_is_writable(b) || (mode && !strcmp(mode, "r")))
            continue;
        backend_say_shared(vdev, img->path, user);
        return -EBUSY;
    }
    return 0;
}

/* A domain that the hook found on this host: the guest itself is one. */
int guest_take_busy(struct guest *g, const struct control_msg *msg)
{
    const char *domid = control_get(msg, "domid");
    const char *path = control_get(msg, "path");
    const char *name = control_get(msg, "name");
    const char *user = name && *name ? name : domid;

    if (!path || !domid)
        return -EPROTO;
    if (!strcmp(domid, g->domid))
        return 0;
    remove_source_in_use(&g->remove_source, path, user);
    return check_shared(g, msg, user);
}

/* A disk that the configuration does not have would stay behind. */
int guest_check_configured(const struct guest *g)
{
    const struct backend *b;

    for (b = g->attached; b && !g->memory_only; b = b->next) {
        if (backend_is_cdrom(b) ||
            sender_image(g->sender, b->field[BACKEND_VDEV]))
            continue;
        log_error("disk %s: it is attached to the guest, but not in its "
                  "configuration; detach it, or try again if that is being "
                  "done", b->field[BACKEND_VDEV]);
        return -ESTALE;
    }
    return 0;
}

/* The disks that are moved are the ones that the guest has. */
int guest_check_images(const struct guest *g)
{
    const struct backend *b;
    const char *vdev;
    unsigned i;
    int rc = 0;

    for (i = 0; !rc && (vdev = sender_vdev(g->sender, i)); i++) {
        b = backends_find(g->attached, vdev);
        if (b) {
            rc = backend_check(b, sender_image(g->sender, vdev));
            continue;
        }
        log_error("disk %s: it is in the guest's configuration, but xenstore "
                  "does not have it; wait until it is attached, or detach it",
                  vdev);
        rc = -ESTALE;
    }
    return rc;
}

/* What the hook has listed last is what there was at first. */
int guest_check_listed(struct guest *g)
{
    int rc = backends_compare(g->attached, g->now);

    backends_release(&g->now);
    return rc ? rc : guest_check_images(g);
}
