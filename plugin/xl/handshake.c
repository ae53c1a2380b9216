/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Watches for the receiving xl's report; see handshake.h. */
#include "config.h"

#include <stdint.h>

#include "plugin/xl/handshake.h"

/* The NULs at their ends are sent too. */
static const char ready[] = "domain received, ready to unpause";
static const char report[] = "my copy unpause results are as follows";

/* Of what is both beginning and end of a part of the string that was seen there
 * is no more than its first letter. */
static void feed_ready(struct handshake *h, uint8_t byte)
{
    size_t n = h->matched_ready;

    while (n > 0 && byte != (uint8_t)ready[n])
        n = n > 1 && ready[n - 1] == ready[0];
    n += byte == (uint8_t)ready[n];
    h->ready = h->ready || n == sizeof(ready);
    h->matched_ready = n == sizeof(ready) ? 0 : n;
}

size_t handshake_feed(struct handshake *h, const void *data, size_t length)
{
    const uint8_t *p = data;
    size_t i;

    if (h->status != HANDSHAKE_PENDING)
        return length;
    for (i = 0; i < length; i++) {
        if (h->matched == sizeof(report)) {
            h->status = p[i];
            return i;
        }
        feed_ready(h, p[i]);
        /* No proper prefix of the string ends in its first letter but the
         * 'm's, none of which is followed by a 'y': starting anew is enough. */
        if (p[i] == (uint8_t)report[h->matched])
            h->matched++;
        else
            h->matched = p[i] == (uint8_t)report[0];
    }
    return length;
}
