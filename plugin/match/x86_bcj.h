/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The branch, call and jump filter (BCJ) for x86 code: it packs better after
 * that (docs/protocol.md, "Code").
 *
 * A call names its target by the distance, which is another one at each place
 * that calls the same function.  The same holds for accesses to data relative
 * to the instruction pointer.  The filter turns distances into places, which
 * repeat.  It is undone exactly, whatever the bytes are: what is no code only
 * packs a little worse.
 *
 * The idea, and the range of numbers that makes it reversible, are those of the
 * E8 preprocessing in Microsoft's LZX format ([MS-PATCH], 2.2).  liblzma has
 * such a filter, but (in 5.4) no function that gives its result without its own
 * compression.
 */
#ifndef PLUGIN_MATCH_X86_BCJ_H
#define PLUGIN_MATCH_X86_BCJ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Whether a file that begins with these bytes is a linked program or library
 * for x86, in ELF or PE format.  An object file that is yet to be linked does
 * not count: its calls lead nowhere. */
bool x86_bcj_begins(const uint8_t *head, size_t length);

/* Changes length bytes in place, which lie at offset (bytes) in their file.
 * Each undoes the other, if length and offset are the same. */
void x86_bcj_to_places(uint8_t *p, size_t length, uint64_t offset);
void x86_bcj_to_distances(uint8_t *p, size_t length, uint64_t offset);

#endif
