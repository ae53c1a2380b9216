/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Code of x86 processors, in a form that packs better (docs/protocol.md,
 * "Code").
 *
 * A call names its target by the distance, which is another one at each place
 * that calls the same function; so do accesses to data relative to the
 * instruction pointer.  Given as places instead they repeat.  The change is
 * undone exactly, whatever the bytes are: what is no code only packs a little
 * worse.
 *
 * Source of the idea, and of the range of numbers that makes it reversible:
 * the E8 preprocessing of Microsoft's LZX format ([MS-PATCH], 2.2).  liblzma
 * has such a filter, but (in 5.4) no function that gives its result without
 * its own compression.
 */
#ifndef PLUGIN_MATCH_X86_BCJ_H
#define PLUGIN_MATCH_X86_BCJ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Whether a file that begins with these bytes is a linked program or library
 * for x86: ELF, or PE.  Not one to be linked yet: its calls lead nowhere. */
bool x86_bcj_begins(const uint8_t *head, size_t length);

/* Changes length bytes in place; they lie at offset (bytes) in their file.
 * Undone by the other one with the same length and offset, only. */
void x86_bcj_to_places(uint8_t *p, size_t length, uint64_t offset);
void x86_bcj_to_distances(uint8_t *p, size_t length, uint64_t offset);

#endif
