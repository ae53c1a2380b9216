/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A thread that carries bytes from a descriptor of xl to the wire: xl's
 * handshake (XL frames) and the memory stream (MEMORY frames).
 *
 * If the wire fails, the sending xl must see a broken pipe, as it would with
 * plain ssh: the descriptor is closed.  The receiving xl must not: it destroys
 * its copy of the guest only after it could write that it failed.  There the
 * descriptor is read to its end.
 */
#ifndef PLUGIN_XL_PUMP_H
#define PLUGIN_XL_PUMP_H

#include <stdbool.h>
#include <stdint.h>

#include "plugin/wire/wire.h"

struct pump;

/* Starts the thread, which takes over fd.  type: that of the frames to begin
 * with.  drain: read on after the wire has failed.  0 or a negative errno: fd
 * is still the caller's. */
int pump_start(struct pump **p_r, int fd, struct wire *w, uint16_t type,
               bool drain);

/* Where bytes of a type go instead of into frames of it. */
struct pump_sink {
    int (*bytes)(void *opaque, const void *data, size_t length);
    /* No more bytes for the time being. */
    int (*idle)(void *opaque);
    void *opaque;
};

/* Has bytes of a type handed to a sink, which is copied, on the pump's thread.
 * To be called before pump_switch() to that type. */
void pump_divert(struct pump *p, uint16_t type, const struct pump_sink *sink);

/*
 * Carries everything that is already in the pipe, then goes on with frames of
 * another type.  The writer must be known to wait, or the border would fall
 * anywhere.  *bytes_r (or NULL): bytes carried with the type that ends here.
 * -ECANCELED if xl has closed it; if the wire has failed, pump_error().
 */
int pump_switch(struct pump *p, uint16_t type, uint64_t *bytes_r);

/* Why the descriptor was closed before its end: negative errno of the wire or
 * of the sink; 0 if it was not.  Known before xl can see it closed. */
int pump_error(struct pump *p);

/* Becomes readable when the descriptor has reached its end. */
int pump_eof_fd(const struct pump *p);

#endif
