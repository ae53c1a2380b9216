/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The commands of xl-dedup, but for those that run beside xl (xl/helpers.h) and
 * the guard of a device (target/guard.h).  Each stands in the file of its name,
 * gets its own argc and argv (argv[0] is the command's name), parses them with
 * getopt_long, prints its help on --help, and returns an exit status
 * (base/exit.h).
 */
#ifndef PLUGIN_CMD_COMMANDS_H
#define PLUGIN_CMD_COMMANDS_H

int cmd_adopt(int argc, char **argv);
int cmd_allow(int argc, char **argv);
int cmd_sandbox_check(int argc, char **argv);
int cmd_scan(int argc, char **argv);
int cmd_clean(int argc, char **argv);
int cmd_compare(int argc, char **argv);
int cmd_doctor(int argc, char **argv);
int cmd_index(int argc, char **argv);
int cmd_may_start(int argc, char **argv);
int cmd_migrate(int argc, char **argv);
int cmd_reclaim(int argc, char **argv);
int cmd_status(int argc, char **argv);
int cmd_verify(int argc, char **argv);
int cmd_push(int argc, char **argv);
int cmd_serve(int argc, char **argv);
int cmd_receive(int argc, char **argv);     /* the other end of push: push.c */

#endif
