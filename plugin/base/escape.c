/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Text that somebody else chose, made fit for terminals, logs and JSON; see
 * escape.h.
 *
 * No locale has a say in it: what is printable must not depend on how ssh or
 * systemd started us.  The list is of Unicode 15; what later versions add to
 * it lies in the ranges that are reserved for it, which are in it already
 * (Unicode Standard Annex 44, Default_Ignorable_Code_Point).
 */
#include "config.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "plugin/base/escape.h"

#define ESCAPED 4               /* bytes of \xHH */

/* What is not to be seen, or changes how the rest is seen: the categories Cc,
 * Cf, Cs, Co, Zl and Zp, blanks that look like another, whatever else is drawn
 * as nothing, and noncharacters.  Of the planes from 4 on there is nothing but
 * such. */
static const struct range {
    uint32_t first, last;
} hidden[] = {
    { 0x0000, 0x001f }, { 0x007f, 0x00a0 }, { 0x00ad, 0x00ad },
    { 0x034f, 0x034f }, { 0x0600, 0x0605 }, { 0x061c, 0x061c },
    { 0x06dd, 0x06dd }, { 0x070f, 0x070f }, { 0x0890, 0x0891 },
    { 0x08e2, 0x08e2 }, { 0x115f, 0x1160 }, { 0x1680, 0x1680 },
    { 0x17b4, 0x17b5 }, { 0x180b, 0x180f }, { 0x2000, 0x200f },
    { 0x2028, 0x202f }, { 0x205f, 0x206f }, { 0x3164, 0x3164 },
    { 0xd800, 0xf8ff }, { 0xfdd0, 0xfdef }, { 0xfeff, 0xfeff },
    { 0xffa0, 0xffa0 }, { 0xfff0, 0xfffb }, { 0xfffe, 0xffff },
    { 0x110bd, 0x110bd }, { 0x110cd, 0x110cd }, { 0x13430, 0x1343f },
    { 0x1bca0, 0x1bca3 }, { 0x1d173, 0x1d17a }, { 0x1fffe, 0x1ffff },
    { 0x2fffe, 0x2ffff }, { 0x3fffe, 0x10ffff },
};

static bool is_hidden(uint32_t c)
{
    size_t i;

    for (i = 0; i < sizeof(hidden) / sizeof(hidden[0]); i++)
        if (c <= hidden[i].last)
            return c >= hidden[i].first;
    return true;
}

/* Length of the printable character at p, or 0 if it must be escaped.  RFC
 * 3629: no overlong forms, no surrogates, nothing above U+10FFFF. */
static size_t character_length(const unsigned char *p)
{
    uint32_t c;
    size_t n, i;

    if (*p < 0x80)
        return !is_hidden(*p);
    if (*p >= 0xc2 && *p <= 0xdf)
        n = 2;
    else if (*p >= 0xe0 && *p <= 0xef)
        n = 3;
    else if (*p >= 0xf0 && *p <= 0xf4)
        n = 4;
    else
        return 0;
    c = *p & (0x7f >> n);
    for (i = 1; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80)      /* the NUL ends up here, too */
            return 0;
        c = c << 6 | (p[i] & 0x3f);
    }
    if ((n == 3 && c < 0x800) || (n == 4 && c < 0x10000) || is_hidden(c))
        return 0;
    return n;
}

/* also: ASCII characters that are escaped as well. */
static char *escape(const char *text, const char *also, char *buf, size_t size)
{
    const unsigned char *p = (const unsigned char *)text;
    size_t used = 0, n;

    if (!size)
        return buf;
    for (; *p; p += n ? n : 1) {
        n = strchr(also, *p) ? 0 : character_length(p);
        if (used + (n ? n : ESCAPED) >= size)
            break;
        if (n)
            memcpy(buf + used, p, n);
        else
            sprintf(buf + used, "\\x%02x", *p);
        used += n ? n : ESCAPED;
    }
    buf[used] = '\0';
    return buf;
}

char *text_escape(const char *text, char *buf, size_t size)
{
    return escape(text, "\\", buf, size);
}

char *text_escape_word(const char *text, char *buf, size_t size)
{
    return escape(text, "\\ ", buf, size);
}

char *text_escape_line(const char *text, char *buf, size_t size)
{
    return escape(text, "", buf, size);
}

bool text_is_printable(const char *text)
{
    const unsigned char *p = (const unsigned char *)text;
    size_t n;

    for (; *p; p += n) {
        n = character_length(p);
        if (!n)
            return false;
    }
    return true;
}
