/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What became of the guest's memory in a migration, in figures that were
 * measured. */
#ifndef PLUGIN_MEMORY_MEMORY_REPORT_H
#define PLUGIN_MEMORY_MEMORY_REPORT_H

#include <stdint.h>

#include "plugin/memory/memencode.h"

/* A table on stderr.  sent: bytes on the wire. */
void memory_report_print(const struct memory_counts *c, uint64_t sent);

#endif
