/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sandbox_landlock: a Landlock domain in which nothing is allowed that the
 * running kernel can forbid.
 */
#ifndef FSPARSE_SANDBOX_LANDLOCK_H
#define FSPARSE_SANDBOX_LANDLOCK_H

/* no_new_privs must be set, and a descriptor be free for a moment.  Returns 0
 * or a negative errno; -ENOSYS and -EOPNOTSUPP: the kernel has none. */
int landlock_forbid_all(void);

#endif
