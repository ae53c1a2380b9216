/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The exit statuses of xl-dedup, the same for all of its commands. */
#ifndef PLUGIN_BASE_EXIT_H
#define PLUGIN_BASE_EXIT_H

enum {
    XD_EXIT_OK = 0,
    XD_EXIT_DIFFERENT = 1,      /* verify: the images differ; status --check:
                                   there is something old; doctor: something
                                   stands in the way */
    XD_EXIT_FAILED = 2,         /* it was tried and failed */
    XD_EXIT_USAGE = 64,         /* EX_USAGE of sysexits.h */
};

#endif
