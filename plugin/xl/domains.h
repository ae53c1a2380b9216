/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The domains of this host, as the unmodified xl prints them: for a dry run,
 * in which no xl with our hook takes part.
 */
#ifndef PLUGIN_XL_DOMAINS_H
#define PLUGIN_XL_DOMAINS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct domain_disk {
    char *vdev;
    char *path;                 /* "" if it has none */
    char *format;               /* libxl's word, or NULL */
    char *script;               /* or NULL */
    bool writable;
    bool cdrom;
    bool elsewhere;             /* its backend is in another domain */
};

struct domain {
    char *name;
    char *uuid;
    char domid[16];
    uint64_t memory;            /* bytes */
    struct domain_disk *disks;
    size_t n_disks;
};

struct domains {
    struct domain *list;
    size_t n;
};

/* The unmodified xl: the one that was found when this was built, or what the
 * environment variable XL_DEDUP_XL names. */
const char *domains_xl(void);

/* Takes what xl printed, an object of one domain or an array of them.  0 or
 * -ENOMEM; in both cases d is for domains_release(). */
struct json_object;
int domains_take(struct domains *d, struct json_object *o);

/* Runs "xl list -l" for one domain, by its name or number, or for all (NULL).
 * 0 and what domains_release() takes, or a negative errno: the cause has been
 * logged, by xl or here. */
int domains_list(struct domains *d, const char *domain);

/* Runs "xl create --dryrun" for the domain that a configuration file describes.
 * Returns the same. */
int domains_read(struct domains *d, const char *config);

/* Runs xl with these arguments, argv[0] being "xl", which has it print domains
 * as JSON.  Returns the same. */
int domains_ask(struct domains *d, const char *const *argv);

/* Takes domains from such a text. 0, -ENOMEM, or -EPROTO: it is none; logs
 * nothing. */
int domains_of_text(struct domains *d, const char *text);

void domains_release(struct domains *d);

#endif
