/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Entries that turned out wrong.
 *
 * What the index says is a hint: an image may have been written to since it was
 * read, and the list of a disk that was received is what its source has said.
 * An entry whose content is something else would be tried before a true one for
 * the same digest again and again, so whoever finds that out has it removed.
 */
#ifndef PLUGIN_INDEX_INDEX_FORGET_H
#define PLUGIN_INDEX_INDEX_FORGET_H

#include <stddef.h>

#include "plugin/index/index_record.h"
#include "plugin/index/store.h"

struct index_wrong {
    struct index_place place;
    uint8_t digest[PROTO_SHORT_DIGEST];     /* that it does not have */
    uint64_t size;
};

/* Removes those objects that are still said to have this digest, and all
 * entries that lead to them, at once.  0 or a negative errno. */
int index_forget(struct store *s, const struct index_wrong *list, size_t n);

#endif
