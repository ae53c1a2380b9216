/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Signals while the guest may be suspended. */
#ifndef LIBXLHOOKS_INTERRUPT_H
#define LIBXLHOOKS_INTERRUPT_H

/* From here on SIGINT, SIGTERM and SIGHUP, where they would kill xl, shut
 * the control channel down instead. */
void interrupt_begin(int control);

/* Must precede closing the channel.  The signals are swallowed from now on,
 * until xl exits. */
void interrupt_end(void);

/* The signal that came, or 0. */
int interrupt_seen(void);

#endif
