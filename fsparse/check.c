/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Check: asks parsers of our own what their sandbox holds (sandbox_probe.h).
 * A layer is believed if the parser says so; that something cannot be done,
 * only if the kernel says that it has killed the one that tried.
 */
#include "config.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fsparse/fsparse.h"
#include "fsparse/process.h"
#include "fsparse/reader.h"

#define ATTEMPTS_MAX 1000

struct check {
    void (*line)(void *opaque, const char *text);
    void *opaque;
    int image;
    bool sound;
};

/* What a parser said, as a string, and how it ended. */
struct answer {
    char text[4096];
    int status;
};

static int ask(const struct check *c, const char *task, struct answer *a)
{
    struct process p = PROCESS_INIT;
    size_t used = 0;
    ssize_t n;
    int rc = process_start(&p, task, c->image, -1);

    if (rc)
        return rc;
    do {
        n = process_read(&p, a->text + used, sizeof(a->text) - 1 - used);
        used += n > 0 ? (size_t)n : 0;
    } while (n > 0 && used < sizeof(a->text) - 1);
    a->text[used] = '\0';
    a->status = process_stop(&p);
    return n < 0 ? (int)n : 0;
}

static void tell(const struct check *c, const char *what, const char *name,
                 const char *more)
{
    char text[400];

    snprintf(text, sizeof(text), "%-10s %.200s%.150s", what, name, more);
    c->line(c->opaque, text);
}

static int check_layers(struct check *c)
{
    struct answer a;
    char *line, *rest;
    bool all = true;
    int rc = ask(c, "check", &a);

    if (rc)
        return rc;
    for (line = strtok_r(a.text, "\n", &rest); line;
         line = strtok_r(NULL, "\n", &rest)) {
        tell(c, *line == '+' ? "in force" : *line == '-' ? "missing" :
             "MISSING", line + 1, *line == '!' ? " (required)" : "");
        all &= *line != '!';
    }
    /* The last line is about the filter, after which it has to end well. */
    c->sound = all && a.status == 0 && strlen(a.text) > 0;
    return 0;
}

/* What came after the name: the mark and an error, or nothing. */
static const char *outcome(struct answer *a)
{
    char *mark = strchr(a->text, '\n');

    if (!mark)
        return "";
    *mark++ = '\0';
    mark[strcspn(mark, "\n")] = '\0';
    return mark;
}

static bool was_killed(const struct answer *a)
{
    return a->status >= 0 && WIFSIGNALED(a->status) &&
        WTERMSIG(a->status) == SIGSYS;
}

/* Returns -ENODATA if there is no such attempt. */
static int check_attempt(struct check *c, unsigned number)
{
    struct answer filtered, bare;
    const char *mark, *others;
    char task[32], more[200];
    int rc;

    snprintf(task, sizeof(task), "try %u", number);
    rc = ask(c, task, &filtered);
    snprintf(task, sizeof(task), "bare %u", number);
    if (!rc)
        rc = ask(c, task, &bare);
    if (rc)
        return rc;
    if (!*filtered.text)
        return -ENODATA;
    mark = outcome(&filtered);
    others = outcome(&bare);
    if (!*mark && was_killed(&filtered)) {
        snprintf(more, sizeof(more), ": killed; without the filter: %s",
                 *others ? others + 1 : "done");
        tell(c, "refused", filtered.text + 1, more);
        return 0;
    }
    snprintf(more, sizeof(more), ": %s", *mark ? mark + 1 : "done");
    tell(c, "NOT KILLED", filtered.text + 1, more);
    c->sound = false;
    return 0;
}

static int check_all(struct check *c)
{
    unsigned i;
    int rc = check_layers(c);

    /* Without a sandbox nothing is parsed: there is no inside. */
    if (rc || !c->sound)
        return rc;
    for (i = 0; i < ATTEMPTS_MAX && !rc; i++)
        rc = check_attempt(c, i);
    /* A parser that makes no attempt at all is none of ours. */
    if (rc == -ENODATA && i > 1)
        return 0;
    return rc ? rc : -EBADMSG;
}

int fsparse_check_sandbox(void (*line)(void *opaque, const char *text),
                          void *opaque, bool *sound_r)
{
    struct check c = { .line = line, .opaque = opaque };
    int image = memfd_create("xl-dedup-check", MFD_CLOEXEC);
    int rc;

    *sound_r = false;
    if (image < 0)
        return -errno;
    rc = ftruncate(image, 1) ? -errno : 0;
    if (!rc)
        c.image = reader_reopen(image);
    if (!rc && c.image < 0)
        rc = c.image;
    if (!rc) {
        rc = check_all(&c);
        close(c.image);
    }
    close(image);
    *sound_r = !rc && c.sound;
    return rc;
}
