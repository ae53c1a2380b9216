/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sandbox_probe: tries from inside of the sandbox what it must not allow.
 *
 * The parser, started with one of these tasks, reads no image and answers in
 * lines instead of records:
 *
 *   check     one line for each layer: '+' it holds, '-' it does not, '!' nor
 *             would anything be parsed; then its name and, after a colon, why
 *   try N     the name of the Nth attempt; then, if the process still lives
 *             after it, '+' it was refused and the error, '!' it was not.  No
 *             line: there are no more attempts
 *   bare N    the same without the filter, to see what the rest is worth
 */
#ifndef FSPARSE_SANDBOX_PROBE_H
#define FSPARSE_SANDBOX_PROBE_H

#include <stdbool.h>

bool probe_is_task(const char *task);

/* Returns an exit status. */
int probe_answer(const char *task, int image_fd, int out_fd);

#endif
