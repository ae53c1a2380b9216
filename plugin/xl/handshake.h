/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the receiving xl says to the sending one, watched as it passes: that the
 * guest may be started there, and the result of the migration, are known only
 * from there.
 *
 * Source: tools/xl/xl_migrate.c and xl.h of Xen 4.17.  The receiving xl
 * says that it is ready with a fixed string, and reports with another one and
 * one byte, 0 for success.
 */
#ifndef PLUGIN_XL_HANDSHAKE_H
#define PLUGIN_XL_HANDSHAKE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

struct handshake {
    size_t matched;             /* bytes of the report's string seen */
    atomic_int status;          /* HANDSHAKE_PENDING, or xl's byte; others may
                                   read it meanwhile */
    size_t matched_ready;
    bool ready;                 /* it has all, and waits for its permission */
};

#define HANDSHAKE_PENDING (-1)
#define HANDSHAKE_INIT { 0, HANDSHAKE_PENDING, 0, false }

/* Takes the next bytes.  Returns how many of them come before the status byte
 * (length if it is not among them): whoever passes them on can act before xl
 * learns the result. */
size_t handshake_feed(struct handshake *h, const void *data, size_t length);

#endif
