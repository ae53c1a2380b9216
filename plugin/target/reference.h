/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the target already holds: the images that may serve as references, as
 * the index knows them.
 *
 * A session sees only what the configuration allows and what it was told of
 * (the earlier copy of its own disk), whatever else is indexed: who can name a
 * digest can obtain the content.  It begins with what is indexed, and has the
 * rest read in the background: first what was never read, then what was
 * written to since.  What comes is used from then on.  If the index cannot be
 * written to, there is one for this session only, in a temporary directory.
 *
 * A reference is only read.  It may be in use by a guest that writes to it,
 * and the index may be old, so a hit is a hint: whoever copies from it hashes
 * what is copied.
 */
#ifndef PLUGIN_TARGET_REFERENCE_H
#define PLUGIN_TARGET_REFERENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "plugin/index/basis.h"
#include "plugin/state/configuration.h"

struct references;

/* program: the xl-dedup that reads what is missing; NULL: nothing is read.
 * Borrows conf. */
int references_new(struct references **r_r, const struct configuration *conf,
                   const char *program);
/* No thread may be searching any more. */
void references_free(struct references *r);

/* Before references_start(): allows an image besides the configured ones.
 * One that cannot be used is logged and left out: only -ENOMEM is an error. */
int references_add(struct references *r, const char *path);

/* Before references_start(): nothing is written to the index.  If it lacks an
 * image, there is a temporary one for this session. */
void references_keep_index(struct references *r);

/* Opens the index and has read what it lacks.  Only -ENOMEM is an error:
 * without an index nothing is found. */
int references_start(struct references *r);

/* What follows is safe for several threads, also before the start. */

/*
 * Finds an object by the first PROTO_SHORT_DIGEST bytes of its digest and its
 * size.  nth: 0, then 1 and so on if what was found before turned out to be
 * something else.  *h_r is to be released before the references are.
 */
bool references_find(struct references *r, const uint8_t *short_digest,
                     uint64_t size, unsigned nth, struct basis *h_r);

/* What references_find() gave was read, and its content is something else: the
 * index forgets it when the references are freed, if it can be written to. */
void references_wrong(struct references *r, const struct basis *h);

/* Whether such an object is in none of them and it is not worth waiting for
 * it: without looking at more than the index. */
bool references_lack(struct references *r, const uint8_t *short_digest,
                     uint64_t size);

/* Whether there are any files in them. */
bool references_have_paths(struct references *r);

/*
 * Finds the file that is most likely another version of the one of this path
 * and size: that of the same path, or else of one that differs only in its
 * numbers (initrd.img-6.1.0-17 for -18), and among these the one of the
 * nearest size.  Whether its content is alike is for the caller to find out.
 */
bool references_find_path(struct references *r, const char *path,
                          uint64_t size, struct basis *h_r);

/* The images themselves, indexed or not; none before the start.  NULL: this
 * one cannot be read.  Borrowed. */
size_t references_count(const struct references *r);
const struct image *references_image(struct references *r, size_t i);

/*
 * What is not found while an image is read for the first time may be found in
 * a moment.  references_news() before the search, references_wait() after it
 * has failed: true if there is something new to be searched, false if the
 * object is to be asked for.  Waits for the images for at most the time
 * that the configuration says; after that it keeps enough bytes asked for to
 * keep the link busy.  references_arrived(): this number of bytes of what was
 * asked for has arrived.
 */
uint64_t references_news(struct references *r);
bool references_wait(struct references *r, uint64_t news, uint64_t size);
void references_arrived(struct references *r, uint64_t bytes);

/* The host's index, if it can be written to: it is open until
 * references_free(), and must not be opened again by this process before.
 * *directory_r: its.  NULL: it is not, or there is none. */
struct store *references_store(const struct references *r,
                               const char **directory_r);

/* Nobody waits any more: the session ends. */
void references_stop(struct references *r);

/* The same, and nobody changes the index for us any more. */
void references_end_refresh(struct references *r);

#endif
