/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Text of JSON (plugin/base/json_text.h): what xl and libxl print, and a saved
 * guest has, with names that whoever configured a guest chose; and the files of
 * the state directory, which are root's.
 *
 * Input: the text, up to the first NUL.
 *
 * Two other readers say what should come of it.  Which texts are taken is what
 * RFC 8259 says, here as a machine over tokens that regular expressions find.
 * Which values they have is what json-c reads, in its strict form; it takes
 * some texts besides that are no JSON, and is asked about none of these.
 */
#include "config.h"

#include <errno.h>
#include <regex.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/base/json_text.h"
#include "test/fuzz/fuzz.h"

#define MOST 4096               /* regexec() takes memory by the length */

/* Sections 3, 6 and 7.  What would be a NUL, or one half of a character alone,
 * is none after "\u". */
#define HEX "[0-9a-fA-F]"
#define UNIT "u([1-9a-cA-CefEF]" HEX "{3}|[dD][0-7]" HEX "{2}|" \
    "0[1-9a-fA-F]" HEX "{2}|00[1-9a-fA-F]" HEX "|000[1-9a-fA-F])"
#define PAIR "u[dD][89abAB]" HEX "{2}\\\\u[dD][c-fC-F]" HEX "{2}"

enum token { STRING, NUMBER, WORD, TOKENS };

static const char *const patterns[TOKENS] = {
    "^\"([^\"\\\x01-\x1f]|\\\\([\"\\/bfnrt]|" UNIT "|" PAIR "))*\"",
    "^-?(0|[1-9][0-9]*)(\\.[0-9]+)?([eE][+-]?[0-9]+)?",
    "^(null|true|false)",
};

/* The length of that token, if it comes next; else 0. */
static size_t token(enum token which, const char *text)
{
    static regex_t compiled[TOKENS];
    static bool done[TOKENS];
    regmatch_t m;

    if (!done[which])
        FUZZ_CHECK(!regcomp(&compiled[which], patterns[which], REG_EXTENDED));
    done[which] = true;
    return regexec(&compiled[which], text, 1, &m, 0) ? 0 : (size_t)m.rm_eo;
}

/* What may come next: all that it says, in one. */
enum { VALUE = 1, KEY = 2, COLON = 4, COMMA = 8, END = 16 };

struct machine {
    char open[JSON_TEXT_DEPTH]; /* '{' and '[' that are not closed */
    unsigned depth, next;
};

static void after_value(struct machine *m)
{
    m->next = m->depth ? COMMA | END : 0;
}

/* The length of what was taken; 0: that is no JSON. */
static size_t scalar(struct machine *m, const char *text)
{
    size_t n = token(STRING, text);

    if (n && m->next & KEY) {
        m->next = COLON;
        return n;
    }
    if (!(m->next & VALUE))
        return 0;
    n = n ? n : token(NUMBER, text);
    n = n ? n : token(WORD, text);
    after_value(m);
    return n;
}

static size_t step(struct machine *m, const char *text)
{
    char open = m->depth ? m->open[m->depth - 1] : 0;

    switch (*text) {
    case '{':
    case '[':
        if (!(m->next & VALUE) || m->depth == JSON_TEXT_DEPTH)
            return 0;
        m->open[m->depth++] = *text;
        m->next = (*text == '{' ? KEY : VALUE) | END;
        return 1;
    case '}':
    case ']':
        if (!(m->next & END) || open != (*text == '}' ? '{' : '['))
            return 0;
        m->depth--;
        after_value(m);
        return 1;
    case ',':
        if (!(m->next & COMMA))
            return 0;
        m->next = open == '{' ? KEY : VALUE;
        return 1;
    case ':':
        if (!(m->next & COLON))
            return 0;
        m->next = VALUE;
        return 1;
    default:
        return scalar(m, text);
    }
}

/* Whether json_text.h promises that this is read. */
static bool is_json(const char *text)
{
    struct machine m = { .next = VALUE };
    size_t n;

    for (;;) {
        text += strspn(text, " \t\r\n");
        if (!*text)
            return !m.depth && !m.next;
        n = step(&m, text);
        if (!n)
            return false;
        text += n;
    }
}

static bool same(struct json_object *a, struct json_object *b);

