/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Priorities: which of our threads the processors serve first. */
#ifndef PLUGIN_BASE_PRIORITY_H
#define PLUGIN_BASE_PRIORITY_H

#include <sys/resource.h>

enum niceness {
    NICENESS_READY = 5,         /* what is ready for the line comes first */
    NICENESS_LATER = 19,        /* nobody waits for it yet */
};

/* Sets the niceness of this thread and of those that it starts afterwards (on
 * Linux: nice(2), "C library/kernel differences").  A refusal is ignored: the
 * work is done all the same. */
static inline void niceness_set(enum niceness niceness)
{
    setpriority(PRIO_PROCESS, 0, niceness);
}

#endif
