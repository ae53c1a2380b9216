/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Unit test of escape.c: what is printable and how the rest is written.
 *
 * With the argument "list" it prints which characters are escaped, as ranges
 * in hexadecimal, for test-escape.sh to compare with another's list.
 */
#include "config.h"

#include "plugin/base/escape.h"
#include "test/unit/unit.h"

static const struct row {
    const char *text, *escaped;     /* NULL: it stays */
} rows[] = {
    { "", NULL }, { "plain ~!", NULL },
    /* umlauts, composed and not; Greek, Hebrew, Thai, CJK with its blank */
    { "\xc3\xa4\xc3\x9f", NULL }, { "a\xcc\x88", NULL },
    { "\xce\xb1", NULL }, { "\xd7\x90", NULL }, { "\xe0\xb8\x81", NULL },
    { "\xe6\xbc\xa2\xe3\x80\x80\xe5\xad\x97", NULL },
    /* an emoji with its selector; a letter of plane 2 */
    { "\xe2\x9d\xa4\xef\xb8\x8f", NULL }, { "\xf0\xa0\x80\x80", NULL },
    /* control characters of ASCII and of ISO 8859-1 */
    { "a\nb\rc\td", "a\\x0ab\\x0dc\\x09d" },
    { "\x1b]0;x\x07", "\\x1b]0;x\\x07" }, { "\x7f", "\\x7f" },
    { "\xc2\x85", "\\xc2\\x85" }, { "\xc2\x9b" "2J", "\\xc2\\x9b2J" },
    { "\x9b" "2J", "\\x9b2J" },
    /* what is no UTF-8: alone, cut, overlong, surrogates, too large */
    { "\xff\xc3\xa9", "\\xff\xc3\xa9" }, { "\xc3", "\\xc3" },
    { "\xc3(", "\\xc3(" }, { "\xe2\x82", "\\xe2\\x82" },
    { "\xf0\x9f\x98", "\\xf0\\x9f\\x98" }, { "\xa4", "\\xa4" },
    { "\xc0\x8a", "\\xc0\\x8a" }, { "\xc1\x9b", "\\xc1\\x9b" },
    { "\xe0\x80\x9b", "\\xe0\\x80\\x9b" },
    { "\xf0\x80\x80\x9b", "\\xf0\\x80\\x80\\x9b" },
    { "\xed\xa0\x80", "\\xed\\xa0\\x80" },
    { "\xed\xbf\xbf", "\\xed\\xbf\\xbf" },
    { "\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80" },
    { "\xf8\x88\x80\x80\x80", "\\xf8\\x88\\x80\\x80\\x80" },
    /* U+202E, 2066, 200E, 061C, 200B, 2028, 2029, FEFF, 00AD, 00A0 */
    { "\xe2\x80\xae", "\\xe2\\x80\\xae" },
    { "\xe2\x81\xa6", "\\xe2\\x81\\xa6" },
    { "\xe2\x80\x8e", "\\xe2\\x80\\x8e" }, { "\xd8\x9c", "\\xd8\\x9c" },
    { "\xe2\x80\x8b", "\\xe2\\x80\\x8b" },
    { "\xe2\x80\xa8", "\\xe2\\x80\\xa8" },
    { "\xe2\x80\xa9", "\\xe2\\x80\\xa9" },
    { "\xef\xbb\xbf", "\\xef\\xbb\\xbf" }, { "\xc2\xad", "\\xc2\\xad" },
    { "\xc2\xa0", "\\xc2\\xa0" },
    /* private, a noncharacter, a tag, the last of all */
    { "\xee\x80\x80", "\\xee\\x80\\x80" },
    { "\xef\xbf\xbf", "\\xef\\xbf\\xbf" },
    { "\xf3\xa0\x81\x81", "\\xf3\\xa0\\x81\\x81" },
    { "\xf4\x8f\xbf\xbf", "\\xf4\\x8f\\xbf\\xbf" },
};

static void table(void)
{
    char buf[64], again[64];
    size_t i;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct row *r = &rows[i];
        const char *expected = r->escaped ? r->escaped : r->text;

        assert(!strcmp(text_escape(r->text, buf, sizeof(buf)), expected));
        assert(!strcmp(text_escape_line(r->text, buf, sizeof(buf)), expected));
        assert(!strcmp(text_escape_line(buf, again, sizeof(again)), buf));
        assert(text_is_printable(buf));
        assert(text_is_printable(r->text) == !r->escaped);
    }
}

static void backslash_and_blank(void)
{
    char buf[64];

    assert(!strcmp(text_escape("a b\\x0a", buf, sizeof(buf)),
                   "a b\\x5cx0a"));
    assert(!strcmp(text_escape_word("a b\\x0a", buf, sizeof(buf)),
                   "a\\x20b\\x5cx0a"));
    assert(!strcmp(text_escape_line("a b\\x0a", buf, sizeof(buf)),
                   "a b\\x0a"));
}

static void cut(void)
{
    char buf[8] = "before";

    assert(!strcmp(text_escape("ab\xc3\xa9", buf, 5), "ab\xc3\xa9"));
    assert(!strcmp(text_escape("ab\xc3\xa9", buf, 4), "ab"));
    assert(!strcmp(text_escape("ab\n", buf, 7), "ab\\x0a"));
    assert(!strcmp(text_escape("ab\n", buf, 6), "ab"));
    assert(!strcmp(text_escape("ab", buf, 1), ""));
    strcpy(buf, "before");
    assert(text_escape("ab", buf, 0) == buf && !strcmp(buf, "before"));
}

static void put_character(uint32_t c, char *p)
{
    if (c < 0x80) {
        *p++ = c;
    } else if (c < 0x800) {
        *p++ = 0xc0 | c >> 6;
        *p++ = 0x80 | (c & 0x3f);
    } else if (c < 0x10000) {
        *p++ = 0xe0 | c >> 12;
        *p++ = 0x80 | (c >> 6 & 0x3f);
        *p++ = 0x80 | (c & 0x3f);
    } else {
        *p++ = 0xf0 | c >> 18;
        *p++ = 0x80 | (c >> 12 & 0x3f);
        *p++ = 0x80 | (c >> 6 & 0x3f);
        *p++ = 0x80 | (c & 0x3f);
    }
    *p = '\0';
}

static void list(void)
{
    uint32_t c, from = 1;
    bool before = true, now;
    char text[8];

    for (c = 1; c <= 0x110000; c++) {
        put_character(c, text);
        now = c < 0x110000 && !text_is_printable(text);
        if (before && !now)
            printf("%x %x\n", from, c - 1);
        else if (!before && now)
            from = c;
        before = now;
    }
}

int main(int argc, char **argv)
{
    if (argc == 2 && !strcmp(argv[1], "list")) {
        list();
        return 0;
    }
    RUN(table);
    RUN(backslash_and_blank);
    RUN(cut);
    return 0;
}
