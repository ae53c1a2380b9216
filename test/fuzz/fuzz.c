/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the fuzz targets share; see fuzz.h. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "plugin/base/log.h"
#include "test/fuzz/fuzz.h"

static uint64_t number(struct fuzz_input *in, size_t bytes)
{
    uint64_t n = 0;
    size_t i;

    for (i = 0; i < bytes && i < in->left; i++)
        n |= (uint64_t)in->next[i] << (8 * i);
    in->next += i;
    in->left -= i;
    return n;
}

uint8_t fuzz_u8(struct fuzz_input *in)
{
    return (uint8_t)number(in, 1);
}

uint16_t fuzz_u16(struct fuzz_input *in)
{
    return (uint16_t)number(in, 2);
}

uint32_t fuzz_u32(struct fuzz_input *in)
{
    return (uint32_t)number(in, 4);
}

uint64_t fuzz_u64(struct fuzz_input *in)
{
    return number(in, 8);
}

const uint8_t *fuzz_bytes(struct fuzz_input *in, size_t *length)
{
    const uint8_t *p = in->next;

    if (*length > in->left)
        *length = in->left;
    in->next += *length;
    in->left -= *length;
    return p;
}

void fuzz_failed(const char *file, int line, const char *condition)
{
    fprintf(stderr, "%s:%d: this does not hold: %s\n", file, line, condition);
    abort();
}

void fuzz_quiet(void)
{
    static bool done;

    if (!done)
        log_init(XTL_CRITICAL);
    done = true;
}

int fuzz_file(const void *data, size_t length)
{
    int fd = memfd_create("fuzz", MFD_CLOEXEC);

    FUZZ_CHECK(fd >= 0);
    FUZZ_CHECK(pwrite(fd, data, length, 0) == (ssize_t)length);
    return fd;
}
