/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Payloads of CODED frames; see mempack.h. */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <zstd.h>

#include "plugin/base/log.h"
#include "plugin/memory/mempack.h"

#define LEVEL_DEFAULT 3
#define LEVEL_FAST 1
#define WINDOW_LOG 22
#define FAST_WINDOW_LOG 20

struct mempack {
    ZSTD_CStream *stream[2];    /* MEMORY_PACKED, MEMORY_FAST */
    struct buf content;
    struct buf payload;
};

int mempack_new(struct mempack **p_r, int level)
{
    int levels[2] = { level ? level : LEVEL_DEFAULT, LEVEL_FAST };
    int windows[2] = { WINDOW_LOG, FAST_WINDOW_LOG };
    struct mempack *p = calloc(1, sizeof(*p));
    ZSTD_CStream *z;
    int i;

    if (!p)
        return -ENOMEM;
    for (i = 0; i < 2; i++) {
        z = p->stream[i] = ZSTD_createCStream();
        if (!z) {
            mempack_free(p);
            return -ENOMEM;
        }
        ZSTD_CCtx_setParameter(z, ZSTD_c_compressionLevel, levels[i]);
        ZSTD_CCtx_setParameter(z, ZSTD_c_windowLog, windows[i]);
    }
    *p_r = p;
    return 0;
}

void mempack_free(struct mempack *p)
{
    int i;

    if (!p)
        return;
    for (i = 0; i < 2; i++)
        ZSTD_freeCStream(p->stream[i]);
    buf_release(&p->content);
    buf_release(&p->payload);
    free(p);
}

static int compress(struct mempack *p, ZSTD_CStream *z)
{
    ZSTD_inBuffer in = { p->content.data, p->content.length, 0 };
    ZSTD_outBuffer out;
    size_t left, room = ZSTD_compressBound(p->content.length) + 1024;

    do {
        out.dst = buf_reserve(&p->payload, room);
        if (!out.dst)
            return -ENOMEM;
        out.size = room;
        out.pos = 0;
        left = ZSTD_compressStream2(z, &out, &in, ZSTD_e_flush);
        if (ZSTD_isError(left)) {
            log_error("compression: %s", ZSTD_getErrorName(left));
            return -EIO;
        }
        p->payload.length += out.pos;
    } while (left > 0);
    return 0;
}

int mempack_batch(struct mempack *p, const struct memory_batch *batch,
                  enum memory_packing packing, const struct buf **payload_r)
{
    struct buf *content = &p->content, *payload = &p->payload;
    int rc = 0;

    *payload_r = payload;
    buf_reset(content);
    buf_put_u32(content, batch->commands.length);
    buf_put(content, batch->commands.data, batch->commands.length);
    buf_put(content, batch->data.data, batch->data.length);
    buf_reset(payload);
    buf_put_u8(payload, packing);
    buf_put_u32(payload, content->length);
    if (packing == MEMORY_STORED)
        buf_put(payload, content->data, content->length);
    else
        rc = compress(p, p->stream[packing - MEMORY_PACKED]);
    if (content->failed || payload->failed)
        return -ENOMEM;
    return rc;
}
