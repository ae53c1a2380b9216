/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <errno.h>
#include <stdint.h>
#include <unistd.h>

#include "plugin/fdio.h"

int fd_write_all(int fd, const void *data, size_t length)
{
    const uint8_t *p = data;
    ssize_t n;

    while (length > 0) {
        n = write(fd, p, length);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        p += n;
        length -= n;
    }
    return 0;
}
