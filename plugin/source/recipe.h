/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Recipes, the source's part (docs/protocol.md, "UNKNOWN, NAMES, SIGNATURE,
 * RECIPE"): names of objects that the target does not find by their digest,
 * and how to make an object of the file that it holds under that name.
 *
 * A recipe is made of one reading of the object, and ends with the digest of
 * just that, whatever a guest writes meanwhile.
 */
#ifndef PLUGIN_SOURCE_RECIPE_H
#define PLUGIN_SOURCE_RECIPE_H

#include "plugin/base/buf.h"
#include "plugin/match/rolling.h"
#include "plugin/source/blocklist.h"
#include "plugin/source/disk.h"

/* A sketch that the target sent of its file. */
struct asked {
    struct rolling rolling;
    struct sketch sketch;
    bool code;                  /* of its skeleton */
    uint8_t hashes[];
};

/* Answers a frame that asks for names.  -EPROTO: it makes no sense. */
int recipe_names(const struct session *s, const struct source_disk *d,
                 const struct frame *f);

/* Takes the next sketch of a SIGNATURE frame; c stands behind the key.  number:
 * of the one before, then of this one. */
int recipe_take_sketch(struct cursor *c, const uint8_t *key,
                       uint64_t *number, struct asked **a_r);

/* Sends the recipe of an object. */
int recipe_send(const struct session *s, struct source_disk *d, uint64_t number,
                const struct asked *a);

/* The same of an object of which the target has some blocks. */
int recipe_send_lacking(const struct session *s, struct source_disk *d,
                        uint64_t number, const struct lack *lack);

#endif
