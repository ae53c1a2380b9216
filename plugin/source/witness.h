/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The course of a disk while it is in doubt whether the target's device is
 * another storage (doubt.h): the target writes to the device only after that
 * was seen.  While both are equal there is nothing to be written, and nothing
 * to be seen either: then the disk stays in doubt until the guest writes.
 *
 * Each of these returns 0, and nothing is in doubt any more, or what there was
 * to be sent is there already; -EEXIST (logged): it is the same storage; -EBUSY
 * (logged): it cannot be told; or an error of reading or of the wire.  Without
 * a doubt they do nothing but what is said.
 */
#ifndef PLUGIN_SOURCE_WITNESS_H
#define PLUGIN_SOURCE_WITNESS_H

#include <stdbool.h>

#include "plugin/source/disk.h"
#include "plugin/source/pass.h"
#include "plugin/source/session.h"

/* Before the manifest, and after the comparison if there was one. */
int witness_begin(const struct session *s, struct source_disk *d);

/* Before what is dirty in d->dirty is sent. */
int witness_dirty(const struct session *s, struct source_disk *d);

/* A pass (pass_run()), after which what it named is settled; then the pass is
 * run again, so that *r is of one in which nothing was in doubt or nothing
 * differed. */
int witness_pass(const struct session *s, struct source_disk *d, bool full,
                 struct pass_result *r);

#endif
