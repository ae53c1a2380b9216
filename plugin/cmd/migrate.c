/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * xl-dedup migrate: what xl migrate --dedup does, for where xl is the
 * distribution's own.
 *
 * The work is the front's (libxlhooks/front.c), which is started with the
 * command line that it would have as xl.  So the options, the messages and the
 * exit status are its own, whatever program is found as xl.
 */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "plugin/base/exit.h"
#include "plugin/base/log.h"
#include "plugin/cmd/commands.h"
#include "plugin/cmd/util.h"

#define WORDS_BEFORE 3          /* xl migrate --dedup */

static const char help[] =
"Usage: xl-dedup migrate [OPTION]... DOMAIN HOST\n"
"\n"
"Moves a running guest together with its local disks. This is\n"
"'xl migrate --dedup', also where xl is not that of xl-dedup: all options are\n"
"those of that command, see xl-migrate-dedup(8), or the output of\n"
"'xl-dedup migrate --dedup --help'. HOST needs xl-dedup.\n"
"\n"
"  -h, --help  this text\n"
"\n"
"Exit status: 0 the guest runs on HOST, 2 wrong use, 64 HOST is none; other\n"
"values as xl migrate.\n";

int cmd_migrate(int argc, char **argv)
{
    static char xl[] = "xl", command[] = "migrate", option[] = "--dedup";
    const char *front = getenv("XL_DEDUP_FRONT");
    char **words;

    if (argc == 2 && (!strcmp(argv[1], "-h") || !strcmp(argv[1], "--help"))) {
        fputs(help, stdout);
        return cmd_finish(XD_EXIT_OK);
    }
    if (!front || !*front)
        front = PKGLIBEXECDIR "/xl";
    words = calloc(argc + WORDS_BEFORE, sizeof(*words));
    if (!words) {
        log_error("migrate: no memory for the command line");
        return XD_EXIT_FAILED;
    }
    words[0] = xl;
    words[1] = command;
    words[2] = option;
    /* Without our own name, and with the NULL at the end. */
    memcpy(words + WORDS_BEFORE, argv + 1, argc * sizeof(*words));
    execv(front, words);
    log_msg(XTL_ERROR, errno, "migrate: cannot run %s; is xl-dedup installed "
            "completely?", front);
    free(words);
    return XD_EXIT_FAILED;
}
