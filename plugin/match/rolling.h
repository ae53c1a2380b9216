/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Looking for one file's content in another that only the other side has.
 *
 * The side that holds a file describes it by a signature, as librsync calls it:
 * a short keyed hash of each of its blocks.  The side that has the new content
 * slides a window of a block's length over it, byte by byte, and finds the
 * blocks wherever they went.
 *
 * The hash is a polynomial over the bytes, modulo the prime 2^61 - 1, at a
 * point that the key chooses.  It can be rolled, and two different blocks of
 * length n collide for n of 2^61 keys, whoever made them.  So it needs no
 * second, stronger hash beside it, and without the key content cannot be
 * crafted to match.  What is sent of it is cut to a few bytes, as few as will
 * do, since each byte tells the other side something of the file: a match is a
 * guess, and the digest of the whole result is what counts.
 *
 * Every position costs the same, whatever content and signature are.  A matcher
 * is for one thread.
 */
#ifndef PLUGIN_MATCH_ROLLING_H
#define PLUGIN_MATCH_ROLLING_H

#include <stddef.h>
#include <stdint.h>

#include "plugin/proto.h"

#define ROLLING_KEY_BYTES 8
#define ROLLING_STRIDE 8

#define RESEMBLANCE_WINDOW PROTO_SHOWN_WINDOW
#define RESEMBLANCE_VALUES PROTO_SHOWN_VALUES

struct rolling {
    uint64_t base;
    uint64_t whiten;
    uint64_t powers[ROLLING_STRIDE + 1];    /* of the base, from 0 on */
};

/* Makes the hash function of a key. */
void rolling_init(struct rolling *r, const uint8_t key[ROLLING_KEY_BYTES]);

/* The hash of a block, piece by piece, beginning with 0; then cut to width
 * (1 to 8) bytes. */
uint64_t rolling_add(const struct rolling *r, uint64_t hash,
                     const void *data, size_t n);
uint64_t rolling_cut(const struct rolling *r, uint64_t hash, unsigned width);

/* The signature of a file that is held. */
struct block_signature {
    uint64_t size;              /* of the file that is held, > 0 */
    uint32_t block;             /* bytes of one; the last may be shorter */
    unsigned width;             /* bytes of a hash */
    const uint8_t *hashes;      /* one a block, little endian; borrowed */
};

/* How many blocks the held file has. */
size_t block_signature_count(const struct block_signature *s);

/* Chooses block and width for a file of s->size bytes: such that the signature
 * is small against what it may save, and that a wrong match is rare in content
 * that is about as long.  They depend on nothing else, so that all who ask for
 * a file are told the same. */
void block_signature_shape(struct block_signature *s);

/* What takes the result: the content in order, as bytes of its own or as bytes
 * of the held file.  Each function returns 0 or a negative errno, which stops
 * everything. */
struct matcher_sink {
    int (*literal)(void *opaque, const uint8_t *data, size_t length);
    int (*copy)(void *opaque, uint64_t offset, uint64_t length);
    void *opaque;
};

/*
 * What is left of content to show that another one resembles it: of the hashes
 * of all its windows of RESEMBLANCE_WINDOW bytes, a piece of each of the
 * smallest (A. Broder, "On the resemblance and containment of documents",
 * 1997).  Under a key that nobody knew before, a peer that lacks the windows
 * can only guess the values.  Of content with fewer different windows the rest
 * is 0.
 */
struct resemblance {
    struct rolling rolling;
    uint64_t gone[256];         /* what a byte that leaves the window was */
    uint64_t hash;              /* of the window, once it is full */
    uint64_t n;                 /* bytes so far */
    uint8_t window[RESEMBLANCE_WINDOW];     /* the last ones, in a ring */
    uint64_t least[RESEMBLANCE_VALUES];     /* ascending */
};

void resemblance_init(struct resemblance *a,
                      const uint8_t key[ROLLING_KEY_BYTES]);
/* The next bytes of the content; then its end. */
void resemblance_add(struct resemblance *a, const void *data, size_t length);
void resemblance_end(const struct resemblance *a,
                     uint32_t values[RESEMBLANCE_VALUES]);
/* How many of the values of what is held were shown. */
unsigned resemblance_compare(const uint32_t held[RESEMBLANCE_VALUES],
                             const uint32_t shown[RESEMBLANCE_VALUES]);

struct matcher;

/* Borrows the hashes of s, and what sink leads to.  *m_r is for matcher_free().
 * -ENOMEM. */
int matcher_new(struct matcher **m_r, const struct rolling *r,
                const struct block_signature *s,
                const struct matcher_sink *sink);
/* The next bytes of the content; then its end.  0 or what the sink returned. */
int matcher_feed(struct matcher *m, const void *data, size_t length);
int matcher_end(struct matcher *m);
void matcher_free(struct matcher *m);

#endif
