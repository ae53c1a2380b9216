/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Unit test of trace_parse.c and dirty.c: format files as Linux 6.1 has them
 * and handmade ones, ring buffers made by hand at every position, damage at
 * every byte.  XD_SEED repeats a run.
 */
#include "config.h"

#undef NDEBUG
#include <assert.h>
#include <errno.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "plugin/image/dirty.h"
#include "plugin/track/trace_parse.h"

/* Debian 12's, shortened after what is read. */
static const char complete[] =
    "name: block_rq_complete\nID: 1064\nformat:\n"
    "\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;\n"
    "\tfield:unsigned char common_flags;\toffset:2;\tsize:1;\tsigned:0;\n"
    "\tfield:unsigned char common_preempt_count;\toffset:3;\tsize:1;"
    "\tsigned:0;\n"
    "\tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;\n\n"
    "\tfield:dev_t dev;\toffset:8;\tsize:4;\tsigned:0;\n"
    "\tfield:sector_t sector;\toffset:16;\tsize:8;\tsigned:0;\n"
    "\tfield:unsigned int nr_sector;\toffset:24;\tsize:4;\tsigned:0;\n"
    "\tfield:int error;\toffset:28;\tsize:4;\tsigned:1;\n"
    "\tfield:char rwbs[8];\toffset:32;\tsize:8;\tsigned:1;\n"
    "\tfield:__data_loc char[] cmd;\toffset:40;\tsize:4;\tsigned:1;\n\n"
    "print fmt: \"%d,%d %s (%s) %llu + %u [%d]\", REC->dev\n";

static void bad_format(const char *from, const char *to)
{
    char text[sizeof(complete) + 64];
    const char *at = strstr(complete, from);
    struct trace_format f;

    assert(at);
    snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - complete), complete,
             to, at + strlen(from));
    assert(trace_format_parse(&f, text) == -EBADMSG);
}

static void test_format(void)
{
    struct trace_format f;
    char text[sizeof(complete)];
    size_t i;

    assert(trace_format_parse(&f, complete) == 0);
    assert(f.id == 1064 && f.type.offset == 0 && f.type.size == 2);
    assert(f.dev.offset == 8 && f.dev.size == 4);
    assert(f.sector.offset == 16 && f.sector.size == 8);
    assert(f.nr_sector.offset == 24 && f.nr_sector.size == 4);
    assert(f.rwbs.offset == 32 && f.rwbs.size == 8);
    bad_format("ID: ", "XD: ");
    bad_format("ID: 1064", "ID: x");
    bad_format("dev_t dev;", "dev_t old_dev;");
    bad_format("rwbs[8]", "rwbs_[8]");
    bad_format("offset:8;\tsize:4", "offset:8;\tsize:5");
    bad_format("offset:16;\tsize:8", "offset:4294967290;\tsize:8");
    bad_format("offset:32;\tsize:8", "offset:32;\tsize:1");
    bad_format("offset:24;", "offset:;");
    for (i = 0; i < sizeof(complete); i++) {
        snprintf(text, i + 1, "%s", complete);
        trace_format_parse(&f, text);           /* valgrind, sanitizers */
    }
}

struct raw {
    uint8_t bytes[48];
};

static struct raw make_raw(uint64_t sector, uint32_t n, const char *rwbs)
{
    struct raw r = { { 0 } };
    uint16_t id = 1064;
    uint32_t dev = 7 << 20 | 3;

    memcpy(r.bytes, &id, 2);
    memcpy(r.bytes + 8, &dev, 4);
    memcpy(r.bytes + 16, &sector, 8);
    memcpy(r.bytes + 24, &n, 4);
    strcpy((char *)r.bytes + 32, rwbs);
    return r;
}

