/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Confinement_filter: the system calls that the target's engine may make when
 * it is confined.  What has nothing to do with its work, and opens a way out,
 * ends the process (SIGSYS); every other call that is not on the list fails
 * with EPERM.
 */
#ifndef PLUGIN_TARGET_CONFINEMENT_FILTER_H
#define PLUGIN_TARGET_CONFINEMENT_FILTER_H

/* For all threads of the process; no_new_privs must be set.  0 or a negative
 * errno; then nothing is filtered. */
int confinement_filter_load(void);

#endif
