/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a guest needs of the host where it is to run: files, programs and
 * places that its configuration names, as questions (facts_host.h) to that
 * host.
 *
 * Trusts the xl of this host, which prints the configuration.
 */
#ifndef PLUGIN_XL_GUEST_NEEDS_H
#define PLUGIN_XL_GUEST_NEEDS_H

#include "plugin/xl/domains.h"
#include "plugin/xl/facts.h"

enum need_kind {
    NEED_FILE,                  /* what names a file of the host */
    NEED_PROGRAM,
    NEED_QEMU,                  /* the same; one of several is enough */
    NEED_PLACE,                 /* what is the virtual device of a disk */
};

/* The nth need has the nth question and the nth answer. */
struct need {
    enum need_kind kind;
    const char *what;           /* "kernel", "xvda" */
    char *path;
};

struct guest_needs {
    struct domains here;        /* one: the guest as it runs */
    json_object *all;           /* what xl printed */
    json_object *config;        /* how it is to run there; a part of all, or
                                   owned as `read` */
    json_object *read;          /* of a configuration file, or NULL */
    struct need *list;
    size_t n;
    json_object *questions;
};

/* Asks xl for the domain, by its name or number, and for the configuration
 * file that is to be sent in place of its own (NULL: none).  0, or a negative
 * errno, and why says the cause in one line.  In both cases n is for
 * guest_needs_release(). */
int guest_needs_read(struct guest_needs *n, const char *domain,
                     const char *config, char *why, size_t size);
void guest_needs_release(struct guest_needs *n);

/* The guest's name, or what else it may be called; and a section of its
 * configuration, or NULL. */
const char *guest_needs_name(const struct guest_needs *n);
json_object *guest_needs_section(const struct guest_needs *n,
                                 const char *section);

#endif
