/* SPDX-License-Identifier: GPL-2.0-or-later */
/* xl-dedup allow PATH: the admin's word that something may be overwritten. */
#include "config.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "plugin/base/exit.h"
#include "plugin/base/log.h"
#include "plugin/cmd/commands.h"
#include "plugin/state/configuration.h"
#include "plugin/state/record.h"
#include "plugin/target/destination_path.h"

static const char help[] =
"Usage: xl-dedup allow PATH\n"
"\n"
"Allows the next disk that arrives for PATH, an image file or block device on\n"
"this host, to overwrite what is there. Without that, a disk only goes where\n"
"nothing is, or where an unchanged earlier copy of the same disk is. The\n"
"permission ends when anybody writes to it or changes its owner, mode or "
"name;\n"
"that of a device also when it has been used, and when this host or the "
"device\n"
"is started anew.\n"
"\n"
"  -h, --help   this text\n"
"\n"
"Exit status: 0 noted, 2 failed, 64 wrong use.\n";

static int allow(const char *path)
{
    char why[4096] = "out of memory", *resolved;
    struct configuration conf;
    struct image img = IMAGE_INIT;
    int rc = destination_resolve(path, &resolved, why, sizeof(why));

    if (rc) {
        log_error("%s", why);
        return rc;
    }
    rc = configuration_load(&conf);
    if (!rc) {
        rc = image_open(&img, resolved);
        if (!rc)
            rc = record_allow(conf.state_dir, resolved, &img);
        image_release(&img);
        configuration_release(&conf);
    }
    free(resolved);
    return rc;
}

int cmd_allow(int argc, char **argv)
{
    static const struct option options[] = {
        { "help", no_argument, NULL, 'h' },
        { NULL, 0, NULL, 0 },
    };
    char *path;
    int c, rc;

    while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        if (c != 'h')
            return XD_EXIT_USAGE;
        fputs(help, stdout);
        return XD_EXIT_OK;
    }
    if (argc - optind != 1) {
        log_error("one path is needed; see 'xl-dedup allow --help'");
        return XD_EXIT_USAGE;
    }
    /* The path of a device is kept as the configuration of a guest names it:
     * /dev/vg/lv, not what that links to; that of a file as a disk that arrives
     * will find it. */
    path = argv[optind];
    if (path[0] != '/') {
        log_error("'%s' is not an absolute path", path);
        return XD_EXIT_USAGE;
    }
    rc = allow(path);
    return log_exit("allow", rc);
}