static void test_event(void)
{
    static const struct { const char *rwbs; uint32_t n; enum trace_op op; }
    cases[] = {
        { "R", 8, TRACE_READ }, { "RA", 8, TRACE_READ },
        { "RS", 8, TRACE_READ }, { "RSM", 8, TRACE_READ },
        { "W", 8, TRACE_WRITE }, { "WS", 8, TRACE_WRITE },
        { "WFS", 8, TRACE_WRITE }, { "FWFSM", 8, TRACE_WRITE },
        { "FWS", 0, TRACE_WRITE }, { "D", 8, TRACE_DISCARD },
        { "DE", 8, TRACE_DISCARD }, { "FF", 0, TRACE_FLUSH },
        { "F", 0, TRACE_FLUSH }, { "FF", 8, TRACE_OTHER },
        { "N", 8, TRACE_OTHER }, { "", 8, TRACE_OTHER },
        { "FN", 8, TRACE_OTHER }, { "ZA", 8, TRACE_OTHER },
    };
    struct trace_format f;
    struct trace_event e;
    struct raw r;
    size_t i;

    assert(trace_format_parse(&f, complete) == 0);
    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        r = make_raw(UINT64_C(0x123456789a), cases[i].n, cases[i].rwbs);
        assert(trace_event_decode(&e, &f, r.bytes, 44) == 0);
        assert(e.dev == 0x700003 && e.sector == UINT64_C(0x123456789a));
        assert(e.sectors == cases[i].n && e.op == cases[i].op);
    }
    for (i = 0; i < 40; i++)
        assert(trace_event_decode(&e, &f, r.bytes, i) == -EBADMSG);
    r.bytes[0]++;
    assert(trace_event_decode(&e, &f, r.bytes, 44) == -EBADMSG);
}

#define RING 4096u

struct ring {
    uint8_t data[RING];
    uint64_t head, tail;
};

static void put(struct ring *r, const void *from, size_t n)
{
    const uint8_t *p = from;

    while (n--)
        r->data[r->head++ % RING] = *p++;
}

static void put_header(struct ring *r, uint32_t type, size_t body)
{
    struct perf_event_header h = { .type = type, .size = sizeof(h) + body };

    put(r, &h, sizeof(h));
}

/* As the kernel does: size, data, padding that the size includes. */
static void put_sample(struct ring *r, uint64_t sector)
{
    struct raw raw = make_raw(sector, 8, "W");
    uint32_t size = 44;

    put_header(r, PERF_RECORD_SAMPLE, 4 + size);
    put(r, &size, 4);
    put(r, raw.bytes, size);
}

static void put_lost(struct ring *r, uint64_t lost)
{
    uint64_t id = 99;

    put_header(r, PERF_RECORD_LOST, 16);
    put(r, &id, 8);
    put(r, &lost, 8);
}

struct got {
    struct trace_format f;
    uint64_t next;
    uint64_t fail_at;
};

static int sample(void *opaque, const uint8_t *raw, size_t length)
{
    struct got *g = opaque;
    struct trace_event e;

    assert(length == 44);
    if (g->next == g->fail_at)
        return -ENOSPC;
    assert(trace_event_decode(&e, &g->f, raw, length) == 0);
    assert(e.sector == g->next++);
    return 0;
}

static int ignore(void *opaque, const uint8_t *raw, size_t length)
{
    unsigned *sum = opaque;

    while (length--)
        *sum += raw[length];
    return 0;
}

/* Wherever in the ring it begins, and with a counter near its end. */
static void test_wrap(void)
{
    struct trace_counts c;
    struct ring r;
    struct got g = { .fail_at = UINT64_MAX };
    uint64_t start, i;

    assert(trace_format_parse(&g.f, complete) == 0);
    for (start = UINT64_MAX - 2 * RING - 7; start; start += 8) {
        r.head = r.tail = start;
        g.next = 0;
        c = (struct trace_counts){ 0, 0, 0 };
        for (i = 0; i < 71; i++) {
            if (i == 33)
                put_lost(&r, 5);
            if (i == 50)
                put_header(&r, PERF_RECORD_THROTTLE, 24), r.head += 24;
            put_sample(&r, i);
        }
        assert(r.head - start <= RING);
        assert(trace_ring_parse(r.data, RING, &r.tail, r.head, &c, sample,
                                &g) == 0);
        assert(r.tail == r.head && g.next == 71 && c.samples == 71);
        assert(c.lost == 5 && c.throttled == 1);
        if (start + 8 == 8)
            break;
    }
}

static int parse(struct ring *r, unsigned *sum)
{
    struct trace_counts c = { 0, 0, 0 };
    uint64_t tail = r->tail;

    return trace_ring_parse(r->data, RING, &tail, r->head, &c, ignore, sum);
}

