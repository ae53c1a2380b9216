/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Runs of blocks of one kind; see block_run.h. */
#include "config.h"

#include "plugin/base/block_run.h"
#include "plugin/base/zero.h"

uint64_t block_run(uint64_t at, uint64_t end, size_t block,
                   block_kind_of *kind_of, const void *opaque,
                   enum block_kind *kind_r)
{
    uint64_t stop, n;
    enum block_kind kind;

    for (stop = at; stop < end; stop += n) {
        n = block - stop % block;
        if (n > end - stop)
            n = end - stop;
        kind = kind_of(opaque, stop, n);
        if (stop == at)
            *kind_r = kind;
        else if (kind != *kind_r)
            break;
    }
    return stop - at;
}

static enum block_kind zero_or_data(const void *opaque, uint64_t at, size_t n)
{
    const uint8_t *p = opaque;

    return data_is_zero(p + at, n) ? BLOCK_ZERO : BLOCK_DATA;
}

size_t block_run_zero(const uint8_t *p, size_t at, size_t length, size_t block,
                      enum block_kind *kind_r)
{
    return block_run(at, length, block, zero_or_data, p, kind_r);
}
