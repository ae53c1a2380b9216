/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Overwriting images; see wipe.h.  Source: lseek(2), BLKZEROOUT of the kernel's
 * include/uapi/linux/fs.h. */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <stdbool.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "plugin/base/log.h"
#include "plugin/image/wipe.h"

#define WIPE_BYTES (16u << 20)  /* at a time */

static int write_zeros(int fd, uint64_t offset, uint64_t length)
{
    static uint8_t zeros[1 << 20];
    ssize_t n;

    while (length > 0) {
        n = pwrite(fd, zeros, length < sizeof(zeros) ? length : sizeof(zeros),
                   offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n ? -errno : -EIO;
        offset += n;
        length -= n;
    }
    return 0;
}

/* Overwrites where there is data.  Not fallocate(): that only marks the blocks
 * as not written and leaves their content on the storage. */
static int wipe_file(int fd)
{
    off_t data = 0, hole;
    /* A file system may know of data only when they are on the storage. */
    int rc = fdatasync(fd) ? -errno : 0;

    while (!rc && (data = lseek(fd, data, SEEK_DATA)) >= 0) {
        hole = lseek(fd, data, SEEK_HOLE);
        rc = hole < 0 ? -errno : write_zeros(fd, data, hole - data);
        data = hole;
    }
    if (!rc && errno != ENXIO)
        rc = -errno;
    return rc;
}

static int wipe_device(int fd, uint64_t size)
{
    uint64_t range[2];
    bool zeroout = true;
    int rc = 0;

    for (range[0] = 0; range[0] < size && !rc; range[0] += range[1]) {
        range[1] = size - range[0] < WIPE_BYTES ? size - range[0] :
            WIPE_BYTES;
        log_progress("wiping: %" PRIu64 " of %" PRIu64 " MB",
                     range[0] / 1000000, size / 1000000);
        zeroout = zeroout && !ioctl(fd, BLKZEROOUT, range);
        if (!zeroout)
            rc = write_zeros(fd, range[0], range[1]);
    }
    log_progress_end();
    return rc;
}

int wipe_image(int fd)
{
    struct stat st;
    uint64_t size;
    int rc;

    if (fstat(fd, &st))
        return -errno;
    if (!S_ISBLK(st.st_mode))
        rc = wipe_file(fd);
    else
        rc = ioctl(fd, BLKGETSIZE64, &size) ? -errno : wipe_device(fd, size);
    return !rc && fsync(fd) ? -errno : rc;
}
