/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Unit test of handshake.c: the report is found however it is cut and
 * whatever precedes it. */
#include "config.h"

#include <stdbool.h>

#include "test/unit/unit.h"

#include "plugin/xl/handshake.h"

#define REPORT "my copy unpause results are as follows"

static char stream[400];
static size_t length;           /* of the stream, up to the status byte */

/* prefix, the report with its NUL, the status byte, two bytes of rubbish */
static void build(const char *prefix, int status)
{
    size_t n = strlen(prefix);

    memcpy(stream, prefix, n);
    memcpy(stream + n, REPORT, sizeof(REPORT));
    length = n + sizeof(REPORT);
    stream[length] = status;
    memcpy(stream + length + 1, "my", 2);
}

/* Feeds the stream in two pieces. */
static void feed(size_t cut, int status)
{
    struct handshake h = HANDSHAKE_INIT;
    size_t first = handshake_feed(&h, stream, cut);
    size_t rest = length + 3 - cut;

    if (cut <= length) {
        assert(first == cut && h.status == HANDSHAKE_PENDING);
        assert(handshake_feed(&h, stream + cut, rest) == length - cut);
    } else {
        assert(first == length && h.status == status);
        assert(handshake_feed(&h, stream + cut, rest) == rest);
    }
    assert(h.status == status);
    /* once it is known, everything passes */
    assert(handshake_feed(&h, stream, length) == length);
    assert(h.status == status);
}

static void everywhere(const char *prefix, int status)
{
    struct handshake h = HANDSHAKE_INIT;
    size_t cut, i;

    build(prefix, status);
    for (cut = 0; cut <= length + 1; cut++)
        feed(cut, status);
    for (i = 0; i <= length; i++) {
        assert(h.status == HANDSHAKE_PENDING);
        assert(handshake_feed(&h, stream + i, 1) == (i < length));
    }
    assert(h.status == status);
}

static void reports(void)
{
    everywhere("", 0);
    everywhere("", 1);
    everywhere("", 255);
    everywhere("domain received, ready to unpause", 0);
}

/* However it is cut, and whatever resembles it before. */
static void readiness(void)
{
    static const char text[] = "do domain received, readomain receivedomain "
        "received, ready to unpause";
    struct handshake h = HANDSHAKE_INIT;
    size_t cut, i;

    for (cut = 0; cut <= sizeof(text); cut++) {
        h = (struct handshake)HANDSHAKE_INIT;
        handshake_feed(&h, text, cut);
        assert(h.ready == (cut == sizeof(text)));
        handshake_feed(&h, text + cut, sizeof(text) - cut);
        assert(h.ready && h.status == HANDSHAKE_PENDING);
    }
    h = (struct handshake)HANDSHAKE_INIT;
    for (i = 0; i < sizeof(text); i++) {
        assert(!h.ready);
        handshake_feed(&h, text + i, 1);
    }
    assert(h.ready);
}

static void false_starts(void)
{
    size_t n;

    everywhere("m", 0);
    everywhere("mmmm", 0);
    everywhere("my copy unpause", 1);
    everywhere("my copy unpause results are as follows! ", 0);
    /* every proper beginning of the report, then the report */
    for (n = 1; n < sizeof(REPORT) - 1; n++) {
        char prefix[sizeof(REPORT)];

        memcpy(prefix, REPORT, n);
        prefix[n] = '\0';
        everywhere(prefix, 0);
        prefix[n] = '!';
        prefix[n + 1] = '\0';
        everywhere(prefix, 2);
    }
}

static void nothing_there(void)
{
    struct handshake h = HANDSHAKE_INIT;

    build("", 0);
    assert(handshake_feed(&h, stream, 0) == 0);
    /* without the NUL it is not the report */
    assert(handshake_feed(&h, stream, length - 1) == length - 1);
    assert(handshake_feed(&h, " ", 2) == 2);
    assert(h.status == HANDSHAKE_PENDING);
}

int main(void)
{
    RUN(reports);
    RUN(readiness);
    RUN(false_starts);
    RUN(nothing_there);
    return 0;
}
