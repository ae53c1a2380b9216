/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * xl-dedup sandbox-check: what the sandbox is worth in which guests' file
 * systems are parsed, on this host and for this user.
 */
#include "config.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "fsparse/fsparse.h"
#include "plugin/base/escape.h"
#include "plugin/base/exit.h"
#include "plugin/base/log.h"
#include "plugin/cmd/commands.h"

static const char help[] =
"Usage: xl-dedup sandbox-check\n"
"\n"
"Starts the parser of guests' file systems in its sandbox, prints which layers\n"
"of that are in force on this host for this user, and tries from inside what\n"
"must not be possible: each attempt is to be killed by the filter of system\n"
"calls. What would have become of it without the filter is told as well.\n"
"\n"
"  -h, --help   this text\n"
"\n"
"Exit status: 0 all that is required is in force and every attempt was killed,\n"
"2 something is not, 64 wrong use.\n";

static void print_line(void *opaque, const char *text)
{
    char line[1024];

    (void)opaque;
    puts(text_escape(text, line, sizeof(line)));
}

int cmd_sandbox_check(int argc, char **argv)
{
    static const struct option options[] = {
        { "help", no_argument, NULL, 'h' },
        { NULL, 0, NULL, 0 },
    };
    bool sound;
    int c, rc;

    while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        if (c != 'h')
            return XD_EXIT_USAGE;
        fputs(help, stdout);
        return XD_EXIT_OK;
    }
    if (argc != optind) {
        log_error("sandbox-check takes no argument");
        return XD_EXIT_USAGE;
    }
    rc = fsparse_check_sandbox(print_line, NULL, &sound);
    if (rc)
        log_error("the parser's sandbox cannot be checked: %s", strerror(-rc));
    else if (!sound)
        log_error("the parser's sandbox is not sound");
    return rc || !sound ? XD_EXIT_FAILED : XD_EXIT_OK;
}