static void test_damage(void)
{
    struct ring good = { .head = 4000, .tail = 4000 }, bad;
    struct got g = { .fail_at = 3 };
    struct trace_counts c = { 0, 0, 0 };
    unsigned i, k, sum = 0;

    for (i = 0; i < 5; i++)
        put_sample(&good, i);
    put_lost(&good, 1);
    assert(parse(&good, &sum) == 0);
    assert(trace_format_parse(&g.f, complete) == 0);
    bad = good;                                 /* the callback's error */
    assert(trace_ring_parse(bad.data, RING, &bad.tail, bad.head, &c, sample,
                            &g) == -ENOSPC);
    for (i = 1; i < 8; i++) {                   /* cut short */
        bad = good;
        bad.head -= i;
        assert(parse(&bad, &sum) == -EBADMSG);
    }
    bad = good;
    bad.head = bad.tail + RING + 8;             /* overwritten */
    assert(parse(&bad, &sum) == -EBADMSG);
    bad = good;
    bad.data[(4000 + 6) % RING] = 0;            /* a size of 0 */
    assert(parse(&bad, &sum) == -EBADMSG);
    bad = good;
    bad.data[(4000 + 8) % RING] = 45;           /* raw data too long */
    assert(parse(&bad, &sum) == -EBADMSG);
    bad = good;
    bad.data[4000] = PERF_RECORD_MMAP;          /* of an unknown type */
    assert(parse(&bad, &sum) == -EBADMSG);
    for (i = 0; i < good.head - good.tail; i++) {
        for (k = 0; k < 256; k++) {
            bad = good;
            bad.data[(bad.tail + i) % RING] = k;
            parse(&bad, &sum);                  /* must only not crash */
        }
    }
}

static void test_dirty(void)
{
    enum { SIZE = 1000003, GRAIN = 4096 };
    static uint8_t model[SIZE / GRAIN + 1];
    struct dirty d, coarse;
    uint64_t offset, length, i, n, sum = 0;

    assert(dirty_init(&d, 1, 3000) == -EINVAL);
    assert(dirty_init(&d, 1, 256) == -EINVAL);
    assert(dirty_init(&d, 0, 4096) == 0);
    dirty_mark_all(&d);
    assert(dirty_bytes(&d) == 0);
    dirty_release(&d);
    assert(dirty_init(&d, SIZE, GRAIN) == 0);
    assert(dirty_init(&coarse, SIZE, 65536) == 0);
    for (i = 0; i < 40; i++) {
        offset = random() % (SIZE + 5000);
        length = random() % (i % 2 ? 100 : 60000);
        dirty_mark(&d, offset, length);
        for (n = offset; n < offset + length && n < SIZE; n++)
            model[n / GRAIN] = 1;
        for (n = 0; n <= SIZE / GRAIN; n++)
            assert(dirty_any(&d, n * GRAIN, 1) == model[n]);
    }
    dirty_mark(&d, SIZE - 1, UINT64_MAX);
    model[SIZE / GRAIN] = 1;
    for (n = 0; n <= SIZE / GRAIN; n++)
        sum += model[n] ? n < SIZE / GRAIN ? GRAIN : SIZE % GRAIN : 0;
    assert(dirty_bytes(&d) == sum);
    dirty_or(&coarse, &d);
    for (offset = 0; dirty_next(&d, &offset, &length); offset += length)
        for (i = 0; i < length; i += 512) {
            assert(model[(offset + i) / GRAIN]);
            assert(dirty_any(&coarse, offset + i, 1));
        }
    assert(dirty_bytes(&coarse) >= sum);
    dirty_mark_all(&d);
    assert(dirty_bytes(&d) == SIZE);
    dirty_clear(&d);
    assert(!dirty_any(&d, 0, SIZE));
    dirty_release(&d);
    dirty_release(&coarse);
}

int main(void)
{
    const char *text = getenv("XD_SEED");
    unsigned seed = text ? strtoul(text, NULL, 0) :
        (unsigned)(time(NULL) ^ getpid());

    printf("XD_SEED=%u\n", seed);
    srandom(seed);
    test_format();
    test_event();
    test_wrap();
    test_damage();
    test_dirty();
    return 0;
}
