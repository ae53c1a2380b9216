/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * xl-dedup estimate-xl: "xl migrate --dedup --dry-run".
 *
 * No xl migrates here, and no hook takes part: the unmodified xl is asked for
 * the guest's disks, and at the other host, by "xl-dedup receive", for those
 * that are in use there.  The guest does not notice, and nothing is written.
 */
#include "config.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/base/exit.h"
#include "plugin/base/hostname.h"
#include "plugin/base/log.h"
#include "plugin/memory/memory_options.h"
#include "plugin/proto.h"
#include "plugin/source/remove_source.h"
#include "plugin/source/sender.h"
#include "plugin/state/configuration.h"
#include "plugin/wire/peer.h"
#include "plugin/wire/wire_options.h"
#include "plugin/xl/backend.h"
#include "plugin/xl/domains.h"
#include "plugin/xl/guestdisk.h"
#include "plugin/xl/handover.h"
#include "plugin/xl/helpers.h"

struct estimate {
    struct configuration conf;
    const char *host;
    const char *domain;
    struct handover_options handover;   /* its config: of what is sent */
    struct wire_options wire;
    struct memory_options memory;
    struct remove_source remove_source;
    struct domains here;        /* one */
    struct domains all;         /* of this host */
    struct domains there;       /* what config says, or none */
};

/* Where the disk goes: where the configuration says that is sent. */
static const char *path_there(const struct estimate *r, const char *vdev)
{
    const struct domain *d = r->there.n ? &r->there.list[0] :
        &r->here.list[0];
    size_t i;

    for (i = 0; i < d->n_disks; i++)
        if (!strcmp(d->disks[i].vdev, vdev))
            return d->disks[i].path;
    return NULL;
}

/* A device model in a domain of its own has its guest's disks. */
static bool is_other(const struct domain *guest, const struct domain *d)
{
    size_t n = guest->name ? strlen(guest->name) : 0;

    return strcmp(d->domid, guest->domid) &&
        !(n > 0 && d->name && !strncmp(d->name, guest->name, n) &&
          !strcmp(d->name + n, "-dm"));
}

/* Whether another domain writes to it, too. */
static int check_shared(const struct estimate *r, const char *vdev,
                        const struct image *img)
{
    char device[BACKEND_DEVICE_BYTES];
    const struct domain *d;
    size_t i, j;

    for (i = 0; i < r->all.n; i++) {
        d = &r->all.list[i];
        for (j = 0; is_other(&r->here.list[0], d) && j < d->n_disks; j++) {
            backend_kernel_device(atoi(d->domid), d->disks[j].vdev, device);
            if (!d->disks[j].writable ||
                !backend_shares(img, device, d->disks[j].path))
                continue;
            backend_say_shared(vdev, img->path, d->name ? d->name : d->domid);
            return -EBUSY;
        }
    }
    return 0;
}

/* As far as it can be told without xenstore. */
static int check_backend(const struct estimate *r, const struct sender *s,
                         const struct domain_disk *disk)
{
    const struct image *img = sender_image(s, disk->vdev);
    char device[BACKEND_DEVICE_BYTES];
    int rc;

    backend_kernel_device(atoi(r->here.list[0].domid), disk->vdev, device);
    rc = backend_check_device(disk->vdev, img, device);
    return rc || !disk->writable ? rc : check_shared(r, disk->vdev, img);
}

static int add_disk(struct estimate *r, struct sender *s,
                    const struct domain_disk *disk)
{
    struct guest_disk d = {
        .vdev = disk->vdev, .path = disk->path, .format = disk->format,
        .script = disk->script, .elsewhere = disk->elsewhere,
    };
    const char *dest;
    int rc;

    if (disk->cdrom) {
        guest_disk_say_cdrom(&d, r->host);
        return 0;
    }
    rc = guest_disk_check(&d);
    if (!rc && disk->writable)
        rc = remove_source_add(&r->remove_source, d.vdev, d.path);
    if (rc)
        return rc;
    dest = path_there(r, d.vdev);
    if (!dest) {
        log_error("disk %s: %s does not have it; is it another guest's?",
                  d.vdev, r->handover.config);
        return -ENOENT;
    }
    rc = sender_add_disk(s, d.vdev, d.path, dest);
    return rc ? rc : check_backend(r, s, disk);
}

