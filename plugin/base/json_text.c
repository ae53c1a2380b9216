/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Text of JSON; see json_text.h. */
#include "config.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/base/json_text.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct reader {
    const char *p;              /* no further than the NUL */
    unsigned depth;
};

static int read_value(struct reader *r, struct json_object **o_r);

/* Whether c comes next, but for blanks; if so it is passed. */
static bool take(struct reader *r, char c)
{
    r->p += strspn(r->p, " \t\r\n");
    if (*r->p != c)
        return false;
    r->p++;
    return true;
}

/* Strings */

static int read_unit(struct reader *r, uint32_t *unit_r)
{
    uint32_t unit = 0;
    unsigned i;

    for (i = 0; i < 4; i++, r->p++) {
        if (!isxdigit((unsigned char)*r->p))
            return -EINVAL;
        unit = unit << 4 | (uint32_t)(isdigit((unsigned char)*r->p) ?
                                      *r->p - '0' : (*r->p | 32) - 'a' + 10);
    }
    *unit_r = unit;
    return 0;
}

/* What follows "\u": a character, or the two halves of one that UTF-16 has
 * beyond U+FFFF. */
static int read_character(struct reader *r, uint32_t *c_r)
{
    uint32_t high, low;
    int rc = read_unit(r, &high);

    *c_r = high;
    if (rc || high < 0xd800 || high > 0xdfff)
        return rc || !high ? -EINVAL : 0;
    if (high > 0xdbff || r->p[0] != '\\' || r->p[1] != 'u')
        return -EINVAL;
    r->p += 2;
    rc = read_unit(r, &low);
    if (rc || low < 0xdc00 || low > 0xdfff)
        return -EINVAL;
    *c_r = 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
    return 0;
}

/* UTF-8, RFC 3629. */
static void put_character(struct buf *b, uint32_t c)
{
    unsigned more = c < 0x80 ? 0 : c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
    static const uint8_t first[] = { 0, 0xc0, 0xe0, 0xf0 };

    buf_put_u8(b, (uint8_t)(first[more] | c >> (6 * more)));
    while (more-- > 0)
        buf_put_u8(b, (uint8_t)(0x80 | (c >> (6 * more) & 0x3f)));
}

