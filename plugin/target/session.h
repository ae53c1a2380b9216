/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A session of the target, opened to the two files that make it: receiver.c has
 * its course, offer.c what comes before anything is copied.
 *
 * Engine thread only.
 */
#ifndef PLUGIN_TARGET_SESSION_H
#define PLUGIN_TARGET_SESSION_H

#include <stdarg.h>
#include <stdbool.h>

#include "plugin/state/configuration.h"
#include "plugin/target/destination_list.h"
#include "plugin/target/disk.h"
#include "plugin/target/receiver_events.h"
#include "plugin/wire/inbox.h"

#define WHY_BYTES 4096

struct known_path {
    char *vdev;
    char *path;
    struct known_path *next;
};

struct receiver {
    struct wire *wire;
    struct inbox *inbox;
    const struct configuration *conf;
    struct receiver_events events;
    struct threadpool *pool;
    struct references *references;
    struct budget *budget;
    atomic_size_t blocks_left;
    struct told told;
    struct known_path *paths;
    const struct used_path *busy;
    struct destination_list *places;    /* where disks may go; or NULL */
    struct monitor *monitor;            /* keeps our rights; or NULL */
    char *uuid;
    bool confines;              /* gives up its rights when it has settled */
    bool settled;               /* all disks are accepted, or there is none */
    bool push;
    bool dry;                   /* nothing is to be written */
    bool offered;               /* DISKS_END was seen */
    bool failed;                /* FAIL was sent */
    struct target_disk **disks;
    unsigned n_disks;
    unsigned n_checked;
    unsigned n_accepted;
    unsigned n_placed;
};

/* Tells the source why the session ends; only the first time. */
void session_refuse(struct receiver *r, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void session_vrefuse(struct receiver *r, const char *fmt, va_list ap)
    __attribute__((format(printf, 2, 0)));

/* Calls one of r->events, which may be NULL.  0 or what it returns. */
int session_raise(struct receiver *r, int (*handler)(void *));

/* Whether the source still waits for its disks; receiver: a struct receiver,
 * from any thread. */
bool session_is_wanted(void *receiver);

#endif
