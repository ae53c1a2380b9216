/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Small things to be done with files; see fdio.h. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "plugin/base/fdio.h"
#include "plugin/base/paths.h"

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

int fd_truncate(int fd, uint64_t length)
{
    int rc;

    do
        rc = ftruncate(fd, (off_t)length) ? -errno : 0;
    while (rc == -EINTR);
    return rc;
}

int fd_sync_directory_of(const char *path)
{
    char *directory = path_dirname(path);
    int fd, rc = 0;

    if (!directory)
        return -ENOMEM;
    fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fsync(fd))
        rc = -errno;
    if (fd >= 0)
        close(fd);
    free(directory);
    return rc;
}

int fd_replace_file(const char *path, const void *data, size_t length)
{
    char *temporary;
    int fd, rc = 0;

    if (asprintf(&temporary, "%s.new", path) < 0)
        return -ENOMEM;
    fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) {
        rc = -errno;
        goto out;
    }
    rc = fd_write_all(fd, data, length);
    if (!rc && fsync(fd))
        rc = -errno;
    close(fd);
    if (!rc && rename(temporary, path))
        rc = -errno;
    if (rc)
        unlink(temporary);
    else
        rc = fd_sync_directory_of(path);
out:
    free(temporary);
    return rc;
}

int fd_become(int fd, int number)
{
    int failed = fd == number ? fcntl(fd, F_SETFD, 0) : dup2(fd, number);

    return failed < 0 ? -errno : 0;
}

bool fd_have_standard(void)
{
    int fd;

    do
        fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd < 0)
        return false;
    close(fd);
    return true;
}

void fd_null(int last)
{
    int fd = open("/dev/null", O_RDWR), i;

    for (i = 0; fd >= 0 && i <= last; i++)
        dup2(fd, i);
    if (fd > last)
        close(fd);
}

static int compare(const void *a, const void *b)
{
    const int *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

void fd_close_others(int *keep, size_t n)
{
    unsigned next = STDERR_FILENO + 1;
    size_t i;

    qsort(keep, n, sizeof(*keep), compare);
    for (i = 0; i < n; i++) {
        if (keep[i] < (int)next)
            continue;
        if ((unsigned)keep[i] > next)
            close_range(next, keep[i] - 1, 0);
        next = keep[i] + 1;
    }
    close_range(next, ~0u, 0);
}

bool file_read_line(const char *path, char *text, size_t size)
{
    FILE *f = fopen(path, "re");
    bool got = f && fgets(text, size, f);

    if (f)
        fclose(f);
    if (got)
        text[strcspn(text, "\n")] = '\0';
    return got;
}
