/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reader: see reader.h.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "fsparse/fsparse.h"
#include "fsparse/reader.h"

struct reader {
    struct process process;
    bool magic;                 /* seen */
    char refusal[FSPARSE_NOTE_BYTES];   /* why it parses nothing */
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

/* The parser's word of why; of the rest nothing is expected. */
static int take_refusal(struct reader *r, const void *payload, size_t length)
{
    struct record_cursor c = { .next = payload, .left = length };
    const char *text = record_string(&c, RECORD_STRING_MAX, &length);

    if (c.bad || c.left)
        return -EBADMSG;
    snprintf(r->refusal, sizeof(r->refusal), "%.*s", (int)length, text);
    return -EACCES;
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
    return h.type == RECORD_REFUSED ? take_refusal(r, *payload_r, h.length) :
        0;
}

void reader_free(struct reader *r)
{
    if (r)
        process_stop(&r->process);
    free(r);
}

void reader_failure(struct reader *r, int rc, char *text, size_t size)
{
    int status = r ? process_stop(&r->process) : -1;

    if (r && *r->refusal)
        snprintf(text, size, "%s", r->refusal);
    else if (rc == -ETIME)
        snprintf(text, size, "parser stopped at its deadline");
    else if (rc == -EBADMSG)
        snprintf(text, size, "parser sent an invalid record");
    else if (rc == -EFBIG)
        snprintf(text, size, "parser sent more than such an image can hold");
    else if (rc != -ENODATA)
        snprintf(text, size, "parser: %s", strerror(-rc));
    else if (status >= 0 && WIFSIGNALED(status) &&
             WTERMSIG(status) == SIGSYS)
        snprintf(text, size, "parser killed by its sandbox (signal %d)",
                 SIGSYS);
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
