/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where the content of a disk goes that the target lacks: to the wire, or, in
 * a dry run, into bounded random samples (reservoir.h) of which the estimate
 * is made.  A dry run sends no content.
 *
 * A disk has an output of its own in a dry run only (d->output); the functions
 * below take the disk and know what to do without.  They are called from the
 * one thread that serves the disk.
 */
#ifndef PLUGIN_SOURCE_OUTPUT_H
#define PLUGIN_SOURCE_OUTPUT_H

#include <stdbool.h>
#include <stdint.h>

#include "plugin/base/buf.h"
#include "plugin/source/disk.h"
#include "plugin/source/reservoir.h"
#include "plugin/source/session.h"

/* Makes the output of a dry run of d, which is one of n_disks: they share what
 * memory the samples may have.  0 or -ENOMEM. */
int output_begin(struct source_disk *d, unsigned n_disks);
void output_free(struct output *o);

/* Content of the bulk copy: sends it as a frame of that type, or samples it.
 * 0 or a negative errno. */
int output_freight(const struct session *s, struct source_disk *d,
                   uint16_t type, const struct buf *b);

/* Whether the next piece of freight has to be read from the disk; if not, only
 * its length matters to output_freight(). */
bool output_reads(const struct source_disk *d);

/* The same as output_freight() for a PATCH frame of a check pass. */
int output_patch(const struct session *s, struct source_disk *d,
                 const struct buf *b);

/* The target leaves this range of the disk to the passes; in a dry run only. */
void output_leave(struct source_disk *d, uint64_t offset, uint64_t length);

/* Whether a pass sends what differs in this range: always, but in a dry run
 * only what was left to the passes, since the rest was counted before. */
bool output_sends(const struct source_disk *d, uint64_t offset,
                  uint64_t length);

/* The samples of a dry run.  They belong to the output. */
struct reservoir *output_freight_sample(const struct source_disk *d);
struct reservoir *output_patch_sample(const struct source_disk *d);

#endif
