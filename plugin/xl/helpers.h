/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The commands that libxlhooks runs beside xl, at either end of a migration.
 * Users do not call them.  Each gets its own argc and argv (argv[0] is the
 * command's name) and returns an exit status (base/exit.h).
 */
#ifndef PLUGIN_XL_HELPERS_H
#define PLUGIN_XL_HELPERS_H

/* At the source: sends the disks and the memory of a guest (send.c). */
int cmd_send_xl(int argc, char **argv);

/* At the target: receives them (receive.c). */
int cmd_receive_xl(int argc, char **argv);

/* At the source: tells what a migration would send, and sends nothing of it
 * (estimate.c). */
int cmd_estimate_xl(int argc, char **argv);

#endif
