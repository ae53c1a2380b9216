/* SPDX-License-Identifier: GPL-2.0-or-later */
/* xl-dedup: finds the command and runs it. */
#include "config.h"

#include <malloc.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "plugin/base/exit.h"
#include "plugin/base/fdio.h"
#include "plugin/cmd/commands.h"
#include "plugin/target/guard.h"
#include "plugin/xl/helpers.h"

#define BUFFER_KEPT (4 << 20)       /* bytes; what is larger is mapped */
#define ARENAS 2

static const struct command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *help;
} commands[] = {
    { "allow", cmd_allow, "let a disk overwrite what is at a path" },
    { "clean", cmd_clean, "remove what failed tries left on this host" },
    { "compare", cmd_compare, "how much of an image others already hold" },
    { "doctor", cmd_doctor, "whether a guest can be moved to another host" },
    { "index", cmd_index, "note what the reference images hold" },
    { "migrate", cmd_migrate, "move a running guest to another host" },
    { "reclaim", cmd_reclaim,
      "a guest that moved away is this host's again" },
    { "sandbox-check", cmd_sandbox_check,
      "what the sandbox of the file system parser holds" },
    { "scan", cmd_scan, "what an image holds: partitions, files, hashes" },
    { "status", cmd_status, "what this host keeps of migrations" },
    { "verify", cmd_verify, "compare two images byte for byte" },
    { "push", cmd_push, "copy a cold image to another host" },
    { "serve", cmd_serve, "for a key of ssh that may only push or migrate" },
    { "adopt", cmd_adopt, NULL },
    { "may-start", cmd_may_start, NULL },
    { "receive", cmd_receive, NULL },
    { "receive-xl", cmd_receive_xl, NULL },
    { "send-xl", cmd_send_xl, NULL },
    { "estimate-xl", cmd_estimate_xl, NULL },
    { "guard", cmd_guard, NULL },
    { NULL, NULL, NULL },
};

static void usage(FILE *to)
{
    const struct command *c;

    fprintf(to, "Usage: xl-dedup COMMAND [OPTION]...\n\nCommands:\n");
    for (c = commands; c->name; c++)
        if (c->help)
            fprintf(to, "  %-13s %s\n", c->name, c->help);
    fprintf(to, "\n'xl-dedup COMMAND --help' tells more of a command.\n");
}

/* Frames and buffers of up to a segment come and go all the time; mapped anew
 * each time, they would cost more than what is done with them.  But not each
 * thread needs some of its own that it keeps. */
static void keep_buffers(void)
{
    mallopt(M_MMAP_THRESHOLD, BUFFER_KEPT);
    mallopt(M_TRIM_THRESHOLD, 4 * BUFFER_KEPT);
    mallopt(M_ARENA_MAX, ARENAS);
}

int main(int argc, char **argv)
{
    const struct command *c;

    if (!fd_have_standard()) {
        perror("xl-dedup: /dev/null");
        return XD_EXIT_FAILED;
    }
    /* Several processes of two hosts share the admin's terminal: a line must
     * not come in pieces. */
    setvbuf(stderr, NULL, _IOLBF, 4096);
    keep_buffers();
    if (sodium_init() < 0) {
        fprintf(stderr, "xl-dedup: libsodium cannot be initialised\n");
        return XD_EXIT_FAILED;
    }
    if (argc < 2) {
        usage(stderr);
        return XD_EXIT_USAGE;
    }
    if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "help")) {
        usage(stdout);
        return XD_EXIT_OK;
    }
    if (!strcmp(argv[1], "--version")) {
        printf("xl-dedup %s\n", PACKAGE_VERSION);
        return XD_EXIT_OK;
    }
    for (c = commands; c->name; c++)
        if (!strcmp(argv[1], c->name))
            return c->run(argc - 1, argv + 1);
    fprintf(stderr, "xl-dedup: no command '%s'; see 'xl-dedup --help'\n",
            argv[1]);
    return XD_EXIT_USAGE;
}
