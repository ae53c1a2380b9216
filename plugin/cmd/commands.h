/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The commands of xl-dedup.  Each gets its own argc and argv (argv[0] is the
 * command's name), parses them with getopt_long, prints its help on --help,
 * and returns an exit status.
 */
#ifndef PLUGIN_CMD_COMMANDS_H
#define PLUGIN_CMD_COMMANDS_H

/* Exit statuses, the same for all commands. */
enum {
    XD_EXIT_OK = 0,
    XD_EXIT_DIFFERENT = 1,      /* verify: the images differ; status --check:
                                   there is something old */
    XD_EXIT_FAILED = 2,         /* it was tried and failed */
    XD_EXIT_USAGE = 64,         /* EX_USAGE of sysexits.h */
};

int cmd_allow(int argc, char **argv);
int cmd_scan(int argc, char **argv);
int cmd_clean(int argc, char **argv);
int cmd_compare(int argc, char **argv);
int cmd_index(int argc, char **argv);
int cmd_status(int argc, char **argv);
int cmd_verify(int argc, char **argv);
int cmd_push(int argc, char **argv);
int cmd_receive(int argc, char **argv);
int cmd_receive_xl(int argc, char **argv);
int cmd_send_xl(int argc, char **argv);
int cmd_estimate_xl(int argc, char **argv);
int cmd_guard(int argc, char **argv);       /* guard.c */

#endif
