/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The first bytes of a session; see greeting.h. */
#include "config.h"

#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "plugin/base/buf.h"
#include "plugin/proto.h"
#include "plugin/wire/greeting.h"

/* If something else came than a greeting: how much of it is looked at, and how
 * long the rest of a line is waited for. */
#define GARBAGE_BYTES 512
#define LINE_MS 1000

/* How a terminal shows some of the zeros of a greeting. */
#define ECHO "^@^@^@"

/* The first line that is not empty. */
static void printable(const uint8_t *data, size_t n, char *out, size_t size)
{
    size_t i, at = 0;

    while (at < n && isspace(data[at]))
        at++;
    data += at;
    n -= at;
    for (i = 0; i < n && i + 1 < size && data[i] != '\n' && data[i] != '\r';
         i++)
        out[i] = isprint(data[i]) ? data[i] : '?';
    out[i] = '\0';
}

static bool has_line(const uint8_t *data, size_t n)
{
    size_t at = 0;

    while (at < n && isspace(data[at]))
        at++;
    return at < n && memchr(data + at, '\n', n - at);
}

/* Whoever prints there may print more of the line that began: data holds got
 * bytes of it, and has room for size.  Returns how many there are then. */
static size_t read_line(struct line *l, uint8_t *data, size_t got, size_t size)
{
    struct pollfd pfd = { .fd = l->in_fd, .events = POLLIN };
    ssize_t n;

    while (got < size && !has_line(data, got)) {
        if (poll(&pfd, 1, LINE_MS) <= 0)
            break;
        n = read(l->in_fd, data + got, size - got);
        if (n <= 0)
            break;
        got += n;
    }
    return got;
}

/* What these bytes are, of which the first eight are right.  A terminal shows
 * control characters as two, and changes the ends of lines. */
static int judge(const uint8_t greeting[PROTO_GREETING_BYTES])
{
    struct cursor c = CURSOR_INIT(greeting, PROTO_GREETING_BYTES);
    unsigned version;

    cursor_get(&c, 8);
    version = cursor_u16(&c);
    if (version > PROTO_VERSION_MAX)
        return -EILSEQ;
    if (version != PROTO_VERSION)
        return -EPROTONOSUPPORT;
    return memcmp(greeting + PROTO_GREETING_BYTES - 2, PROTO_LINE_END, 2) ?
        -EILSEQ : 0;
}

static int say_greeting(struct line *l)
{
    struct buf b = BUF_INIT;
    int rc;

    buf_put(&b, PROTO_MAGIC, 8);
    buf_put_u16(&b, PROTO_VERSION);
    buf_put_u16(&b, PROTO_REVISION);
    buf_put_u16(&b, 0);
    buf_put(&b, PROTO_LINE_END, 2);
    rc = b.failed ? -ENOMEM : line_write(l, b.data, b.length);
    buf_release(&b);
    return rc;
}

/* Reads a greeting, or up to the byte that shows that it is none. */
static int read_greeting(struct line *l, uint8_t *peer, size_t *got_r)
{
    size_t got = 0;
    int rc = 0;

    while (got < PROTO_GREETING_BYTES && !rc) {
        rc = line_read(l, peer + got, 1, NULL);
        if (!rc && got < 8 && peer[got] != (uint8_t)PROTO_MAGIC[got])
            rc = -EPROTO;
        got += !rc || rc == -EPROTO;
    }
    *got_r = got;
    return rc;
}

static int greet(struct line *l, char *garbage, size_t size)
{
    uint8_t peer[GARBAGE_BYTES];
    size_t got;
    int rc;

    garbage[0] = '\0';
    rc = say_greeting(l);
    if (rc && rc != -EPIPE)
        return rc;
    /* After a failed write the reason may still be there to be read. */
    rc = read_greeting(l, peer, &got);
    if (got == 0 || rc == -ECANCELED)
        return rc;
    if (rc == -EPROTO || got < 8) {
        if (rc == -EPROTO)
            got = read_line(l, peer, got, sizeof(peer));
        /* 3 is Ctrl-C there, which throws away what came before it. */
        if (memmem(peer, got, ECHO, strlen(ECHO)))
            return -EILSEQ;
        printable(peer, got, garbage, size);
        return -EPROTO;
    }
    return rc ? rc : judge(peer);
}

int greeting_exchange(struct line *l, unsigned limit, int watch_fd,
                      char *garbage, size_t size)
{
    unsigned timeout = l->timeout;
    int rc;

    l->timeout = limit;
    l->watch_fd = watch_fd;
    rc = greet(l, garbage, size);
    l->timeout = timeout;
    l->watch_fd = -1;
    return rc;
}
