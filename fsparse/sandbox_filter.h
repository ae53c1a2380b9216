/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sandbox_filter: the system calls that the parser may make.  Every other one
 * ends the process (SIGSYS) before the kernel looks at its arguments.
 */
#ifndef FSPARSE_SANDBOX_FILTER_H
#define FSPARSE_SANDBOX_FILTER_H

#include "fsparse/filter_rules.h"

/* Makes the program for filter_enter() of this process: image_fd may be read,
 * out_fd written.  Returns 0 or a negative errno. */
int sandbox_filter_make(struct filter_program *p, int image_fd, int out_fd);

#endif