static int estimate(struct estimate *r, struct wire *w, struct inbox *in)
{
    const struct domain *d = &r->here.list[0];
    struct sender_options opt = {
        .mode = "migrate", .name = d->name ? d->name : r->domain,
        .uuid = d->uuid ? d->uuid : "", .peer = r->host, .dry = true,
        .live = true,
        .state_dir = r->conf.state_dir,
        .memory_limit = r->conf.memory_limit,
    };
    struct estimate_options how = {
        .level = r->wire.level, .rate = r->wire.bytes_per_second,
        .memory = d->memory,
    };
    struct sender *s;
    size_t i;
    int rc;

    rc = sender_new(&s, &opt);
    for (i = 0; i < d->n_disks && !rc && !r->memory.only; i++)
        rc = add_disk(r, s, &d->disks[i]);
    if (!rc)
        rc = sender_offer(s, w, in);
    if (!rc)
        rc = sender_dry_run(s, &how);
    /* A thread may still use it: the process ends with it. */
    return rc ? rc : wire_send(w, FRAME_BYE, PROTO_NO_DISK, NULL, 0);
}

static int connect_and_estimate(struct estimate *r,
                                const char *const *command)
{
    struct peer p = PEER_INIT;
    struct wire *w = NULL;
    struct inbox *in;
    int rc;

    rc = peer_start(&p, r->host, command);
    if (!rc)
        rc = peer_session(&p, &r->wire, -1, &w, &in, NULL, NULL);
    if (rc)
        return rc;
    rc = estimate(r, w, in);
    inbox_explain(in, rc);
    if (rc)
        peer_end(&p);
    else
        peer_wait(&p);
    return rc;
}

static int run(struct estimate *r, const char *const *command)
{
    int rc = domains_list(&r->here, r->domain);

    if (!rc && (r->here.n != 1 || !r->here.list[0].uuid)) {
        log_error("xl does not know the domain %s", r->domain);
        rc = -ENOENT;
    }
    if (!rc && !r->memory.only)
        rc = domains_list(&r->all, NULL);
    if (!rc && r->handover.config)
        rc = domains_read(&r->there, r->handover.config);
    return rc ? rc : connect_and_estimate(r, command);
}

static const char help[] =
"Usage: xl-dedup estimate-xl --domain=DOMAIN [OPTION]... -- COMMAND...\n"
"\n"
"Run by 'xl migrate --dedup --dry-run'; not meant to be typed.  COMMAND leads\n"
"to 'xl-dedup receive' at the other host.\n"
"\n"
"      --host=NAME     the other host, for messages\n"
"      --config=FILE   the configuration that would be sent\n"
"      --remove-source would be refused as in a migration\n"
"      --wipe-source\n"
"      --keep-config   makes no difference here\n"
MEMORY_OPTIONS_HELP
WIRE_OPTIONS_HELP;

/* -1: go on; otherwise an exit status. */
static int parse(struct estimate *r, int argc, char **argv)
{
    static const struct option options[] = {
        { "domain", required_argument, NULL, 'd' },
        { "host", required_argument, NULL, 'H' },
        REMOVE_SOURCE_OPTIONS_TABLE,
        HANDOVER_OPTIONS_TABLE,
        MEMORY_OPTIONS_TABLE,
        WIRE_OPTIONS_TABLE,
        { "help", no_argument, NULL, 'h' },
        { NULL, 0, NULL, 0 },
    };
    int c;

    while ((c = getopt_long(argc, argv, "+h", options, NULL)) != -1)
        switch (c) {
        case 'd':
            r->domain = optarg;
            break;
        case 'H':
            if (!hostname_is_one(optarg)) {
                log_error("this is no host: %s", optarg);
                return XD_EXIT_USAGE;
            }
            r->host = optarg;
            break;
        case 'h':
            fputs(help, stdout);
            return XD_EXIT_OK;
        default:
            if (remove_source_option(&r->remove_source, c) &&
                handover_option(&r->handover, c, optarg) &&
                memory_options_take(&r->memory, c, optarg) &&
                wire_options_take(&r->wire, c, optarg))
                return XD_EXIT_USAGE;
        }
    return -1;
}

int cmd_estimate_xl(int argc, char **argv)
{
    struct estimate r = {
        .host = "the other host", .memory = MEMORY_OPTIONS_INIT,
    };
    int status = parse(&r, argc, argv);

    if (status >= 0)
        return status;
    if (!r.domain || optind >= argc) {
        log_error("estimate-xl is run by 'xl migrate --dedup --dry-run'");
        return XD_EXIT_USAGE;
    }
    signal(SIGPIPE, SIG_IGN);
    if (log_exit("estimate-xl", configuration_load(&r.conf)))
        return XD_EXIT_FAILED;
    return log_exit("estimate-xl",
                    run(&r, (const char *const *)(argv + optind)));
}
