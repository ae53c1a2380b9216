/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the target already holds: the images that may serve as references, as
 * the index knows them.
 *
 * A session sees only what the configuration allows and what it was told of
 * (the earlier copy of its own disk), whatever else is indexed: whoever can
 * name a digest can obtain the content.  It begins with what is indexed, and
 * has the rest read in the background: first what was never read, then what
 * was written to since.  What comes is used from then on.  If the index cannot
 * be written to, there is one for this session only, in a temporary directory.
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
#include "plugin/target/reference_images.h"

struct references;

/* Makes the references of a session, which borrow conf.  program is the
 * xl-dedup that is run to read what the index lacks; with NULL nothing is
 * read.  0 or a negative errno. */
int references_new(struct references **r_r, const struct configuration *conf,
                   const char *program);
/* Closes all and frees r, which may be NULL, when no thread searches any
 * more. */
void references_free(struct references *r);

/* Allows an image besides the configured ones; to be called before
 * references_open().  An image that cannot be used is logged and left out:
 * only -ENOMEM is an error. */
int references_add(struct references *r, const char *path);

/* Has nothing written to the index; to be called before references_open().  If
 * the index lacks an image, there is a temporary one for this session. */
void references_keep_index(struct references *r);

/* Opens the index, also if there is nothing to be found in it: disks that come
 * are entered.  Only -ENOMEM is an error: without an index nothing is found. */
int references_open(struct references *r);
/* Then: has what the index lacks read in the background. */
void references_start(struct references *r);

/* As many images are read for the index at a time. */
#define REFERENCES_READ_MAX 8192

/* Reading images for the index, which takes rights: another process may do it
 * for this one.  One process at a time is started, for at most
 * REFERENCES_READ_MAX images, which are given by their numbers. */
struct reference_system {
    int (*read)(void *opaque, const uint32_t *images, size_t n, bool gently);
    bool (*read_ended)(void *opaque);
    void (*read_stop)(void *opaque);
    void *opaque;
};

/* What this process does itself, for another one. */
void references_here(struct references *r, struct reference_system *s_r);
/* Between references_open() and references_start(): has that done so, and what
 * reading them takes as well. */
void references_set_system(struct references *r,
                           const struct reference_system *s,
                           const struct image_system *images);
/* The process that may do it removes the index of this session at its end. */
void references_remove_temporary(const struct references *r);

/* The functions below may be called by several threads, and before the start
 * as well. */

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

/* Whether such an object is in none of them and is not worth waiting for.  It
 * looks at nothing but the index. */
bool references_lack(struct references *r, const uint8_t *short_digest,
                     uint64_t size);

/*
 * Finds the file that is most likely another version of the one of this path
 * and size: that of the same path, or else of one that differs only in its
 * numbers (initrd.img-6.1.0-17 for -18), and among these the one of the
 * nearest size.  The caller finds out whether its content is alike.
 */
bool references_find_path(struct references *r, const char *path,
                          uint64_t size, struct basis *h_r);

/* The images themselves, indexed or not; there are none before
 * references_open(). */
struct reference_images *references_images(struct references *r);
size_t references_count(struct references *r);
/* Lends one, or returns NULL if it cannot be read. */
const struct image *references_image(struct references *r, size_t i);
/* Whether any has files. */
bool references_have_paths(struct references *r);

/*
 * What is not found while an image is read for the first time may be found in
 * a moment.  references_news() before the search, references_wait() after it
 * has failed: true if there is something new to be searched, false if the
 * object is to be asked for.  It waits for the images for at most the time
 * that the configuration says; after that it lets enough bytes be asked for
 * that the link stays busy.  references_arrived() tells of a number of bytes
 * that were asked for and have arrived.
 */
uint64_t references_news(struct references *r);
bool references_wait(struct references *r, uint64_t news, uint64_t size);
void references_arrived(struct references *r, uint64_t bytes);

/* The host's index, if it can be written to, and the descriptor of its lock
 * (index_lock_take()); NULL if it cannot, or if there is none.  It stays open
 * until references_free(), and this process must not open it again before. */
struct store *references_store(const struct references *r, int *lock_fd_r);

/* Has nobody wait any more, because the session ends. */
void references_stop(struct references *r);

/* Does the same, and ends the process that changes the index for us. */
void references_end_refresh(struct references *r);

#endif
