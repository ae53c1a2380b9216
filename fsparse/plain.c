/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Plain: the plain content of compressed streams, from a parser process.
 *
 * Of what comes back nothing is believed: numbers were asked for and ascend,
 * sizes are bounded by what the stream has on the disk (which the map's own
 * promises bound by the image), and no stream gets more than its size.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fsparse/fsparse.h"
#include "fsparse/reader.h"

struct plain {
    const struct fsparse_map *map;
    const uint32_t *files;
    size_t n_files;
    const struct fsparse_plain_sink *sink;
    void *opaque;
    int sink_rc;
    size_t next;                /* the least number that may come */
    uint64_t left;              /* bytes of the stream that are to come */
};

static bool is_wanted(const struct fsparse_file *f)
{
    return f->flags & FSPARSE_COMPRESSED &&
           !(f->flags & (FSPARSE_CUT | FSPARSE_INLINE | FSPARSE_ENCRYPTED));
}

static uint64_t most(const struct fsparse_file *f)
{
    return f->size > INT64_MAX / FSPARSE_PLAIN_MOST ? INT64_MAX :
           f->size * FSPARSE_PLAIN_MOST;
}

static int write_all(int fd, const void *data, size_t length)
{
    const char *p = data;

    while (length) {
        ssize_t n = write(fd, p, length);

        if (n < 0 && errno != EINTR)
            return -errno;
        if (n > 0) {
            p += n;
            length -= (size_t)n;
        }
    }
    return 0;
}

static void put(uint8_t **p, const void *data, size_t length)
{
    memcpy(*p, data, length);
    *p += length;
}

static int write_want(int fd, const struct plain *p, uint32_t number)
{
    const struct fsparse_file *f = &p->map->files[p->files[number]];
    const struct fsparse_partition *part = &p->map->partitions[f->partition];
    const uint64_t bound = most(f);
    const uint16_t length = (uint16_t)strnlen(f->stream, RECORD_STRING_MAX);
    uint8_t buf[64 + RECORD_STRING_MAX], *end = buf;

    put(&end, &number, sizeof(number));
    put(&end, &part->start, sizeof(part->start));
    put(&end, &part->length, sizeof(part->length));
    put(&end, &f->inode, sizeof(f->inode));
    put(&end, &bound, sizeof(bound));
    put(&end, &length, sizeof(length));
    put(&end, f->stream, length);
    return write_all(fd, buf, (size_t)(end - buf));
}

/* Returns a descriptor, or a negative errno. */
static int make_request(const struct plain *p)
{
    int fd = memfd_create("xl-dedup-want", MFD_CLOEXEC);
    uint32_t i;
    int rc;

    if (fd < 0)
        return -errno;
    rc = write_all(fd, RECORD_WANT_MAGIC, RECORD_MAGIC_BYTES);
    for (i = 0; i < p->n_files && !rc; i++)
        if (is_wanted(&p->map->files[p->files[i]]))
            rc = write_want(fd, p, i);
    if (rc) {
        close(fd);
        return rc;
    }
    return fd;
}

static int end_if_complete(struct plain *p)
{
    if (!p->left)
        p->sink_rc = p->sink->end(p->opaque);
    return p->sink_rc;
}

static int take_plain(struct plain *p, struct record_cursor *c)
{
    uint32_t number = record_u32(c);
    uint64_t size = record_u64(c);
    const struct fsparse_file *f;

    if (c->bad || c->left || number < p->next || number >= p->n_files)
        return -EBADMSG;
    f = &p->map->files[p->files[number]];
    if (!is_wanted(f) || size > most(f))
        return -EBADMSG;
    p->next = (size_t)number + 1;
    p->left = size;
    p->sink_rc = p->sink->begin(p->opaque, p->files[number], size);
    return p->sink_rc ? p->sink_rc : end_if_complete(p);
}

static int take_data(struct plain *p, const void *data, size_t length)
{
    if (!length || length > p->left)
        return -EBADMSG;
    p->left -= length;
    p->sink_rc = p->sink->data(p->opaque, data, length);
    return p->sink_rc ? p->sink_rc : end_if_complete(p);
}

/* Returns 0 at the END. */
static int take_records(struct plain *p, struct reader *r)
{
    struct record_cursor c = { .left = 0 };
    const void *payload;
    uint32_t type;
    int rc;

    do {
        rc = reader_next(r, &type, &payload, &c.left);
        if (rc)
            break;
        c.next = payload;
        switch (type) {
        case RECORD_PLAIN:
            rc = take_plain(p, &c);
            break;
        case RECORD_DATA:
            rc = take_data(p, payload, c.left);
            break;
        case RECORD_END:
            return c.left ? -EBADMSG : 0;
        default:
            rc = -EBADMSG;
        }
    } while (!rc);
    return rc;
}

/* Whether the indices are such, and whether there is one to ask for. */
static int check_files(const struct plain *p, bool *any_r)
{
    size_t i;

    *any_r = false;
    if (p->n_files > UINT32_MAX)
        return -EINVAL;
    for (i = 0; i < p->n_files; i++) {
        if (p->files[i] >= p->map->n_files ||
            (i && p->files[i] <= p->files[i - 1]))
            return -EINVAL;
        *any_r |= is_wanted(&p->map->files[p->files[i]]);
    }
    return 0;
}

/* note: what is to be said of the parser, not of us. */
static int run(struct plain *p, int image_fd, char note[FSPARSE_NOTE_BYTES])
{
    struct reader *r = reader_new();
    int parser_rc, request, rc;

    if (!r)
        return -ENOMEM;
    request = make_request(p);
    rc = request < 0 ? request : 0;
    if (!rc) {
        parser_rc = reader_start(r, "plain", image_fd, request);
        close(request);
        if (!parser_rc)
            parser_rc = take_records(p, r);
        rc = p->sink_rc;
        if (!rc && parser_rc)
            reader_failure(r, parser_rc, note, FSPARSE_NOTE_BYTES);
    }
    reader_free(r);
    return rc;
}

int fsparse_read_plain(int fd, const struct fsparse_map *map,
                       const uint32_t *files, size_t n_files,
                       const struct fsparse_plain_sink *sink, void *opaque,
                       char note[FSPARSE_NOTE_BYTES])
{
    struct plain p = { .map = map, .files = files, .n_files = n_files,
                       .sink = sink, .opaque = opaque };
    bool any;
    int own, rc;

    note[0] = '\0';
    rc = check_files(&p, &any);
    if (rc || !any)
        return rc;
    own = reader_reopen(fd);
    if (own < 0)
        return own;
    rc = run(&p, own, note);
    close(own);
    return rc;
}
