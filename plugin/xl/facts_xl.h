/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What xl tells of this host: the versions, the hypervisor, the domains; and
 * whether the hooks can be loaded into it.
 *
 * Trusts xl, and that the dynamic linker says (LD_DEBUG, see ld.so(8)) which
 * libraries it has loaded into which process.
 */
#ifndef PLUGIN_XL_FACTS_XL_H
#define PLUGIN_XL_FACTS_XL_H

#include "plugin/xl/facts.h"
#include "plugin/xl/program.h"

/* Seconds that xl may take.  It hangs if xenstored does not answer. */
#define FACTS_XL_SECONDS 15

/*
 * Puts the sections "xl" (path, runs, message, library: the file of libxenlight
 * that this xl loads, hooks: "loaded", "refused" or "unknown", hooks_path,
 * hooks_message) and "xen" (what "xl info" prints, by its own names, as texts)
 * into facts.
 */
void facts_put_xl(json_object *facts, bool *failed);

/* Puts the array "domains" (name, uuid of each) into facts, if xl tells
 * them. */
void facts_put_domains(json_object *facts, bool *failed);

/* Whether the xl that is found by PATH is the front, which knows --dedup. */
bool facts_has_front(void);

/* The first line with an error that a program wrote to its standard error, or
 * else the last one, without those of LD_DEBUG; "" if there is none.  Cut to
 * fit line, which has size bytes. */
void facts_words_of(const struct program *p, char *line, size_t size);

#endif
