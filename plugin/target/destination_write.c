/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Writing to the destination; see destination_write.h. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "plugin/base/block_run.h"
#include "plugin/base/log.h"
#include "plugin/base/zero.h"
#include "plugin/proto.h"
#include "plugin/target/destination_lookout.h"
#include "plugin/target/destination_write.h"

#define HOLE_BLOCK 4096u
#define DIRECT_MIN (64u << 10)  /* less goes to the storage with other things */

static int refuse_sealed(const struct destination *d)
{
    log_error("disk %s: %s is not written to before the source has shown that "
              "it is not its own storage", d->vdev, d->path);
    return -EPROTO;
}

static int write_to(struct destination *d, int fd, const void *data,
                    size_t length, uint64_t offset)
{
    const uint8_t *p = data;
    ssize_t n;
    int rc = d->sealed ? refuse_sealed(d) : destination_lookout(d);

    if (rc)
        return rc;
    while (length > 0) {
        n = pwrite(fd, p, length, offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            rc = n < 0 ? -errno : -EIO;
            log_errno(rc, "disk %s: writing %s at %" PRIu64, d->vdev,
                      d->block ? d->path : d->staging_path, offset);
            return rc;
        }
        p += n;
        offset += n;
        length -= n;
    }
    return 0;
}

int destination_write(struct destination *d, const void *data, size_t length,
                      uint64_t offset)
{
    int rc = coalesce_settle(d->coalesce, offset, length);

    return rc ? rc : write_to(d, d->fd, data, length, offset);
}

static int write_zeros(struct destination *d, uint64_t offset,
                       uint64_t length)
{
    static const uint8_t zeros[64 << 10];
    size_t n;
    int rc = 0;

    for (; length > 0 && !rc; offset += n, length -= n) {
        n = length < sizeof(zeros) ? length : sizeof(zeros);
        rc = destination_write(d, zeros, n, offset);
    }
    return rc;
}

/* What is punched reads as zeros, of a device as well: the kernel refuses where
 * the device cannot promise that.  The other gives nothing back. */
static bool make_zero(const struct destination *d, uint64_t offset,
                      uint64_t length)
{
    return !fallocate(d->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset,
                      length) ||
        (d->block && !fallocate(d->fd, FALLOC_FL_ZERO_RANGE |
                                FALLOC_FL_KEEP_SIZE, offset, length));
}

/* What lies in blocks of the pool that are not given back as a whole stays, and
 * all of it where the pool does not discard. */
static int zero_thin(struct destination *d, uint64_t offset, uint64_t length)
{
    uint64_t range[2] = { offset, length };
    static const size_t most = 64 << 10;
    uint8_t *data = aligned_alloc(4096, most);
    size_t n;
    int rc = data ? 0 : -ENOMEM;

    if (!rc)
        ioctl(d->fd, BLKDISCARD, range);
    for (; length > 0 && !rc; offset += n, length -= n) {
        n = length < most ? length : most;
        rc = image_read(&d->storage, data, n, offset);
        if (!rc && !data_is_zero(data, n))
            rc = write_zeros(d, offset, n);
    }
    free(data);
    return rc;
}

int destination_zero(struct destination *d, uint64_t offset, uint64_t length)
{
    /* Of a device it must be whole sectors. */
    uint64_t unit = d->block ? d->storage.sector : 1, end = offset + length;
    uint64_t from = (offset + unit - 1) / unit * unit, to = end / unit * unit;
    int rc = d->sealed ? refuse_sealed(d) :
        coalesce_settle(d->coalesce, offset, length);

    if (!rc && length > 0)
        rc = destination_lookout(d);
    if (rc || length == 0)
        return rc;
    if (from < to && d->thin)
        rc = zero_thin(d, from, to - from);
    else if (from >= to || !make_zero(d, from, to - from))
        return write_zeros(d, offset, length);
    if (!rc)
        rc = write_zeros(d, offset, from - offset);
    return rc ? rc : write_zeros(d, to, end - to);
}

struct content {
    const uint8_t *data;
    uint64_t offset;            /* at the destination */
};

/* Only whole blocks of the destination can become holes. */
static enum block_kind kind_of(const void *opaque, uint64_t at, size_t n)
{
    const struct content *c = opaque;

    return n == HOLE_BLOCK && data_is_zero(c->data + (at - c->offset), n) ?
        BLOCK_ZERO : BLOCK_DATA;
}

/* Hands content on in runs that are all zero or not. */
static int each_run(struct destination *d, const uint8_t *p, size_t length,
                    uint64_t offset,
                    int (*take)(struct destination *d, const uint8_t *p,
                                size_t length, uint64_t offset, bool zero))
{
    const struct content c = { p, offset };
    const uint64_t end = offset + length;
    enum block_kind kind;
    uint64_t n;
    int rc = 0;

    for (; offset < end && !rc; p += n, offset += n) {
        n = block_run(offset, end, HOLE_BLOCK, kind_of, &c, &kind);
        rc = take(d, p, n, offset, kind == BLOCK_ZERO);
    }
    return rc;
}

static int fill_run(struct destination *d, const uint8_t *p, size_t length,
                    uint64_t offset, bool zero)
{
    return zero ? destination_zero(d, offset, length) :
        destination_write(d, p, length, offset);
}

int destination_fill(struct destination *d, const void *data, size_t length,
                     uint64_t offset)
{
    return d->block ? destination_write(d, data, length, offset) :
        each_run(d, data, length, offset, fill_run);
}

/* Coalescing */

/* How much of a run goes past the cache. */
static size_t direct_length(const struct destination *d, const void *data,
                            size_t length, uint64_t offset)
{
    size_t alignment = d->storage.sector;

    if (length < DIRECT_MIN || offset % alignment ||
        (uintptr_t)data % alignment)
        return 0;
    return length - length % alignment;
}

static int write_run(struct destination *d, const uint8_t *p, size_t length,
                     uint64_t offset, bool zero)
{
    size_t n = direct_length(d, p, length, offset);
    int rc = 0;

    if (zero)
        return 0;
    if (n > 0)
        rc = write_to(d, d->direct_fd, p, n, offset);
    if (!rc && n < length)
        rc = write_to(d, d->fd, p + n, length - n, offset + n);
    return rc;
}

static int write_coalesced(void *opaque, const void *data, size_t length,
                           uint64_t offset)
{
    return each_run(opaque, data, length, offset, write_run);
}

void destination_begin_coalescing(struct destination *d)
{
    if ((d->block ? !d->blank : d->resumed) || !d->storage.sector)
        return;
    d->direct_fd = image_open_direct(&d->storage, O_RDWR);
    if (d->direct_fd >= 0 &&
        coalesce_new(&d->coalesce, d->size, d->budget, write_coalesced, d))
        d->coalesce = NULL;
}

int destination_coalesce(struct destination *d, const void *data, size_t length,
                         uint64_t offset)
{
    const uint8_t *p = data;
    ssize_t n;
    int rc = 0;

    if (!d->coalesce)
        return destination_fill(d, data, length, offset);
    for (; length > 0 && !rc; p += n, offset += n, length -= n) {
        n = coalesce_put(d->coalesce, p, length, offset);
        if (n < 0)
            return n;
        if (n > 0)
            continue;
        n = PROTO_SEGMENT - offset % PROTO_SEGMENT;
        if ((size_t)n > length)
            n = length;
        rc = destination_fill(d, p, n, offset);
    }
    return rc;
}
