/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Unit test of json_text.c: what is JSON and what is not, that a text comes out
 * as it went in, and that without memory, whichever allocation fails, neither a
 * text nor an object is called good of which something is missing.
 */
#include "config.h"

#include <stdbool.h>

#include "test/unit/unit.h"

#include "plugin/base/json_text.h"

/* The C library's allocator by its other names, and one call that fails; a
 * sanitizer has its own. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED
#endif
#endif
#if !defined(SANITIZED) && !defined(__SANITIZE_ADDRESS__) && \
    !defined(__SANITIZE_THREAD__)
#define CAN_FAIL

static unsigned long calls, failing;
static bool all_after;          /* and not only that one */

extern void *__libc_malloc(size_t n);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *p, size_t n);

static bool fails(void)
{
    calls++;
    return failing && (calls == failing || (all_after && calls > failing));
}

void *malloc(size_t n)
{
    return fails() ? NULL : __libc_malloc(n);
}

void *calloc(size_t n, size_t size)
{
    return fails() ? NULL : __libc_calloc(n, size);
}

void *realloc(void *p, size_t n)
{
    return fails() ? NULL : __libc_realloc(p, n);
}
#endif

static const struct row {
    const char *text, *written;     /* NULL: it is no JSON */
} rows[] = {
    { "null", "null\n" }, { " true\t", "true\n" }, { "false\r\n", "false\n" },
    { "{}", "{\n}\n" }, { "[ ]", "[\n]\n" }, { "\"\"", "\"\"\n" },
    { "-9223372036854775808", "-9223372036854775808\n" },
    { "9223372036854775807", "9223372036854775807\n" },
    { "[1,[0],{}]", "[\n  1,\n  [\n    0\n  ],\n  {\n  }\n]\n" },
    { " { \"a\" : 1 , \"b\":{\"c\":null}}",
      "{\n  \"a\":1,\n  \"b\":{\n    \"c\":null\n  }\n}\n" },
    { "{\"a\":1,\"a\":2}", "{\n  \"a\":2\n}\n" },
    { "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"",
      "\"\\u0022\\u005c/\\u0008\\u000c\\u000a\\u000d\\u0009\"\n" },
    { "\"\\u0041\\u00e4\\u20AC\\ud83d\\uDE00\"",
      "\"A\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\"\n" },
    { "\"\xff\x7f\"", "\"\xff\x7f\"\n" },
    { "", NULL }, { " ", NULL }, { "nul", NULL }, { "nulll", NULL },
    { "{} {}", NULL }, { "{", NULL }, { "}", NULL }, { "[1", NULL },
    { "[1,]", NULL }, { "[,1]", NULL }, { "[1 2]", NULL }, { "[1}", NULL },
    { "{\"a\"}", NULL }, { "{\"a\":}", NULL }, { "{\"a\":1,}", NULL },
    { "{a:1}", NULL }, { "{\"a\":1]", NULL }, { "{\"a\" 1}", NULL },
    { "\"", NULL }, { "\"\\", NULL }, { "\"\\x\"", NULL },
    { "\"\\u\"", NULL }, { "\"\\u123\"", NULL }, { "\"\\u12", NULL },
    { "\"\\u0000\"", NULL }, { "\"\\ud800\"", NULL },
    { "\"\\udc00\"", NULL }, { "\"\\udc00\\udc00\"", NULL },
    { "\"\\ud800\\u0041\"", NULL },
    { "\"\\ud800\\n\"", NULL }, { "\"\\ud83d\\", NULL },
    { "-", NULL }, { "+1", NULL }, { "1-", NULL }, { ".5", NULL },
    { "1e", NULL }, { "1.5.2", NULL }, { "0x10", NULL }, { "'a'", NULL },
    { "01", NULL }, { "-00", NULL }, { "1.", NULL }, { "-.5", NULL },
    { "1.e5", NULL }, { "1e+", NULL }, { "--1", NULL }, { "NaN", NULL },
    { "-Infinity", NULL }, { "\"\n\"", NULL }, { "{\"\x1f\":1}", NULL },
    { "-0", "0\n" },
};

static void table(void)
{
    struct json_object *o;
    struct buf b = BUF_INIT;
    size_t i;
    int rc;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        rc = json_text_read(rows[i].text, &o);
        if (rc != (rows[i].written ? 0 : -EINVAL))
            fprintf(stderr, "%s: %d\n", rows[i].text, rc);
        assert(rc == (rows[i].written ? 0 : -EINVAL));
        assert(!rc || !o);
        if (rc)
            continue;
        buf_reset(&b);
        json_text_write(o, &b);
        buf_put_u8(&b, 0);
        if (strcmp((char *)b.data, rows[i].written))
            fprintf(stderr, "%s: %s", rows[i].text, b.data);
        assert(!b.failed && !strcmp((char *)b.data, rows[i].written));
        json_object_put(o);
    }
    buf_release(&b);
}

/* They are read, for what others write, and not written. */
static void fractions(void)
{
    struct json_object *o;
    struct buf b = BUF_INIT;

    assert(!json_text_read("-1.5e2", &o));
    assert(json_object_get_double(o) == -150);
    json_text_write(o, &b);
    assert(b.failed);
    json_object_put(o);
    assert(!json_text_read("18446744073709551616", &o));
    assert(json_object_get_double(o) == 18446744073709551616.0);
    json_object_put(o);
    buf_release(&b);
}

static void nested(unsigned depth, int rc)
{
    char text[2 * JSON_TEXT_DEPTH + 8] = "";
    struct json_object *o;

    memset(text, '[', depth);
    memset(text + depth, ']', depth);
    assert(json_text_read(text, &o) == rc);
    json_object_put(o);
}

static void depth(void)
{
    nested(1, 0);
    nested(JSON_TEXT_DEPTH, 0);
    nested(JSON_TEXT_DEPTH + 1, -EINVAL);
}

#ifdef CAN_FAIL
static const char kept[] =
    "{\n  \"uuid\":\"6d5f2d0a-18c1-4e38-9a3c-a0a2f7e0c001\",\n"
    "  \"size\":5242880,\n  \"foreign\":true,\n  \"next\":{\n"
    "    \"ino\":-1\n  },\n  \"secrets\":[\n    {\n      \"peer\":\"hostb\"\n"
    "    },\n    \"a string that needs memory of its own, as long ones do\"\n"
    "  ]\n}\n";

static bool survives(unsigned long n)
{
    struct json_object *o;
    struct buf b = BUF_INIT;
    bool whole;
    int rc;

    calls = 0;
    failing = n;
    rc = json_text_read(kept, &o);
    failing = 0;
    assert(!rc || (rc == -ENOMEM && !o));
    if (rc)
        assert(!json_text_read(kept, &o));
    calls = 0;
    failing = n;
    json_text_write(o, &b);
    failing = 0;
    whole = !rc && !b.failed;
    assert(b.failed || (b.length == strlen(kept) &&
                        !memcmp(b.data, kept, b.length)));
    json_object_put(o);
    buf_release(&b);
    return whole;
}

static void no_memory(void)
{
    unsigned long n;
    int i;

    for (i = 0; i < 2; i++) {
        all_after = i == 1;
        for (n = 1; !survives(n); n++)
            assert(n < 1000);
        fprintf(stderr, "  %lu allocations\n", n - 1);
        assert(n > 20);
    }
}
#else
static void no_memory(void)
{
    fprintf(stderr, "skipped, the allocator is a sanitizer's\n");
}
#endif

int main(void)
{
    RUN(table);
    RUN(fractions);
    RUN(depth);
    RUN(no_memory);
    return 0;
}
