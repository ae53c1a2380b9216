/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An object that a recipe makes of what this host holds and of what comes with
 * the recipe (docs/protocol.md, "UNKNOWN, NAMES, SIGNATURE, RECIPE").
 *
 * The source chooses what is copied.  So what is copied reaches the destination
 * only when the whole has the digest that the source gives: nothing of a recipe
 * that comes out wrong is ever there, whenever the session, the process or the
 * host ends, to be hashed and told about.  The object is put together in memory
 * if it is small or is code.  A larger one is hashed first, while what comes
 * along goes to its place and what is to be copied is noted; that is read again
 * when the digest is right, and hashed again, since somebody may write to it.
 *
 * What is copied begins and ends where blocks of what was described do.  Else
 * whether the digest is right would tell of a single byte.
 *
 * Engine thread only.
 */
#ifndef PLUGIN_TARGET_ASSEMBLY_H
#define PLUGIN_TARGET_ASSEMBLY_H

#include "plugin/target/objects.h"

/* Bytes of code, which is put together in memory: what is longer is not
 * made. */
#define ASSEMBLY_CODE_MAX (UINT64_C(96) << 20)
/* Read at once, at most. */
#define ASSEMBLY_PIECE (256u << 10)

struct assembly;
struct budget;

/* What a recipe may copy from. */
struct assembly_basis {
    uint64_t size;              /* bytes */
    uint64_t head;              /* bytes before the first block */
    uint64_t block;             /* bytes of one; the last may be shorter */
    bool code;                  /* it is the skeleton of code, and what is made
                                   of it is another */
    bool keep;                  /* of a result that is wrong, what came with
                                   the recipe is put in its place */
    /* Reads at most ASSEMBLY_PIECE bytes; there is room for
     * X86_OPERANDS_BEYOND more.  -EPROTO: there is no such place. */
    int (*read)(const void *opaque, void *data, size_t length,
                uint64_t offset);
    const void *opaque;
};

/* Where the budget has not enough to spare, nothing is made.  Copies *basis,
 * and borrows the rest.  *a_r is for assembly_free().  -ENOMEM. */
int assembly_new(struct assembly **a_r, const struct batch *b,
                 const struct wire_object *o,
                 const struct assembly_basis *basis, struct budget *budget);
void assembly_free(struct assembly *a);

/* How many bytes of the object are there, or of its skeleton. */
uint64_t assembly_done(const struct assembly *a);

/* Takes what a frame says of the operands of code.  -EPROTO, -ENOMEM. */
int assembly_take_operands(struct assembly *a, struct cursor *c);
/* The next bytes of the object, that came with the recipe; they must not be
 * more than it lacks.  0, or what writing gave. */
int assembly_add(struct assembly *a, const void *data, size_t length);
/* The same from the basis.  -EPROTO: not whole blocks of it, or not in it. */
int assembly_copy(struct assembly *a, uint64_t offset, uint64_t length);

/* The object is complete.  *right_r: it has the digest, and is in its place.
 * Otherwise nothing that was copied is.  0, or what writing gave. */
int assembly_end(struct assembly *a, const uint8_t digest[PROTO_SHORT_DIGEST],
                 bool *right_r);

#endif
