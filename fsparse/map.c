/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Map: the library's entry.  Runs the parser, hands its records to intake
 * until it ends or goes wrong, lets cover decide, and gives the result out.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fsparse/build.h"
#include "fsparse/fsparse.h"
#include "fsparse/process.h"

/* An open file of our own: the offset of the caller's stays where it is, and
 * the parser cannot write, whatever the caller may. */
static int reopen(int fd)
{
    char path[40];
    int own;

    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    own = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    return own < 0 ? -errno : own;
}

struct stream {
    struct process process;
    size_t start, end;          /* unread bytes of buf */
    uint8_t buf[2 * RECORD_MAX];
};

/* Makes `need` bytes available at buf + start.  -ENODATA: the end came
 * first. */
static int stream_fill(struct stream *s, size_t need)
{
    ssize_t n;

    if (s->end - s->start >= need)
        return 0;
    memmove(s->buf, s->buf + s->start, s->end - s->start);
    s->end -= s->start;
    s->start = 0;
    while (s->end < need) {
        n = process_read(&s->process, s->buf + s->end,
                         sizeof(s->buf) - s->end);
        if (n <= 0)
            return n ? (int)n : -ENODATA;
        s->end += (size_t)n;
    }
    return 0;
}

static int stream_record(struct stream *s, struct build *b)
{
    struct record_header h;
    int rc;

    rc = stream_fill(s, sizeof(h));
    if (rc)
        return rc;
    memcpy(&h, s->buf + s->start, sizeof(h));
    if (h.length > RECORD_MAX)
        return -EBADMSG;
    s->start += sizeof(h);
    rc = stream_fill(s, h.length);
    if (rc)
        return rc;
    s->start += h.length;
    return intake_record(b, h.type, s->buf + s->start - h.length, h.length);
}

static int stream_take(struct stream *s, struct build *b)
{
    int rc;

    rc = stream_fill(s, RECORD_MAGIC_BYTES);
    if (rc)
        return rc;
    if (memcmp(s->buf + s->start, RECORD_MAGIC, RECORD_MAGIC_BYTES))
        return -EBADMSG;
    s->start += RECORD_MAGIC_BYTES;
    do {
        rc = stream_record(s, b);
    } while (!rc);
    return rc < 0 ? rc : 0;
}

/* What is to be said about a parser that did not deliver its END. */
static int note_failure(struct build *b, int rc, int status)
{
    char text[120];

    if (rc == -ETIME)
        snprintf(text, sizeof(text), "parser stopped at its deadline");
    else if (rc == -EBADMSG)
        snprintf(text, sizeof(text), "parser sent an invalid record");
    else if (rc == -EFBIG)
        snprintf(text, sizeof(text), "parser sent too much");
    else if (rc != -ENODATA)
        snprintf(text, sizeof(text), "parser: %s", strerror(-rc));
    else if (status >= 0 && WIFSIGNALED(status))
        snprintf(text, sizeof(text), "parser killed by signal %d",
                 WTERMSIG(status));
    else if (status >= 0)
        snprintf(text, sizeof(text), "parser ended early, status %d",
                 WEXITSTATUS(status));
    else
        snprintf(text, sizeof(text), "parser ended early");
    return build_note(b, &b->map.note, text);
}

/* Only a lack of memory is an error; every other failure is a note. */
static int parse_image(struct build *b, int fd)
{
    struct stream *s = calloc(1, sizeof(*s));
    int status = -1;
    int rc;

    if (!s)
        return -ENOMEM;
    s->process = (struct process)PROCESS_INIT;
    rc = process_start(&s->process, fd);
    if (!rc) {
        rc = stream_take(s, b);
        status = process_stop(&s->process);
    }
    free(s);
    if (rc && rc != -ENOMEM)
        rc = note_failure(b, rc, status);
    return rc ? rc : intake_finish(b);
}

static void give_out(struct build *b)
{
    const struct fsparse_extent *next = b->extents;
    size_t i;

    for (i = 0; i < b->n_files; i++) {
        b->files[i].extents = next;
        next += b->files[i].n_extents;
    }
    b->map.partitions = b->partitions;
    b->map.n_partitions = b->n_partitions;
    b->map.files = b->files;
    b->map.n_files = b->n_files;
    b->map.regions = b->regions;
    b->map.n_regions = b->n_regions;
}

int fsparse_map_image(int fd, uint64_t image_size, struct fsparse_map **map_r)
{
    struct build *b;
    int own = -1;
    int rc = 0;

    *map_r = NULL;
    if (image_size > INT64_MAX)
        return -EINVAL;
    b = calloc(1, sizeof(*b));
    if (!b)
        return -ENOMEM;
    b->map.image_size = image_size;
    b->map.note = "";
    if (image_size) {
        own = reopen(fd);
        rc = own < 0 ? note_failure(b, own, -1) : parse_image(b, own);
    }
    if (!rc)
        rc = cover_image(b, own);
    if (own >= 0)
        close(own);
    if (rc) {
        fsparse_map_free(&b->map);
        return rc;
    }
    give_out(b);
    *map_r = &b->map;
    return 0;
}

void fsparse_map_free(struct fsparse_map *map)
{
    struct build *b = (struct build *)map;

    if (!b)
        return;
    free(b->regions);
    free(b->extents);
    free(b->files);
    free(b->partitions);
    arena_release(&b->arena);
    free(b);
}
