/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Giving up what root has, for good.
 *
 * The parser (sandbox.h) and the engine that talks to another host
 * (plugin/target/confinement.h) do so before they touch what is not to be
 * trusted.  Whether a step holds is asked of the kernel, apart from what the
 * step itself has returned.  Steps return 0 or a negative errno.
 */
#ifndef FSPARSE_PRIVILEGES_H
#define FSPARSE_PRIVILEGES_H

#include <stdbool.h>

/* No program that is executed can have a capability (capabilities(7)), and root
 * is a user as others are.  Of the calling thread; takes CAP_SETPCAP. */
int privileges_empty_bounding_set(void);
bool privileges_bounding_set_is_empty(void);

/* The process, with all of its threads (nptl(7)), is that of a user and a group
 * that nobody else has, and in no other group; where there are no such ids (in
 * a container), of nobody.  Takes CAP_SETUID and CAP_SETGID, and leaves no
 * capability to root. */
int privileges_become_nobody(void);
bool privileges_are_nobodys(void);

/* The calling thread has no capability. */
int privileges_drop_capabilities(void);
bool privileges_have_no_capabilities(void);

#endif
