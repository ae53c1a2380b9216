/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reader: see reader.h.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "fsparse/reader.h"

struct reader {
    struct process process;
    bool magic;                 /* seen */
    size_t start, end;          /* unread bytes of buf */
    uint8_t buf[2 * RECORD_MAX];
};

struct reader *reader_new(void)
{
    struct reader *r = calloc(1, sizeof(*r));

    if (r)
        r->process = (struct process)PROCESS_INIT;
    return r;
}

int reader_start(struct reader *r, const char *task, int image_fd,
                 int request_fd)
{
    return process_start(&r->process, task, image_fd, request_fd);
}

/* Makes `need` bytes available at buf + start.  -ENODATA: the end came
 * first. */
static int fill(struct reader *r, size_t need)
{
    ssize_t n;

    if (r->end - r->start >= need)
        return 0;
    memmove(r->buf, r->buf + r->start, r->end - r->start);
    r->end -= r->start;
    r->start = 0;
    while (r->end < need) {
        n = process_read(&r->process, r->buf + r->end,
                         sizeof(r->buf) - r->end);
        if (n <= 0)
            return n ? (int)n : -ENODATA;
        r->end += (size_t)n;
    }
    return 0;
}

static int take_magic(struct reader *r)
{
    int rc = fill(r, RECORD_MAGIC_BYTES);

    if (rc)
        return rc;
    if (memcmp(r->buf + r->start, RECORD_MAGIC, RECORD_MAGIC_BYTES))
        return -EBADMSG;
    r->start += RECORD_MAGIC_BYTES;
    r->magic = true;
    return 0;
}

int reader_next(struct reader *r, uint32_t *type_r, const void **payload_r,
                size_t *length_r)
{
    struct record_header h;
    int rc = r->magic ? 0 : take_magic(r);

    if (!rc)
        rc = fill(r, sizeof(h));
    if (rc)
        return rc;
    memcpy(&h, r->buf + r->start, sizeof(h));
    if (h.length > RECORD_MAX)
        return -EBADMSG;
    r->start += sizeof(h);
    rc = fill(r, h.length);
    if (rc)
        return rc;
    *type_r = h.type;
    *payload_r = r->buf + r->start;
    *length_r = h.length;
    r->start += h.length;
    return 0;
}

int reader_free(struct reader *r)
{
    int status;

    if (!r)
        return -1;
    status = process_stop(&r->process);
    free(r);
    return status;
}

void reader_failure(int rc, int status, char *text, size_t size)
{
    if (rc == -ETIME)
        snprintf(text, size, "parser stopped at its deadline");
    else if (rc == -EBADMSG)
        snprintf(text, size, "parser sent an invalid record");
    else if (rc == -EFBIG)
        snprintf(text, size, "parser sent more than such an image can hold");
    else if (rc != -ENODATA)
        snprintf(text, size, "parser: %s", strerror(-rc));
    else if (status >= 0 && WIFSIGNALED(status))
        snprintf(text, size, "parser killed by signal %d", WTERMSIG(status));
    else if (status >= 0)
        snprintf(text, size, "parser ended early, status %d",
                 WEXITSTATUS(status));
    else
        snprintf(text, size, "parser ended early");
}

int reader_reopen(int image_fd)
{
    char path[40];
    int own;

    snprintf(path, sizeof(path), "/proc/self/fd/%d", image_fd);
    own = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    return own < 0 ? -errno : own;
}
