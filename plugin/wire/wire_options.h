/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The options of a connection, as the admin writes them: the same for push
 * and for migrations (there with --dedup- before the name). */
#ifndef PLUGIN_WIRE_WIRE_OPTIONS_H
#define PLUGIN_WIRE_WIRE_OPTIONS_H

#include "plugin/wire/wire.h"

/* For the table of getopt_long: what it returns for these. */
enum {
    WIRE_OPTION_LEVEL = 0x100,
    WIRE_OPTION_BWLIMIT,
    WIRE_OPTION_TIMEOUT,
};

#define WIRE_OPTIONS_TABLE \
    { "level", required_argument, NULL, WIRE_OPTION_LEVEL }, \
    { "bwlimit", required_argument, NULL, WIRE_OPTION_BWLIMIT }, \
    { "timeout", required_argument, NULL, WIRE_OPTION_TIMEOUT }

/* Lines for help texts. */
#define WIRE_OPTIONS_HELP \
"      --level=N       compression, 1 (fast) to 19 (small), instead of what\n" \
"                      the link has time for\n" \
"      --bwlimit=RATE  send at most RATE KiB a second, all together; with " \
                      "K,\n" \
"                      M or G after it: KiB, MiB or GiB\n" \
"      --timeout=N     give up when the line is silent for N seconds (20 or\n" \
"                      more; default 60)\n"

/* Takes an option.  -EINVAL (logged): the value makes no sense; -ENOENT: not
 * one of these options. */
int wire_options_take(struct wire_options *opt, int option,
                      const char *value);

#endif
