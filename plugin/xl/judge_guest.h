/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whether a guest can be moved: what it has here, and what it needs there.
 * Facts of the other host are its word: all that a lie of it does is a wrong
 * finding.
 */
#ifndef PLUGIN_XL_JUDGE_GUEST_H
#define PLUGIN_XL_JUDGE_GUEST_H

#include <stddef.h>

#include "plugin/xl/diagnosis.h"
#include "plugin/xl/facts.h"
#include "plugin/xl/guest_needs.h"

/* Of the guest as it is here: its devices, its disks, and whether writes to
 * these are traced, which is tried.  where: the name of this host. */
void judge_guest_here(struct diagnosis *f, const char *where,
                      const struct guest_needs *n);

/* Of what it needs at the other host, whose facts have the answers to
 * n->questions.  where: the name of that host. */
void judge_guest_there(struct diagnosis *f, const char *where,
                       const struct guest_needs *n, json_object *there);

#endif
