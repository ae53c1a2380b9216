/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sandbox_filter: the system calls that the parser may make.  Every other one
 * ends the process (SIGSYS) before the kernel looks at its arguments.
 */
#ifndef FSPARSE_SANDBOX_FILTER_H
#define FSPARSE_SANDBOX_FILTER_H

/* no_new_privs must be set.  image_fd may be read, out_fd written.  Returns 0
 * or a negative errno; then nothing is filtered. */
int filter_load(int image_fd, int out_fd);

#endif
