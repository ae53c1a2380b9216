/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The transport's command line; see rune.h. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libxlhooks/rune.h"

#define PLAIN "abcdefghijklmnopqrstuvwxyz" "ABCDEFGHIJKLMNOPQRSTUVWXYZ" \
              "0123456789" "_@%+=:,./-"

static void add_bytes(struct text *t, const char *s, size_t n)
{
    char *data = realloc(t->data, t->length + n + 1);

    if (!data) {
        fputs("xl: out of memory\n", stderr);
        exit(1);
    }
    memcpy(data + t->length, s, n);
    t->data = data;
    t->length += n;
    t->data[t->length] = '\0';
}

void text_add(struct text *t, const char *s)
{
    add_bytes(t, s, strlen(s));
}

void text_add_word(struct text *t, const char *s)
{
    size_t n;

    if (*s && !s[strspn(s, PLAIN)]) {
        text_add(t, s);
        return;
    }
    text_add(t, "'");
    for (; *s; s += n) {
        n = strcspn(s, "'");
        add_bytes(t, s, n);
        if (s[n] == '\'') {
            text_add(t, "'\\''");
            n++;
        }
    }
    text_add(t, "'");
}

/* The command on the other host: what stock xl has there, told to our
 * receiver, which runs it. */
static void add_receiver(struct text *t, const struct options *o, int tty)
{
    int i;

    text_add(t, " xl-dedup receive-xl --");
    if (o->progress_cr || tty)
        text_add(t, " -t");
    if (o->timestamps)
        text_add(t, " -T");
    if (o->verbosity)
        text_add(t, " -");
    for (i = 0; i < o->verbosity; i++)
        text_add(t, "v");
    text_add(t, " migrate-receive");
    if (o->no_monitor)
        text_add(t, " -e");
    if (o->debug)
        text_add(t, " -d");
    if (o->paused)
        text_add(t, " -p");
}

static void add_option(struct text *t, const char *name, const char *value)
{
    struct text word = TEXT_INIT;

    text_add(&word, name);
    text_add(&word, value);
    text_add(t, " ");
    text_add_word(t, word.data);
    free(word.data);
}

/* What is passed on to the helper, and how the other host is reached.  False:
 * o has its own command, and what runs there is in it. */
static bool add_way(struct text *t, const struct options *o)
{
    bool own = options_own_rune(o);
    size_t i;

    if (!own)
        add_option(t, "--host=", o->host);
    for (i = 0; i < o->num_passed; i++)
        add_option(t, o->passed[i], "");
    text_add(t, " -- ");
    text_add(t, own ? "sh -c" : o->ssh ? o->ssh : "ssh");
    text_add(t, " ");
    text_add_word(t, o->host);
    return !own;
}

char *rune_build_dry(const struct options *o, const char *helper)
{
    struct text t = TEXT_INIT;

    text_add(&t, "exec ");
    text_add_word(&t, helper);
    text_add(&t, " estimate-xl");
    add_option(&t, "--domain=", o->domain);
    if (o->config)
        add_option(&t, "--config=", o->config);
    if (add_way(&t, o))
        text_add(&t, " xl-dedup receive");
    return t.data;
}

char *rune_build(const struct options *o, const char *helper, int peer,
                 int tty)
{
    struct text t = TEXT_INIT;
    char fd[48];

    snprintf(fd, sizeof(fd), " send-xl --control-fd=%d", peer);
    text_add(&t, "exec ");
    text_add_word(&t, helper);
    text_add(&t, fd);
    if (o->config)
        add_option(&t, "--config=", o->config);
    if (add_way(&t, o))
        add_receiver(&t, o, tty);
    return t.data;
}