static bool same_members(struct json_object *a, struct json_object *b)
{
    struct json_object *other;

    json_object_object_foreach(a, key, v)
        if (!json_object_object_get_ex(b, key, &other) || !same(v, other))
            return false;
    return json_object_object_length(a) == json_object_object_length(b);
}

static bool same_entries(struct json_object *a, struct json_object *b)
{
    size_t i, n = json_object_array_length(a);

    for (i = 0; i < n && json_object_array_length(b) == n; i++)
        if (!same(json_object_array_get_idx(a, i),
                  json_object_array_get_idx(b, i)))
            return false;
    return json_object_array_length(b) == n;
}

/* json-c has whole numbers up to 2^64; ours are fractions from 2^63. */
static bool same_number(struct json_object *a, struct json_object *b)
{
    if (json_object_is_type(a, json_type_int))
        return json_object_is_type(b, json_type_int) &&
            json_object_get_int64(a) == json_object_get_int64(b) &&
            json_object_get_uint64(a) == json_object_get_uint64(b);
    return json_object_get_double(a) == json_object_get_double(b);
}

static bool same(struct json_object *a, struct json_object *b)
{
    switch (json_object_get_type(a)) {
    case json_type_object:
        return json_object_is_type(b, json_type_object) && same_members(a, b);
    case json_type_array:
        return json_object_is_type(b, json_type_array) && same_entries(a, b);
    case json_type_int:
    case json_type_double:
        return same_number(a, b);
    case json_type_string:
        return json_object_is_type(b, json_type_string) &&
            json_object_get_string_len(a) == json_object_get_string_len(b) &&
            !strcmp(json_object_get_string(a), json_object_get_string(b));
    case json_type_boolean:
        return json_object_is_type(b, json_type_boolean) &&
            json_object_get_boolean(a) == json_object_get_boolean(b);
    default:
        return !b;
    }
}

/* Whether a whole number is in the text that no 64 bits hold: json-c refuses
 * these. */
static bool has_long_number(const char *text)
{
    for (; *text; text++)
        if (strspn(text, "0123456789") >= 19)
            return true;
    return false;
}

/* json-c reads the same out of it.  Its depth counts what is in a list. */
static void check_json_c(const char *text, struct json_object *o)
{
    json_tokener *t = json_tokener_new_ex(JSON_TEXT_DEPTH + 2);
    struct json_object *theirs;
    enum json_tokener_error error;

    FUZZ_CHECK(t);
    json_tokener_set_flags(t, JSON_TOKENER_STRICT);
    theirs = json_tokener_parse_ex(t, text, (int)strlen(text) + 1);
    error = json_tokener_get_error(t);
    FUZZ_CHECK(error == json_tokener_success || has_long_number(text));
    FUZZ_CHECK(error != json_tokener_success || same(o, theirs));
    json_object_put(theirs);
    json_tokener_free(t);
}

static bool has_fraction(struct json_object *o)
{
    size_t i;

    if (json_object_is_type(o, json_type_object)) {
        json_object_object_foreach(o, key, v) {
            (void)key;
            if (has_fraction(v))
                return true;
        }
    } else if (json_object_is_type(o, json_type_array)) {
        for (i = 0; i < json_object_array_length(o); i++)
            if (has_fraction(json_object_array_get_idx(o, i)))
                return true;
    }
    return json_object_is_type(o, json_type_double);
}

/* It is written, and reads as it was, here and by json-c. */
static void check_written(struct json_object *o)
{
    struct json_object *again;
    struct buf b = BUF_INIT;

    json_text_write(o, &b);
    FUZZ_CHECK(b.failed == has_fraction(o));
    if (!b.failed) {
        buf_put_u8(&b, 0);
        FUZZ_CHECK(!b.failed);
        FUZZ_CHECK(!json_text_read((const char *)b.data, &again));
        FUZZ_CHECK(same(o, again));
        json_object_put(again);
        check_json_c((const char *)b.data, o);
    }
    buf_release(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = strndup((const char *)data, size < MOST ? size : MOST);
    struct json_object *o;
    int rc;

    FUZZ_CHECK(text);
    rc = json_text_read(text, &o);
    FUZZ_CHECK(rc == (is_json(text) ? 0 : -EINVAL));
    FUZZ_CHECK(!rc || !o);
    if (!rc) {
        check_json_c(text, o);
        check_written(o);
    }
    json_object_put(o);
    free(text);
    return 0;
}
