/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Names that a guest chose, made fit for terminals and for JSON: the result
 * is always valid UTF-8 without control characters, and no two different
 * inputs give the same result (unless cut).
 */
#include "config.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "plugin/base/escape.h"

/* Length of the printable character at p, or 0 if it must be escaped.  RFC
 * 3629: no overlong forms, no surrogates, nothing above U+10FFFF. */
static size_t character_length(const unsigned char *p)
{
    uint32_t c;
    size_t n, i;

    if (*p < 0x80)
        return *p >= 0x20 && *p != 0x7f && *p != '\\';
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
    if (c < 0xa0 || (n == 3 && c < 0x800) || (n == 4 && c < 0x10000) ||
        (c >= 0xd800 && c <= 0xdfff) || c > 0x10ffff)
        return 0;
    return n;
}

char *text_escape(const char *text, char *buf, size_t size)
{
    const unsigned char *p = (const unsigned char *)text;
    size_t used = 0, n;

    if (!size)
        return buf;
    for (; *p; p += n ? n : 1) {
        n = character_length(p);
        if (used + (n ? n : 4) >= size)
            break;
        if (n)
            memcpy(buf + used, p, n);
        else
            sprintf(buf + used, "\\x%02x", *p);
        used += n ? n : 4;
    }
    buf[used] = '\0';
    return buf;
}
