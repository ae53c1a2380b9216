/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How the way to another host is written; see rsh.h. */
#include "config.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/base/hostname.h"
#include "plugin/base/log.h"
#include "plugin/cmd/rsh.h"

/* The colon after HOST, or NULL. */
static const char *find_colon(const char *text)
{
    const char *p;
    bool bracket = *text == '[';

    for (p = text; *p && *p != '/'; p++) {
        bracket |= *p == '@' && p[1] == '[';
        if (!bracket && *p == ':')
            return p;
        if (bracket && *p == ']' && p[1] == ':')
            return p + 1;
    }
    return NULL;
}

/* Takes the brackets out of [NAME] or USER@[NAME]. */
static void strip_brackets(char *host)
{
    char *at = strchr(host, '@'), *name = host;
    size_t n;

    if (*host != '[' && at)
        name = at + 1;
    n = strlen(name);
    if (n < 2 || name[0] != '[' || name[n - 1] != ']')
        return;
    memmove(name, name + 1, n - 2);
    name[n - 2] = '\0';
}

int rsh_place_parse(struct rsh_place *p, const char *text, char *why,
                    size_t why_size)
{
    const char *colon = find_colon(text), *path = colon ? colon + 1 : text;

    *p = (struct rsh_place){ .path = strdup(path) };
    if (!p->path)
        return explain(why, why_size, -ENOMEM, "no memory");
    if (!colon)
        return *path ? 0 : explain(why, why_size, -EINVAL,
                                   "the destination is empty");
    if (*path != '/' && strchr(path, ':'))
        return explain(why, why_size, -EINVAL, "the destination %s has more "
                       "than one colon: an IPv6 address is written "
                       "[ADDRESS]:PATH", text);
    if (colon == text || !*path)
        return explain(why, why_size, -EINVAL,
                       "the destination is not [HOST:]PATH");
    p->shown = strndup(text, colon - text);
    p->host = strndup(text, colon - text);
    if (!p->shown || !p->host)
        return explain(why, why_size, -ENOMEM, "no memory");
    strip_brackets(p->host);
    return hostname_is_one(p->host) ? 0 :
        explain(why, why_size, -EINVAL, "this is no host: %s", p->shown);
}

void rsh_place_release(struct rsh_place *p)
{
    free(p->host);
    free(p->shown);
    free(p->path);
    *p = (struct rsh_place){ NULL, NULL, NULL };
}

/* Copies the word at *from to *to, ended by NUL, and leaves both after it.
 * Returns the quote that is missing, or NUL. */
static char take_word(const char **from, char **to)
{
    const char *p = *from;
    char quote = '\0';

    for (; *p && (quote || *p != ' '); p++) {
        if (!quote && (*p == '\'' || *p == '"')) {
            quote = *p;
        } else if (quote && *p == quote && p[1] != quote) {
            quote = '\0';
        } else {
            p += quote && *p == quote;      /* of two, one */
            *(*to)++ = *p;
        }
    }
    *(*to)++ = '\0';
    *from = p;
    return quote;
}

int rsh_split(const char *command, size_t more, const char ***argv_r,
              char *why, size_t why_size)
{
    size_t length = strlen(command), most = length / 2 + 1, n = 0;
    size_t table = (most + more + 1) * sizeof(char *);
    const char **argv = calloc(1, table + length + 1);
    char *words, quote = '\0';

    if (!argv)
        return explain(why, why_size, -ENOMEM, "no memory");
    words = (char *)argv + table;
    for (;;) {
        command += strspn(command, " ");
        if (!*command)
            break;
        argv[n++] = words;
        quote = take_word(&command, &words);
    }
    *argv_r = argv;
    if (!quote && n && *argv[0])
        return 0;
    free(argv);
    if (quote)
        return explain(why, why_size, -EINVAL, "the command of --rsh lacks "
                       "its second %c", quote);
    return explain(why, why_size, -EINVAL, "the command of --rsh is empty");
}