static int read_escape(struct reader *r, struct buf *b)
{
    static const char names[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
    const char *name = *r->p ? strchr(names, *r->p) : NULL;
    uint32_t c;
    int rc;

    if (name) {
        r->p++;
        buf_put_u8(b, (uint8_t)meant[name - names]);
        return 0;
    }
    if (*r->p != 'u')
        return -EINVAL;
    r->p++;
    rc = read_character(r, &c);
    if (!rc)
        put_character(b, c);
    return rc;
}

/* The length of what stands for itself: no end, no escape, no control
 * character. */
static size_t plain_length(const char *p)
{
    const char *end = p;

    while ((unsigned char)*end >= ' ' && *end != '"' && *end != '\\')
        end++;
    return end - p;
}

/* What follows the quotation mark, to the other one; a NUL is put after it. */
static int read_string(struct reader *r, struct buf *b)
{
    size_t n;
    int rc = 0;

    while (!rc && *r->p != '"') {
        n = plain_length(r->p);
        buf_put(b, r->p, n);
        r->p += n;
        if (*r->p == '\\') {
            r->p++;
            rc = read_escape(r, b);
        } else if (*r->p != '"') {
            return -EINVAL;
        }
    }
    if (rc)
        return rc;
    r->p++;
    buf_put_u8(b, 0);
    return b->failed ? -ENOMEM : 0;
}

/* Values: each has the next value for *o_r, or an error. */

static int made(struct json_object *o, struct json_object **o_r)
{
    *o_r = o;
    return o ? 0 : -ENOMEM;
}

static int read_text(struct reader *r, struct json_object **o_r)
{
    struct buf b = BUF_INIT;
    int rc = read_string(r, &b);

    if (!rc)
        rc = made(json_object_new_string_len((const char *)b.data,
                                             (int)b.length - 1), o_r);
    buf_release(&b);
    return rc;
}

static int read_member(struct reader *r, struct json_object *o)
{
    struct json_object *v = NULL;
    struct buf key = BUF_INIT;
    int rc = take(r, '"') ? read_string(r, &key) : -EINVAL;

    if (!rc)
        rc = take(r, ':') ? read_value(r, &v) : -EINVAL;
    if (!rc && json_object_object_add(o, (const char *)key.data, v)) {
        json_object_put(v);
        rc = -ENOMEM;
    }
    buf_release(&key);
    return rc;
}

static int read_entry(struct reader *r, struct json_object *o)
{
    struct json_object *v = NULL;
    int rc = read_value(r, &v);

    if (!rc && json_object_array_add(o, v)) {
        json_object_put(v);
        rc = -ENOMEM;
    }
    return rc;
}

/* Takes o, which may be NULL. */
static int read_all(struct reader *r, struct json_object *o, char end,
                    int (*read_one)(struct reader *r, struct json_object *o),
                    struct json_object **o_r)
{
    bool more;
    int rc = !o ? -ENOMEM : r->depth == JSON_TEXT_DEPTH ? -EINVAL : 0;

    r->depth++;
    more = !rc && !take(r, end);
    while (more) {
        rc = read_one(r, o);
        more = !rc && take(r, ',');
        if (!rc && !more && !take(r, end))
            rc = -EINVAL;
    }
    r->depth--;
    if (rc)
        json_object_put(o);
    else
        *o_r = o;
    return rc;
}

/* Passes digits; whether there is one. */
static bool digits(const char **p)
{
    size_t n = strspn(*p, "0123456789");

    *p += n;
    return n > 0;
}

/* The length of the number at p, and whether it is a whole one; 0: there is
 * none.  strtod() would take more: zeros in front, a point with no digit on one
 * of its sides, words. */
static size_t number_length(const char *p, bool *whole_r)
{
    const char *end = p + (*p == '-');
    bool good;

    if (*end == '0') {
        end++;
        good = true;
    } else {
        good = digits(&end);
    }
    *whole_r = *end != '.' && *end != 'e' && *end != 'E';
    if (good && *end == '.') {
        end++;
        good = digits(&end);
    }
    if (good && (*end == 'e' || *end == 'E')) {
        end++;
        end += *end == '+' || *end == '-';
        good = digits(&end);
    }
    return good ? (size_t)(end - p) : 0;
}

static int read_number(struct reader *r, struct json_object **o_r)
{
    const char *text = r->p;
    bool whole;
    size_t n = number_length(text, &whole);
    double d = 0;
    int64_t i = 0;

    if (n == 0)
        return -EINVAL;
    errno = 0;
    if (whole)
        i = strtoll(text, NULL, 10);
    if (whole && errno == ERANGE)
        whole = false;
    if (!whole)
        d = strtod(text, NULL);
    r->p += n;
    return made(whole ? json_object_new_int64(i) : json_object_new_double(d),
                o_r);
}

static int read_word(struct reader *r, struct json_object **o_r)
{
    static const char *const words[] = { "null", "false", "true" };
    size_t i, n;

    for (i = 0; i < COUNT(words); i++) {
        n = strlen(words[i]);
        if (strncmp(r->p, words[i], n))
            continue;
        r->p += n;
        return i ? made(json_object_new_boolean(i == 2), o_r) : 0;
    }
    return read_number(r, o_r);
}

static int read_value(struct reader *r, struct json_object **o_r)
{
    if (take(r, '{'))
        return read_all(r, json_object_new_object(), '}', read_member, o_r);
    if (take(r, '['))
        return read_all(r, json_object_new_array(), ']', read_entry, o_r);
    if (take(r, '"'))
        return read_text(r, o_r);
    return read_word(r, o_r);
}

int json_text_read(const char *text, struct json_object **o_r)
{
    struct reader r = { .p = text };
    int rc;

    *o_r = NULL;
    rc = read_value(&r, o_r);
    if (!rc && !take(&r, '\0')) {
        json_object_put(*o_r);
        *o_r = NULL;
        rc = -EINVAL;
    }
    return rc;
}

/* Writing */

static void put(struct buf *b, const char *text)
{
    buf_put(b, text, strlen(text));
}

static void put_line(struct buf *b, unsigned depth)
{
    put(b, "\n");
    while (depth-- > 0)
        put(b, "  ");
}

static void put_string(struct buf *b, const char *s)
{
    char escape[8];

    put(b, "\"");
    for (; *s; s++) {
        if (*s != '"' && *s != '\\' && (unsigned char)*s >= ' ') {
            buf_put_u8(b, (uint8_t)*s);
            continue;
        }
        snprintf(escape, sizeof(escape), "\\u%04x", (unsigned char)*s);
        put(b, escape);
    }
    put(b, "\"");
}

static void write_value(struct json_object *o, unsigned depth, struct buf *b);

static void write_object(struct json_object *o, unsigned depth, struct buf *b)
{
    const char *before = "";

    put(b, "{");
    json_object_object_foreach(o, key, v) {
        put(b, before);
        put_line(b, depth + 1);
        put_string(b, key);
        put(b, ":");
        write_value(v, depth + 1, b);
        before = ",";
    }
    put_line(b, depth);
    put(b, "}");
}

static void write_list(struct json_object *o, unsigned depth, struct buf *b)
{
    size_t i;

    put(b, "[");
    for (i = 0; i < json_object_array_length(o); i++) {
        put(b, i ? "," : "");
        put_line(b, depth + 1);
        write_value(json_object_array_get_idx(o, i), depth + 1, b);
    }
    put_line(b, depth);
    put(b, "]");
}

static void write_value(struct json_object *o, unsigned depth, struct buf *b)
{
    char number[24];

    switch (json_object_get_type(o)) {
    case json_type_object:
        write_object(o, depth, b);
        return;
    case json_type_array:
        write_list(o, depth, b);
        return;
    case json_type_string:
        put_string(b, json_object_get_string(o));
        return;
    case json_type_int:
        snprintf(number, sizeof(number), "%" PRId64, json_object_get_int64(o));
        put(b, number);
        return;
    case json_type_boolean:
        put(b, json_object_get_boolean(o) ? "true" : "false");
        return;
    case json_type_null:
        put(b, "null");
        return;
    default:
        b->failed = true;
    }
}

void json_text_write(struct json_object *o, struct buf *b)
{
    write_value(o, 0, b);
    put(b, "\n");
}
