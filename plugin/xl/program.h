/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Other programs of this host, asked for what they print.  They may hang, as xl
 * does when xenstored is gone, and may print without end: both are bounded.
 */
#ifndef PLUGIN_XL_PROGRAM_H
#define PLUGIN_XL_PROGRAM_H

#include "plugin/base/buf.h"

struct program {
    struct buf out, err;        /* what it printed, with a NUL at the end */
    int status;                 /* as wait(2) has it; -1: not known */
};

#define PROGRAM_INIT { BUF_INIT, BUF_INIT, -1 }

/*
 * Runs argv, found by PATH, in a process group of its own, with nothing as its
 * standard input, and waits until it has ended.  Logs nothing.  0: it ended
 * with status 0.  -ESRCH: with another, or could not be run (status 127).
 * -ETIMEDOUT: it had not ended after `seconds`, -EFBIG: it printed too
 * much; then its group was killed.  Or another negative errno.  In every case
 * p, which was PROGRAM_INIT, is for program_release().
 */
int program_run(struct program *p, const char *const *argv, unsigned seconds);
void program_release(struct program *p);

#endif
