/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One owner: a guest that has moved is started at the other host from then on,
 * and not by mistake at this one as well, from disks that are old.
 *
 *   before    its configuration file is looked for          handover_prepare()
 *   when it may start there                                 handover_expect()
 *             a note of this host says so before xl permits it, so that it is
 *             not started here even if nothing is heard any more
 *   when the guest runs there                               handover_commit()
 *             the images here are marked (state/moved.h), its links in "auto"
 *             go, and its file gets a name that says where the guest is
 *   then      the file goes to the other host, by a second run of the command
 *             that leads there: "xl-dedup adopt"            handover_deliver()
 *
 * xl hears of its success after that, since it ends then, and the host may be
 * about to go down.  Nothing of this fails a migration: what cannot be done is
 * a warning, on the terminal and in syslog.  Every step leaves a state in which
 * the guest's file is at this host, under one of two names, and from the first
 * step on the guest cannot be started here by xl with our front.  'xl-dedup
 * reclaim' undoes it.
 *
 * Calls of different threads exclude each other.
 *
 * Trusts this host's files, and the command that leads to the other one.
 */
#ifndef PLUGIN_XL_HANDOVER_H
#define PLUGIN_XL_HANDOVER_H

#include <stdbool.h>

#include "plugin/state/configuration.h"
#include "plugin/xl/guest.h"

struct handover;

/* The options, with those that the others of send-xl have. */
struct handover_options {
    bool keep;                  /* nothing is to happen */
    const char *config;         /* the guest's there, as xl -C was given it, or
                                   NULL: the one that it has here */
};

enum {
    HANDOVER_OPTION_KEEP = 0x400,
    HANDOVER_OPTION_CONFIG,
};

#define HANDOVER_OPTIONS_TABLE \
    { "keep-config", no_argument, NULL, HANDOVER_OPTION_KEEP }, \
    { "config", required_argument, NULL, HANDOVER_OPTION_CONFIG }

/* Takes an option.  -ENOENT: not one of these. */
int handover_option(struct handover_options *o, int option, const char *value);

/* Looks for the configuration of the guest, whose disks are known.  command:
 * what leads to xl-dedup receive-xl at the other host.  Borrows all that it is
 * given.  NULL: nothing will happen, since that is wanted or memory is short
 * (logged); the other functions do nothing then. */
struct handover *handover_prepare(const struct handover_options *o,
                                  const struct configuration *conf,
                                  const struct guest *guest,
                                  const char *const *command);

/* The target is ready, and xl, which has not heard of it yet, will have it
 * started there. */
void handover_expect(struct handover *h);

/* It runs here: the target does not run it, or never will.  After this or
 * handover_commit() the other two do nothing. */
void handover_cancel(struct handover *h);

/* Whether it was expected, and neither of the two came to be. */
bool handover_is_unsure(struct handover *h);

/* The guest runs there. */
void handover_commit(struct handover *h);

/* Has the configuration go to the other host.  Takes half a minute, and what
 * the command needs to end, at most.  Signals that end processes are ignored
 * meanwhile. */
void handover_deliver(struct handover *h);

#endif
