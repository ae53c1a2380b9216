/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The receiving half of freight; see unfreight.h. */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "plugin/base/buf.h"
#include "plugin/base/log.h"
#include "plugin/proto.h"
#include "plugin/wire/unfreight.h"

struct unfreight {
    ZSTD_DCtx *decompressor;
    uint8_t *data;              /* the piece; NULL: it holds nothing more */
    ZSTD_inBuffer in;
    uint8_t header[PROTO_HEADER_BYTES];
    size_t have;                /* bytes of header and payload */
    struct frame frame;         /* with a payload as soon as the header is
                                   whole */
};

int unfreight_new(struct unfreight **u_r)
{
    struct unfreight *u = calloc(1, sizeof(*u));

    if (!u)
        return -ENOMEM;
    u->decompressor = ZSTD_createDCtx();
    if (!u->decompressor) {
        free(u);
        return -ENOMEM;
    }
    ZSTD_DCtx_setParameter(u->decompressor, ZSTD_d_windowLogMax,
                           PROTO_WINDOW_LOG_MAX);
    *u_r = u;
    return 0;
}

void unfreight_free(struct unfreight *u)
{
    if (!u)
        return;
    ZSTD_freeDCtx(u->decompressor);
    free(u->data);
    frame_release(&u->frame);
    free(u);
}

void unfreight_give(struct unfreight *u, uint8_t *data, size_t length)
{
    free(u->data);
    u->data = data;
    u->in = (ZSTD_inBuffer){ data, length, 0 };
}

/* Decompresses up to n bytes.  *got_r < n: the piece has no more. */
static int fill(struct unfreight *u, void *data, size_t n, size_t *got_r)
{
    ZSTD_outBuffer out = { data, n, 0 };
    size_t before, left;

    do {
        before = u->in.pos + out.pos;
        left = ZSTD_decompressStream(u->decompressor, &out, &u->in);
        if (ZSTD_isError(left)) {
            log_error("peer sent damaged freight: %s",
                      ZSTD_getErrorName(left));
            return -EPROTO;
        }
    } while (out.pos < out.size && u->in.pos + out.pos > before);
    *got_r = out.pos;
    if (out.pos < out.size) {
        /* zstd takes it ill to be asked again and again with nothing. */
        free(u->data);
        u->data = NULL;
    }
    return 0;
}

static int read_header(struct unfreight *u)
{
    struct cursor c = CURSOR_INIT(u->header, sizeof(u->header));
    struct frame *f = &u->frame;

    f->type = cursor_u16(&c);
    f->disk = cursor_u16(&c);
    f->length = cursor_u32(&c);
    if (cursor_u32(&c) || f->length > PROTO_RAW_MAX ||
        f->type == FRAME_FREIGHT) {
        log_error("peer sent freight that is no frame");
        return -EPROTO;
    }
    f->data = malloc(f->length + 1);
    return f->data ? 0 : -ENOMEM;
}

/* Reads on in the header until it is whole.  *whole_r: it is, and the frame has
 * room for its payload. */
static int take_header(struct unfreight *u, bool *whole_r)
{
    size_t got;
    int rc;

    *whole_r = u->have >= sizeof(u->header);
    if (*whole_r)
        return 0;
    rc = fill(u, u->header + u->have, sizeof(u->header) - u->have, &got);
    if (rc)
        return rc;
    u->have += got;
    *whole_r = u->have == sizeof(u->header);
    return *whole_r ? read_header(u) : 0;
}

/* The same for the payload, once the header is whole. */
static int take_payload(struct unfreight *u, bool *whole_r)
{
    size_t at = u->have - sizeof(u->header), got;
    int rc;

    *whole_r = at == u->frame.length;
    if (*whole_r)
        return 0;
    rc = fill(u, u->frame.data + at, u->frame.length - at, &got);
    if (rc)
        return rc;
    u->have += got;
    *whole_r = at + got == u->frame.length;
    return 0;
}

int unfreight_take(struct unfreight *u, struct frame *f, bool *taken_r)
{
    int rc;

    *taken_r = false;
    if (!u->data)
        return 0;
    rc = take_header(u, taken_r);
    if (!rc && *taken_r)
        rc = take_payload(u, taken_r);
    if (rc || !*taken_r)
        return rc;
    *f = u->frame;
    memset(&u->frame, 0, sizeof(u->frame));
    u->have = 0;
    return 0;
}
